/* se.get-data: one data object of a security domain, whole, and in words and members where we know it. */
#include "operations/operations.h"

#include "channel/channel.h"
#include "explain/explain.h"
#include "gp/gp_json.h"
#include "inventory/merge.h"
#include "operations/look.h"

struct order {
	uint16_t tag;
	unsigned query;
};

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));
	struct bytes tag, criterion;

	if (order == NULL)
		return ERR_NOMEM;
	enum err err = task_hex(task, "tagHex", &tag, fault);
	if (err == ERR_NONE)
		err = task_hex(task, "dataHex", &criterion, fault);
	if (err != ERR_NONE)
		return err;
	struct reader r = reader_of(tag);
	order->tag = (uint16_t)read_uint(&r, tag.len);
	if (tag.len == 0 || tag.len > 2 || order->tag == 0)
		return fault_set(fault, ERR_MALFORMED, "tagHex: a tag of one or two bytes");
	if (criterion.len > APDU_MAX_DATA)
		return fault_set(fault, ERR_LIMIT, "dataHex: at most %d bytes", APDU_MAX_DATA);
	order->query = look_ask_data(task, order->tag);
	task->queries[order->query].criterion = criterion;
	task->order = order;
	return ERR_NONE;
}

/* A piece under no R-MAC looks like an answer: it is none. */
static bool is_a_piece(uint16_t sw)
{
	return sw >> 8 == 0x61;
}

static void advance(struct task *task)
{
	const struct order *order = task->order;
	const struct query_answer *answer = &task->kept.queries[order->query];

	if (task->kept.ending != ENDING_NONE || !look_is_done(task))
		return;
	if (is_a_piece(answer->sw))
		task_fail(task, ERR_UNSUPPORTED,
			  "the agent does not fetch the rest of a long answer: it gave %zu bytes and %04X",
			  answer->data.len, answer->sw);
	else if (sw_is_success(answer->sw))
		task_succeed(task);
	else
		task_fail(task, sw_kind(answer->sw), "GET DATA %04X: %04X %s", order->tag, answer->sw,
			  sw_text(answer->sw));
}

/* One element a line, as far as it is TLV. */
static json_t *in_words(struct task *task, struct bytes data)
{
	struct builder b = builder_in(task->arena);
	struct fault fault = { 0 };
	struct bytes text;

	if (data.len == 0 || explain_tlv(data, &b, &fault) != ERR_NONE)
		return NULL;
	if (!task_is_good(task, builder_bytes(&b, &text)))
		return NULL;
	return json_stringn((const char *)text.at, text.len);
}

static void finish(struct task *task)
{
	const struct order *order = task->order;
	const struct bytes data = task->kept.queries[order->query].data;
	json_t *decoded = inventory_object_json(task->arena, order->tag, data);
	json_t *words = in_words(task, data);

	task_report(task, "tagHex", json_sprintf(order->tag > 0xFF ? "%04X" : "%02X", order->tag));
	task_report_hex(task, "dataHex", data);
	task_report(task, "bytes", json_integer((json_int_t)data.len));
	if (decoded != NULL)
		task_report(task, "decoded", decoded);
	if (words != NULL)
		task_report(task, "explained", words);
	channel_report(task);
}

const struct operation get_data_operation = {
	.name = "se.get-data",
	.prepare = prepare,
	.plan = look_plan,
	.take = look_take,
	.advance = advance,
	.lost = look_again,
	.finish = finish,
};
