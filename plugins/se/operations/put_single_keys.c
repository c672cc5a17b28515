#include "operations/put_single_keys.h"

#include <cardea/tlv.h>

#include "channel/channel.h"
#include "operations/look.h"
#include "operations/single_keys.h"

enum stage { STAGE_LOOK, STAGE_ACT, STAGE_SEE };
enum { ACT_STEP = 100 };
enum { SENT = 1 << 0 }; /* of flags */

struct order {
	struct single_keys wanted;
	unsigned information; /* query */
};

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));
	struct bytes present_owner = { 0 };

	if (order == NULL)
		return ERR_NOMEM;
	task->order = order;
	enum err err = single_keys_read(task, &order->wanted, fault);
	if (err == ERR_NONE)
		err = task_hex(task, "presentKeysAidHex", &present_owner, fault);
	if (present_owner.len > 0)
		task->key_owner = present_owner;
	order->information = look_ask_data(task, 0x00E0);
	return err;
}

/* ---- steps: PUT KEY of each key, then STORE DATA of each certificate store, block by block ---- */

static bool has_key(const struct key_information *information, uint8_t id, uint8_t version)
{
	for (size_t i = 0; i < information->count; i++) {
		if (information->entries[i].id == id && information->entries[i].version == version)
			return true;
	}
	return false;
}

/* One of them: its data, in as many commands as it takes. */
struct step {
	bool is_store;
	struct bytes data, answer; /* answer: of PUT KEY */
	uint8_t replaced, id;
};

static enum err compose_key(struct task *task, size_t number, struct step *ret_step)
{
	const struct order *order = task->order;
	const struct new_key *key = &order->wanted.keys[number];
	const struct key_cipher cipher = { channel_protocol(task)->key_type, &task->session.dek };
	struct step step = { .id = key->id };
	struct key_information information;

	if (!look_key_information(task, order->information, &information))
		return ERR_MALFORMED;
	if (has_key(&information, key->id, order->wanted.versions[number]))
		step.replaced = order->wanted.versions[number];
	else if (has_key(&information, key->id, order->wanted.replace_version))
		step.replaced = order->wanted.replace_version;
	enum err err = new_key_data(task->arena, order->wanted.versions[number], key, &cipher, &step.data,
				    &step.answer);
	if (err == ERR_NONE)
		*ret_step = step;
	return err;
}

/* Amendment F 7.8 */
static enum err compose_store(struct task *task, size_t number, struct step *ret_step)
{
	const struct order *order = task->order;
	const uint8_t reference[] = { order->wanted.keys[number].id, order->wanted.versions[number] };
	struct builder b = builder_in(task->arena);
	size_t crt = build_open(&b, 0xA6);

	build_tlv(&b, 0x83, bytes_of(reference, sizeof(reference)));
	build_close(&b, crt);
	build_tlv(&b, 0xBF21, order->wanted.certificates);
	*ret_step = (struct step){ .is_store = true };
	return builder_bytes(&b, &ret_step->data);
}

static size_t step_count(const struct order *order)
{
	const size_t stores = order->wanted.certificates.len > 0
				      ? order->wanted.key_count - order->wanted.first_certified
				      : 0;

	return order->wanted.key_count + stores;
}

static enum err compose(struct task *task, size_t number, struct step *ret_step)
{
	const struct order *order = task->order;

	return number < order->wanted.key_count
		       ? compose_key(task, number, ret_step)
		       : compose_store(task, order->wanted.first_certified + number - order->wanted.key_count,
				       ret_step);
}

/* How much of a certificate store goes into one command; the same in each script, so that a number says where
 * it goes on.
 */
#define STORE_BLOCK 200

static size_t block_count(const struct step *step)
{
	return step->is_store ? (step->data.len + STORE_BLOCK - 1) / STORE_BLOCK : 1;
}

static struct command block_command(const struct step *step, size_t number)
{
	const struct bytes left = bytes_from(step->data, number * STORE_BLOCK);

	return step->is_store ? gp_store_data(bytes_first(left, STORE_BLOCK), number, left.len <= STORE_BLOCK,
					      STORE_BER_TLV, false)
			      : gp_put_key(step->replaced, step->id, step->data);
}

static bool is_last_block(const struct command *command)
{
	return command->ins != INS_STORE_DATA || (command->p1 & 0x80) != 0;
}

static bool plan_step(struct task *task, struct batch *batch, size_t number, size_t first_block)
{
	struct step step;
	enum err err = compose(task, number, &step);

	if (err == ERR_NOMEM)
		return task_is_good(task, err);
	if (err != ERR_NONE) {
		task_break(task, err, "what goes to the card under key version %02X cannot be made: %s",
			   ((const struct order *)task->order)->wanted.new_version, err_name(err));
		return false;
	}
	for (size_t i = first_block; i < block_count(&step); i++) {
		const struct command command = block_command(&step, i);
		if (!batch_add_change(batch, &command, ACT_STEP + (unsigned)number))
			return false;
	}
	return true;
}

/* kept.position steps are done, and kept.blocks of the next one. */
static void plan(struct task *task, struct batch *batch)
{
	const size_t done = task->kept.position, count = step_count(task->order);

	if (task->kept.stage != STAGE_ACT) {
		look_plan(task, batch);
		return;
	}
	for (size_t i = done; channel_ciphers_keys(task) && i < count; i++) {
		if (!plan_step(task, batch, i, i == done ? task->kept.blocks : 0))
			break;
	}
}

/* ---- answers ---- */

static void check_answer(struct task *task, size_t number, struct bytes answer)
{
	struct step step;

	if (answer.len == 0 || compose(task, number, &step) != ERR_NONE || step.is_store)
		return;
	if (!bytes_equal(answer, step.answer))
		task_break(task, ERR_CONFLICT, "the card answers PUT KEY with %s, expected %s",
			   bytes_to_hex(task->arena, bytes_first(answer, 16)),
			   bytes_to_hex(task->arena, step.answer));
}

static void take_step(struct task *task, const struct planned *planned, const struct response *response)
{
	const size_t count = step_count(task->order);

	if (!sw_is_success(response->sw)) {
		task->kept.is_unproven = false; /* what was taken is known */
		task_fail(task, sw_kind(response->sw),
			  "%s: %04X %s; the card took %u of %zu keys and certificate stores before",
			  command_text(task->arena, &planned->plain), response->sw, sw_text(response->sw),
			  task->kept.position, count);
		return;
	}
	task->kept.blocks++;
	if (!is_last_block(&planned->plain))
		return;
	check_answer(task, planned->what - ACT_STEP, response->data);
	task->kept.position++;
	task->kept.blocks = 0;
	task_progress(task, task->kept.position, count);
}

static void go_look(struct task *task)
{
	task->kept.stage = STAGE_LOOK;
	task->kept.position = task->kept.blocks = 0;
	look_again(task);
}

static void take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	if (planned->what < ACT_STEP) {
		look_take(task, planned, answer);
	} else if (answer->is_cut) {
		task_reopen(task, task->kept.key_version);
		go_look(task);
	} else {
		take_step(task, planned, &answer->response);
	}
}

/* ---- what comes next ---- */

static void looked(struct task *task)
{
	const struct order *order = task->order;
	struct key_information information;
	bool has_replaced = false;

	if (!look_key_information(task, order->information, &information))
		return;
	for (size_t i = 0; i < order->wanted.key_count; i++) {
		const uint8_t id = order->wanted.keys[i].id;
		has_replaced = has_replaced || has_key(&information, id, order->wanted.replace_version);
		if ((task->kept.flags & SENT) == 0 &&
		    order->wanted.replace_version != order->wanted.new_version &&
		    has_key(&information, id, order->wanted.versions[i])) {
			task_fail(task, ERR_CONFLICT,
				  "key %02X %02X is on the card already, and does not tell its value: "
				  "replaceKeyVersion %u puts it there anew",
				  id, order->wanted.versions[i], order->wanted.new_version);
			return;
		}
	}
	if (order->wanted.replace_version != 0 && !has_replaced && (task->kept.flags & SENT) == 0) {
		task_fail(task, ERR_NOT_FOUND, "the card has no key version %02X to replace",
			  order->wanted.replace_version);
		return;
	}
	task->kept.flags |= SENT;
	task->kept.stage = STAGE_ACT;
}

static void begin_seeing(struct task *task)
{
	task->kept.is_unproven = false; /* all of it was answered */
	task->kept.stage = STAGE_SEE;
	look_again(task);
}

static void seen(struct task *task)
{
	const struct order *order = task->order;
	struct key_information information;

	if (!look_key_information(task, order->information, &information))
		return;
	for (size_t i = 0; i < order->wanted.key_count; i++) {
		if (!has_key(&information, order->wanted.keys[i].id, order->wanted.versions[i])) {
			task_fail(task, ERR_CONFLICT,
				  "the card confirmed key %02X %02X, but does not list it",
				  order->wanted.keys[i].id, order->wanted.versions[i]);
			return;
		}
	}
	task_succeed(task);
}

static void advance(struct task *task)
{
	if (task->kept.ending != ENDING_NONE)
		return;
	if (task->kept.stage == STAGE_LOOK && look_is_done(task))
		looked(task);
	else if (task->kept.stage == STAGE_ACT && task->kept.position == step_count(task->order))
		begin_seeing(task);
	else if (task->kept.stage == STAGE_SEE && look_is_done(task))
		seen(task);
}

static void finish(struct task *task)
{
	const struct order *order = task->order;

	task_report(task, "newKeyVersion", json_integer(order->wanted.new_version));
	task_report(task, "replacedKeyVersion", json_integer(order->wanted.replace_version));
	task_report(task, "keys", json_integer((json_int_t)order->wanted.key_count));
	task_report(task, "certificateStores",
		    json_integer((json_int_t)(step_count(order) - order->wanted.key_count)));
	channel_report(task);
}

static void forget(struct task *task)
{
	struct order *order = task->order;

	single_keys_wipe(&order->wanted);
}

const struct operation put_single_keys_operation = {
	.name = "se.put-keys",
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = go_look,
	.finish = finish,
	.forget = forget,
};
