#include <cardea/crypto_ec.h>

#include <limits.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include "crypto_pkey.h"

/* clang-format off */
static const struct curve_row {
	const char *name, *short_name;
	int nid;
	size_t size;
	enum digest digest;
} curve_rows[EC_CURVE_COUNT] = {
	[EC_P256]             = { "secp256r1",       "P-256", NID_X9_62_prime256v1, 32, DIGEST_SHA256 },
	[EC_P384]             = { "secp384r1",       "P-384", NID_secp384r1,        48, DIGEST_SHA384 },
	[EC_P521]             = { "secp521r1",       "P-521", NID_secp521r1,        66, DIGEST_SHA512 },
	[EC_BRAINPOOL_P256R1] = { "brainpoolP256r1", NULL,    NID_brainpoolP256r1,  32, DIGEST_SHA256 },
	[EC_BRAINPOOL_P384R1] = { "brainpoolP384r1", NULL,    NID_brainpoolP384r1,  48, DIGEST_SHA384 },
	[EC_BRAINPOOL_P512R1] = { "brainpoolP512r1", NULL,    NID_brainpoolP512r1,  64, DIGEST_SHA512 },
};
/* clang-format on */

static const char *const digest_names[DIGEST_COUNT] = {
	[DIGEST_SHA1] = "SHA1",
	[DIGEST_SHA256] = "SHA256",
	[DIGEST_SHA384] = "SHA384",
	[DIGEST_SHA512] = "SHA512",
};

size_t ec_size(enum ec_curve curve)
{
	return curve_rows[curve].size;
}

const char *ec_curve_name(enum ec_curve curve)
{
	return curve_rows[curve].name;
}

enum digest ec_digest(enum ec_curve curve)
{
	return curve_rows[curve].digest;
}

enum err ec_curve_find(const char *name, enum ec_curve *ret_curve)
{
	for (unsigned i = 0; i < EC_CURVE_COUNT; i++) {
		const struct curve_row *row = &curve_rows[i];
		if (strcasecmp(name, row->name) == 0 || strcasecmp(name, OBJ_nid2sn(row->nid)) == 0 ||
		    (row->short_name != NULL && strcasecmp(name, row->short_name) == 0)) {
			*ret_curve = (enum ec_curve)i;
			return ERR_NONE;
		}
	}
	return ERR_NOT_FOUND;
}

/* ---- keys of OpenSSL ---- */

static EVP_PKEY *pkey_of_params(enum ec_curve curve, OSSL_PARAM_BLD *builder, int selection)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;

	if (context != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
	    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME,
					    OBJ_nid2sn(curve_rows[curve].nid), 0) == 1)
		params = OSSL_PARAM_BLD_to_param(builder);
	if (params != NULL && EVP_PKEY_fromdata(context, &pkey, selection, params) != 1)
		pkey = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(context);
	return pkey;
}

EVP_PKEY *pkey_of_public(enum ec_curve curve, struct bytes point)
{
	OSSL_PARAM_BLD *builder;
	EVP_PKEY_CTX *check = NULL;
	EVP_PKEY *pkey = NULL;

	if (point.len != 1 + 2 * ec_size(curve) || point.at[0] != POINT_CONVERSION_UNCOMPRESSED)
		return NULL;
	builder = OSSL_PARAM_BLD_new();
	if (builder != NULL &&
	    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.at, point.len) == 1)
		pkey = pkey_of_params(curve, builder, EVP_PKEY_PUBLIC_KEY);
	OSSL_PARAM_BLD_free(builder);
	if (pkey != NULL)
		check = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	if (pkey != NULL && (check == NULL || EVP_PKEY_public_check(check) != 1)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	EVP_PKEY_CTX_free(check);
	return pkey;
}

static EVP_PKEY *pkey_of_private(enum ec_curve curve, struct bytes private)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *number = BN_secure_new();
	struct ec_point public;
	EVP_PKEY *pkey = NULL;

	if (builder != NULL && number != NULL && ec_public_of(curve, private, &public) == ERR_NONE &&
	    BN_bin2bn(private.at, (int)private.len, number) != NULL &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, public.at, public.len) == 1)
		pkey = pkey_of_params(curve, builder, EVP_PKEY_KEYPAIR);
	BN_clear_free(number);
	OSSL_PARAM_BLD_free(builder);
	return pkey;
}

/* ---- keys ---- */

enum err ec_check_public(enum ec_curve curve, struct bytes point)
{
	EVP_PKEY *pkey = pkey_of_public(curve, point);
	enum err err = pkey == NULL ? ERR_MALFORMED : ERR_NONE;

	EVP_PKEY_free(pkey);
	return err;
}

enum err ec_public_of(enum ec_curve curve, struct bytes private, struct ec_point *ret_public)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(curve_rows[curve].nid);
	EC_POINT *point = group == NULL ? NULL : EC_POINT_new(group);
	BIGNUM *number = BN_secure_new();
	struct ec_point public = { .len = 1 + 2 * ec_size(curve) };
	enum err err = ERR_NOMEM;

	if (point == NULL || number == NULL || BN_bin2bn(private.at, (int)private.len, number) == NULL)
		goto out;
	err = ERR_MALFORMED;
	if (private.len != ec_size(curve) || BN_is_zero(number) ||
	    BN_cmp(number, EC_GROUP_get0_order(group)) >= 0)
		goto out;
	err = ERR_INTERNAL;
	if (EC_POINT_mul(group, point, number, NULL, NULL, NULL) != 1 ||
	    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, public.at, public.len, NULL) !=
		    public.len)
		goto out;
	*ret_public = public;
	err = ERR_NONE;
out:
	BN_clear_free(number);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	return err;
}

enum err ec_generate(enum ec_curve curve, uint8_t *ret_private, struct ec_point *ret_public)
{
	EVP_PKEY *pkey = EVP_EC_gen(OBJ_nid2sn(curve_rows[curve].nid));
	const int size = (int)ec_size(curve);
	uint8_t private[EC_SIZE_MAX];
	struct ec_point public;
	BIGNUM *number = NULL;
	enum err err = ERR_INTERNAL;

	if (pkey != NULL && EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
	    BN_bn2binpad(number, private, size) == size)
		err = ec_public_of(curve, bytes_of(private, ec_size(curve)), &public);
	if (err == ERR_NONE) {
		memcpy(ret_private, private, ec_size(curve));
		*ret_public = public;
	}
	BN_clear_free(number);
	wipe(private, sizeof(private));
	EVP_PKEY_free(pkey);
	return err;
}

enum err ec_agree(enum ec_curve curve, struct bytes private, struct bytes peer, uint8_t *ret_shared)
{
	EVP_PKEY *own = pkey_of_private(curve, private), *other = pkey_of_public(curve, peer);
	EVP_PKEY_CTX *context = own == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	size_t len = ec_size(curve);
	enum err err = ERR_MALFORMED;

	if (other != NULL && context != NULL && EVP_PKEY_derive_init(context) == 1 &&
	    EVP_PKEY_derive_set_peer(context, other) == 1 &&
	    EVP_PKEY_derive(context, ret_shared, &len) == 1 && len == ec_size(curve))
		err = ERR_NONE;
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(other);
	EVP_PKEY_free(own);
	return err;
}

/* ---- signatures ---- */

static bool plain_of_der(enum ec_curve curve, struct bytes der, uint8_t *ret_plain)
{
	const int size = (int)ec_size(curve);
	const unsigned char *at = der.at;
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
	bool is_done = signature != NULL &&
		       BN_bn2binpad(ECDSA_SIG_get0_r(signature), ret_plain, size) == size &&
		       BN_bn2binpad(ECDSA_SIG_get0_s(signature), ret_plain + size, size) == size;

	ECDSA_SIG_free(signature);
	return is_done;
}

/* To be freed with OPENSSL_free. */
static int der_of_plain(enum ec_curve curve, struct bytes plain, unsigned char **ret_der)
{
	struct bytes r = bytes_first(plain, ec_size(curve)), s = bytes_from(plain, ec_size(curve));
	ECDSA_SIG *signature = ECDSA_SIG_new();
	BIGNUM *r_number = BN_bin2bn(r.at, (int)r.len, NULL), *s_number = BN_bin2bn(s.at, (int)s.len, NULL);
	int len = -1;

	if (signature != NULL && r_number != NULL && s_number != NULL &&
	    ECDSA_SIG_set0(signature, r_number, s_number) == 1) {
		r_number = s_number = NULL;
		len = i2d_ECDSA_SIG(signature, ret_der);
	}
	BN_free(r_number);
	BN_free(s_number);
	ECDSA_SIG_free(signature);
	return len;
}

enum err ec_sign(enum ec_curve curve, enum digest digest, struct bytes private, struct bytes data,
		 uint8_t *ret_signature)
{
	EVP_PKEY *pkey = pkey_of_private(curve, private);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t der[2 * EC_SIZE_MAX + 16];
	size_t len = sizeof(der);
	enum err err = pkey == NULL ? ERR_MALFORMED : ERR_INTERNAL;

	if (pkey != NULL && context != NULL &&
	    EVP_DigestSignInit_ex(context, NULL, digest_names[digest], NULL, NULL, pkey, NULL) == 1 &&
	    EVP_DigestSign(context, der, &len, data.at, data.len) == 1 &&
	    plain_of_der(curve, bytes_of(der, len), ret_signature))
		err = ERR_NONE;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(pkey);
	return err;
}

enum err ec_verify(enum ec_curve curve, enum digest digest, struct bytes public, struct bytes data,
		   struct bytes signature)
{
	EVP_PKEY *pkey;
	EVP_MD_CTX *context = NULL;
	unsigned char *der = NULL;
	enum err err = ERR_DENIED;
	int len;

	if (signature.len != 2 * ec_size(curve))
		return ERR_DENIED;
	pkey = pkey_of_public(curve, public);
	if (pkey == NULL)
		return ERR_MALFORMED;
	len = der_of_plain(curve, signature, &der);
	context = EVP_MD_CTX_new();
	if (context == NULL || len < 0)
		err = ERR_NOMEM;
	else if (EVP_DigestVerifyInit_ex(context, NULL, digest_names[digest], NULL, NULL, pkey, NULL) != 1)
		err = ERR_INTERNAL;
	else if (EVP_DigestVerify(context, der, (size_t)len, data.at, data.len) == 1)
		err = ERR_NONE;
	OPENSSL_free(der);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(pkey);
	return err;
}

/* ---- derivation ---- */

enum err kdf_x963(enum digest digest, struct bytes shared, struct bytes info, uint8_t *ret_at, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_X963KDF, NULL);
	EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)digest_names[digest], 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)shared.at, shared.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info.at, info.len),
		OSSL_PARAM_construct_end(),
	};
	enum err err = ERR_INTERNAL;

	if (context != NULL && EVP_KDF_derive(context, ret_at, len, params) == 1)
		err = ERR_NONE;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return err;
}
