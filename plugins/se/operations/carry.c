/* An operation that is no row of the plugin: the commands are another plugin's, and so is the job. The host
 * that the engine sees is the real one, except that state, reason and result are the caller's matter. */
#include "operations/carry.h"

#include <stddef.h>
#include <string.h>

#include "channel/channel.h"
#include "engine/engine.h"

struct carry {
	struct operation operation; /* first: the engine hands it back */
	const struct se_channel_order *order;
	struct bytes *answers; /* all so far, as they are kept: the task does not outlive its step */
};

/* ---- the operation ---- */

static const struct carry *carry_of(const struct task *task)
{
	return (const struct carry *)task->operation;
}

static void set_answers(struct task *task, struct bytes answers)
{
	task->kept.queries[0].data = *carry_of(task)->answers = answers;
}

static enum err prepare(struct task *task, struct fault *fault)
{
	const struct se_channel_order *order = carry_of(task)->order;
	struct command *commands = arena_alloc_array(task->arena, order->count + 1, sizeof(*commands));

	if (commands == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < order->count; i++) {
		struct fault reason = { 0 };
		enum err err = command_parse(order->commands[i].apdu, &commands[i], &reason);
		if (err != ERR_NONE)
			return fault_set(fault, err, "command %zu: %s", i + 1, reason.text);
		if (commands[i].ins == INS_SELECT)
			return fault_set(fault, ERR_MALFORMED,
					 "command %zu selects: it would end the secure channel", i + 1);
	}
	task->query_count = 1; /* where the answers are kept */
	set_answers(task, task->kept.queries[0].data);
	task->order = commands;
	return ERR_NONE;
}

static void plan(struct task *task, struct batch *batch)
{
	const struct se_channel_order *order = carry_of(task)->order;
	const struct command *commands = task->order;

	for (size_t i = task->kept.position; i < order->count; i++) {
		const bool is_added = order->commands[i].changes
					      ? batch_add_confirmed_change(batch, &commands[i], (unsigned)i)
					      : batch_add(batch, &commands[i], (unsigned)i, ANSWER_LONG);
		if (!is_added)
			return;
	}
}

static void keep_answer(struct task *task, const struct response *response)
{
	const struct bytes before = task->kept.queries[0].data;
	struct builder b = builder_in(task->arena);
	struct bytes answers;

	if (before.len + response->data.len + 4 > KEPT_MAX_ANSWERS) {
		task_break(task, ERR_LIMIT, "the answers are longer than %u bytes", KEPT_MAX_ANSWERS);
		return;
	}
	build_bytes(&b, before);
	build_u16(&b, response->sw);
	build_u16(&b, (uint16_t)response->data.len);
	build_bytes(&b, response->data);
	if (!task_is_good(task, builder_bytes(&b, &answers)))
		return;
	set_answers(task, answers);
	task->kept.position++;
}

static void take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	if (answer->is_cut) {
		task_break(task, ERR_UNAVAILABLE, "the answer to command %u did not come whole",
			   planned->what + 1);
		return;
	}
	keep_answer(task, &answer->response);
	if (task->kept.ending == ENDING_NONE && !sw_is_success(answer->response.sw)) {
		task->kept.is_unproven = false; /* a script ends with its first refusal */
		task_succeed(task);
	}
}

static void advance(struct task *task)
{
	task->kept.is_unproven = false;
	if (task->kept.ending == ENDING_NONE && task->kept.position == carry_of(task)->order->count)
		task_succeed(task);
}

/* Only what has changed nothing begins anew. */
static void lost(struct task *task)
{
	if (task->kept.has_changed) {
		task_break(task, ERR_UNAVAILABLE, "the secure channel was lost after %u of %zu answers",
			   task->kept.position, carry_of(task)->order->count);
		return;
	}
	task->kept.position = 0;
	set_answers(task, bytes_of(NULL, 0));
}

static void finish(struct task *task)
{
	(void)task; /* the answers are the caller's */
}

/* ---- the host that it sees ---- */

struct through {
	const struct cardea_host_api *api;
	cardea_out *out;
	struct arena *arena;
	struct bytes state;
	struct fault fault;
};

static struct through *through_of(cardea_out *out)
{
	return (struct through *)(void *)out;
}

static enum err keep(cardea_out *out, struct bytes state)
{
	return bytes_copy(through_of(out)->arena, state, &through_of(out)->state);
}

static enum err fail(cardea_out *out, enum err kind, const char *reason)
{
	fault_set(&through_of(out)->fault, kind, "%s", reason);
	return ERR_NONE;
}

static enum err progress(cardea_out *out, uint64_t done, uint64_t total)
{
	return ERR_NONE;
}

static enum err report(cardea_out *out, const char *name, const char *json)
{
	return ERR_NONE;
}

static enum err send_request(cardea_out *out, const struct cardea_request *request)
{
	return through_of(out)->api->send(through_of(out)->out, request);
}

static enum err wait_for_event(cardea_out *out, uint32_t timeout_ms)
{
	return through_of(out)->api->wait(through_of(out)->out, timeout_ms);
}

static enum err work(cardea_out *out, enum err (*run)(void *), void *take_arg, void (*free_arg)(void *))
{
	return through_of(out)->api->work(through_of(out)->out, run, take_arg, free_arg);
}

static enum err learn(cardea_out *out, const char *section, const char *key, const char *json)
{
	return through_of(out)->api->learn(through_of(out)->out, section, key, json);
}

static enum err trace(cardea_out *out, const char *layer, const char *direction, const char *text,
		      struct bytes raw)
{
	return through_of(out)->api->trace(through_of(out)->out, layer, direction, text, raw);
}

static enum err keyset(cardea_out *out, const char *kind, struct bytes aid, uint8_t version,
		       struct cardea_keyset *ret_keyset)
{
	return through_of(out)->api->keyset(through_of(out)->out, kind, aid, version, ret_keyset);
}

static enum err serve(cardea_out *out, const char **ret_uri)
{
	return through_of(out)->api->serve(through_of(out)->out, ret_uri);
}

static enum err keyset_document(cardea_out *out, const char *kind, struct bytes aid, uint8_t version,
				const char **ret_json)
{
	return through_of(out)->api->keyset_document(through_of(out)->out, kind, aid, version, ret_json);
}

static enum err package(cardea_out *out, const char *id, struct cardea_package *ret_package)
{
	return through_of(out)->api->package(through_of(out)->out, id, ret_package);
}

static enum err known(cardea_out *out, const char *section, const char *key, const char **ret_json)
{
	return through_of(out)->api->known(through_of(out)->out, section, key, ret_json);
}

static enum err announce(cardea_out *out, const char *type, const char *json)
{
	return through_of(out)->api->announce(through_of(out)->out, type, json);
}

static enum err next_counter(cardea_out *out, const char *name, uint64_t floor, uint64_t *ret_value)
{
	return through_of(out)->api->next_counter(through_of(out)->out, name, floor, ret_value);
}

/* A function that is missing here would be given our cardea_out and take it for its own. */
_Static_assert(sizeof(struct cardea_host_api) ==
		       offsetof(struct cardea_host_api, next_counter) + sizeof(void (*)(void)),
	       "each function of a step has its way through");

static struct cardea_host_api way_through(const struct cardea_host_api *api)
{
	struct cardea_host_api table = { 0 };

	memcpy(&table, api,
	       api->size < sizeof(table) ? api->size : sizeof(table)); /* those of the plugin stay */
	if (table.size > sizeof(table))
		table.size = sizeof(table);
	table.keep = keep;
	table.send = send_request;
	table.wait = wait_for_event;
	table.work = work;
	table.fail = fail;
	table.progress = progress;
	table.report = report;
	table.learn = learn;
	table.trace = trace;
	table.keyset = keyset;
	table.serve = serve;
	table.keyset_document = keyset_document;
	table.package = package;
	table.known = known;
	table.announce = announce;
	table.next_counter = next_counter;
	return table;
}

/* ---- the service ---- */

static enum err read_answers(struct bytes kept, struct arena *arena, struct se_channel_progress *progress_of)
{
	struct reader r = reader_of(kept);
	struct se_channel_answer *answers = arena_alloc_array(arena, kept.len / 4 + 1, sizeof(*answers));

	if (answers == NULL)
		return ERR_NOMEM;
	while (reader_left(&r) > 0) {
		struct se_channel_answer *answer = &answers[progress_of->answer_count++];
		answer->sw = read_u16(&r);
		answer->data = read_bytes(&r, read_u16(&r));
	}
	progress_of->answers = answers;
	return ERR_NONE;
}

static enum err carry_step(const struct se_channel *channel, const struct se_channel_order *order,
			   const struct cardea_step *step, cardea_out *out, struct bytes state,
			   struct se_channel_progress *ret_progress)
{
	static const struct operation operation = {
		.name = CARDEA_SE_CHANNEL,
		.prepare = prepare,
		.plan = plan,
		.take = take,
		.advance = advance,
		.lost = lost,
		.finish = finish,
	};
	struct se_plugin plugin = *(const struct se_plugin *)channel->self;
	const struct cardea_host_api table = way_through(plugin.api);
	struct through through = { .api = plugin.api, .out = out, .arena = step->arena };
	struct bytes answers = { 0 };
	const struct carry carry = { operation, order, &answers };
	struct cardea_step inner = *step;

	plugin.api = &table;
	inner.context = &carry;
	inner.params = order->params;
	inner.package = bytes_of(NULL, 0);
	inner.state = state;
	if (state.len == 0)
		inner.event = CARDEA_START;
	struct se_channel_progress done = {
		.result = engine_step(&plugin, &inner, (cardea_out *)(void *)&through),
	};
	done.state = through.state;
	done.fault = through.fault;
	enum err err = done.result == CARDEA_NEXT ? ERR_NONE : read_answers(answers, step->arena, &done);
	if (err == ERR_NONE)
		*ret_progress = done;
	return err;
}

struct se_channel carry_service(const struct se_plugin *plugin)
{
	return (struct se_channel){ sizeof(struct se_channel), plugin, carry_step };
}
