/* Credentials as the store keeps them: the key sealed by the vault and bound to its row, so that it fits no other. */
#ifndef CARDEA_REGISTRY_CREDENTIAL_ROWS_H
#define CARDEA_REGISTRY_CREDENTIAL_ROWS_H

#include "oscore_context.h"

#include "store.h"

struct credentials;
struct vault;

/* The kinds of rows: the key of a device for this LwM2M server, and the one for its bootstrap server. */
#define CREDENTIAL_PSK           "psk"
#define CREDENTIAL_BOOTSTRAP_PSK "bootstrap-psk"
#define CREDENTIAL_OSCORE        "oscore"        /* for this LwM2M server */
#define CREDENTIAL_BOOTSTRAP_OSCORE "bootstrap-oscore"
#define CREDENTIAL_X509          "x509"          /* which certificate is the device's: credentials_put_x509 */
#define CREDENTIAL_BOOTSTRAP_X509 "bootstrap-x509"

/* Seals the key of a row whose other members are set. In the arena. */
MUST_CHECK enum err credential_seal(const struct vault *vault, struct arena *arena, const struct credential_row *row,
                                    const struct secret *key, struct bytes *ret_sealed);
/* ERR_DENIED: sealed by another vault or for another row. The caller wipes the key. */
MUST_CHECK enum err credential_open(const struct vault *vault, struct arena *arena, const struct credential_row *row,
                                    struct secret *ret_key);

/* The same for OSCORE: what is sealed are all of its parameters. The opened ones are in the arena. */
MUST_CHECK enum err credential_seal_oscore(const struct vault *vault, struct arena *arena,
                                           const struct credential_row *row,
                                           const struct oscore_parameters *parameters, struct bytes *ret_sealed);
MUST_CHECK enum err credential_open_oscore(const struct vault *vault, struct arena *arena,
                                           const struct credential_row *row,
                                           struct oscore_parameters *ret_parameters);

/* The same for certificates, where nothing is secret: the identity is sealed, so that nobody writes one past the server.
 * Opening answers ERR_DENIED when it is another. */
MUST_CHECK enum err credential_seal_x509(const struct vault *vault, struct arena *arena,
                                         const struct credential_row *row, struct bytes *ret_sealed);
MUST_CHECK enum err credential_open_x509(const struct vault *vault, struct arena *arena,
                                         const struct credential_row *row);

/* All of a kind that are in the store, into memory; at the start. The fault names the first one that cannot be opened. */
MUST_CHECK enum err credentials_load(struct store *store, const struct vault *vault, const char *kind,
                                     struct credentials *credentials, struct fault *fault);

#endif
