/* GPCS 2.3.1 9.4, 11.5.2.3.4 and 11.5.2.3.5 */
#include "content_update.h"

#include <cardea/tlv.h>

#define IMPLICIT_CHANNEL_MAX 19

uint16_t implicit_selection_add(struct registry *registry, struct entry *entry,
				const struct content_parameters *parameters)
{
	for (size_t i = 0; i < parameters->implicit_selection_count; i++) {
		uint8_t wanted = parameters->implicit_selections[i];
		if ((wanted & 0x1F) > IMPLICIT_CHANNEL_MAX)
			return SW_WRONG_DATA;
		for (const struct entry *other = registry->entries; other != NULL; other = other->next) {
			for (size_t j = 0; j < other->implicit_selection.len; j++) {
				uint8_t taken = other->implicit_selection.at[j];
				if (!aid_equal(&other->aid, &entry->aid) && (taken & wanted & 0xC0) != 0 &&
				    ((taken ^ wanted) & 0x1F) == 0)
					return SW_CONDITIONS_OF_USE;
			}
		}
	}
	struct builder b = builder_in(registry->arena);
	build_bytes(&b, entry->implicit_selection);
	build_bytes(&b, bytes_of(parameters->implicit_selections, parameters->implicit_selection_count));
	return builder_bytes(&b, &entry->implicit_selection) == ERR_NONE ? SW_SUCCESS : SW_MEMORY_FAILURE;
}

uint16_t services_record(struct registry *registry, struct entry *entry, uint32_t privileges,
			 const struct content_parameters *parameters)
{
	if (parameters->services.len == 0)
		return SW_SUCCESS;
	if (parameters->services.len % 2 != 0 || (privileges & PRIVILEGE_GLOBAL_SERVICE) == 0)
		return SW_WRONG_DATA;
	return bytes_copy(registry->arena, parameters->services, &entry->services) == ERR_NONE
		       ? SW_SUCCESS
		       : SW_MEMORY_FAILURE;
}

/* What a security domain's provider said when it was installed, in C9. Without a word it accepts. */
bool security_domain_accepts(const struct entry *security_domain, uint32_t policy)
{
	const struct data_object *parameters = entry_object(security_domain, 0xC9);
	struct bytes value;
	return parameters == NULL || tlv_find(parameters->value, policy, &value) != ERR_NONE ||
	       value.len != 1 || value.at[0] != 0x00;
}

/* GPCS 2.3.1 9.4.1. Hierarchies stay trees: nothing becomes associated with what is below it. */
static uint16_t extradite(struct call *call, struct entry *entry, struct bytes to)
{
	const struct registry *registry = &call->card->registry;
	const struct entry *target = registry_find(registry, to);
	if (target == NULL || target->kind != CARD_SECURITY_DOMAIN)
		return SW_NO_REFERENCED_DATA;
	if (entry == registry_isd(registry) || !registry_is_above(registry, call->selected, entry))
		return SW_CONDITIONS_OF_USE;
	if (target != registry_isd(registry) && target->life_cycle != LIFE_PERSONALIZED)
		return SW_CONDITIONS_OF_USE;
	if (entry->kind == CARD_LOAD_FILE && (target->privileges & PRIVILEGE_DAP_VERIFICATION) != 0)
		return SW_CONDITIONS_OF_USE;
	const struct entry *owner = registry_find(registry, aid_bytes(&entry->security_domain));
	if (!security_domain_accepts(target, POLICY_ACCEPTS_EXTRADITION) ||
	    (owner != call->selected && !security_domain_accepts(owner, POLICY_RELEASES)))
		return SW_CONDITIONS_OF_USE;
	if (target != entry && entry->kind == CARD_SECURITY_DOMAIN &&
	    registry_is_above(registry, entry, target))
		return SW_CONDITIONS_OF_USE;
	entry->security_domain = target->aid;
	return SW_SUCCESS;
}

uint16_t install_for_extradition(struct call *call, const struct install_fields *fields)
{
	struct entry *entry = registry_find(&call->card->registry, fields->lv[2]);
	if (fields->lv[1].len != 0 || fields->lv[3].len != 0)
		return SW_WRONG_DATA;
	const struct card_aid old = entry == NULL ? (struct card_aid){ 0 } : entry->security_domain;
	uint16_t sw = entry == NULL ? SW_NO_REFERENCED_DATA : extradite(call, entry, fields->lv[0]);
	const struct receipt_fields receipt = { .token_identifier = token_identifier(fields),
						.at = { aid_bytes(&old), fields->lv[2], fields->lv[0] },
						.count = 3 };
	return sw == SW_SUCCESS ? change_end(call, &receipt) : sw;
}

/* What is restricted stays so: nothing in 9.4.2.1 leads back. */
static uint16_t restrict_functions(struct entry *entry, uint8_t functions)
{
	if (entry->kind != CARD_SECURITY_DOMAIN)
		return SW_WRONG_DATA;
	entry->restrictions |= functions;
	return SW_SUCCESS;
}

/* All or nothing: whatever is refused takes the registry back to what is durable. */
static uint16_t registry_update(struct call *call, const struct install_fields *fields, struct entry *entry)
{
	struct registry *registry = &call->card->registry;
	uint32_t privileges = entry->privileges;
	if (fields->lv[3].len != 0 && !privileges_read(fields->lv[3], &privileges))
		return SW_WRONG_DATA;
	if (!registry_may_give(registry, privileges, entry->kind == CARD_SECURITY_DOMAIN, entry))
		return SW_WRONG_DATA;
	registry_give(registry, entry, privileges);
	uint16_t sw = implicit_selection_add(registry, entry, &fields->parameters);
	if (sw == SW_SUCCESS)
		sw = services_record(registry, entry, privileges, &fields->parameters);
	if (sw == SW_SUCCESS && fields->lv[0].len != 0)
		sw = extradite(call, entry, fields->lv[0]);
	if (sw == SW_SUCCESS && fields->parameters.has_restriction)
		sw = restrict_functions(entry, fields->parameters.restrictions);
	return sw;
}

/* Of OPEN, so of all security domains: nothing else, and never to be taken back. */
static uint16_t restrict_card(struct call *call, const struct install_fields *fields)
{
	const struct content_parameters *parameters = &fields->parameters;
	if (!parameters->has_restriction || fields->lv[0].len != 0 || fields->lv[3].len != 0 ||
	    parameters->services.len != 0 || parameters->implicit_selection_count != 0)
		return SW_WRONG_DATA;
	if ((call->selected->privileges & PRIVILEGE_GLOBAL_LOCK) == 0)
		return SW_CONDITIONS_OF_USE;
	registry_isd(&call->card->registry)->restrictions |= parameters->restrictions;
	const struct receipt_fields receipt = {
		.token_identifier = token_identifier(fields),
		.at = { fields->lv[0], fields->lv[2], fields->lv[0], fields->lv[3] },
		.count = 4,
		.has_parameters = true,
		.parameters = fields->parameter_bytes,
	};
	return change_end(call, &receipt);
}

uint16_t install_for_registry_update(struct call *call, const struct install_fields *fields)
{
	struct registry *registry = &call->card->registry;
	struct entry *entry = registry_find(registry, fields->lv[2]);
	if (fields->lv[1].len != 0)
		return SW_WRONG_DATA;
	if (fields->lv[2].len == 0)
		return restrict_card(call, fields);
	if (entry == NULL || entry->kind == CARD_LOAD_FILE)
		return SW_NO_REFERENCED_DATA;
	if (entry == registry_isd(registry) || !registry_is_above(registry, call->selected, entry))
		return SW_CONDITIONS_OF_USE;
	/* C.5.4: security domains are there when it extradites */
	const struct card_aid old = fields->lv[0].len == 0 ? (struct card_aid){ 0 } : entry->security_domain;
	const struct receipt_fields receipt = {
		.token_identifier = token_identifier(fields),
		.at = { aid_bytes(&old), fields->lv[2], fields->lv[0], fields->lv[3] },
		.count = 4,
		.has_parameters = true,
		.parameters = fields->parameter_bytes,
	};
	uint16_t sw = registry_update(call, fields, entry);
	if (sw == SW_SUCCESS)
		return change_end(call, &receipt);
	return state_restore(call->card, NULL) == ERR_NONE ? sw : SW_MEMORY_FAILURE;
}
