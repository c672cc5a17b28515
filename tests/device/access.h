/* What a server may do with an object instance, as object 2 says (LwM2M Core TS 1.1, 8). */
#ifndef DEVICE_ACCESS_H
#define DEVICE_ACCESS_H

#include "device.h"

/* Bits of /2/x/2/y. */
enum access_right {
	ACCESS_READ = 1, /* Observe and Write-Attributes too */
	ACCESS_WRITE = 2,
	ACCESS_EXECUTE = 4,
	ACCESS_DELETE = 8,
	ACCESS_CREATE = 16,
	ACCESS_ALL = 31,
};

/* Whether the server that is served may. With one account every server may everything. To create, the instance is
 * ID_NONE. */
bool access_allows(const struct device *device, struct path instance, enum access_right right);

/* The instance that was just created, or deleted. It belongs to the server that is served. ERR_LIMIT, ERR_NOMEM.
 */
MUST_CHECK enum err access_add(struct device *device, struct path instance);
void access_remove(struct device *device, struct path instance);

#endif
