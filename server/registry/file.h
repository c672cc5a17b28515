/* Content that one device may fetch over CoAP, under a name that nobody can guess:
 * coap://HOST:PORT/files/NAME. */
#ifndef CARDEA_REGISTRY_FILE_H
#define CARDEA_REGISTRY_FILE_H

#include "registry.h"

#define FILE_NAME_SIZE 23 /* 16 bytes as base64url, and a 0 */

/* `content` is borrowed until the file is withdrawn, or offered again with other content. ERR_NOMEM. */
MUST_CHECK enum err file_offer(struct registry *registry, const char *name, const char *endpoint,
			       struct bytes content);
/* Does nothing when there is no such file. */
void file_withdraw(struct registry *registry, const char *name);

/* Where a device fetches the file of that name, over the transport that it is registered with; in the arena.
 * ERR_NOT_FOUND: no such device. ERR_UNAVAILABLE: none of our addresses is known to reach us. ERR_LIMIT:
 * longer than the 255 bytes that a Package URI may have. */
MUST_CHECK enum err file_uri(const struct registry *registry, const char *name, const char *endpoint,
			     struct arena *arena, const char **ret_uri);

/* For this folder only. */
void file_fetch(struct registry *registry, const struct coap_request *request);
void file_forget_all(struct registry *registry);

#endif
