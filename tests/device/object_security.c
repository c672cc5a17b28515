/* Object 0, LwM2M Security 1.1. It holds keys: outside of bootstrap every operation on it is refused (4.01),
 * so nothing of it needs to be described here. */
#include "objects.h"

const struct object object_security = { .id = 0, .instances = one_instance };
