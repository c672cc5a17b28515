/* se.set-state against the simulated card, with everything that may break on the way. */
#include "se_lab.h"

#include <string.h>

#include "se_test.h"

#define PACKAGE    "D07002CA44900101"
#define APPLET     "D07002CA4490010101"
#define ISSUER     "A000000151000000"
#define SET_STATUS 0xF0
#define LOCK       "{\"state\":\"locked\",\"aidHex\":\"" APPLET "\"}"
#define UNLOCK     "{\"state\":\"unlocked\",\"aidHex\":\"" APPLET "\"}"
#define TERMINATE  "{\"state\":\"terminated\",\"confirmTermination\":true}"

static void run(struct lab *lab, const char *params)
{
	lab_do(lab, "se.set-state", params);
}

static uint8_t state_of(struct lab *lab, const char *aid)
{
	return lab_object(lab, aid).life_cycle;
}

static void open_with_application(struct lab *lab)
{
	struct card_settings settings = card_settings_default();

	lab_open(lab, &settings);
	lab_run(lab, "se.install", "{\"package\":\"1\"}", lab_package(lab, PACKAGE, 1, 300));
	lab_assert_done(lab);
	lab->agent.commands = 0;
}

static void an_application_is_locked_and_unlocked_once(void **state)
{
	struct lab lab;

	open_with_application(&lab);
	run(&lab, LOCK);
	lab_assert_done(&lab);
	assert_int_equal(state_of(&lab, APPLET), 0x87);
	run(&lab, LOCK);
	lab_assert_done(&lab);
	assert_int_equal(agent_count(&lab.agent, SET_STATUS), 1);
	assert_true(json_is_true(json_object_get(lab.job.reported, "alreadySet")));
	run(&lab, UNLOCK);
	lab_assert_done(&lab);
	assert_int_equal(state_of(&lab, APPLET), 0x07);
	lab_close(&lab);
}

static void lock(struct lab *lab)
{
	run(lab, LOCK);
}

static void assert_locked(struct lab *lab)
{
	lab_assert_done(lab);
	assert_int_equal(state_of(lab, APPLET), 0x87);
}

static void locking_survives_a_break_at_every_request(void **state)
{
	lab_break_everywhere(open_with_application, lock, assert_locked);
}

static void locking_survives_a_power_cut_in_every_command(void **state)
{
	unsigned commands = 1;

	for (unsigned cut = 1; cut <= commands; cut++) {
		struct lab lab;
		open_with_application(&lab);
		lab.agent.cut_after = cut;
		run(&lab, LOCK);
		commands = lab.agent.commands;
		lab_assert_done(&lab);
		assert_int_equal(state_of(&lab, APPLET), 0x87);
		lab_close(&lab);
	}
}

static void the_card_goes_its_way_and_no_other(void **state)
{
	struct card_object card;
	struct lab lab;

	open_with_application(&lab);
	uint8_t first = state_of(&lab, ISSUER);
	if (first == 0x01)
		run(&lab, "{\"state\":\"initialized\"}");
	if (first <= 0x07)
		run(&lab, "{\"state\":\"secured\"}");
	assert_int_equal(state_of(&lab, ISSUER), 0x0F);
	unsigned sent = agent_count(&lab.agent, SET_STATUS);
	run(&lab, "{\"state\":\"initialized\"}");
	lab_assert_failed(&lab, ERR_CONFLICT, "the card is secured: no way leads from there to initialized");
	assert_int_equal(agent_count(&lab.agent, SET_STATUS), sent);
	run(&lab, "{\"state\":\"card-locked\"}");
	lab_assert_done(&lab);
	assert_int_equal(state_of(&lab, ISSUER), 0x7F);
	run(&lab, "{\"state\":\"secured\"}");
	lab_assert_done(&lab);
	assert_true(card_find(lab.agent.card, lab_hex(&lab, ISSUER), &card));
	assert_int_equal(card.life_cycle, 0x0F);
	lab_close(&lab);
}

static void termination_must_be_confirmed(void **state)
{
	struct lab lab;

	open_with_application(&lab);
	run(&lab, "{\"state\":\"terminated\"}");
	lab_assert_failed(&lab, ERR_CONFLICT, "confirmTermination");
	assert_int_equal(lab.agent.commands, 0);
	run(&lab, TERMINATE);
	lab_assert_done(&lab);
	assert_int_equal(state_of(&lab, ISSUER), 0xFF);
	lab_close(&lab);
}

/* A terminated card cannot be asked: done only when it said so. */
static void termination_is_never_said_to_be_done_without_its_proof(void **state)
{
	unsigned commands = 1, done = 0;

	for (unsigned cut = 1; cut <= commands; cut++) {
		struct lab lab;
		open_with_application(&lab);
		lab.agent.cut_after = cut;
		run(&lab, TERMINATE);
		commands = lab.agent.commands;
		assert_true(lab.job.result == CARDEA_DONE || lab.job.result == CARDEA_UNKNOWN);
		if (lab.job.result == CARDEA_DONE)
			assert_int_equal(state_of(&lab, ISSUER), 0xFF);
		done += lab.job.result == CARDEA_DONE;
		lab_close(&lab);
	}
	assert_true(done > 0);
	struct lab lab;
	open_with_application(&lab);
	run(&lab, "{\"state\":\"terminated\",\"confirmTermination\":true,\"securityLevel\":\"c-mac\"}");
	assert_int_equal(lab.job.result, CARDEA_UNKNOWN);
	lab_close(&lab);
}

static void what_cannot_be_is_refused_before_it_is_sent(void **state)
{
	static const struct {
		const char *params;
		enum err kind;
		const char *words;
	} rows[] = {
		{ "{\"state\":\"locked\"}", ERR_MALFORMED, "aidHex" },
		{ "{\"state\":\"secured\",\"aidHex\":\"" APPLET "\"}", ERR_MALFORMED, "a state of the card" },
		{ "{\"state\":\"locked\",\"aidHex\":\"" ISSUER "\"}", ERR_CONFLICT, "change itself" },
		{ "{\"state\":\"locked\",\"aidHex\":\"D07002CA449001FF\"}", ERR_NOT_FOUND, "no application" },
		{ "{\"state\":\"locked\",\"aidHex\":\"" APPLET "\",\"related\":true}", ERR_CONFLICT,
		  "no security domain" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab lab;
		open_with_application(&lab);
		run(&lab, rows[i].params);
		lab_assert_failed(&lab, rows[i].kind, rows[i].words);
		assert_int_equal(agent_count(&lab.agent, SET_STATUS), 0);
		lab_close(&lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_application_is_locked_and_unlocked_once),
		cmocka_unit_test(locking_survives_a_break_at_every_request),
		cmocka_unit_test(locking_survives_a_power_cut_in_every_command),
		cmocka_unit_test(the_card_goes_its_way_and_no_other),
		cmocka_unit_test(termination_must_be_confirmed),
		cmocka_unit_test(termination_is_never_said_to_be_done_without_its_proof),
		cmocka_unit_test(what_cannot_be_is_refused_before_it_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
