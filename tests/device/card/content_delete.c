/* GPCS 2.3.1 11.2 DELETE, with the rules of 9.5 */
#include "chip.h"
#include "content_parameters.h"

#include <cardea/tlv.h>

#include "upgrade.h"

#define WITH_RELATED 0x80

/* 9.5.1: whoever is not its security domain, and has no right to delete everything, asks that one. */
static bool may_delete(const struct call *call, const struct entry *entry)
{
	const struct registry *registry = &call->card->registry;
	if ((call->selected->privileges & PRIVILEGE_GLOBAL_DELETE) != 0 ||
	    aid_equal(&entry->security_domain, &call->selected->aid))
		return true;
	const struct entry *owner = registry_find(registry, aid_bytes(&entry->security_domain));
	return registry_is_above(registry, call->selected, entry) &&
	       security_domain_accepts(owner, POLICY_ACCEPTS_DELETION);
}

static bool is_instance_of(const struct entry *entry, const struct entry *load_file)
{
	return entry->kind != CARD_LOAD_FILE && aid_equal(&entry->load_file, &load_file->aid);
}

/* Something else lives in this security domain. What goes with the load file `going` does not count. */
static bool has_inhabitants(const struct registry *registry, const struct entry *security_domain,
			    const struct entry *going)
{
	for (const struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		bool is_going = entry == going || (going != NULL && is_instance_of(entry, going));
		if (entry != security_domain && !is_going &&
		    aid_equal(&entry->security_domain, &security_domain->aid))
			return true;
	}
	return false;
}

static bool can_go(const struct call *call, const struct entry *entry, const struct entry *going)
{
	return may_delete(call, entry) && !is_selected_anywhere(call->card, entry) &&
	       !has_inhabitants(&call->card->registry, entry, going);
}

static bool is_imported(const struct registry *registry, const struct entry *load_file)
{
	for (const struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		for (const struct aid_item *item = entry->imports; item != NULL; item = item->next) {
			if (entry != load_file && aid_equal(&item->aid, &load_file->aid))
				return true;
		}
	}
	return false;
}

static bool load_file_can_go(const struct call *call, const struct entry *load_file, bool has_related)
{
	const struct registry *registry = &call->card->registry;
	if (!may_delete(call, load_file) || is_imported(registry, load_file))
		return false;
	for (const struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		if (is_instance_of(entry, load_file) && (!has_related || !can_go(call, entry, load_file)))
			return false;
	}
	return true;
}

static void instances_remove(struct registry *registry, const struct entry *load_file)
{
	struct entry *next;
	for (struct entry *entry = registry->entries; entry != NULL; entry = next) {
		next = entry->next;
		if (is_instance_of(entry, load_file))
			registry_remove(registry, entry);
	}
}

/* What the data field asks for. */
struct order {
	struct bytes aid;
	bool has_aid;
	struct token token;
	int key_id, key_version; /* -1: not given */
};

static uint16_t delete_object(struct call *call, const struct order *order)
{
	struct registry *registry = &call->card->registry;
	struct entry *entry = registry_find(registry, order->aid);
	struct bytes identifier;
	if (!may_manage_content(registry, call->selected) || is_restricted(call, FOR_DELETE))
		return SW_CONDITIONS_OF_USE;
	uint16_t sw = token_check(call, &order->token);
	if (sw != SW_SUCCESS)
		return sw;
	if (entry == NULL)
		return SW_NOT_FOUND;
	bool has_related = (call->command.p2 & WITH_RELATED) != 0;
	bool can = entry->kind == CARD_LOAD_FILE ? load_file_can_go(call, entry, has_related)
						 : can_go(call, entry, NULL);
	if (!can || entry == registry_isd(registry) || upgrade_holds(registry, entry))
		return SW_CONDITIONS_OF_USE;
	if (entry->kind == CARD_LOAD_FILE)
		instances_remove(registry, entry);
	registry_remove(registry, entry);
	const bool has_identifier = tlv_find(order->token.reference, 0x93, &identifier) == ERR_NONE;
	const struct receipt_fields receipt = { .token_identifier =
							has_identifier ? identifier : bytes_of(NULL, 0),
						.at = { order->aid },
						.count = 1 };
	return change_end(call, &receipt);
}

static bool order_read(struct bytes data, struct order *ret_order)
{
	struct reader r = reader_of(data);
	struct bytes value;
	uint32_t tag;
	size_t before = data.len;
	ret_order->token.fields = data;
	for (; read_tlv(&r, &tag, &value); before = reader_left(&r)) {
		switch (tag) {
		case 0x4F:
			if (ret_order->has_aid || value.len < 5 || value.len > CARD_AID_MAX)
				return false;
			ret_order->has_aid = true;
			ret_order->aid = value;
			break;
		case 0xD0:
		case 0xD2:
			if (value.len != 1)
				return false;
			*(tag == 0xD0 ? &ret_order->key_id : &ret_order->key_version) = value.at[0];
			break;
		case 0x9E: /* the last one, table 11-23 */
			if (reader_left(&r) > 0 || value.len == 0)
				return false;
			ret_order->token.signature = value;
			ret_order->token.fields = bytes_first(data, data.len - before);
			break;
		case 0xB6:
			ret_order->token.reference = value;
			break;
		default:
			return false;
		}
	}
	return reader_done(&r);
}

uint16_t delete_content(struct call *call)
{
	struct order order = { .key_id = -1, .key_version = -1 };
	if (!order_read(call->command.data, &order))
		return SW_WRONG_DATA;
	bool has_keys = order.key_id >= 0 || order.key_version >= 0;
	if (order.has_aid == has_keys || (has_keys && order.token.signature.len > 0))
		return SW_WRONG_DATA;
	if (order.has_aid)
		return delete_object(call, &order);
	uint16_t sw = delete_keys(call, order.key_id, order.key_version);
	build_u8(call->answer, 0x00);
	return sw;
}
