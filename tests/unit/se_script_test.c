/* se.script: commands as they are, for any application, with everything that stands around them in a script.
 */
#include "se_lab.h"

#include <stdio.h>
#include <string.h>

#include "se_test.h"

#define GET_IIN     "\"80CA004200\""
#define GET_NOTHING "\"80CA5F5000\"" /* 6A88 */

static void open_lab(struct lab *lab)
{
	struct card_settings settings = card_settings_default();

	lab_open(lab, &settings);
	lab->agent.has_settings = true;
}

static void run(struct lab *lab, const char *params)
{
	lab_run(lab, "se.script", params, bytes_of(NULL, 0));
}

static void assert_ended(const struct lab *lab, enum cardea_result result, const char *words)
{
	if (lab->job.result != result || strstr(lab->job.reason, words) == NULL)
		fail_msg("result %d, %s: %s", lab->job.result, err_name(lab->job.kind), lab->job.reason);
}

static const char *answer_member(const struct lab *lab, size_t number, const char *member)
{
	return json_string_value(json_object_get(
		json_array_get(json_object_get(lab->job.reported, "answers"), number), member));
}

static size_t answer_count(const struct lab *lab)
{
	return json_array_size(json_object_get(lab->job.reported, "answers"));
}

/* ---- answers ---- */

static void tells_what_the_card_answered(void **state)
{
	static const char *const formats[] = { "ts102226", "seram2", "raw" };

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct lab lab;
		char params[160];
		open_lab(&lab);
		lab.agent.second_protocol = "gpseram/2.0.0";
		snprintf(params, sizeof(params),
			 "{\"commandsHex\":[" GET_IIN "," GET_NOTHING
			 "],\"stopOnError\":false,\"bodyFormat\":\"%s\"}",
			 formats[i]);
		run(&lab, params);
		lab_assert_done(&lab);
		assert_int_equal(answer_count(&lab), 2);
		assert_string_equal(answer_member(&lab, 0, "sw"), "9000");
		assert_string_equal(answer_member(&lab, 0, "dataHex"), "420442600001");
		assert_string_equal(answer_member(&lab, 1, "sw"), "6A88");
		assert_int_equal(lab.agent.commands, 2);
		lab_close(&lab);
	}
}

static void an_error_status_fails_and_names_its_command(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	run(&lab, "{\"commandsHex\":[" GET_NOTHING "," GET_IIN "]}");
	assert_ended(&lab, CARDEA_FAILED, "command 1 of 2, GET DATA 5F50");
	assert_int_equal(answer_count(&lab), 1);
	assert_int_equal(lab.agent.commands, 1);
	lab_close(&lab);
}

static void needs_as_many_scripts_as_the_agent_takes(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.max_request = 64;
	run(&lab, "{\"commandsHex\":[" GET_IIN "," GET_IIN "," GET_IIN "," GET_IIN "," GET_IIN "," GET_IIN
		  "," GET_IIN "," GET_IIN "," GET_IIN "," GET_IIN "]}");
	lab_assert_done(&lab);
	assert_int_equal(answer_count(&lab), 10);
	assert_int_equal(lab.agent.scripts, 2);
	lab_close(&lab);
}

/* 62F1: the rest was not executed. */
static void an_answer_that_was_cut_ends_it(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.refuse_answers_over = 3;
	run(&lab, "{\"commandsHex\":[" GET_IIN "," GET_IIN "]}");
	assert_ended(&lab, CARDEA_FAILED, "command 1 of 2, GET DATA 0042: the answer did not come whole");
	assert_int_equal(lab.agent.commands, 1);
	lab_close(&lab);
}

/* Whether the card did it is in the status word, which did not come. */
static void a_change_whose_answer_was_cut_is_unknown(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.refuse_answers_over = 3;
	run(&lab, "{\"commandsHex\":[\"80500000080102030405060708\"]}");
	assert_ended(&lab, CARDEA_UNKNOWN, "the answer did not come whole");
	lab_close(&lab);
}

static void an_application_that_is_not_there_is_named(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	run(&lab, "{\"aidHex\":\"A00000000099\",\"commandsHex\":[" GET_IIN "]}");
	assert_ended(&lab, CARDEA_FAILED, "unknown-application for //aid/A000000000/99");
	assert_int_equal(lab.job.kind, ERR_NOT_FOUND);
	lab_close(&lab);
}

static void commands_that_cannot_be_are_refused_by_number(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	run(&lab, "{\"commandsHex\":[" GET_IIN ",\"80E290000501\"]}");
	assert_ended(&lab, CARDEA_FAILED, "command 2 of commandsHex");
	run(&lab, "{\"commandsHex\":[\"00A4040005A00000015100\"]}");
	assert_ended(&lab, CARDEA_FAILED, "selects an application: that is aidHex");
	lab_close(&lab);
}

/* ---- what stands around them ---- */

static void nobody_waits_for_a_report_that_is_not_wanted(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	run(&lab, "{\"commandsHex\":[" GET_IIN "," GET_IIN "],\"report\":false}");
	lab_assert_done(&lab);
	assert_false(lab.agent.report_required);
	assert_int_equal(lab.agent.commands, 2);
	assert_true(json_is_false(json_object_get(lab.job.reported, "reported")));
	lab.agent.lasting_status = 2;
	run(&lab, "{\"commandsHex\":[" GET_IIN "],\"report\":false}");
	assert_ended(&lab, CARDEA_FAILED, "unknown-application");
	lab.agent.lasting_status = 0;
	run(&lab, "{\"commandsHex\":[" GET_IIN "]}"); /* and the next one is reported again */
	lab_assert_done(&lab);
	assert_true(lab.agent.report_required);
	lab_close(&lab);
}

static void actions_stand_before_the_commands(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	run(&lab, "{\"commandsHex\":[" GET_IIN "],\"chaining\":\"first\",\"immediateActionHex\":\"82\","
		  "\"errorActionHex\":\"\"}");
	lab_assert_done(&lab);
	assert_true(bytes_equal(lab.agent.actions, bytes_of("\x83\x01\x01\x81\x01\x82\x82\x00", 8)));
	lab_close(&lab);
}

static void a_chain_keeps_the_channel_between_jobs(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	run(&lab, "{\"commandsHex\":[" GET_IIN "],\"chaining\":\"first\"}");
	lab_assert_done(&lab);
	assert_true(lab.agent.is_channel_open);
	run(&lab, "{\"commandsHex\":[" GET_IIN "],\"chaining\":\"last\"}");
	lab_assert_done(&lab);
	assert_false(lab.agent.is_channel_open);
	lab_close(&lab);
}

static void a_refused_chain_says_so(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.has_no_chaining = true;
	run(&lab, "{\"commandsHex\":[" GET_IIN "],\"chaining\":\"next\"}");
	assert_ended(&lab, CARDEA_FAILED, "the script was refused: script chaining not supported");
	lab_close(&lab);
}

static void what_only_a_script_carries_is_refused_elsewhere(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.second_protocol = "gpseram/2.0.0";
	run(&lab, "{\"commandsHex\":[" GET_IIN "],\"chaining\":\"first\",\"bodyFormat\":\"seram2\"}");
	assert_ended(&lab, CARDEA_FAILED, "no actions and no chaining");
	run(&lab, "{\"commandsHex\":[" GET_IIN "],\"errorActionHex\":\"\",\"bodyFormat\":\"raw\"}");
	assert_ended(&lab, CARDEA_FAILED, "one command and nothing else");
	run(&lab, "{\"commandsHex\":[" GET_IIN "," GET_IIN "],\"report\":false,\"bodyFormat\":\"raw\"}");
	assert_ended(&lab, CARDEA_FAILED, "do not fit one script");
	assert_int_equal(lab.agent.commands, 0);
	lab_close(&lab);
}

/* ---- breaks ---- */

static void no_command_runs_twice_whatever_breaks(void **state)
{
	(void)state;
	for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
		unsigned requests = 1;
		for (unsigned at = 1; at <= requests; at++) {
			struct lab lab;
			open_lab(&lab);
			lab.job.break_kind = kind;
			lab.job.break_at = at;
			run(&lab, "{\"commandsHex\":[" GET_IIN "," GET_IIN "]}");
			requests = lab.job.requests;
			if (kind == LOSE_REQUEST || kind == LOSE_ANSWER || lab.job.result != CARDEA_UNKNOWN)
				lab_assert_done(
					&lab); /* unknown is what only a device that broke off may leave */
			assert_true(lab.agent.commands <= 2);
			lab_close(&lab);
		}
	}
}

static void a_lost_answer_is_unknown(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.cut_after = 2;
	run(&lab, "{\"commandsHex\":[" GET_IIN "," GET_IIN "," GET_IIN "]}");
	assert_ended(&lab, CARDEA_UNKNOWN,
		     "lost after 1 of 3 answers; whether the next command ran is not known");
	assert_int_equal(lab.agent.commands, 2);
	lab_close(&lab);
}

static void an_absent_element_is_tried_again(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.next_status = 5;
	run(&lab, "{\"commandsHex\":[" GET_IIN "]}");
	lab_assert_done(&lab);
	assert_int_equal(lab.agent.scripts, 2);
	lab_close(&lab);
}

/* ---- the trace ---- */

static void the_trace_tells_what_carried_the_commands(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.second_protocol = "gpseram/2.0.0";
	run(&lab, "{\"commandsHex\":[" GET_IIN "," GET_IIN "],\"bodyFormat\":\"seram2\"}");
	lab_assert_done(&lab);
	assert_non_null(
		strstr(lab.job.trace_text, "seram command request 1, seram2: 2 commands after a selection"));
	assert_non_null(strstr(lab.job.trace_text, "seram answer response 1, ok: 2 answers"));
	lab.agent.has_no_chaining = true;
	run(&lab, "{\"commandsHex\":[" GET_IIN "],\"chaining\":\"next\"}");
	assert_non_null(strstr(lab.job.trace_text, "ts102226: 1 command with actions"));
	assert_non_null(strstr(lab.job.trace_text, "ok: 0 answers, script chaining not supported"));
	lab.agent.lasting_status = 2;
	run(&lab, "{\"commandsHex\":[" GET_IIN "]}");
	assert_non_null(strstr(lab.job.trace_text, "unknown-application: 0 answers"));
	lab_close(&lab);
}

/* ---- when the agent asks ---- */

static size_t wish_count(const struct lab *lab)
{
	size_t i, count = 0;
	json_t *event;

	json_array_foreach (lab->job.announced, i, event)
		count += strcmp(json_string_value(json_object_get(event, "type")),
				"secure-element.session-wanted") == 0;
	return count;
}

static void waits_until_the_agent_wants_a_session(void **state)
{
	(void)state;
	for (int is_deaf = 0; is_deaf < 2; is_deaf++) {
		struct lab lab;
		open_lab(&lab);
		lab.loses_notifications = is_deaf;
		lab.wishes_at_wait = 3;
		run(&lab, "{\"commandsHex\":[" GET_IIN "],\"whenAgentAsks\":true}");
		lab_assert_done(&lab);
		assert_int_equal(lab.wishes_at_wait, 0);
		assert_int_equal(wish_count(&lab), 1);
		lab_close(&lab);
	}
}

static void a_wish_that_is_there_is_fulfilled_at_once(void **state)
{
	static const char *const params[] = { "{\"commandsHex\":[" GET_IIN "],\"whenAgentAsks\":true}",
					      "{\"commandsHex\":[" GET_IIN "]}" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct lab lab;
		open_lab(&lab);
		lab.agent.agent_state = 1;
		run(&lab, params[i]);
		lab_assert_done(&lab);
		assert_int_equal(wish_count(&lab), 1);
		lab_close(&lab);
	}
}

static void nobody_is_told_of_a_wish_that_is_none(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	run(&lab, "{\"commandsHex\":[" GET_IIN "]}");
	lab_assert_done(&lab);
	assert_int_equal(wish_count(&lab), 0);
	lab_close(&lab);
}

static void waiting_survives_a_break_at_every_request(void **state)
{
	(void)state;
	for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
		for (unsigned at = 1; at <= 3; at++) {
			struct lab lab;
			open_lab(&lab);
			lab.job.break_kind = kind;
			lab.job.break_at = at;
			lab.wishes_at_wait = 2;
			run(&lab, "{\"commandsHex\":[" GET_IIN "],\"whenAgentAsks\":true}");
			lab_assert_done(&lab);
			lab_close(&lab);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_the_card_answered),
		cmocka_unit_test(an_error_status_fails_and_names_its_command),
		cmocka_unit_test(needs_as_many_scripts_as_the_agent_takes),
		cmocka_unit_test(an_answer_that_was_cut_ends_it),
		cmocka_unit_test(a_change_whose_answer_was_cut_is_unknown),
		cmocka_unit_test(an_application_that_is_not_there_is_named),
		cmocka_unit_test(commands_that_cannot_be_are_refused_by_number),
		cmocka_unit_test(nobody_waits_for_a_report_that_is_not_wanted),
		cmocka_unit_test(actions_stand_before_the_commands),
		cmocka_unit_test(a_chain_keeps_the_channel_between_jobs),
		cmocka_unit_test(a_refused_chain_says_so),
		cmocka_unit_test(what_only_a_script_carries_is_refused_elsewhere),
		cmocka_unit_test(no_command_runs_twice_whatever_breaks),
		cmocka_unit_test(a_lost_answer_is_unknown),
		cmocka_unit_test(an_absent_element_is_tried_again),
		cmocka_unit_test(the_trace_tells_what_carried_the_commands),
		cmocka_unit_test(waits_until_the_agent_wants_a_session),
		cmocka_unit_test(a_wish_that_is_there_is_fulfilled_at_once),
		cmocka_unit_test(nobody_is_told_of_a_wish_that_is_none),
		cmocka_unit_test(waiting_survives_a_break_at_every_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
