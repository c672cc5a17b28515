/* Object 2, LwM2M Access Control 1.1: what each server may do with an instance. A bootstrap server writes its
 * instances, and the device those of what a server creates; access.c enforces them. */
#include "access.h"

enum {
	OBJECT = 0,
	INSTANCE = 1,
	ACL = 2,
	OWNER = 3,
};

/* clang-format off */
static const struct resource resources[] = {
	{ OBJECT,   KIND_INTEGER, READABLE,            STORED,            1, 65534 },
	{ INSTANCE, KIND_INTEGER, READABLE,            STORED,            0, 65535 },
	{ ACL,      KIND_INTEGER, READABLE | WRITABLE, STORED | MULTIPLE, 0, ACCESS_ALL },
	{ OWNER,    KIND_INTEGER, READABLE | WRITABLE, STORED,            0, 65535 },
};
/* clang-format on */

static size_t instances(const struct device *device, uint16_t ret_ids[INSTANCES_MAX])
{
	return instances_with_values(device, 2, ret_ids);
}

/* What nobody owned, nobody could give back. */
static enum answer_code check(struct device *device, uint16_t instance, const struct records *records,
			      struct fault *fault)
{
	const struct value *owner = records_find(records, RESOURCE_PATH(2, instance, OWNER));

	if (owner == NULL || server_by_id(device, (uint16_t)owner->integer) != NULL)
		return CHANGED;
	fault_set(fault, ERR_MALFORMED, "no account has the server id %d", (int)owner->integer);
	return BAD_REQUEST;
}

/* Who observes what it may no longer read is told so. */
static enum answer_code write(struct device *device, uint16_t instance, const struct records *records)
{
	device_changed(
		device,
		INSTANCE_PATH(
			(uint16_t)device_stored_integer(device, RESOURCE_PATH(2, instance, OBJECT), 0),
			(uint16_t)device_stored_integer(device, RESOURCE_PATH(2, instance, INSTANCE), 0)));
	return CHANGED;
}

const struct object object_access_control = {
	.id = 2,
	.version = "1.1",
	.resources = resources,
	.resource_count = sizeof(resources) / sizeof(resources[0]),
	.instances = instances,
	.check = check,
	.write = write,
};
