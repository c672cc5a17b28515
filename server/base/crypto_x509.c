#include <cardea/crypto_ec.h>

#include <limits.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "crypto_pkey.h"

static X509 *x509_of(struct bytes der)
{
	const unsigned char *at = der.at;
	X509 *certificate = der.len > LONG_MAX ? NULL : d2i_X509(NULL, &at, (long)der.len);

	if (certificate != NULL && at != der.at + der.len) {
		X509_free(certificate);
		return NULL;
	}
	return certificate;
}

static bool read_time(const ASN1_TIME *from, int64_t *ret_s)
{
	struct tm tm;

	if (from == NULL || ASN1_TIME_to_tm(from, &tm) != 1)
		return false;
	*ret_s = (int64_t)timegm(&tm);
	return true;
}

/* An uncompressed point of a curve that we have. */
static enum err read_key(EVP_PKEY *pkey, enum ec_curve *ret_curve, struct ec_point *ret_public)
{
	char name[64];
	size_t len;
	struct ec_point public;
	enum ec_curve curve;

	if (pkey == NULL || EVP_PKEY_get_group_name(pkey, name, sizeof(name), &len) != 1 ||
	    ec_curve_find(name, &curve) != ERR_NONE ||
	    EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, public.at, sizeof(public.at),
					    &public.len) != 1 ||
	    ec_check_public(curve, ec_point_bytes(&public)) != ERR_NONE)
		return ERR_UNSUPPORTED;
	*ret_curve = curve;
	*ret_public = public;
	return ERR_NONE;
}

enum err ec_certificate_read(struct bytes der, struct ec_certificate *ret_certificate, struct fault *fault)
{
	X509 *x509 = x509_of(der);
	struct ec_certificate certificate;
	enum err err = ERR_NONE;

	if (x509 == NULL)
		return fault_set(fault, ERR_MALFORMED, "not an X.509 certificate in DER");
	if (read_key(X509_get0_pubkey(x509), &certificate.curve, &certificate.public) != ERR_NONE)
		err = fault_set(fault, ERR_UNSUPPORTED, "the certificate's key is on no curve that we have");
	else if (!read_time(X509_get0_notBefore(x509), &certificate.not_before_s) ||
		 !read_time(X509_get0_notAfter(x509), &certificate.not_after_s))
		err = fault_set(fault, ERR_MALFORMED, "the certificate's validity is no time");
	if (err == ERR_NONE) {
		/* all bits are set when the certificate does not say */
		const uint32_t usage = X509_get_key_usage(x509);
		certificate.may_sign = usage != UINT32_MAX && (usage & KU_KEY_CERT_SIGN) != 0;
		certificate.may_agree = usage != UINT32_MAX && (usage & KU_KEY_AGREEMENT) != 0;
		*ret_certificate = certificate;
	}
	X509_free(x509);
	return err;
}

enum err ec_certificate_verify(struct bytes der, enum ec_curve curve, struct bytes issuer_public, struct fault *fault)
{
	X509 *x509 = x509_of(der);
	EVP_PKEY *issuer;
	enum err err = ERR_NONE;

	if (x509 == NULL)
		return fault_set(fault, ERR_MALFORMED, "not an X.509 certificate in DER");
	issuer = pkey_of_public(curve, issuer_public);
	if (issuer == NULL)
		err = fault_set(fault, ERR_MALFORMED, "the issuer's key is no point of %s",
				ec_curve_name(curve));
	else if (X509_verify(x509, issuer) != 1)
		err = fault_set(fault, ERR_DENIED, "the certificate's signature is not that of its issuer");
	EVP_PKEY_free(issuer);
	X509_free(x509);
	return err;
}
