/* Object 0, LwM2M Security 1.1. It holds keys: outside of bootstrap every operation on it is refused (4.01).
 * The server of the command line is its instance 0: the bootstrap server, whose account a bootstrap server may change, or
 * the one server to register with, which has no values here. A bootstrap server writes the others; a smartcard brings all
 * of them. */
#include "device.h"

/* clang-format off */
static const struct resource resources[] = {
	{ 0,  KIND_STRING,  0, STORED, 0, 255 },        /* server URI */
	{ 1,  KIND_BOOLEAN, 0, STORED, 0, 0 },          /* is the bootstrap server */
	{ 2,  KIND_INTEGER, 0, STORED, 0, 4 },          /* security mode */
	{ 3,  KIND_OPAQUE,  0, STORED, 0, 4096 },       /* public key or identity */
	{ 4,  KIND_OPAQUE,  0, STORED, 0, 4096 },       /* server public key */
	{ 5,  KIND_OPAQUE,  0, STORED, 0, 512 },        /* secret key */
	{ 10, KIND_INTEGER, 0, STORED, 1, 65534 },      /* short server id */
	{ 11, KIND_INTEGER, 0, STORED, 0, 4294967295 }, /* client hold off time */
	{ 12, KIND_INTEGER, 0, STORED, 0, 4294967295 }, /* bootstrap server account timeout */
	{ 13, KIND_INTEGER, 0, STORED, 0, 3 },          /* matching type */
	{ 14, KIND_STRING,  0, STORED, 0, 255 },        /* SNI */
	{ 15, KIND_INTEGER, 0, STORED, 0, 3 },          /* certificate usage */
};
/* clang-format on */

static size_t instances(const struct device *device, uint16_t ret_ids[INSTANCES_MAX])
{
	uint16_t written[INSTANCES_MAX];
	size_t count = instances_with_values(device, 0, written), all = 0;

	if (!smartcard_is_applied(device) && (count == 0 || written[0] != 0))
		ret_ids[all++] = 0;
	for (size_t i = 0; i < count && all < INSTANCES_MAX; i++)
		ret_ids[all++] = written[i];
	return all;
}

const struct object object_security = {
	.id = 0,
	.resources = resources,
	.resource_count = sizeof(resources) / sizeof(resources[0]),
	.instances = instances,
};
