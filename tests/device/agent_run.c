#include "agent_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_body.h"
#include "agent_record.h"
#include "channel.h"
#include "log.h"

#define RUN_BYTES_MAX    (1 << 20)
#define ANSWER_OVERHEAD  64     /* template, count and end around the R-APDU TLVs, and one TLV header */
#define STATUS_CUT_SHORT 0x62F1 /* response data were cut to fit, the rest was not executed */

/* What an Error Action makes of resource 22 [memory]: one without a value goes on, one that would do
 * something cannot be carried out and stops. */
enum on_error { AS_SET, GO_ON, STOP };

struct run {
	struct arena *script_arena, *step_arena;
	struct script script;
	const struct agent_body *body;
	struct builder answers;
	size_t answer_bytes; /* as the response shows them */
	size_t lists;        /* of an order, that were executed */
	struct script_end end;
	size_t next, executed; /* elements of the script; C-APDUs are counted in the record */
	bool is_parsed, is_connected;
	bool is_continued; /* on the channel of the script before */
	bool is_stopped;   /* by an order: nobody wants a response */
	enum on_error on_error;
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

void agent_close_channel(struct agent *agent)
{
	struct arena *arena;

	if (!agent_has_channel(agent))
		return;
	arena = arena_create(4096);
	if (arena != NULL && agent->channel != 0)
		channel_close(agent->se, arena, agent->channel);
	arena_free(arena);
	agent->channel = 0;
	agent->is_chained = false;
	agent->channel_target[0] = '\0';
	agent->settings.changed(agent->settings.arg, AGENT_CHANNEL);
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
static int64_t finish(struct agent *agent, enum script_status status, const char *reason)
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

void target_print(struct bytes aid, char ret_target[static AGENT_TARGET_MAX])
{
	int len = snprintf(ret_target, AGENT_TARGET_MAX, "//aid/");

	for (size_t i = 0; i < aid.len && i < CARD_AID_MAX; i++)
		len += snprintf(ret_target + len, AGENT_TARGET_MAX - (size_t)len, i == 5 ? "/%02X" : "%02X",
				aid.at[i]);
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

/* Whether the application may be reached. False: `ret_next_ms` says when to go on, or that the script has
 * ended. */
static bool may_open(struct agent *agent, int64_t now_ms, struct bytes aid, int64_t *ret_next_ms)
{
	if (!is_allowed(agent, aid, agent->run->step_arena))
		*ret_next_ms = finish(agent, SCRIPT_SECURITY_ERROR,
				      "the application is not on the list of allowed ones");
	else if (agent->settings.se_state != SE_PRESENT)
		*ret_next_ms =
			retry(agent, now_ms, SCRIPT_UNAVAILABLE_SE, "the secure element cannot be reached");
	else
		return true;
	return false;
}

/* A channel with the application selected, in place of the one that is open. False as above. */
static bool open_application(struct agent *agent, int64_t now_ms, struct bytes aid, int64_t *ret_next_ms)
{
	uint16_t status = 0;
	enum err err;

	agent_close_channel(agent);
	err = channel_open(agent->se, agent->run->step_arena, aid, &agent->channel, &status);
	if (err != ERR_NONE && se_reset(agent->se) != ERR_NONE) {
		*ret_next_ms = finish(agent, SCRIPT_UNAVAILABLE_SE, "the secure element does not start");
		return false;
	}
	if (err != ERR_NONE) {
		*ret_next_ms =
			retry(agent, now_ms, SCRIPT_UNAVAILABLE_SE, "the secure element does not answer");
		return false;
	}
	if (agent->channel == 0) {
		*ret_next_ms = open_refused(agent, now_ms, status);
		return false;
	}
	target_print(aid, agent->channel_target);
	agent->settings.changed(agent->settings.arg, AGENT_CHANNEL);
	return true;
}

/* Commands to the card itself, as a terminal gives them: an agent that has a list of applications lets nobody
 * do that. */
static int64_t open_basic_channel(struct agent *agent, int64_t now_ms)
{
	int64_t next_ms = now_ms;

	if (!may_open(agent, now_ms, bytes_of(NULL, 0), &next_ms))
		return next_ms;
	agent->run->is_connected = true;
	if (agent_has_channel(agent) && strcmp(agent->channel_target, BASIC_CHANNEL) == 0) {
		agent->run->is_continued = true;
		return now_ms;
	}
	agent_close_channel(agent);
	memcpy(agent->channel_target, BASIC_CHANNEL, sizeof(BASIC_CHANNEL));
	agent->settings.changed(agent->settings.arg, AGENT_CHANNEL);
	return now_ms;
}

/* A channel with the target selected, the one that is still open if it has the same target. */
static int64_t open_target(struct agent *agent, int64_t now_ms)
{
	struct run *run = agent->run;
	uint8_t aid[CARD_AID_MAX];
	char target[AGENT_TARGET_MAX];
	size_t aid_len;
	int64_t next_ms = now_ms;

	if (strcmp(agent->record.target, BASIC_CHANNEL) == 0)
		return open_basic_channel(agent, now_ms);
	if (!target_parse(bytes_of_text(agent->record.target), aid, &aid_len))
		return finish(agent, SCRIPT_UNKNOWN_APPLICATION, "no application is targeted");
	if (!may_open(agent, now_ms, bytes_of(aid, aid_len), &next_ms))
		return next_ms;
	target_print(bytes_of(aid, aid_len), target);
	run->is_continued = agent->channel != 0 && strcmp(agent->channel_target, target) == 0;
	if (!run->is_continued && !open_application(agent, now_ms, bytes_of(aid, aid_len), &next_ms))
		return next_ms;
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
	int64_t next_ms = finish(agent, status, reason);

	agent->settings.moment(agent->settings.arg, AFTER_RECORD);
	return next_ms;
}

static bool stops_at_error(const struct agent *agent)
{
	return agent->run->on_error == AS_SET ? agent->record.is_stop_on_error : agent->run->on_error == STOP;
}

/* Of an order: the last command of a list is behind us. */
static void count_lists(struct run *run)
{
	if (run->next == run->script.count || run->script.commands[run->next].tag != SCRIPT_COMMAND_APDU ||
	    run->script.commands[run->next].list != run->script.commands[run->next - 1].list)
		run->lists++;
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
		agent->is_chained = false;
		agent->channel_target[0] = '\0';
		settings->changed(settings->arg, AGENT_CHANNEL);
		if (se_reset(agent->se) != ERR_NONE)
			settings->se_state = SE_ERROR;
		return finish(agent, SCRIPT_TEMPORARILY_UNAVAILABLE, "the secure element stopped answering");
	}
	settings->moment(settings->arg, AFTER_COMMAND);
	status = keep_answer(agent, answer);
	run->executed++;
	run->next++;
	count_lists(run);
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
		return finish(agent, SCRIPT_TEMPORARILY_UNAVAILABLE, "no room to record the answer");
	settings->moment(settings->arg, AFTER_RECORD);
	settings->changed(settings->arg, AGENT_PROGRESS);
	return now_ms + settings->command_delay_ms;
}

/* Commands of a SERAM 2.0.0 session. */
static bool is_select(struct bytes command)
{
	return command.len > 5 && command.at[0] == 0x00 && command.at[1] == 0xA4 && command.at[2] == 0x04 &&
	       command.at[3] == 0x00;
}

/* By the call that opens a channel, which has no R-APDU. */
static int64_t select_application(struct agent *agent, int64_t now_ms, struct bytes command)
{
	struct run *run = agent->run;
	const struct bytes aid = bytes_first(bytes_from(command, 5), command.at[4]);
	int64_t next_ms;

	if (!may_open(agent, now_ms, aid, &next_ms) || !open_application(agent, now_ms, aid, &next_ms))
		return next_ms;
	run->body->build_answer(&run->answers, run->script.commands[run->next].list, bytes_of(NULL, 0));
	run->answer_bytes += run->body->answer_size(0);
	run->executed++;
	run->next++;
	count_lists(run);
	return run->next == run->script.count ? finish(agent, SCRIPT_OK, "") : now_ms;
}

static int64_t transmit_of_session(struct agent *agent, int64_t now_ms, struct bytes command)
{
	if (!agent->is_started)
		return finish(agent, SCRIPT_TEMPORARILY_UNAVAILABLE, "the session was not started");
	if (is_select(command))
		return select_application(agent, now_ms, command);
	if (agent->channel == 0)
		return finish(agent, SCRIPT_TEMPORARILY_UNAVAILABLE, "no application is selected");
	return transmit_next(agent, now_ms, command);
}

/* ---- what is not an APDU never reaches the card: the agent answers for it ---- */

static int64_t go_on(struct agent *agent, int64_t now_ms)
{
	return agent->run->next == agent->run->script.count ? finish(agent, SCRIPT_OK, "") : now_ms;
}

static int64_t refuse_action(struct agent *agent, int64_t now_ms, struct bytes value)
{
	(void)now_ms, (void)value;
	agent->run->end = SCRIPT_END_NO_SUSPENSION;
	return finish(agent, SCRIPT_OK, "immediate actions are not supported");
}

static int64_t set_error_action(struct agent *agent, int64_t now_ms, struct bytes value)
{
	agent->run->on_error = value.len == 0 ? GO_ON : STOP;
	return go_on(agent, now_ms);
}

/* A chain lives as long as its channel; over a reset of the card the agent cannot keep it. */
static int64_t chain_script(struct agent *agent, int64_t now_ms, struct bytes value)
{
	struct run *run = agent->run;
	const bool is_first = value.at[0] == CHAIN_FIRST;

	if (value.at[0] == CHAIN_FIRST_KEPT) {
		run->end = SCRIPT_END_NO_CHAINING;
		return finish(agent, SCRIPT_OK, "no chain is kept over a reset of the card");
	}
	if (!is_first && !(agent->is_chained && run->is_continued)) {
		run->end = SCRIPT_END_NO_PREVIOUS;
		return finish(agent, SCRIPT_OK, "there is no script to continue");
	}
	agent->is_chained = value.at[0] != CHAIN_LAST;
	return go_on(agent, now_ms);
}

static int64_t start_session(struct agent *agent, int64_t now_ms, struct bytes value)
{
	(void)value;
	agent_close_channel(agent);
	agent->is_started = true;
	return go_on(agent, now_ms);
}

static int64_t notify_application(struct agent *agent, int64_t now_ms, struct bytes value)
{
	log_info("agent.notification", "text=%.*s", (int)value.len, (const char *)value.at);
	return go_on(agent, now_ms);
}

static int64_t stop_session(struct agent *agent, int64_t now_ms, struct bytes value)
{
	(void)now_ms, (void)value;
	agent_close_channel(agent);
	agent->is_started = false;
	agent->run->is_stopped = true;
	return finish(agent, SCRIPT_OK, "");
}

static int64_t obey_control(struct agent *agent, int64_t now_ms, const struct script_command *command)
{
	static const struct {
		enum script_tag tag;
		int64_t (*obey)(struct agent *agent, int64_t now_ms, struct bytes value);
	} rows[] = {
		{ SCRIPT_IMMEDIATE_ACTION, refuse_action },  { SCRIPT_ERROR_ACTION, set_error_action },
		{ SCRIPT_CHAINING, chain_script },           { SCRIPT_START, start_session },
		{ SCRIPT_NOTIFICATION, notify_application }, { SCRIPT_STOP, stop_session },
	};
	size_t row = 0;

	while (rows[row].tag != command->tag)
		row++;
	agent->run->executed++;
	agent->run->next++;
	return rows[row].obey(agent, now_ms, command->value);
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
		return finish(agent, SCRIPT_FORMAT_ERROR, fault.text);
	if (err != ERR_NONE)
		return finish(agent, SCRIPT_TEMPORARILY_UNAVAILABLE, "no memory for the script");
	if (!is_own_element(agent, run->script.element_id))
		return finish(agent, SCRIPT_UNAVAILABLE_SE, "the order is for another secure element");
	if (!run->body->selects_by_command)
		return open_target(agent, now_ms);
	run->is_connected = true;
	return now_ms;
}

static int64_t do_next(struct agent *agent, int64_t now_ms)
{
	struct run *run = agent->run;
	const struct script_command *command;

	if (!run->is_connected)
		return run->is_parsed ? open_target(agent, now_ms) : begin_script(agent, now_ms);
	if (run->script.count == 0)
		return finish(agent, SCRIPT_OK, "");
	command = &run->script.commands[run->next];
	if (command->tag == SCRIPT_COMMAND_APDU)
		return run->body->selects_by_command ? transmit_of_session(agent, now_ms, command->value)
						     : transmit_next(agent, now_ms, command->value);
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
