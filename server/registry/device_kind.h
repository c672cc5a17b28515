/* What devices of one kind register alike: version, binding, root, links and what was read from them. A fleet is made of
 * few kinds, so each is kept once, however many devices are of it. For this folder only. */
#ifndef CARDEA_REGISTRY_DEVICE_KIND_H
#define CARDEA_REGISTRY_DEVICE_KIND_H

#include "device.h"

/* A table of kinds is an index; it must be empty before it ends. */
struct device_kind;

/* The kind that the description is of, taken by one more; `device` then points into it. ERR_NOMEM. */
MUST_CHECK enum err device_kind_take(struct index *kinds, const struct device_description *description,
				     struct device *device, struct device_kind **ret_kind);
void device_kind_give(struct device_kind *kind); /* freed with the last one; accepts NULL */

#endif
