/* RSA signatures, over OpenSSL's libcrypto. Keys are DER: private ones PKCS #8 or PKCS #1, public ones
 * SubjectPublicKeyInfo, of 1024 to 4096 bits. */
#ifndef CARDEA_CRYPTO_RSA_H
#define CARDEA_CRYPTO_RSA_H

#include "crypto.h"

enum rsa_scheme {
	RSA_PKCS1_SHA1, /* RSASSA-PKCS1-v1_5 */
	RSA_PSS_SHA256  /* RSASSA-PSS, MGF1 with SHA-256, 32 bytes of salt */
};

#define RSA_SIZE_MIN 128 /* bytes of the modulus */
#define RSA_SIZE_MAX 512

struct rsa_public {
	uint8_t modulus[RSA_SIZE_MAX], exponent[8];
	size_t modulus_len, exponent_len;
};

/* ERR_MALFORMED for what is no such key, ERR_UNSUPPORTED for one of another length. */
MUST_CHECK enum err rsa_public_read(struct bytes public_der, struct rsa_public *ret_public);
MUST_CHECK enum err rsa_public_of(struct bytes private_der, struct rsa_public *ret_public);

/* ret_signature takes as many bytes as the modulus has. */
MUST_CHECK enum err rsa_sign(enum rsa_scheme scheme, struct bytes private_der, struct bytes data,
                             uint8_t *ret_signature);
/* ERR_DENIED when the signature does not fit. */
MUST_CHECK enum err rsa_verify(enum rsa_scheme scheme, const struct rsa_public *public, struct bytes data,
                               struct bytes signature);

#endif
