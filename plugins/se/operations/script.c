/* se.script: commands of the operator, as they are, for one application of a secure element.
 *
 * What they do only he knows. So a command that may have run is not sent again: when its answer is lost the
 * result is unknown. */
#include "operations/operations.h"

#include <inttypes.h>

#include "channel/protocol_choice.h"
#include "gp/gp_json.h"

#define ACT_COMMAND 100 /* and the number of the command */

enum {
	CHANNEL_LOST = 1 << 0, /* after the first answer, or with a command under way */
	FAILED = 1 << 1,       /* the last answer says that the card refused */
	CUT = 1 << 2,          /* it did not come whole, and nothing after it ran */
};

struct order {
	struct command commands[BATCH_MAX_COMMANDS];
	size_t count;
	struct script_action actions[3];
	size_t action_count;
	bool stops, reports;
	bool is_continued; /* by another script of the chain: the agent's channel stays open */
};

/* ---- parameters ---- */

static enum err read_commands(struct task *task, struct order *order, struct fault *fault)
{
	const json_t *list = json_object_get(task->params, "commandsHex");

	order->count = json_array_size(list);
	if (order->count == 0 || order->count > BATCH_MAX_COMMANDS)
		return fault_set(fault, ERR_MALFORMED, "commandsHex has %zu commands, not 1 to %d",
				 order->count, BATCH_MAX_COMMANDS);
	for (size_t i = 0; i < order->count; i++) {
		const char *hex = json_string_value(json_array_get(list, i));
		struct fault reason = { 0 };
		struct bytes apdu;
		enum err err = hex == NULL ? ERR_MALFORMED : bytes_from_hex(task->arena, hex, &apdu);
		if (err == ERR_NONE)
			err = command_parse(apdu, &order->commands[i], &reason);
		if (err != ERR_NONE)
			return fault_set(fault, err, "command %zu of commandsHex: %s", i + 1, reason.text);
		if (order->commands[i].ins == INS_SELECT && order->commands[i].p1 == 0x04)
			return fault_set(fault, ERR_MALFORMED,
					 "command %zu of commandsHex selects an application: that is aidHex",
					 i + 1);
	}
	return ERR_NONE;
}

static void add_action(struct order *order, enum script_tag tag, struct bytes value)
{
	order->actions[order->action_count++] = (struct script_action){ .tag = tag, .value = value };
}

static void read_chaining(struct task *task, struct order *order)
{
	static const struct {
		const char *name;
		uint8_t value;
	} rows[] = {
		{ "first", SCRIPT_CHAIN_FIRST },
		{ "first-kept", SCRIPT_CHAIN_FIRST_KEPT },
		{ "next", SCRIPT_CHAIN_NEXT },
		{ "last", SCRIPT_CHAIN_LAST },
	};
	const char *wanted = task_text(task, "chaining", "none");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, wanted) != 0)
			continue;
		add_action(order, TAG_CHAINING, bytes_of(&rows[i].value, 1));
		order->is_continued = rows[i].value != SCRIPT_CHAIN_LAST;
	}
}

static enum err read_actions(struct task *task, struct order *order, struct fault *fault)
{
	static const struct {
		const char *name;
		enum script_tag tag;
	} rows[] = {
		{ "immediateActionHex", TAG_IMMEDIATE_ACTION },
		{ "errorActionHex", TAG_ERROR_ACTION },
	};

	read_chaining(task, order);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes value;
		if (json_object_get(task->params, rows[i].name) == NULL)
			continue;
		enum err err = task_hex(task, rows[i].name, &value, fault);
		if (err != ERR_NONE)
			return err;
		add_action(order, rows[i].tag, value);
	}
	return ERR_NONE;
}

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));
	struct bytes aid;

	if (order == NULL)
		return ERR_NOMEM;
	enum err err = task_hex(task, "aidHex", &aid, fault);
	if (err == ERR_NONE)
		err = read_commands(task, order, fault);
	if (err == ERR_NONE)
		err = read_actions(task, order, fault);
	if (err != ERR_NONE)
		return err;
	if (aid.len > 0)
		task->target = aid;
	task->wanted_protocol = CHOICE_PLAIN;
	order->stops = task_flag(task, "stopOnError", true);
	order->reports = task_flag(task, "report", true);
	task->query_count = 1; /* where the answers are kept */
	task->order = order;
	return ERR_NONE;
}

/* ---- the script ---- */

static void plan(struct task *task, struct batch *batch)
{
	const struct order *order = task->order;
	const size_t position = task->kept.position;
	size_t next = position;

	if ((task->kept.flags & CHANNEL_LOST) != 0) {
		task_break(task, ERR_UNAVAILABLE, "the agent's channel was lost after %zu of %zu answers%s",
			   position, order->count,
			   task->kept.is_unproven ? "; whether the next command ran is not known" : "");
		return;
	}
	batch->goes_on_after_error = !order->stops;
	batch->actions = order->actions;
	batch->action_count = order->action_count;
	for (size_t i = 0; i < order->action_count; i++)
		batch->request_bytes += script_command_size(order->actions[i].value.len);
	while (next < order->count &&
	       batch_add_change(batch, &order->commands[next], (unsigned)(ACT_COMMAND + next)))
		next++;
	if (next < order->count && (order->action_count > 0 || !order->reports))
		task_break(task, ERR_LIMIT,
			   "%zu commands do not fit one script, as actions, chaining and scripts "
			   "without report need",
			   order->count);
}

static void keep_answer(struct task *task, const struct response *response)
{
	struct query_answer *kept = &task->kept.queries[0];
	struct builder b = builder_in(task->arena);

	if (kept->data.len + response->data.len > KEPT_MAX_ANSWERS) {
		task_break(task, ERR_LIMIT, "the answers are longer than %u bytes", KEPT_MAX_ANSWERS);
		return;
	}
	build_bytes(&b, kept->data);
	build_u16(&b, response->sw);
	build_u16(&b, (uint16_t)response->data.len);
	build_bytes(&b, response->data);
	task_is_good(task, builder_bytes(&b, &kept->data));
}

static void take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	const struct order *order = task->order;

	(void)planned;
	keep_answer(task, &answer->response);
	task->kept.position++;
	task->kept.flags &= ~(unsigned)(FAILED | CUT);
	if (answer->is_cut)
		task->kept.flags |= CUT;
	else if (!sw_is_done(answer->response.sw))
		task->kept.flags |= FAILED;
	task_progress(task, task->kept.position, order->count);
}

/* ---- the end ---- */

static void report_answers(struct task *task)
{
	struct reader r = reader_of(task->kept.queries[0].data);
	json_t *answers = json_array();

	while (reader_left(&r) > 0) {
		const uint16_t sw = read_u16(&r);
		const struct bytes data = read_bytes(&r, read_u16(&r));
		json_array_append_new(answers,
				      json_pack("{s:o, s:s, s:o}", "sw", json_sprintf("%04X", sw), "text",
						sw_text(sw), "dataHex", json_hex(task->arena, data)));
	}
	task_report(task, "answers", answers);
}

static void fail_at_last(struct task *task, const char *what)
{
	const struct order *order = task->order;
	const size_t number = task->kept.position;

	report_answers(task);
	task_break(task, ERR_CONFLICT, "command %zu of %zu, %s: %s", number, order->count,
		   command_text(task->arena, &order->commands[number - 1]), what);
}

/* The last command taken changes nothing, whatever the card made of it. */
static bool was_read_only(const struct task *task)
{
	static const uint8_t reads[] = { INS_GET_DATA, INS_GET_STATUS, INS_READ_BINARY, INS_READ_RECORD };
	const struct order *order = task->order;
	const uint8_t ins = order->commands[task->kept.position - 1].ins;

	return memchr(reads, ins, sizeof(reads)) != NULL;
}

static void advance(struct task *task)
{
	const struct order *order = task->order;

	if (task->kept.ending != ENDING_NONE)
		return;
	/* an answer that did not come whole does not say whether the card did it */
	if ((task->kept.flags & CUT) == 0 || was_read_only(task))
		task->kept.is_unproven = false;
	if ((task->kept.flags & CUT) != 0)
		fail_at_last(task, "the answer did not come whole");
	else if ((task->kept.flags & FAILED) != 0 && order->stops)
		fail_at_last(task, "the card refused it");
	else if (!order->reports || task->kept.position == order->count)
		task_succeed(task);
	if (task->kept.ending == ENDING_DONE && order->is_continued)
		task->kept.has_session = false; /* not ended: the chain's channel would go with it */
}

static void lost(struct task *task)
{
	if (task->kept.position > 0 || task->kept.is_unproven)
		task->kept.flags |= CHANNEL_LOST;
}

static void finish(struct task *task)
{
	const struct order *order = task->order;

	task_report_hex(task, "aidHex", task->target);
	task_report(task, "bodyFormat", json_string(body_of(task->kept.form)->name));
	task_report(task, "scripts", json_integer(task->kept.scripts));
	task_report(task, "reported", json_boolean(order->reports));
	if (order->reports)
		report_answers(task);
}

const struct operation script_operation = {
	.name = "se.script",
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = lost,
	.finish = finish,
};
