/* LwM2M Gateway TS 1.1: the devices behind a gateway, which its object 25 lists. */
#ifndef CARDEA_REGISTRY_END_DEVICES_H
#define CARDEA_REGISTRY_END_DEVICES_H

#include "registry.h"

#define GATEWAY_OBJECT 25

struct end_device {
	uint16_t instance;       /* of object 25 */
	const char *id, *prefix; /* "" when they are not told */
	const struct device_object *objects;
	size_t object_count;
};

/* From what a read of object 25 gave, in order of instances, in the arena. Links of which we cannot make an
 * object are left out. ERR_NOMEM. */
MUST_CHECK enum err end_devices_read(struct arena *arena, struct lwm2m_records records,
				     struct end_device **ret_devices, size_t *ret_count);

/* What may stand in front of a path: 1 to 64 of the characters that an URI needs not escape. ERR_MALFORMED.
 */
MUST_CHECK enum err end_device_check_prefix(const char *prefix, struct fault *fault);
/* "/d01": the alternate path of its objects, in the arena; NULL for a NULL prefix. ERR_NOMEM. */
MUST_CHECK enum err end_device_root(struct arena *arena, const char *prefix, const char **ret_root);

#endif
