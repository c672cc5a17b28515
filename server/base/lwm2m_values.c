/* LwM2M Core TS 1.1, appendix C: data types of resources */
#include <cardea/lwm2m.h>

static bool paths_are_equal(const struct lwm2m_path *a, const struct lwm2m_path *b)
{
	return a->depth == b->depth && (a->depth < 1 || a->object == b->object) &&
	       (a->depth < 2 || a->instance == b->instance) && (a->depth < 3 || a->resource == b->resource) &&
	       (a->depth < 4 || a->resource_instance == b->resource_instance);
}

const struct lwm2m_record *lwm2m_find(struct lwm2m_records records, struct lwm2m_path path)
{
	for (size_t i = 0; i < records.count; i++) {
		if (paths_are_equal(&records.at[i].path, &path))
			return &records.at[i];
	}
	return NULL;
}

int64_t lwm2m_integer(struct lwm2m_records records, struct lwm2m_path path, int64_t fallback)
{
	const struct lwm2m_record *record = lwm2m_find(records, path);

	if (record == NULL)
		return fallback;
	switch (record->value.type) {
	case LWM2M_INTEGER:
	case LWM2M_TIME:
		return record->value.integer;
	case LWM2M_UNSIGNED:
		return record->value.whole <= INT64_MAX ? (int64_t)record->value.whole : fallback;
	default:
		return fallback;
	}
}

bool lwm2m_boolean(struct lwm2m_records records, struct lwm2m_path path, bool fallback)
{
	const struct lwm2m_record *record = lwm2m_find(records, path);

	return record != NULL && record->value.type == LWM2M_BOOLEAN ? record->value.boolean : fallback;
}

struct bytes lwm2m_bytes(struct lwm2m_records records, struct lwm2m_path path)
{
	const struct lwm2m_record *record = lwm2m_find(records, path);

	if (record == NULL)
		return bytes_of(NULL, 0);
	switch (record->value.type) {
	case LWM2M_STRING:
	case LWM2M_CORELNK:
	case LWM2M_OPAQUE:
		return record->value.bytes;
	default:
		return bytes_of(NULL, 0);
	}
}
