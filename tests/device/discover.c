/* CoRE link format (RFC 6690) of Discover (LwM2M Core TS 1.1, 6.3.3) and of Register (6.2.1). */
#include "device.h"

static void build_link(struct builder *b, struct path path)
{
	if (b->len > 0)
		build_u8(b, ',');
	build_u8(b, '<');
	build_path(b, path);
	build_u8(b, '>');
}

static void build_dimension(struct builder *b, struct device *device, struct path path)
{
	struct records records = records_in(b->arena);

	if (objects_read(device, path, &records) == ANSWER_NONE)
		build_printf(b, ";dim=%zu", records.count);
}

static bool is_present(struct device *device, struct path path, const struct resource *resource,
		       struct arena *arena)
{
	struct records records = records_in(arena);

	return !(resource->operations & READABLE) || objects_read(device, path, &records) == ANSWER_NONE;
}

static void build_value_links(struct builder *b, struct device *device, struct path path)
{
	struct records records = records_in(b->arena);

	if (objects_read(device, path, &records) != ANSWER_NONE)
		return;
	for (size_t i = 0; i < records.count; i++) {
		build_link(b, records.at[i].path);
		build_attributes(b, &device->servers.served->attributes, records.at[i].path);
	}
}

static void build_resource_link(struct builder *b, struct device *device, struct path path,
				const struct resource *resource, unsigned depth)
{
	if (!is_present(device, path, resource, b->arena))
		return;
	build_link(b, path);
	if (resource->traits & MULTIPLE)
		build_dimension(b, device, path);
	build_attributes(b, &device->servers.served->attributes, path);
	if (depth > 0 && (resource->traits & MULTIPLE))
		build_value_links(b, device, path);
}

static void build_instance_links(struct builder *b, struct device *device, const struct object *object,
				 struct path instance, unsigned depth)
{
	build_link(b, instance);
	build_attributes(b, &device->servers.served->attributes, instance);
	for (size_t i = 0; i < object->resource_count && depth > 0; i++)
		build_resource_link(b, device, path_append(instance, object->resources[i].id),
				    &object->resources[i], depth - 1);
}

static void build_version(struct builder *b, const struct device *device, const struct object *object)
{
	if (object->version != NULL && device_minor_version(device) > 0)
		build_printf(b, ";ver=%s", object->version);
}

void build_discover(struct builder *b, struct device *device, struct path path, unsigned depth)
{
	const struct object *object = object_find(path.id[0]);
	uint16_t ids[INSTANCES_MAX];
	size_t count;

	if (path.depth == 3) {
		build_resource_link(b, device, path, resource_find(object, path.id[2]), depth);
		return;
	}
	if (path.depth == 2) {
		build_instance_links(b, device, object, path, depth);
		return;
	}
	build_link(b, path);
	build_version(b, device, object);
	build_attributes(b, &device->servers.served->attributes, path);
	count = object->instances(device, ids);
	for (size_t i = 0; i < count && depth > 0; i++)
		build_instance_links(b, device, object, path_append(path, ids[i]), depth - 1);
}

void build_register_links(struct builder *b, struct device *device)
{
	static const char *const formats[] = { ";ct=11542", ";ct=\"60 112 11542\"",
					       ";ct=\"60 110 112 320 322 11542 11544\"" };
	uint16_t ids[INSTANCES_MAX];

	build_text(b, "</>;rt=\"oma.lwm2m\"");
	build_text(b, formats[device_minor_version(device)]);
	for (size_t i = 0; i < object_count(); i++) {
		const struct object *object = object_at(i);
		size_t count = object->instances(device, ids);

		if (object == &object_security || (object == &object_access_control && count == 0))
			continue;
		if (count == 0 || (object->version != NULL && device_minor_version(device) > 0)) {
			build_link(b, OBJECT_PATH(object->id));
			build_version(b, device, object);
		}
		for (size_t j = 0; j < count; j++)
			build_link(b, INSTANCE_PATH(object->id, ids[j]));
	}
}
