/* GPCS 2.3.1 table C-1 and appendix B: signatures with the keys of a security domain. The type of the key says how. */
#ifndef CARD_SIGNATURES_H
#define CARD_SIGNATURES_H

#include "registry.h"

/* Key versions, as configurations use them: the first key of the version counts. */
#define TOKEN_KEYS   0x70
#define RECEIPT_KEYS 0x71
#define DAP_KEYS     0x73
#define CIPHER_KEYS  0x75

const struct card_key *entry_key_of_version(const struct entry *security_domain, uint8_t version);

/* False when it does not fit, or the key is none that verifies. */
bool key_verifies(const struct card_key *key, struct arena *arena, struct bytes data, struct bytes signature);
/* Symmetric keys and private ones of elliptic curves; ERR_UNSUPPORTED for others. */
MUST_CHECK enum err key_sign(const struct card_key *key, struct arena *arena, struct bytes data,
			     struct bytes *ret_signature);

/* Bytes of the shortest digest that a load file data block may have together with this key (table C-3). */
size_t key_digest_size(const struct card_key *key);

#endif
