/* The files that the card has as a UICC: a few of those that every operator knows (3GPP TS 31.102, ETSI TS
 * 102 221) */
#include "file_system.h"

#define EMPTY 0xFF

static const uint8_t iccid[] = { 0x98, 0x94, 0x42, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xF1 };
static const uint8_t imsi[] = { 0x08, 0x29, 0x26, 0x24, 0x10, 0x00, 0x00, 0x00, 0x10 };
static const uint8_t service_name[] = { 0x00, 'C', 'a', 'r', 'd', 'e', 'a' };

static const struct file_row {
	uint16_t directory, id;
	enum file_kind kind;
	uint8_t record_size;
	uint8_t read, update;
	struct bytes content; /* the beginning */
	size_t size;          /* filled up with FF */
} rows[] = {
	{ FILE_MF, 0x2FE2, FILE_TRANSPARENT, 0, FILE_ALWAYS, FILE_NEVER, { iccid, sizeof(iccid) }, 10 },
	{ FILE_MF, 0x7F10, FILE_DIRECTORY, 0, FILE_ALWAYS, FILE_BY_ADMINISTRATOR, { NULL, 0 }, 0 },
	{ 0x7F10, 0x6F3A, FILE_LINEAR, 28, FILE_BY_HOLDER, FILE_BY_ADMINISTRATOR, { NULL, 0 }, 5 * 28 },
	{ FILE_MF, 0x7F20, FILE_DIRECTORY, 0, FILE_ALWAYS, FILE_BY_ADMINISTRATOR, { NULL, 0 }, 0 },
	{ 0x7F20,
	  0x6F07,
	  FILE_TRANSPARENT,
	  0,
	  FILE_BY_HOLDER,
	  FILE_BY_ADMINISTRATOR,
	  { imsi, sizeof(imsi) },
	  9 },
	{ FILE_ADF,
	  0x6F07,
	  FILE_TRANSPARENT,
	  0,
	  FILE_BY_HOLDER,
	  FILE_BY_ADMINISTRATOR,
	  { imsi, sizeof(imsi) },
	  9 },
	{ FILE_ADF,
	  0x6F46,
	  FILE_TRANSPARENT,
	  0,
	  FILE_ALWAYS,
	  FILE_BY_ADMINISTRATOR,
	  { service_name, sizeof(service_name) },
	  17 },
	{ FILE_ADF, 0x6F39, FILE_CYCLIC, 3, FILE_BY_HOLDER, FILE_BY_ADMINISTRATOR, { NULL, 0 }, 4 * 3 },
	{ FILE_ADF, 0x6F3C, FILE_LINEAR, 176, FILE_BY_HOLDER, FILE_BY_ADMINISTRATOR, { NULL, 0 }, 2 * 176 },
	{ FILE_ADF, 0x6F62, FILE_TRANSPARENT, 0, FILE_BY_HOLDER, FILE_BY_ADMINISTRATOR, { NULL, 0 }, 400 },
};

static bool row_store(struct registry *registry, struct entry *entry, const struct file_row *row)
{
	struct builder b = builder_in(registry->arena);
	struct file file = { .directory = row->directory,
			     .id = row->id,
			     .kind = row->kind,
			     .record_size = row->record_size,
			     .is_active = true,
			     .read = row->read,
			     .update = row->update };

	build_bytes(&b, row->content);
	while (!b.bad && b.len < row->size)
		build_u8(&b, EMPTY);
	return builder_bytes(&b, &file.content) == ERR_NONE && file_store(registry, entry, &file);
}

bool uicc_install(struct registry *registry, const struct card_aid *load_file, bool *ret_is_changed)
{
	const struct entry application = {
		.kind = CARD_APPLICATION,
		.aid = file_usim,
		.life_cycle = LIFE_SELECTABLE,
		.security_domain = registry_isd(registry)->aid,
		.load_file = *load_file,
	};

	*ret_is_changed = registry_find(registry, aid_bytes(&file_usim)) == NULL;
	if (!*ret_is_changed)
		return true;
	struct entry *entry = registry_add(registry, &application);
	for (size_t i = 0; entry != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!row_store(registry, entry, &rows[i]))
			return false;
	}
	return entry != NULL;
}
