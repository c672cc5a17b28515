/* RFC 8428, 5: SenML in JSON. What its fields mean is in senml.c. */
#include "format_rows.h"

#include "json_fields.h"

#define MEMBER(name) offsetof(struct senml_entry, name)

/* clang-format off */
static const struct json_field fields[] = {
	{ "bver", SENML_BASE_VERSION, json_read_number,         NULL,             MEMBER(base_version) },
	{ "bn",   SENML_BASE_NAME,    json_read_name,           json_build_name,  MEMBER(base_name) },
	{ "bt",   SENML_BASE_TIME,    json_read_number,         json_build_value, MEMBER(base_time) },
	{ "bv",   SENML_BASE_VALUE,   json_read_number,         NULL,             MEMBER(base_value) },
	{ "n",    SENML_NAME,         json_read_name,           json_build_name,  MEMBER(name) },
	{ "t",    SENML_TIME,         json_read_number,         json_build_value, MEMBER(time) },
	{ "v",    SENML_VALUE,        json_read_number_or_null, json_build_value, MEMBER(value) },
	{ "vs",   SENML_STRING,       json_read_string,         json_build_value, MEMBER(value) },
	{ "vb",   SENML_BOOLEAN,      json_read_boolean,        json_build_value, MEMBER(value) },
	{ "vd",   SENML_DATA,         json_read_data,           json_build_data,  MEMBER(value) },
	{ "vlo",  SENML_LINK,         json_read_link,           json_build_value, MEMBER(value) },
};
/* clang-format on */

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static enum err read_pack(const json_t *pack, struct senml_reading *reading)
{
	enum err err = ERR_NONE;

	if (!json_is_array(pack))
		return fault_set(reading->fault, ERR_MALFORMED, "SenML: not an array");
	for (size_t i = 0; i < json_array_size(pack) && err == ERR_NONE; i++) {
		struct senml_entry entry = { 0 };

		err = json_fields_read(fields, FIELD_COUNT, json_array_get(pack, i), reading->arena, i,
				       &entry, reading->fault);
		if (err == ERR_NONE)
			err = senml_add(reading, &entry);
	}
	return err;
}

enum err senml_json_read(struct arena *arena, const struct model *model, struct lwm2m_path base,
			 struct bytes payload, struct lwm2m_records *ret_records, struct fault *fault)
{
	struct senml_reading reading = { .model = model, .base = base, .arena = arena, .fault = fault };
	json_t *pack;
	enum err err = json_fields_load(arena, payload, &pack, fault);

	if (err != ERR_NONE)
		return err;
	err = read_pack(pack, &reading);
	json_decref(pack);
	return err == ERR_NONE ? senml_finish(&reading, ret_records) : err;
}

enum err senml_json_write(struct arena *arena, const struct model *model, struct lwm2m_path base,
			  struct lwm2m_records records, struct bytes *ret_payload, struct fault *fault)
{
	struct builder b = builder_in(arena);
	struct senml_pack pack;
	enum err err = senml_compose(arena, model_root(model), base, records, &pack, fault);

	if (err == ERR_NONE)
		err = json_fields_check(records, fault);
	if (err != ERR_NONE)
		return err;
	build_u8(&b, '[');
	for (size_t i = 0; i < pack.count; i++) {
		build_text(&b, i == 0 ? "{" : ",{");
		json_fields_build(&b, fields, FIELD_COUNT, &pack.entries[i]);
		build_u8(&b, '}');
	}
	build_u8(&b, ']');
	return builder_bytes(&b, ret_payload);
}
