/* Which key belongs to which endpoint name. In memory; who fills it keeps it durable. */
#ifndef CARDEA_COAP_CREDENTIALS_H
#define CARDEA_COAP_CREDENTIALS_H

#include "oscore_context.h"

struct credentials;

/* An endpoint has one of each kind at most. */
enum credential_kind { CREDENTIAL_KIND_PSK = 'p', CREDENTIAL_KIND_OSCORE = 'o', CREDENTIAL_KIND_X509 = 'x' };

#define CREDENTIAL_NAME_SIZE 768        /* of an endpoint name or identity, with its kind and its 0 */

MUST_CHECK enum err credentials_create(struct credentials **ret_credentials);
void credentials_free(struct credentials *credentials);         /* wipes; accepts NULL */

/* Sets the pre-shared key of an endpoint name, replacing what it had. ERR_CONFLICT when another endpoint has the identity. */
MUST_CHECK enum err credentials_put_psk(struct credentials *credentials, const char *endpoint, const char *identity,
                                        const struct secret *key);
void credentials_remove(struct credentials *credentials, enum credential_kind kind, const char *endpoint);

/* The endpoint name and key of an identity; both borrowed until the next change. ERR_NOT_FOUND. */
MUST_CHECK enum err credentials_find_psk(const struct credentials *credentials, const char *identity,
                                         const char **ret_endpoint, const struct secret **ret_key);

/* The same for OSCORE; the identity is oscore_identity_print of what the device sends: its id, and the ID context. */
MUST_CHECK enum err credentials_put_oscore(struct credentials *credentials, const char *endpoint,
                                           const struct oscore_keys *keys);
MUST_CHECK enum err credentials_find_oscore(const struct credentials *credentials, struct bytes kid,
                                            struct bytes kid_context, const char **ret_endpoint,
                                            const struct oscore_keys **ret_keys);
/* Borrowed until the next change; NULL: it has none. */
const struct oscore_keys *credentials_oscore(const struct credentials *credentials, const char *endpoint);

#define OSCORE_IDENTITY_SIZE (2 * OSCORE_ID_MAX + 1 + 2 * OSCORE_ID_CONTEXT_MAX + 1)
/* "01", "01/37CBF3" with an ID context, "/37CBF3" with an empty id: which credential a message is of. NULL: too long. */
const char *oscore_identity_print(struct bytes kid, struct bytes kid_context, char to[static OSCORE_IDENTITY_SIZE]);

/* Certificates: an identity says which one (its print), or which authority has to have issued it for the endpoint name.
 * ERR_CONFLICT when another endpoint has the identity. */
MUST_CHECK enum err credentials_put_x509(struct credentials *credentials, const char *endpoint, const char *identity);
/* The endpoint name, borrowed until the next change; NULL: nobody's. */
const char *credentials_find_x509(const struct credentials *credentials, const char *identity);
/* "sha256:0123...": the certificate with this print. */
const char *x509_identity_of_print(const uint8_t print[SHA256_SIZE], char to[static CREDENTIAL_NAME_SIZE]);
/* "name:dev1,issuer:CN=x": any certificate that gives this endpoint name and has this subject (RFC 2253) above it. "" when
 * that is too long. */
const char *x509_identity_of_issuer(const char *endpoint, const char *issuer, char to[static CREDENTIAL_NAME_SIZE]);
/* Whether a certificate of a trusted authority is enough for an endpoint name without any credential; not at first. */
void credentials_accept_issued(struct credentials *credentials, bool is_enough);
bool credentials_accepts_issued(const struct credentials *credentials);

/* Whether the endpoint name has a credential of any kind, so that it must not come without. */
bool credentials_has(const struct credentials *credentials, const char *endpoint);
/* The pre-shared key of an endpoint name, borrowed until the next change; NULL: it has none. */
const struct secret *credentials_key(const struct credentials *credentials, const char *endpoint);
/* And its identity. */
const char *credentials_psk_identity(const struct credentials *credentials, const char *endpoint);
/* Grows with every change: whoever has looked up a key sees whether to look again. */
uint64_t credentials_changes(const struct credentials *credentials);

#endif
