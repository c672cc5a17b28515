/* Keys of a card: check values, derivation from a master key, and their form in PUT KEY and STORE DATA. */
#ifndef SE_KEYS_H
#define SE_KEYS_H

#include <cardea/key.h>

#define KEY_CHECK_SIZE 3

enum key_type { KEY_TYPE_DES = 0x80, KEY_TYPE_AES = 0x88 };

/* Which key of a set; also the constant that diversification uses. */
enum key_role { KEY_ENC = 1, KEY_MAC = 2, KEY_DEK = 3 };

MUST_CHECK enum err key_check_value(enum key_type type, const struct key *key,
				    uint8_t ret_kcv[KEY_CHECK_SIZE]);

/* One key from a master key and the 10 bytes that INITIALIZE UPDATE gives. Schemes: "none", "emv", "visa2",
 * "visa", "kdf3". ERR_NOT_FOUND, ERR_MALFORMED (sizes). */
MUST_CHECK enum err key_diversify(const char *scheme, const struct key *master, enum key_role role,
				  struct bytes diversification, struct key *ret_key);

struct key_set {
	struct key enc, mac, dek;
};

/* What ciphers keys on their way: the static DEK (SCP03), that of the session (SCP02, SCP11). */
struct key_cipher {
	enum key_type type;
	const struct key *dek;
};

/* The keys of PUT KEY for a whole set (GPCS 11.8.2.3, Amendment D 7.2). ret_answer is what the card answers: version
 * and check values. ERR_DENIED: a token keeps one of them. */
MUST_CHECK enum err put_key_data(struct arena *arena, uint8_t new_version, enum key_type type,
				 const struct key_set *keys, const struct key_cipher *cipher, struct bytes *ret_data,
				 struct bytes *ret_answer);

/* The same by STORE DATA in DGI form: 00B9 with the attributes, then 8113 per key. */
struct dgi_key_order {
	const struct key *keys;
	const uint8_t *ids;
	size_t count;
	uint8_t version, access;
	enum key_type type;
	const struct key_cipher *cipher;
};
MUST_CHECK enum err store_data_key_dgis(struct arena *arena, const struct dgi_key_order *order,
					struct bytes *ret_data);

#endif
