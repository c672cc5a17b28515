/* Elliptic curves for secure channels and signatures, over OpenSSL's libcrypto. Points are uncompressed (04 X Y),
 * private keys are plain scalars, signatures are r || s, both padded to the size of the field. */
#ifndef CARDEA_CRYPTO_EC_H
#define CARDEA_CRYPTO_EC_H

#include "crypto.h"

enum ec_curve {
	EC_P256,
	EC_P384,
	EC_P521,
	EC_BRAINPOOL_P256R1,
	EC_BRAINPOOL_P384R1,
	EC_BRAINPOOL_P512R1,
	EC_CURVE_COUNT
};

#define EC_SIZE_MAX 66  /* of a coordinate: P-521 */

struct ec_point {
	uint8_t at[1 + 2 * EC_SIZE_MAX];
	size_t len;
};

static inline struct bytes ec_point_bytes(const struct ec_point *point)
{
	return (struct bytes){ point->at, point->len };
}

/* Bytes of a coordinate, of a private key and of half a signature. */
size_t ec_size(enum ec_curve curve);
/* "secp256r1", "brainpoolP256r1": as certificates and operators name them. */
const char *ec_curve_name(enum ec_curve curve);
/* "P-256" and the like too, in either case. ERR_NOT_FOUND. */
MUST_CHECK enum err ec_curve_find(const char *name, enum ec_curve *ret_curve);
/* The digest that a signature on this curve goes with: as long as the curve is strong. */
enum digest ec_digest(enum ec_curve curve);

/* A point of the curve, not at infinity; anything else is ERR_MALFORMED. */
MUST_CHECK enum err ec_check_public(enum ec_curve curve, struct bytes point);
/* ret_private takes ec_size bytes. */
MUST_CHECK enum err ec_generate(enum ec_curve curve, uint8_t *ret_private, struct ec_point *ret_public);
/* ERR_MALFORMED when the private key is 0 or not below the order of the curve. */
MUST_CHECK enum err ec_public_of(enum ec_curve curve, struct bytes private, struct ec_point *ret_public);

/* The X coordinate of the shared point, ec_size long. ERR_MALFORMED for a peer that is no point of the curve. */
MUST_CHECK enum err ec_agree(enum ec_curve curve, struct bytes private, struct bytes peer,
                             uint8_t *ret_shared);

/* Over the digest of `data`. ret_signature takes 2 * ec_size bytes. */
MUST_CHECK enum err ec_sign(enum ec_curve curve, enum digest digest, struct bytes private, struct bytes data,
                            uint8_t *ret_signature);
/* ERR_DENIED when the signature does not fit; ERR_MALFORMED for a public key that is none. */
MUST_CHECK enum err ec_verify(enum ec_curve curve, enum digest digest, struct bytes public, struct bytes data,
                              struct bytes signature);

/* ANSI X9.63 key derivation: as many bytes as asked for. */
MUST_CHECK enum err kdf_x963(enum digest digest, struct bytes shared, struct bytes info, uint8_t *ret_at, size_t len);

/* ---- X.509 certificates of such keys ---- */

struct ec_certificate {
	enum ec_curve curve;
	struct ec_point public;
	int64_t not_before_s, not_after_s; /* since 1970 */
	bool may_sign, may_agree;          /* others' certificates; keys. Both false when it does not say */
};

/* ERR_MALFORMED for what is no certificate in DER; ERR_UNSUPPORTED for one of another kind of key. */
MUST_CHECK enum err ec_certificate_read(struct bytes der, struct ec_certificate *ret_certificate, struct fault *fault);
/* Its signature by the issuer's key, and nothing else. ERR_DENIED. */
MUST_CHECK enum err ec_certificate_verify(struct bytes der, enum ec_curve curve, struct bytes issuer_public, struct fault *fault);

#endif
