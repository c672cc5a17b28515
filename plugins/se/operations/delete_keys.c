/* se.delete-keys: keys of a version, of an identifier, or the one of both are not on the card. Never those
 * that open the channel. */
#include "operations/operations.h"

#include "channel/channel.h"
#include "operations/look.h"
#include "operations/one_change.h"

#define NOT_GIVEN (-1)

struct order {
	int version, identifier;
	unsigned keys;
};

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));

	if (order == NULL)
		return ERR_NOMEM;
	order->version = (int)task_number(task, "deleteKeyVersion", NOT_GIVEN);
	order->identifier = (int)task_number(task, "deleteKeyIdentifier", NOT_GIVEN);
	if (order->version == NOT_GIVEN && order->identifier == NOT_GIVEN)
		return fault_set(fault, ERR_MALFORMED,
				 "deleteKeyVersion or deleteKeyIdentifier must say which keys");
	order->keys = look_ask_data(task, 0x00E0);
	task->order = order;
	return ERR_NONE;
}

static bool is_meant(const struct order *order, const struct key_entry *key)
{
	return (order->version == NOT_GIVEN || key->version == order->version) &&
	       (order->identifier == NOT_GIVEN || key->id == order->identifier);
}

static enum verdict compare(struct task *task)
{
	const struct order *order = task->order;
	struct key_information keys;
	size_t count = 0;

	if (!look_key_information(task, order->keys, &keys))
		return HAS_ENDED;
	for (size_t i = 0; i < keys.count; i++) {
		const struct key_entry *key = &keys.entries[i];
		if (!is_meant(order, key))
			continue;
		if (key->version == task->kept.key_version) {
			task_fail(task, ERR_CONFLICT,
				  "key %02X of version %02X opens this secure channel: delete it with "
				  "another one",
				  key->id, key->version);
			return HAS_ENDED;
		}
		count++;
	}
	return count == 0 ? AS_WANTED : NOT_AS_WANTED;
}

static enum err compose(struct task *task, struct command *ret_command)
{
	const struct order *order = task->order;

	return gp_delete_keys(task->arena, order->identifier, order->version, ret_command);
}

static void finish(struct task *task)
{
	const struct order *order = task->order;

	if (order->version != NOT_GIVEN)
		task_report(task, "deletedKeyVersion", json_integer(order->version));
	if (order->identifier != NOT_GIVEN)
		task_report(task, "deletedKeyIdentifier", json_integer(order->identifier));
	task_report(task, "alreadyAbsent", json_boolean(!one_change_was_due(task)));
	channel_report(task);
}

static const struct one_change deletion = {
	.compare = compare,
	.compose = compose,
	.what = "the deletion",
	.conditions = "a card keeps what it cannot be opened without",
};

const struct operation delete_keys_operation = {
	.name = "se.delete-keys",
	.prepare = prepare,
	.change = &deletion,
	.plan = one_change_plan,
	.take = one_change_take,
	.advance = one_change_advance,
	.lost = one_change_lost,
	.finish = finish,
};
