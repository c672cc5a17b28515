/* The data objects of GlobalPlatform cards by name (GPCS 2.3.1, 11.1 to 11.11, appendix H; TS 102 226, 5.2;
 * Amendment B; Amendment F) */
#include <cardea/tlv.h>
#include <stdio.h>

#include "explain/explain.h"
#include "gp/gp.h"

#define MAX_DEPTH      8
#define IS_CONSTRUCTED 0x20 /* in the first byte of a tag */
#define OID_TEXT_SIZE  96

enum value_kind { VALUE_BYTES, VALUE_NUMBER, VALUE_TEXT, VALUE_OID, VALUE_PRIVILEGES, VALUE_CPLC };

struct tag_row {
	uint32_t parent; /* 0: anywhere */
	uint32_t tag;
	const char *name;
	enum value_kind kind;
};

/* The first row that fits wins: what depends on the template comes first. */
static const struct tag_row tag_rows[] = {
	/* registry entry */
	{ 0xE3, 0x84, "executable module AID", VALUE_BYTES },
	{ 0xE3, 0xC4, "executable load file AID", VALUE_BYTES },
	{ 0xE3, 0xCC, "associated security domain AID", VALUE_BYTES },
	{ 0xE3, 0xCE, "executable load file version", VALUE_BYTES },
	{ 0xE3, 0xCF, "implicit selection parameter", VALUE_BYTES },
	{ 0, 0xE3, "GlobalPlatform registry entry", VALUE_BYTES },
	{ 0, 0x4F, "AID", VALUE_BYTES },
	{ 0, 0x5C, "tag list", VALUE_BYTES },
	{ 0, 0x9F70, "life cycle state", VALUE_BYTES },
	{ 0, 0xC5, "privileges", VALUE_PRIVILEGES },
	/* answer to SELECT */
	{ 0x6F, 0x84, "application or file AID", VALUE_BYTES },
	{ 0x6F, 0xA5, "proprietary data", VALUE_BYTES },
	{ 0xA5, 0x9F65, "maximum length of a command's data", VALUE_NUMBER },
	{ 0xA5, 0x9F6E, "application production life cycle data", VALUE_BYTES },
	{ 0, 0x6F, "file control information", VALUE_BYTES },
	/* card data */
	{ 0x73, 0x06, "tag allocation authority", VALUE_OID },
	{ 0x73, 0x60, "card management type and version", VALUE_BYTES },
	{ 0x73, 0x63, "card identification scheme", VALUE_BYTES },
	{ 0x73, 0x64, "secure channel protocol and option", VALUE_BYTES },
	{ 0x73, 0x65, "card configuration details", VALUE_BYTES },
	{ 0x73, 0x66, "card or chip details", VALUE_BYTES },
	{ 0, 0x66, "card data", VALUE_BYTES },
	{ 0, 0x73, "card recognition data", VALUE_BYTES },
	{ 0, 0x06, "object identifier", VALUE_OID },
	/* keys */
	{ 0xE0, 0xC0, "key information: identifier, version, type and length", VALUE_BYTES },
	{ 0, 0xE0, "key information template", VALUE_BYTES },
	/* card capability */
	{ 0xA0, 0x80, "secure channel protocol", VALUE_BYTES },
	{ 0xA0, 0x81, "options", VALUE_BYTES },
	{ 0xA0, 0x82, "AES key lengths", VALUE_BYTES },
	{ 0xA0, 0x83, "TLS cipher suites", VALUE_BYTES },
	{ 0xA0, 0x84, "longest pre-shared key", VALUE_NUMBER },
	{ 0x67, 0xA0, "secure channel protocol information", VALUE_BYTES },
	{ 0x67, 0x81, "privileges of supplementary security domains", VALUE_PRIVILEGES },
	{ 0x67, 0x82, "privileges of applications", VALUE_PRIVILEGES },
	{ 0x67, 0x83, "hash algorithms of load file data blocks", VALUE_BYTES },
	{ 0x67, 0x84, "ciphers of load file data blocks", VALUE_BYTES },
	{ 0x67, 0x85, "token signatures", VALUE_BYTES },
	{ 0x67, 0x86, "receipt signatures", VALUE_BYTES },
	{ 0x67, 0x87, "DAP signatures", VALUE_BYTES },
	{ 0x67, 0x88, "curves", VALUE_BYTES },
	{ 0, 0x67, "card capability information", VALUE_BYTES },
	/* extended card resources */
	{ 0xFF21, 0x81, "installed applications", VALUE_NUMBER },
	{ 0xFF21, 0x82, "free non-volatile memory", VALUE_NUMBER },
	{ 0xFF21, 0x83, "free volatile memory", VALUE_NUMBER },
	{ 0, 0xFF21, "extended card resources", VALUE_BYTES },
	/* GET DATA and STORE DATA */
	{ 0, 0x42, "issuer identification number", VALUE_BYTES },
	{ 0, 0x45, "card image number", VALUE_BYTES },
	{ 0, 0xC1, "sequence counter of the default key version", VALUE_NUMBER },
	{ 0, 0xC2, "confirmation counter", VALUE_NUMBER },
	{ 0, 0xD3, "current security level", VALUE_BYTES },
	{ 0, 0x61, "application template", VALUE_BYTES },
	{ 0, 0x5F50, "uniform resource locator", VALUE_TEXT },
	{ 0, 0x9F7F, "card production life cycle data", VALUE_CPLC },
	{ 0, 0xBF21, "certificate store", VALUE_BYTES },
	{ 0, 0x7F21, "certificate", VALUE_BYTES },
	{ 0, 0xFF33, "key identifiers of CAs, key agreement", VALUE_BYTES },
	{ 0, 0xFF34, "key identifiers of CAs, certificates", VALUE_BYTES },
	/* install parameters and tokens */
	{ 0xEF, 0xC6, "non-volatile memory for code", VALUE_NUMBER },
	{ 0xEF, 0xC7, "volatile memory", VALUE_NUMBER },
	{ 0xEF, 0xC8, "non-volatile memory for data", VALUE_NUMBER },
	{ 0xEF, 0xCA, "SIM file access and toolkit parameters", VALUE_BYTES },
	{ 0xEF, 0xCB, "global service parameters", VALUE_BYTES },
	{ 0xEF, 0xCD, "load file data block format", VALUE_BYTES },
	{ 0xEF, 0xCF, "implicit selection parameter", VALUE_BYTES },
	{ 0xEF, 0xD7, "reserved volatile memory", VALUE_NUMBER },
	{ 0xEF, 0xD8, "reserved non-volatile memory", VALUE_NUMBER },
	{ 0xEF, 0xD9, "restricted commands", VALUE_BYTES },
	{ 0xEF, 0xDD, "load file data block parameters", VALUE_BYTES },
	{ 0, 0xC9, "application specific parameters", VALUE_BYTES },
	{ 0, 0xEF, "system specific parameters", VALUE_BYTES },
	{ 0, 0xEA, "UICC system specific parameters", VALUE_BYTES },
	{ 0xB6, 0x5F20, "application provider identifier", VALUE_BYTES },
	{ 0xB6, 0x93, "token identifier", VALUE_BYTES },
	{ 0, 0xB6, "control reference template for a digital signature", VALUE_BYTES },
	{ 0, 0x9E, "token", VALUE_BYTES },
	{ 0, 0xD0, "key identifier", VALUE_BYTES },
	{ 0, 0xD2, "key version number", VALUE_BYTES },
	/* load files */
	{ 0xE2, 0xC3, "load file data block signature", VALUE_BYTES },
	{ 0, 0xE2, "DAP block", VALUE_BYTES },
	{ 0, 0xC4, "load file data block", VALUE_BYTES },
	{ 0, 0xD4, "ciphered load file data block", VALUE_BYTES },
	/* SCP11 */
	{ 0xA6, 0x90, "SCP11 identifier and parameters", VALUE_BYTES },
	{ 0xA6, 0x95, "key usage", VALUE_BYTES },
	{ 0xA6, 0x80, "key type", VALUE_BYTES },
	{ 0xA6, 0x81, "key length", VALUE_NUMBER },
	{ 0xA6, 0x83, "key identifier and version", VALUE_BYTES },
	{ 0, 0xA6, "control reference template for key agreement", VALUE_BYTES },
	{ 0, 0x5F49, "ephemeral public key", VALUE_BYTES },
	{ 0, 0x86, "receipt", VALUE_BYTES },
	/* administration session parameters */
	{ 0, 0x8A, "administration host", VALUE_TEXT },
	{ 0, 0x8B, "agent identifier", VALUE_TEXT },
	{ 0, 0x8C, "administration URI", VALUE_TEXT },
};

static const struct tag_row *tag_row(uint32_t parent, uint32_t tag)
{
	static const struct tag_row unknown = { 0, 0, "unknown", VALUE_BYTES };

	for (size_t i = 0; i < sizeof(tag_rows) / sizeof(tag_rows[0]); i++) {
		const struct tag_row *row = &tag_rows[i];
		if (row->tag == tag && (row->parent == 0 || row->parent == parent))
			return row;
	}
	return &unknown;
}

static bool is_constructed(uint32_t tag)
{
	uint32_t first = tag;

	while (first > 0xFF)
		first >>= 8;
	return (first & IS_CONSTRUCTED) != 0;
}

/* X.690 8.19 */
static void explain_oid(struct explanation *e, const char *name, struct bytes value)
{
	char text[OID_TEXT_SIZE];
	struct reader r = reader_of(value);
	uint64_t arc = 0;
	bool is_first = true;
	int length = 0;

	while (reader_left(&r) > 0 && length < OID_TEXT_SIZE - 48) {
		uint8_t byte = read_u8(&r);
		arc = arc << 7 | (byte & 0x7F);
		if ((byte & 0x80) != 0)
			continue;
		uint64_t top = arc / 40 < 2 ? arc / 40 : 2;
		if (is_first)
			length += snprintf(text + length, sizeof text - (size_t)length, "%d.%llu", (int)top,
					   (unsigned long long)(arc - top * 40));
		else
			length += snprintf(text + length, sizeof text - (size_t)length, ".%llu",
					   (unsigned long long)arc);
		is_first = false;
		arc = 0;
	}
	text[length] = 0;
	explain_bytes(e, name, value);
	e->depth++;
	explain_line(e, "%s", text);
	e->depth--;
}

void explain_privileges(struct explanation *e, const char *name, struct bytes value)
{
	explain_bytes(e, name, value);
	if (value.len != 1 && value.len != 3)
		return;
	e->depth++;
	for (const struct privilege *p = privileges; p->name != NULL; p++) {
		if ((privileges_of(value) & p->mask) == p->bits)
			explain_line(e, "%s", p->name);
	}
	e->depth--;
}

static void explain_cplc(struct explanation *e, const char *name, struct bytes value)
{
	struct cplc cplc;

	explain_bytes(e, name, value);
	if (cplc_parse(value, &cplc, NULL) != ERR_NONE)
		return;
	e->depth++;
	for (size_t i = 0; i < CPLC_FIELDS; i++)
		explain_bytes(e, cplc_names[i], cplc.fields[i]);
	e->depth--;
}

static void explain_value(struct explanation *e, const char *name, enum value_kind kind, struct bytes value)
{
	struct reader r = reader_of(value);

	switch (kind) {
	case VALUE_NUMBER:
		if (value.len > 0 && value.len <= 8)
			explain_line(e, "%s  %llu", name, (unsigned long long)read_uint(&r, value.len));
		else
			explain_bytes(e, name, value);
		break;
	case VALUE_TEXT:
		if (bytes_are_utf8(value))
			explain_line(e, "%s  \"%.*s\"", name, (int)value.len, (const char *)value.at);
		else
			explain_bytes(e, name, value);
		break;
	case VALUE_OID:
		explain_oid(e, name, value);
		break;
	case VALUE_PRIVILEGES:
		explain_privileges(e, name, value);
		break;
	case VALUE_CPLC:
		explain_cplc(e, name, value);
		break;
	default:
		explain_bytes(e, name, value);
	}
}

static enum err explain_element(struct explanation *e, uint32_t parent, uint32_t tag, struct bytes value)
{
	const struct tag_row *row = tag_row(parent, tag);
	char name[96];

	snprintf(name, sizeof name, "%02X %s", (unsigned)tag, row->name);
	if (!is_constructed(tag) || value.len == 0 || e->depth >= MAX_DEPTH) {
		explain_value(e, name, row->kind, value);
		return ERR_NONE;
	}
	explain_line(e, "%s (%zu bytes)", name, value.len);
	e->depth++;
	enum err err = explain_elements(e, value, tag);
	e->depth--;
	return err;
}

enum err explain_elements(struct explanation *e, struct bytes data, uint32_t parent)
{
	struct reader r = reader_of(data);
	uint32_t tag;
	struct bytes value;
	enum err err = ERR_NONE;

	while (err == ERR_NONE && read_tlv(&r, &tag, &value))
		err = explain_element(e, parent, tag, value);
	if (r.bad && err == ERR_NONE)
		err = fault_set(e->fault, ERR_MALFORMED, "the last element does not end inside its %zu bytes",
				data.len);
	return err;
}

enum err explain_tlv(struct bytes content, struct builder *text, struct fault *fault)
{
	struct explanation e = { .text = text, .fault = fault };

	if (content.len == 0)
		return fault_set(fault, ERR_MALFORMED, "there are no bytes");
	return explain_elements(&e, content, 0);
}
