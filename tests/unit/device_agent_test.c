/* The Admin Agent with a card: the rules of the secure element object, and what survives a restart. */
#include "agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "channel.h"

#define ISD "//aid/A000000151/000000"

/* Two harmless commands that every card answers: GET DATA of IIN and CIN. */
#define GET_IIN     "220580CA004200"
#define GET_CIN     "220580CA004500"
#define GET_NOTHING "220580CA5F5000" /* 6A88 */

struct desk {
	struct agent agent;
	struct agent_settings settings;
	struct arena *arena;
	char folder[40], state_path[60], card_path[60];
	size_t outcomes, progress;
	unsigned moments[3];
	enum agent_moment stop_moment; /* the agent is left alone there, as a kill would */
	unsigned stop_count;
	jmp_buf killed;
};

static void changed(void *arg, enum agent_change change)
{
	struct desk *desk = arg;

	desk->outcomes += change == AGENT_OUTCOME;
	desk->progress += change == AGENT_PROGRESS;
}

static void moment_passed(void *arg, enum agent_moment moment)
{
	struct desk *desk = arg;

	desk->moments[moment]++;
	if (desk->stop_count > 0 && moment == desk->stop_moment && desk->moments[moment] == desk->stop_count)
		longjmp(desk->killed, 1);
}

static void open_agent(struct desk *desk)
{
	struct fault fault = { .kind = ERR_NONE };

	if (agent_open(&desk->agent, &desk->settings, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
}

static int set_up(void **state)
{
	struct desk *desk = calloc(1, sizeof(*desk));

	if (desk == NULL)
		return 1;
	strcpy(desk->folder, "/tmp/device-agent-XXXXXX");
	if (mkdtemp(desk->folder) == NULL)
		return 1;
	snprintf(desk->state_path, sizeof(desk->state_path), "%s/agent", desk->folder);
	snprintf(desk->card_path, sizeof(desk->card_path), "%s/card", desk->folder);
	desk->arena = arena_create(0);
	desk->settings = (struct agent_settings){
		.state_path = desk->state_path,
		.card_path = desk->card_path,
		.card = card_settings_default(),
		.max_request_bytes = 4096,
		.max_response_bytes = 4096,
		.changed = changed,
		.moment = moment_passed,
		.arg = desk,
	};
	open_agent(desk);
	*state = desk;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *desk = *state;

	agent_close(&desk->agent);
	unlink(desk->state_path);
	unlink(desk->card_path);
	rmdir(desk->folder);
	arena_free(desk->arena);
	free(desk);
	return 0;
}

/* What a kill and a new start leave: the files. */
static void restart(struct desk *desk)
{
	agent_close(&desk->agent);
	desk->stop_count = 0;
	memset(desk->moments, 0, sizeof(desk->moments));
	open_agent(desk);
}

static struct bytes hex(struct desk *desk, const char *text)
{
	struct bytes bytes;

	assert_int_equal(bytes_from_hex(desk->arena, text, &bytes), ERR_NONE);
	return bytes;
}

static enum err write_request(struct desk *desk, const char *target, uint64_t id, const char *script)
{
	struct agent_write write = {
		.has_target = true,
		.target = bytes_of_text(target),
		.has_request_id = true,
		.request_id = id,
		.has_request = true,
		.request = hex(desk, script),
	};
	enum err err = agent_check_write(&desk->agent, &write, NULL);

	return err == ERR_NONE ? agent_write(&desk->agent, &write) : err;
}

/* Steps until the agent rests. Time jumps from one due moment to the next. */
static void run_to_end(struct desk *desk)
{
	int64_t now_ms = 1000;

	for (int i = 0; i < 1000 && desk->agent.run != NULL; i++) {
		int64_t next_ms = agent_step(&desk->agent, now_ms);
		now_ms = next_ms > now_ms ? next_ms : now_ms;
	}
	assert_null(desk->agent.run);
}

static void run(struct desk *desk, const char *target, uint64_t id, const char *script)
{
	assert_int_equal(write_request(desk, target, id, script), ERR_NONE);
	assert_int_equal(agent_run(&desk->agent, 1000), ERR_NONE);
	run_to_end(desk);
}

static void assert_response(struct desk *desk, const char *beginning)
{
	char *got = bytes_to_hex(desk->arena, agent_response(&desk->agent));

	if (strncmp(got, beginning, strlen(beginning)) != 0)
		fail_msg("%s does not begin with %s", got, beginning);
}

static void assert_whole_response(struct desk *desk, const char *expected)
{
	assert_string_equal(bytes_to_hex(desk->arena, agent_response(&desk->agent)), expected);
}

/* ---- scripts ---- */

static void runs_a_script_and_keeps_the_response(void **state)
{
	struct desk *desk = *state;

	run(desk, ISD, 1, "AA0E" GET_IIN GET_CIN);
	assert_int_equal(desk->agent.record.state, AGENT_READY);
	assert_int_equal(desk->agent.record.status, SCRIPT_OK);
	assert_int_equal(desk->agent.record.response_id, 1);
	assert_int_equal(desk->agent.record.executed, 2);
	assert_response(desk, "AB");
	assert_int_equal(agent_response(&desk->agent).at[4], 2); /* AB L 80 01 02 */
	assert_int_equal(desk->outcomes, 3);                     /* stored, running, ready */
	assert_int_equal(desk->progress, 1);
}

static void answers_in_the_form_of_the_request(void **state)
{
	struct desk *desk = *state;

	run(desk, ISD, 1, "AE80" GET_NOTHING "0000");
	assert_whole_response(desk, "AF8023026A880000");
}

static void names_itself_by_card_unique_data(void **state)
{
	struct desk *desk = *state;

	assert_memory_equal(desk->agent.identifier, "//se-id/CUD/", 12);
	assert_true(strlen(desk->agent.identifier) > 20);
}

static void stops_at_an_error_unless_told_otherwise(void **state)
{
	struct desk *desk = *state;
	struct agent_write go_on = { .has_stop_on_error = true, .is_stop_on_error = false };

	run(desk, ISD, 1, "AA0E" GET_NOTHING GET_IIN);
	assert_int_equal(desk->agent.record.executed, 1);
	assert_whole_response(desk, "AB0780010123026A88");
	assert_int_equal(agent_write(&desk->agent, &go_on), ERR_NONE);
	run(desk, ISD, 2, "AA0E" GET_NOTHING GET_IIN);
	assert_int_equal(desk->agent.record.executed, 2);
}

static void reports_a_malformed_script_without_running_any_of_it(void **state)
{
	struct desk *desk = *state;

	run(desk, ISD, 1, "AA0A" GET_IIN "850100");
	assert_int_equal(desk->agent.record.status, SCRIPT_FORMAT_ERROR);
	assert_int_equal(desk->agent.record.executed, 0);
	assert_whole_response(desk, "AB06800100900101");
	assert_int_equal(desk->moments[BEFORE_COMMAND], 0);
}

static void reports_an_unknown_application(void **state)
{
	struct desk *desk = *state;

	run(desk, "//aid/A000000999/010203", 1, "AA07" GET_IIN);
	assert_int_equal(desk->agent.record.status, SCRIPT_UNKNOWN_APPLICATION);
	assert_int_equal(agent_response(&desk->agent).len, 0);
	assert_int_equal(desk->agent.channel, 0);
}

static void reports_an_absent_secure_element_after_its_retries(void **state)
{
	struct desk *desk = *state;
	struct agent_write write = {
		.has_retry_count = true, .retry_count = 2, .has_retry_delay = true, .retry_delay_s = 5
	};

	desk->settings.se_state = SE_ABSENT;
	restart(desk);
	assert_int_equal(agent_write(&desk->agent, &write), ERR_NONE);
	assert_int_equal(write_request(desk, ISD, 1, "AA07" GET_IIN), ERR_NONE);
	assert_int_equal(agent_run(&desk->agent, 1000), ERR_NONE);
	assert_int_equal(agent_step(&desk->agent, 1000), 6000);
	assert_int_equal(agent_step(&desk->agent, 6000), 11000);
	assert_int_equal(agent_step(&desk->agent, 11000), -1);
	assert_int_equal(desk->agent.record.status, SCRIPT_UNAVAILABLE_SE);
}

static void refuses_applications_that_are_not_allowed(void **state)
{
	struct desk *desk = *state;

	desk->settings.allowed_aids = "A000000999,A000000152";
	restart(desk);
	run(desk, ISD, 1, "AA07" GET_IIN);
	assert_int_equal(desk->agent.record.status, SCRIPT_SECURITY_ERROR);
	desk->settings.allowed_aids = "A000000999,a000000151";
	restart(desk);
	run(desk, ISD, 2, "AA07" GET_IIN);
	assert_int_equal(desk->agent.record.status, SCRIPT_OK);
}

static void keeps_the_channel_while_the_target_stays(void **state)
{
	struct desk *desk = *state;
	unsigned channel;

	run(desk, ISD, 1, "AA07" GET_IIN);
	channel = desk->agent.channel;
	assert_int_not_equal(channel, 0);
	/* INITIALIZE UPDATE, then EXTERNAL AUTHENTICATE in the next script: 6300 says the session lives on */
	run(desk, ISD, 2,
	    "AA10"
	    "220E8050300008000102030405060700");
	assert_int_equal(desk->agent.record.status, SCRIPT_OK);
	run(desk, ISD, 3,
	    "AA17"
	    "22158482030010"
	    "0000000000000000"
	    "0000000000000000");
	assert_whole_response(desk, "AB078001012302"
				    "6300");
	assert_int_equal(desk->agent.channel, channel);
}

static void closes_the_channel_when_the_session_ends(void **state)
{
	struct desk *desk = *state;

	run(desk, ISD, 1, "AA07" GET_IIN);
	assert_int_equal(agent_end_session(&desk->agent), ERR_NONE);
	assert_int_equal(desk->agent.channel, 0);
	assert_int_equal(desk->agent.record.state, AGENT_IDLE);
	assert_int_equal(agent_response(&desk->agent).len, 0);
	/* every channel is free again: as many sessions as we like */
	for (uint64_t id = 2; id < 30; id++) {
		run(desk, ISD, id, "AA07" GET_IIN);
		assert_int_equal(desk->agent.record.status, SCRIPT_OK);
		assert_int_equal(agent_end_session(&desk->agent), ERR_NONE);
	}
}

static void closes_an_idle_channel_in_time(void **state)
{
	struct desk *desk = *state;
	struct agent_write write = { .has_session_timeout = true, .session_timeout_s = 10 };

	assert_int_equal(agent_write(&desk->agent, &write), ERR_NONE);
	run(desk, ISD, 1, "AA07" GET_IIN);
	assert_int_equal(agent_step(&desk->agent, 2000), 11000);
	assert_int_not_equal(desk->agent.channel, 0);
	assert_int_equal(agent_step(&desk->agent, 11000), -1);
	assert_int_equal(desk->agent.channel, 0);
}

static void answers_control_elements_itself(void **state)
{
	struct desk *desk = *state;

	run(desk, ISD, 1,
	    "AA0A"
	    "810182" GET_IIN);
	assert_whole_response(desk, "AB06800101810101");
	assert_int_equal(agent_end_session(&desk->agent), ERR_NONE);
	run(desk, ISD, 2,
	    "AA0A"
	    "830102" GET_IIN); /* goes on with a script that never was */
	assert_whole_response(desk, "AB06800101830101");
	run(desk, ISD, 3,
	    "AA0A"
	    "830101" GET_NOTHING);
	assert_whole_response(desk, "AB0780010223026A88"); /* the chaining element counts as executed */
	run(desk, ISD, 4,
	    "AA0A"
	    "830103" GET_NOTHING);
	assert_whole_response(desk, "AB0780010223026A88");
}

static void cuts_a_response_that_grows_too_long(void **state)
{
	struct desk *desk = *state;

	desk->settings.max_response_bytes = 72;
	restart(desk);
	run(desk, ISD, 1, "AA15" GET_IIN GET_IIN GET_IIN);
	assert_int_equal(desk->agent.record.status, SCRIPT_OK);
	assert_true(desk->agent.record.executed < 3);
	assert_true(agent_response(&desk->agent).len <= 72);
}

static void takes_raw_commands(void **state)
{
	struct desk *desk = *state;
	struct agent_write raw = { .has_body_format = true, .body_format = BODY_RAW_APDU };
	struct agent_write json = { .has_body_format = true, .body_format = 1 };

	assert_int_equal(agent_check_write(&desk->agent, &json, NULL), ERR_MALFORMED);
	assert_int_equal(agent_write(&desk->agent, &raw), ERR_NONE);
	run(desk, ISD, 1, "80CA5F5000");
	assert_whole_response(desk, "6A88");
	run(desk, ISD, 2, "80CA");
	assert_int_equal(desk->agent.record.status, SCRIPT_FORMAT_ERROR);
}

static void refuses_an_instruction_on_request(void **state)
{
	struct desk *desk = *state;

	desk->settings.refusals[0] = (struct card_refusal){ 0xCA, 0x6A84 };
	desk->settings.refusal_count = 1;
	restart(desk);
	run(desk, ISD, 1, "AA07" GET_IIN);
	assert_whole_response(desk, "AB0780010123026A84");
}

static void reports_a_card_that_stops_answering(void **state)
{
	struct desk *desk = *state;
	struct card_misbehaviour mute = { .is_mute = true };

	assert_int_equal(write_request(desk, ISD, 1, "AA0E" GET_IIN GET_IIN), ERR_NONE);
	assert_int_equal(agent_run(&desk->agent, 1000), ERR_NONE);
	while (desk->agent.record.executed == 0)
		agent_step(&desk->agent, 1000);
	card_misbehave(se_simulated_card(desk->agent.se), &mute);
	run_to_end(desk);
	assert_int_equal(desk->agent.record.status, SCRIPT_TEMPORARILY_UNAVAILABLE);
	assert_int_equal(desk->agent.record.executed, 1);
	assert_response(desk, "AB");
	assert_int_equal(desk->agent.channel, 0);
}

/* ---- rules ---- */

static void refuses_to_run_without_a_request(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(agent_run(&desk->agent, 0), ERR_CONFLICT);
}

static void refuses_a_request_without_a_new_id(void **state)
{
	struct desk *desk = *state;
	struct agent_write write = { .has_request = true, .request = hex(desk, "AA07" GET_IIN) };

	assert_int_equal(agent_check_write(&desk->agent, &write, NULL), ERR_MALFORMED);
	run(desk, ISD, 5, "AA07" GET_IIN);
	assert_int_equal(write_request(desk, ISD, 4, "AA07" GET_IIN), ERR_MALFORMED);
	assert_int_equal(agent_clear_response(&desk->agent, NULL), ERR_NONE);
	assert_int_equal(write_request(desk, ISD, 5, "AA07" GET_IIN), ERR_MALFORMED);
}

static void never_runs_the_same_id_twice(void **state)
{
	struct desk *desk = *state;

	run(desk, ISD, 1, "AA07" GET_IIN);
	assert_int_equal(write_request(desk, ISD, 1, "AA07" GET_IIN), ERR_NONE);
	assert_int_equal(agent_run(&desk->agent, 0), ERR_NONE);
	assert_null(desk->agent.run);
	assert_int_equal(desk->moments[BEFORE_COMMAND], 1);
	assert_int_equal(desk->agent.record.state, AGENT_READY);
}

static void takes_a_request_again_before_it_ran(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(write_request(desk, ISD, 1, "AA07" GET_CIN), ERR_NONE);
	run(desk, ISD, 1, "AA07" GET_NOTHING);
	assert_whole_response(desk, "AB0780010123026A88");
}

static void refuses_writes_while_it_runs(void **state)
{
	struct desk *desk = *state;
	struct agent_write retries = { .has_retry_count = true, .retry_count = 1 };

	assert_int_equal(write_request(desk, ISD, 1, "AA07" GET_IIN), ERR_NONE);
	assert_int_equal(agent_run(&desk->agent, 0), ERR_NONE);
	assert_int_equal(write_request(desk, ISD, 2, "AA07" GET_IIN), ERR_CONFLICT);
	assert_int_equal(agent_run(&desk->agent, 0), ERR_CONFLICT);
	assert_int_equal(agent_clear_response(&desk->agent, NULL), ERR_CONFLICT);
	assert_int_equal(agent_check_write(&desk->agent, &retries, NULL), ERR_NONE);
	assert_int_equal(agent_response(&desk->agent).len, 0);
}

static void refuses_a_request_that_is_too_long(void **state)
{
	struct desk *desk = *state;

	desk->settings.max_request_bytes = 8;
	restart(desk);
	assert_int_equal(write_request(desk, ISD, 1, "AA07" GET_IIN), ERR_LIMIT);
}

static void refuses_a_target_that_is_none(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(write_request(desk, "//aid/A0000001/51", 1, "AA07" GET_IIN), ERR_MALFORMED);
	assert_int_equal(write_request(desk, "A000000151000000", 1, "AA07" GET_IIN), ERR_MALFORMED);
	assert_int_equal(write_request(desk, "//aid/A000000151/0102030405060708090A0B0C", 1, "AA07" GET_IIN),
			 ERR_MALFORMED);
	assert_int_equal(write_request(desk, "//aid/A000000151/", 1, "AA07" GET_IIN), ERR_NONE);
}

static void keeps_the_response_until_it_is_cleared(void **state)
{
	struct desk *desk = *state;
	uint64_t other = 7, id = 1;

	run(desk, ISD, 1, "AA07" GET_IIN);
	assert_int_equal(agent_clear_response(&desk->agent, &other), ERR_MALFORMED);
	assert_int_not_equal(agent_response(&desk->agent).len, 0);
	assert_int_equal(agent_clear_response(&desk->agent, &id), ERR_NONE);
	assert_int_equal(agent_response(&desk->agent).len, 0);
	assert_int_equal(desk->agent.record.state, AGENT_IDLE);
}

static void keeps_nothing_when_no_report_is_wanted(void **state)
{
	struct desk *desk = *state;
	struct agent_write write = { .has_report_required = true, .is_report_required = false };

	assert_int_equal(agent_write(&desk->agent, &write), ERR_NONE);
	run(desk, ISD, 1, "AA07" GET_IIN);
	assert_int_equal(desk->agent.record.state, AGENT_IDLE);
	assert_int_equal(agent_response(&desk->agent).len, 0);
	assert_int_equal(desk->agent.record.executed, 1);
}

/* ---- restarts ---- */

static void keeps_request_and_response_over_a_restart(void **state)
{
	struct desk *desk = *state;
	char *before;

	assert_int_equal(write_request(desk, ISD, 1, "AA07" GET_NOTHING), ERR_NONE);
	restart(desk);
	assert_int_equal(desk->agent.record.state, AGENT_STORED);
	assert_int_equal(agent_run(&desk->agent, 0), ERR_NONE);
	run_to_end(desk);
	before = bytes_to_hex(desk->arena, agent_response(&desk->agent));
	restart(desk);
	assert_int_equal(desk->agent.record.state, AGENT_READY);
	assert_int_equal(desk->agent.record.response_id, 1);
	assert_false(desk->agent.record.is_resumed);
	assert_whole_response(desk, before);
	assert_int_equal(desk->agent.channel, 0);
}

/* Kills the agent at the `count`-th `moment` of a script of three and starts it again. */
static void kill_at(struct desk *desk, enum agent_moment moment, unsigned count)
{
	desk->stop_moment = moment;
	desk->stop_count = count;
	if (setjmp(desk->killed) == 0) {
		run(desk, ISD, 1, "AA15" GET_IIN GET_CIN GET_IIN);
		fail_msg("it should have been killed");
	}
	restart(desk);
}

static void reports_an_interruption_before_a_command(void **state)
{
	struct desk *desk = *state;

	kill_at(desk, BEFORE_COMMAND, 2);
	assert_int_equal(desk->agent.record.state, AGENT_INTERRUPTED);
	assert_true(desk->agent.record.is_resumed);
	assert_int_equal(desk->agent.record.response_id, 1);
	assert_int_equal(desk->agent.record.executed, 1);
	assert_int_equal(agent_response(&desk->agent).at[4], 1);
	assert_int_equal(agent_run(&desk->agent, 0), ERR_CONFLICT);
}

static void does_not_count_a_command_whose_answer_is_lost(void **state)
{
	struct desk *desk = *state;

	kill_at(desk, AFTER_COMMAND, 2);
	assert_int_equal(desk->agent.record.state, AGENT_INTERRUPTED);
	assert_int_equal(desk->agent.record.executed, 1);
}

static void counts_a_command_whose_answer_is_recorded(void **state)
{
	struct desk *desk = *state;

	kill_at(desk, AFTER_RECORD, 2);
	assert_int_equal(desk->agent.record.state, AGENT_INTERRUPTED);
	assert_int_equal(desk->agent.record.executed, 2);
	assert_int_equal(agent_response(&desk->agent).at[4], 2);
}

static void is_ready_after_the_last_answer_is_recorded(void **state)
{
	struct desk *desk = *state;

	kill_at(desk, AFTER_RECORD, 3);
	assert_int_equal(desk->agent.record.state, AGENT_READY);
	assert_int_equal(desk->agent.record.status, SCRIPT_OK);
	assert_false(desk->agent.record.is_resumed);
}

static void goes_on_with_a_new_id_after_an_interruption(void **state)
{
	struct desk *desk = *state;

	kill_at(desk, BEFORE_COMMAND, 1);
	assert_int_equal(write_request(desk, ISD, 1, "AA07" GET_IIN), ERR_MALFORMED);
	run(desk, ISD, 2, "AA07" GET_NOTHING);
	assert_whole_response(desk, "AB0780010123026A88");
	assert_false(desk->agent.record.is_resumed);
}

static void says_when_its_state_is_damaged(void **state)
{
	struct desk *desk = *state;
	struct fault fault = { .kind = ERR_NONE };
	FILE *file;

	assert_int_equal(write_request(desk, ISD, 1, "AA07" GET_IIN), ERR_NONE);
	agent_close(&desk->agent);
	file = fopen(desk->state_path, "w");
	fputs("nonsense", file);
	fclose(file);
	assert_int_equal(agent_open(&desk->agent, &desk->settings, &fault), ERR_MALFORMED);
	assert_string_not_equal(fault.text, "");
	unlink(desk->state_path);
	open_agent(desk);
}

/* ---- actions and chains ---- */

static void an_error_action_decides_whether_an_error_stops(void **state)
{
	struct desk *desk = *state;
	struct agent_write go_on = { .has_stop_on_error = true, .is_stop_on_error = false };

	run(desk, ISD, 1, "AE808200" GET_NOTHING GET_NOTHING "0000"); /* no action: goes on */
	assert_whole_response(desk, "AF8023026A8823026A880000");
	assert_int_equal(agent_write(&desk->agent, &go_on), ERR_NONE);
	run(desk, ISD, 2, "AE80820101" GET_NOTHING GET_NOTHING "0000"); /* one that nobody can do: stops */
	assert_whole_response(desk, "AF8023026A880000");
	run(desk, ISD, 3, "AE80820101" GET_NOTHING "0000");
	run(desk, ISD, 4, "AE808201018200" GET_NOTHING GET_NOTHING "0000"); /* the last one counts */
	assert_whole_response(desk, "AF8023026A8823026A880000");
}

static void an_error_action_works_over_a_chain(void **state)
{
	struct desk *desk = *state;

	run(desk, ISD, 1, "AE808301018200" GET_NOTHING GET_NOTHING "0000");
	assert_whole_response(desk, "AF8023026A8823026A880000");
	run(desk, ISD, 2, "AE80830103820101" GET_NOTHING GET_NOTHING "0000");
	assert_whole_response(desk, "AF8023026A880000");
}

static void a_chain_goes_on_only_where_one_began(void **state)
{
	struct desk *desk = *state;

	run(desk, ISD, 1, "AE80" GET_NOTHING "0000"); /* the channel is open, no chain is */
	run(desk, ISD, 2, "AE80830102" GET_NOTHING "0000");
	assert_whole_response(desk, "AF808301010000");
	run(desk, ISD, 3, "AE80830101" GET_NOTHING "0000");
	run(desk, ISD, 4, "AE80830102" GET_NOTHING "0000");
	assert_whole_response(desk, "AF8023026A880000");
	run(desk, ISD, 5, "AE80830103" GET_NOTHING "0000");
	assert_whole_response(desk, "AF8023026A880000");
	run(desk, ISD, 6, "AE80830102" GET_NOTHING "0000"); /* it has ended */
	assert_whole_response(desk, "AF808301010000");
}

static void a_chain_does_not_survive_a_restart(void **state)
{
	struct desk *desk = *state;

	run(desk, ISD, 1, "AE80830111" GET_NOTHING "0000"); /* one that should, is not begun */
	assert_whole_response(desk, "AF808301020000");
	run(desk, ISD, 2, "AE80830101" GET_NOTHING "0000");
	restart(desk);
	run(desk, ISD, 3, "AE80830102" GET_NOTHING "0000");
	assert_whole_response(desk, "AF808301010000");
}

/* ---- orders of SERAM 2.0.0 ---- */

#define START           "{\"ramCommandType\":\"ramStartCommand\"},"
#define SELECT          "\"00A4040008A00000015100000000\""
#define RUNS(list)      "{\"ramCommandType\":\"seRamCommand\",\"listOfCAPDU\":[" list "]}"
#define ORDER(commands) "{\"delay\":0,\"ramCommands\":[" commands "]}"
#define GET_NONE        "\"80CA5F5000\"" /* 6A88 */

/* A new start of an agent that announces both protocols. */
static void announce_orders(struct desk *desk)
{
	desk->settings.has_orders = true;
	restart(desk);
}

static enum err write_order(struct desk *desk, uint64_t id, const char *order)
{
	struct agent_write write = {
		.has_request_id = true,
		.request_id = id,
		.has_body_format = true,
		.body_format = BODY_ORDER,
		.has_request = true,
		.request = bytes_of_text(order),
	};
	enum err err = agent_check_write(&desk->agent, &write, NULL);

	return err == ERR_NONE ? agent_write(&desk->agent, &write) : err;
}

static void run_order(struct desk *desk, uint64_t id, const char *order)
{
	assert_int_equal(write_order(desk, id, order), ERR_NONE);
	assert_int_equal(agent_run(&desk->agent, 1000), ERR_NONE);
	run_to_end(desk);
}

static void assert_report(struct desk *desk, const char *expected)
{
	struct bytes response = agent_response(&desk->agent);

	if (!bytes_equal_text(response, expected))
		fail_msg("%.*s is not %s", (int)response.len, (const char *)response.at, expected);
}

static void refuses_orders_that_it_does_not_announce(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(write_order(desk, 1, ORDER(START RUNS(SELECT))), ERR_MALFORMED);
	desk->settings.has_orders = desk->settings.has_no_scripts = true;
	restart(desk);
	assert_int_equal(write_order(desk, 1, ORDER(START RUNS(SELECT))), ERR_NONE);
	assert_int_equal(write_request(desk, ISD, 2, "AE80" GET_IIN "0000"),
			 ERR_NONE); /* as the order before */
	desk->agent.record.body_format = BODY_TEMPLATES;
	assert_int_equal(write_request(desk, ISD, 3, "AE80" GET_IIN "0000"), ERR_MALFORMED);
}

static void runs_an_order_and_reports(void **state)
{
	struct desk *desk = *state;

	announce_orders(desk);
	run_order(desk, 1, ORDER(START RUNS(SELECT "," GET_NONE)));
	assert_report(desk, "{\"localAgentStatus\":{\"localAgentStatusEnum\":\"PROCESSED\","
			    "\"executedSeRamCommands\":1,\"errorMsg\":\"stopped at an error status word\"},"
			    "\"ramResponses\":[{\"ramResponseType\":\"seRamResponse\","
			    "\"listOfRAPDU\":[\"\",\"6A88\"]}]}");
	assert_int_equal(desk->agent.record.status, SCRIPT_OK);
	run_order(desk, 2, ORDER(RUNS(GET_NONE))); /* on the same channel */
	assert_int_equal(desk->agent.record.executed, 1);
}

static void reports_one_response_for_each_list(void **state)
{
	struct desk *desk = *state;
	struct agent_write go_on = { .has_stop_on_error = true, .is_stop_on_error = false };

	announce_orders(desk);
	assert_int_equal(agent_write(&desk->agent, &go_on), ERR_NONE);
	run_order(desk, 1, ORDER(START RUNS(SELECT "," GET_NONE) "," RUNS(GET_NONE)));
	assert_report(desk, "{\"localAgentStatus\":{\"localAgentStatusEnum\":\"PROCESSED\","
			    "\"executedSeRamCommands\":2},\"ramResponses\":["
			    "{\"ramResponseType\":\"seRamResponse\",\"listOfRAPDU\":[\"\",\"6A88\"]},"
			    "{\"ramResponseType\":\"seRamResponse\",\"listOfRAPDU\":[\"6A88\"]}]}");
}

static void runs_nothing_before_the_start_and_the_selection(void **state)
{
	struct desk *desk = *state;

	announce_orders(desk);
	run_order(desk, 1, ORDER(RUNS(GET_NONE)));
	assert_report(desk, "{\"localAgentStatus\":{\"localAgentStatusEnum\":\"UNKNOWN_FAILURE\","
			    "\"executedSeRamCommands\":0,\"errorMsg\":\"the session was not started\"}}");
	assert_int_equal(desk->agent.record.status, SCRIPT_TEMPORARILY_UNAVAILABLE);
	run_order(desk, 2, ORDER(START RUNS(GET_NONE)));
	assert_int_equal(desk->agent.record.status, SCRIPT_TEMPORARILY_UNAVAILABLE);
	assert_string_equal(desk->agent.error_text, "no application is selected");
}

static void a_stop_ends_the_session_without_a_report(void **state)
{
	struct desk *desk = *state;

	announce_orders(desk);
	run_order(desk, 1, ORDER(START RUNS(SELECT)));
	assert_int_not_equal(desk->agent.channel, 0);
	run_order(desk, 2,
		  ORDER("{\"ramCommandType\":\"notificationCommand\","
			"\"deviceAppNotification\":\"done\"},"
			"{\"ramCommandType\":\"ramStopCommand\"}"));
	assert_int_equal(desk->agent.channel, 0);
	assert_int_equal(desk->agent.record.state, AGENT_IDLE);
	assert_report(desk, "");
	run_order(desk, 3, ORDER(RUNS(GET_NONE)));
	assert_string_equal(desk->agent.error_text, "the session was not started");
}

static void an_order_names_its_element_or_none(void **state)
{
	struct desk *desk = *state;
	char order[300];

	announce_orders(desk);
	snprintf(order, sizeof(order),
		 "{\"chosenSecureElement\":{\"seType\":\"eSE\",\"seId\":\"%s\"},\"ramCommands\":[" START RUNS(
			 SELECT) "]}",
		 desk->agent.identifier + strlen("//se-id/CUD/"));
	run_order(desk, 1, order);
	assert_int_equal(desk->agent.record.status, SCRIPT_OK);
	run_order(desk, 2,
		  "{\"chosenSecureElement\":{\"seType\":\"eSE\",\"seId\":\"89\"},\"ramCommands\":[" RUNS(
			  GET_NONE) "]}");
	assert_int_equal(desk->agent.record.status, SCRIPT_UNAVAILABLE_SE);
	assert_report(desk, "{\"localAgentStatus\":{\"localAgentStatusEnum\":\"UNAVAILABLE_SE\","
			    "\"executedSeRamCommands\":0,"
			    "\"errorMsg\":\"the order is for another secure element\"}}");
}

static void reports_what_an_order_may_not_reach(void **state)
{
	struct desk *desk = *state;

	desk->settings.allowed_aids = "D070";
	announce_orders(desk);
	run_order(desk, 1, ORDER(START RUNS(SELECT)));
	assert_int_equal(desk->agent.record.status, SCRIPT_SECURITY_ERROR);
	assert_true(strstr((const char *)agent_response(&desk->agent).at, "UNGRANTED_ACCESS") != NULL);
	run_order(desk, 2, ORDER(START RUNS("\"00A4040005D07002CA4400\"")));
	assert_int_equal(desk->agent.record.status, SCRIPT_UNKNOWN_APPLICATION);
}

static void refuses_what_the_schema_does_not_allow(void **state)
{
	static const char *const orders[] = {
		"[]",
		"{\"ramCommands\":[]}",
		"{\"delay\":-1}",
		ORDER("{\"ramCommandType\":\"startCommand\"}"),
		ORDER(RUNS("\"80ca5f5000\"")),
		ORDER(RUNS("\"80CA5F50000\"")),
		ORDER(RUNS("\"80CA\"")),
		ORDER("{\"ramCommandType\":\"seRamCommand\"}"),
		ORDER("{\"ramCommandType\":\"notificationCommand\"}"),
		"{\"chosenSecureElement\":{\"seType\":\"sim\",\"seId\":\"89\"}}",
	};
	struct desk *desk = *state;

	announce_orders(desk);
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		run_order(desk, i + 1, orders[i]);
		if (desk->agent.record.status != SCRIPT_FORMAT_ERROR)
			fail_msg("%s is taken", orders[i]);
		assert_string_not_equal(desk->agent.error_text, "");
	}
}

static void an_order_of_nothing_is_polling(void **state)
{
	struct desk *desk = *state;

	announce_orders(desk);
	run_order(desk, 1, "{\"delay\":0}");
	assert_report(desk, "{\"localAgentStatus\":{\"localAgentStatusEnum\":\"POLLING\","
			    "\"executedSeRamCommands\":0}}");
}

static void asks_for_a_session_when_it_starts_idle(void **state)
{
	struct desk *desk = *state;

	desk->settings.wants_session = true;
	restart(desk);
	assert_int_equal(desk->agent.record.state, AGENT_WANTS_SESSION);
	assert_int_equal(agent_run(&desk->agent, 1000), ERR_CONFLICT);
	run(desk, ISD, 1, "AE80" GET_NOTHING "0000");
	restart(desk);
	assert_int_equal(desk->agent.record.state, AGENT_READY); /* there is something to fetch first */
}

/* ---- breaks ---- */

static void set_retries(struct desk *desk, uint64_t count, uint64_t delay_s)
{
	const struct agent_write write = { .has_retry_count = true,
					   .retry_count = count,
					   .has_retry_delay = true,
					   .retry_delay_s = delay_s };

	assert_int_equal(agent_write(&desk->agent, &write), ERR_NONE);
}

/* Somebody else on the device has all of them. */
static void take_channels(struct desk *desk, unsigned channels[static 3])
{
	const struct bytes issuer = hex(desk, "A000000151000000");
	uint16_t status;

	for (size_t i = 0; i < 3; i++) {
		channels[i] = 0;
		assert_int_equal(channel_open(desk->agent.se, desk->arena, issuer, &channels[i], &status),
				 ERR_NONE);
		assert_int_not_equal(channels[i], 0);
	}
}

static void reports_a_card_without_a_free_channel_after_its_retries(void **state)
{
	struct desk *desk = *state;
	unsigned channels[3];

	take_channels(desk, channels);
	set_retries(desk, 2, 5);
	assert_int_equal(write_request(desk, ISD, 1, "AE80" GET_NOTHING "0000"), ERR_NONE);
	assert_int_equal(agent_run(&desk->agent, 1000), ERR_NONE);
	assert_int_equal(agent_step(&desk->agent, 1000), 6000);
	assert_int_equal(agent_step(&desk->agent, 6000), 11000);
	assert_int_equal(agent_step(&desk->agent, 11000), -1);
	assert_int_equal(desk->agent.record.status, SCRIPT_TEMPORARILY_UNAVAILABLE);
	assert_int_equal(agent_response(&desk->agent).len, 0);
}

static void takes_a_channel_that_becomes_free(void **state)
{
	struct desk *desk = *state;
	unsigned channels[3];

	take_channels(desk, channels);
	set_retries(desk, 2, 5);
	assert_int_equal(write_request(desk, ISD, 1, "AE80" GET_NOTHING "0000"), ERR_NONE);
	assert_int_equal(agent_run(&desk->agent, 1000), ERR_NONE);
	assert_int_equal(agent_step(&desk->agent, 1000), 6000);
	channel_close(desk->agent.se, desk->arena, channels[1]);
	run_to_end(desk);
	assert_whole_response(desk, "AF8023026A880000");
}

/* One that is taken out while its script runs, then one that is not there for the next. */
static void reports_an_element_that_is_taken_out(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(write_request(desk, ISD, 1, "AE80" GET_IIN GET_IIN "0000"), ERR_NONE);
	assert_int_equal(agent_run(&desk->agent, 1000), ERR_NONE);
	while (desk->agent.record.executed == 0)
		agent_step(&desk->agent, 1000);
	card_misbehave(se_simulated_card(desk->agent.se), &(struct card_misbehaviour){ .is_mute = true });
	run_to_end(desk);
	assert_int_equal(desk->agent.record.status, SCRIPT_TEMPORARILY_UNAVAILABLE);
	assert_int_equal(desk->agent.record.executed, 1);
	assert_response(desk, "AF802308420442600001");
	desk->agent.settings.se_state = SE_ABSENT;
	run(desk, ISD, 2, "AE80" GET_IIN "0000");
	assert_int_equal(desk->agent.record.status, SCRIPT_UNAVAILABLE_SE);
	assert_int_equal(agent_response(&desk->agent).len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(runs_a_script_and_keeps_the_response),
		TEST(answers_in_the_form_of_the_request),
		TEST(names_itself_by_card_unique_data),
		TEST(stops_at_an_error_unless_told_otherwise),
		TEST(reports_a_malformed_script_without_running_any_of_it),
		TEST(reports_an_unknown_application),
		TEST(reports_an_absent_secure_element_after_its_retries),
		TEST(refuses_applications_that_are_not_allowed),
		TEST(keeps_the_channel_while_the_target_stays),
		TEST(closes_the_channel_when_the_session_ends),
		TEST(closes_an_idle_channel_in_time),
		TEST(answers_control_elements_itself),
		TEST(cuts_a_response_that_grows_too_long),
		TEST(takes_raw_commands),
		TEST(refuses_an_instruction_on_request),
		TEST(reports_a_card_that_stops_answering),
		TEST(refuses_to_run_without_a_request),
		TEST(refuses_a_request_without_a_new_id),
		TEST(never_runs_the_same_id_twice),
		TEST(takes_a_request_again_before_it_ran),
		TEST(refuses_writes_while_it_runs),
		TEST(refuses_a_request_that_is_too_long),
		TEST(refuses_a_target_that_is_none),
		TEST(keeps_the_response_until_it_is_cleared),
		TEST(keeps_nothing_when_no_report_is_wanted),
		TEST(keeps_request_and_response_over_a_restart),
		TEST(reports_an_interruption_before_a_command),
		TEST(does_not_count_a_command_whose_answer_is_lost),
		TEST(counts_a_command_whose_answer_is_recorded),
		TEST(is_ready_after_the_last_answer_is_recorded),
		TEST(goes_on_with_a_new_id_after_an_interruption),
		TEST(says_when_its_state_is_damaged),
		TEST(an_error_action_decides_whether_an_error_stops),
		TEST(an_error_action_works_over_a_chain),
		TEST(a_chain_goes_on_only_where_one_began),
		TEST(a_chain_does_not_survive_a_restart),
		TEST(refuses_orders_that_it_does_not_announce),
		TEST(runs_an_order_and_reports),
		TEST(reports_one_response_for_each_list),
		TEST(runs_nothing_before_the_start_and_the_selection),
		TEST(a_stop_ends_the_session_without_a_report),
		TEST(an_order_names_its_element_or_none),
		TEST(reports_what_an_order_may_not_reach),
		TEST(refuses_what_the_schema_does_not_allow),
		TEST(an_order_of_nothing_is_polling),
		TEST(asks_for_a_session_when_it_starts_idle),
		TEST(reports_a_card_without_a_free_channel_after_its_retries),
		TEST(takes_a_channel_that_becomes_free),
		TEST(reports_an_element_that_is_taken_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
