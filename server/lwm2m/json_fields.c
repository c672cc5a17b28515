/* RFC 8259, with the integers of LwM2M Core TS 1.1, appendix C, which have 64 bits and may be unsigned. */
#include "json_fields.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>

#include "decimal.h"
#include "json_text.h"
#include "path.h"
#include "value.h"

/* ---- integers that jansson does not carry ---- */

/* Jansson knows integers up to 2^63 - 1 and refuses larger ones. Those of 64 bits are given to it as a text
 * that starts with a 0 character, which no text from outside may hold, and still larger ones as reals. */
#define WIDE_MARK "\\u0000"

static bool is_number_part(uint8_t c)
{
	return isdigit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static bool is_integer(struct bytes number)
{
	struct reader r = reader_of(number);

	read_if(&r, '-');
	if (peek_u8(&r) == '0' && reader_left(&r) > 1)
		return false;
	while (isdigit(peek_u8(&r)))
		(void)read_u8(&r);
	return reader_done(&r);
}

static void copy_number(struct reader *r, struct builder *b)
{
	const uint8_t *start = r->at;
	struct bytes number;
	uint64_t whole;
	int64_t integer;

	while (reader_left(r) > 0 && is_number_part(peek_u8(r)))
		(void)read_u8(r);
	number = bytes_of(start, (size_t)(r->at - start));
	if (!is_integer(number) || decimal_parse_signed(number, &integer)) {
		build_bytes(b, number);
	} else if (decimal_parse_unsigned(number, &whole)) {
		build_text(b, "\"" WIDE_MARK);
		build_bytes(b, number);
		build_u8(b, '"');
	} else {
		build_bytes(b, number);
		build_text(b, isdigit(number.at[number.len - 1]) ? ".0" : "");
	}
}

/* False when it holds a 0 character. */
static bool copy_string(struct reader *r, struct builder *b)
{
	const size_t mark_length = sizeof(WIDE_MARK) - 1;

	build_u8(b, read_u8(r));
	while (reader_left(r) > 0) {
		struct bytes left = bytes_of(r->at, reader_left(r));
		uint8_t c = read_u8(r);

		if (bytes_equal_text(bytes_first(left, mark_length), WIDE_MARK))
			return false;
		build_u8(b, c);
		if (c == '\\' && reader_left(r) > 0)
			build_u8(b, read_u8(r));
		else if (c == '"')
			break;
	}
	return true;
}

static enum err widen(struct arena *arena, struct bytes text, struct bytes *ret_text, struct fault *fault)
{
	struct reader r = reader_of(text);
	struct builder b = builder_in(arena);

	while (reader_left(&r) > 0) {
		if (peek_u8(&r) == '"') {
			if (!copy_string(&r, &b))
				return fault_set_at(fault, ERR_MALFORMED, (size_t)(r.at - text.at),
						    "JSON: a text with a 0 in it");
		} else if (is_number_part(peek_u8(&r))) {
			copy_number(&r, &b);
		} else {
			build_u8(&b, read_u8(&r));
		}
	}
	return builder_bytes(&b, ret_text);
}

static bool is_wide(const json_t *json)
{
	return json_is_string(json) && json_string_length(json) > 0 && json_string_value(json)[0] == 0;
}

enum err json_fields_load(struct arena *arena, struct bytes text, json_t **ret_json, struct fault *fault)
{
	struct bytes widened;
	json_error_t error;
	json_t *json;
	enum err err = widen(arena, text, &widened, fault);

	if (err != ERR_NONE)
		return err;
	json = json_loadb(widened.len == 0 ? "" : (const char *)widened.at, widened.len,
			  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
	if (json == NULL && json_error_code(&error) == json_error_out_of_memory)
		return ERR_NOMEM;
	if (json == NULL)
		return fault_set(
			fault, ERR_MALFORMED, "JSON, line %d, column %d: %s", error.line, error.column,
			json_error_code(&error) == json_error_duplicate_key ? "a member stands there twice"
									    : "broken or cut off");
	*ret_json = json;
	return ERR_NONE;
}

/* ---- reading a member ---- */

/* NULL for what is no text or finds no memory. */
static const char *read_text(const json_t *json, struct arena *arena, struct bytes *ret_text)
{
	struct bytes text;

	if (!json_is_string(json) || is_wide(json))
		return "not a text";
	if (bytes_copy(arena, bytes_of(json_string_value(json), json_string_length(json)), &text) != ERR_NONE)
		return "no memory for the text";
	*ret_text = text;
	return NULL;
}

const char *json_read_name(const json_t *json, struct arena *arena, void *to)
{
	return read_text(json, arena, to);
}

const char *json_read_number(const json_t *json, struct arena *arena, void *to)
{
	struct lwm2m_value *value = to;

	if (json_is_integer(json)) {
		*value = (struct lwm2m_value){ .type = LWM2M_INTEGER, .integer = json_integer_value(json) };
		return NULL;
	}
	if (json_is_real(json)) {
		*value = (struct lwm2m_value){ .type = LWM2M_FLOAT, .real = json_real_value(json) };
		return NULL;
	}
	value->type = LWM2M_UNSIGNED;
	return is_wide(json) && decimal_parse_unsigned(bytes_of_text(json_string_value(json) + 1),
						       &value->whole)
		       ? NULL
		       : "not a number";
}

/* RFC 8790 removes with null. */
const char *json_read_number_or_null(const json_t *json, struct arena *arena, void *to)
{
	struct lwm2m_value *value = to;

	if (!json_is_null(json))
		return json_read_number(json, arena, to);
	value->type = LWM2M_NULL;
	return NULL;
}

const char *json_read_string(const json_t *json, struct arena *arena, void *to)
{
	struct lwm2m_value *value = to;

	value->type = LWM2M_STRING;
	return read_text(json, arena, &value->bytes);
}

const char *json_read_boolean(const json_t *json, struct arena *arena, void *to)
{
	if (!json_is_boolean(json))
		return "not a boolean";
	*(struct lwm2m_value *)to =
		(struct lwm2m_value){ .type = LWM2M_BOOLEAN, .boolean = json_is_true(json) };
	return NULL;
}

const char *json_read_data(const json_t *json, struct arena *arena, void *to)
{
	struct lwm2m_value *value = to;

	if (!json_is_string(json) || is_wide(json))
		return "not a text";
	value->type = LWM2M_OPAQUE;
	return bytes_from_base64(arena, bytes_of(json_string_value(json), json_string_length(json)),
				 &value->bytes) == ERR_NONE
		       ? NULL
		       : "not base64";
}

const char *json_read_link(const json_t *json, struct arena *arena, void *to)
{
	const char *fault = json_read_string(json, arena, to);

	if (fault == NULL && value_convert(LWM2M_OBJLNK, to, NULL) != ERR_NONE)
		fault = "not an object link like 3:0";
	return fault;
}

enum err json_fields_read(const struct json_field *rows, size_t count, const json_t *object,
			  struct arena *arena, size_t record, struct senml_entry *entry, struct fault *fault)
{
	const char *name;
	json_t *member;

	if (!json_is_object(object))
		return fault_set(fault, ERR_MALFORMED, "SenML record %zu: not an object", record);
	json_object_foreach ((json_t *)object, name, member) {
		const char *broken;
		size_t i = 0;

		while (i < count && strcmp(rows[i].name, name) != 0)
			i++;
		/* RFC 8428, 4.4: this one says that it must be understood */
		if (i == count && name[0] != 0 && name[strlen(name) - 1] == '_')
			return fault_set(fault, ERR_MALFORMED,
					 "SenML record %zu: a label that ends with '_' is not understood",
					 record);
		if (i == count)
			continue;
		broken = rows[i].read(member, arena, (uint8_t *)entry + rows[i].offset);
		if (broken != NULL)
			return fault_set(fault, ERR_MALFORMED, "SenML record %zu: %s: %s", record, name,
					 broken);
		entry->present |= SENML_BIT(rows[i].field);
	}
	return ERR_NONE;
}

/* ---- writing a member ---- */

void json_build_name(struct builder *b, const void *from)
{
	const struct bytes *name = from;

	build_json_string(b, *name);
}

/* With a point, so that it stays a real where nothing else says so. */
static void build_real(struct builder *b, double real)
{
	size_t start = b->len;

	build_decimal(b, real);
	if (!b->bad && memchr(b->at + start, '.', b->len - start) == NULL)
		build_text(b, ".0");
}

void json_build_value(struct builder *b, const void *from)
{
	const struct lwm2m_value *value = from;

	switch (value->type) {
	case LWM2M_STRING:
	case LWM2M_CORELNK:
		build_json_string(b, value->bytes);
		return;
	case LWM2M_INTEGER:
	case LWM2M_TIME:
		build_printf(b, "%" PRId64, value->integer);
		return;
	case LWM2M_UNSIGNED:
		build_printf(b, "%" PRIu64, value->whole);
		return;
	case LWM2M_FLOAT:
		build_real(b, value->real);
		return;
	case LWM2M_BOOLEAN:
		build_text(b, value->boolean ? "true" : "false");
		return;
	case LWM2M_OBJLNK:
		build_printf(b, "\"%u:%u\"", value->link.object, value->link.instance);
		return;
	case LWM2M_OPAQUE:
	case LWM2M_NONE:
	case LWM2M_NULL:
		break;
	}
	build_text(b, "null");
}

static void build_encoded(struct builder *b, struct bytes bytes,
			  char *(*encode)(struct arena *arena, struct bytes bytes))
{
	const char *text = encode(b->arena, bytes);

	if (text == NULL)
		b->bad = true;
	else
		build_printf(b, "\"%s\"", text);
}

void json_build_data(struct builder *b, const void *from)
{
	const struct lwm2m_value *value = from;

	build_encoded(b, value->bytes, bytes_to_base64url);
}

void json_build_text_data(struct builder *b, const void *from)
{
	const struct lwm2m_value *value = from;

	build_encoded(b, value->bytes, bytes_to_base64);
}

void json_fields_build(struct builder *b, const struct json_field *rows, size_t count,
		       const struct senml_entry *entry)
{
	bool is_first = true;

	for (size_t i = 0; i < count; i++) {
		if (!(entry->present & SENML_BIT(rows[i].field)) || rows[i].build == NULL)
			continue;
		build_printf(b, "%s\"%s\":", is_first ? "" : ",", rows[i].name);
		rows[i].build(b, (const uint8_t *)entry + rows[i].offset);
		is_first = false;
	}
}

enum err json_fields_check(struct lwm2m_records records, struct fault *fault)
{
	char path[PATH_TEXT_SIZE];

	for (size_t i = 0; i < records.count; i++) {
		const struct lwm2m_value *value = &records.at[i].value;

		path_print(records.at[i].path, path);
		if (value->type == LWM2M_FLOAT && !isfinite(value->real))
			return fault_set(fault, ERR_UNSUPPORTED, "%s: JSON has no number that is not finite",
					 path);
		if ((value->type == LWM2M_STRING || value->type == LWM2M_CORELNK) &&
		    !bytes_are_utf8(value->bytes))
			return fault_set(fault, ERR_MALFORMED, "%s: the text is not UTF-8", path);
	}
	return ERR_NONE;
}
