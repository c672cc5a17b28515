/* GPCS 2.3.1, 11.3.3 data objects of GET DATA, 11.4.3 answer to GET STATUS, H.2 and H.4
 * card data and capability */
#include "gp/gp.h"

#include <cardea/tlv.h>

#define MAX_ENTRIES 1024 /* of any list; more than a card can hold */

/* The number of elements, to size their array; the reader is a copy. */
static size_t count_elements(struct bytes data, uint32_t wanted)
{
	struct reader r = reader_of(data);
	uint32_t tag;
	struct bytes value;
	size_t count = 0;

	while (read_tlv(&r, &tag, &value))
		count += tag == wanted;
	return count;
}

static struct bytes unwrap(struct bytes data, uint32_t tag)
{
	struct reader r = reader_of(data);
	uint32_t found;
	struct bytes value;

	return read_tlv(&r, &found, &value) && found == tag && reader_done(&r) ? value : data;
}

/* ---- registry ---- */

static enum err parse_entry(struct bytes template, struct arena *arena, struct registry_entry *ret_entry,
			    struct fault *fault)
{
	struct registry_entry entry = { 0 };
	struct reader r = reader_of(template);
	uint32_t tag;
	struct bytes value;
	struct bytes *modules =
		arena_alloc_array(arena, count_elements(template, 0x84) + 1, sizeof(*modules));
	const struct {
		uint32_t tag;
		struct bytes *at;
	} rows[] = {
		{ 0x4F, &entry.aid },       { 0x9F70, &entry.life_cycle }, { 0xC5, &entry.privileges },
		{ 0xC4, &entry.load_file }, { 0xCE, &entry.version },      { 0xCC, &entry.security_domain },
	};

	struct builder selection = builder_in(arena);

	if (modules == NULL)
		return ERR_NOMEM;
	while (read_tlv(&r, &tag, &value)) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			if (rows[i].tag == tag)
				*rows[i].at = value;
		}
		if (tag == 0x84)
			modules[entry.module_count++] = value;
		if (tag == 0xCF)
			build_bytes(&selection, value);
	}
	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "an element of a registry entry runs past its end");
	if (entry.aid.len == 0 || entry.aid.len > 16)
		return fault_set(fault, ERR_MALFORMED, "a registry entry has an AID of %zu bytes",
				 entry.aid.len);
	enum err err = builder_bytes(&selection, &entry.implicit_selection);
	if (err != ERR_NONE)
		return err;
	entry.modules = modules;
	*ret_entry = entry;
	return ERR_NONE;
}

enum err registry_parse(struct bytes data, struct arena *arena, struct registry *ret_registry,
			struct fault *fault)
{
	struct reader r = reader_of(data);
	size_t limit = count_elements(data, 0xE3), count = 0;
	uint32_t tag;
	struct bytes value;

	if (limit > MAX_ENTRIES)
		return fault_set(fault, ERR_LIMIT, "more than %d registry entries", MAX_ENTRIES);
	struct registry_entry *entries = arena_alloc_array(arena, limit + 1, sizeof(*entries));
	if (entries == NULL)
		return ERR_NOMEM;
	while (read_tlv(&r, &tag, &value)) {
		if (tag != 0xE3)
			return fault_set(fault, ERR_MALFORMED, "element %X among the registry entries",
					 (unsigned)tag);
		enum err err = parse_entry(value, arena, &entries[count++], fault);
		if (err != ERR_NONE)
			return err;
	}
	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "a registry entry runs past the end of the answer");
	*ret_registry = (struct registry){ entries, count };
	return ERR_NONE;
}

const struct registry_entry *registry_entry_find(const struct registry *registry, struct bytes aid)
{
	for (size_t i = 0; i < registry->count; i++) {
		if (bytes_equal(registry->entries[i].aid, aid))
			return &registry->entries[i];
	}
	return NULL;
}

struct life_cycle {
	enum registry_kind kind;
	uint8_t value, mask;
	const char *text;
};

/* GPCS tables 11-3 to 11-6; the first row that fits wins. */
static const struct life_cycle life_cycles[] = {
	{ REGISTRY_CARD, 0x01, 0xFF, "op-ready" },
	{ REGISTRY_CARD, 0x07, 0xFF, "initialized" },
	{ REGISTRY_CARD, 0x0F, 0xFF, "secured" },
	{ REGISTRY_CARD, 0x7F, 0xFF, "card-locked" },
	{ REGISTRY_CARD, 0xFF, 0xFF, "terminated" },
	{ REGISTRY_LOAD_FILE, 0x01, 0xFF, "loaded" },
	{ REGISTRY_APPLICATION, 0x83, 0x83, "locked" },
	{ REGISTRY_APPLICATION, 0x03, 0xFF, "installed" },
	{ REGISTRY_APPLICATION, 0x07, 0xFF, "selectable" },
	{ REGISTRY_APPLICATION, 0x07, 0x87, "personalized" },
};

const char *life_cycle_text(const struct registry_entry *entry, enum registry_kind kind)
{
	uint8_t state = entry->life_cycle.len > 0 ? entry->life_cycle.at[0] : 0;

	for (size_t i = 0; i < sizeof(life_cycles) / sizeof(life_cycles[0]); i++) {
		const struct life_cycle *row = &life_cycles[i];
		if (row->kind == kind && (state & row->mask) == row->value)
			return row->text;
	}
	return "unknown";
}

const struct privilege privileges[] = {
	{ "security-domain", 0x800000, 0x800000 },
	{ "dap-verification", 0xC00000, 0xC10000 },
	{ "mandated-dap-verification", 0xC10000, 0xC10000 },
	{ "delegated-management", 0xA00000, 0xA00000 },
	{ "card-lock", 0x100000, 0x100000 },
	{ "card-terminate", 0x080000, 0x080000 },
	{ "card-reset", 0x040000, 0x040000 },
	{ "cvm-management", 0x020000, 0x020000 },
	{ "trusted-path", 0x008000, 0x008000 },
	{ "authorized-management", 0x004000, 0x004000 },
	{ "token-verification", 0x002000, 0x002000 },
	{ "global-delete", 0x001000, 0x001000 },
	{ "global-lock", 0x000800, 0x000800 },
	{ "global-registry", 0x000400, 0x000400 },
	{ "final-application", 0x000200, 0x000200 },
	{ "global-service", 0x000100, 0x000100 },
	{ "receipt-generation", 0x000080, 0x000080 },
	{ "ciphered-load-file-data-block", 0x000040, 0x000040 },
	{ "contactless-activation", 0x000020, 0x000020 },
	{ "contactless-self-activation", 0x000010, 0x000010 },
	{ NULL, 0, 0 },
};

enum err privilege_add(const char *name, uint32_t *privileges_value)
{
	for (const struct privilege *p = privileges; p->name != NULL; p++) {
		if (strcmp(p->name, name) == 0) {
			*privileges_value |= p->bits;
			return ERR_NONE;
		}
	}
	return ERR_NOT_FOUND;
}

uint32_t privileges_of(struct bytes bytes)
{
	struct reader r = reader_of(bytes_first(bytes, 3));
	uint32_t value = 0;

	for (int shift = 16; reader_left(&r) > 0; shift -= 8)
		value |= (uint32_t)read_u8(&r) << shift;
	return value;
}

#define PRIVILEGE_DELEGATED_MANAGEMENT  0x200000
#define PRIVILEGE_AUTHORIZED_MANAGEMENT 0x004000

bool privileges_need_token(uint32_t privileges_value)
{
	return (privileges_value & PRIVILEGE_DELEGATED_MANAGEMENT) != 0 &&
	       (privileges_value & PRIVILEGE_AUTHORIZED_MANAGEMENT) == 0;
}

/* ---- keys ---- */

static enum err parse_key(struct bytes value, struct arena *arena, struct key_entry *ret_key,
			  struct fault *fault)
{
	struct reader r = reader_of(value);
	struct key_entry key = { .id = read_u8(&r), .version = read_u8(&r) };
	struct key_component *components = arena_alloc_array(arena, value.len / 2 + 1, sizeof(*components));

	if (components == NULL)
		return ERR_NOMEM;
	if (!r.bad && peek_u8(&r) == 0xFF) {
		/* extended form: types and lengths of two bytes, then usage and access */
		while (peek_u8(&r) == 0xFF && reader_left(&r) > 0)
			components[key.component_count++] =
				(struct key_component){ read_u16(&r), read_u16(&r) };
		key.usage = read_lv(&r);
		key.access = read_lv(&r);
	} else {
		while (reader_left(&r) > 0)
			components[key.component_count++] =
				(struct key_component){ read_u8(&r), read_u8(&r) };
	}
	if (!reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "key information element of %zu bytes does not add up",
				 value.len);
	key.components = components;
	*ret_key = key;
	return ERR_NONE;
}

enum err key_information_parse(struct bytes data, struct arena *arena, struct key_information *ret_keys,
			       struct fault *fault)
{
	struct bytes content = unwrap(data, 0xE0);
	struct reader r = reader_of(content);
	size_t limit = count_elements(content, 0xC0), count = 0;
	uint32_t tag;
	struct bytes value;

	if (limit > MAX_ENTRIES)
		return fault_set(fault, ERR_LIMIT, "more than %d keys", MAX_ENTRIES);
	struct key_entry *entries = arena_alloc_array(arena, limit + 1, sizeof(*entries));
	if (entries == NULL)
		return ERR_NOMEM;
	while (read_tlv(&r, &tag, &value)) {
		if (tag != 0xC0)
			return fault_set(fault, ERR_MALFORMED, "element %X in the key information",
					 (unsigned)tag);
		enum err err = parse_key(value, arena, &entries[count++], fault);
		if (err != ERR_NONE)
			return err;
	}
	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "an element of the key information runs past its end");
	*ret_keys = (struct key_information){ entries, count };
	return ERR_NONE;
}

/* ---- card data ---- */

static const uint8_t gp_oid[] = { 0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B };

/* The arcs after the prefix of GlobalPlatform and `purpose`; empty when it is another OID. */
static struct bytes gp_arcs(struct bytes oid, uint8_t purpose)
{
	struct reader r = reader_of(oid);

	if (!bytes_equal(read_bytes(&r, sizeof(gp_oid)), bytes_of(gp_oid, sizeof(gp_oid))) ||
	    read_u8(&r) != purpose)
		return bytes_of(NULL, 0);
	return read_rest(&r);
}

static const char *version_of(struct arena *arena, struct bytes arcs)
{
	struct builder b = builder_in(arena);
	struct bytes text;

	for (size_t i = 0; i < arcs.len; i++)
		build_printf(&b, "%s%u", i == 0 ? "" : ".", arcs.at[i]);
	build_u8(&b, 0);
	return builder_bytes(&b, &text) == ERR_NONE ? (const char *)text.at : NULL;
}

/* Both ways occur: several tags 64 with one OID each, or one with several. */
static enum err parse_protocols(struct bytes recognition, struct arena *arena, struct card_data *card,
				struct fault *fault)
{
	struct card_protocol *protocols =
		arena_alloc_array(arena, recognition.len / 8 + 1, sizeof(*protocols));
	struct reader r = reader_of(recognition);
	uint32_t tag;
	struct bytes value, oid;

	if (protocols == NULL)
		return ERR_NOMEM;
	while (read_tlv(&r, &tag, &value)) {
		struct reader oids = reader_of(tag == 0x64 ? value : bytes_of(NULL, 0));
		while (read_tlv(&oids, &tag, &oid)) {
			struct bytes arcs = gp_arcs(oid, 4);
			if (arcs.len >= 1)
				protocols[card->protocol_count++] =
					(struct card_protocol){ arcs.at[0], bytes_from(arcs, 1) };
		}
		if (oids.bad)
			return fault_set(fault, ERR_MALFORMED, "an OID of the card data runs past its end");
	}
	card->protocols = protocols;
	return ERR_NONE;
}

enum err card_data_parse(struct bytes data, struct arena *arena, struct card_data *ret_card,
			 struct fault *fault)
{
	struct card_data card = { 0 };
	struct bytes recognition, version, oid;

	if (tlv_find(unwrap(data, 0x66), 0x73, &recognition) != ERR_NONE)
		return fault_set(fault, ERR_MALFORMED, "card data without card recognition data (73)");
	if (tlv_find(recognition, 0x60, &version) == ERR_NONE && tlv_find(version, 0x06, &oid) == ERR_NONE &&
	    gp_arcs(oid, 2).len > 0)
		card.version = version_of(arena, gp_arcs(oid, 2));
	enum err err = parse_protocols(recognition, arena, &card, fault);
	if (err == ERR_NONE)
		*ret_card = card;
	return err;
}

/* ---- card capability ---- */

static enum err parse_protocol_capability(struct bytes value, struct protocol_capability *ret_protocol,
					  struct fault *fault)
{
	struct protocol_capability p = { 0 };
	struct reader r = reader_of(value);
	uint32_t tag;
	struct bytes field;

	while (read_tlv(&r, &tag, &field)) {
		if (tag == 0x80 && field.len == 1)
			p.protocol = field.at[0];
		else if (tag == 0x81)
			p.options = field;
		else if (tag == 0x82)
			p.key_sizes = field;
		else if (tag == 0x83)
			p.suites = field;
		else if (tag == 0x84 && field.len == 1) {
			p.has_max_psk = true;
			p.max_psk_bytes = field.at[0];
		}
	}
	if (r.bad)
		return fault_set(fault, ERR_MALFORMED,
				 "a secure channel of the card capability runs past its end");
	*ret_protocol = p;
	return ERR_NONE;
}

enum err card_capability_parse(struct bytes data, struct arena *arena, struct card_capability *ret_capability,
			       struct fault *fault)
{
	struct card_capability c = { 0 };
	struct bytes content = unwrap(data, 0x67), value;
	struct reader r = reader_of(content);
	uint32_t tag;
	struct protocol_capability *protocols =
		arena_alloc_array(arena, count_elements(content, 0xA0) + 1, sizeof(*protocols));
	const struct {
		uint32_t tag;
		struct bytes *at;
	} rows[] = {
		{ 0x81, &c.domain_privileges },
		{ 0x82, &c.application_privileges },
		{ 0x83, &c.hashes },
		{ 0x84, &c.load_file_ciphers },
		{ 0x85, &c.token_suites },
		{ 0x86, &c.receipt_suites },
		{ 0x87, &c.dap_suites },
		{ 0x88, &c.curves },
	};

	if (protocols == NULL)
		return ERR_NOMEM;
	while (read_tlv(&r, &tag, &value)) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			if (rows[i].tag == tag)
				*rows[i].at = value;
		}
		if (tag == 0xA0) {
			enum err err =
				parse_protocol_capability(value, &protocols[c.protocol_count++], fault);
			if (err != ERR_NONE)
				return err;
		}
	}
	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "an element of the card capability runs past its end");
	c.protocols = protocols;
	*ret_capability = c;
	return ERR_NONE;
}

/* ---- production data, memory ---- */

const char *const cplc_names[CPLC_FIELDS] = {
	"icFabricator",
	"icType",
	"osId",
	"osReleaseDate",
	"osReleaseLevel",
	"icFabricationDate",
	"icSerialNumber",
	"icBatchIdentifier",
	"icModuleFabricator",
	"icModulePackagingDate",
	"iccManufacturer",
	"icEmbeddingDate",
	"prePersonalizer",
	"prePersonalizationDate",
	"prePersonalizationEquipment",
	"personalizer",
	"personalizationDate",
	"personalizationEquipment",
};

enum err cplc_parse(struct bytes data, struct cplc *ret_cplc, struct fault *fault)
{
	static const uint8_t widths[CPLC_FIELDS] = { 2, 2, 2, 2, 2, 2, 4, 2, 2, 2, 2, 2, 2, 2, 4, 2, 2, 4 };
	struct cplc cplc;
	struct bytes content = unwrap(data, 0x9F7F);
	struct reader r = reader_of(content);

	for (size_t i = 0; i < CPLC_FIELDS; i++)
		cplc.fields[i] = read_bytes(&r, widths[i]);
	if (!reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "production data (CPLC) of %zu bytes, not 42",
				 content.len);
	*ret_cplc = cplc;
	return ERR_NONE;
}

static enum err read_resource(struct bytes content, uint32_t tag, uint64_t *ret_value, struct fault *fault)
{
	struct bytes value;

	if (tlv_find(content, tag, &value) != ERR_NONE || value.len == 0 || value.len > 8)
		return fault_set(fault, ERR_MALFORMED,
				 "element %02X of the card resources is missing or has a wrong length",
				 (unsigned)tag);
	struct reader r = reader_of(value);
	*ret_value = read_uint(&r, value.len);
	return ERR_NONE;
}

enum err card_resources_parse(struct bytes data, struct card_resources *ret_resources, struct fault *fault)
{
	struct bytes content = unwrap(data, 0xFF21);
	uint64_t applications;
	struct card_resources resources;
	enum err err = read_resource(content, 0x81, &applications, fault);

	if (err == ERR_NONE)
		err = read_resource(content, 0x82, &resources.free_non_volatile_bytes, fault);
	if (err == ERR_NONE)
		err = read_resource(content, 0x83, &resources.free_volatile_bytes, fault);
	if (err != ERR_NONE)
		return err;
	if (applications > UINT32_MAX)
		return fault_set(fault, ERR_MALFORMED, "the number of applications is out of range");
	resources.applications = (uint32_t)applications;
	*ret_resources = resources;
	return ERR_NONE;
}
