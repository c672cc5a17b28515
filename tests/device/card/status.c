/* GPCS 2.3.1 11.4 GET STATUS */
#include "chip.h"

#include <cardea/tlv.h>

/* P1 */
#define SCOPE_ISD          0x80
#define SCOPE_APPLICATIONS 0x40
#define SCOPE_LOAD_FILES   0x20
#define SCOPE_MODULES      0x10 /* load files with their modules */

/* P2 */
#define GET_NEXT       0x01
#define TLV_STRUCTURED 0x02

#define ANY_SCOPE (SCOPE_ISD | SCOPE_APPLICATIONS | SCOPE_LOAD_FILES | SCOPE_MODULES)

struct query {
	uint8_t scope;
	struct bytes name; /* beginning of an AID */
	struct bytes tags; /* of 5C; empty: the default */
};

static void build_aid(struct builder *b, const struct entry *entry)
{
	build_tlv(b, 0x4F, aid_bytes(&entry->aid));
}

static void build_life_cycle(struct builder *b, const struct entry *entry)
{
	build_tlv_u8(b, 0x9F70, entry->life_cycle);
}

static void build_privileges(struct builder *b, const struct entry *entry)
{
	size_t mark = build_open(b, 0xC5);
	build_u24(b, entry->privileges);
	build_close(b, mark);
}

static void build_implicit_selection(struct builder *b, const struct entry *entry)
{
	for (size_t i = 0; i < entry->implicit_selection.len; i++)
		build_tlv_u8(b, 0xCF, entry->implicit_selection.at[i]);
}

static void build_load_file(struct builder *b, const struct entry *entry)
{
	if (entry->load_file.len > 0)
		build_tlv(b, 0xC4, aid_bytes(&entry->load_file));
}

static void build_version(struct builder *b, const struct entry *entry)
{
	size_t mark = build_open(b, 0xCE);
	build_u16(b, entry->version);
	build_close(b, mark);
}

static void build_modules(struct builder *b, const struct entry *entry)
{
	for (const struct aid_item *item = entry->modules; item != NULL; item = item->next)
		build_tlv(b, 0x84, aid_bytes(&item->aid));
}

static void build_security_domain(struct builder *b, const struct entry *entry)
{
	build_tlv(b, 0xCC, aid_bytes(&entry->security_domain));
}

/* GPCS 2.3.1 tables 11-36 and 11-37 */
/* clang-format off */
static const struct column {
	uint32_t tag;
	uint8_t scopes;
	bool is_default;        /* without a tag list */
	void (*build)(struct builder *b, const struct entry *entry);
} columns[] = {
	{ 0x4F,   ANY_SCOPE,                        true,  build_aid                },
	{ 0x9F70, ANY_SCOPE,                        true,  build_life_cycle         },
	{ 0xC5,   SCOPE_ISD | SCOPE_APPLICATIONS,   true,  build_privileges         },
	{ 0xCF,   SCOPE_ISD | SCOPE_APPLICATIONS,   false, build_implicit_selection },
	{ 0xC4,   SCOPE_ISD | SCOPE_APPLICATIONS,   false, build_load_file          },
	{ 0xCE,   SCOPE_LOAD_FILES | SCOPE_MODULES, false, build_version            },
	{ 0x84,   SCOPE_MODULES,                    true,  build_modules            },
	{ 0xCC,   ANY_SCOPE,                        false, build_security_domain    },
};
/* clang-format on */

static bool is_listed(struct bytes tags, uint32_t wanted)
{
	struct reader r = reader_of(tags);
	while (reader_left(&r) > 0) {
		uint32_t tag = read_u8(&r);
		if ((tag & 0x1F) == 0x1F)
			tag = tag << 8 | read_u8(&r);
		if (tag == wanted)
			return true;
	}
	return false;
}

static bool query_read(const struct command *command, struct query *ret_query)
{
	struct reader r = reader_of(command->data);
	struct query query = { .scope = command->p1 };
	struct bytes value;
	uint32_t tag;
	if (!read_tlv(&r, &tag, &query.name) || tag != 0x4F || query.name.len > CARD_AID_MAX)
		return false;
	while (read_tlv(&r, &tag, &value)) {
		if (tag == 0x5C && value.len == 0)
			return false;
		if (tag == 0x5C)
			query.tags =
				value; /* any other criterion is one that this card does not have: ignored */
	}
	*ret_query = query;
	return reader_done(&r);
}

static bool is_visible(const struct call *call, const struct entry *entry)
{
	return (call->selected->privileges & PRIVILEGE_GLOBAL_REGISTRY) != 0 || entry == call->selected ||
	       registry_is_above(&call->card->registry, call->selected, entry);
}

static bool is_wanted(const struct call *call, const struct query *query, const struct entry *entry)
{
	bool is_isd = entry == registry_isd(&call->card->registry);
	if (query->scope == SCOPE_ISD)
		return is_isd;
	bool is_load_file = entry->kind == CARD_LOAD_FILE;
	if (is_isd || is_load_file != ((query->scope & (SCOPE_LOAD_FILES | SCOPE_MODULES)) != 0))
		return false;
	return is_visible(call, entry) && query->name.len <= entry->aid.len &&
	       bytes_equal(query->name, bytes_first(aid_bytes(&entry->aid), query->name.len));
}

static void build_entry(struct builder *b, const struct query *query, const struct entry *entry)
{
	size_t mark = build_open(b, 0xE3);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		bool is_asked =
			query->tags.len == 0 ? columns[i].is_default : is_listed(query->tags, columns[i].tag);
		if (is_asked && (columns[i].scopes & query->scope) != 0)
			columns[i].build(b, entry);
	}
	build_close(b, mark);
}

/* From the cursor on, as many as fit; at least one, however long. */
static uint16_t page_build(struct call *call, const struct query *query, struct status_cursor *cursor)
{
	size_t skipped = 0, built = 0;
	for (const struct entry *entry = call->card->registry.entries; entry != NULL; entry = entry->next) {
		struct builder one = builder_in(call->card->scratch);
		struct bytes bytes;
		if (!is_wanted(call, query, entry) || skipped++ < cursor->reported)
			continue;
		build_entry(&one, query, entry);
		if (builder_bytes(&one, &bytes) != ERR_NONE)
			return SW_MEMORY_FAILURE;
		if (built > 0 && call->answer->len + bytes.len > call->card->settings.status_answer_bytes) {
			cursor->reported += built;
			return SW_MORE_DATA;
		}
		build_bytes(call->answer, bytes);
		built++;
	}
	cursor->is_open = false;
	return built > 0 ? SW_SUCCESS : SW_NO_REFERENCED_DATA;
}

static bool cursor_goes_on(const struct status_cursor *cursor, const struct command *command)
{
	return cursor->is_open && cursor->p1 == command->p1 &&
	       bytes_equal(bytes_of(cursor->criteria, cursor->criteria_len), command->data);
}

uint16_t get_status(struct call *call)
{
	const struct command *command = &call->command;
	struct status_cursor *cursor = &call->channel->cursor;
	bool is_next = (command->p2 & GET_NEXT) != 0;
	struct query query;
	if (command->p1 != SCOPE_ISD && command->p1 != SCOPE_APPLICATIONS &&
	    command->p1 != SCOPE_LOAD_FILES && command->p1 != SCOPE_MODULES)
		return SW_WRONG_P1P2;
	if ((command->p2 & TLV_STRUCTURED) == 0 || (is_next && command->p1 == SCOPE_ISD))
		return SW_WRONG_P1P2;
	if (!query_read(command, &query) || command->data.len > sizeof(cursor->criteria))
		return SW_WRONG_DATA;
	if (command->p1 == SCOPE_ISD && !is_visible(call, registry_isd(&call->card->registry)))
		return SW_CONDITIONS_OF_USE;
	if (is_next && !cursor_goes_on(cursor, command))
		return SW_CONDITIONS_OF_USE;
	if (!is_next) {
		*cursor = (struct status_cursor){ .p1 = command->p1,
						  .is_open = true,
						  .criteria_len = command->data.len };
		memcpy(cursor->criteria, command->data.at, command->data.len);
	}
	return page_build(call, &query, cursor);
}
