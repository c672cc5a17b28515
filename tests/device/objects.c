/* Which objects there are, and how their values are read. */
#include "objects.h"

#include "device.h"

static const struct object *const objects[] = {
	&object_security,     &object_server,   &object_access_control, &object_device,
	&object_connectivity, &object_firmware, &object_portfolio,      &object_secure_element,
};

size_t object_count(void)
{
	return sizeof(objects) / sizeof(objects[0]);
}

const struct object *object_at(size_t index)
{
	return objects[index];
}

const struct object *object_find(uint16_t id)
{
	for (size_t i = 0; i < object_count(); i++)
		if (objects[i]->id == id)
			return objects[i];
	return NULL;
}

const struct resource *resource_find(const struct object *object, uint16_t id)
{
	for (size_t i = 0; i < object->resource_count; i++)
		if (object->resources[i].id == id)
			return &object->resources[i];
	return NULL;
}

/* What the device is made of stays: only accounts, what they may do, and what servers create, come and go. */
bool object_is_fixed(const struct object *object)
{
	return object != &object_security && object != &object_server && object != &object_access_control &&
	       !object->is_creatable;
}

bool instance_exists(const struct device *device, const struct object *object, uint16_t instance)
{
	uint16_t ids[INSTANCES_MAX];
	size_t count = object->instances(device, ids);

	for (size_t i = 0; i < count; i++)
		if (ids[i] == instance)
			return true;
	return false;
}

size_t instances_with_values(const struct device *device, uint16_t object, uint16_t ret_ids[INSTANCES_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < device->values.count; i++) {
		struct path path = device->values.at[i].path;
		if (path.id[0] != object || (count > 0 && ret_ids[count - 1] == path.id[1]))
			continue;
		if (count < INSTANCES_MAX)
			ret_ids[count++] = path.id[1];
	}
	return count;
}

size_t one_instance(const struct device *device, uint16_t ret_ids[INSTANCES_MAX])
{
	ret_ids[0] = 0;
	return 1;
}

/* ---- reading ---- */

static void read_stored(struct device *device, struct path path, const struct resource *resource,
			struct records *records)
{
	size_t from = records->count;

	values_read(&device->values, path, records);
	for (size_t i = from; i < records->count; i++) {
		struct value *value = &records->at[i].value;
		if (value_convert(*value, resource->kind, records->arena, value) != ERR_NONE)
			records->bad = true;
	}
}

static void read_resource(struct device *device, const struct object *object, struct path path,
			  const struct resource *resource, struct records *records)
{
	if (!(resource->operations & READABLE))
		return;
	if (resource->traits & STORED)
		read_stored(device, path, resource, records);
	else
		object->read(device, path, resource, records);
}

static void read_instance(struct device *device, const struct object *object, struct path instance,
			  struct records *records)
{
	for (size_t i = 0; i < object->resource_count; i++) {
		const struct resource *resource = &object->resources[i];
		read_resource(device, object, path_append(instance, resource->id), resource, records);
	}
}

static enum answer_code read_one(struct device *device, const struct object *object, struct path path,
				 struct records *records)
{
	const struct resource *resource = resource_find(object, path.id[2]);
	struct path whole = RESOURCE_PATH(path.id[0], path.id[1], path.id[2]);
	struct records all = records_in(records->arena);

	if (resource == NULL)
		return NOT_FOUND;
	if (!(resource->operations & READABLE))
		return METHOD_NOT_ALLOWED;
	read_resource(device, object, whole, resource, &all);
	for (size_t i = 0; i < all.count; i++)
		if (path_covers(path, all.at[i].path))
			records_add(records, all.at[i].path, all.at[i].value);
	records->bad |= all.bad;
	return records->count == 0 && !records->bad ? NOT_FOUND : ANSWER_NONE;
}

enum answer_code objects_read(struct device *device, struct path path, struct records *records)
{
	const struct object *object = path.depth > 0 ? object_find(path.id[0]) : NULL;
	uint16_t ids[INSTANCES_MAX];
	size_t count;
	enum answer_code code = ANSWER_NONE;

	if (path.depth == 0)
		return METHOD_NOT_ALLOWED;
	if (object == NULL)
		return NOT_FOUND;
	if (object == &object_security)
		return UNAUTHORIZED;
	if (path.depth >= 2 && !instance_exists(device, object, path.id[1]))
		return NOT_FOUND;
	if (path.depth >= 3) {
		code = read_one(device, object, path, records);
	} else if (path.depth == 2) {
		read_instance(device, object, path, records);
	} else {
		count = object->instances(device, ids);
		for (size_t i = 0; i < count; i++)
			read_instance(device, object, path_append(path, ids[i]), records);
	}
	return code == ANSWER_NONE && records->bad ? INTERNAL_ERROR : code;
}
