/* Sessions composed before the card is asked, where its challenge comes from a counter: one script, and what
 * happens when somebody else moved the counter. */
#include "se_lab.h"

#include <stdio.h>
#include <string.h>

#include "../e2e/cap_file.h"
#include "scp11_factory.h"
#include "se_test.h"

#define PACKAGE   "D07002CA44900101"
#define APPLET    "D07002CA4490010101"
#define WRONG_KEY "00112233445566778899AABBCCDDEEFF"
#define RIGHT_KEY "404142434445464748494A4B4C4D4E4F"
#define EXTERNAL  0x82

struct kind {
	const char *name;
	uint8_t scp02, scp03;
};

/* Those whose challenge can be foreseen. */
static const struct kind kinds[] = {
	{ "scp03", 0, 0x10 }, { "scp03", 0, 0x30 },    { "scp03", 0, 0x70 },
	{ "scp03", 0, 0x71 }, { "scp02", 0x55, 0x70 },
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static void store_key(struct lab *lab, const struct kind *kind, const char *hex)
{
	lab->job.keyset_count = 0;
	lab_add_keys_of(lab, kind->name, 0x30, hex, hex, hex);
}

static void open_lab(struct lab *lab, const struct kind *kind)
{
	struct card_settings settings = card_settings_default();

	settings.authentication_tries = 3;
	settings.scp02_options = kind->scp02;
	settings.scp03_options = kind->scp03;
	lab_open(lab, &settings);
	lab->agent.max_request = lab->agent.max_response = 8192;
	store_key(lab, kind, RIGHT_KEY);
}

static void audit(struct lab *lab)
{
	lab_run(lab, "se.audit", "{}", bytes_of(NULL, 0));
}

static void install(struct lab *lab)
{
	struct cap_order order = { .package_aid = lab_hex(lab, PACKAGE),
				   .applets = { lab_hex(lab, APPLET) },
				   .applet_count = 1,
				   .major = 1,
				   .code_bytes = 700 };
	struct bytes file;

	assert_int_equal(cap_build_zip(lab->job.arena, &order, &file), ERR_NONE);
	lab_run(lab, "se.install", "{\"package\":\"1\"}", file);
}

static unsigned reported(const struct lab *lab, const char *name)
{
	return (unsigned)json_integer_value(json_object_get(lab->job.reported, name));
}

static const json_t *record(const struct lab *lab)
{
	return json_object_get(json_object_get(lab->job.known, "authentications"),
			       "//se-id/CUD/0123456789ABCDEF A000000151000000 30");
}

static int remembered(const struct lab *lab, const char *name)
{
	return (int)json_integer_value(json_object_get(record(lab), name));
}

/* A session of which we know nothing. */
static void use_by_somebody_else(struct lab *lab)
{
	json_t *ours = json_deep_copy(lab->job.known);

	audit(lab);
	lab_assert_done(lab);
	json_decref(lab->job.known);
	lab->job.known = ours;
}

static void a_session_takes_one_script_when_the_counter_is_known(void **state)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		struct lab lab;
		open_lab(&lab, &kinds[i]);
		audit(&lab);
		lab_assert_done(&lab);
		/* that challenges are of 16 bytes takes another one to learn */
		assert_int_equal(reported(&lab, "scripts"), (kinds[i].scp03 & CARD_I_S16) != 0 ? 3 : 2);
		for (unsigned again = 0; again < 3; again++) {
			const unsigned scripts = lab.agent.scripts;
			audit(&lab);
			lab_assert_done(&lab);
			assert_int_equal(reported(&lab, "scripts"), 1);
			assert_int_equal(lab.agent.scripts, scripts + 1);
		}
		lab_close(&lab);
	}
}

static void a_random_challenge_takes_two(void **state)
{
	static const struct kind random[] = { { "scp03", 0, 0x60 }, { "scp02", 0x15, 0x70 } };

	for (size_t i = 0; i < 2; i++) {
		struct lab lab;
		open_lab(&lab, &random[i]);
		for (unsigned again = 0; again < 3; again++) {
			audit(&lab);
			lab_assert_done(&lab);
			assert_int_equal(reported(&lab, "scripts"), 2);
		}
		assert_null(json_object_get(record(&lab), "nextSequenceCounter"));
		lab_close(&lab);
	}
}

static void a_counter_that_somebody_moved_costs_a_script_and_no_more(void **state)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		struct lab lab;
		open_lab(&lab, &kinds[i]);
		audit(&lab);
		use_by_somebody_else(&lab);
		const unsigned before = agent_count(&lab.agent, EXTERNAL);
		install(&lab);
		lab_assert_done(&lab);
		assert_true(lab_has(&lab, APPLET));
		assert_false(json_is_true(json_object_get(lab.job.reported, "alreadyInstalled")));
		/* that which was refused, and that which was not */
		assert_int_equal(agent_count(&lab.agent, EXTERNAL), before + 2);
		assert_int_equal(remembered(&lab, "failures"), 0);
		assert_int_equal(remembered(&lab, "possibleFailures"), 0);
		audit(&lab);
		assert_int_equal(reported(&lab, "scripts"), 1);
		lab_close(&lab);
	}
}

/* Over and over, on a card that locks after three. */
static void a_counter_that_always_moves_never_locks_the_card(void **state)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		struct lab lab;
		open_lab(&lab, &kinds[i]);
		audit(&lab);
		for (unsigned again = 0; again < 6; again++) {
			use_by_somebody_else(&lab);
			audit(&lab);
			lab_assert_done(&lab);
		}
		lab_close(&lab);
	}
}

static void nothing_is_risked_after_a_failure_or_when_none_is_allowed(void **state)
{
	for (unsigned limit = 1; limit <= 2; limit++) {
		struct lab lab;
		open_lab(&lab, &kinds[2]);
		if (limit == 1)
			lab.job.config = "{\"maxFailedAuthentications\":1}";
		audit(&lab);
		if (limit == 2)
			json_object_set_new((json_t *)(uintptr_t)record(&lab), "failures", json_integer(1));
		use_by_somebody_else(&lab);
		const unsigned before = agent_count(&lab.agent, EXTERNAL);
		audit(&lab);
		lab_assert_done(&lab);
		assert_int_equal(reported(&lab, "scripts"), 2);
		assert_int_equal(agent_count(&lab.agent, EXTERNAL), before + 1);
		lab_close(&lab);
	}
}

static void wrong_keys_of_a_known_counter_count_once(void **state)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		struct lab lab;
		open_lab(&lab, &kinds[i]);
		audit(&lab);
		store_key(&lab, &kinds[i], WRONG_KEY);
		audit(&lab);
		assert_int_equal(lab.job.kind, ERR_DENIED);
		assert_int_equal(remembered(&lab, "failures"), 1);
		assert_int_equal(remembered(&lab, "possibleFailures"), 0);
		store_key(&lab, &kinds[i], RIGHT_KEY);
		audit(&lab);
		lab_assert_done(&lab);
		lab_close(&lab);
	}
}

static void a_break_at_every_request_installs_once(void **state)
{
	for (size_t i = 0; i < KIND_COUNT; i += 2) {
		for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
			unsigned requests = 1;
			for (unsigned at = 1; at <= requests; at++) {
				struct lab lab;
				open_lab(&lab, &kinds[i]);
				audit(&lab);
				lab.job.break_kind = kind;
				lab.job.break_at = at;
				install(&lab);
				requests = lab.job.requests;
				lab_assert_done(&lab);
				assert_true(lab_has(&lab, APPLET));
				assert_int_equal(remembered(&lab, "failures") +
							 remembered(&lab, "possibleFailures"),
						 0);
				lab_close(&lab);
			}
		}
	}
}

/* The power goes after each of the commands of that one script. */
static void a_script_that_is_cut_anywhere_is_not_taken_as_done(void **state)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		for (unsigned cut = 1; cut <= 8; cut++) {
			struct lab lab;
			open_lab(&lab, &kinds[i]);
			audit(&lab);
			lab.agent.cut_after = cut;
			install(&lab);
			lab_assert_done(&lab);
			assert_true(lab_has(&lab, APPLET));
			audit(&lab);
			assert_int_equal(reported(&lab, "scripts"), 1);
			lab_close(&lab);
		}
	}
}

/* Down to one in which INITIALIZE UPDATE and EXTERNAL AUTHENTICATE do not go together. */
static void a_small_request_opens_and_looks_in_what_fits(void **state)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		for (uint32_t size = 64; size < 160; size += 8) {
			struct lab lab;
			open_lab(&lab, &kinds[i]);
			audit(&lab);
			lab.agent.max_request = size;
			lab_run(&lab, "se.delete", "{\"aidHex\":\"" APPLET "\"}", bytes_of(NULL, 0));
			lab_assert_done(&lab);
			assert_int_equal(remembered(&lab, "failures") + remembered(&lab, "possibleFailures"),
					 0);
			lab_close(&lab);
		}
	}
}

/* ---- SCP11: the certificates of the card are remembered ---- */

static void open_scp11(struct lab *lab, uint8_t options)
{
	struct card_settings settings = card_settings_default();
	struct arena *arena = arena_create(0);
	const char *keyset;

	assert_non_null(arena);
	assert_int_equal(scp11_factory(arena, EC_P256, options, settings.iin, &settings.scp11, &keyset),
			 ERR_NONE);
	lab_open(lab, &settings);
	lab->agent.max_request = lab->agent.max_response = 8192;
	lab->job.keyset_count = 0;
	lab->job.documents[lab->job.document_count++] =
		(struct lab_document){ .kind = "scp11", .json = arena_strdup(lab->job.arena, keyset) };
	arena_free(arena);
}

static void scp11_asks_for_certificates_once(void **state)
{
	static const struct {
		uint8_t options;
		unsigned first, next;
	} rows[] = {
		{ CARD_SCP11_A, 3, 2 },
		{ CARD_SCP11_C, 2, 1 },
		{ CARD_SCP11_C | CARD_SCP11_S16, 2, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab lab;
		open_scp11(&lab, rows[i].options);
		for (unsigned again = 0; again < 3; again++) {
			audit(&lab);
			lab_assert_done(&lab);
			assert_int_equal(reported(&lab, "scripts"),
					 again == 0 ? rows[i].first : rows[i].next);
		}
		install(&lab);
		lab_assert_done(&lab);
		lab_close(&lab);
	}
}

static json_t *scp11_record(struct lab *lab)
{
	json_t *records = json_object_get(lab->job.known, "authentications");

	return json_object_iter_value(json_object_iter(records));
}

/* They are verified again, so that nothing is believed that a database says. */
static void remembered_certificates_are_not_believed(void **state)
{
	struct lab lab;

	open_scp11(&lab, CARD_SCP11_C);
	audit(&lab);
	const char *hex = json_string_value(json_object_get(scp11_record(&lab), "certificatesHex"));
	char *changed = arena_strdup(lab.job.arena, hex);
	changed[strlen(changed) - 1] = changed[strlen(changed) - 1] == '0' ? '1' : '0';
	json_object_set_new(scp11_record(&lab), "certificatesHex", json_string(changed));
	audit(&lab);
	lab_assert_done(&lab);
	assert_int_equal(reported(&lab, "scripts"), 2);
	lab_close(&lab);
}

static void a_key_agreement_that_fails_asks_for_them_again(void **state)
{
	static const uint8_t options[] = { CARD_SCP11_A, CARD_SCP11_C };

	for (size_t i = 0; i < 2; i++) {
		const struct card_misbehaviour wrong = { .has_wrong_cryptogram = true }, good = { 0 };
		struct lab lab;
		open_scp11(&lab, options[i]);
		audit(&lab);
		card_misbehave(lab.agent.card, &wrong);
		const unsigned asked = agent_count(&lab.agent, 0xCB) + agent_count(&lab.agent, 0xCA);
		audit(&lab);
		assert_int_equal(lab.job.result, CARDEA_FAILED);
		assert_int_equal(lab.job.kind, ERR_DENIED);
		assert_non_null(strstr(lab.job.reason, "receipt"));
		assert_true(agent_count(&lab.agent, 0xCB) + agent_count(&lab.agent, 0xCA) > asked);
		card_misbehave(lab.agent.card, &good);
		audit(&lab);
		lab_assert_done(&lab);
		lab_close(&lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_takes_one_script_when_the_counter_is_known),
		cmocka_unit_test(a_random_challenge_takes_two),
		cmocka_unit_test(a_counter_that_somebody_moved_costs_a_script_and_no_more),
		cmocka_unit_test(a_counter_that_always_moves_never_locks_the_card),
		cmocka_unit_test(nothing_is_risked_after_a_failure_or_when_none_is_allowed),
		cmocka_unit_test(wrong_keys_of_a_known_counter_count_once),
		cmocka_unit_test(a_break_at_every_request_installs_once),
		cmocka_unit_test(a_script_that_is_cut_anywhere_is_not_taken_as_done),
		cmocka_unit_test(a_small_request_opens_and_looks_in_what_fits),
		cmocka_unit_test(scp11_asks_for_certificates_once),
		cmocka_unit_test(remembered_certificates_are_not_believed),
		cmocka_unit_test(a_key_agreement_that_fails_asks_for_them_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
