/* Which key belongs to which endpoint name. In memory; who fills it keeps it durable. */
#ifndef CARDEA_COAP_CREDENTIALS_H
#define CARDEA_COAP_CREDENTIALS_H

#include <cardea/crypto.h>

struct credentials;

MUST_CHECK enum err credentials_create(struct credentials **ret_credentials);
void credentials_free(struct credentials *credentials);         /* wipes; accepts NULL */

/* Sets the pre-shared key of an endpoint name, replacing what it had. ERR_CONFLICT when another endpoint has the identity. */
MUST_CHECK enum err credentials_put_psk(struct credentials *credentials, const char *endpoint, const char *identity,
                                        const struct secret *key);
void credentials_remove(struct credentials *credentials, const char *endpoint);

/* The endpoint name and key of an identity; both borrowed until the next change. ERR_NOT_FOUND. */
MUST_CHECK enum err credentials_find_psk(const struct credentials *credentials, const char *identity,
                                         const char **ret_endpoint, const struct secret **ret_key);
/* Whether the endpoint name has a credential, so that it must not come without. */
bool credentials_has(const struct credentials *credentials, const char *endpoint);
/* The key of an endpoint name, borrowed until the next change; NULL: it has none. */
const struct secret *credentials_key(const struct credentials *credentials, const char *endpoint);
/* Grows with every change: whoever has looked up a key sees whether to look again. */
uint64_t credentials_changes(const struct credentials *credentials);

#endif
