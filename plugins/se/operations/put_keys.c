/* se.put-keys: the key set that the operator stored under a new version is on the card, and is proven by use.
 * se.rotate-keys: and the old one is not on the card any more.
 *
 *   LOOK (key information) -> ACT: PUT KEY -> PROVE: a new channel with the new version -> REMOVE the old,
 * PROVE again
 *
 * The new channel begins in the script of PUT KEY: INITIALIZE UPDATE goes after it, and its answer is looked
 * at only when PUT KEY was answered as it should. It authenticates nobody, so a card without the new keys
 * loses nothing by it.
 *
 * PROVE also sends a command, since authentication alone uses no more than the MAC key. Nothing is removed
 * but under the new key set, so that at each instant the card has one that is proven.
 *
 * A security domain that has no keys yet is opened with those of the domain above it.
 *
 * After a break with PUT KEY on its way the new version is asked first: INITIALIZE UPDATE alone tells whether
 * the card holds it, and costs nothing when it does not. */
#include "operations/operations.h"

#include "channel/channel.h"
#include "operations/key_order.h"
#include "operations/look.h"
#include "operations/put_single_keys.h"
#include "operations/single_keys.h"

enum stage { STAGE_LOOK, STAGE_ACT, STAGE_PROVE, STAGE_REMOVE };
enum { ACT_PUT_KEY = 100, ACT_REMOVE };
enum { NOTE_CHALLENGE = NOTE_OTHERS }; /* ours, of the channel with the new version */
enum {
	SENT = 1 << 0,       /* PUT KEY goes out in this job */
	CONFIRMED = 1 << 1,  /* and was answered with the right check values */
	WAS_THERE = 1 << 2,  /* the version was on the card before us */
	NO_PRESENT = 1 << 3, /* the card cannot be opened with the present version: perhaps all is done */
	REMOVAL_SENT = 1 << 4,
	REMOVED = 1 << 5,         /* the card said so */
	REMOVAL_REFUSED = 1 << 6, /* kept.kind and reason say why */
};

/* Whose keys open the channel hangs on how far we are. */
static void choose_owner(struct task *task)
{
	const struct key_order *order = task->order;
	const bool is_new = task->kept.stage == STAGE_PROVE || task->kept.stage == STAGE_REMOVE;

	task->key_owner = is_new ? task->domain_aid : order->present_owner;
}

static enum err prepare_put(struct task *task, struct key_order *order, struct fault *fault)
{
	enum err err = key_order_read(task, order, fault);

	if (err != ERR_NONE)
		return err;
	task->order = order;
	choose_owner(task);
	if (task->kept.key_version == 0 && task->kept.choice == CHOICE_NONE) {
		task->kept.key_version = order->present_version;
		task->kept.choice = order->present_choice;
	}
	order->keys = look_ask_data(task, 0x00E0);
	order->issuer = look_ask_status(task, SCOPE_ISSUER_DOMAIN, bytes_of(NULL, 0), look_application_tags);
	order->itself = order->issuer;
	if (!task_is_issuer(task))
		order->itself =
			look_ask_status(task, SCOPE_APPLICATIONS, task->domain_aid, look_application_tags);
	return ERR_NONE;
}

static enum err prepare(struct task *task, struct fault *fault)
{
	if (is_single_keys(task_text(task, "kind", ""))) {
		task->operation = &put_single_keys_operation;
		return task->operation->prepare(task, fault);
	}
	struct key_order *order = arena_alloc(task->arena, sizeof(*order));
	if (order == NULL)
		return ERR_NOMEM;
	*order = (struct key_order){ 0 };
	return prepare_put(task, order, fault);
}

static enum err prepare_rotation(struct task *task, struct fault *fault)
{
	struct key_order *order = arena_alloc(task->arena, sizeof(*order));

	if (order == NULL)
		return ERR_NOMEM;
	*order = (struct key_order){ 0 };
	enum err err = prepare_put(task, order, fault);
	if (err != ERR_NONE)
		return err;
	order->remove_version = (uint8_t)task_number(task, "oldKeyVersion", order->present_version);
	if (order->remove_version == 0)
		return fault_set(fault, ERR_MALFORMED, "oldKeyVersion: which key set shall go");
	if (order->remove_version == order->new_version)
		return fault_set(fault, ERR_MALFORMED, "oldKeyVersion is the new one");
	return ERR_NONE;
}

static void prove(struct task *task)
{
	const struct key_order *order = task->order;

	task->kept.stage = STAGE_PROVE;
	look_again(task);
	choose_owner(task);
	task->kept.choice = order->new_choice;
	task_reopen(task, order->new_version);
}

static void go_look(struct task *task)
{
	const struct key_order *order = task->order;

	task->kept.stage = STAGE_LOOK;
	look_again(task);
	choose_owner(task);
	task->kept.choice = order->present_choice;
	task_reopen(task, order->present_version);
}

static void lost(struct task *task)
{
	if (task->kept.stage == STAGE_REMOVE || (task->kept.flags & (WAS_THERE | NO_PRESENT)) != 0 ||
	    ((task->kept.flags & SENT) != 0 && task->kept.stage != STAGE_LOOK))
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

static void go_act(struct task *task)
{
	const struct key_order *order = task->order;
	const size_t size = channel_next_challenge_size(task);
	uint8_t *challenge = arena_alloc(task->arena, size);

	task->kept.stage = STAGE_ACT;
	task->kept.flags |= SENT;
	if (order->new_choice == CHOICE_SCP03 &&
	    task_is_good(task, challenge == NULL ? ERR_NOMEM : random_bytes(challenge, size)))
		task->kept.notes[NOTE_CHALLENGE] = bytes_of(challenge, size);
}

static void looked(struct task *task)
{
	const struct key_order *order = task->order;
	struct key_information keys;

	task->kept.is_unproven = false;
	if (!look_key_information(task, order->keys, &keys))
		return;
	if (has_version(&keys, order->new_version) && order->new_version != order->replace_version) {
		task->kept.flags |= WAS_THERE;
		prove(task);
	} else if (order->replace_version != 0 && !has_version(&keys, order->replace_version)) {
		task_fail(task, ERR_NOT_FOUND, "the card has no key version %02X to replace",
			  order->replace_version);
	} else {
		go_act(task);
	}
}

/* The new key set opened this channel: the old one is not needed any more. */
static void remove_old(struct task *task)
{
	const struct key_order *order = task->order;
	struct key_information keys;

	if (order->remove_version == 0) {
		task_succeed(task);
		return;
	}
	if (!look_key_information(task, order->keys, &keys))
		return;
	if (!has_version(&keys, order->remove_version)) {
		task_succeed(task);
	} else if ((task->kept.flags & REMOVAL_REFUSED) != 0) {
		const char *reason = arena_strdup(task->arena, task->kept.reason);
		task_fail(task, task->kept.kind, "%s; key version %02X is proven, %02X is still there",
			  reason != NULL ? reason : "", order->new_version, order->remove_version);
	} else if ((task->kept.flags & REMOVED) != 0) {
		task_fail(
			task, ERR_CONFLICT,
			"the card confirmed that key version %02X is gone, and still has it; %02X is proven",
			order->remove_version, order->new_version);
	} else {
		task->kept.flags |= REMOVAL_SENT;
		task->kept.stage = STAGE_REMOVE;
	}
}

/* A card that cannot decrypt a command answers with an error, and not with its list. The issuer's security
 * domain lists itself in one scope, all others in another. */
static void proven(struct task *task)
{
	const struct key_order *order = task->order;
	const uint16_t sw = task->kept.queries[order->issuer].sw;

	if (sw_is_success(sw) || sw_is_success(task->kept.queries[order->itself].sw)) {
		task->kept.is_unproven = false;
		remove_old(task);
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

/* The new keys are the security domain's own, whoever's open the channel. */
static enum err new_card_keys(struct task *task, struct key_set *ret_keys)
{
	const struct key_order *order = task->order;

	task->key_owner = task->domain_aid;
	enum err err = channel_card_keys(task, choice_protocol(order->new_choice)->kind, order->new_version,
					 ret_keys);
	choose_owner(task);
	return err;
}

/* The same keys in DGIs (GPCS 11.11.4), which are answered with no check values. */
static enum err compose_store_data(struct task *task, const struct key_set *keys,
				   const struct key_cipher *cipher, struct command *ret_command,
				   struct bytes *ret_answer)
{
	static const uint8_t ids[] = { KEY_ENC, KEY_MAC, KEY_DEK };
	const struct key_order *order = task->order;
	struct key list[] = { keys->enc, keys->mac, keys->dek };
	const struct dgi_key_order dgis = {
		.keys = list,
		.ids = ids,
		.count = 3,
		.version = order->new_version,
		.type = choice_protocol(order->new_choice)->key_type,
		.cipher = cipher,
	};
	struct bytes data;
	enum err err = store_data_key_dgis(task->arena, &dgis, &data);

	wipe(list, sizeof(list));
	if (err != ERR_NONE)
		return err;
	*ret_command = gp_store_data(data, 0, true, STORE_DGI, true);
	*ret_answer = bytes_of(NULL, 0);
	return ERR_NONE;
}

static enum err compose_put_key(struct task *task, struct command *ret_command, struct bytes *ret_answer,
				struct fault *fault)
{
	const struct key_order *order = task->order;
	const struct protocol *new_protocol = choice_protocol(order->new_choice);
	const struct key_cipher cipher = { channel_protocol(task)->key_type, &task->session.dek };
	struct key_set new_keys;
	struct bytes data;
	enum err err = new_card_keys(task, &new_keys);

	if (err != ERR_NONE)
		return card_keys_fault(new_protocol, order->new_version, err, fault);
	err = order->by_store_data ? compose_store_data(task, &new_keys, &cipher, ret_command, ret_answer)
				   : put_key_data(task->arena, order->new_version, new_protocol->key_type,
						  &new_keys, &cipher, &data, ret_answer);
	wipe(&new_keys, sizeof(new_keys));
	if (err != ERR_NONE)
		return card_keys_fault(new_protocol, order->new_version, err, fault);
	if (!order->by_store_data)
		*ret_command = gp_put_key_set(order->replace_version, data);
	return ERR_NONE;
}

static void plan_put(struct task *task, struct batch *batch)
{
	const struct key_order *order = task->order;
	const struct bytes challenge = task->kept.notes[NOTE_CHALLENGE];
	struct command command;
	struct bytes expected;
	struct fault fault = { 0 };
	enum err err = compose_put_key(task, &command, &expected, &fault);

	if (err == ERR_NOMEM)
		task_is_good(task, err);
	else if (err != ERR_NONE)
		task_break(task, err, "%s", fault.text);
	else if (batch_add_change(batch, &command, ACT_PUT_KEY) && challenge.len > 0)
		channel_plan_next(batch, order->new_version, challenge);
}

static void plan(struct task *task, struct batch *batch)
{
	const struct key_order *order = task->order;
	struct command command;

	if (task->kept.stage == STAGE_ACT)
		plan_put(task, batch);
	else if (task->kept.stage != STAGE_REMOVE)
		look_plan(task, batch);
	else if (task_is_good(task, gp_delete_keys(task->arena, -1, order->remove_version, &command)))
		batch_add_change(batch, &command, ACT_REMOVE);
}

/* Fewer bytes than expected prove nothing: the new channel will. */
static void check_answer(struct task *task, struct bytes answer)
{
	struct command command;
	struct bytes expected;

	if (answer.len == 0 || !task_is_good(task, compose_put_key(task, &command, &expected, NULL)))
		return;
	if (!bytes_equal(answer, expected))
		task_break(task, ERR_CONFLICT, "the card answers PUT KEY with %s, expected %s",
			   bytes_to_hex(task->arena, bytes_first(answer, 16)),
			   bytes_to_hex(task->arena, expected));
}

static void take_put(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	const uint16_t sw = answer->response.sw;

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

/* Whatever the card says, the new key set looks once more. */
static void take_removal(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	const uint16_t sw = answer->response.sw;

	if (!answer->is_cut && sw_is_success(sw)) {
		task->kept.flags |= REMOVED;
	} else if (!answer->is_cut) {
		task->kept.flags |= REMOVAL_REFUSED;
		task_note_reason(task, sw_kind(sw), "%s: %04X %s", command_text(task->arena, &planned->plain),
				 sw, sw_text(sw));
	}
	prove(task);
}

static void take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	if (planned->what == ACT_PUT_KEY)
		take_put(task, planned, answer);
	else if (planned->what == ACT_REMOVE)
		take_removal(task, planned, answer);
	else
		look_take(task, planned, answer);
}

/* The card is not opened by the present version. It may be that all is done: with the new version it tells.
 */
static bool refused_present(struct task *task, enum err kind)
{
	const struct key_order *order = task->order;
	const bool has_other_owner = !bytes_equal(order->present_owner, task->domain_aid);

	/* other values may be a wrong key, but not where the domain may have got keys of its own */
	if (task->kept.stage != STAGE_LOOK || (kind == ERR_DENIED && !has_other_owner))
		return false;
	task->kept.flags |= NO_PRESENT;
	prove(task);
	return true;
}

/* The new version was asked and the card does not have it, or has other values. */
static bool refused_new(struct task *task, enum err kind)
{
	const struct key_order *order = task->order;
	const uint32_t flags = task->kept.flags;

	if ((flags & CONFIRMED) != 0)
		return false;
	if ((flags & SENT) != 0 && (flags & (WAS_THERE | NO_PRESENT)) == 0) {
		/* it did not arrive before the break */
		task->kept.flags &= ~(unsigned)SENT;
		go_look(task);
		return true;
	}
	if (kind == ERR_NOT_FOUND)
		task_fail(task, kind, "the card has neither key version %02X nor %02X",
			  order->present_version, order->new_version);
	else
		task_fail(task, ERR_CONFLICT, "key version %02X is on the card already, with other values",
			  order->new_version);
	return true;
}

static bool refused_key_set(struct task *task, enum err kind)
{
	return task->kept.stage == STAGE_PROVE ? refused_new(task, kind) : refused_present(task, kind);
}

static void finish(struct task *task)
{
	const struct key_order *order = task->order;

	task_report(task, "newKeyVersion", json_integer(order->new_version));
	if (order->remove_version != 0)
		task_report(task, "oldKeyVersion", json_integer(order->remove_version));
	else
		task_report(task, "replacedKeyVersion", json_integer(order->replace_version));
	task_report(task, "alreadyPresent", json_boolean((task->kept.flags & SENT) == 0));
	if (order->remove_version != 0)
		task_report(task, "alreadyRotated",
			    json_boolean((task->kept.flags & (SENT | REMOVAL_SENT)) == 0));
	channel_report(task);
}

const struct operation put_keys_operation = {
	.name = "se.put-keys",
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = lost,
	.key_set_refused = refused_key_set,
	.finish = finish,
};

const struct operation rotate_keys_operation = {
	.name = "se.rotate-keys",
	.prepare = prepare_rotation,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = lost,
	.key_set_refused = refused_key_set,
	.finish = finish,
};
