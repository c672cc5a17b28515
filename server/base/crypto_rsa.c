#include <cardea/crypto_rsa.h>

#include <limits.h>

#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#define PSS_SALT 32

static const struct scheme_row {
	const char *digest;
	int padding;
} scheme_rows[] = {
	[RSA_PKCS1_SHA1] = { "SHA1", RSA_PKCS1_PADDING },
	[RSA_PSS_SHA256] = { "SHA256", RSA_PKCS1_PSS_PADDING },
};

/* ---- keys of OpenSSL ---- */

/* NULL for what is no RSA key, and nothing but that. To be freed with EVP_PKEY_free. */
static EVP_PKEY *pkey_of_der(struct bytes der, int selection)
{
	const unsigned char *at = der.at;
	size_t left = der.len;
	EVP_PKEY *pkey = NULL;
	OSSL_DECODER_CTX *decoder =
		OSSL_DECODER_CTX_new_for_pkey(&pkey, "DER", NULL, "RSA", selection, NULL, NULL);

	if (decoder != NULL && (OSSL_DECODER_from_data(decoder, &at, &left) != 1 || left > 0)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	OSSL_DECODER_CTX_free(decoder);
	return pkey;
}

static EVP_PKEY *pkey_of_public(const struct rsa_public *public)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_bin2bn(public->modulus, (int)public->modulus_len, NULL);
	BIGNUM *e = BN_bin2bn(public->exponent, (int)public->exponent_len, NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;

	if (context != NULL && builder != NULL && n != NULL && e != NULL &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		params = OSSL_PARAM_BLD_to_param(builder);
	if (params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	OSSL_PARAM_free(params);
	BN_free(n);
	BN_free(e);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(context);
	return pkey;
}

static bool number_of(const EVP_PKEY *pkey, const char *name, uint8_t *ret_at, size_t max, size_t *ret_len)
{
	BIGNUM *number = NULL;
	int len = EVP_PKEY_get_bn_param(pkey, name, &number) == 1 ? BN_num_bytes(number) : 0;
	bool fits = len > 0 && (size_t)len <= max && BN_bn2bin(number, ret_at) == len;

	BN_free(number);
	*ret_len = fits ? (size_t)len : 0;
	return fits;
}

static enum err public_of(EVP_PKEY *pkey, struct rsa_public *ret_public)
{
	struct rsa_public public;
	enum err err = ERR_NONE;

	if (pkey == NULL)
		return ERR_MALFORMED;
	if (!number_of(pkey, OSSL_PKEY_PARAM_RSA_N, public.modulus, sizeof(public.modulus),
		       &public.modulus_len) ||
	    !number_of(pkey, OSSL_PKEY_PARAM_RSA_E, public.exponent, sizeof(public.exponent),
		       &public.exponent_len) ||
	    public.modulus_len < RSA_SIZE_MIN)
		err = ERR_UNSUPPORTED;
	EVP_PKEY_free(pkey);
	if (err == ERR_NONE)
		*ret_public = public;
	return err;
}

enum err rsa_public_read(struct bytes public_der, struct rsa_public *ret_public)
{
	return public_of(pkey_of_der(public_der, EVP_PKEY_PUBLIC_KEY), ret_public);
}

enum err rsa_public_of(struct bytes private_der, struct rsa_public *ret_public)
{
	return public_of(pkey_of_der(private_der, EVP_PKEY_KEYPAIR), ret_public);
}

/* ---- signatures ---- */

static bool set_padding(EVP_PKEY_CTX *context, const struct scheme_row *row)
{
	return EVP_PKEY_CTX_set_rsa_padding(context, row->padding) == 1 &&
	       (row->padding != RSA_PKCS1_PSS_PADDING ||
		EVP_PKEY_CTX_set_rsa_pss_saltlen(context, PSS_SALT) == 1);
}

enum err rsa_sign(enum rsa_scheme scheme, struct bytes private_der, struct bytes data, uint8_t *ret_signature)
{
	const struct scheme_row *row = &scheme_rows[scheme];
	EVP_PKEY *pkey = pkey_of_der(private_der, EVP_PKEY_KEYPAIR);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	EVP_PKEY_CTX *context; /* of `digest` */
	size_t len = pkey == NULL ? 0 : (size_t)EVP_PKEY_get_size(pkey);
	enum err err = pkey == NULL ? ERR_MALFORMED : ERR_INTERNAL;

	if (len > RSA_SIZE_MAX)
		err = ERR_UNSUPPORTED;
	else if (pkey != NULL && digest != NULL &&
		 EVP_DigestSignInit_ex(digest, &context, row->digest, NULL, NULL, pkey, NULL) == 1 &&
		 set_padding(context, row) &&
		 EVP_DigestSign(digest, ret_signature, &len, data.at, data.len) == 1)
		err = ERR_NONE;
	EVP_MD_CTX_free(digest);
	EVP_PKEY_free(pkey);
	return err;
}

enum err rsa_verify(enum rsa_scheme scheme, const struct rsa_public *public, struct bytes data,
		    struct bytes signature)
{
	const struct scheme_row *row = &scheme_rows[scheme];
	EVP_PKEY *pkey = pkey_of_public(public);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	EVP_PKEY_CTX *context;
	enum err err = pkey == NULL ? ERR_MALFORMED : ERR_INTERNAL;

	if (pkey != NULL && digest != NULL &&
	    EVP_DigestVerifyInit_ex(digest, &context, row->digest, NULL, NULL, pkey, NULL) == 1 &&
	    set_padding(context, row))
		err = EVP_DigestVerify(digest, signature.at, signature.len, data.at, data.len) == 1
			      ? ERR_NONE
			      : ERR_DENIED;
	EVP_MD_CTX_free(digest);
	EVP_PKEY_free(pkey);
	return err;
}
