#include "records_json.h"

#include "json_fields.h"
#include "json_text.h"
#include "path.h"
#include "value.h"

/* As in the JSON that devices speak, but for what says here by its type what it is. */
static void build_value(struct builder *b, const struct lwm2m_value *value)
{
	if (value->type == LWM2M_FLOAT)
		build_json_real(b, value->real);
	else if (value->type == LWM2M_OPAQUE)
		json_build_text_data(b, value);
	else
		json_build_value(b, value);
}

static void build_record(struct builder *b, const struct model *model, const struct lwm2m_record *record)
{
	const struct object_model *object = model_object(model, record->path.object, NULL);
	const struct resource_model *resource =
		object == NULL ? NULL : object_resource(object, record->path.resource);
	char path[PATH_TEXT_SIZE];

	build_printf(b, "{\"path\":\"%s\"", path_print(record->path, path));
	if (resource != NULL && record->path.depth >= 3) {
		build_text(b, ",\"name\":");
		build_json_string(b, bytes_of_text(resource->name));
	}
	build_printf(b, ",\"type\":\"%s\",\"value\":", value_type_name(record->value.type));
	build_value(b, &record->value);
	if (record->has_time) {
		build_text(b, ",\"time\":");
		build_json_real(b, record->time_s);
	}
	build_u8(b, '}');
}

void build_records_json(struct builder *b, const struct model *model, struct lwm2m_records records)
{
	build_u8(b, '[');
	for (size_t i = 0; i < records.count; i++) {
		if (i > 0)
			build_u8(b, ',');
		build_record(b, model, &records.at[i]);
	}
	build_u8(b, ']');
}
