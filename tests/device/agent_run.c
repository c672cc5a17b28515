#include "agent_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_record.h"
#include "channel.h"

#define RUN_BYTES_MAX    (1 << 20)
#define ANSWER_OVERHEAD  64     /* template, count and end around the R-APDU TLVs, and one TLV header */
#define STATUS_CUT_SHORT 0x62F1 /* response data were cut to fit, the rest was not executed */

/* ---- begin and end ---- */

enum err run_create(const struct agent *agent, int64_t now_ms, struct run **ret_run)
{
	struct run *run = calloc(1, sizeof(*run));

	if (run == NULL)
		return ERR_NOMEM;
	run->script_arena = arena_create(RUN_BYTES_MAX);
	run->step_arena = arena_create(RUN_BYTES_MAX);
	if (run->script_arena == NULL || run->step_arena == NULL) {
		run_free(run);
		return ERR_NOMEM;
	}
	run->answers = builder_in(run->script_arena);
	run->body = agent_body_of(agent->record.body_format);
	run->due_ms = now_ms;
	*ret_run = run;
	return ERR_NONE;
}

void run_free(struct run *run)
{
	if (run == NULL)
		return;
	arena_free(run->script_arena);
	arena_free(run->step_arena);
	free(run);
}

/* Puts what is known by now into the record: the response around the answers so far. */
static enum err record_response(struct agent *agent, enum script_status status, const char *error)
{
	struct run *run = agent->run;
	struct builder b = builder_in(run->step_arena);
	const struct agent_outcome outcome = {
		.is_indefinite = run->script.is_indefinite,
		.executed = run->executed,
		.lists = run->lists,
		.answers = bytes_of(run->answers.at, run->answers.len),
		.end = run->end,
		.status = status,
		.error = error,
	};
	struct bytes response;
	enum err err;

	run->body->build_response(&b, &outcome);
	err = builder_bytes(&b, &response);
	return err == ERR_NONE && !run->answers.bad ? buffer_set(&agent->record.response, response)
						    : ERR_NOMEM;
}

static bool has_response(const struct run *run, enum script_status status)
{
	return !run->is_stopped &&
	       (status == SCRIPT_OK || run->executed > 0 || run->end.tag != 0 || run->body->reports_always);
}

/* The end of the script: status, response, id and state change together. */
int64_t run_finish(struct agent *agent, enum script_status status, const char *reason)
{
	struct agent_record *record = &agent->record;
	const bool is_reported = record->is_report_required && !agent->run->is_stopped;

	if (has_response(agent->run, status) && is_reported) {
		if (record_response(agent, status, reason) != ERR_NONE)
			reason = "no memory for the response";
	} else {
		buffer_clear(&record->response);
	}
	snprintf(agent->error_text, sizeof(agent->error_text), "%s", reason);
	record->status = status;
	record->state = is_reported ? AGENT_READY : AGENT_IDLE;
	if (agent_record_store(record, agent->settings.state_path) != ERR_NONE)
		snprintf(agent->error_text, sizeof(agent->error_text), "the response could not be stored");
	run_free(agent->run);
	agent->run = NULL;
	agent->settings.changed(agent->settings.arg, AGENT_OUTCOME);
	return -1;
}

/* ---- the commands ---- */

static bool is_refused(const struct agent *agent, struct bytes command, uint16_t *ret_status)
{
	for (size_t i = 0; i < agent->settings.refusal_count; i++) {
		if (agent->settings.refusals[i].instruction == command.at[1]) {
			*ret_status = agent->settings.refusals[i].status;
			return true;
		}
	}
	return false;
}

static enum err ask_card(struct agent *agent, struct bytes command, struct bytes *ret_answer)
{
	struct run *run = agent->run;
	uint16_t status;

	if (is_refused(agent, command, &status)) {
		struct builder b = builder_in(run->step_arena);
		build_u16(&b, status);
		return builder_bytes(&b, ret_answer);
	}
	return channel_transmit(agent->se, run->step_arena, agent->channel, command, ret_answer);
}

/* Good, and the warnings after which a script goes on: TS 102 226 leaves it open, so resource 22 decides
 * [design]. */
static bool is_good(uint16_t status)
{
	return status == 0x9000 || status >> 8 == 0x61 || status >> 8 == 0x63 ||
	       (status >> 8 == 0x62 && status != STATUS_CUT_SHORT);
}

/* Appends the answer; cut to what the response may still hold. */
static uint16_t keep_answer(struct agent *agent, struct bytes answer)
{
	struct run *run = agent->run;
	size_t used = run->answer_bytes + run->body->answer_size(answer.len) + ANSWER_OVERHEAD;
	uint16_t status = answer_status(answer);

	if (used > agent->settings.max_response_bytes) {
		size_t excess = used - agent->settings.max_response_bytes;
		size_t data_len = answer.len - 2;
		struct builder cut = builder_in(run->step_arena);

		build_bytes(&cut, bytes_first(answer, data_len > excess ? data_len - excess : 0));
		build_u16(&cut, STATUS_CUT_SHORT);
		answer = bytes_of(cut.at, cut.len);
		status = STATUS_CUT_SHORT;
		run->answers.bad |= cut.bad;
	}
	run->body->build_answer(&run->answers, run->script.commands[run->next].list, answer);
	run->answer_bytes += run->body->answer_size(answer.len);
	return status;
}

static int64_t finish_after_command(struct agent *agent, enum script_status status, const char *reason)
{
	int64_t next_ms = run_finish(agent, status, reason);

	agent->settings.moment(agent->settings.arg, AFTER_RECORD);
	return next_ms;
}

static bool stops_at_error(const struct agent *agent)
{
	return agent->run->on_error == AS_SET ? agent->record.is_stop_on_error : agent->run->on_error == STOP;
}

/* Of an order: the last command of a list is behind us. */
void run_count_lists(struct run *run)
{
	if (run->next == run->script.count || run->script.commands[run->next].tag != SCRIPT_COMMAND_APDU ||
	    run->script.commands[run->next].list != run->script.commands[run->next - 1].list)
		run->lists++;
}

int64_t run_transmit(struct agent *agent, int64_t now_ms, struct bytes command)
{
	struct agent_settings *settings = &agent->settings;
	struct run *run = agent->run;
	struct bytes answer;
	uint16_t status;
	enum err err;

	settings->moment(settings->arg, BEFORE_COMMAND);
	err = ask_card(agent, command, &answer);
	if (err != ERR_NONE) {
		agent->channel = 0; /* went with the card's power */
		agent->is_chained = false;
		agent->channel_target[0] = '\0';
		settings->changed(settings->arg, AGENT_CHANNEL);
		if (se_reset(agent->se) != ERR_NONE)
			settings->se_state = SE_ERROR;
		return run_finish(agent, SCRIPT_TEMPORARILY_UNAVAILABLE,
				  "the secure element stopped answering");
	}
	settings->moment(settings->arg, AFTER_COMMAND);
	status = keep_answer(agent, answer);
	run->executed++;
	run->next++;
	run_count_lists(run);
	agent->record.executed++;
	agent->last_use_ms = now_ms;
	if (status == STATUS_CUT_SHORT)
		return finish_after_command(agent, SCRIPT_OK, "the response is full");
	if (stops_at_error(agent) && !is_good(status))
		return finish_after_command(agent, SCRIPT_OK, "stopped at an error status word");
	if (run->next == run->script.count)
		return finish_after_command(agent, SCRIPT_OK, "");
	if (record_response(agent, SCRIPT_OK, "") != ERR_NONE ||
	    agent_record_store(&agent->record, settings->state_path) != ERR_NONE)
		return run_finish(agent, SCRIPT_TEMPORARILY_UNAVAILABLE, "no room to record the answer");
	settings->moment(settings->arg, AFTER_RECORD);
	settings->changed(settings->arg, AGENT_PROGRESS);
	return now_ms + settings->command_delay_ms;
}

/* An order may name the element by its whole identifier or by the value in it. */
static bool is_own_element(const struct agent *agent, const char *id)
{
	const char *value = strrchr(agent->identifier, '/');

	return id == NULL || strcmp(id, agent->identifier) == 0 ||
	       (value != NULL && strcmp(id, value + 1) == 0);
}

static int64_t begin_script(struct agent *agent, int64_t now_ms)
{
	struct run *run = agent->run;
	struct fault fault = { .kind = ERR_NONE };
	enum err err = run->body->parse(run->script_arena, buffer_bytes(&agent->record.request), &run->script,
					&run->end, &fault);

	run->is_parsed = err == ERR_NONE;
	if (err == ERR_MALFORMED)
		return run_finish(agent, SCRIPT_FORMAT_ERROR, fault.text);
	if (err != ERR_NONE)
		return run_finish(agent, SCRIPT_TEMPORARILY_UNAVAILABLE, "no memory for the script");
	if (!is_own_element(agent, run->script.element_id))
		return run_finish(agent, SCRIPT_UNAVAILABLE_SE, "the order is for another secure element");
	if (!run->body->selects_by_command)
		return run_open_target(agent, now_ms);
	run->is_connected = true;
	return now_ms;
}

static int64_t do_next(struct agent *agent, int64_t now_ms)
{
	struct run *run = agent->run;
	const struct script_command *command;

	if (!run->is_connected)
		return run->is_parsed ? run_open_target(agent, now_ms) : begin_script(agent, now_ms);
	if (run->script.count == 0)
		return run_finish(agent, SCRIPT_OK, "");
	command = &run->script.commands[run->next];
	if (command->tag == SCRIPT_COMMAND_APDU)
		return run->body->selects_by_command ? run_transmit_in_session(agent, now_ms, command->value)
						     : run_transmit(agent, now_ms, command->value);
	return run_obey(agent, now_ms, command);
}

int64_t run_step(struct agent *agent, int64_t now_ms)
{
	int64_t next_ms;

	if (now_ms < agent->run->due_ms)
		return agent->run->due_ms;
	arena_reset(agent->run->step_arena);
	next_ms = do_next(agent, now_ms);
	if (agent->run != NULL)
		agent->run->due_ms = next_ms;
	return next_ms;
}
