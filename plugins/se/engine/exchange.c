#include "engine/exchange.h"

#include <inttypes.h>

#include "channel/channel.h"
#include "channel/key_memory.h"
#include "inventory/inventory.h"

#define TRACE_SERAM "seram" /* what carries the commands, and what the agent says of it */

/* ---- the job's trace ---- */

/* Without the bytes: those of the commands stand in lines of their own, and some are nobody's to read. */
static void trace_body(struct task *task, const char *direction, const char *text)
{
	if (task_is_good(task, text == NULL ? ERR_NOMEM : ERR_NONE))
		task_is_good(task, task->plugin->api->trace(task->out, TRACE_SERAM, direction, text,
							    bytes_of(NULL, 0)));
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static void trace_request(struct task *task, const struct batch *batch)
{
	const struct body *body = body_of(task->kept.form);

	trace_body(task, "command",
		   arena_printf(task->arena, "request %" PRIu32 ", %s: %zu command%s%s%s",
				task->kept.request_id, body->name, batch->count, plural(batch->count),
				batch->action_count > 0 ? " with actions" : "",
				body->selects_by_command && !task->kept.is_selected ? " after a selection"
										    : ""));
}

static void trace_response(struct task *task, const struct seram_instance *instance,
			   const struct body_response *body)
{
	const bool was_interrupted = instance->agent_state == SERAM_INTERRUPTED;

	trace_body(task, "answer",
		   arena_printf(task->arena, "response %" PRIu32 ", %s: %zu answer%s%s%s",
				task->kept.request_id,
				was_interrupted ? "interrupted"
						: seram_status_row(instance->script_status)->spelling,
				body->count, plural(body->count), body->refusal != NULL ? ", " : "",
				body->refusal != NULL ? body->refusal : ""));
}

/* ---- sending ---- */

void pause_task(struct task *task, enum err kind, const char *reason)
{
	struct kept *kept = &task->kept;

	const int64_t wanted = task->wanted_settings[SERAM_SET_RETRY_COUNT];
	const int64_t delay_s = task->wanted_settings[SERAM_SET_RETRY_DELAY];
	const int64_t retries = wanted >= 0 ? wanted : SERAM_MAX_RETRIES;

	if (kept->retries >= retries) {
		task_break(task, kind, "%s, after %" PRId64 " tries", reason, retries + 1);
		return;
	}
	/* what the parameters do not say takes longer each time, up to a limit */
	const unsigned doublings = kept->retries < SERAM_MAX_RETRIES ? kept->retries : SERAM_MAX_RETRIES;
	const int64_t pause_ms = delay_s >= 0 ? delay_s * 1000 : (int64_t)SERAM_RETRY_MS << doublings;
	kept->retries++;
	kept->deadline_ms = task->step->now_ms + pause_ms;
	wait_for(task, PHASE_PAUSE, pause_ms);
}

static void compose_script(struct task *task, struct batch *batch)
{
	channel_restore(task);
	if (task->kept.ending == ENDING_NONE)
		batch_compose(batch, task);
}

/* Where the script authenticates us with a secret that the card locks after some failures; its length when it
 * does not. */
static size_t authentication_at(const struct task *task, const struct batch *batch)
{
	const struct protocol *protocol = channel_protocol(task);
	size_t at = 0;

	while (at < batch->count &&
	       (batch->planned[at].opening != OPENING_AUTHENTICATE || !protocol->locks_keys))
		at++;
	return at;
}

void next_script(struct task *task)
{
	struct kept *kept = &task->kept;
	struct batch batch;

	if (kept->channel == CHANNEL_NONE)
		channel_prepare(task);
	if (kept->ending == ENDING_NONE && task->leaves_session) {
		ask_end(task);
		return;
	}
	if (kept->ending == ENDING_NONE && channel_packets(task) != NULL && kept->fetch == 0)
		channel_packets(task)->number(task);
	if (kept->ending == ENDING_NONE)
		compose_script(task, &batch);
	if (kept->ending != ENDING_NONE || task->broken != ERR_NONE)
		return;
	kept->request_id++;
	kept->script_in_flight = kept->has_session = true;
	kept->is_delivered = false;
	if (authentication_at(task, &batch) < batch.count)
		authentication_begins(task);
	if (kept->fetch == 0)
		kept->was_unproven = kept->is_unproven;
	kept->is_unproven = kept->is_unproven || batch.has_change;
	if (batch.has_change) {
		if (!kept->has_changed)
			inventory_expect_change(task);
		kept->has_changed = kept->is_look_old = true;
	}
	kept->scripts++;
	kept->executed = 0;
	kept->poll_ms = SERAM_FIRST_POLL_MS;
	kept->deadline_ms = task->step->now_ms + SERAM_SCRIPT_PATIENCE_MS;
	trace_request(task, &batch);
	batch_trace(&batch);
	ask_write(task, &batch);
}

void write_again(struct task *task)
{
	struct batch batch;

	task->kept.is_delivered = false;
	task->kept.deadline_ms = task->step->now_ms + SERAM_SCRIPT_PATIENCE_MS;
	compose_script(task, &batch);
	if (task->kept.ending == ENDING_NONE && task->broken == ERR_NONE)
		ask_write(task, &batch);
}

/* ---- taking a response ---- */

bool agent_has_channel(const struct kept *kept, const struct seram_instance *instance)
{
	return instance->has_channel_state ? instance->is_channel_open
					   : !kept->is_resuming && !instance->was_interrupted;
}

void lose_channel(struct task *task)
{
	if (task->kept.channel != CHANNEL_NONE)
		task_reopen(task, task->kept.key_version);
	task->kept.is_selected = false;
	task->operation->lost(task);
}

/* The agent has more of the answer than it gives. Under R-MAC nothing in such an answer is proven, success
 * least of all. */
static bool is_incomplete(const struct task *task, const struct planned *planned, uint16_t sw)
{
	const uint8_t level = task->session.level | planned->mark.responses;

	return sw == SW_CUT || (sw >> 8 == 0x61 && (level & LEVEL_R_MAC) != 0);
}

/* Whoever refused a change, the card or somebody before it: whether the card has counted the command is not
 * known, and with a chain that does not fit it would refuse the look that follows. */
static void doubt_channel(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	const bool is_refused = !answer->is_cut && !sw_is_success(answer->response.sw);

	if (channel_protocol(task) != &plain_protocol && planned->is_change && is_refused &&
	    task->kept.channel == CHANNEL_OPEN && task->kept.ending == ENDING_NONE)
		task_reopen(task, task->kept.key_version);
}

/* One answer. The chains stand where this command left them, whatever was planned after it. */
static void take_answer(struct task *task, const struct planned *planned, const struct response *wire)
{
	struct card_answer answer = { .response = *wire, .is_cut = is_incomplete(task, planned, wire->sw) };
	struct fault fault = { 0 };

	if (planned->opening == OPENING_NONE && !answer.is_cut) {
		enum err err = channel_protocol(task)->unwrap(&task->session, planned, wire, task->arena,
							      &answer.response, &fault);
		if (err != ERR_NONE) {
			answer_trace(task, planned, wire, wire);
			task_break(task, err, "%s", fault.text);
			return;
		}
	}
	answer_trace(task, planned, wire, &answer.response);
	if (planned->opening != OPENING_NONE) {
		channel_take(task, planned, &answer.response);
		return;
	}
	task->kept.mark = planned->mark;
	memcpy(task->kept.response_chain, task->session.response_chain, DES_BLOCK);
	task->operation->take(task, planned, &answer);
	doubt_channel(task, planned, &answer);
	if (answer.is_cut && channel_protocol(task)->chains_answers && task->kept.channel == CHANNEL_OPEN &&
	    (task->kept.level & LEVEL_R_MAC) != 0 && task->kept.ending == ENDING_NONE)
		task_reopen(task, task->kept.key_version);
}

static void take_answers(struct task *task, const struct body_response *body, struct batch *batch)
{
	if (body->count > batch->count) {
		task_break(task, ERR_MALFORMED, "%zu answers to a script of %zu commands", body->count,
			   batch->count);
		return;
	}
	for (size_t i = 0; i < body->count && task->kept.ending == ENDING_NONE; i++) {
		const bool had_channel = task->kept.channel != CHANNEL_NONE;
		take_answer(task, &batch->planned[i], &body->responses[i]);
		const bool begins_next =
			i + 1 < batch->count && batch->planned[i + 1].opening == OPENING_NEXT;
		if (had_channel && task->kept.channel == CHANNEL_NONE && !begins_next)
			break; /* the operation wants another one: what else was answered is of no use */
	}
}

/* The command after the last answer may have run, those after it did not. */
static void forget_what_did_not_run(struct task *task, const struct batch *batch, size_t answered)
{
	bool has_change = false;

	for (size_t i = 0; i <= answered && i < batch->count; i++)
		has_change = has_change || batch->planned[i].is_change;
	if (!has_change)
		task->kept.is_unproven = task->kept.was_unproven;
}

/* The application could not be reached: no command of the script went to the card. */
static bool did_not_begin(const struct seram_instance *instance, const struct body_response *body)
{
	return body->count == 0 && instance->agent_state == SERAM_RESPONSE_READY &&
	       seram_status_row(instance->script_status)->is_worth_retrying;
}

static bool parse_response(struct task *task, const struct batch *batch, struct bytes bytes,
			   struct body_response *ret_body)
{
	struct body_request request;
	struct fault fault = { 0 };

	if (!task_is_good(task, batch_request(batch, &request, &fault)))
		return false;
	enum err err = body_of(task->kept.form)->parse(bytes, &request, task->arena, ret_body, &fault);
	if (err != ERR_NONE)
		task_break(task, err, "the response of the agent: %s", fault.text);
	return err == ERR_NONE;
}

/* Where commands go in packets: the answers to the packet become those to its commands. */
static enum packet_end open_packet(struct task *task, const struct batch *batch, struct body_response *body)
{
	struct kept *kept = &task->kept;
	const struct packets *packets = channel_packets(task);
	const enum packet_end end = packets == NULL ? PACKET_ANSWERED : packets->open(batch, body);

	if (end == PACKET_WAITING) {
		kept->script_in_flight = false;
		next_script(task);
	} else if (end == PACKET_BUSY) {
		kept->request_id++; /* so that the answer is not ours any more, and the same is written again
				     */
		kept->is_delivered = false;
		pause_task(task, ERR_UNAVAILABLE, "the card is busy with the terminal");
	} else if (end == PACKET_UNSENT && body->count > 0) {
		body->count = 0;
		lose_channel(task);
	}
	return end;
}

/* Parses and takes what the agent holds. What the body says of the run counts where the object says nothing
 * worse. False when the response itself is not to be understood, or more of it is under way. */
static bool take_response(struct task *task, struct seram_instance *instance)
{
	struct batch batch;
	struct body_response body = { .status = SERAM_STATUS_OK };

	compose_script(task, &batch);
	if (task->kept.ending != ENDING_NONE || task->broken != ERR_NONE ||
	    (instance->response.len > 0 && !parse_response(task, &batch, instance->response, &body)))
		return false;
	task->kept.is_selected = body_of(task->kept.form)->selects_by_command; /* until the channel is lost */
	if (instance->script_status == SERAM_STATUS_OK && body.status != SERAM_STATUS_OK) {
		instance->script_status = body.status;
		if (body.error_text != NULL)
			instance->error_text = bytes_of_text(body.error_text);
	}
	trace_response(task, instance, &body);
	const size_t wire_count = body.count;
	const enum packet_end end = open_packet(task, &batch, &body);
	if (end != PACKET_ANSWERED && end != PACKET_UNSENT)
		return false;
	if (end == PACKET_ANSWERED)
		forget_what_did_not_run(task, &batch, body.count);
	if (wire_count == 0 &&
	    (body.refusal != NULL || seram_status_row(instance->script_status)->is_before_commands))
		task->kept.is_unproven = task->kept.was_unproven;
	const size_t authentication = authentication_at(task, &batch);
	if (authentication < batch.count && (authentication > body.count || did_not_begin(instance, &body)))
		authentication_ended(task, AUTHENTICATION_NOT_TRIED);
	take_answers(task, &body, &batch);
	if (authentication < batch.count && body.count <= authentication &&
	    task->kept.channel != CHANNEL_NONE && task->kept.ending == ENDING_NONE)
		lose_channel(task); /* whether it opened is not known */
	if (body.is_length_refused && task->is_length_free && task->kept.form == BODY_SCRIPT) {
		task->kept.form = BODY_SCRIPT_DEFINITE; /* and once more */
		instance->script_status = SERAM_STATUS_OK;
		return true;
	}
	if (body.refusal != NULL)
		task_break(task, ERR_MALFORMED, "the script was refused: %s", body.refusal);
	if (wire_count == 0 && instance->script_status == SERAM_STATUS_OK &&
	    instance->agent_state == SERAM_RESPONSE_READY)
		task_break(task, ERR_MALFORMED, "the agent reports success and gives no answer");
	return task->kept.ending == ENDING_NONE;
}

static const char *error_text(struct task *task, const struct seram_instance *instance)
{
	struct bytes text = bytes_first(instance->error_text, 80);

	return text.len == 0 ? ""
			     : arena_printf(task->arena, " (%.*s)", (int)text.len, (const char *)text.at);
}

static void script_failed(struct task *task, const struct seram_instance *instance)
{
	const struct seram_status_row *row = seram_status_row(instance->script_status);
	const char *reason =
		arena_printf(task->arena, "the agent reports %s for %s%s", row->spelling,
			     seram_target(task->arena, channel_target(task)), error_text(task, instance));

	if (!task_is_good(task, reason == NULL ? ERR_NOMEM : ERR_NONE))
		return;
	if (row->is_worth_retrying && !task->kept.agent_retries)
		pause_task(task, row->kind, reason);
	else
		task_break(task, row->kind, "%s", reason);
}

/* A response is there: what it means, and what comes next. */
void script_ended(struct task *task, struct seram_instance *instance)
{
	struct kept *kept = &task->kept;
	const bool was_interrupted = instance->agent_state == SERAM_INTERRUPTED;
	const bool has_channel = agent_has_channel(kept, instance);

	kept->is_resuming = false;
	if (!take_response(task, instance))
		return;
	const bool is_ok = instance->script_status == SERAM_STATUS_OK && !was_interrupted;
	kept->script_in_flight = false;
	if (is_ok && kept->channel == CHANNEL_OPEN)
		task->operation->advance(task);
	if (kept->ending != ENDING_NONE)
		return;
	if (!is_ok || !has_channel)
		lose_channel(task);
	if (!is_ok && !was_interrupted) {
		script_failed(task, instance);
		return;
	}
	kept->retries = kept->refusals = 0;
	if (task->broken == ERR_NONE)
		next_script(task);
}
