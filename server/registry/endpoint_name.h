/* Whose request it is. For this folder only. */
#ifndef CARDEA_REGISTRY_ENDPOINT_NAME_H
#define CARDEA_REGISTRY_ENDPOINT_NAME_H

#include <cardea/bytes.h>

#define MAX_ENDPOINT_BYTES 255

/* The endpoint client name that a device gives itself, in the arena and followed by a 0. It is never trusted alone: with a
 * credential (`identity` is the endpoint name that it belongs to, "" without) it has to be that one, and may be missing.
 * ERR_MALFORMED, ERR_NOMEM. */
MUST_CHECK enum err endpoint_name_of(struct arena *arena, struct bytes asked, const char *identity,
				     struct bytes *ret_endpoint, struct fault *fault);

#endif
