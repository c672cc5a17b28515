#include "access.h"

enum { OBJECT = 0, INSTANCE = 1, ACL = 2, OWNER = 3 };

#define ACCESS_OBJECT 2
#define ANYBODY       0 /* as the id of an entry: whoever has none */

static int64_t number_at(const struct device *device, uint16_t access, uint16_t resource)
{
	return device_stored_integer(device, RESOURCE_PATH(ACCESS_OBJECT, access, resource), ID_NONE);
}

/* The instance of object 2 that is about an instance. */
static bool find(const struct device *device, struct path instance, uint16_t *ret_access)
{
	uint16_t ids[INSTANCES_MAX];
	size_t count = instances_with_values(device, ACCESS_OBJECT, ids);

	for (size_t i = 0; i < count; i++) {
		if (number_at(device, ids[i], OBJECT) != instance.id[0] ||
		    number_at(device, ids[i], INSTANCE) != instance.id[1])
			continue;
		*ret_access = ids[i];
		return true;
	}
	return false;
}

static bool find_entry(const struct device *device, uint16_t access, uint16_t short_id, int64_t *ret_rights)
{
	struct path entry = path_append(RESOURCE_PATH(ACCESS_OBJECT, access, ACL), short_id);

	if (values_get(&device->values, entry) == NULL)
		return false;
	*ret_rights = device_stored_integer(device, entry, 0);
	return true;
}

/* 8.2.1: its own entry, all of what it owns, the entry for anybody, else nothing. */
static int64_t rights_of(const struct device *device, uint16_t access, uint16_t short_id)
{
	int64_t rights = 0;

	if (find_entry(device, access, short_id, &rights))
		return rights;
	if (number_at(device, access, OWNER) == short_id)
		return ACCESS_ALL;
	return find_entry(device, access, ANYBODY, &rights) ? rights : 0;
}

/* Object 2 has no entries about itself: anybody reads it, its owner writes. */
static bool allows_on_itself(const struct device *device, uint16_t access, enum access_right right)
{
	return right == ACCESS_READ || (right == ACCESS_WRITE &&
					number_at(device, access, OWNER) == device->servers.served->short_id);
}

bool access_allows(const struct device *device, struct path instance, enum access_right right)
{
	uint16_t access;

	if (device->servers.count < 2)
		return true;
	if (instance.id[0] == ACCESS_OBJECT)
		return allows_on_itself(device, instance.id[1], right);
	return find(device, instance, &access) &&
	       (rights_of(device, access, device->servers.served->short_id) & right) != 0;
}

enum err access_add(struct device *device, struct path instance)
{
	uint16_t ids[INSTANCES_MAX], id = 0;
	size_t count = instances_with_values(device, ACCESS_OBJECT, ids);
	const int64_t numbers[] = {
		[OBJECT] = instance.id[0],
		[INSTANCE] = instance.id[1],
		[OWNER] = device->servers.served->short_id,
	};
	const uint16_t resources[] = { OBJECT, INSTANCE, OWNER };
	enum err err = ERR_NONE;

	if (device->servers.count < 2)
		return ERR_NONE;
	if (!find(device, instance, &id)) {
		if (count == INSTANCES_MAX)
			return ERR_LIMIT;
		while (id < count && ids[id] == id) /* they come in order: the first gap */
			id++;
	}
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]) && err == ERR_NONE; i++)
		err = values_set(&device->values, RESOURCE_PATH(ACCESS_OBJECT, id, resources[i]),
				 INTEGER_VALUE(numbers[resources[i]]));
	device_changed(device, INSTANCE_PATH(ACCESS_OBJECT, id));
	return err;
}

void access_remove(struct device *device, struct path instance)
{
	uint16_t access;

	if (!find(device, instance, &access))
		return;
	values_remove(&device->values, INSTANCE_PATH(ACCESS_OBJECT, access));
	device_changed(device, INSTANCE_PATH(ACCESS_OBJECT, access));
}
