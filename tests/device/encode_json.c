/* LwM2M Core TS 1.1, 7.4.4 SenML JSON (RFC 8428, section 5), with the null of RFC 8790. Each record has its
 * whole path as name: a base name would save bytes, not meaning. */
#include <jansson.h>

#include "format.h"

#define SENML_VERSION 10

/* ---- writing ---- */

static json_t *json_of_link(struct value value)
{
	return json_sprintf("%u:%u", value.link.object, value.link.instance);
}

static json_t *json_of_data(struct arena *arena, struct value value)
{
	const char *text = bytes_to_base64url(arena, value.bytes);

	return text == NULL ? NULL : json_string(text);
}

/* The value and its label; NULL for what has none. */
static json_t *json_of(struct arena *arena, struct value value, const char **ret_label)
{
	*ret_label = "v";
	switch (value.kind) {
	case KIND_INTEGER:
	case KIND_TIME:
		return json_integer(value.integer);
	case KIND_UNSIGNED:
		return value.whole <= INT64_MAX ? json_integer((json_int_t)value.whole) : NULL;
	case KIND_FLOAT:
		return json_real(value.real);
	case KIND_BOOLEAN:
		*ret_label = "vb";
		return json_boolean(value.boolean);
	case KIND_STRING:
		*ret_label = "vs";
		return json_stringn((const char *)value.bytes.at, value.bytes.len);
	case KIND_OPAQUE:
		*ret_label = "vd";
		return json_of_data(arena, value);
	case KIND_LINK:
		*ret_label = "vlo";
		return json_of_link(value);
	default:
		return NULL;
	}
}

static enum err append_record(json_t *pack, struct arena *arena, const struct record *record)
{
	struct builder name = builder_in(arena);
	const char *label;
	json_t *value, *entry;

	build_path(&name, record->path);
	build_u8(&name, 0);
	entry = name.bad ? NULL : json_pack("{s:s}", "n", (const char *)name.at);
	if (entry == NULL || json_array_append_new(pack, entry) != 0)
		return ERR_NOMEM;
	if (record->value.kind == KIND_NONE)
		return ERR_NONE;
	value = json_of(arena, record->value, &label);
	return value != NULL && json_object_set_new(entry, label, value) == 0 ? ERR_NONE : ERR_UNSUPPORTED;
}

static int append_text(const char *text, size_t len, void *to)
{
	build_bytes(to, bytes_of(text, len));
	return 0;
}

enum err json_write(const struct records *records, struct path base, struct builder *b)
{
	json_t *pack = json_array();
	enum err err = pack == NULL ? ERR_NOMEM : ERR_NONE;

	for (size_t i = 0; i < records->count && err == ERR_NONE; i++)
		err = append_record(pack, b->arena, &records->at[i]);
	if (err == ERR_NONE && json_dump_callback(pack, append_text, b, JSON_COMPACT) != 0)
		err = ERR_NOMEM;
	json_decref(pack);
	return err;
}

/* ---- reading ---- */

struct json_pack {
	struct records *records;
	struct path base;
	struct fault *fault;
	const char *base_name;
	double base_value;
	bool has_base_value, takes_null;
};

static enum err json_fault(struct json_pack *pack, const char *reason)
{
	return fault_set(pack->fault, ERR_MALFORMED, "SenML: %s", reason);
}

static enum err copy_text(struct json_pack *pack, const json_t *json, struct value *ret_value)
{
	struct value value = { .kind = KIND_STRING };
	enum err err = bytes_copy(pack->records->arena,
				  bytes_of(json_string_value(json), json_string_length(json)), &value.bytes);

	if (err == ERR_NONE)
		*ret_value = value;
	return err;
}

static enum err read_data(struct json_pack *pack, const json_t *json, struct value *ret_value)
{
	struct value value = { .kind = KIND_OPAQUE };
	enum err err =
		bytes_from_base64(pack->records->arena,
				  bytes_of(json_string_value(json), json_string_length(json)), &value.bytes);

	if (err == ERR_NONE)
		*ret_value = value;
	return err;
}

static enum err read_link(struct json_pack *pack, const json_t *json, struct value *ret_value)
{
	struct value text = { .kind = KIND_NONE };
	enum err err = copy_text(pack, json, &text);

	return err == ERR_NONE ? value_convert(text, KIND_LINK, pack->records->arena, ret_value) : err;
}

/* What a label holds; the first row of a label whose type fits. */
static enum err read_labelled(struct json_pack *pack, const char *label, const json_t *json,
			      struct value *ret_value)
{
	if (strcmp(label, "v") == 0 && json_is_integer(json))
		*ret_value = INTEGER_VALUE(json_integer_value(json));
	else if (strcmp(label, "v") == 0 && json_is_real(json))
		*ret_value = FLOAT_VALUE(json_real_value(json));
	else if (strcmp(label, "v") == 0 && json_is_null(json) && pack->takes_null)
		*ret_value = (struct value){ .kind = KIND_NULL };
	else if (strcmp(label, "vb") == 0 && json_is_boolean(json))
		*ret_value = BOOLEAN_VALUE(json_is_true(json));
	else if (strcmp(label, "vs") == 0 && json_is_string(json))
		return copy_text(pack, json, ret_value);
	else if (strcmp(label, "vd") == 0 && json_is_string(json))
		return read_data(pack, json, ret_value);
	else if (strcmp(label, "vlo") == 0 && json_is_string(json))
		return read_link(pack, json, ret_value);
	else
		return ERR_MALFORMED;
	return ERR_NONE;
}

static enum err read_value(struct json_pack *pack, const json_t *entry, struct value *ret_value)
{
	static const char *const labels[] = { "v", "vb", "vs", "vd", "vlo" };
	struct value value = { .kind = KIND_NONE };
	size_t count = 0;

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		const json_t *json = json_object_get(entry, labels[i]);
		enum err err = ERR_NONE;

		if (json == NULL)
			continue;
		if (count++ > 0)
			return json_fault(pack, "a record has two values");
		err = read_labelled(pack, labels[i], json, &value);
		if (err != ERR_NONE)
			return err == ERR_MALFORMED ? json_fault(pack, "a value is not of its label's type")
						    : err;
	}
	if (pack->has_base_value && value_is_number(value))
		value = FLOAT_VALUE(value_number(value) + pack->base_value);
	*ret_value = value;
	return ERR_NONE;
}

static enum err read_base(struct json_pack *pack, json_t *entry)
{
	const json_t *version = json_object_get(entry, "bver"), *name = json_object_get(entry, "bn"),
		     *value = json_object_get(entry, "bv");
	const char *label;
	json_t *member;

	json_object_foreach (entry, label, member) {
		if (label[0] != 0 && label[strlen(label) - 1] == '_')
			return json_fault(pack, "a label that must be understood is unknown");
	}
	if (version != NULL && (!json_is_integer(version) || json_integer_value(version) > SENML_VERSION))
		return json_fault(pack, "unknown version");
	if (name != NULL && !json_is_string(name))
		return json_fault(pack, "a name is not text");
	if (value != NULL && !json_is_number(value))
		return json_fault(pack, "the base value is not a number");
	if (name != NULL)
		pack->base_name = json_string_value(name);
	if (value != NULL) {
		pack->base_value = json_number_value(value);
		pack->has_base_value = true;
	}
	return ERR_NONE;
}

static enum err read_path(struct json_pack *pack, const json_t *entry, struct path *ret_path)
{
	const json_t *name = json_object_get(entry, "n");
	const char *whole;

	if (name != NULL && !json_is_string(name))
		return json_fault(pack, "a name is not text");
	whole = arena_printf(pack->records->arena, "%s%s", pack->base_name,
			     name == NULL ? "" : json_string_value(name));
	if (whole == NULL)
		return ERR_NOMEM;
	if (path_parse(bytes_of_text(whole), ret_path) != ERR_NONE)
		return fault_set(pack->fault, ERR_MALFORMED, "SenML: \"%.40s\" is not a path", whole);
	return path_covers(pack->base, *ret_path)
		       ? ERR_NONE
		       : json_fault(pack, "a name lies outside of the path addressed");
}

static enum err read_entry(struct json_pack *pack, json_t *entry)
{
	struct value value;
	struct path path;
	enum err err;

	if (!json_is_object(entry))
		return json_fault(pack, "a record is not an object");
	err = read_base(pack, entry);
	if (err == ERR_NONE)
		err = read_path(pack, entry, &path);
	if (err == ERR_NONE)
		err = read_value(pack, entry, &value);
	if (err != ERR_NONE)
		return err;
	if (records_find(pack->records, path) != NULL)
		return json_fault(pack, "a name occurs twice");
	records_add(pack->records, path, value);
	return pack->records->bad ? ERR_NOMEM : ERR_NONE;
}

static enum err read_pack(struct bytes payload, struct json_pack *pack)
{
	json_t *json = json_loadb((const char *)payload.at, payload.len, JSON_REJECT_DUPLICATES, NULL);
	enum err err = json_is_array(json) ? ERR_NONE : json_fault(pack, "the pack is not an array");

	pack->base_name = "";
	for (size_t i = 0; i < json_array_size(json) && err == ERR_NONE; i++)
		err = read_entry(pack, json_array_get(json, i));
	json_decref(json);
	return err;
}

enum err json_read(struct bytes payload, struct path base, struct records *records, struct fault *fault)
{
	struct json_pack pack = { .records = records, .base = base, .fault = fault };

	return read_pack(payload, &pack);
}

enum err json_etch_read(struct bytes payload, struct path base, struct records *records, struct fault *fault)
{
	struct json_pack pack = { .records = records, .base = base, .fault = fault, .takes_null = true };

	return read_pack(payload, &pack);
}
