/* Failed authentications are counted from job to job, so that no job locks a key set of a card. */
#include "se_lab.h"

#include <stdio.h>

#include "se_test.h"

#define WRONG_KEY  "00112233445566778899AABBCCDDEEFF"
#define RIGHT_KEY  "404142434445464748494A4B4C4D4E4F"
#define INITIALIZE 0x50
#define EXTERNAL   0x82

enum { SCP02, SCP03, PROTOCOL_COUNT };

static const char *const kinds[] = { "scp02", "scp03" };

static void store_key(struct lab *lab, unsigned protocol, const char *hex)
{
	lab->job.keyset_count = 0;
	lab_add_keys_of(lab, kinds[protocol], 0x30, hex, hex, hex);
}

static void open_lab(struct lab *lab, unsigned protocol, unsigned tries)
{
	struct card_settings settings = card_settings_default();

	settings.authentication_tries = tries;
	settings.scp02_options = protocol == SCP02 ? 0x15 : 0;
	lab_open(lab, &settings);
	store_key(lab, protocol, RIGHT_KEY);
}

static void audit(struct lab *lab, const char *params)
{
	lab_run(lab, "se.audit", params, bytes_of(NULL, 0));
}

static void assert_failed(const struct lab *lab, enum err kind)
{
	if (lab->job.result != CARDEA_FAILED || lab->job.kind != kind)
		fail_msg("result %d, %s: %s", lab->job.result, err_name(lab->job.kind), lab->job.reason);
}

/* The record that the operator sees, of the only key set. */
static void assert_remembered(const struct lab *lab, int failures, int possible, bool is_held_back)
{
	const json_t *record = json_object_get(json_object_get(lab->job.known, "authentications"),
					       "//se-id/CUD/0123456789ABCDEF A000000151000000 30");

	assert_int_equal(json_integer_value(json_object_get(record, "failures")), failures);
	assert_int_equal(json_integer_value(json_object_get(record, "possibleFailures")), possible);
	assert_int_equal(json_is_true(json_object_get(record, "isHeldBack")), is_held_back);
	assert_int_equal(json_integer_value(json_object_get(record, "keyVersion")), 0x30);
}

static void wrong_keys_are_tried_twice_and_no_more(void **state)
{
	for (unsigned protocol = 0; protocol < PROTOCOL_COUNT; protocol++) {
		struct lab lab;
		open_lab(&lab, protocol, 3);
		store_key(&lab, protocol, WRONG_KEY);
		for (int i = 1; i <= 2; i++) {
			audit(&lab, "{}");
			assert_failed(&lab, ERR_DENIED);
			assert_remembered(&lab, i, 0, i == 2);
		}
		for (int i = 0; i < 4; i++) {
			audit(&lab, "{}");
			assert_failed(&lab, ERR_LOCK_RISK);
		}
		assert_int_equal(agent_count(&lab.agent, INITIALIZE), 2);
		assert_int_equal(agent_count(&lab.agent, EXTERNAL), 0);
		lab_close(&lab);
	}
}

static void a_card_that_refuses_us_is_never_locked(void **state)
{
	for (unsigned protocol = 0; protocol < PROTOCOL_COUNT; protocol++) {
		const struct card_misbehaviour refusing = { .refuses_authentication = true }, good = { 0 };
		struct lab lab;
		open_lab(&lab, protocol, 3);
		card_misbehave(lab.agent.card, &refusing);
		for (int i = 0; i < 10; i++) {
			audit(&lab, "{}");
			assert_failed(&lab, i < 2 ? ERR_DENIED : ERR_LOCK_RISK);
		}
		assert_int_equal(agent_count(&lab.agent, EXTERNAL), 2);
		assert_remembered(&lab, 2, 0, true);
		card_misbehave(lab.agent.card, &good);
		audit(&lab, "{\"acceptAuthenticationRisk\":true}");
		lab_assert_done(&lab);
		assert_remembered(&lab, 0, 0, false);
		audit(&lab, "{}");
		lab_assert_done(&lab);
		lab_close(&lab);
	}
}

static void the_operator_accepts_one_risk_per_job(void **state)
{
	const struct card_misbehaviour refusing = { .refuses_authentication = true };
	struct lab lab;

	open_lab(&lab, SCP03, 10);
	card_misbehave(lab.agent.card, &refusing);
	for (int i = 0; i < 3; i++)
		audit(&lab, "{\"acceptAuthenticationRisk\":true}");
	assert_failed(&lab, ERR_DENIED);
	assert_int_equal(agent_count(&lab.agent, EXTERNAL), 3);
	assert_remembered(&lab, 1, 0, false);
	lab_close(&lab);
}

static void a_success_forgets_the_failures_before_it(void **state)
{
	struct lab lab;

	open_lab(&lab, SCP03, 3);
	for (int i = 0; i < 4; i++) {
		store_key(&lab, SCP03, WRONG_KEY);
		audit(&lab, "{}");
		assert_failed(&lab, ERR_DENIED);
		assert_remembered(&lab, 1, 0, false);
		store_key(&lab, SCP03, RIGHT_KEY);
		audit(&lab, "{}");
		lab_assert_done(&lab);
		assert_remembered(&lab, 0, 0, false);
	}
	lab_close(&lab);
}

static void the_limit_is_configured(void **state)
{
	struct lab lab;

	open_lab(&lab, SCP03, 10);
	lab.job.config = "{\"maxFailedAuthentications\":4}";
	store_key(&lab, SCP03, WRONG_KEY);
	for (int i = 0; i < 6; i++) {
		audit(&lab, "{}");
		assert_failed(&lab, i < 4 ? ERR_DENIED : ERR_LOCK_RISK);
	}
	lab_close(&lab);
}

/* The power goes with EXTERNAL AUTHENTICATE: what it did is not known, and only one more try tells. */
static void an_authentication_without_an_answer_counts_as_possible(void **state)
{
	for (unsigned limit = 1; limit <= 2; limit++) {
		char config[48];
		struct lab lab;
		open_lab(&lab, SCP03, 10);
		snprintf(config, sizeof(config), "{\"maxFailedAuthentications\":%u}", limit);
		lab.job.config = config;
		lab.agent.cut_after = 2;
		audit(&lab, "{}");
		assert_int_equal(agent_count(&lab.agent, EXTERNAL), limit);
		if (limit == 1)
			assert_failed(&lab, ERR_LOCK_RISK);
		else
			lab_assert_done(&lab);
		assert_remembered(&lab, 0, limit == 1 ? 1 : 0, limit == 1);
		lab_close(&lab);
	}
}

static void open_scp03(struct lab *lab)
{
	open_lab(lab, SCP03, 3);
}

static void audit_once(struct lab *lab)
{
	audit(lab, "{}");
}

static void assert_nothing_counted(struct lab *lab)
{
	lab_assert_done(lab);
	assert_remembered(lab, 0, 0, false);
}

static void a_break_leaves_no_count_where_the_job_succeeds(void **state)
{
	lab_break_everywhere(open_scp03, audit_once, assert_nothing_counted);
}

/* With a limit of one, whatever counts ends the job: here the request is lost before it can be run. */
static void what_cannot_have_run_does_not_count(void **state)
{
	static const enum lab_break kinds_before[] = { LOSE_REQUEST, REBOOT_BEFORE };

	for (size_t i = 0; i < 2; i++) {
		unsigned requests = 1;
		for (unsigned at = 1; at <= requests; at++) {
			struct lab lab;
			open_lab(&lab, SCP03, 3);
			lab.job.config = "{\"maxFailedAuthentications\":1}";
			lab.job.break_kind = kinds_before[i];
			lab.job.break_at = at;
			audit(&lab, "{}");
			requests = lab.job.requests;
			lab_assert_done(&lab);
			assert_remembered(&lab, 0, 0, false);
			lab_close(&lab);
		}
	}
}

static void an_agent_that_cannot_reach_the_card_does_not_count(void **state)
{
	for (unsigned script = 1; script <= 2; script++) {
		struct lab lab;
		open_lab(&lab, SCP03, 3);
		lab.job.config = "{\"maxFailedAuthentications\":1}";
		lab.agent.unreachable_script = script;
		audit(&lab, "{}");
		lab_assert_done(&lab);
		lab_close(&lab);
	}
}

static void another_key_version_has_a_count_of_its_own(void **state)
{
	struct lab lab;

	open_lab(&lab, SCP03, 3);
	lab_add_keys(&lab, 0x31, WRONG_KEY, WRONG_KEY, WRONG_KEY);
	lab_run(&lab, "se.put-keys", "{\"newKeyVersion\":49}", bytes_of(NULL, 0));
	lab_assert_done(&lab);
	store_key(&lab, SCP03, WRONG_KEY);
	audit(&lab, "{}");
	audit(&lab, "{}");
	audit(&lab, "{}");
	assert_failed(&lab, ERR_LOCK_RISK);
	lab.job.keyset_count = 0;
	lab_add_keys(&lab, 0x31, WRONG_KEY, WRONG_KEY, WRONG_KEY);
	audit(&lab, "{}");
	lab_assert_done(&lab);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_keys_are_tried_twice_and_no_more),
		cmocka_unit_test(a_card_that_refuses_us_is_never_locked),
		cmocka_unit_test(the_operator_accepts_one_risk_per_job),
		cmocka_unit_test(a_success_forgets_the_failures_before_it),
		cmocka_unit_test(the_limit_is_configured),
		cmocka_unit_test(an_authentication_without_an_answer_counts_as_possible),
		cmocka_unit_test(a_break_leaves_no_count_where_the_job_succeeds),
		cmocka_unit_test(what_cannot_have_run_does_not_count),
		cmocka_unit_test(an_agent_that_cannot_reach_the_card_does_not_count),
		cmocka_unit_test(another_key_version_has_a_count_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
