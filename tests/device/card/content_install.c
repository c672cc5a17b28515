/* GPCS 2.3.1 11.5 INSTALL, with the rules of 9.3, 9.4 and 6.6 */
#include "chip.h"
#include "content_update.h"
#include "upgrade.h"

#include <cardea/tlv.h>

#define SCP_OF_PARAMETERS                                                                                    \
	0x81 /* in C9 of a security domain: SCP and its option; configurations, [code] of hosts */

bool card_has_room(const struct card *card, uint32_t nonvolatile_bytes, uint32_t volatile_bytes)
{
	const struct card_settings *s = &card->settings;
	uint64_t nonvolatile_sum = (uint64_t)registry_nonvolatile_used(&card->registry) + nonvolatile_bytes;
	uint64_t volatile_sum = (uint64_t)registry_volatile_used(&card->registry) + volatile_bytes;
	return !s->misbehaviour.is_out_of_memory && nonvolatile_sum <= s->nonvolatile_bytes &&
	       volatile_sum <= s->volatile_bytes;
}

bool may_manage_content(const struct registry *registry, const struct entry *security_domain)
{
	bool is_ready =
		security_domain == registry_isd(registry) || security_domain->life_cycle == LIFE_PERSONALIZED;
	return is_ready && (security_domain->privileges &
			    (PRIVILEGE_AUTHORIZED_MANAGEMENT | PRIVILEGE_DELEGATED_MANAGEMENT)) != 0;
}

/* Of the digests that the card capability information offers. */
static bool is_hash_size(size_t len)
{
	return len == digest_size(DIGEST_SHA1) || len == digest_size(DIGEST_SHA256) ||
	       len == digest_size(DIGEST_SHA384) || len == digest_size(DIGEST_SHA512);
}

static uint16_t installation_end(struct call *call, const struct install_fields *fields,
				 const struct card_aid *load_file)
{
	const struct receipt_fields receipt = { .token_identifier = token_identifier(fields),
						.at = { aid_bytes(load_file), fields->lv[2] },
						.count = 2 };
	return change_end(call, &receipt);
}

/* ---- for load ---- */

static bool is_loading_elsewhere(const struct card *card)
{
	for (size_t i = 0; i < CARD_CHANNELS_MAX; i++) {
		if (card->channels[i].load.is_open)
			return true;
	}
	return false;
}

static uint16_t install_for_load(struct call *call, const struct install_fields *fields)
{
	const struct registry *registry = &call->card->registry;
	const struct content_parameters *parameters = &fields->parameters;
	struct load load = { .is_open = true,
			     .security_domain = call->selected->aid,
			     .code_bytes_max = parameters->code_bytes };
	struct bytes hash = fields->lv[2];
	if (!aid_read(fields->lv[0], &load.load_file))
		return SW_WRONG_DATA;
	if (fields->lv[1].len != 0) {
		const struct entry *owner = registry_find(registry, fields->lv[1]);
		if (!aid_read(fields->lv[1], &load.security_domain))
			return SW_WRONG_DATA;
		if (owner == NULL || owner->kind != CARD_SECURITY_DOMAIN)
			return SW_NO_REFERENCED_DATA;
		if (owner != registry_isd(registry) && owner->life_cycle != LIFE_PERSONALIZED)
			return SW_CONDITIONS_OF_USE;
	}
	if (hash.len != 0 && !is_hash_size(hash.len))
		return SW_WRONG_DATA;
	if (fields->token.len > 0 && hash.len < token_digest_size(registry))
		return SW_WRONG_DATA; /* C.2, table C-3 */
	struct bytes identifier = token_identifier(fields);
	if (identifier.len > TOKEN_IDENTIFIER_MAX)
		return SW_WRONG_DATA;
	if (registry_find(registry, fields->lv[0]) != NULL || upgrade_reserves(registry, fields->lv[0]) ||
	    is_loading_elsewhere(call->card))
		return SW_CONDITIONS_OF_USE;
	uint64_t nonvolatile_bytes = (uint64_t)parameters->code_bytes + parameters->nonvolatile_bytes;
	if (nonvolatile_bytes > UINT32_MAX ||
	    !card_has_room(call->card, (uint32_t)nonvolatile_bytes, parameters->volatile_bytes))
		return SW_NO_MEMORY;
	load.hash_len = hash.len;
	if (hash.len > 0)
		memcpy(load.hash, hash.at, hash.len);
	load.token_identifier_len = identifier.len;
	if (identifier.len > 0)
		memcpy(load.token_identifier, identifier.at, identifier.len);
	call->channel->load = load;
	build_u8(call->answer, 0x00);
	return SW_SUCCESS;
}

/* ---- for install, for make selectable ---- */

static bool has_module(const struct entry *load_file, struct bytes module)
{
	for (const struct aid_item *item = load_file->modules; item != NULL; item = item->next) {
		if (bytes_equal(aid_bytes(&item->aid), module))
			return true;
	}
	return false;
}

/* C9 of a security domain is BER-TLV; the secure channel protocol, if told, is the one that the card has. */
static bool security_domain_parameters_fit(const struct card *card, struct bytes parameters)
{
	struct reader r = reader_of(parameters);
	const uint8_t scp03[] = { 0x03, card->settings.scp03_options };
	struct bytes value;
	uint32_t tag;
	while (read_tlv(&r, &tag, &value)) {
		if (tag == SCP_OF_PARAMETERS && !bytes_equal(value, bytes_of(scp03, sizeof(scp03))))
			return false;
	}
	return reader_done(&r);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Adds the entry with all that the parameters ask for. */
static uint16_t instance_create(struct call *call, const struct install_fields *fields, struct entry *entry,
				uint32_t privileges)
{
	struct registry *registry = &call->card->registry;
	const struct content_parameters *parameters = &fields->parameters;
	entry->nonvolatile_bytes = parameters->reserved_nonvolatile_bytes;
	entry->volatile_bytes = parameters->reserved_volatile_bytes;
	uint16_t sw = implicit_selection_add(registry, entry, parameters);
	if (sw == SW_SUCCESS)
		sw = services_record(registry, entry, privileges, parameters);
	if (sw != SW_SUCCESS)
		return sw;
	if (parameters->application.len > 0 && !entry_store(registry, entry, 0xC9, parameters->application))
		return SW_MEMORY_FAILURE;
	if (!card_has_room(call->card, larger(entry_nonvolatile_used(entry), parameters->nonvolatile_bytes),
			   larger(entry->volatile_bytes, parameters->volatile_bytes)))
		return SW_NO_MEMORY;
	struct entry *added = registry_add(registry, entry);
	if (added == NULL)
		return SW_MEMORY_FAILURE;
	registry_give(registry, added, privileges);
	return installation_end(call, fields, &entry->load_file);
}

static uint16_t install_for_install(struct call *call, const struct install_fields *fields)
{
	const struct registry *registry = &call->card->registry;
	bool is_selectable = (call->command.p1 & FOR_MAKE_SELECTABLE) != 0;
	struct entry entry = { .life_cycle = is_selectable ? LIFE_SELECTABLE : LIFE_INSTALLED };
	uint32_t privileges;
	if (!aid_read(fields->lv[0], &entry.load_file) || !aid_read(fields->lv[1], &entry.module) ||
	    !aid_read(fields->lv[2], &entry.aid) || !privileges_read(fields->lv[3], &privileges) ||
	    !fields->parameters.has_application)
		return SW_WRONG_DATA;
	const struct entry *load_file = registry_find(registry, fields->lv[0]);
	if (load_file == NULL || load_file->kind != CARD_LOAD_FILE || !has_module(load_file, fields->lv[1]))
		return SW_NO_REFERENCED_DATA;
	if (registry_find(registry, fields->lv[2]) != NULL || upgrade_reserves(registry, fields->lv[2]) ||
	    upgrade_holds(registry, load_file))
		return SW_CONDITIONS_OF_USE;

	bool is_security_domain = is_of_mask(load_file);
	entry.kind = is_security_domain ? CARD_SECURITY_DOMAIN : CARD_APPLICATION;
	entry.security_domain = is_security_domain ? call->selected->aid : load_file->security_domain;
	if (!registry_may_give(registry, privileges, is_security_domain, NULL) ||
	    (!is_selectable && (privileges & PRIVILEGE_CARD_RESET) != 0))
		return SW_WRONG_DATA;
	if (is_security_domain && !security_domain_parameters_fit(call->card, fields->parameters.application))
		return SW_WRONG_DATA;
	return instance_create(call, fields, &entry, privileges);
}

static uint16_t install_for_make_selectable(struct call *call, const struct install_fields *fields)
{
	struct registry *registry = &call->card->registry;
	struct entry *entry = registry_find(registry, fields->lv[2]);
	uint32_t privileges;
	if (fields->lv[0].len != 0 || fields->lv[1].len != 0 || !privileges_read(fields->lv[3], &privileges))
		return SW_WRONG_DATA;
	if (entry == NULL || entry->kind == CARD_LOAD_FILE)
		return SW_NO_REFERENCED_DATA;
	if (!registry_is_above(registry, call->selected, entry) || entry->life_cycle != LIFE_INSTALLED)
		return SW_CONDITIONS_OF_USE;
	/* all other privileges of the field are to be ignored */
	privileges = entry->privileges | (privileges & PRIVILEGE_CARD_RESET);
	if (!registry_may_give(registry, privileges, entry->kind == CARD_SECURITY_DOMAIN, entry))
		return SW_CONDITIONS_OF_USE;
	uint16_t sw = implicit_selection_add(registry, entry, &fields->parameters);
	if (sw != SW_SUCCESS)
		return sw;
	registry_give(registry, entry, privileges);
	entry->life_cycle = LIFE_SELECTABLE;
	const struct card_aid load_file = entry->load_file;
	return installation_end(call, fields, &load_file);
}

/* ---- for personalization ---- */

static uint16_t install_for_personalization(struct call *call, const struct install_fields *fields)
{
	const struct entry *entry = registry_find(&call->card->registry, fields->lv[2]);
	if (fields->lv[0].len != 0 || fields->lv[1].len != 0 || fields->lv[3].len != 0)
		return SW_WRONG_DATA;
	if (entry == NULL || entry->kind == CARD_LOAD_FILE)
		return SW_NO_REFERENCED_DATA;
	if ((call->selected->privileges & PRIVILEGE_TRUSTED_PATH) == 0 ||
	    (entry->life_cycle & LIFE_LOCKED) != 0 ||
	    !aid_equal(&entry->security_domain, &call->selected->aid))
		return SW_CONDITIONS_OF_USE;
	personalization_end(&call->channel->personalization);
	call->channel->personalization.target = entry->aid;
	build_u8(call->answer, 0x00);
	return SW_SUCCESS;
}

/* clang-format off */
static const struct variant {
	uint8_t p1;
	bool changes_content;
	uint16_t (*run)(struct call *call, const struct install_fields *fields);
} variants[] = {
	{ FOR_LOAD,                          true,  install_for_load            },
	{ FOR_INSTALL,                       true,  install_for_install         },
	{ FOR_INSTALL | FOR_MAKE_SELECTABLE, true,  install_for_install         },
	{ FOR_MAKE_SELECTABLE,               true,  install_for_make_selectable },
	{ FOR_EXTRADITION,                   true,  install_for_extradition     },
	{ FOR_REGISTRY_UPDATE,               true,  install_for_registry_update },
	{ FOR_PERSONALIZATION,               false, install_for_personalization },
};
/* clang-format on */

bool is_restricted(const struct call *call, uint8_t functions)
{
	const struct entry *isd = registry_isd(&call->card->registry);
	return ((isd->restrictions | call->selected->restrictions) & functions) != 0;
}

uint16_t install_content(struct call *call)
{
	uint16_t refused = call->card->settings.misbehaviour.install_status;
	const struct variant *variant = NULL;
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		if (variants[i].p1 == call->command.p1)
			variant = &variants[i];
	}
	if (variant == NULL || call->command.p2 != 0)
		return SW_WRONG_P1P2;
	if (refused != 0)
		return refused;
	struct install_fields fields;
	if (!install_fields_read(call->command.data, variant->p1, &fields) ||
	    (!variant->changes_content && fields.token.len != 0))
		return SW_WRONG_DATA;
	if (is_restricted(call, variant->p1))
		return SW_CONDITIONS_OF_USE;
	if (!variant->changes_content)
		return variant->run(call, &fields);
	if (!may_manage_content(&call->card->registry, call->selected))
		return SW_CONDITIONS_OF_USE;
	const struct token token = { fields.unsigned_data, fields.parameters.token_reference, fields.token };
	uint16_t sw = token_check(call, &token);
	return sw == SW_SUCCESS ? variant->run(call, &fields) : sw;
}
