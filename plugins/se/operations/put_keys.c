/* se.put-keys: the key set that the operator stored under a new version is on the card, and is proven by use.
 *
 *   LOOK (key information) -> ACT: PUT KEY -> PROVE: a new channel with the new version
 *
 * PROVE also sends a command, since authentication alone uses no more than the MAC key.
 *
 * After a break with PUT KEY on its way the new version is asked first: INITIALIZE UPDATE alone tells whether
 * the card holds it, and costs nothing when it does not. */
#include "operations/operations.h"

#include "channel/channel.h"
#include "channel/scp11_keys.h"
#include "operations/look.h"

enum stage { STAGE_LOOK, STAGE_ACT, STAGE_PROVE };
enum { ACT_PUT_KEY = 100 };
enum {
	SENT = 1 << 0,      /* PUT KEY goes out in this job */
	CONFIRMED = 1 << 1, /* and was answered with the right check values */
	WAS_THERE = 1 << 2, /* the version was on the card before us */
};

struct order {
	enum protocol_choice new_choice,
		present_choice; /* present: CHOICE_NONE as the card and the keys say */
	uint8_t new_version, replace_version, present_version;
	unsigned keys, issuer; /* queries */
};

/* The lowest version that is stored, other than the new one; 0 when there is none. */
static uint8_t lowest_other_version(struct task *task, const struct order *order)
{
	for (unsigned version = 1; version <= 255; version++) {
		struct cardea_keyset keyset;
		if (version == order->new_version ||
		    channel_keyset(task, choice_protocol(order->new_choice)->kind, (uint8_t)version,
				   &keyset) != ERR_NONE)
			continue;
		keyset_wipe(&keyset);
		return (uint8_t)version;
	}
	return 0;
}

/* The protocol that the new keys are for: CHOICE_NONE when they are not stored. */
static enum protocol_choice choice_of_new(struct task *task, uint8_t new_version)
{
	static const enum protocol_choice choices[] = { CHOICE_SCP03, CHOICE_SCP02 };

	for (size_t i = 0; i < 2; i++) {
		struct cardea_keyset keyset;
		if (channel_keyset(task, choice_protocol(choices[i])->kind, new_version, &keyset) != ERR_NONE)
			continue;
		keyset_wipe(&keyset);
		return choices[i];
	}
	return CHOICE_NONE;
}

/* Keys of the same protocol open the channel, or certificates where there are no others. */
static enum err choose_present(struct task *task, struct order *order, struct fault *fault)
{
	struct scp11_keyset certificates;
	const bool wants_certificates =
		choice_protocol((enum protocol_choice)task->wanted_protocol) == &scp11_protocol;

	if (!wants_certificates && order->present_version == 0)
		order->present_version = lowest_other_version(task, order);
	if (order->present_version == order->new_version && !wants_certificates)
		return fault_set(fault, ERR_MALFORMED,
				 "keyVersion must be a key set that is on the card, not the new one");
	if (!wants_certificates && order->present_version != 0) {
		order->present_choice = order->new_choice;
		return ERR_NONE;
	}
	order->present_choice = (enum protocol_choice)task->wanted_protocol;
	if (scp11_keyset_read(task, order->present_version, &certificates, NULL) != ERR_NONE)
		return fault_set(fault, ERR_NOT_FOUND,
				 "no key set besides %02X is stored to authenticate with",
				 order->new_version);
	scp11_keyset_wipe(&certificates);
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
	order->new_choice = choice_of_new(task, order->new_version);
	if (order->new_choice == CHOICE_NONE)
		return fault_set(fault, ERR_NOT_FOUND,
				 "key set %02X is not stored for this device: store the new keys first",
				 order->new_version);
	enum err err = choose_present(task, order, fault);
	if (err != ERR_NONE)
		return err;
	if (task->kept.key_version == 0 && task->kept.choice == CHOICE_NONE) {
		task->kept.key_version = order->present_version;
		task->kept.choice = order->present_choice;
	}
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
	task->kept.choice = order->new_choice;
	task_reopen(task, order->new_version);
}

static void go_look(struct task *task)
{
	const struct order *order = task->order;

	task->kept.stage = STAGE_LOOK;
	look_again(task);
	task->kept.choice = order->present_choice;
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

static enum err compose_put_key(struct task *task, struct command *ret_command, struct bytes *ret_answer,
				struct fault *fault)
{
	const struct order *order = task->order;
	const struct protocol *new_protocol = choice_protocol(order->new_choice);
	const struct key_cipher cipher = { channel_protocol(task)->key_type, &task->session.dek };
	struct key_set new_keys;
	struct bytes data;
	enum err err = channel_card_keys(task, new_protocol->kind, order->new_version, &new_keys);

	if (err != ERR_NONE)
		return card_keys_fault(new_protocol, order->new_version, err, fault);
	err = put_key_data(task->arena, order->new_version, new_protocol->key_type, &new_keys, &cipher, &data,
			   ret_answer);
	wipe(&new_keys, sizeof(new_keys));
	if (err != ERR_NONE)
		return card_keys_fault(new_protocol, order->new_version, err, fault);
	*ret_command = gp_put_key(order->replace_version, data);
	return ERR_NONE;
}

static void plan(struct task *task, struct batch *batch)
{
	struct command command;
	struct bytes expected;
	struct fault fault = { 0 };

	if (task->kept.stage != STAGE_ACT) {
		look_plan(task, batch);
	} else {
		enum err err = compose_put_key(task, &command, &expected, &fault);
		if (err == ERR_NOMEM)
			task_is_good(task, err);
		else if (err != ERR_NONE)
			task_break(task, err, "%s", fault.text);
		else
			batch_add_change(batch, &command, ACT_PUT_KEY);
	}
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
static bool refused_key_set(struct task *task, enum err kind)
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
	.key_set_refused = refused_key_set,
	.finish = finish,
};
