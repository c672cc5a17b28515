/* A key that can be used, and perhaps not be seen: its value is in memory, or it stays in a token (PKCS #11) that
 * computes with it. What derives from a key, ciphers or checks with it works on either. */
#ifndef CARDEA_KEY_H
#define CARDEA_KEY_H

#include "crypto.h"

#define KEY_LABEL_SIZE 64

enum cipher { CIPHER_AES_ECB, CIPHER_AES_CBC, CIPHER_DES3_ECB, CIPHER_DES3_CBC };

struct key;

/* Whoever computes with keys. A token may block: steps that see its keys run on workers. */
struct key_provider {
	/* AES-CMAC over the parts one after another. */
	enum err (*cmac)(const struct key *key, const struct bytes *parts, size_t part_count, uint8_t ret_mac[AES_BLOCK]);
	/* Whole blocks; the initial value of CBC is of one block, ECB has none (NULL). */
	enum err (*encrypt)(const struct key *key, enum cipher cipher, const uint8_t *iv, struct bytes data,
	                    uint8_t *ret_at);
	/* As aes_key_unwrap. */
	enum err (*unwrap)(const struct key *key, struct bytes wrapped, struct secret *ret_secret);
};

struct key {
	const struct key_provider *provider; /* NULL: in memory */
	size_t size;                    /* of the value, in bytes */
	struct secret secret;           /* the value; empty when the provider keeps it */
	void *token;                    /* the provider's */
	char label[KEY_LABEL_SIZE];     /* of the object in the token */
};

struct key key_of(const struct secret *secret);
void key_wipe(struct key *key);
/* It can be sent to a card: its value is here. */
static inline bool key_is_visible(const struct key *key)
{
	return key->secret.len > 0;
}

/* ERR_MALFORMED for a key of another size than the cipher takes, ERR_UNAVAILABLE when a token does not answer,
 * ERR_NOT_FOUND when it lacks the key, ERR_UNSUPPORTED the mechanism. */
MUST_CHECK enum err key_cmac(const struct key *key, const struct bytes *parts, size_t part_count,
                             uint8_t ret_mac[AES_BLOCK]);
MUST_CHECK enum err key_encrypt(const struct key *key, enum cipher cipher, const uint8_t *iv, struct bytes data,
                                uint8_t *ret_at);
MUST_CHECK enum err key_unwrap(const struct key *key, struct bytes wrapped, struct secret *ret_secret);

#endif
