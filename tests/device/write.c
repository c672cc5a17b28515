/* LwM2M Core TS 1.1: Write (6.3.4), Create (6.3.7) and Write-Composite (6.3.10). A write is checked as a
 * whole before anything of it is done. */
#include "dispatch.h"

#include "access.h"

/* ---- write ---- */

static bool is_in_range(const struct resource *resource, struct value value)
{
	if (resource->min == 0 && resource->max == 0)
		return true;
	if (value_is_number(value))
		return value_number(value) >= (double)resource->min &&
		       value_number(value) <= (double)resource->max;
	return (value.kind != KIND_STRING && value.kind != KIND_OPAQUE) ||
	       value.bytes.len <= (size_t)resource->max;
}

/* Whether this record may be written; its value gets the type that the resource has. */
static enum answer_code check_record(struct work *work, const struct object *object, struct record *record)
{
	const struct resource *resource = resource_find(object, record->path.id[2]);
	bool is_array = record->path.depth == 4 || record->value.kind == KIND_NONE;
	enum err err;

	if (record->path.depth < 3)
		return work_refuse(work, BAD_REQUEST, "a value without a resource");
	if (resource == NULL)
		return NOT_FOUND;
	if (!(work->is_bootstrap ? resource->traits & STORED : resource->operations & WRITABLE))
		return METHOD_NOT_ALLOWED;
	if (is_array != ((resource->traits & MULTIPLE) != 0))
		return work_refuse(work, BAD_REQUEST,
				   is_array ? "the resource is single, or has no value here"
					    : "the resource is multiple");
	if (record->value.kind == KIND_NULL && record->path.depth != 4)
		return work_refuse(work, BAD_REQUEST, "null removes nothing but a resource instance");
	if (record->value.kind == KIND_NONE || record->value.kind == KIND_NULL)
		return CHANGED;
	err = value_convert(record->value, resource->kind, work->arena, &record->value);
	if (err == ERR_MALFORMED) {
		fault_set(work->fault, err, "resource %u: not a value of its type", resource->id);
		return BAD_REQUEST;
	}
	if (err != ERR_NONE)
		return INTERNAL_ERROR;
	if (!is_in_range(resource, record->value)) {
		fault_set(work->fault, ERR_MALFORMED, "resource %u: out of its range", resource->id);
		return BAD_REQUEST;
	}
	return CHANGED;
}

static enum answer_code check_records(struct work *work, const struct object *object, uint16_t instance,
				      struct records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		enum answer_code code = check_record(work, object, &records->at[i]);
		if (code != CHANGED)
			return code;
	}
	return object->check == NULL ? CHANGED : object->check(work->device, instance, records, work->fault);
}

/* What a replacing write takes away before it adds: the arrays it names, or all that is writable. */
static void clear_replaced(struct device *device, const struct object *object, struct path path,
			   const struct records *records)
{
	for (size_t i = 0; i < object->resource_count; i++) {
		const struct resource *resource = &object->resources[i];
		struct path whole = RESOURCE_PATH(path.id[0], path.id[1], resource->id);
		bool is_named = path.depth == 3 && path.id[2] == resource->id;

		if ((resource->traits & STORED) && (resource->operations & WRITABLE) &&
		    (path.depth == 2 || is_named))
			values_remove(&device->values, whole);
	}
}

static enum answer_code store_records(struct device *device, const struct object *object,
				      const struct records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct record *record = &records->at[i];
		const struct resource *resource = resource_find(object, record->path.id[2]);

		if (!(resource->traits & STORED) || record->value.kind == KIND_NONE)
			continue;
		if (record->value.kind == KIND_NULL)
			values_remove(&device->values, record->path);
		else if (values_set(&device->values, record->path, record->value) != ERR_NONE)
			return INTERNAL_ERROR;
	}
	return CHANGED;
}

static enum answer_code apply_records(struct device *device, const struct object *object, struct path path,
				      const struct records *records, bool replaces)
{
	enum answer_code code;

	if (replaces)
		clear_replaced(device, object, path, records);
	code = store_records(device, object, records);
	if (code == CHANGED && replaces && path.depth == 2 && object->fill != NULL)
		object->fill(device, path.id[1]);
	if (code == CHANGED && object->write != NULL)
		code = object->write(device, path.id[1], records);
	if (code == CHANGED && device_save(device) != ERR_NONE)
		code = INTERNAL_ERROR;
	for (size_t i = 0; code == CHANGED && i < records->count; i++)
		device_changed(device, records->at[i].path);
	return code;
}

/* Without a Content-Format a single value is what its resource is. */
static uint16_t payload_format(const struct work *work, const struct object *object)
{
	const struct request *request = work->request;
	const struct resource *resource;

	if (request->content_format != FORMAT_NONE || request->path.depth < 3)
		return request->content_format;
	resource = resource_find(object, request->path.id[2]);
	return resource != NULL && resource->kind == KIND_OPAQUE ? FORMAT_OPAQUE : FORMAT_TEXT;
}

static enum answer_code read_payload(struct work *work, const struct object *object, struct records *records)
{
	const struct format *format =
		format_find(payload_format(work, object), device_minor_version(work->device));

	if (format == NULL)
		return work_refuse(work, UNSUPPORTED_FORMAT, "unknown Content-Format");
	return work_code(format->read(work->request->payload, work->request->path, records, work->fault));
}

enum answer_code work_write(struct work *work, const struct object *object, bool replaces)
{
	struct path path = work->request->path;
	struct records records = records_in(work->arena);
	enum answer_code code = read_payload(work, object, &records);

	if (code == CHANGED)
		code = check_records(work, object, path.id[1], &records);
	if (code == CHANGED)
		code = apply_records(work->device, object, path, &records, replaces);
	return code;
}

/* Each instance that the records are about, one after another: they come in order. */
static enum answer_code replace_instances(struct work *work, const struct object *object,
					  const struct records *all)
{
	enum answer_code code = CHANGED;

	for (size_t i = 0, next; code == CHANGED && i < all->count; i = next) {
		struct path instance = INSTANCE_PATH(object->id, all->at[i].path.id[1]);
		struct records group = { work->arena, &all->at[i], 0, 0, false };

		for (next = i; next < all->count && path_covers(instance, all->at[next].path); next++)
			group.count++;
		if (work->request->path.depth <= 2 && !object_is_fixed(object))
			values_remove(&work->device->values, instance);
		code = store_records(work->device, object, &group);
		if (code == CHANGED && object->fill != NULL)
			object->fill(work->device, instance.id[1]);
	}
	return code;
}

/* Who writes an instance need not know what the device has of it (6.1.7.4); a resource that is named has to
 * be there. */
static void pass_unknown(const struct work *work, const struct object *object, struct records *records)
{
	size_t kept = 0;

	for (size_t i = 0; i < records->count && work->request->path.depth < 3; i++)
		if (records->at[i].path.depth < 3 || resource_find(object, records->at[i].path.id[2]) != NULL)
			records->at[kept++] = records->at[i];
	if (work->request->path.depth < 3)
		records->count = kept;
}

enum answer_code work_write_bootstrap_records(struct work *work, const struct object *object,
					      struct records *records)
{
	enum answer_code code = CHANGED;

	pass_unknown(work, object, records);
	for (size_t i = 0; i < records->count && code == CHANGED; i++)
		code = check_record(work, object, &records->at[i]);
	if (code == CHANGED && records->count == 0)
		code = work_refuse(work, BAD_REQUEST, "nothing to write");
	return code == CHANGED ? replace_instances(work, object, records) : code;
}

enum answer_code work_write_bootstrap(struct work *work, const struct object *object)
{
	struct records records = records_in(work->arena);
	enum answer_code code = read_payload(work, object, &records);

	return code == CHANGED ? work_write_bootstrap_records(work, object, &records) : code;
}

/* Write-Composite (6.3.10): all of it or nothing. */
enum answer_code work_write_composite(struct work *work)
{
	const struct request *request = work->request;
	format_read *read = format_find_patch(request->content_format, device_minor_version(work->device));
	struct records all = records_in(work->arena);
	enum answer_code code;

	if (device_minor_version(work->device) == 0 || request->path.depth != 0)
		return METHOD_NOT_ALLOWED;
	if (read == NULL)
		return UNSUPPORTED_FORMAT;
	code = work_code(read(request->payload, request->path, &all, work->fault));
	for (int pass = 0; pass < 2; pass++) { /* check every instance, then change every instance */
		for (size_t i = 0, next; code == CHANGED && i < all.count; i = next) {
			struct path instance = INSTANCE_PATH(all.at[i].path.id[0], all.at[i].path.id[1]);
			const struct object *object = object_find(instance.id[0]);
			struct records group = { work->arena, &all.at[i], 0, 0, false };

			for (next = i; next < all.count && path_covers(instance, all.at[next].path); next++)
				group.count++;
			if (all.at[i].path.depth < 3)
				return work_refuse(work, BAD_REQUEST, "a value without a resource");
			if (object == &object_security)
				return UNAUTHORIZED;
			if (object == NULL || !instance_exists(work->device, object, instance.id[1]))
				return NOT_FOUND;
			if (pass == 0 && !access_allows(work->device, instance, ACCESS_WRITE))
				return work_refuse(work, UNAUTHORIZED, "no right to write");
			code = pass == 0 ? check_records(work, object, instance.id[1], &group)
					 : apply_records(work->device, object, instance, &group, false);
		}
	}
	return code;
}

/* ---- create ---- */

static uint16_t free_instance(const struct device *device, const struct object *object)
{
	uint16_t id = 0;

	while (instance_exists(device, object, id))
		id++;
	return id;
}

/* The instance that the payload asks for; ID_NONE: any, or none at all. False when it names several. */
static bool created_instance(const struct records *records, uint16_t *ret_instance)
{
	*ret_instance = records->count > 0 ? records->at[0].path.id[1] : ID_NONE;
	for (size_t i = 1; i < records->count; i++)
		if (records->at[i].path.id[1] != *ret_instance)
			return false;
	return true;
}

static bool has_mandatory(const struct object *object, const struct records *records)
{
	for (size_t i = 0; i < object->resource_count; i++) {
		bool is_there = !(object->resources[i].traits & MANDATORY);
		for (size_t j = 0; j < records->count; j++)
			is_there |= records->at[j].path.id[2] == object->resources[i].id;
		if (!is_there)
			return false;
	}
	return true;
}

static enum answer_code add_instance(struct work *work, const struct object *object, struct path instance,
				     const struct records *records)
{
	struct device *device = work->device;
	enum answer_code code;

	if (access_add(device, instance) != ERR_NONE)
		return work_refuse(work, INTERNAL_ERROR, "no room for its access control");
	code = apply_records(device, object, instance, records, false);
	if (code != CHANGED) {
		access_remove(device, instance);
		return code;
	}
	servers_want_update(device);
	work->answer->has_location = true;
	work->answer->location = instance;
	return CREATED;
}

enum answer_code work_create(struct work *work, const struct object *object)
{
	struct device *device = work->device;
	struct records records = records_in(work->arena);
	uint16_t ids[INSTANCES_MAX], instance;
	enum answer_code code;

	if (!object->is_creatable)
		return METHOD_NOT_ALLOWED;
	code = read_payload(work, object, &records);
	if (code != CHANGED)
		return code;
	if (!created_instance(&records, &instance))
		return work_refuse(work, BAD_REQUEST, "more than one instance");
	if (instance == ID_NONE)
		instance = free_instance(device, object);
	else if (instance_exists(device, object, instance))
		return work_refuse(work, BAD_REQUEST, "the instance exists");
	if (object->instances(device, ids) == INSTANCES_MAX)
		return work_refuse(work, BAD_REQUEST, "no room for another instance");
	for (size_t i = 0; i < records.count; i++)
		records.at[i].path.id[1] = instance;
	code = check_records(work, object, instance, &records);
	if (code == CHANGED && !has_mandatory(object, &records))
		return work_refuse(work, BAD_REQUEST, "a mandatory resource is missing");
	return code == CHANGED ? add_instance(work, object, INSTANCE_PATH(object->id, instance), &records)
			       : code;
}
