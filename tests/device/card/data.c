/* GPCS 2.3.1 11.3 GET DATA, appendix H for card data and card capability information */
#include "chip.h"

#include <cardea/tlv.h>

#define TAG_APPLICATIONS 0x2F00
#define TAG_CERTIFICATES 0xBF21
#define INS_ODD          0xCB

static void build_oid(struct builder *b, uint32_t tag, const uint8_t *arcs, size_t len)
{
	static const uint8_t global_platform[] = { 0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B };
	size_t application = tag == 0 ? 0 : build_open(b, tag);
	size_t oid = build_open(b, 0x06);
	build_bytes(b, bytes_of(global_platform, sizeof(global_platform)));
	build_bytes(b, bytes_of(arcs, len));
	build_close(b, oid);
	if (tag != 0)
		build_close(b, application);
}

static uint16_t build_card_data(const struct call *call, struct builder *b)
{
	static const uint8_t recognition[] = { 0x01 }, version[] = { 0x02, 0x02, 0x03, 0x01 },
			     identification[] = { 0x03 };
	const struct card_settings *settings = &call->card->settings;
	const uint8_t scp02[] = { 0x04, 0x02, settings->scp02_options },
		      scp03[] = { 0x04, 0x03, settings->scp03_options },
		      /* two bytes: X.509 certificates are taken too */
		scp11[] = { 0x04, 0x11, (uint8_t)(0x80 | settings->scp11.options), 0x02 };
	size_t mark = build_open(b, 0x73);
	build_oid(b, 0, recognition, sizeof(recognition));
	build_oid(b, 0x60, version, sizeof(version));
	build_oid(b, 0x63, identification, sizeof(identification));
	if (settings->scp02_options != 0)
		build_oid(b, 0x64, scp02, sizeof(scp02));
	build_oid(b, 0x64, scp03, sizeof(scp03));
	if (settings->scp11.options != 0)
		build_oid(b, 0x64, scp11, sizeof(scp11));
	build_close(b, mark);
	return SW_SUCCESS;
}

static void build_privileges(struct builder *b, uint32_t tag, uint32_t privileges)
{
	size_t mark = build_open(b, tag);
	build_u24(b, privileges);
	build_close(b, mark);
}

static uint16_t build_capability(const struct call *call, struct builder *b)
{
	if (call->selected != registry_isd(&call->card->registry))
		return SW_NO_REFERENCED_DATA;
	size_t mark = build_open(b, 0xA0);
	build_tlv_u8(b, 0x80, 0x03);
	build_tlv_u8(b, 0x81, call->card->settings.scp03_options);
	build_tlv_u8(b, 0x82, 0x07); /* AES keys of all three lengths */
	build_close(b, mark);
	build_privileges(b, 0x81, SSD_PRIVILEGES);
	build_privileges(b, 0x82, APP_PRIVILEGES);
	build_tlv_u8(b, 0x83, 0x0F); /* load file data block hash: SHA-1, 256, 384, 512 */
	return SW_SUCCESS;
}

/* Table 11-28. A parameter reference stands in the place of its length; a point does not count its 04. */
static void build_component(struct builder *b, const struct key_component *component)
{
	build_u8(b, component->type);
	if (component->type == KEY_TYPE_PARAMETER_REFERENCE)
		build_bytes(b, component->value);
	else if (component->type == KEY_TYPE_ECC_PUBLIC)
		build_u8(b, (uint8_t)(component->value.len - 1));
	else
		build_u8(b, component->value.len > 255 ? 0 : (uint8_t)component->value.len);
}

static uint16_t build_key_information(const struct call *call, struct builder *b)
{
	for (const struct card_key *key = call->selected->keys; key != NULL; key = key->next) {
		size_t mark = build_open(b, 0xC0);
		build_u8(b, key->id);
		build_u8(b, key->version);
		for (const struct key_component *part = key->components; part != NULL; part = part->next)
			build_component(b, part);
		build_close(b, mark);
	}
	build_scp11_keys(call, b);
	return SW_SUCCESS;
}

static uint16_t build_sequence_counter(const struct call *call, struct builder *b)
{
	uint32_t counter;
	bool is_scp02;
	if (!default_sequence_counter(&call->card->registry, call->selected, &counter, &is_scp02) ||
	    (!is_scp02 && (call->card->settings.scp03_options & CARD_I_PSEUDO_RANDOM) == 0))
		return SW_NO_REFERENCED_DATA;
	build_uint(b, counter, is_scp02 ? 2 : 3);
	return SW_SUCCESS;
}

static uint16_t build_security_level(const struct call *call, struct builder *b)
{
	const struct session *session = &call->channel->session;
	build_u8(b, session->state == SESSION_OPEN ? 0x80 | session->level : 0x00);
	return SW_SUCCESS;
}

static uint16_t build_applications(const struct call *call, struct builder *b)
{
	const struct registry *registry = &call->card->registry;
	bool sees_all = (call->selected->privileges & PRIVILEGE_GLOBAL_REGISTRY) != 0;
	for (const struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		if (entry->kind == CARD_LOAD_FILE ||
		    !(sees_all || registry_is_above(registry, call->selected, entry)))
			continue;
		size_t mark = build_open(b, 0x61);
		build_tlv(b, 0x4F, aid_bytes(&entry->aid));
		build_close(b, mark);
	}
	return SW_SUCCESS;
}

static uint32_t free_of(uint32_t all, uint32_t used)
{
	return used < all ? all - used : 0;
}

/* TS 102 226 */
static uint16_t build_resources(const struct call *call, struct builder *b)
{
	const struct registry *registry = &call->card->registry;
	const struct card_settings *settings = &call->card->settings;
	uint32_t numbers[] = {
		(uint32_t)card_object_count(call->card, CARD_APPLICATION),
		free_of(settings->nonvolatile_bytes, registry_nonvolatile_used(registry)),
		free_of(settings->volatile_bytes, registry_volatile_used(registry)),
	};
	for (uint32_t i = 0; i < 3; i++) {
		size_t mark = build_open(b, 0x81 + i);
		build_uint(b, numbers[i], i == 0 ? 2 : 4);
		build_close(b, mark);
	}
	return SW_SUCCESS;
}

/* What a security domain computes; all else is what it was given. */
static const struct computed {
	uint32_t tag;
	uint16_t (*build)(const struct call *call, struct builder *b);
} computed[] = {
	{ 0x66, build_card_data },        { 0x67, build_capability },
	{ 0xC1, build_sequence_counter }, { 0xD3, build_security_level },
	{ 0xE0, build_key_information },  { TAG_APPLICATIONS, build_applications },
	{ 0xFF21, build_resources },
};

static uint16_t value_build(const struct call *call, uint32_t tag, struct builder *b)
{
	const struct data_object *object = entry_object(call->selected, tag);
	if (object != NULL && !has_files(call->selected)) {
		build_bytes(b, object->value);
		return SW_SUCCESS;
	}
	for (size_t i = 0; i < sizeof(computed) / sizeof(computed[0]); i++) {
		if (computed[i].tag == tag && call->selected->kind == CARD_SECURITY_DOMAIN)
			return computed[i].build(call, b);
	}
	return SW_NO_REFERENCED_DATA;
}

uint16_t get_data(struct call *call)
{
	static const uint8_t all_tags[] = { 0x5C, 0x00 };
	const struct command *command = &call->command;
	uint32_t tag = (uint32_t)command->p1 << 8 | command->p2;
	bool is_list = tag == TAG_APPLICATIONS;
	if (is_list ? command->is_gp == (command->ins == INS_ODD) : command->ins == INS_ODD)
		return SW_NO_REFERENCED_DATA;
	if (tag == TAG_CERTIFICATES && command->data.len != 0)
		return get_certificates(call);
	if (!is_list && command->data.len != 0)
		return SW_WRONG_LENGTH;
	if (is_list && !bytes_equal(command->data, bytes_of(all_tags, sizeof(all_tags))))
		return SW_WRONG_DATA;
	struct builder value = builder_in(call->card->scratch);
	struct bytes bytes;
	uint16_t sw = value_build(call, tag, &value);
	if (sw != SW_SUCCESS)
		return sw;
	if (builder_bytes(&value, &bytes) != ERR_NONE)
		return SW_MEMORY_FAILURE;
	if (command->is_gp && !is_list)
		build_tlv(call->answer, tag, bytes);
	else
		build_bytes(call->answer, bytes);
	return SW_SUCCESS;
}
