#include "operations/key_order.h"

#include "channel/channel.h"
#include "channel/scp11_keys.h"

/* The same number with another owner is another key set. */
static bool is_new_one(const struct task *task, const struct key_order *order, unsigned version)
{
	return version == order->new_version && bytes_equal(order->present_owner, task->domain_aid);
}

/* The lowest version that is stored, other than the new one; 0 when there is none. */
static uint8_t lowest_other_version(struct task *task, const struct key_order *order)
{
	for (unsigned version = 1; version <= 255; version++) {
		struct cardea_keyset keyset;
		if (is_new_one(task, order, version) ||
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
		const char *kind = choice_protocol(choices[i])->kind;
		struct cardea_keyset keyset;
		if (strcmp(task_text(task, "kind", kind), kind) != 0 ||
		    channel_keyset(task, kind, new_version, &keyset) != ERR_NONE)
			continue;
		keyset_wipe(&keyset);
		return choices[i];
	}
	return CHOICE_NONE;
}

/* Keys of the same protocol open the channel, or certificates where there are no others. */
static enum err choose_present(struct task *task, struct key_order *order, struct fault *fault)
{
	struct scp11_keyset certificates;
	const bool wants_certificates =
		choice_protocol((enum protocol_choice)task->wanted_protocol) == &scp11_protocol;

	if (!wants_certificates && order->present_version == 0)
		order->present_version = lowest_other_version(task, order);
	if (is_new_one(task, order, order->present_version) && !wants_certificates)
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

enum err key_order_read(struct task *task, struct key_order *order, struct fault *fault)
{
	enum err err = task_hex(task, "presentKeysAidHex", &order->present_owner, fault);

	if (order->present_owner.len == 0)
		order->present_owner = task->domain_aid;
	order->new_version = (uint8_t)task_number(task, "newKeyVersion", 0);
	order->replace_version = (uint8_t)task_number(task, "replaceKeyVersion", 0);
	order->present_version = (uint8_t)task_number(task, "keyVersion", 0);
	order->new_choice = choice_of_new(task, order->new_version);
	if (err == ERR_NONE && order->new_choice == CHOICE_NONE)
		return fault_set(fault, ERR_NOT_FOUND,
				 "key set %02X is not stored for this device: store the new keys first",
				 order->new_version);
	order->by_store_data = strcmp(task_text(task, "method", "put-key"), "store-data") == 0;
	if (order->by_store_data && order->replace_version != 0)
		return fault_set(fault, ERR_MALFORMED,
				 "replaceKeyVersion: STORE DATA adds keys, and replaces none");
	task->key_owner = order->present_owner;
	return err == ERR_NONE ? choose_present(task, order, fault) : err;
}
