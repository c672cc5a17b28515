/* What operators have said of devices, registered or not. For this folder only. */
#ifndef CARDEA_REGISTRY_SETTINGS_H
#define CARDEA_REGISTRY_SETTINGS_H

#include "state.h"

/* From the store. */
MUST_CHECK enum err settings_load(struct registry *registry);
void settings_free(struct registry *registry);
/* How long the device listens: as was said, else as the server has it. */
uint32_t settings_awake_ms(const struct registry *registry, const char *endpoint);

#endif
