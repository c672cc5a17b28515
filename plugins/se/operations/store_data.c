/* se.store-data: data for an application, or for the security domain itself.
 *
 * What an application does with STORE DATA only it knows. So a sequence that breaks after its first block may
 * have reached the card is not begun again: the result is unknown. The exception is a data object of the
 * security domain that GET DATA reads back. */
#include "operations/operations.h"

#include <inttypes.h>

#include <cardea/tlv.h>

#include "channel/channel.h"
#include "operations/look.h"

enum stage { STAGE_LOOK, STAGE_ACT };
enum { ACT_PERSONALIZE = 100, ACT_STORE };
enum { DID_PERSONALIZE = 1 << 0, CHANGED = 1 << 1 };

struct order {
	struct bytes aid; /* empty: the security domain itself */
	struct bytes data;
	enum store_format format;
	bool is_encrypted;
	bool can_read_back; /* one data object that GET DATA gives */
	unsigned query;     /* the data object, or the application */
	bool has_query;
};

/* GPCS 11.3: data objects that a security domain takes by STORE DATA and gives by GET DATA. */
static const uint32_t readable_tags[] = { 0x42, 0x45, 0x66, 0x67, 0x5F50 };

static enum store_format format_of(const char *name)
{
	return strcmp(name, "dgi") == 0       ? STORE_DGI
	       : strcmp(name, "ber-tlv") == 0 ? STORE_BER_TLV
					      : STORE_NONE;
}

static void ask_data_object(struct task *task, struct order *order)
{
	struct reader r = reader_of(order->data);
	uint32_t tag;
	struct bytes value;

	if (order->format != STORE_BER_TLV || order->is_encrypted || !read_tlv(&r, &tag, &value) ||
	    !reader_done(&r))
		return;
	for (size_t i = 0; i < sizeof(readable_tags) / sizeof(readable_tags[0]); i++) {
		if (readable_tags[i] == tag) {
			order->query = look_ask_data(task, (uint16_t)tag);
			order->has_query = order->can_read_back = true;
		}
	}
}

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));

	if (order == NULL)
		return ERR_NOMEM;
	enum err err = task_hex(task, "aidHex", &order->aid, fault);
	if (err == ERR_NONE)
		err = task_hex(task, "dataHex", &order->data, fault);
	if (err != ERR_NONE)
		return err;
	if (order->data.len == 0)
		return fault_set(fault, ERR_MALFORMED, "dataHex is empty");
	if (bytes_equal(order->aid, task->domain_aid))
		order->aid = bytes_of(NULL, 0);
	order->format = format_of(task_text(task, "format", "none"));
	order->is_encrypted = task_flag(task, "encrypted", false);
	if (order->aid.len == 0) {
		ask_data_object(task, order);
	} else {
		order->query = look_ask_status(task, SCOPE_APPLICATIONS, order->aid, look_application_tags);
		order->has_query = true;
	}
	task->order = order;
	return ERR_NONE;
}

static void go_look(struct task *task)
{
	task->kept.stage = STAGE_LOOK;
	task->kept.flags &= ~(unsigned)DID_PERSONALIZE;
	task->kept.position = task->kept.blocks = 0;
	look_again(task);
}

static void lost(struct task *task)
{
	const struct order *order = task->order;

	if (task->kept.is_unproven && !order->can_read_back)
		task_break(task, ERR_UNAVAILABLE,
			   "the secure channel was lost after %" PRIu32
			   " of %zu bytes were taken; whether more was is not known",
			   task->kept.position, order->data.len);
	else
		go_look(task);
}

static void begin_act(struct task *task)
{
	task->kept.stage = STAGE_ACT;
	task->kept.flags |= CHANGED;
}

static void looked(struct task *task)
{
	const struct order *order = task->order;
	struct registry applications;

	task->kept.is_unproven = false;
	if (order->can_read_back) {
		if (bytes_equal(task->kept.queries[order->query].data, order->data))
			task_succeed(task);
		else
			begin_act(task);
		return;
	}
	if (order->has_query && look_registry(task, order->query, &applications) &&
	    registry_entry_find(&applications, order->aid) == NULL)
		task_fail(task, ERR_NOT_FOUND, "the card has no application %s",
			  bytes_to_hex(task->arena, order->aid));
	else if (task->kept.ending == ENDING_NONE)
		begin_act(task);
}

static void advance(struct task *task)
{
	const struct order *order = task->order;

	if (task->kept.ending != ENDING_NONE)
		return;
	if (task->kept.stage == STAGE_LOOK && look_is_done(task)) {
		looked(task);
	} else if (task->kept.stage == STAGE_ACT && task->kept.position == order->data.len) {
		task->kept.is_unproven = false;
		task_succeed(task);
	}
}

static void plan_act(struct task *task, struct batch *batch)
{
	const struct order *order = task->order;
	const size_t size = batch_max_data(batch);
	size_t position = task->kept.position, number = task->kept.blocks;
	struct command command;

	if (order->aid.len > 0 && (task->kept.flags & DID_PERSONALIZE) == 0) {
		if (!task_is_good(task, gp_install_for_personalization(task->arena, order->aid, &command)) ||
		    !batch_add(batch, &command, ACT_PERSONALIZE, ANSWER_SHORT))
			return;
	}
	while (position < order->data.len) {
		struct bytes block = bytes_first(bytes_from(order->data, position), size);
		position += block.len;
		command = gp_store_data(block, number++, position == order->data.len, order->format,
					order->is_encrypted);
		if (!batch_add_change(batch, &command, ACT_STORE))
			return;
	}
}

static void plan(struct task *task, struct batch *batch)
{
	if (task->kept.stage == STAGE_LOOK)
		look_plan(task, batch);
	else
		plan_act(task, batch);
}

static void act_failed(struct task *task, const struct planned *planned, uint16_t sw)
{
	const struct order *order = task->order;

	task->kept.is_unproven = false; /* what was taken is known */
	if (task->kept.position == 0)
		task_fail(task, sw_kind(sw), "%s: %04X %s", command_text(task->arena, &planned->plain), sw,
			  sw_text(sw));
	else
		task_fail(task, sw_kind(sw), "%s: %04X %s; the card took %" PRIu32 " of %zu bytes before",
			  command_text(task->arena, &planned->plain), sw, sw_text(sw), task->kept.position,
			  order->data.len);
}

static void take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	const struct order *order = task->order;
	const uint16_t sw = answer->response.sw;

	if (planned->what < ACT_PERSONALIZE) {
		look_take(task, planned, answer);
	} else if (!sw_is_success(sw) && !answer->is_cut) {
		act_failed(task, planned, sw);
	} else if (answer->is_cut) {
		task_break(task, ERR_UNAVAILABLE,
			   "the answer to STORE DATA did not come whole; what the card did is not known");
	} else if (planned->what == ACT_PERSONALIZE) {
		task->kept.flags |= DID_PERSONALIZE;
	} else {
		task->kept.position += (uint32_t)planned->plain.data.len;
		task->kept.blocks++;
		task_progress(task, task->kept.position, order->data.len);
	}
}

static void finish(struct task *task)
{
	const struct order *order = task->order;

	task_report_hex(task, "aidHex", order->aid.len > 0 ? order->aid : task->domain_aid);
	task_report(task, "bytes", json_integer((json_int_t)order->data.len));
	task_report(task, "alreadyStored", json_boolean((task->kept.flags & CHANGED) == 0));
	channel_report(task);
}

const struct operation store_data_operation = {
	.name = "se.store-data",
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = lost,
	.finish = finish,
};
