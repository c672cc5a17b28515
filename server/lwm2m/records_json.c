#include "records_json.h"

#include <inttypes.h>

#include "json_text.h"
#include "path.h"
#include "value.h"

static void build_value(struct builder *b, const struct lwm2m_value *value)
{
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
		build_json_real(b, value->real);
		return;
	case LWM2M_BOOLEAN:
		build_text(b, value->boolean ? "true" : "false");
		return;
	case LWM2M_OPAQUE: {
		char *base64 = bytes_to_base64(b->arena, value->bytes);

		if (base64 == NULL)
			b->bad = true;
		else
			build_printf(b, "\"%s\"", base64);
		return;
	}
	case LWM2M_OBJLNK:
		build_printf(b, "\"%u:%u\"", value->link.object, value->link.instance);
		return;
	case LWM2M_NONE:
	case LWM2M_NULL:
		break;
	}
	build_text(b, "null");
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
