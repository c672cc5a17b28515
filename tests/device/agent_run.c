#include "agent_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_record.h"
#include "channel.h"

#define RUN_BYTES_MAX    (1 << 20)
#define ANSWER_OVERHEAD  64     /* template, count and end around the R-APDU TLVs, and one TLV header */
#define STATUS_CUT_SHORT 0x62F1 /* response data were cut to fit, the rest was not executed */

struct run {
	struct arena *script_arena, *step_arena;
	struct script script;
	bool is_raw; /* body format 2: one C-APDU, the answer is the R-APDU */
	struct builder answers;
	struct script_end end;
	size_t next, executed; /* elements of the script; C-APDUs are counted in the record */
	bool is_connected;
	bool is_continued; /* on the channel of the script before */
	unsigned tries;
	int64_t due_ms;
};

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
	run->is_raw = agent->record.body_format == BODY_RAW_APDU;
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

void agent_close_channel(struct agent *agent)
{
	struct arena *arena;

	if (agent->channel == 0)
		return;
	arena = arena_create(4096);
	if (arena != NULL)
		channel_close(agent->se, arena, agent->channel);
	arena_free(arena);
	agent->channel = 0;
	agent->channel_target[0] = '\0';
	agent->settings.changed(agent->settings.arg, AGENT_CHANNEL);
}

/* Puts what is known by now into the record: the response template around the answers so far. */
static enum err record_response(struct agent *agent)
{
	struct run *run = agent->run;
	struct builder b = builder_in(run->step_arena);
	struct bytes response;
	enum err err;

	if (run->is_raw)
		build_bytes(&b, bytes_of(run->answers.at, run->answers.len));
	else
		build_script_response(&b, run->script.is_indefinite, run->executed,
				      bytes_of(run->answers.at, run->answers.len), run->end);
	err = builder_bytes(&b, &response);
	return err == ERR_NONE && !run->answers.bad ? buffer_set(&agent->record.response, response)
						    : ERR_NOMEM;
}

/* The end of the script: status, response, id and state change together. */
static int64_t finish(struct agent *agent, enum script_status status, const char *reason)
{
	struct agent_record *record = &agent->record;
	bool has_response = status == SCRIPT_OK || agent->run->executed > 0 || agent->run->end.tag != 0;

	if (has_response && record->is_report_required) {
		if (record_response(agent) != ERR_NONE)
			reason = "no memory for the response";
	} else {
		buffer_clear(&record->response);
	}
	snprintf(agent->error_text, sizeof(agent->error_text), "%s", reason);
	record->status = status;
	record->state = record->is_report_required ? AGENT_READY : AGENT_IDLE;
	if (agent_record_store(record, agent->settings.state_path) != ERR_NONE)
		snprintf(agent->error_text, sizeof(agent->error_text), "the response could not be stored");
	run_free(agent->run);
	agent->run = NULL;
	agent->settings.changed(agent->settings.arg, AGENT_OUTCOME);
	return -1;
}

/* ---- the target ---- */

bool target_parse(struct bytes target, uint8_t ret_aid[CARD_AID_MAX], size_t *ret_len)
{
	static const char prefix[] = "//aid/";
	struct reader r = reader_of(target);
	size_t digits = 0;
	char hex[2 * CARD_AID_MAX + 1];
	struct arena *arena;
	struct bytes aid;
	bool is_aid = false;

	if (!bytes_equal_text(read_bytes(&r, strlen(prefix)), prefix))
		return false;
	while (reader_left(&r) > 0) {
		char digit = (char)read_u8(&r);
		if (digit == '/' && digits == 10) /* between RID and PIX */
			continue;
		if (digits == sizeof(hex) - 1)
			return false;
		hex[digits++] = digit;
	}
	hex[digits] = '\0';
	arena = arena_create(256);
	if (arena != NULL && digits >= 10 && bytes_from_hex(arena, hex, &aid) == ERR_NONE) {
		memcpy(ret_aid, aid.at, aid.len);
		*ret_len = aid.len;
		is_aid = true;
	}
	arena_free(arena);
	return is_aid;
}

/* The beginnings in settings.allowed_aids, as hexadecimal. */
static bool is_allowed(const struct agent *agent, struct bytes aid, struct arena *arena)
{
	const char *list = agent->settings.allowed_aids;
	const char *hex = bytes_to_hex(arena, aid);

	if (list == NULL || *list == '\0')
		return true;
	for (const char *at = list; hex != NULL && *at != '\0';) {
		size_t len = strcspn(at, ",");
		if (len > 0 && strncasecmp(at, hex, len) == 0)
			return true;
		at += len;
		at += strspn(at, ",");
	}
	return false;
}

/* Another try later, as resources 23 and 24 say; or the end. */
static int64_t retry(struct agent *agent, int64_t now_ms, enum script_status status, const char *reason)
{
	struct run *run = agent->run;

	if (run->tries >= agent->record.retry_count)
		return finish(agent, status, reason);
	run->tries++;
	run->due_ms = now_ms + (int64_t)agent->record.retry_delay_s * 1000;
	return run->due_ms;
}

static int64_t open_refused(struct agent *agent, int64_t now_ms, uint16_t status)
{
	char reason[64];

	snprintf(reason, sizeof(reason), "the card refused channel or selection with %04X", status);
	if (status == 0x6A82)
		return finish(agent, SCRIPT_UNKNOWN_APPLICATION, reason);
	return retry(agent, now_ms, SCRIPT_TEMPORARILY_UNAVAILABLE, reason);
}

/* A channel with the target selected, the one that is still open if it has the same target. */
static int64_t open_target(struct agent *agent, int64_t now_ms)
{
	struct run *run = agent->run;
	uint8_t aid[CARD_AID_MAX];
	size_t aid_len;
	uint16_t status = 0;
	enum err err;

	if (!target_parse(bytes_of_text(agent->record.target), aid, &aid_len))
		return finish(agent, SCRIPT_UNKNOWN_APPLICATION, "no application is targeted");
	if (!is_allowed(agent, bytes_of(aid, aid_len), run->step_arena))
		return finish(agent, SCRIPT_SECURITY_ERROR,
			      "the application is not on the list of allowed ones");
	if (agent->settings.se_state != SE_PRESENT)
		return retry(agent, now_ms, SCRIPT_UNAVAILABLE_SE, "the secure element cannot be reached");
	if (agent->channel != 0 && strcmp(agent->channel_target, agent->record.target) == 0) {
		run->is_connected = run->is_continued = true;
		return now_ms;
	}
	agent_close_channel(agent);
	err = channel_open(agent->se, run->step_arena, bytes_of(aid, aid_len), &agent->channel, &status);
	if (err != ERR_NONE) {
		if (se_reset(agent->se) != ERR_NONE)
			return finish(agent, SCRIPT_UNAVAILABLE_SE, "the secure element does not start");
		return retry(agent, now_ms, SCRIPT_UNAVAILABLE_SE, "the secure element does not answer");
	}
	if (agent->channel == 0)
		return open_refused(agent, now_ms, status);
	memcpy(agent->channel_target, agent->record.target, sizeof(agent->channel_target));
	agent->settings.changed(agent->settings.arg, AGENT_CHANNEL);
	run->is_connected = true;
	return now_ms;
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
	size_t used = run->answers.len + answer.len + ANSWER_OVERHEAD;
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
	if (run->is_raw)
		build_bytes(&run->answers, answer);
	else
		build_script_answer(&run->answers, answer);
	return status;
}

static int64_t finish_after_command(struct agent *agent, enum script_status status, const char *reason)
{
	int64_t next_ms = finish(agent, status, reason);

	agent->settings.moment(agent->settings.arg, AFTER_RECORD);
	return next_ms;
}

static int64_t transmit_next(struct agent *agent, int64_t now_ms, struct bytes command)
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
		settings->changed(settings->arg, AGENT_CHANNEL);
		if (se_reset(agent->se) != ERR_NONE)
			settings->se_state = SE_ERROR;
		return finish(agent, SCRIPT_TEMPORARILY_UNAVAILABLE, "the secure element stopped answering");
	}
	settings->moment(settings->arg, AFTER_COMMAND);
	status = keep_answer(agent, answer);
	run->executed++;
	run->next++;
	agent->record.executed++;
	agent->last_use_ms = now_ms;
	if (status == STATUS_CUT_SHORT)
		return finish_after_command(agent, SCRIPT_OK, "the response is full");
	if (agent->record.is_stop_on_error && !is_good(status))
		return finish_after_command(agent, SCRIPT_OK, "stopped at an error status word");
	if (run->next == run->script.count)
		return finish_after_command(agent, SCRIPT_OK, "");
	if (record_response(agent) != ERR_NONE ||
	    agent_record_store(&agent->record, settings->state_path) != ERR_NONE)
		return finish(agent, SCRIPT_TEMPORARILY_UNAVAILABLE, "no room to record the answer");
	settings->moment(settings->arg, AFTER_RECORD);
	settings->changed(settings->arg, AGENT_PROGRESS);
	return now_ms + settings->command_delay_ms;
}

/* What is not an APDU never reaches the card: the agent answers for it. */
static int64_t obey_control(struct agent *agent, int64_t now_ms, const struct script_command *command)
{
	struct run *run = agent->run;

	run->executed++;
	run->next++;
	if (command->tag == SCRIPT_IMMEDIATE_ACTION) {
		run->end = SCRIPT_END_NO_SUSPENSION;
		return finish(agent, SCRIPT_OK, "immediate actions are not supported");
	}
	if (command->tag == SCRIPT_CHAINING && (command->value.at[0] & 0x02) && !run->is_continued) {
		run->end = SCRIPT_END_NO_PREVIOUS;
		return finish(agent, SCRIPT_OK, "there is no script to continue");
	}
	if (run->next == run->script.count)
		return finish(agent, SCRIPT_OK, "");
	return now_ms;
}

static enum err parse_request(struct agent *agent, struct fault *fault)
{
	struct run *run = agent->run;
	struct bytes request = buffer_bytes(&agent->record.request);
	enum script_bad_format bad_format = BAD_FORMAT_WRONG_LENGTH;
	struct builder template = builder_in(run->script_arena);
	enum err err;

	if (run->is_raw) { /* the C-APDU as a script of one */
		struct builder content = builder_in(run->script_arena);
		build_u8(&content, SCRIPT_COMMAND_APDU);
		build_u8(&content, 0x82);
		build_u16(&content, (uint16_t)request.len);
		build_bytes(&content, request);
		build_u8(&template, 0xAA);
		build_u8(&template, 0x82);
		build_u16(&template, (uint16_t)content.len);
		build_bytes(&template, bytes_of(content.at, content.len));
		template.bad |= content.bad || request.len > 512;
		err = builder_bytes(&template, &request);
		if (err != ERR_NONE)
			return fault_set(fault, ERR_MALFORMED, "longer than a C-APDU can be");
	}
	err = script_parse(run->script_arena, request, &run->script, &bad_format, fault);
	if (err == ERR_MALFORMED && !run->is_raw)
		run->end = SCRIPT_END_BAD_FORMAT((uint8_t)bad_format);
	return err;
}

static int64_t begin_script(struct agent *agent, int64_t now_ms)
{
	struct fault fault = { .kind = ERR_NONE };
	enum err err = parse_request(agent, &fault);

	if (err == ERR_MALFORMED)
		return finish(agent, SCRIPT_FORMAT_ERROR, fault.text);
	if (err != ERR_NONE)
		return finish(agent, SCRIPT_TEMPORARILY_UNAVAILABLE, "no memory for the script");
	return open_target(agent, now_ms);
}

static int64_t do_next(struct agent *agent, int64_t now_ms)
{
	struct run *run = agent->run;
	const struct script_command *command;

	if (!run->is_connected)
		return run->script.count == 0 ? begin_script(agent, now_ms) : open_target(agent, now_ms);
	if (run->script.count == 0)
		return finish(agent, SCRIPT_OK, "");
	command = &run->script.commands[run->next];
	if (command->tag == SCRIPT_COMMAND_APDU)
		return transmit_next(agent, now_ms, command->value);
	return obey_control(agent, now_ms, command);
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
