#include "x509.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "log.h"

#define DANE_FULL         0
#define DANE_SHA256       1
#define DANE_SHA512       2
#define DANE_SHA384       3 /* [ours] DANE has none: a number that is free there */
#define CHAIN_DEPTH       5
#define WHOLE_CERTIFICATE 0 /* selector of DANE: LwM2M has only that */

/* ---- files ---- */

static struct bytes take_der(unsigned char *take_at, int len)
{
	struct bytes der = { NULL, 0 };
	uint8_t *copy = len > 0 ? malloc((size_t)len) : NULL;

	if (copy != NULL) {
		memcpy(copy, take_at, (size_t)len);
		der = bytes_of(copy, (size_t)len);
		OPENSSL_cleanse(take_at, (size_t)len);
	}
	OPENSSL_free(take_at);
	return der;
}

static enum err open_file(const char *path, BIO **ret_file, struct fault *fault)
{
	*ret_file = BIO_new_file(path, "r");
	ERR_clear_error();
	return *ret_file != NULL ? ERR_NONE : fault_set(fault, ERR_IO, "%s cannot be read", path);
}

static enum err read_certificate(const char *path, struct bytes *ret_der, struct fault *fault)
{
	unsigned char *der = NULL;
	BIO *file;
	enum err err = open_file(path, &file, fault);

	if (err != ERR_NONE)
		return err;
	X509 *x509 = PEM_read_bio_X509(file, NULL, NULL, NULL);
	BIO_free(file);
	ERR_clear_error();
	if (x509 == NULL)
		return fault_set(fault, ERR_MALFORMED, "%s has no certificate in PEM", path);
	const int len = i2d_X509(x509, &der);
	X509_free(x509);
	*ret_der = take_der(der, len);
	return ret_der->len > 0 ? ERR_NONE : ERR_NOMEM;
}

static enum err read_key(const char *path, struct bytes *ret_der, struct fault *fault)
{
	unsigned char *der = NULL;
	BIO *file;
	enum err err = open_file(path, &file, fault);

	if (err != ERR_NONE)
		return err;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
	BIO_free(file);
	ERR_clear_error();
	if (key == NULL)
		return fault_set(fault, ERR_MALFORMED, "%s has no private key in PEM", path);
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	const int len = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(key);
	*ret_der = take_der(der, len);
	return ret_der->len > 0 ? ERR_NONE : ERR_NOMEM;
}

static const EVP_MD *matching_digest(uint8_t matching)
{
	switch (matching) {
	case 1:
		return EVP_sha256();
	case 2:
		return EVP_sha384();
	case 3:
		return EVP_sha512();
	default:
		return NULL;
	}
}

/* What a bootstrap server would write to /0/x/4 for this matching type. */
static enum err match_server(struct x509_settings *settings)
{
	const EVP_MD *digest = matching_digest(settings->matching);
	uint8_t *at;
	unsigned len;

	if (digest == NULL)
		return ERR_NONE;
	at = malloc(EVP_MAX_MD_SIZE);
	if (at == NULL ||
	    EVP_Digest(settings->server.at, settings->server.len, at, &len, digest, NULL) != 1) {
		free(at);
		return ERR_NOMEM;
	}
	free((void *)(uintptr_t)settings->server.at);
	settings->server = bytes_of(at, len);
	return ERR_NONE;
}

enum err x509_read(const struct options *options, struct x509_settings *ret_settings, struct fault *fault)
{
	struct x509_settings settings = { .usage = (uint8_t)options->certificate_usage,
					  .matching = (uint8_t)options->matching_type,
					  .trust_store = options->trust_store };
	enum err err = ERR_NONE;

	if (options->certificate != NULL) {
		err = read_certificate(options->certificate, &settings.certificate, fault);
		if (err == ERR_NONE)
			err = read_key(options->certificate_key, &settings.key, fault);
		if (err == ERR_NONE)
			err = read_certificate(options->server_certificate, &settings.server, fault);
		if (err == ERR_NONE)
			err = match_server(&settings);
	}
	if (err != ERR_NONE)
		x509_clear(&settings);
	else
		*ret_settings = settings;
	return err;
}

void x509_clear(struct x509_settings *settings)
{
	if (settings->key.len > 0)
		wipe((void *)(uintptr_t)settings->key.at, settings->key.len);
	free((void *)(uintptr_t)settings->certificate.at);
	free((void *)(uintptr_t)settings->key.at);
	free((void *)(uintptr_t)settings->server.at);
	*settings = (struct x509_settings){ .usage = USAGE_DOMAIN_ISSUED };
}

/* ---- sessions ---- */

static bool show(SSL *ssl, const struct x509_settings *settings)
{
	const unsigned char *at = settings->key.at;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)settings->key.len);
	const bool is_done = key != NULL &&
			     SSL_use_certificate_ASN1(ssl, settings->certificate.at,
						      (int)settings->certificate.len) == 1 &&
			     SSL_use_PrivateKey(ssl, key) == 1 && SSL_check_private_key(ssl) == 1;

	EVP_PKEY_free(key);
	return is_done;
}

/* A name or a numeric address. */
static bool expect_name(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);

	return name == NULL || X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 ||
	       X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1;
}

static bool expect_certificate(SSL *ssl, const struct x509_settings *settings)
{
	static const uint8_t kinds[] = { DANE_FULL, DANE_SHA256, DANE_SHA384, DANE_SHA512 };
	SSL_CTX *context = SSL_get_SSL_CTX(ssl);

	if (settings->matching > MATCHING_MAX || SSL_CTX_dane_enable(context) != 1 ||
	    SSL_CTX_dane_mtype_set(context, EVP_sha384(), DANE_SHA384, DANE_SHA384) != 1 ||
	    SSL_dane_enable(ssl, NULL) != 1)
		return false;
	SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS); /* RFC 7671 5.1 */
	return SSL_dane_tlsa_add(ssl, settings->usage, WHOLE_CERTIFICATE, kinds[settings->matching],
				 settings->server.at, settings->server.len) == 1;
}

static bool trust(SSL *ssl, const struct x509_settings *settings)
{
	X509_STORE *store = X509_STORE_new();
	bool is_done = store != NULL && SSL_set1_verify_cert_store(ssl, store) == 1;

	if (is_done && settings->trust_store != NULL && settings->usage <= USAGE_SERVICE_CONSTRAINT)
		is_done = X509_STORE_load_file(store, settings->trust_store) == 1;
	X509_STORE_free(store);
	return is_done;
}

static int on_verified(int is_good, X509_STORE_CTX *store)
{
	if (!is_good)
		log_warn("server.refused", "reason=\"%s\"",
			 X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
	return is_good;
}

bool x509_prepare(SSL *ssl, const struct x509_settings *settings)
{
	const bool is_done = show(ssl, settings) && expect_certificate(ssl, settings) &&
			     expect_name(ssl, settings->name) && trust(ssl, settings);

	if (!is_done)
		log_warn("line.no_certificate", "reason=\"%s\"", ERR_reason_error_string(ERR_peek_error()));
	ERR_clear_error();
	/* libcoap has ideas of its own. */
	X509_VERIFY_PARAM_clear_flags(SSL_get0_param(ssl), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	SSL_set_verify_depth(ssl, CHAIN_DEPTH);
	SSL_set_verify(ssl, SSL_VERIFY_PEER, on_verified);
	return is_done;
}
