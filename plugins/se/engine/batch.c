#include "engine/batch.h"

#include "channel/channel.h"

/* ---- adding ---- */

#define PACKET_ANSWER 5  /* around an answer in a receipt: its element and status word */
#define PACKET_SHORTS 16 /* kept for answers without data beside a long one */

static const struct body *body_form(const struct batch *batch)
{
	return body_of(batch->task->kept.form);
}

/* What a request has to select before its commands; empty when that is done, or done by the agent. */
static struct bytes due_selection(const struct batch *batch)
{
	return body_form(batch)->selects_by_command && !batch->task->kept.is_selected
		       ? channel_target(batch->task)
		       : bytes_of(NULL, 0);
}

/* What an answer takes of the response, with padding, MAC and status word. */
static size_t answer_size(const struct batch *batch, size_t plain_bytes)
{
	const struct session *session = &batch->task->session;
	const uint8_t level = session->level | session->mark.next_responses;
	size_t size = plain_bytes;

	if (channel_packets(batch->task) != NULL)
		return plain_bytes + PACKET_ANSWER;
	if ((level & LEVEL_R_ENC) != 0 && size > 0)
		size += AES_BLOCK - size % AES_BLOCK;
	if ((level & LEVEL_R_MAC) != 0)
		size += session->mac_size;
	return body_form(batch)->answer_size((size < APDU_MAX_RESPONSE ? size : APDU_MAX_RESPONSE) + 2);
}

/* What the commands take of the request, in packets where they go in such. */
static size_t request_size(const struct batch *batch, size_t used)
{
	const struct packets *packets = channel_packets(batch->task);
	const size_t overhead = body_form(batch)->request_overhead(due_selection(batch));
	const size_t size = packets != NULL ? packets->script_size(batch->task, used) : used;

	return size == SIZE_MAX ? size : overhead + size;
}

static bool has_room(const struct batch *batch, size_t command_bytes)
{
	return batch->count < BATCH_MAX_COMMANDS && batch->count < body_form(batch)->max_commands &&
	       request_size(batch, batch->request_bytes + command_bytes) <=
		       batch->task->kept.max_request_bytes;
}

static bool fits(const struct batch *batch, size_t command_bytes, size_t answer_bytes)
{
	const struct packets *packets = channel_packets(batch->task);

	if (!has_room(batch, command_bytes))
		return false;
	if (packets != NULL)
		return batch->count == 0 ||
		       batch->response_bytes + answer_bytes <= packets->answer_room(batch->task);
	/* the first is sent in any case: the agent says 62F1 when its answer is too long */
	return batch->count == 0 ||
	       body_form(batch)->response_overhead + batch->response_bytes + answer_bytes <=
		       batch->task->kept.max_response_bytes;
}

static void append(struct batch *batch, const struct planned *planned, size_t command_bytes,
		   size_t answer_bytes)
{
	batch->planned[batch->count++] = *planned;
	batch->request_bytes += command_bytes;
	batch->response_bytes += answer_bytes;
}

bool batch_add(struct batch *batch, const struct command *plain, unsigned what, size_t answer_bytes)
{
	struct task *task = batch->task;
	const struct protocol *protocol = channel_protocol(task);
	struct command sized = *plain;
	struct planned planned = { .plain = *plain, .what = what };

	if (batch->is_full || task->broken != ERR_NONE)
		return false;
	sized.data.len = protocol->wrapped_data_size(&task->session, plain->data.len);
	if (sized.data.len > task->max_data) {
		task_break(task, ERR_LIMIT, "%s does not fit one command at this security level",
			   command_text(task->arena, plain));
		batch->is_full = true;
		return false;
	}
	size_t command_bytes = body_form(batch)->command_size(command_size(&sized));
	size_t element_bytes = answer_size(batch, answer_bytes);
	if (!fits(batch, command_bytes, element_bytes)) {
		batch->is_full = true;
		return false;
	}
	if (!task_is_good(task, protocol->wrap(&task->session, plain, task->arena, &planned.wrapped)))
		return false;
	planned.mark = task->session.mark;
	append(batch, &planned, command_bytes, element_bytes);
	if (channel_packets(task) != NULL && answer_bytes > ANSWER_SHORT)
		batch->is_full = channel_packets(task)->tells_last_only(task);
	return true;
}

static bool add_change(struct batch *batch, const struct command *plain, unsigned what, size_t answer_bytes)
{
	bool is_added = batch_add(batch, plain, what, answer_bytes);

	if (is_added) {
		batch->has_more_changes = batch->has_change;
		batch->has_change = batch->planned[batch->count - 1].is_change = true;
	}
	return is_added;
}

bool batch_add_change(struct batch *batch, const struct command *plain, unsigned what)
{
	return add_change(batch, plain, what, ANSWER_SHORT);
}

bool batch_add_confirmed_change(struct batch *batch, const struct command *plain, unsigned what)
{
	return add_change(batch, plain, what, ANSWER_LONG);
}

/* Of a script that has `used` bytes already. */
static size_t data_that_fits(const struct batch *batch, size_t used)
{
	const struct session *session = &batch->task->session;
	const struct protocol *protocol = channel_protocol(batch->task);
	const struct body *body = body_form(batch);
	const size_t limit = batch->task->kept.max_request_bytes;
	struct command command = { .has_le = true };
	size_t size = batch->task->max_data;

	for (; size > 0; size--) {
		command.data.len = protocol->wrapped_data_size(session, size);
		if (command.data.len <= batch->task->max_data &&
		    request_size(batch, used + body->command_size(command_size(&command))) <= limit)
			break;
	}
	return size;
}

size_t batch_max_data(const struct batch *batch)
{
	const size_t size = data_that_fits(batch, 0);

	return size > 0 ? size : 1;
}

size_t batch_room(const struct batch *batch)
{
	return batch->count == BATCH_MAX_COMMANDS || batch->count == body_form(batch)->max_commands
		       ? 0
		       : data_that_fits(batch, batch->request_bytes);
}

size_t batch_max_answer(const struct batch *batch)
{
	const struct task *task = batch->task;
	const struct packets *packets = channel_packets(task);
	const size_t padding = task->session.mac_size > 0 ? task->session.mac_size + AES_BLOCK : 0;
	const size_t most = APDU_MAX_RESPONSE - padding;

	if (packets != NULL)
		return packets->answer_room(task) - PACKET_SHORTS - PACKET_ANSWER;
	const size_t around =
		body_form(batch)->response_overhead + body_form(batch)->answer_size(2) + padding;
	const size_t room =
		task->kept.max_response_bytes > around ? task->kept.max_response_bytes - around : 1;
	return room < most ? room : most;
}

/* ---- composing ---- */

bool batch_add_opening(struct batch *batch, const struct command *command, unsigned opening,
		       size_t answer_bytes)
{
	const struct planned planned = {
		.plain = *command, .wrapped = *command, .mark = batch->task->session.mark, .opening = opening
	};
	const size_t command_bytes = body_form(batch)->command_size(command_size(command));
	const size_t element_bytes = body_form(batch)->answer_size(answer_bytes + 2);
	const bool is_after_others = opening == OPENING_NEXT;

	/* answers to an opening that begins a script are short, or alone: only the request is measured */
	if (is_after_others ? !fits(batch, command_bytes, element_bytes) : !has_room(batch, command_bytes))
		return false;
	append(batch, &planned, command_bytes, element_bytes);
	return true;
}

void batch_compose(struct batch *batch, struct task *task)
{
	*batch = (struct batch){ .task = task };
	channel_plan(task, batch);
	/* with a session whose keys are known before the card has answered, all goes in one script */
	if (task->kept.channel != CHANNEL_NONE && task->session.level != 0 &&
	    task->kept.ending == ENDING_NONE)
		task->operation->plan(task, batch);
	if (batch->count > 0)
		batch->planned[batch->count - 1].is_last = true;
	else if (task->broken == ERR_NONE && task->kept.ending == ENDING_NONE)
		task_break(task, ERR_LIMIT,
			   "the agent takes requests of %u bytes, too small for the next command",
			   task->kept.max_request_bytes);
}

static enum err command_bytes(struct arena *arena, const struct command *command, struct bytes *ret_bytes)
{
	struct builder b = builder_in(arena);

	build_command(&b, command);
	return builder_bytes(&b, ret_bytes);
}

/* The commands as they go to the card: each by itself, or the parts of the packet that carries them all. */
static enum err wire_commands(const struct batch *batch, struct bytes commands[static BATCH_MAX_COMMANDS],
			      size_t *ret_count, struct fault *fault)
{
	const struct packets *packets = channel_packets(batch->task);
	struct command sealed[BATCH_MAX_COMMANDS];
	size_t count = batch->count;
	enum err err = packets != NULL ? packets->seal(batch, sealed, &count, fault) : ERR_NONE;

	for (size_t i = 0; i < count && err == ERR_NONE; i++)
		err = command_bytes(batch->task->arena,
				    packets != NULL ? &sealed[i] : &batch->planned[i].wrapped, &commands[i]);
	if (err == ERR_NONE)
		*ret_count = count;
	return err;
}

enum err batch_request(const struct batch *batch, struct body_request *ret_request, struct fault *fault)
{
	struct arena *arena = batch->task->arena;
	size_t count = 0;
	struct bytes *commands = arena_alloc_array(arena, BATCH_MAX_COMMANDS, sizeof(*commands));

	if (commands == NULL)
		return ERR_NOMEM;
	enum err err = wire_commands(batch, commands, &count, fault);
	if (err != ERR_NONE)
		return err;
	*ret_request = (struct body_request){
		.commands = commands,
		.count = count,
		.select_aid = due_selection(batch),
		.actions = batch->actions,
		.action_count = channel_packets(batch->task) == NULL ? batch->action_count : 0,
	};
	return ERR_NONE;
}

enum err batch_body(const struct batch *batch, struct bytes *ret_body, struct fault *fault)
{
	struct body_request request;
	enum err err = batch_request(batch, &request, fault);

	return err == ERR_NONE ? body_form(batch)->build(batch->task->arena, &request, ret_body, fault) : err;
}

/* ---- trace ---- */

static void trace(struct task *task, const char *layer, const char *direction, const char *text,
		  struct bytes raw)
{
	if (task_is_good(task, text == NULL ? ERR_NOMEM : ERR_NONE))
		task_is_good(task, task->plugin->api->trace(task->out, layer, direction, text, raw));
}

static bool is_hidden(const struct batch *batch)
{
	return (batch->task->kept.level & LEVEL_C_DEC) != 0;
}

bool batch_is_readable_secret(const struct batch *batch)
{
	for (size_t i = 0; i < batch->count && !is_hidden(batch); i++) {
		if (command_is_confidential(&batch->planned[i].plain))
			return true;
	}
	return false;
}

/* The packet, and its parts, in place of the commands in it. */
static void trace_packet(const struct batch *batch, const struct packets *packets)
{
	struct task *task = batch->task;
	struct bytes commands[BATCH_MAX_COMMANDS];
	struct command command;
	size_t count;

	packets->trace(batch);
	if (!task_is_good(task, wire_commands(batch, commands, &count, NULL)))
		return;
	for (size_t i = 0; i < count && task_is_good(task, command_parse(commands[i], &command, NULL)); i++)
		trace(task, CARDEA_LAYER_APDU, "command", command_text(task->arena, &command), commands[i]);
}

void batch_trace(const struct batch *batch)
{
	struct task *task = batch->task;
	const struct packets *packets = channel_packets(task);

	for (size_t i = 0; i < batch->count; i++) {
		const struct planned *p = &batch->planned[i];
		const bool is_confidential = command_is_confidential(&p->plain);
		const char *text = command_text(task->arena, &p->plain);
		struct bytes wire, plain;

		if (!task_is_good(task, command_bytes(task->arena, &p->wrapped, &wire)) ||
		    !task_is_good(task, command_bytes(task->arena, &p->plain, &plain)))
			return;
		if (packets != NULL || !bytes_equal(wire, plain))
			trace(task, CARDEA_LAYER_GP, "command", text,
			      is_confidential ? bytes_first(plain, APDU_HEADER_SIZE) : plain);
		if (packets == NULL)
			trace(task, CARDEA_LAYER_APDU, "command", text,
			      is_confidential && !is_hidden(batch) ? bytes_first(wire, APDU_HEADER_SIZE)
								   : wire);
	}
	if (packets != NULL)
		trace_packet(batch, packets);
}

void answer_trace(struct task *task, const struct planned *planned, const struct response *wire,
		  const struct response *plain)
{
	const char *text = response_text(task->arena, plain);
	struct builder wire_bytes = builder_in(task->arena), plain_bytes = builder_in(task->arena);
	struct bytes raw;
	const bool is_packed = channel_packets(task) != NULL;

	build_bytes(&wire_bytes, wire->data);
	build_u16(&wire_bytes, wire->sw);
	if (!is_packed && task_is_good(task, builder_bytes(&wire_bytes, &raw)))
		trace(task, CARDEA_LAYER_APDU, "answer", text, raw);
	if ((!is_packed && bytes_equal(wire->data, plain->data)) || command_is_confidential(&planned->plain))
		return;
	build_bytes(&plain_bytes, plain->data);
	build_u16(&plain_bytes, plain->sw);
	if (task_is_good(task, builder_bytes(&plain_bytes, &raw)))
		trace(task, CARDEA_LAYER_GP, "answer", text, raw);
}
