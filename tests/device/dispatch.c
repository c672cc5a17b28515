/* LwM2M Core TS 1.1, 6.3 Device Management and Service Enablement, and the answer codes of its table. */
#include "dispatch.h"

#include "access.h"

#define REQUEST_BYTES_MAX (4 * 1024 * 1024)

enum answer_code work_refuse(struct work *work, enum answer_code code, const char *reason)
{
	fault_set(work->fault, ERR_MALFORMED, "%s", reason);
	return code;
}

enum answer_code work_code(enum err err)
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

enum answer_code work_answer_records(struct work *work, const struct records *records, struct path path,
				     uint16_t format_number)
{
	const struct format *format = format_find(format_number, device_minor_version(work->device));
	struct builder b = builder_in(work->arena);
	enum err err;

	if (format == NULL)
		return work_refuse(work, NOT_ACCEPTABLE, "unknown Accept");
	err = format->write(records, path, &b);
	if (err == ERR_UNSUPPORTED)
		return work_refuse(work, NOT_ACCEPTABLE, "the format asked for cannot hold this");
	if (err == ERR_NONE)
		err = builder_bytes(&b, &work->answer->payload);
	if (err != ERR_NONE)
		return INTERNAL_ERROR;
	work->answer->format = format_number;
	return CONTENT;
}

/* LwM2M Core TS 1.2, 6.3.2: how many levels below the path are told. */
static bool read_depth(struct work *work, unsigned *ret_depth)
{
	const struct request *request = work->request;
	const struct bytes query = request->query_count > 0 ? request->queries[0] : bytes_of(NULL, 0);

	if (request->query_count == 0)
		return true;
	if (device_minor_version(work->device) < 2 || request->query_count > 1 ||
	    !bytes_equal_text(bytes_first(query, 6), "depth=") || query.len != 7 || query.at[6] < '0' ||
	    query.at[6] > '3') {
		work_refuse(work, BAD_REQUEST, "a Discover takes depth, 0 to 3, with LwM2M 1.2");
		return false;
	}
	*ret_depth = (unsigned)(query.at[6] - '0');
	return true;
}

static enum answer_code answer_discover(struct work *work, struct path path)
{
	const struct object *object = path.depth > 0 ? object_find(path.id[0]) : NULL;
	struct builder b = builder_in(work->arena);
	unsigned depth = 3u - path.depth; /* down to the resources */

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
	if (!read_depth(work, &depth))
		return BAD_REQUEST;
	build_discover(&b, work->device, path, depth);
	if (builder_bytes(&b, &work->answer->payload) != ERR_NONE)
		return INTERNAL_ERROR;
	work->answer->format = FORMAT_LINK;
	return CONTENT;
}

static struct attribute_place place_of(struct device *device, const struct object *object, struct path path)
{
	const struct resource *resource =
		object != NULL && path.depth >= 3 ? resource_find(object, path.id[2]) : NULL;
	bool is_one = resource != NULL && (path.depth == 4 || !(resource->traits & MULTIPLE));

	return (struct attribute_place){ is_one ? resource->kind : KIND_NONE, device_minor_version(device) };
}

/* Without room for it the answer stands alone: without Observe the server knows (RFC 7641, 4.1). Before
 * LwM2M 1.2 it brings no attributes along. */
static enum answer_code observe(struct work *work, uint16_t format, const struct path *watched,
				size_t watched_count)
{
	const struct request *request = work->request;
	struct attribute_set own = { .has = { false } };

	if (request->observe == 1)
		observe_cancel(work->device, request->token);
	if (request->observe != 0)
		return CONTENT;
	if (request->query_count > 0 && device_minor_version(work->device) < 2)
		return work_refuse(work, BAD_REQUEST, "attributes of an observation came with LwM2M 1.2");
	if (attributes_apply(&own, place_of(work->device, object_find(request->path.id[0]), request->path),
			     request->queries, request->query_count, work->fault) != CHANGED)
		return BAD_REQUEST;
	work->answer->is_observed =
		observe_add(work->device, request, format, watched, watched_count, &own) == ERR_NONE;
	return CONTENT;
}

/* Of an object that which the server may read. */
static enum answer_code read_instances(struct work *work, const struct object *object,
				       struct records *records)
{
	uint16_t ids[INSTANCES_MAX];
	size_t count = object->instances(work->device, ids), allowed = 0;
	enum answer_code code = ANSWER_NONE;

	for (size_t i = 0; i < count && code == ANSWER_NONE; i++) {
		struct path instance = INSTANCE_PATH(object->id, ids[i]);

		if (!access_allows(work->device, instance, ACCESS_READ))
			continue;
		allowed++;
		code = objects_read(work->device, instance, records);
	}
	return count > 0 && allowed == 0 ? work_refuse(work, UNAUTHORIZED, "no right to read any instance")
					 : code;
}

static enum answer_code read_allowed(struct work *work, struct path path, struct records *records)
{
	const struct object *object = path.depth > 0 ? object_find(path.id[0]) : NULL;

	if (object == NULL || object == &object_security)
		return objects_read(work->device, path, records);
	if (path.depth == 1)
		return read_instances(work, object, records);
	if (instance_exists(work->device, object, path.id[1]) &&
	    !access_allows(work->device, path, ACCESS_READ))
		return work_refuse(work, UNAUTHORIZED, "no right to read");
	return objects_read(work->device, path, records);
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
		format = device_format(work->device);
	code = read_allowed(work, request->path, &records);
	if (code == ANSWER_NONE)
		code = work_answer_records(work, &records, request->path, format);
	if (code == CONTENT && request->has_observe)
		code = observe(work, format, &request->path, 1);
	return code;
}

/* Another name holds all that this one does: what it names is told once. */
static bool is_covered(const struct records *names, size_t i)
{
	for (size_t k = 0; k < names->count; k++) {
		bool is_same = path_equal(names->at[k].path, names->at[i].path);

		if (is_same ? k < i : path_covers(names->at[k].path, names->at[i].path))
			return true;
	}
	return false;
}

/* What is not there, or may not be read, is left out. The root is all objects. */
static enum answer_code read_named(struct work *work, struct path path, struct records *records)
{
	enum answer_code code = ANSWER_NONE;

	if (path.depth > 0)
		return read_allowed(work, path, records);
	for (size_t i = 0; i < object_count() && code != INTERNAL_ERROR; i++)
		code = read_allowed(work, path_append(path, object_at(i)->id), records);
	return code;
}

/* Read-Composite (6.3.9) and Observe-Composite (6.4.2): what exists of the paths in the body. */
static enum answer_code fetch(struct work *work)
{
	const struct request *request = work->request;
	struct records names = records_in(work->arena), records = records_in(work->arena);
	uint16_t format = request->accept == FORMAT_NONE ? FORMAT_SENML_CBOR : request->accept;
	const struct path root = { .depth = 0 };
	format_read *read = format_find_fetch(request->content_format, device_minor_version(work->device));
	struct path watched[OBSERVE_PATHS_MAX];
	enum answer_code code;
	enum err err;

	if (device_minor_version(work->device) == 0 || request->path.depth != 0)
		return METHOD_NOT_ALLOWED;
	if (read == NULL)
		return UNSUPPORTED_FORMAT;
	err = read(request->payload, root, &names, work->fault);
	if (err != ERR_NONE)
		return work_code(err);
	for (size_t i = 0; i < names.count; i++) {
		if (names.at[i].value.kind != KIND_NONE)
			return work_refuse(work, BAD_REQUEST, "a path to read has a value");
		if (!is_covered(&names, i) && read_named(work, names.at[i].path, &records) == INTERNAL_ERROR)
			return INTERNAL_ERROR;
		if (i < OBSERVE_PATHS_MAX)
			watched[i] = names.at[i].path;
	}
	code = work_answer_records(work, &records, root, format);
	if (code == CONTENT && request->has_observe && names.count > 0)
		code = observe(work, format, watched, names.count);
	return code;
}

/* ---- write, delete, execute ---- */

static enum answer_code put(struct work *work, const struct object *object)
{
	const struct request *request = work->request;

	if (request->query_count > 0)
		return attributes_write(&work->device->servers.served->attributes, request->path,
					place_of(work->device, object, request->path), request->queries,
					request->query_count, work->fault);
	if (request->path.depth < 2)
		return METHOD_NOT_ALLOWED;
	return work_write(work, object, true);
}

static enum answer_code delete_instance(struct work *work, const struct object *object)
{
	struct device *device = work->device;
	struct path path = work->request->path;

	if (path.depth != 2 || !object->is_creatable)
		return METHOD_NOT_ALLOWED;
	values_remove(&device->values, path);
	access_remove(device, path);
	servers_remove_attributes(device, path);
	device_changed(device, path);
	servers_want_update(device);
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
		return work_refuse(work, BAD_REQUEST, "not an argument list");
	return object->execute(work->device, request->path.id[1], request->path.id[2], &arguments);
}

static enum answer_code post(struct work *work, const struct object *object)
{
	struct path path = work->request->path;
	const struct resource *resource = path.depth >= 3 ? resource_find(object, path.id[2]) : NULL;

	if (path.depth == 1)
		return work_create(work, object);
	if (path.depth == 3 && resource->operations & EXECUTABLE)
		return execute(work, object);
	if (path.depth >= 3 && !(resource->operations & WRITABLE))
		return METHOD_NOT_ALLOWED;
	return work_write(work, object, false);
}

/* ---- dispatch ---- */

/* What the operation needs. */
static enum access_right right_for(const struct request *request, const struct resource *resource)
{
	if (request->method == METHOD_DELETE)
		return ACCESS_DELETE;
	if (request->method == METHOD_PUT && request->query_count > 0)
		return ACCESS_READ;
	if (request->method == METHOD_POST && resource != NULL && (resource->operations & EXECUTABLE))
		return ACCESS_EXECUTE;
	return ACCESS_WRITE;
}

static bool may_change(const struct work *work, const struct object *object)
{
	struct path path = work->request->path;

	if (path.depth >= 2)
		return access_allows(
			work->device, path,
			right_for(work->request, path.depth == 3 ? resource_find(object, path.id[2]) : NULL));
	return work->request->method != METHOD_POST ||
	       access_allows(work->device, INSTANCE_PATH(path.id[0], ID_NONE), ACCESS_CREATE);
}

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
	if (!may_change(work, object))
		return work_refuse(work, UNAUTHORIZED, "object 2 does not give the right");
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
	struct work work = { device, request, arena, ret_answer, fault, false };

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
		ret_answer->code = work_write_composite(&work);
	else
		ret_answer->code = change(&work);
}
