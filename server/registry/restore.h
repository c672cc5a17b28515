/* What the store remembers of devices, at the start. For this folder only. */
#ifndef CARDEA_REGISTRY_RESTORE_H
#define CARDEA_REGISTRY_RESTORE_H

#include "state.h"

/* A row that cannot be read is logged and left out. ERR_IO, ERR_NOMEM of the store itself. */
MUST_CHECK enum err restore_all(struct registry *registry);

#endif
