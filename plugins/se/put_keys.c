/* se.put-keys: the key set that the operator stored under a new version is on the card, and is proven by use.
 *
 *   LOOK (key information) -> ACT: PUT KEY -> PROVE: a new channel with the new version
 *
 * PROVE also sends a command, since authentication alone uses no more than the MAC key.
 *
 * After a break with PUT KEY on its way the new version is asked first: INITIALIZE UPDATE alone tells whether
 * the card holds it, and costs nothing when it does not. */
#include "operations.h"

#include "channel.h"
#include "look.h"

enum stage { STAGE_LOOK, STAGE_ACT, STAGE_PROVE };
enum { ACT_PUT_KEY = 100 };
enum {
	SENT = 1 << 0,      /* PUT KEY goes out in this job */
	CONFIRMED = 1 << 1, /* and was answered with the right check values */
	WAS_THERE = 1 << 2, /* the version was on the card before us */
};

struct order {
	uint8_t new_version, replace_version, present_version;
	unsigned keys, issuer; /* queries */
};

/* The lowest version that is stored, other than the new one; 0 when there is none. */
static uint8_t lowest_other_version(struct task *task, uint8_t new_version)
{
	for (unsigned version = 1; version <= 255; version++) {
		struct cardea_keyset keyset;
		if (version == new_version || channel_keyset(task, (uint8_t)version, &keyset) != ERR_NONE)
			continue;
		keyset_wipe(&keyset);
		return (uint8_t)version;
	}
	return 0;
}

static enum err check_versions(struct task *task, struct order *order, struct fault *fault)
{
	struct cardea_keyset keyset;

	if (channel_keyset(task, order->new_version, &keyset) != ERR_NONE)
		return fault_set(fault, ERR_NOT_FOUND,
				 "key set %02X is not stored for this device: store the new keys first",
				 order->new_version);
	keyset_wipe(&keyset);
	if (order->present_version == order->new_version)
		return fault_set(fault, ERR_MALFORMED,
				 "keyVersion must be a key set that is on the card, not the new one");
	if (order->present_version == 0)
		return fault_set(fault, ERR_NOT_FOUND,
				 "no key set besides %02X is stored to authenticate with",
				 order->new_version);
	return ERR_NONE;
}

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));

	if (order == NULL)
		return ERR_NOMEM;
	order->new_version = (uint8_t)task_number(task, "newKeyVersion", 0);
	order->replace_version = (uint8_t)task_number(task, "replaceKeyVersion", 0);
	order->present_version = (uint8_t)task_number(task, "keyVersion", 0);
	if (order->present_version == 0)
		order->present_version = lowest_other_version(task, order->new_version);
	enum err err = check_versions(task, order, fault);
	if (err != ERR_NONE)
		return err;
	if (task->kept.key_version == 0)
		task->kept.key_version = order->present_version;
	order->keys = look_ask_data(task, 0x00E0);
	order->issuer = look_ask_status(task, SCOPE_ISSUER_DOMAIN, bytes_of(NULL, 0), look_application_tags);
	task->order = order;
	return ERR_NONE;
}

static void prove(struct task *task)
{
	const struct order *order = task->order;

	task->kept.stage = STAGE_PROVE;
	look_again(task);
	task_reopen(task, order->new_version);
}

static void go_look(struct task *task)
{
	const struct order *order = task->order;

	task->kept.stage = STAGE_LOOK;
	look_again(task);
	task_reopen(task, order->present_version);
}

static void lost(struct task *task)
{
	if ((task->kept.flags & SENT) != 0 && task->kept.stage != STAGE_LOOK)
		prove(task);
	else
		go_look(task);
}

/* ---- looking ---- */

static bool has_version(const struct key_information *keys, uint8_t version)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (keys->entries[i].version == version)
			return true;
	}
	return false;
}

static void looked(struct task *task)
{
	const struct order *order = task->order;
	const struct query_answer *answer = &task->kept.queries[order->keys];
	struct key_information keys;
	struct fault fault = { 0 };

	task->kept.is_unproven = false;
	if (!sw_is_success(answer->sw)) {
		task_break(task, sw_kind(answer->sw), "GET DATA 00E0: %04X %s", answer->sw,
			   sw_text(answer->sw));
		return;
	}
	enum err err = key_information_parse(answer->data, task->arena, &keys, &fault);
	if (err != ERR_NONE) {
		task_break(task, err, "GET DATA 00E0: %s", fault.text);
		return;
	}
	if (has_version(&keys, order->new_version) && order->new_version != order->replace_version) {
		task->kept.flags |= WAS_THERE;
		prove(task);
	} else if (order->replace_version != 0 && !has_version(&keys, order->replace_version)) {
		task_fail(task, ERR_NOT_FOUND, "the card has no key version %02X to replace",
			  order->replace_version);
	} else {
		task->kept.stage = STAGE_ACT;
		task->kept.flags |= SENT;
	}
}

/* A card that cannot decrypt a command answers with an error, and not with its list. */
static void proven(struct task *task)
{
	const struct order *order = task->order;
	const uint16_t sw = task->kept.queries[order->issuer].sw;

	if (sw_is_success(sw)) {
		task->kept.is_unproven = false;
		task_succeed(task);
	} else {
		task_break(task, ERR_CONFLICT,
			   "key version %02X authenticates, but a command under it fails: %04X %s",
			   order->new_version, sw, sw_text(sw));
	}
}

static void advance(struct task *task)
{
	if (task->kept.ending != ENDING_NONE)
		return;
	if (task->kept.stage == STAGE_LOOK && look_is_done(task)) {
		looked(task);
	} else if (task->kept.stage == STAGE_PROVE && look_is_done(task)) {
		proven(task);
	}
}

/* ---- acting ---- */

static enum err compose_put_key(struct task *task, struct command *ret_command, struct bytes *ret_answer)
{
	const struct order *order = task->order;
	struct cardea_keyset keyset;
	struct key_set new_keys = { 0 };
	struct bytes data;
	struct scp03_opening opening;
	enum err err = channel_keyset(task, order->new_version, &keyset);

	if (err != ERR_NONE)
		return err;
	err = scp03_opening_parse(task->kept.opening, &opening, NULL);
	if (err == ERR_NONE)
		err = key_diversify(task->diversification, &keyset.enc, KEY_ENC, opening.diversification,
				    &new_keys.enc);
	if (err == ERR_NONE)
		err = key_diversify(task->diversification, &keyset.mac, KEY_MAC, opening.diversification,
				    &new_keys.mac);
	if (err == ERR_NONE)
		err = key_diversify(task->diversification, &keyset.dek, KEY_DEK, opening.diversification,
				    &new_keys.dek);
	if (err == ERR_NONE)
		err = put_key_data(task->arena, order->new_version, &new_keys, &task->keys.dek, &data,
				   ret_answer);
	keyset_wipe(&keyset);
	wipe(&new_keys, sizeof(new_keys));
	if (err == ERR_NONE)
		*ret_command = gp_put_key(order->replace_version, data);
	return err;
}

static void plan(struct task *task, struct batch *batch)
{
	struct command command;
	struct bytes expected;

	if (task->kept.stage != STAGE_ACT) {
		look_plan(task, batch);
	} else {
		enum err err = compose_put_key(task, &command, &expected);
		if (err == ERR_NOMEM)
			task_is_good(task, err);
		else if (err != ERR_NONE)
			task_break(task, err,
				   "the keys of set %02X cannot be sent: AES keys of 16, 24 or 32 bytes are "
				   "needed",
				   ((const struct order *)task->order)->new_version);
		else
			batch_add_change(batch, &command, ACT_PUT_KEY);
	}
}

/* Fewer bytes than expected prove nothing: the new channel will. */
static void check_answer(struct task *task, struct bytes answer)
{
	struct command command;
	struct bytes expected;

	if (answer.len == 0 || !task_is_good(task, compose_put_key(task, &command, &expected)))
		return;
	if (!bytes_equal(answer, expected))
		task_break(task, ERR_CONFLICT, "the card answers PUT KEY with %s, expected %s",
			   bytes_to_hex(task->arena, bytes_first(answer, 16)),
			   bytes_to_hex(task->arena, expected));
}

static void take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	const uint16_t sw = answer->response.sw;

	if (planned->what < ACT_PUT_KEY) {
		look_take(task, planned, answer);
		return;
	}
	if (!answer->is_cut && !sw_is_success(sw)) {
		task->kept.is_unproven = false; /* a key set is stored as a whole or not at all */
		task_fail(task, sw_kind(sw), "%s: %04X %s", command_text(task->arena, &planned->plain), sw,
			  sw_text(sw));
		return;
	}
	if (!answer->is_cut) {
		task->kept.flags |= CONFIRMED;
		check_answer(task, answer->response.data);
	}
	if (task->kept.ending == ENDING_NONE)
		prove(task);
}

/* The new version was asked and the card does not have it, or has other values. */
static bool key_set_refused(struct task *task, enum err kind)
{
	const struct order *order = task->order;
	const uint32_t flags = task->kept.flags;

	if (task->kept.stage != STAGE_PROVE || (flags & CONFIRMED) != 0)
		return false;
	if ((flags & SENT) != 0 && (flags & WAS_THERE) == 0) {
		/* it did not arrive before the break */
		task->kept.flags &= ~(unsigned)SENT;
		go_look(task);
		return true;
	}
	task_fail(task, ERR_CONFLICT, "key version %02X is on the card already, with other values",
		  order->new_version);
	return true;
}

static void finish(struct task *task)
{
	const struct order *order = task->order;

	task_report(task, "newKeyVersion", json_integer(order->new_version));
	task_report(task, "replacedKeyVersion", json_integer(order->replace_version));
	task_report(task, "alreadyPresent", json_boolean((task->kept.flags & SENT) == 0));
	channel_report(task);
}

const struct operation put_keys_operation = {
	.name = "se.put-keys",
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = lost,
	.key_set_refused = key_set_refused,
	.finish = finish,
};
