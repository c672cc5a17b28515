/* Seals secrets under the key encryption key (KEK) before they reach the store: AES-256-GCM, bound to a context such
 * as "keyset/urn:dev:1/48" so that a sealed value cannot be moved to another row. */
#ifndef CARDEA_CORE_VAULT_H
#define CARDEA_CORE_VAULT_H

#include <cardea/arena.h>
#include <cardea/bytes.h>
#include <cardea/key.h>
#include <cardea/error.h>

struct vault;

/* The KEK comes from the file (32 bytes, or 64 hex digits and the end of a line), or from `kek_hex` when the path is
 * empty or NULL. ERR_NOT_FOUND, ERR_MALFORMED, ERR_IO. */
MUST_CHECK enum err vault_open(const char *kek_file, const char *kek_hex, struct vault **ret_vault, struct fault *fault);
/* The KEK is derived by a key that may be in a token, so that what is sealed opens only with it. Blocks. */
MUST_CHECK enum err vault_open_with_key(const struct key *key, struct vault **ret_vault, struct fault *fault);
void vault_close(struct vault *vault);          /* wipes; accepts NULL */

MUST_CHECK enum err vault_seal(const struct vault *vault, struct arena *arena, const char *context, struct bytes secret,
                               struct bytes *ret_sealed);
/* A value that only this KEK gives for this context, the same each time; nobody can guess it or learn the KEK from it. */
MUST_CHECK enum err vault_derive(const struct vault *vault, const char *context, uint8_t ret_value[SHA256_SIZE]);

/* ERR_DENIED: another KEK, another context, or changed bytes. The caller wipes what it gets. */
MUST_CHECK enum err vault_open_sealed(const struct vault *vault, struct arena *arena, const char *context,
                                      struct bytes sealed, struct bytes *ret_secret);

#endif
