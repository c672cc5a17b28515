/* LwM2M Core TS 1.1, 7.4.3: TLV. The payload does not say types: they come from the object definition, and
 * what has none is opaque. Read as devices send it: an object instance may be wrapped where it need not be,
 * the instances of a resource may stand bare. */
#include "format_rows.h"

#include "lwm2m_tlv.h"
#include "path.h"
#include "record_list.h"
#include "record_order.h"
#include "tlv_value.h"
#include "tolerance.h"

/* ---- reading ---- */

struct reading {
	const struct model *model;
	struct arena *arena;
	struct fault *fault;
	struct record_list list;
	uint32_t *rules; /* of tolerance that were needed; NULL: none is allowed */
};

static enum err refuse(const struct reading *reading, struct lwm2m_path path, const char *what)
{
	char text[PATH_TEXT_SIZE];

	return fault_set(reading->fault, ERR_MALFORMED, "TLV of %s: %s", path_print(path, text), what);
}

/* Most devices keep the order of ids, in which none can repeat. */
static bool has_ascending_ids(struct bytes level)
{
	struct reader r = reader_of(level);
	struct lwm2m_tlv tlv;
	int last = -1;

	while (read_lwm2m_tlv(&r, &tlv)) {
		if (tlv.id <= last)
			return false;
		last = tlv.id;
	}
	return true;
}

static bool has_id_twice(struct bytes level)
{
	uint64_t seen[(UINT16_MAX + 1) / 64];
	struct reader r = reader_of(level);
	struct lwm2m_tlv tlv;

	if (has_ascending_ids(level))
		return false;
	memset(seen, 0, sizeof(seen));
	while (read_lwm2m_tlv(&r, &tlv)) {
		uint64_t bit = (uint64_t)1 << tlv.id % 64;

		if (seen[tlv.id / 64] & bit)
			return true;
		seen[tlv.id / 64] |= bit;
	}
	return false;
}

static struct lwm2m_record *add_record(struct reading *reading, struct lwm2m_path path)
{
	struct lwm2m_record *record = record_list_add(&reading->list);

	if (record != NULL)
		record->path = path;
	return record;
}

/* A number in 3, 5, 6 or 7 bytes, or a boolean in more than one: what it would be in as many as it may have.
 * False: the length is not the trouble. */
static bool normal_length(enum lwm2m_type type, struct bytes bytes, uint8_t to[static 8],
			  struct bytes *ret_bytes)
{
	static const uint8_t zeros[7];
	bool is_signed = type == LWM2M_INTEGER || type == LWM2M_TIME;
	bool is_number = is_signed || type == LWM2M_UNSIGNED;

	if (bytes.len < 2 || bytes.len > 8 || !(is_number || type == LWM2M_BOOLEAN))
		return false;
	memset(to, is_signed && bytes.at[0] & 0x80 ? 0xFF : 0, 8);
	memcpy(to + 8 - bytes.len, bytes.at, bytes.len);
	*ret_bytes = is_number ? bytes_of(to, 8) : bytes_of(to + 7, 1);
	return is_number || memcmp(to, zeros, sizeof(zeros)) == 0;
}

static const char *read_typed(struct reading *reading, enum lwm2m_type type, struct bytes bytes,
			      struct lwm2m_value *ret_value)
{
	const char *expected = tlv_value_read(type, bytes, ret_value);
	uint8_t normal[8];

	if (expected == NULL || reading->rules == NULL || !normal_length(type, bytes, normal, &bytes))
		return expected;
	*reading->rules |= TOLERANCE_BIT(TOLERANCE_TLV_VALUE_LENGTH);
	return tlv_value_read(type, bytes, ret_value);
}

static enum err read_value(struct reading *reading, struct lwm2m_path path, struct bytes bytes)
{
	const struct resource_model *resource = model_resource(reading->model, path);
	enum lwm2m_type type =
		resource == NULL || resource->type == LWM2M_NONE ? LWM2M_OPAQUE : resource->type;
	struct lwm2m_record *record = add_record(reading, path);
	char text[PATH_TEXT_SIZE];
	const char *expected;

	if (record == NULL)
		return ERR_NOMEM;
	expected = read_typed(reading, type, bytes, &record->value);
	if (expected != NULL)
		return fault_set(reading->fault, ERR_MALFORMED, "TLV of %s: the value is not %s",
				 path_print(path, text), expected);
	return ERR_NONE;
}

/* The instances of a resource; none at all is a record without value. */
static enum err read_instances(struct reading *reading, struct lwm2m_path resource, struct bytes level)
{
	struct reader r = reader_of(level);
	struct lwm2m_tlv tlv;
	struct lwm2m_path path;
	enum err err;

	if (has_id_twice(level))
		return refuse(reading, resource, "a resource instance stands there twice");
	while (read_lwm2m_tlv(&r, &tlv)) {
		if (tlv.kind != LWM2M_TLV_RESOURCE_INSTANCE || tlv.id == LWM2M_ID_NONE)
			return refuse(reading, resource, "something else than an instance of the resource");
		err = path_append(resource, tlv.id, &path);
		if (err == ERR_NONE)
			err = read_value(reading, path, tlv.value);
		if (err != ERR_NONE)
			return err;
	}
	if (r.bad)
		return refuse(reading, resource, "a length goes past the end");
	if (level.len == 0 && add_record(reading, resource) == NULL)
		return ERR_NOMEM;
	return ERR_NONE;
}

static enum err read_resources(struct reading *reading, struct lwm2m_path instance, struct bytes level)
{
	struct reader r = reader_of(level);
	struct lwm2m_tlv tlv;
	struct lwm2m_path path;
	enum err err;

	if (has_id_twice(level))
		return refuse(reading, instance, "a resource stands there twice");
	while (read_lwm2m_tlv(&r, &tlv)) {
		if (tlv.id == LWM2M_ID_NONE)
			return refuse(reading, instance, "65535 is no resource");
		err = path_append(instance, tlv.id, &path);
		if (err != ERR_NONE)
			return err;
		if (tlv.kind == LWM2M_TLV_RESOURCE)
			err = read_value(reading, path, tlv.value);
		else if (tlv.kind == LWM2M_TLV_MULTIPLE_RESOURCE)
			err = read_instances(reading, path, tlv.value);
		else
			err = refuse(reading, instance, "something else than a resource");
		if (err != ERR_NONE)
			return err;
	}
	return r.bad ? refuse(reading, instance, "a length goes past the end") : ERR_NONE;
}

static enum err read_object_instances(struct reading *reading, struct lwm2m_path base, struct bytes level)
{
	struct lwm2m_path path = LWM2M_OBJECT(base.object);
	struct reader r = reader_of(level);
	struct lwm2m_tlv tlv;
	enum err err;

	if (has_id_twice(level))
		return refuse(reading, path, "an object instance stands there twice");
	while (read_lwm2m_tlv(&r, &tlv)) {
		if (tlv.kind != LWM2M_TLV_OBJECT_INSTANCE || tlv.id == LWM2M_ID_NONE)
			return refuse(reading, path, "something else than an object instance");
		if (base.depth >= 2 && tlv.id != base.instance)
			return refuse(reading, path, "another object instance than the one asked for");
		err = read_resources(reading, LWM2M_INSTANCE(base.object, tlv.id), tlv.value);
		if (err != ERR_NONE)
			return err;
	}
	return r.bad ? refuse(reading, path, "a length goes past the end") : ERR_NONE;
}

static enum err read_level(struct reading *reading, struct lwm2m_path base, struct bytes payload)
{
	struct reader r = reader_of(payload);
	struct lwm2m_tlv first;

	if (payload.len == 0)
		return ERR_NONE;
	if (!read_lwm2m_tlv(&r, &first))
		return refuse(reading, base, "a length goes past the end");
	if (first.kind == LWM2M_TLV_OBJECT_INSTANCE)
		return read_object_instances(reading, base, payload);
	if (first.kind == LWM2M_TLV_RESOURCE_INSTANCE && base.depth >= 3)
		return read_instances(reading, LWM2M_RESOURCE(base.object, base.instance, base.resource),
				      payload);
	return read_resources(reading, LWM2M_INSTANCE(base.object, path_id(base, 2)), payload);
}

/* What was asked for is there, and nothing else. */
static enum err check_extent(const struct reading *reading, struct lwm2m_path base)
{
	const struct resource_model *resource = model_resource(reading->model, base);

	for (size_t i = 0; i < reading->list.count; i++) {
		if (!path_starts_with(reading->list.at[i].path, base))
			return refuse(reading, reading->list.at[i].path, "was not asked for");
	}
	if (reading->list.count == 0 && base.depth >= 3 &&
	    (base.depth == 4 || (resource != NULL && !resource->is_multiple)))
		return refuse(reading, base, "the value is missing");
	return ERR_NONE;
}

enum err tlv_read(struct arena *arena, const struct model *model, struct lwm2m_path base,
		  struct bytes payload, struct lwm2m_records *ret_records, struct fault *fault)
{
	struct reading reading = {
		.model = model, .arena = arena, .fault = fault, .list = { .arena = arena }
	};
	enum err err;

	if (base.depth == 0)
		return fault_set(fault, ERR_UNSUPPORTED, "TLV cannot name objects: it needs the path of one");
	err = read_level(&reading, base, payload);
	if (err == ERR_NONE)
		err = check_extent(&reading, base);
	if (err != ERR_NONE)
		return err;
	*ret_records = record_list_records(&reading.list);
	return ERR_NONE;
}

/* An object instance that is said to be shorter or longer than it is: all that follows its head is its
 * content, if that can be read to the last byte. */
static enum err read_whole_instance(struct reading *reading, struct lwm2m_path base, struct bytes payload)
{
	struct reader r = reader_of(payload);
	struct lwm2m_tlv head;

	if (!read_lwm2m_tlv_head(&r, &head) || head.kind != LWM2M_TLV_OBJECT_INSTANCE ||
	    head.id == LWM2M_ID_NONE || (base.depth >= 2 && head.id != base.instance))
		return ERR_MALFORMED;
	*reading->rules |= TOLERANCE_BIT(TOLERANCE_TLV_INSTANCE_LENGTH);
	return read_resources(reading, LWM2M_INSTANCE(base.object, head.id), read_rest(&r));
}

enum err tlv_read_leniently(struct arena *arena, const struct model *model, struct lwm2m_path base,
			    struct bytes payload, struct lwm2m_records *ret_records, uint32_t *rules)
{
	enum err (*const ways[])(struct reading *, struct lwm2m_path, struct bytes) = {
		read_level,
		read_whole_instance,
	};
	enum err err = ERR_MALFORMED;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && err == ERR_MALFORMED; i++) {
		uint32_t needed = 0;
		struct reading reading = {
			.model = model, .arena = arena, .list = { .arena = arena }, .rules = &needed
		};

		err = ways[i](&reading, base, payload);
		if (err == ERR_NONE)
			err = check_extent(&reading, base);
		if (err != ERR_NONE)
			continue;
		*ret_records = record_list_records(&reading.list);
		*rules |= needed;
	}
	return err;
}

/* ---- writing ---- */

struct writing {
	struct arena *arena;
	struct fault *fault;
	const struct lwm2m_record *const
		*records; /* in order, so that what belongs together stands together */
};

/* Where the group of records ends that `first` begins: those with the same id at that level. */
static size_t group_end(const struct writing *w, size_t first, size_t end, unsigned level)
{
	size_t i = first + 1;

	while (i < end && path_id(w->records[i]->path, level) == path_id(w->records[first]->path, level))
		i++;
	return i;
}

static enum err build_element(const struct writing *w, struct builder *b, enum lwm2m_tlv_kind kind,
			      uint16_t id, struct bytes content)
{
	if (content.len > LWM2M_TLV_MAX_LENGTH)
		return fault_set(w->fault, ERR_LIMIT, "TLV: more than %d bytes in one element",
				 LWM2M_TLV_MAX_LENGTH);
	build_lwm2m_tlv(b, kind, id, content);
	return ERR_NONE;
}

/* An element around what was built. */
static enum err wrap(const struct writing *w, struct builder *b, enum lwm2m_tlv_kind kind, uint16_t id,
		     const struct builder *content)
{
	struct bytes bytes;
	enum err err = builder_bytes(content, &bytes);

	return err == ERR_NONE ? build_element(w, b, kind, id, bytes) : err;
}

static enum err build_value(const struct writing *w, struct builder *b, enum lwm2m_tlv_kind kind,
			    const struct lwm2m_record *record)
{
	const struct lwm2m_value *value = &record->value;
	uint16_t id = path_id(record->path, record->path.depth);
	struct builder content = builder_in(w->arena);
	char path[PATH_TEXT_SIZE];

	/* these may be large, and are what they are */
	if (value->type == LWM2M_OPAQUE || value->type == LWM2M_STRING || value->type == LWM2M_CORELNK)
		return build_element(w, b, kind, id, value->bytes);
	if (!build_tlv_value(&content, value))
		return fault_set(w->fault, ERR_UNSUPPORTED, "TLV: %s has no value",
				 path_print(record->path, path));
	return wrap(w, b, kind, id, &content);
}

/* The records of one resource: its value, or its instances, or none in a record without value. */
static enum err build_resource(const struct writing *w, struct builder *b, size_t first, size_t end)
{
	const struct lwm2m_record *record = w->records[first];
	struct builder content = builder_in(w->arena);
	char path[PATH_TEXT_SIZE];

	if (record->path.depth == 3 && end - first > 1)
		return fault_set(w->fault, ERR_MALFORMED, "%s has both a value and instances",
				 path_print(record->path, path));
	if (record->path.depth == 3 && record->value.type != LWM2M_NONE)
		return build_value(w, b, LWM2M_TLV_RESOURCE, record);
	for (size_t i = first; i < end && record->path.depth == 4; i++) {
		enum err err = build_value(w, &content, LWM2M_TLV_RESOURCE_INSTANCE, w->records[i]);

		if (err != ERR_NONE)
			return err;
	}
	return wrap(w, b, LWM2M_TLV_MULTIPLE_RESOURCE, record->path.resource, &content);
}

static enum err build_resources(const struct writing *w, struct builder *b, size_t first, size_t end)
{
	enum err err = ERR_NONE;

	for (size_t next; first < end && err == ERR_NONE; first = next) {
		next = group_end(w, first, end, 3);
		err = build_resource(w, b, first, next);
	}
	return err;
}

/* In a Create the device may choose the instance id: its resources stand bare then. */
static enum err build_object_instances(const struct writing *w, struct builder *b, size_t count)
{
	enum err err = ERR_NONE;

	if (count > 0 && w->records[count - 1]->path.instance == LWM2M_ID_NONE) {
		if (w->records[0]->path.instance != LWM2M_ID_NONE)
			return fault_set(w->fault, ERR_MALFORMED,
					 "TLV: an instance without id beside one that has it");
		return build_resources(w, b, 0, count);
	}
	for (size_t first = 0, next; first < count && err == ERR_NONE; first = next) {
		struct builder content = builder_in(w->arena);

		next = group_end(w, first, count, 2);
		err = build_resources(w, &content, first, next);
		if (err == ERR_NONE)
			err = wrap(w, b, LWM2M_TLV_OBJECT_INSTANCE, w->records[first]->path.instance,
				   &content);
	}
	return err;
}

static enum err check_record(const struct lwm2m_record *record, struct lwm2m_path base, struct fault *fault)
{
	char path[PATH_TEXT_SIZE], below[PATH_TEXT_SIZE];

	if (!path_starts_with(record->path, base))
		return fault_set(fault, ERR_MALFORMED, "%s is not below %s", path_print(record->path, path),
				 path_print(base, below));
	if (record->path.depth < 3)
		return fault_set(fault, ERR_MALFORMED, "%s: a value belongs to a resource",
				 path_print(record->path, path));
	if (record->has_time)
		return fault_set(fault, ERR_UNSUPPORTED, "TLV has no times, but %s has one",
				 path_print(record->path, path));
	return ERR_NONE;
}

enum err tlv_write(struct arena *arena, const struct model *model, struct lwm2m_path base,
		   struct lwm2m_records records, struct bytes *ret_payload, struct fault *fault)
{
	struct writing w = { .arena = arena, .fault = fault };
	struct builder b = builder_in(arena);
	enum err err = ERR_NONE;

	if (base.depth == 0)
		return fault_set(fault, ERR_UNSUPPORTED, "TLV cannot name objects: it needs the path of one");
	for (size_t i = 0; i < records.count && err == ERR_NONE; i++)
		err = check_record(&records.at[i], base, fault);
	if (err == ERR_NONE)
		err = records_order(arena, records, &w.records, fault);
	if (err != ERR_NONE)
		return err;
	if (base.depth == 1)
		err = build_object_instances(&w, &b, records.count);
	else if (base.depth < 4)
		err = build_resources(&w, &b, 0, records.count);
	else if (records.count == 1)
		err = build_value(&w, &b, LWM2M_TLV_RESOURCE_INSTANCE, w.records[0]);
	return err == ERR_NONE ? builder_bytes(&b, ret_payload) : err;
}
