/* LwM2M Core TS 1.1, 6.3 Device Management and Service Enablement, and the answer codes of its table. */
#include "device.h"

#define REQUEST_BYTES_MAX (256 * 1024)

struct work {
	struct device *device;
	const struct request *request;
	struct arena *arena;
	struct answer *answer;
	struct fault *fault;
};

static enum answer_code refuse(struct work *work, enum answer_code code, const char *reason)
{
	fault_set(work->fault, ERR_MALFORMED, "%s", reason);
	return code;
}

static enum answer_code code_of(enum err err)
{
	switch (err) {
	case ERR_NONE:
		return CHANGED;
	case ERR_MALFORMED:
		return BAD_REQUEST;
	case ERR_UNSUPPORTED:
		return UNSUPPORTED_FORMAT;
	case ERR_LIMIT:
		return TOO_LARGE;
	default:
		return INTERNAL_ERROR;
	}
}

/* ---- read, discover, observe ---- */

static enum answer_code answer_records(struct work *work, const struct records *records, struct path path,
				       uint16_t format_number)
{
	const struct format *format = format_find(format_number, work->device->options->minor_version);
	struct builder b = builder_in(work->arena);
	enum err err;

	if (format == NULL)
		return refuse(work, NOT_ACCEPTABLE, "unknown Accept");
	err = format->write(records, path, &b);
	if (err == ERR_UNSUPPORTED)
		return refuse(work, NOT_ACCEPTABLE, "the format asked for cannot hold this");
	if (err == ERR_NONE)
		err = builder_bytes(&b, &work->answer->payload);
	if (err != ERR_NONE)
		return INTERNAL_ERROR;
	work->answer->format = format_number;
	return CONTENT;
}

static enum answer_code answer_discover(struct work *work, struct path path)
{
	const struct object *object = path.depth > 0 ? object_find(path.id[0]) : NULL;
	struct builder b = builder_in(work->arena);

	if (path.depth == 0 || path.depth == 4)
		return METHOD_NOT_ALLOWED;
	if (object == NULL)
		return NOT_FOUND;
	if (object == &object_security)
		return UNAUTHORIZED;
	if (path.depth >= 2 && !instance_exists(work->device, object, path.id[1]))
		return NOT_FOUND;
	if (path.depth == 3 && resource_find(object, path.id[2]) == NULL)
		return NOT_FOUND;
	build_discover(&b, work->device, path);
	if (builder_bytes(&b, &work->answer->payload) != ERR_NONE)
		return INTERNAL_ERROR;
	work->answer->format = FORMAT_LINK;
	return CONTENT;
}

/* Without room for it the answer stands alone: without Observe the server knows (RFC 7641, 4.1). */
static void observe(struct work *work, uint16_t format, const struct path *watched, size_t watched_count)
{
	const struct request *request = work->request;

	if (request->observe == 1)
		observe_cancel(work->device, request->token);
	else if (request->observe == 0)
		work->answer->is_observed =
			observe_add(work->device, request, format, watched, watched_count) == ERR_NONE;
}

static enum answer_code get(struct work *work)
{
	const struct request *request = work->request;
	struct records records = records_in(work->arena);
	enum answer_code code;
	uint16_t format = request->accept;

	if (request->accept == FORMAT_LINK)
		return answer_discover(work, request->path);
	if (format == FORMAT_NONE)
		format = work->device->options->preferred_format;
	code = objects_read(work->device, request->path, &records);
	if (code == ANSWER_NONE)
		code = answer_records(work, &records, request->path, format);
	if (code == CONTENT && request->has_observe)
		observe(work, format, &request->path, 1);
	return code;
}

/* Read-Composite (6.3.9) and Observe-Composite (6.4.2): what exists of the paths in the body. */
static enum answer_code fetch(struct work *work)
{
	const struct request *request = work->request;
	struct records names = records_in(work->arena), records = records_in(work->arena);
	uint16_t format = request->accept == FORMAT_NONE ? FORMAT_SENML_CBOR : request->accept;
	const struct path root = { .depth = 0 };
	struct path watched[OBSERVE_PATHS_MAX];
	enum answer_code code;
	enum err err;

	if (work->device->options->minor_version == 0 || request->path.depth != 0)
		return METHOD_NOT_ALLOWED;
	if (request->content_format != FORMAT_SENML_CBOR)
		return UNSUPPORTED_FORMAT;
	err = senml_read(request->payload, root, &names, work->fault);
	if (err != ERR_NONE)
		return code_of(err);
	for (size_t i = 0; i < names.count; i++) {
		if (names.at[i].value.kind != KIND_NONE)
			return refuse(work, BAD_REQUEST, "a path to read has a value");
		if (objects_read(work->device, names.at[i].path, &records) == INTERNAL_ERROR)
			return INTERNAL_ERROR;
		if (i < OBSERVE_PATHS_MAX)
			watched[i] = names.at[i].path;
	}
	code = answer_records(work, &records, root, format);
	if (code == CONTENT && request->has_observe && names.count > 0)
		observe(work, format, watched, names.count);
	return code;
}

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
		return refuse(work, BAD_REQUEST, "a value without a resource");
	if (resource == NULL)
		return NOT_FOUND;
	if (!(resource->operations & WRITABLE))
		return METHOD_NOT_ALLOWED;
	if (is_array != ((resource->traits & MULTIPLE) != 0))
		return refuse(work, BAD_REQUEST,
			      is_array ? "the resource is single, or has no value here"
				       : "the resource is multiple");
	if (record->value.kind == KIND_NONE)
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
		if (values_set(&device->values, record->path, record->value) != ERR_NONE)
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
		format_find(payload_format(work, object), work->device->options->minor_version);

	if (format == NULL)
		return refuse(work, UNSUPPORTED_FORMAT, "unknown Content-Format");
	return code_of(format->read(work->request->payload, work->request->path, records, work->fault));
}

static enum answer_code write_at(struct work *work, const struct object *object, bool replaces)
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

static bool is_one_number(const struct object *object, struct path path)
{
	const struct resource *resource = path.depth >= 3 ? resource_find(object, path.id[2]) : NULL;
	struct value value = { .kind = resource == NULL ? KIND_NONE : resource->kind };

	return value_is_number(value) && (path.depth == 4 || !(resource->traits & MULTIPLE));
}

static enum answer_code put(struct work *work, const struct object *object)
{
	const struct request *request = work->request;

	if (request->query_count > 0)
		return attributes_write(&work->device->attributes, request->path,
					is_one_number(object, request->path), request->queries,
					request->query_count, work->fault);
	if (request->path.depth < 2)
		return METHOD_NOT_ALLOWED;
	return write_at(work, object, true);
}

/* Write-Composite (6.3.10): all of it or nothing. */
static enum answer_code ipatch(struct work *work)
{
	const struct request *request = work->request;
	struct records all = records_in(work->arena);
	enum answer_code code;

	if (work->device->options->minor_version == 0 || request->path.depth != 0)
		return METHOD_NOT_ALLOWED;
	if (request->content_format != FORMAT_SENML_CBOR)
		return UNSUPPORTED_FORMAT;
	code = code_of(senml_read(request->payload, request->path, &all, work->fault));
	for (int pass = 0; pass < 2; pass++) { /* check every instance, then change every instance */
		for (size_t i = 0, next; code == CHANGED && i < all.count; i = next) {
			struct path instance = INSTANCE_PATH(all.at[i].path.id[0], all.at[i].path.id[1]);
			const struct object *object = object_find(instance.id[0]);
			struct records group = { work->arena, &all.at[i], 0, 0, false };

			for (next = i; next < all.count && path_covers(instance, all.at[next].path); next++)
				group.count++;
			if (all.at[i].path.depth < 3)
				return refuse(work, BAD_REQUEST, "a value without a resource");
			if (object == &object_security)
				return UNAUTHORIZED;
			if (object == NULL || !instance_exists(work->device, object, instance.id[1]))
				return NOT_FOUND;
			code = pass == 0 ? check_records(work, object, instance.id[1], &group)
					 : apply_records(work->device, object, instance, &group, false);
		}
	}
	return code;
}

/* ---- create, delete, execute ---- */

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

static enum answer_code create(struct work *work, const struct object *object)
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
		return refuse(work, BAD_REQUEST, "more than one instance");
	if (instance == ID_NONE)
		instance = free_instance(device, object);
	else if (instance_exists(device, object, instance))
		return refuse(work, BAD_REQUEST, "the instance exists");
	if (object->instances(device, ids) == INSTANCES_MAX)
		return refuse(work, BAD_REQUEST, "no room for another instance");
	for (size_t i = 0; i < records.count; i++)
		records.at[i].path.id[1] = instance;
	code = check_records(work, object, instance, &records);
	if (code == CHANGED && !has_mandatory(object, &records))
		return refuse(work, BAD_REQUEST, "a mandatory resource is missing");
	if (code == CHANGED)
		code = apply_records(device, object, INSTANCE_PATH(object->id, instance), &records, false);
	if (code != CHANGED)
		return code;
	device->wish = WISH_UPDATE; /* the server shall learn of the new instance */
	work->answer->has_location = true;
	work->answer->location = INSTANCE_PATH(object->id, instance);
	return CREATED;
}

static enum answer_code delete_instance(struct work *work, const struct object *object)
{
	struct device *device = work->device;
	struct path path = work->request->path;

	if (path.depth != 2 || !object->is_creatable)
		return METHOD_NOT_ALLOWED;
	values_remove(&device->values, path);
	attributes_remove(&device->attributes, path);
	device_changed(device, path);
	device->wish = WISH_UPDATE;
	return device_save(device) == ERR_NONE ? DELETED : INTERNAL_ERROR;
}

static enum answer_code execute(struct work *work, const struct object *object)
{
	const struct request *request = work->request;
	struct arguments arguments;

	if (object->execute == NULL)
		return METHOD_NOT_ALLOWED;
	if (request->content_format != FORMAT_NONE && request->content_format != FORMAT_TEXT)
		return UNSUPPORTED_FORMAT;
	if (arguments_parse(request->payload, &arguments) != ERR_NONE)
		return refuse(work, BAD_REQUEST, "not an argument list");
	return object->execute(work->device, request->path.id[1], request->path.id[2], &arguments);
}

static enum answer_code post(struct work *work, const struct object *object)
{
	struct path path = work->request->path;
	const struct resource *resource = path.depth >= 3 ? resource_find(object, path.id[2]) : NULL;

	if (path.depth == 1)
		return create(work, object);
	if (path.depth == 3 && resource->operations & EXECUTABLE)
		return execute(work, object);
	if (path.depth >= 3 && !(resource->operations & WRITABLE))
		return METHOD_NOT_ALLOWED;
	return write_at(work, object, false);
}

/* ---- dispatch ---- */

static enum answer_code change(struct work *work)
{
	struct path path = work->request->path;
	const struct object *object = path.depth > 0 ? object_find(path.id[0]) : NULL;

	if (path.depth == 0)
		return METHOD_NOT_ALLOWED;
	if (object == NULL)
		return NOT_FOUND;
	if (object == &object_security)
		return UNAUTHORIZED;
	if (path.depth >= 2 && !instance_exists(work->device, object, path.id[1]))
		return NOT_FOUND;
	if (path.depth >= 3 && resource_find(object, path.id[2]) == NULL)
		return NOT_FOUND;
	switch (work->request->method) {
	case METHOD_PUT:
		return put(work, object);
	case METHOD_POST:
		return post(work, object);
	case METHOD_DELETE:
		return delete_instance(work, object);
	default:
		return METHOD_NOT_ALLOWED;
	}
}

void objects_dispatch(struct device *device, const struct request *request, struct arena *arena,
		      struct answer *ret_answer, struct fault *fault)
{
	struct work work = { device, request, arena, ret_answer, fault };

	*ret_answer = (struct answer){ .format = FORMAT_NONE };
	if (!request->is_path_known)
		ret_answer->code = NOT_FOUND;
	else if (request->payload.len > REQUEST_BYTES_MAX)
		ret_answer->code = TOO_LARGE;
	else if (request->method == METHOD_GET)
		ret_answer->code = get(&work);
	else if (request->method == METHOD_FETCH)
		ret_answer->code = fetch(&work);
	else if (request->method == METHOD_IPATCH)
		ret_answer->code = ipatch(&work);
	else
		ret_answer->code = change(&work);
}
