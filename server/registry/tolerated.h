/* Which rules of tolerance (core/tolerance.h) a device has needed. For this folder only. */
#ifndef CARDEA_REGISTRY_TOLERATED_H
#define CARDEA_REGISTRY_TOLERATED_H

#include "state.h"

/* Counts each rule of the set; its first application is logged and published as "tolerance.applied". */
void tolerated(struct registry *registry, struct device_entry *entry, uint32_t rules);

#endif
