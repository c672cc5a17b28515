/* Object 4, Connectivity Monitoring 1.0. */
#include "device.h"

enum {
	NETWORK_BEARER = 0,
	AVAILABLE_BEARERS = 1,
	SIGNAL_STRENGTH = 2,
	LINK_QUALITY = 3,
	IP_ADDRESSES = 4,
	CELL_ID = 8,
};

#define BEARER_NB_IOT 6

/* clang-format off */
static const struct resource resources[] = {
	{ NETWORK_BEARER,    KIND_INTEGER, READABLE, 0,        0, 0 },
	{ AVAILABLE_BEARERS, KIND_INTEGER, READABLE, MULTIPLE, 0, 0 },
	{ SIGNAL_STRENGTH,   KIND_INTEGER, READABLE, 0,        0, 0 },
	{ LINK_QUALITY,      KIND_INTEGER, READABLE, 0,        0, 0 },
	{ IP_ADDRESSES,      KIND_STRING,  READABLE, MULTIPLE, 0, 0 },
	{ CELL_ID,           KIND_INTEGER, READABLE, 0,        0, 0 },
};
/* clang-format on */

static void read(struct device *device, struct path path, const struct resource *resource,
		 struct records *records)
{
	switch (resource->id) {
	case NETWORK_BEARER:
		records_add(records, path, INTEGER_VALUE(BEARER_NB_IOT));
		break;
	case AVAILABLE_BEARERS:
		records_add(records, path_append(path, 0), INTEGER_VALUE(BEARER_NB_IOT));
		break;
	case SIGNAL_STRENGTH:
		records_add(records, path, INTEGER_VALUE(device->signal_dbm));
		break;
	case LINK_QUALITY:
		records_add(records, path, INTEGER_VALUE(100 + device->signal_dbm));
		break;
	case IP_ADDRESSES:
		records_add(records, path_append(path, 0), STRING_VALUE(device->local_address));
		break;
	case CELL_ID:
		records_add(records, path, INTEGER_VALUE(52713));
		break;
	default:
		break;
	}
}

const struct object object_connectivity = {
	.id = 4,
	.resources = resources,
	.resource_count = sizeof(resources) / sizeof(resources[0]),
	.instances = one_instance,
	.read = read,
};
