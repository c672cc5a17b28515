/* GPCS 2.3.1, table C-1: how tokens, receipts and DAP blocks are signed, which follows from the kind of key. */
#ifndef SE_SIGNATURE_H
#define SE_SIGNATURE_H

#include <cardea/crypto_ec.h>
#include <cardea/crypto_rsa.h>

enum signature_algorithm { SIGNATURE_DES, SIGNATURE_AES, SIGNATURE_RSA, SIGNATURE_EC, SIGNATURE_COUNT };

#define SIGNATURE_MAX RSA_SIZE_MAX

struct signature_key {
	enum signature_algorithm algorithm;
	enum ec_curve curve; /* of EC */
	struct bytes key;    /* what signs: the symmetric key, the scalar, or PKCS #8 or #1; empty: only verifies */
	struct bytes public; /* what verifies, of EC (a point) and RSA (SubjectPublicKeyInfo); empty: only signs */
};

/* "des", "aes", "rsa", "ec". ERR_NOT_FOUND. */
MUST_CHECK enum err signature_algorithm_find(const char *name, enum signature_algorithm *ret_algorithm);

/* The weakest digest that a load file data block may have under such a signature (table C-3). */
enum digest signature_digest(const struct signature_key *key);

/* ERR_MALFORMED for a key that is none. In the arena. */
MUST_CHECK enum err signature_make(struct arena *arena, const struct signature_key *key, struct bytes data,
				   struct bytes *ret_signature);
/* ERR_DENIED when it does not fit. */
MUST_CHECK enum err signature_verify(struct arena *arena, const struct signature_key *key, struct bytes data,
				     struct bytes signature);

#endif
