/* The primitives of the secure channels, over OpenSSL's libcrypto. Stateless, without globals. */
#ifndef CARDEA_CRYPTO_H
#define CARDEA_CRYPTO_H

#include "bytes.h"

#define AES_BLOCK 16
#define DES_BLOCK 8
#define SHA256_SIZE 32
#define SECRET_MAX 64

/* A key. It has no printer; whoever holds one wipes it. */
struct secret {
	uint8_t at[SECRET_MAX];
	size_t len;
};

/* ERR_LIMIT when it is longer than SECRET_MAX. */
MUST_CHECK enum err secret_from(struct bytes bytes, struct secret *ret_secret);
static inline struct bytes secret_bytes(const struct secret *secret)
{
	return (struct bytes){ secret->at, secret->len };
}
void secret_wipe(struct secret *secret);        /* accepts NULL */
void wipe(void *at, size_t len);                /* not optimised away */

MUST_CHECK enum err random_bytes(uint8_t *ret_at, size_t len);
bool bytes_equal_constant_time(struct bytes a, struct bytes b);

MUST_CHECK enum err sha256(struct bytes data, uint8_t ret_digest[SHA256_SIZE]);
enum digest { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGEST_COUNT };
#define DIGEST_SIZE_MAX 64
size_t digest_size(enum digest digest);
MUST_CHECK enum err digest_of(enum digest digest, struct bytes data, uint8_t *ret_digest);
MUST_CHECK enum err hmac_sha256(struct bytes key, struct bytes data, uint8_t ret_mac[SHA256_SIZE]);

/* AES with keys of 16, 24 or 32 bytes, else ERR_MALFORMED. Data are whole blocks; in and out may be the same. */
MUST_CHECK enum err aes_ecb_encrypt(struct bytes key, struct bytes data, uint8_t *ret_at);
MUST_CHECK enum err aes_cbc_encrypt(struct bytes key, const uint8_t iv[AES_BLOCK], struct bytes data, uint8_t *ret_at);
MUST_CHECK enum err aes_cbc_decrypt(struct bytes key, const uint8_t iv[AES_BLOCK], struct bytes data, uint8_t *ret_at);

/* A key that came wrapped by RFC 3394, or with its length by RFC 5649: whichever it is shows when it is opened. ERR_DENIED
 * under another key, and for changed bytes; ERR_LIMIT for what is longer than a secret. */
MUST_CHECK enum err aes_key_unwrap(struct bytes key, struct bytes wrapped, struct secret *ret_secret);

/* AES-CMAC (NIST SP 800-38B) over the parts one after another. */
MUST_CHECK enum err aes_cmac(struct bytes key, const struct bytes *parts, size_t part_count, uint8_t ret_mac[AES_BLOCK]);

/* Triple DES with keys of 16 (two-key) or 24 bytes; data are whole blocks of 8. */
MUST_CHECK enum err des3_ecb_encrypt(struct bytes key, struct bytes data, uint8_t *ret_at);
MUST_CHECK enum err des3_cbc_encrypt(struct bytes key, const uint8_t iv[DES_BLOCK], struct bytes data, uint8_t *ret_at);
MUST_CHECK enum err des3_cbc_decrypt(struct bytes key, const uint8_t iv[DES_BLOCK], struct bytes data, uint8_t *ret_at);
/* DES itself, with a key of 8 bytes: what is left of it in older MACs. */
MUST_CHECK enum err des_ecb_encrypt(struct bytes key, struct bytes data, uint8_t *ret_at);
/* ISO/IEC 9797-1 MAC algorithm 3 (GPCS B.1.2.2) with a key of 16 bytes over whole blocks: DES in CBC, the last block
 * in triple DES. */
MUST_CHECK enum err des_retail_mac(struct bytes key, const uint8_t iv[DES_BLOCK], struct bytes data,
                                   uint8_t ret_mac[DES_BLOCK]);

/* AES-256-GCM. `ret_at` holds nonce (12), ciphertext, tag (16): 28 bytes more than the data. */
#define SEAL_OVERHEAD 28
MUST_CHECK enum err aes_gcm_seal(struct bytes key, struct bytes context, struct bytes data, uint8_t *ret_at);
/* ERR_DENIED when the tag does not fit key, context and data; `ret_at` is wiped then. It takes sealed.len -
 * SEAL_OVERHEAD bytes. */
MUST_CHECK enum err aes_gcm_open(struct bytes key, struct bytes context, struct bytes sealed, uint8_t *ret_at);

#endif
