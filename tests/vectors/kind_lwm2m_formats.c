/* LwM2M content formats. Where a payload does not tell types, they come from the definitions that we ship,
 * and for other objects from what the vector expects. */
#include "kinds.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "kind_lwm2m.h"
#include "lwm2m_tlv.h"
#include "path.h"
#include "value.h"

/* Of the test range: where a vector names no path. */
#define ANY_RESOURCE "/42769/0/0"

/* ---- what is expected ---- */

struct expected {
	struct lwm2m_path path;
	const char *type;
	const json_t *value, *time; /* NULL: none */
};

/* In a Create '?' stands for the instance that has no id yet, or the number that says so. */
static bool parse_path(const char *text, struct lwm2m_path *ret_path)
{
	static const char number[] = "/65535/";
	struct lwm2m_path path;
	char copy[2 * PATH_TEXT_SIZE];
	size_t length = strlen(text);
	bool has_slash_at_end = length > 1 && text[length - 1] == '/';
	char *unknown;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length + 1);
	copy[length - has_slash_at_end] = 0;
	unknown = strchr(copy, '?');
	if (unknown != NULL)
		*unknown = '0';
	else if ((unknown = strstr(copy, number)) != NULL)
		memcpy(unknown, "/00000/", sizeof(number) - 1);
	if (path_parse(bytes_of_text(copy), &path, NULL) != ERR_NONE)
		return false;
	if (unknown != NULL)
		path.instance = LWM2M_ID_NONE;
	*ret_path = path;
	return true;
}

/* The list of records, or the one value of a format that carries no more. */
static size_t count_expected(const struct vector *v)
{
	const json_t *expected = json_object_get(v->own, "expect");

	return json_is_object(expected) ? 1 : json_array_size(expected);
}

static bool expected_at(const struct vector *v, size_t i, struct lwm2m_path base,
			struct expected *ret_expected)
{
	const json_t *list = json_object_get(v->own, "expect");
	const json_t *record = json_is_object(list) ? list : json_array_get(list, i);
	const char *path = json_string_value(json_object_get(record, "path"));
	const char *type = json_string_value(json_object_get(record, "type"));
	struct expected expected = { .path = base, .type = type };

	if (type == NULL || (path != NULL && !parse_path(path, &expected.path)))
		return false;
	expected.value = json_object_get(record, "value");
	expected.time = json_object_get(record, "time");
	*ret_expected = expected;
	return true;
}

/* ---- comparing ---- */

/* Numbers that JSON cannot carry stand there as text. */
static bool is_real(double actual, const json_t *expected)
{
	const char *text = json_is_string(expected) ? json_string_value(expected) : "x";
	char *end;
	double real = strtod(text, &end);

	if (json_is_number(expected))
		real = json_number_value(expected);
	else if (*end != 0)
		return false;
	if (isnan(real))
		return isnan(actual);
	return actual == real && signbit(actual) == signbit(real);
}

static bool is_integer_text(const char *actual, const json_t *expected)
{
	char text[32];

	if (json_is_string(expected))
		return strcmp(actual, json_string_value(expected)) == 0;
	snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(expected));
	return json_is_integer(expected) && strcmp(actual, text) == 0;
}

/* Which of the integer types it is, a payload need not tell; a time with a part of a second stays a float. */
static bool is_integer(const struct lwm2m_value *actual, const json_t *expected)
{
	char text[32];

	switch (actual->type) {
	case LWM2M_INTEGER:
	case LWM2M_TIME:
		snprintf(text, sizeof(text), "%" PRId64, actual->integer);
		return is_integer_text(text, expected);
	case LWM2M_UNSIGNED:
		snprintf(text, sizeof(text), "%" PRIu64, actual->whole);
		return is_integer_text(text, expected);
	default:
		return false;
	}
}

static bool is_time(const struct lwm2m_value *actual, const json_t *expected)
{
	if (actual->type == LWM2M_FLOAT)
		return json_is_real(expected) && is_real(actual->real, expected);
	return is_integer(actual, expected);
}

static bool is_float(const struct lwm2m_value *actual, const json_t *expected)
{
	return actual->type == LWM2M_FLOAT && is_real(actual->real, expected);
}

static bool is_boolean(const struct lwm2m_value *actual, const json_t *expected)
{
	return actual->type == LWM2M_BOOLEAN && json_is_boolean(expected) &&
	       json_is_true(expected) == actual->boolean;
}

static bool is_text(const struct lwm2m_value *actual, const json_t *expected)
{
	struct bytes text = bytes_of(json_string_value(expected), json_string_length(expected));

	return (actual->type == LWM2M_STRING || actual->type == LWM2M_CORELNK) && json_is_string(expected) &&
	       bytes_equal(actual->bytes, text);
}

static bool is_opaque(const struct lwm2m_value *actual, const json_t *expected)
{
	const char *hex = json_string_value(expected);
	struct arena *arena = arena_create(0);
	struct bytes bytes;
	bool is_same = arena != NULL && actual->type == LWM2M_OPAQUE && hex != NULL &&
		       bytes_from_hex(arena, hex, &bytes) == ERR_NONE && bytes_equal(actual->bytes, bytes);

	arena_free(arena);
	return is_same;
}

static bool is_link(const struct lwm2m_value *actual, const json_t *expected)
{
	char text[16];

	snprintf(text, sizeof(text), "%u:%u", actual->link.object, actual->link.instance);
	return actual->type == LWM2M_OBJLNK && json_is_string(expected) &&
	       strcmp(text, json_string_value(expected)) == 0;
}

static bool is_null(const struct lwm2m_value *actual, const json_t *expected)
{
	return actual->type == LWM2M_NULL && (expected == NULL || json_is_null(expected));
}

static bool is_name_only(const struct lwm2m_value *actual, const json_t *expected)
{
	return actual->type == LWM2M_NONE;
}

struct comparison {
	const char *type;
	bool (*is_same)(const struct lwm2m_value *actual, const json_t *expected);
};

static const struct comparison comparisons[] = {
	{ "integer", is_integer }, { "unsigned", is_integer }, { "time", is_time },
	{ "float", is_float },     { "boolean", is_boolean },  { "string", is_text },
	{ "corelnk", is_text },    { "opaque", is_opaque },    { "name-only", is_name_only },
	{ "objlnk", is_link },     { "null", is_null },
};

static bool is_value(const struct lwm2m_value *actual, const struct expected *expected)
{
	for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
		if (strcmp(comparisons[i].type, expected->type) == 0)
			return comparisons[i].is_same(actual, expected->value);
	}
	return false;
}

enum verdict compare_records(struct vector *v, struct lwm2m_path base, struct lwm2m_records records)
{
	char actual[PATH_TEXT_SIZE];

	if (records.count != count_expected(v))
		return vector_fail(v, "%zu records, not %zu", records.count, count_expected(v));
	for (size_t i = 0; i < records.count; i++) {
		const struct lwm2m_record *record = &records.at[i];
		struct expected expected;

		path_print(record->path, actual);
		if (!expected_at(v, i, base, &expected))
			return vector_fail(v, "what is expected of record %zu cannot be read", i);
		if (!path_equal(record->path, expected.path))
			return vector_fail(v, "record %zu is at %s", i, actual);
		if (!is_value(&record->value, &expected))
			return vector_fail(v, "%s: another value or type (%s)", actual,
					   value_type_name(record->value.type));
		if (record->has_time != (expected.time != NULL) ||
		    (record->has_time && record->time_s != json_number_value(expected.time)))
			return vector_fail(v, "%s: another time", actual);
	}
	return PASSED;
}

/* ---- object definitions ---- */

static void build_definition(struct builder *b, const struct lwm2m_path *path, const char *type)
{
	static const struct {
		const char *type, *name;
	} names[] = {
		{ "string", "String" }, { "integer", "Integer" }, { "unsigned", "Unsigned Integer" },
		{ "float", "Float" },   { "boolean", "Boolean" }, { "opaque", "Opaque" },
		{ "time", "Time" },     { "objlnk", "Objlnk" },   { "corelnk", "Corelnk" },
	};
	const char *name = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].type, type) == 0)
			name = names[i].name;
	}
	build_printf(b,
		     "<Item ID=\"%u\"><Operations>RW</Operations><MultipleInstances>%s</MultipleInstances>"
		     "<Mandatory>Optional</Mandatory><Type>%s</Type></Item>",
		     path->resource, path->depth == 4 ? "Multiple" : "Single", name);
}

/* Of one object, with each resource that the vector expects a value of. */
static enum err add_definition(struct vector *v, struct model *model, struct lwm2m_path base,
			       const char *base_type)
{
	bool has[UINT16_MAX + 1] = { false };
	struct builder b = builder_in(v->arena);
	struct expected expected;
	struct bytes xml;
	enum err err;

	build_printf(&b,
		     "<LWM2M><Object><Name>x</Name><ObjectID>%u</ObjectID><MultipleInstances>Multiple"
		     "</MultipleInstances><Mandatory>Optional</Mandatory><Resources>",
		     base.object);
	if (base_type != NULL && base.depth >= 3) {
		build_definition(&b, &base, base_type);
		has[base.resource] = true;
	}
	for (size_t i = 0; i < count_expected(v); i++) {
		if (!expected_at(v, i, base, &expected) || expected.path.depth < 3 ||
		    expected.path.object != base.object || has[expected.path.resource])
			continue;
		build_definition(&b, &expected.path, expected.type);
		has[expected.path.resource] = true;
	}
	build_text(&b, "</Resources></Object></LWM2M>");
	err = builder_bytes(&b, &xml);
	return err == ERR_NONE ? model_add_ddf(model, xml, NULL) : err;
}

bool define_expected(struct vector *v, struct model *model, struct lwm2m_path base)
{
	return add_definition(v, model, base, NULL) == ERR_NONE;
}

/* The definitions for a vector whose payload does not tell types: `type` is what it says of the resource
 * asked for. */
static struct model *model_for(struct vector *v, struct lwm2m_path base, const char *type)
{
	struct model *model;
	bool is_known;

	if (model_create(&model) != ERR_NONE)
		return NULL;
	is_known = type == NULL && model_add_folder(model, OBJECT_DEFINITIONS, NULL) == ERR_NONE &&
		   model_object(model, base.object, NULL) != NULL;
	if (!is_known && add_definition(v, model, base, type) != ERR_NONE) {
		model_free(model);
		return NULL;
	}
	return model;
}

/* ---- one payload ---- */

/* In TLV a multiple resource without instances is a record without value, which the vectors do not list. */
static struct lwm2m_records without_empty(struct vector *v, struct lwm2m_records records)
{
	struct lwm2m_record *kept = arena_alloc_array(v->arena, records.count, sizeof(*kept));
	size_t count = 0;

	for (size_t i = 0; kept != NULL && i < records.count; i++) {
		if (records.at[i].value.type != LWM2M_NONE)
			kept[count++] = records.at[i];
	}
	return (struct lwm2m_records){ kept, count };
}

static const char *base_path(const struct vector *v)
{
	return vector_text(v, "base_path", ANY_RESOURCE);
}

/* Reads and compares; writes again where asked, to *ret_written, which is empty otherwise. */
static enum verdict check_payload(struct vector *v, uint16_t number, struct bytes payload,
				  const struct model *model, struct lwm2m_path base,
				  struct bytes *ret_written)
{
	const struct format *format = format_find(number);
	struct lwm2m_records records, again;
	struct fault fault = { 0 };
	enum verdict verdict;

	*ret_written = bytes_of(NULL, 0);
	if (is_decided(v, format->read(v->arena, model, base, payload, &records, &fault), &fault, &verdict))
		return verdict;
	verdict = compare_records(v, base, number == FORMAT_TLV ? without_empty(v, records) : records);
	if (verdict != PASSED || !is_written_too(v))
		return verdict;
	if (format->write(v->arena, model, base, records, ret_written, &fault) != ERR_NONE)
		return vector_fail(v, "cannot be written: %s", fault.text);
	if (format->read(v->arena, model, base, *ret_written, &again, &fault) != ERR_NONE)
		return vector_fail(v, "what was written cannot be read: %s", fault.text);
	return compare_records(v, base, number == FORMAT_TLV ? without_empty(v, again) : again);
}

/* With the format that the vector is of, and the definitions that it needs. */
static enum verdict check_format(struct vector *v, uint16_t number, struct bytes payload, struct model *model,
				 struct bytes *ret_written)
{
	struct lwm2m_path base;

	if (!parse_path(base_path(v), &base))
		return vector_fail(v, "the base path cannot be read");
	return check_payload(v, number, payload, model, base, ret_written);
}

enum verdict check_text(struct vector *v)
{
	struct bytes payload = bytes_of_text(vector_text(v, "text", "")), written;
	const char *type = vector_text(v, "type", NULL);
	struct model *model;
	struct lwm2m_path base;
	enum verdict verdict;

	if (!parse_path(base_path(v), &base))
		return vector_fail(v, "the base path cannot be read");
	model = model_for(v, base, type);
	verdict = check_payload(v, FORMAT_TEXT, payload, model, base, &written);
	model_free(model);
	if (verdict != PASSED || !is_written_too(v) || vector_flag(v, "expect_error"))
		return verdict;
	return vector_compare(v, "written", written, payload);
}

/* A value has one canonical form; the vectors have others too, with tags or wider numbers, which are longer.
 */
enum verdict check_cbor(struct vector *v)
{
	struct bytes payload, written;
	enum verdict verdict;

	if (!vector_hex(v, "hex", &payload))
		return vector_fail(v, "no payload");
	verdict = check_format(v, FORMAT_CBOR, payload, NULL, &written);
	if (verdict == PASSED && written.len >= payload.len && written.len > 0)
		return vector_compare(v, "written", written, payload);
	return verdict;
}

/* There are many ways to divide names between base name and name: what is written reads back as the same
 * records. */
enum verdict check_senml_cbor(struct vector *v)
{
	struct bytes payload, written;

	if (!vector_hex(v, "hex", &payload))
		return vector_fail(v, "no payload");
	return check_format(v, FORMAT_SENML_CBOR, payload, NULL, &written);
}

enum verdict check_senml_json(struct vector *v)
{
	struct bytes written;

	return check_format(v, FORMAT_SENML_JSON, bytes_of_text(vector_text(v, "text", "")), NULL, &written);
}

enum verdict check_lwm2m_cbor(struct vector *v)
{
	struct bytes payload, written;

	if (!vector_hex(v, "hex", &payload))
		return vector_fail(v, "no payload");
	return check_format(v, FORMAT_LWM2M_CBOR, payload, NULL, &written);
}

/* Bytes stand there as text: the definition tells. */
static bool has_opaque(const struct vector *v, struct lwm2m_path base)
{
	struct expected expected;

	for (size_t i = 0; i < count_expected(v); i++) {
		if (expected_at(v, i, base, &expected) && strcmp(expected.type, "opaque") == 0)
			return true;
	}
	return false;
}

enum verdict check_lwm2m_json(struct vector *v)
{
	struct bytes payload = bytes_of_text(vector_text(v, "text", "")), written;
	struct model *model = NULL;
	struct lwm2m_path base;
	enum verdict verdict;

	if (!parse_path(base_path(v), &base))
		return vector_fail(v, "the base path cannot be read");
	if (base.depth > 0 && has_opaque(v, base))
		model = model_for(v, base, NULL);
	verdict = check_payload(v, FORMAT_LWM2M_JSON, payload, model, base, &written);
	model_free(model);
	return verdict;
}

/* ---- TLV ---- */

static const char *const tlv_kinds[] = {
	[LWM2M_TLV_OBJECT_INSTANCE] = "object_instance",
	[LWM2M_TLV_RESOURCE_INSTANCE] = "resource_instance",
	[LWM2M_TLV_MULTIPLE_RESOURCE] = "multiple_resource",
	[LWM2M_TLV_RESOURCE] = "resource",
};

static bool holds_others(enum lwm2m_tlv_kind kind)
{
	return kind == LWM2M_TLV_OBJECT_INSTANCE || kind == LWM2M_TLV_MULTIPLE_RESOURCE;
}

static bool is_well_formed(struct bytes payload)
{
	struct reader r = reader_of(payload);
	struct lwm2m_tlv tlv;

	while (read_lwm2m_tlv(&r, &tlv)) {
		if (holds_others(tlv.kind) && !is_well_formed(tlv.value))
			return false;
	}
	return reader_done(&r);
}

/* Elements as a tree, read and written again at once. */
static bool check_tree(struct vector *v, struct bytes payload, const json_t *tree, struct builder *b)
{
	struct reader r = reader_of(payload);
	struct lwm2m_tlv tlv;
	size_t i = 0;

	while (read_lwm2m_tlv(&r, &tlv)) {
		const json_t *node = json_array_get(tree, i++);
		const char *kind = json_string_value(json_object_get(node, "kind"));
		const char *hex = json_string_value(json_object_get(node, "value_hex"));
		struct bytes value = bytes_of(NULL, 0);

		if (kind == NULL || strcmp(kind, tlv_kinds[tlv.kind]) != 0 ||
		    json_integer_value(json_object_get(node, "id")) != tlv.id)
			return false;
		if (holds_others(tlv.kind)) {
			struct builder content = builder_in(v->arena);

			if (!check_tree(v, tlv.value, json_object_get(node, "children"), &content) ||
			    builder_bytes(&content, &value) != ERR_NONE)
				return false;
		} else if (hex == NULL || bytes_from_hex(v->arena, hex, &value) != ERR_NONE ||
			   !bytes_equal(value, tlv.value)) {
			return false;
		}
		build_lwm2m_tlv(b, tlv.kind, tlv.id, value);
	}
	return reader_done(&r) && i == json_array_size(tree);
}

static enum verdict check_tlv_tree(struct vector *v, struct bytes payload)
{
	struct builder b = builder_in(v->arena);
	struct bytes written;

	if (!check_tree(v, payload, json_object_get(v->own, "expect_tree"), &b))
		return vector_fail(v, "the elements differ");
	if (!is_written_too(v))
		return PASSED;
	if (builder_bytes(&b, &written) != ERR_NONE)
		return vector_fail(v, "the elements cannot be written");
	return vector_compare(v, "the elements, written", written, payload);
}

/* Whether records at that path may also be written in the way of the vector: wrapped where they need not be,
 * or bare where we wrap. The tree has shown then that its bytes come out the same. */
static bool is_other_wrapping(struct bytes written, struct bytes payload)
{
	return written.len > 0 && payload.len > 0 && written.at[0] >> 6 != payload.at[0] >> 6;
}

static enum verdict check_tlv_records(struct vector *v, struct bytes payload)
{
	struct lwm2m_path base;
	struct bytes written;
	struct model *model;
	enum verdict verdict;

	if (!parse_path(base_path(v), &base))
		return vector_fail(v, "the base path cannot be read");
	model = model_for(v, base, NULL);
	verdict = check_payload(v, FORMAT_TLV, payload, model, base, &written);
	model_free(model);
	if (verdict != PASSED || !is_written_too(v) || vector_flag(v, "expect_error") ||
	    is_other_wrapping(written, payload))
		return verdict;
	return vector_compare(v, "written", written, payload);
}

enum verdict check_tlv(struct vector *v)
{
	bool has_base = *vector_text(v, "base_path", "") != 0,
	     has_tree = json_object_get(v->own, "expect_tree") != NULL;
	bool has_records = json_object_get(v->own, "expect") != NULL;
	struct bytes payload;
	enum verdict verdict = PASSED;

	if (!vector_hex(v, "hex", &payload))
		return vector_fail(v, "no payload");
	if (vector_flag(v, "expect_error")) {
		if (!is_well_formed(payload))
			return PASSED;
		return has_base ? check_tlv_records(v, payload) : vector_fail(v, "was accepted");
	}
	if (has_tree)
		verdict = check_tlv_tree(v, payload);
	if (verdict == PASSED && has_records)
		verdict = check_tlv_records(v, payload);
	return has_tree || has_records ? verdict : vector_fail(v, "nothing says what to expect");
}
