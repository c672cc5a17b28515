/* One key in the body of a request, and how it is shown. */
#ifndef CARDEA_API_KEY_BODY_H
#define CARDEA_API_KEY_BODY_H

#include <cardea/key.h>
#include <jansson.h>

#include "http.h"

/* The AES key of a member in hexadecimal. ERR_MALFORMED names it. */
MUST_CHECK enum err body_key(struct http_request *request, const json_t *body, const char *name,
                             struct key *ret_key, struct fault *fault);
/* GPCS B.6: the first three bytes of a block under the key, in hexadecimal. */
MUST_CHECK enum err key_check_text(const struct key *key, bool is_des, char ret_text[static 7]);

#endif
