/* When a device may be spoken to (LwM2M Core TS 1.1, 6.5 queue mode). For this folder only. */
#ifndef CARDEA_REGISTRY_AWAKE_H
#define CARDEA_REGISTRY_AWAKE_H

#include "state.h"

/* The device was heard, and answered if it had asked: it may be spoken to. The listeners are told if that is new, and what
 * waits goes out. */
void awake_begin(struct registry *registry, struct device_entry *entry);
/* The two halves of it, for a registration, which others hear of in between. */
void awake_mark(struct device_entry *entry);
void awake_tell(struct registry *registry, struct device_entry *entry);
/* It sleeps, or did not answer, or its session is gone. */
void awake_end(struct registry *registry, struct device_entry *entry);

#endif
