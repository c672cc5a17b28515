/* LwM2M Core TS 1.0, 6.4.4: LwM2M JSON, which 1.0 clients may speak. An older form of SenML, with one object
 * around the records, base name and base time only there, and bytes as a text in base64. */
#include "format_rows.h"

#include "json_fields.h"
#include "path.h"
#include "tolerance.h"

#define MEMBER(name) offsetof(struct senml_entry, name)

/* clang-format off */
static const struct json_field pack_fields[] = {
	{ "bn", SENML_BASE_NAME, json_read_name,    json_build_name,      MEMBER(base_name) },
	{ "bt", SENML_BASE_TIME, json_read_number,  json_build_value,     MEMBER(base_time) },
};

static const struct json_field entry_fields[] = {
	{ "n",  SENML_NAME,      json_read_name,    json_build_name,      MEMBER(name) },
	{ "t",  SENML_TIME,      json_read_number,  json_build_value,     MEMBER(time) },
	{ "v",  SENML_VALUE,     json_read_number,  json_build_value,     MEMBER(value) },
	{ "sv", SENML_STRING,    json_read_string,  json_build_value,     MEMBER(value) },
	{ "sv", SENML_DATA,      json_read_string,  json_build_text_data, MEMBER(value) },
	{ "bv", SENML_BOOLEAN,   json_read_boolean, json_build_value,     MEMBER(value) },
	{ "ov", SENML_LINK,      json_read_link,    json_build_value,     MEMBER(value) },
};
/* clang-format on */

#define PACK_FIELD_COUNT  (sizeof(pack_fields) / sizeof(pack_fields[0]))
#define ENTRY_FIELD_COUNT (sizeof(entry_fields) / sizeof(entry_fields[0]))

/* ---- reading ---- */

static struct bytes text_in(struct arena *arena, const char *first, struct bytes second, const char *third)
{
	char *text = arena_printf(arena, "%s%.*s%s", first, (int)second.len,
				  second.len == 0 ? "" : (const char *)second.at, third);

	return text == NULL ? bytes_of(NULL, 0) : bytes_of_text(text);
}

static bool is_absolute(struct bytes name)
{
	return name.len > 0 && name.at[0] == '/';
}

/* What stands before the names. Without `bn` those that are not absolute start at the request path. */
static struct bytes base_name_of(struct arena *arena, const struct senml_entry *pack,
				 const struct senml_entry *entry, struct lwm2m_path base, bool puts_slash)
{
	char path[PATH_TEXT_SIZE];
	struct bytes request = bytes_of_text(path_print(base, path));

	puts_slash = puts_slash && entry->name.len > 0;
	if (is_absolute(pack->base_name) && !puts_slash)
		return pack->base_name;
	if (pack->base_name.len > 0)
		return text_in(arena, is_absolute(pack->base_name) ? "" : "/", pack->base_name,
			       puts_slash ? "/" : "");
	if (is_absolute(entry->name))
		return bytes_of(NULL, 0);
	return text_in(arena, "", request, entry->name.len == 0 || base.depth == 0 ? "" : "/");
}

static enum err read_entry(const json_t *json, const struct senml_entry *pack, size_t i, bool puts_slash,
			   struct senml_reading *reading)
{
	struct senml_entry entry = { 0 };
	enum err err = json_fields_read(entry_fields, ENTRY_FIELD_COUNT, json, reading->arena, i, &entry,
					reading->fault);

	if (err != ERR_NONE)
		return err;
	if (!(entry.present & SENML_VALUES))
		return fault_set(reading->fault, ERR_MALFORMED, "LwM2M JSON, entry %zu: it has no value", i);
	entry.present |= SENML_BIT(SENML_BASE_NAME) | (pack->present & SENML_BIT(SENML_BASE_TIME));
	entry.base_name = base_name_of(reading->arena, pack, &entry, reading->base, puts_slash);
	entry.base_time = pack->base_time;
	return senml_add(reading, &entry);
}

static enum err read_pack(const json_t *json, bool puts_slash, struct senml_reading *reading)
{
	const json_t *entries = json_object_get(json, "e");
	struct senml_entry pack = { 0 };
	enum err err;

	if (!json_is_object(json) || !json_is_array(entries))
		return fault_set(reading->fault, ERR_MALFORMED,
				 "LwM2M JSON: not an object with an array 'e'");
	err = json_fields_read(pack_fields, PACK_FIELD_COUNT, json, reading->arena, 0, &pack, reading->fault);
	for (size_t i = 0; i < json_array_size(entries) && err == ERR_NONE; i++)
		err = read_entry(json_array_get(entries, i), &pack, i, puts_slash, reading);
	return err;
}

static enum err read_json(struct arena *arena, const struct model *model, struct lwm2m_path base,
			  struct bytes payload, bool puts_slash, struct lwm2m_records *ret_records,
			  struct fault *fault)
{
	struct senml_reading reading = {
		.model = model, .base = base, .arena = arena, .fault = fault, .opaque_is_text = true
	};
	json_t *json;
	enum err err = json_fields_load(arena, payload, &json, fault);

	if (err != ERR_NONE)
		return err;
	err = read_pack(json, puts_slash, &reading);
	json_decref(json);
	return err == ERR_NONE ? senml_finish(&reading, ret_records) : err;
}

enum err lwm2m_json_read(struct arena *arena, const struct model *model, struct lwm2m_path base,
			 struct bytes payload, struct lwm2m_records *ret_records, struct fault *fault)
{
	return read_json(arena, model, base, payload, false, ret_records, fault);
}

/* {"bn":"/3/0","e":[{"n":"1",...}]}, as coap-node sends it: together that is /3/01, which is no resource. */
enum err lwm2m_json_read_leniently(struct arena *arena, const struct model *model, struct lwm2m_path base,
				   struct bytes payload, struct lwm2m_records *ret_records, uint32_t *rules)
{
	enum err err = read_json(arena, model, base, payload, true, ret_records, NULL);

	if (err == ERR_NONE)
		*rules |= TOLERANCE_BIT(TOLERANCE_JSON_BASE_WITHOUT_SLASH);
	return err;
}

/* ---- writing ---- */

static enum err check_values(struct lwm2m_path base, struct lwm2m_records records, struct fault *fault)
{
	char path[PATH_TEXT_SIZE];

	for (size_t i = 0; i < records.count; i++) {
		enum lwm2m_type type = records.at[i].value.type;

		if (type == LWM2M_NULL || (type == LWM2M_NONE && base.depth == 0))
			return fault_set(fault, ERR_UNSUPPORTED, "LwM2M JSON needs a value of %s",
					 path_print(records.at[i].path, path));
	}
	return json_fields_check(records, fault);
}

enum err lwm2m_json_write(struct arena *arena, const struct model *model, struct lwm2m_path base,
			  struct lwm2m_records records, struct bytes *ret_payload, struct fault *fault)
{
	struct builder b = builder_in(arena);
	char path[PATH_TEXT_SIZE];
	struct senml_entry first = { .present = SENML_BIT(SENML_BASE_NAME) };
	struct senml_pack pack;
	enum err err = check_values(base, records, fault);

	if (err == ERR_NONE)
		err = senml_compose(arena, "", base, records, &pack, fault);
	if (err != ERR_NONE)
		return err;
	first.base_name = bytes_of_text(path_print(base, path));
	if (pack.count > 0)
		first = pack.entries[0];
	build_u8(&b, '{');
	json_fields_build(&b, pack_fields, PACK_FIELD_COUNT, &first);
	build_text(&b, ",\"e\":[");
	for (size_t i = 0; i < pack.count; i++) {
		build_text(&b, i == 0 ? "{" : ",{");
		json_fields_build(&b, entry_fields, ENTRY_FIELD_COUNT, &pack.entries[i]);
		build_u8(&b, '}');
	}
	build_text(&b, "]}");
	return builder_bytes(&b, ret_payload);
}
