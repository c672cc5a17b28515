/* GPCS 2.3.1, B.1.2.2 (DES), B.2.2 (AES), B.3.1.1 and B.3.2.1 (RSA), B.4.3 (ECC) */
#include "gp/signature.h"

#include <string.h>

#define RSA_SHORT 128 /* a modulus of 1024 bits; longer ones sign by PSS */

static enum err build_padded_des(struct arena *arena, struct bytes data, struct bytes *ret_padded)
{
	struct builder b = builder_in(arena);

	build_bytes(&b, data);
	build_u8(&b, 0x80);
	build_zeros(&b, (DES_BLOCK - b.len % DES_BLOCK) % DES_BLOCK);
	return builder_bytes(&b, ret_padded);
}

static enum err make_des(struct arena *arena, const struct signature_key *key, struct bytes data,
			 uint8_t *ret_at, size_t *ret_len)
{
	static const uint8_t icv[DES_BLOCK];
	struct bytes padded;
	enum err err = build_padded_des(arena, data, &padded);

	*ret_len = DES_BLOCK;
	return err == ERR_NONE ? des_retail_mac(key->key, icv, padded, ret_at) : err;
}

static enum err make_aes(struct arena *arena, const struct signature_key *key, struct bytes data,
			 uint8_t *ret_at, size_t *ret_len)
{
	*ret_len = AES_BLOCK;
	return aes_cmac(key->key, &data, 1, ret_at);
}

static enum rsa_scheme rsa_scheme_of(const struct rsa_public *public)
{
	return public->modulus_len <= RSA_SHORT ? RSA_PKCS1_SHA1 : RSA_PSS_SHA256;
}

static enum err make_rsa(struct arena *arena, const struct signature_key *key, struct bytes data,
			 uint8_t *ret_at, size_t *ret_len)
{
	struct rsa_public public;
	enum err err = rsa_public_of(key->key, &public);

	if (err != ERR_NONE)
		return err;
	*ret_len = public.modulus_len;
	return rsa_sign(rsa_scheme_of(&public), key->key, data, ret_at);
}

static enum err make_ec(struct arena *arena, const struct signature_key *key, struct bytes data,
			uint8_t *ret_at, size_t *ret_len)
{
	*ret_len = 2 * ec_size(key->curve);
	return ec_sign(key->curve, ec_digest(key->curve), key->key, data, ret_at);
}

/* A MAC is verified by making it again. */
static enum err verify_mac(struct arena *arena, const struct signature_key *key, struct bytes data,
			   struct bytes signature)
{
	struct bytes expected;
	enum err err = signature_make(arena, key, data, &expected);

	if (err != ERR_NONE)
		return err;
	return bytes_equal_constant_time(expected, signature) ? ERR_NONE : ERR_DENIED;
}

static enum err verify_rsa(struct arena *arena, const struct signature_key *key, struct bytes data,
			   struct bytes signature)
{
	struct rsa_public public;
	enum err err = rsa_public_read(key->public, &public);

	return err == ERR_NONE ? rsa_verify(rsa_scheme_of(&public), &public, data, signature) : err;
}

static enum err verify_ec(struct arena *arena, const struct signature_key *key, struct bytes data,
			  struct bytes signature)
{
	return ec_verify(key->curve, ec_digest(key->curve), key->public, data, signature);
}

static const struct algorithm_row {
	const char *name;
	enum err (*make)(struct arena *arena, const struct signature_key *key, struct bytes data,
			 uint8_t *ret_at, size_t *ret_len);
	enum err (*verify)(struct arena *arena, const struct signature_key *key, struct bytes data,
			   struct bytes signature);
} rows[SIGNATURE_COUNT] = {
	[SIGNATURE_DES] = { "des", make_des, verify_mac },
	[SIGNATURE_AES] = { "aes", make_aes, verify_mac },
	[SIGNATURE_RSA] = { "rsa", make_rsa, verify_rsa },
	[SIGNATURE_EC] = { "ec", make_ec, verify_ec },
};

enum err signature_algorithm_find(const char *name, enum signature_algorithm *ret_algorithm)
{
	for (unsigned i = 0; i < SIGNATURE_COUNT; i++) {
		if (strcmp(rows[i].name, name) == 0) {
			*ret_algorithm = (enum signature_algorithm)i;
			return ERR_NONE;
		}
	}
	return ERR_NOT_FOUND;
}

enum digest signature_digest(const struct signature_key *key)
{
	switch (key->algorithm) {
	case SIGNATURE_AES:
		return key->key.len <= 16   ? DIGEST_SHA256
		       : key->key.len <= 24 ? DIGEST_SHA384
					    : DIGEST_SHA512;
	case SIGNATURE_EC:
		return ec_digest(key->curve);
	default:
		return DIGEST_SHA256; /* SHA-1 would do for DES and RSA of 1024 bits, and nobody should choose
					 it */
	}
}

enum err signature_make(struct arena *arena, const struct signature_key *key, struct bytes data,
			struct bytes *ret_signature)
{
	uint8_t at[SIGNATURE_MAX];
	size_t len = 0;

	if (key->key.len == 0)
		return ERR_MALFORMED;
	enum err err = rows[key->algorithm].make(arena, key, data, at, &len);
	return err == ERR_NONE ? bytes_copy(arena, bytes_of(at, len), ret_signature) : err;
}

enum err signature_verify(struct arena *arena, const struct signature_key *key, struct bytes data,
			  struct bytes signature)
{
	return rows[key->algorithm].verify(arena, key, data, signature);
}
