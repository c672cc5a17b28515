/* Keys under which others are wrapped on their way to us. */
#ifndef CARDEA_API_TRANSPORT_KEYS_H
#define CARDEA_API_TRANSPORT_KEYS_H

#include <cardea/key.h>

#include "http.h"

/* ERR_NOT_FOUND. Blocks. */
MUST_CHECK enum err transport_key_find(struct http_request *request, const char *name, struct key *ret_key,
                                       struct fault *fault);

#endif
