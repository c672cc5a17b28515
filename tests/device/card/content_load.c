/* GPCS 2.3.1 11.6 LOAD, with the rules of 9.3.5 */
#include "chip.h"
#include "load_file.h"
#include "upgrade.h"

#define LAST_BLOCK     0x80
#define LOAD_BYTES_MAX (1 << 20)

/* Whose packages are in the mask of this card, so that imports of them always resolve: Oracle,
 * GlobalPlatform, ETSI, 3GPP, and Visa for the oldest GlobalPlatform API. A choice of ours. */
static const uint8_t mask_rids[][5] = {
	{ 0xA0, 0x00, 0x00, 0x00, 0x62 }, { 0xA0, 0x00, 0x00, 0x01, 0x51 }, { 0xA0, 0x00, 0x00, 0x00, 0x09 },
	{ 0xA0, 0x00, 0x00, 0x00, 0x87 }, { 0xA0, 0x00, 0x00, 0x00, 0x03 },
};

void load_end(struct load *load)
{
	gathering_end(&load->file);
	*load = (struct load){ 0 };
}

static bool imports_resolve(const struct registry *registry, const struct aid_item *imports)
{
	for (const struct aid_item *item = imports; item != NULL; item = item->next) {
		struct bytes aid = aid_bytes(&item->aid);
		const struct entry *entry = registry_find(registry, aid);
		bool is_there = entry != NULL && entry->kind == CARD_LOAD_FILE;
		for (size_t i = 0; i < sizeof(mask_rids) / sizeof(mask_rids[0]); i++)
			is_there |= bytes_equal(bytes_first(aid, 5), bytes_of(mask_rids[i], 5));
		if (!is_there)
			return false;
	}
	return true;
}

/* The load file is whole: check it against what INSTALL [for load] announced, and register it. */
static uint16_t load_complete(struct call *call, const struct load *load)
{
	struct registry *registry = &call->card->registry;
	struct load_file file;
	struct bytes block;
	uint8_t digest[SHA256_SIZE];
	uint16_t sw = load_file_open(call, load, &block);
	if (sw != SW_SUCCESS)
		return sw;
	enum err err = load_file_read(block, registry->arena, &file);
	if (err == ERR_NONE)
		err = sha256(file.block, digest);
	if (err != ERR_NONE)
		return err == ERR_MALFORMED ? SW_WRONG_DATA : SW_MEMORY_FAILURE;
	if (!aid_equal(&file.package, &load->load_file))
		return SW_WRONG_DATA;
	if (load->code_bytes_max != 0 && file.block.len > load->code_bytes_max)
		return SW_NO_MEMORY;
	const struct entry *owner = registry_find(registry, aid_bytes(&load->security_domain));
	if (owner == NULL || registry_find(registry, aid_bytes(&load->load_file)) != NULL ||
	    !imports_resolve(registry, file.imports))
		return SW_CONDITIONS_OF_USE;

	struct entry entry = {
		.kind = CARD_LOAD_FILE,
		.aid = load->load_file,
		.life_cycle = LIFE_LOADED,
		.security_domain = load->security_domain,
		.nonvolatile_bytes = (uint32_t)file.block.len,
		.version = file.version,
		.modules = file.modules,
		.imports = file.imports,
	};
	memcpy(entry.block_sha256, digest, SHA256_SIZE);
	if (registry_add(registry, &entry) == NULL)
		return SW_MEMORY_FAILURE;
	upgrade_take_load_file(registry, &load->load_file);
	const struct receipt_fields receipt = {
		.token_identifier = bytes_of(load->token_identifier, load->token_identifier_len),
		.at = { aid_bytes(&load->load_file), aid_bytes(&load->security_domain) },
		.count = 2,
	};
	return change_end(call, &receipt);
}

static uint16_t block_take(struct call *call, struct load *load)
{
	const struct command *command = &call->command;
	const struct card_misbehaviour *misbehaviour = &call->card->settings.misbehaviour;
	bool is_last = (command->p1 & LAST_BLOCK) != 0;
	size_t length, block_length;
	if (command->p2 != load->next_block)
		return SW_WRONG_P1P2;
	if (misbehaviour->refuses_load && misbehaviour->load_block == command->p2)
		return misbehaviour->load_status;
	enum err err = gathering_add(&load->file, command->data, LOAD_BYTES_MAX);
	if (err != ERR_NONE)
		return err == ERR_LIMIT ? SW_NO_MEMORY : SW_MEMORY_FAILURE;
	size_t have = gathering_bytes(&load->file).len;
	if (load_file_length(gathering_bytes(&load->file), &length, &block_length) != ERR_NONE)
		return SW_WRONG_DATA;
	if (block_length > UINT32_MAX || !card_has_room(call->card, (uint32_t)block_length, 0))
		return SW_NO_MEMORY;
	/* a block that is longer than the memory asked for: real cards differ, this one holds the host to its
	 * word */
	if (load->code_bytes_max != 0 && block_length > load->code_bytes_max)
		return SW_NO_MEMORY;
	if (length != 0 ? have > length || (is_last && have != length) : is_last)
		return SW_WRONG_DATA;
	load->next_block++;
	return is_last ? load_complete(call, load) : SW_SUCCESS;
}

uint16_t load_block(struct call *call)
{
	struct load *load = &call->channel->load;
	if (!load->is_open)
		return SW_CONDITIONS_OF_USE;
	bool is_last = (call->command.p1 & LAST_BLOCK) != 0;
	uint16_t sw = block_take(call, load);
	if (sw != SW_SUCCESS || is_last)
		load_end(load);
	if (!is_last)
		build_u8(call->answer, 0x00); /* with the last one goes the confirmation, or its absence */
	return sw;
}
