#include "end_devices.h"

#include <string.h>

#include "link.h"
#include "path.h"

#define MAX_PREFIX_BYTES 64

/* Of an instance of object 25. */
enum { DEVICE_ID = 0, PREFIX = 1, OBJECTS = 3 };

enum err end_device_check_prefix(const char *prefix, struct fault *fault)
{
	static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	size_t length = strlen(prefix);

	if (length == 0 || length > MAX_PREFIX_BYTES || strspn(prefix, characters) != length)
		return fault_set(fault, ERR_MALFORMED,
				 "prefix: 1 to %d letters, digits and characters of \"-._~\"",
				 MAX_PREFIX_BYTES);
	return ERR_NONE;
}

/* </3303/0>, and where it is written so </d01/3303/0>. */
enum err end_device_root(struct arena *arena, const char *prefix, const char **ret_root)
{
	const char *root = prefix == NULL ? NULL : arena_printf(arena, "/%s", prefix);

	if (prefix != NULL && root == NULL)
		return ERR_NOMEM;
	*ret_root = root;
	return ERR_NONE;
}

static bool read_link(const struct link *link, const char *prefix, struct device_object *ret_object)
{
	const struct link_attribute *version = link_attribute(link, "ver");
	struct bytes target = link->target;
	size_t length = strlen(prefix);
	uint16_t major = 0, minor = 0;
	struct lwm2m_path path;

	if (length > 0 && target.len > length + 1 && target.at[length + 1] == '/' &&
	    bytes_equal_text(bytes_from(bytes_first(target, length + 1), 1), prefix))
		target = bytes_from(target, length + 1);
	if (path_parse(target, &path, NULL) != ERR_NONE || path.depth < 1 || path.depth > 2)
		return false;
	*ret_object = (struct device_object){ .object = path.object, .instance = path.instance };
	if (version != NULL && version_parse(version->value, &major, &minor) && major <= 255 && minor <= 255)
		ret_object->version = (uint16_t)(major << 8 | minor);
	return true;
}

static enum err read_objects(struct arena *arena, struct bytes text, struct end_device *device)
{
	struct device_object *objects;
	struct links links;
	enum err err = link_parse(arena, text, true, &links, NULL);

	if (err != ERR_NONE)
		return err == ERR_NOMEM ? err : ERR_NONE;
	objects = arena_alloc_array(arena, links.count + 1, sizeof(*objects));
	if (objects == NULL)
		return ERR_NOMEM;
	device->objects = objects;
	for (size_t i = 0; i < links.count; i++)
		device->object_count +=
			read_link(&links.at[i], device->prefix, &objects[device->object_count]);
	return ERR_NONE;
}

/* The bytes of a resource: of a text, a link or what nobody has described. */
static struct bytes bytes_at(struct lwm2m_records records, uint16_t instance, uint16_t resource)
{
	const struct lwm2m_record *record =
		lwm2m_find(records, LWM2M_RESOURCE(GATEWAY_OBJECT, instance, resource));
	enum lwm2m_type type = record == NULL ? LWM2M_NONE : record->value.type;

	return type == LWM2M_STRING || type == LWM2M_CORELNK || type == LWM2M_OPAQUE ? record->value.bytes
										     : bytes_of(NULL, 0);
}

static enum err read_device(struct arena *arena, struct lwm2m_records records, uint16_t instance,
			    struct end_device *ret_device)
{
	struct bytes id = bytes_at(records, instance, DEVICE_ID),
		     prefix = bytes_at(records, instance, PREFIX);
	struct end_device device = {
		.instance = instance,
		.id = arena_strndup(arena, (const char *)id.at, id.len),
		.prefix = arena_strndup(arena, (const char *)prefix.at, prefix.len),
	};
	enum err err = device.id == NULL || device.prefix == NULL ? ERR_NOMEM : ERR_NONE;

	if (err == ERR_NONE)
		err = read_objects(arena, bytes_at(records, instance, OBJECTS), &device);
	if (err == ERR_NONE)
		*ret_device = device;
	return err;
}

static struct end_device *find_instance(struct end_device *devices, size_t count, uint16_t instance)
{
	for (size_t i = 0; i < count; i++) {
		if (devices[i].instance == instance)
			return &devices[i];
	}
	return NULL;
}

enum err end_devices_read(struct arena *arena, struct lwm2m_records records, struct end_device **ret_devices,
			  size_t *ret_count)
{
	struct end_device *devices = arena_alloc_array(arena, records.count + 1, sizeof(*devices));
	size_t count = 0;

	if (devices == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < records.count; i++) {
		const struct lwm2m_path path = records.at[i].path;
		enum err err;

		if (path.object != GATEWAY_OBJECT || path.depth < 3 ||
		    find_instance(devices, count, path.instance) != NULL)
			continue;
		err = read_device(arena, records, path.instance, &devices[count++]);
		if (err != ERR_NONE)
			return err;
	}
	*ret_devices = devices;
	*ret_count = count;
	return ERR_NONE;
}
