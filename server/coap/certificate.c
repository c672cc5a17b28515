#include "certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECURITY_BITS 128   /* of a key: groups below 255 bits are forbidden (LwM2M Transport TS 1.1, 5.2) */
#define AUTH_LEVEL    2     /* OpenSSL's for the chain above: 112 bits, no SHA-1 */
#define CHAIN_DEPTH   5     /* [ours] authorities above a device */
#define CHAIN_BYTES   16384 /* [ours] of what a client may send */
#define SIGNATURES    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512"
#define GROUPS        "P-256:X25519:P-384:P-521"

struct certificates {
	X509 *own;
	STACK_OF(X509) * chain; /* above our own */
	EVP_PKEY *key;
	X509_STORE *trusted;
	uint8_t *own_der;
	size_t own_len;
};

/* ---- files ---- */

/* A key with a passphrase must not stop the server to ask for it. */
static int no_passphrase(char *at, int size, int is_writing, void *self)
{
	return 0;
}

static enum err open_file(const char *path, BIO **ret_file, struct fault *fault)
{
	errno = 0;
	BIO *file = BIO_new_file(path, "r");

	if (file == NULL) {
		ERR_clear_error();
		return fault_set(fault, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
				 errno != 0 ? strerror(errno) : "cannot be read");
	}
	*ret_file = file;
	return ERR_NONE;
}

/* Everything in a PEM file, in its order. */
static enum err read_items(const char *path, STACK_OF(X509_INFO) * *ret_items, struct fault *fault)
{
	BIO *file;
	enum err err = open_file(path, &file, fault);

	if (err != ERR_NONE)
		return err;
	STACK_OF(X509_INFO) *items = PEM_X509_INFO_read_bio(file, NULL, no_passphrase, NULL);
	BIO_free(file);
	ERR_clear_error();
	if (items == NULL)
		return fault_set(fault, ERR_MALFORMED, "%s: no PEM file", path);
	*ret_items = items;
	return ERR_NONE;
}

static void free_items(STACK_OF(X509_INFO) * items)
{
	sk_X509_INFO_pop_free(items, X509_INFO_free);
}

static enum err read_chain(struct certificates *certificates, const char *path, struct fault *fault)
{
	STACK_OF(X509_INFO) * items;
	enum err err = read_items(path, &items, fault);

	if (err != ERR_NONE)
		return err;
	certificates->chain = sk_X509_new_null();
	for (int i = 0; i < sk_X509_INFO_num(items); i++) {
		X509_INFO *item = sk_X509_INFO_value(items, i);
		if (item->x509 == NULL)
			continue;
		if (certificates->own == NULL)
			certificates->own = item->x509;
		else if (certificates->chain == NULL || sk_X509_push(certificates->chain, item->x509) == 0)
			continue;
		item->x509 = NULL; /* it is ours now */
	}
	free_items(items);
	return certificates->own != NULL ? ERR_NONE
					 : fault_set(fault, ERR_MALFORMED, "%s: has no certificate", path);
}

/* Whether a suite of ours takes it: all of them are ECDHE_ECDSA. */
static bool is_strong_key(EVP_PKEY *key)
{
	return key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_security_bits(key) >= SECURITY_BITS;
}

static enum err read_key(struct certificates *certificates, const char *path, struct fault *fault)
{
	BIO *file;
	enum err err = open_file(path, &file, fault);

	if (err != ERR_NONE)
		return err;
	certificates->key = PEM_read_bio_PrivateKey(file, NULL, no_passphrase, NULL);
	BIO_free(file);
	ERR_clear_error();
	if (certificates->key == NULL)
		return fault_set(fault, ERR_MALFORMED, "%s: no private key in PEM without a passphrase",
				 path);
	if (!is_strong_key(certificates->key))
		return fault_set(fault, ERR_UNSUPPORTED,
				 "%s: must be an elliptic curve key, as on P-256 (prime256v1)", path);
	return ERR_NONE;
}

static enum err check_pair(struct certificates *certificates, const char *path, struct fault *fault)
{
	int len;

	if (X509_check_private_key(certificates->own, certificates->key) != 1) {
		ERR_clear_error();
		return fault_set(fault, ERR_MALFORMED, "%s: is not the key of the first certificate", path);
	}
	len = i2d_X509(certificates->own, &certificates->own_der);
	if (len <= 0)
		return ERR_NOMEM;
	certificates->own_len = (size_t)len;
	return ERR_NONE;
}

/* Adds the certificates or the revocation lists of a file to those that we know. */
static enum err add_trusted(struct certificates *certificates, const char *path, bool wants_lists,
			    struct fault *fault)
{
	STACK_OF(X509_INFO) * items;
	size_t count = 0;
	enum err err = read_items(path, &items, fault);

	if (err != ERR_NONE)
		return err;
	for (int i = 0; i < sk_X509_INFO_num(items); i++) {
		X509_INFO *item = sk_X509_INFO_value(items, i);
		if (wants_lists && item->crl != NULL)
			count += X509_STORE_add_crl(certificates->trusted, item->crl) == 1;
		else if (!wants_lists && item->x509 != NULL)
			count += X509_STORE_add_cert(certificates->trusted, item->x509) == 1;
	}
	free_items(items);
	if (count == 0)
		return fault_set(fault, ERR_MALFORMED, "%s: has no %s", path,
				 wants_lists ? "revocation list" : "certificate");
	return ERR_NONE;
}

static enum err read_trusted(struct certificates *certificates, const struct certificate_files *files,
			     struct fault *fault)
{
	unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
	enum err err = ERR_NONE;

	certificates->trusted = X509_STORE_new();
	if (certificates->trusted == NULL)
		return ERR_NOMEM;
	if (files->authorities[0] != 0)
		err = add_trusted(certificates, files->authorities, false, fault);
	if (err == ERR_NONE && files->revocations[0] != 0) {
		flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
		err = add_trusted(certificates, files->revocations, true, fault);
	}
	if (err != ERR_NONE)
		return err;
	X509_STORE_set_depth(certificates->trusted, CHAIN_DEPTH);
	return X509_STORE_set_flags(certificates->trusted, flags) == 1 ? ERR_NONE : ERR_NOMEM;
}

enum err certificates_create(const struct certificate_files *files, struct certificates **ret_certificates,
			     struct fault *fault)
{
	struct certificates *certificates = calloc(1, sizeof(*certificates));
	enum err err;

	if (certificates == NULL)
		return ERR_NOMEM;
	err = read_chain(certificates, files->chain, fault);
	if (err == ERR_NONE)
		err = read_key(certificates, files->key, fault);
	if (err == ERR_NONE)
		err = check_pair(certificates, files->key, fault);
	if (err == ERR_NONE)
		err = read_trusted(certificates, files, fault);
	if (err != ERR_NONE) {
		certificates_free(certificates);
		return err;
	}
	*ret_certificates = certificates;
	return ERR_NONE;
}

void certificates_free(struct certificates *certificates)
{
	if (certificates == NULL)
		return;
	X509_free(certificates->own);
	sk_X509_pop_free(certificates->chain, X509_free);
	EVP_PKEY_free(certificates->key);
	X509_STORE_free(certificates->trusted);
	OPENSSL_free(certificates->own_der);
	free(certificates);
}

bool certificates_use(const struct certificates *certificates, SSL_CTX *ssl)
{
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_max_cert_list(ssl, CHAIN_BYTES);
	SSL_CTX_set1_cert_store(ssl, certificates->trusted);
	return SSL_CTX_use_cert_and_key(ssl, certificates->own, certificates->key, certificates->chain, 1) ==
		       1 &&
	       SSL_CTX_set1_groups_list(ssl, GROUPS) == 1 &&
	       SSL_CTX_set1_sigalgs_list(ssl, SIGNATURES) == 1 &&
	       SSL_CTX_set1_client_sigalgs_list(ssl, SIGNATURES) == 1;
}

struct bytes certificates_own(const struct certificates *certificates)
{
	return bytes_of(certificates->own_der, certificates->own_len);
}

/* ---- what a certificate says ---- */

/* A name that could be one of an endpoint: of its length, and without what a reader would not see. */
static void add_name(struct certificate *certificate, const ASN1_STRING *string)
{
	unsigned char *text;
	const int len = ASN1_STRING_to_UTF8(&text, string);
	bool is_plain = len > 0 && len < CERTIFICATE_NAME_SIZE;

	if (len < 0) {
		ERR_clear_error();
		return;
	}
	for (int i = 0; i < len; i++)
		is_plain &= text[i] >= ' ' && text[i] != 0x7F;
	if (is_plain && bytes_are_utf8(bytes_of(text, (size_t)len)) &&
	    certificate->name_count < CERTIFICATE_NAMES_MAX) {
		memcpy(certificate->names[certificate->name_count], text, (size_t)len);
		certificate->names[certificate->name_count++][len] = 0;
	}
	OPENSSL_free(text);
}

static void add_alternatives(struct certificate *certificate, const GENERAL_NAMES *alternatives, int type)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(alternatives, i);
		if (name->type == type)
			add_name(certificate, name->d.ia5);
	}
}

static void add_common_name(struct certificate *certificate, X509 *x509)
{
	X509_NAME *subject = X509_get_subject_name(x509);
	int at, last = -1;

	while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, last)) >= 0)
		last = at; /* the most specific one */
	if (last >= 0)
		add_name(certificate, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
}

static void read_names(struct certificate *certificate, X509 *x509)
{
	GENERAL_NAMES *alternatives = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);

	add_alternatives(certificate, alternatives, GEN_URI);
	add_common_name(certificate, x509);
	add_alternatives(certificate, alternatives, GEN_DNS);
	GENERAL_NAMES_free(alternatives);
	ERR_clear_error();
}

static void add_issuer(struct certificate *certificate, X509 *authority)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *at;

	if (text == NULL)
		return;
	X509_NAME_print_ex(text, X509_get_subject_name(authority), 0,
			   XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
	const long len = BIO_get_mem_data(text, &at);
	if (len > 0 && len < CERTIFICATE_NAME_SIZE && certificate->issuer_count < CERTIFICATE_ISSUERS_MAX) {
		memcpy(certificate->issuers[certificate->issuer_count], at, (size_t)len);
		certificate->issuers[certificate->issuer_count++][len] = 0;
	}
	BIO_free(text);
}

static bool read_certificate(X509 *x509, struct certificate *ret_certificate)
{
	struct tm expires;

	read_names(ret_certificate, x509);
	if (ASN1_TIME_to_tm(X509_get0_notAfter(x509), &expires) != 1 ||
	    X509_digest(x509, EVP_sha256(), ret_certificate->print, NULL) != 1) {
		ERR_clear_error();
		return false;
	}
	ret_certificate->expires_s = timegm(&expires);
	return true;
}

/* ---- checking ---- */

static bool is_about_trust(int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE: /* by somebody who calls himself like one of our authorities
						 */
		return true;
	default:
		return false;
	}
}

/* What OpenSSL does not get to when nobody trusts the certificate, and what it leaves to us. */
static int check_alone(X509 *x509)
{
	if (X509_cmp_current_time(X509_get0_notBefore(x509)) >= 0)
		return X509_V_ERR_CERT_NOT_YET_VALID;
	if (X509_cmp_current_time(X509_get0_notAfter(x509)) <= 0)
		return X509_V_ERR_CERT_HAS_EXPIRED;
	if (X509_check_purpose(x509, X509_PURPOSE_SSL_CLIENT, 0) != 1)
		return X509_V_ERR_INVALID_PURPOSE;
	if (!is_strong_key(X509_get0_pubkey(x509)))
		return X509_V_ERR_EE_KEY_TOO_SMALL;
	return X509_V_OK;
}

int certificate_check(X509_STORE_CTX *store, struct certificate *ret_certificate)
{
	X509 *x509 = X509_STORE_CTX_get0_cert(store);
	int error;

	memset(ret_certificate, 0, sizeof(*ret_certificate));
	if (x509 == NULL || !read_certificate(x509, ret_certificate))
		return X509_V_ERR_UNSPECIFIED;
	/* Our suites need security level 0, the signatures of authorities do not. */
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(store), AUTH_LEVEL);
	const bool is_trusted = X509_verify_cert(store) == 1;
	error = X509_STORE_CTX_get_error(store);
	ERR_clear_error();
	if (!is_trusted && error == X509_V_OK)
		return X509_V_ERR_UNSPECIFIED;
	if (!is_trusted && !is_about_trust(error))
		return error;
	error = check_alone(x509);
	if (error != X509_V_OK || !is_trusted)
		return error;
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);
	for (int i = 1; i < sk_X509_num(chain); i++)
		add_issuer(ret_certificate, sk_X509_value(chain, i));
	return X509_V_OK;
}

/* ---- for those who have one at hand ---- */

enum err certificate_from_pem(struct arena *arena, struct bytes pem, struct bytes *ret_der,
			      struct fault *fault)
{
	BIO *text = BIO_new_mem_buf(pem.at, (int)pem.len);
	X509 *x509 = text != NULL ? PEM_read_bio_X509(text, NULL, no_passphrase, NULL) : NULL;
	X509 *second = x509 != NULL ? PEM_read_bio_X509(text, NULL, no_passphrase, NULL) : NULL;
	unsigned char *der = NULL;
	enum err err = ERR_NONE;
	int len;

	if (x509 == NULL)
		err = fault_set(fault, ERR_MALFORMED, "no certificate in PEM");
	else if (second != NULL)
		err = fault_set(fault, ERR_MALFORMED, "more than one certificate: the device's alone");
	else if ((len = i2d_X509(x509, &der)) <= 0)
		err = ERR_NOMEM;
	else
		err = bytes_copy(arena, bytes_of(der, (size_t)len), ret_der);
	OPENSSL_free(der);
	X509_free(second);
	X509_free(x509);
	BIO_free(text);
	ERR_clear_error();
	return err;
}

static enum err copy_key(struct arena *arena, EVP_PKEY *key, struct bytes *ret_der)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;
	const int len = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
	enum err err = len > 0 ? bytes_copy(arena, bytes_of(der, (size_t)len), ret_der) : ERR_NOMEM;

	OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
	PKCS8_PRIV_KEY_INFO_free(info);
	return err;
}

enum err certificate_key_from_pem(struct arena *arena, struct bytes pem, struct bytes certificate,
				  struct bytes *ret_der, struct fault *fault)
{
	const unsigned char *at = certificate.at;
	X509 *x509 = d2i_X509(NULL, &at, (long)certificate.len);
	BIO *text = BIO_new_mem_buf(pem.at, (int)pem.len);
	EVP_PKEY *key = text != NULL ? PEM_read_bio_PrivateKey(text, NULL, no_passphrase, NULL) : NULL;
	enum err err;

	if (key == NULL)
		err = fault_set(fault, ERR_MALFORMED, "no private key in PEM without a passphrase");
	else if (!is_strong_key(key))
		err = fault_set(fault, ERR_UNSUPPORTED, "must be an elliptic curve key, as on P-256");
	else if (x509 == NULL || X509_check_private_key(x509, key) != 1)
		err = fault_set(fault, ERR_MALFORMED, "is not the key of the certificate");
	else
		err = copy_key(arena, key, ret_der);
	EVP_PKEY_free(key);
	BIO_free(text);
	X509_free(x509);
	ERR_clear_error();
	return err;
}

const char *certificate_no_raw_keys(void)
{
#if OPENSSL_VERSION_NUMBER < 0x30200000L
	return "raw public keys (RFC 7250) need OpenSSL 3.2, this server is built with " OPENSSL_VERSION_STR;
#else
	return "raw public keys (RFC 7250) are not built into this server";
#endif
}
