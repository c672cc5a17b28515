#include "identity.h"

#include <openssl/err.h>
#include <stdio.h>

#include "certificate.h"
#include "credentials.h"
#include "log.h"
#include "loop.h"

#define PRINT_BYTES 16
#define KEPT_MAX    (1 + PRINT_BYTES + CREDENTIAL_NAME_SIZE)

static const struct identities *identities_of(SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

/* ---- what is kept: the kind, then
 *   of a key         a print of it and its identity; a session made with a key that was replaced may not be
 * resumed of a certificate when it expires and the identity of its credential; or the name, where there is no
 * credential ending in a 0 byte ---- */

#define KEPT_ISSUED 'i' /* beside the kinds of credentials */

static bool keep(SSL_SESSION *session, uint8_t kind, struct bytes head, const char *identity)
{
	uint8_t kept[KEPT_MAX];
	const size_t len = strlen(identity) + 1;

	if (1 + head.len + len > sizeof(kept))
		return false;
	kept[0] = kind;
	memcpy(kept + 1, head.at, head.len);
	memcpy(kept + 1 + head.len, identity, len);
	return SSL_SESSION_set1_ticket_appdata(session, kept, 1 + head.len + len) == 1;
}

static struct bytes kept_by(SSL_SESSION *session)
{
	void *kept;
	size_t len;

	if (session == NULL || SSL_SESSION_get0_ticket_appdata(session, &kept, &len) != 1)
		return bytes_of(NULL, 0);
	return bytes_of(kept, len);
}

struct bytes identity_kept(SSL *ssl)
{
	return kept_by(SSL_get_session(ssl));
}

/* ---- pre-shared keys ---- */

static enum err key_print(const struct identities *identities, const struct secret *key,
			  uint8_t ret_mac[SHA256_SIZE])
{
	return hmac_sha256(bytes_of(identities->print_key, sizeof(identities->print_key)), secret_bytes(key),
			   ret_mac);
}

static const char *endpoint_of_key(const struct identities *identities, struct reader *r)
{
	const struct bytes old_print = read_bytes(r, PRINT_BYTES), identity = read_rest(r);
	const char *endpoint;
	const struct secret *key;
	uint8_t print[SHA256_SIZE];

	if (r->bad || identity.len == 0 ||
	    credentials_find_psk(identities->credentials, (const char *)identity.at, &endpoint, &key) !=
		    ERR_NONE ||
	    key_print(identities, key, print) != ERR_NONE ||
	    !bytes_equal_constant_time(old_print, bytes_of(print, PRINT_BYTES)))
		return NULL;
	return endpoint;
}

/* 0 lets OpenSSL say unknown_psk_identity. */
static unsigned find_key(SSL *ssl, const char *identity, unsigned char *key_at, unsigned max_bytes)
{
	const struct identities *identities = identities_of(ssl);
	const char *endpoint;
	const struct secret *key;
	uint8_t print[SHA256_SIZE];

	if (identity == NULL ||
	    credentials_find_psk(identities->credentials, identity, &endpoint, &key) != ERR_NONE ||
	    key->len > max_bytes || key_print(identities, key, print) != ERR_NONE ||
	    !keep(SSL_get_session(ssl), CREDENTIAL_KIND_PSK, bytes_of(print, PRINT_BYTES), identity))
		return 0;
	memcpy(key_at, key->at, key->len);
	return (unsigned)key->len;
}

/* TLS 1.3 knows a pre-shared key as a session that was never made (RFC 8446 4.2.11): of the suite that all
 * have, whose hash is the SHA-256 that keys without a hash of their own are for. NULL without memory. */
static SSL_SESSION *session_of_key(SSL *ssl, const struct identities *identities, const char *identity,
				   const struct secret *key)
{
	static const unsigned char aes_128_gcm_sha256[] = { 0x13, 0x01 };
	SSL_SESSION *session = SSL_SESSION_new();
	uint8_t print[SHA256_SIZE];

	if (session != NULL && SSL_SESSION_set1_master_key(session, key->at, key->len) == 1 &&
	    SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, aes_128_gcm_sha256)) == 1 &&
	    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1 &&
	    key_print(identities, key, print) == ERR_NONE &&
	    keep(session, CREDENTIAL_KIND_PSK, bytes_of(print, PRINT_BYTES), identity))
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

/* Tickets are asked for here too: whoever is not known may be one of them. */
static int find_session(SSL *ssl, const unsigned char *identity, size_t len, SSL_SESSION **ret_session)
{
	const struct identities *identities = identities_of(ssl);
	char name[CREDENTIAL_NAME_SIZE] = "";
	const char *endpoint;
	const struct secret *key;

	*ret_session = NULL;
	if (len >= sizeof(name) || memchr(identity, 0, len) != NULL)
		return 1;
	memcpy(name, identity, len);
	if (credentials_find_psk(identities->credentials, name, &endpoint, &key) == ERR_NONE)
		*ret_session = session_of_key(ssl, identities, name, key);
	return 1;
}

/* ---- certificates ---- */

static bool is_issued_enough(const struct identities *identities, const char *endpoint)
{
	return credentials_accepts_issued(identities->credentials) &&
	       !credentials_has(identities->credentials, endpoint);
}

static const char *endpoint_of_certificate(const struct identities *identities, uint8_t kind,
					   struct reader *r)
{
	const int64_t expires_s = (int64_t)read_u64(r);
	const char *identity = (const char *)read_rest(r).at;

	if (r->bad || loop_wall_ms(identities->loop) / 1000 >= expires_s)
		return NULL;
	if (kind == CREDENTIAL_KIND_X509)
		return credentials_find_x509(identities->credentials, identity);
	return is_issued_enough(identities, identity) ? identity : NULL;
}

/* Under which identity the credentials know the certificate. False: under none. */
static bool find_identity(const struct identities *identities, const struct certificate *certificate,
			  char ret_identity[static CREDENTIAL_NAME_SIZE])
{
	if (credentials_find_x509(identities->credentials,
				  x509_identity_of_print(certificate->print, ret_identity)) != NULL)
		return true;
	for (size_t i = 0; i < certificate->name_count; i++)
		for (size_t j = 0; j < certificate->issuer_count; j++) {
			const char *endpoint = credentials_find_x509(
				identities->credentials,
				x509_identity_of_issuer(certificate->names[i], certificate->issuers[j],
							ret_identity));
			/* A name with commas may read like another one with its authority. */
			if (endpoint != NULL && strcmp(endpoint, certificate->names[i]) == 0)
				return true;
		}
	return false;
}

static bool keep_certificate(SSL *ssl, const struct certificate *certificate, uint8_t kind,
			     const char *identity)
{
	uint8_t expires[8];

	for (size_t i = 0; i < sizeof(expires); i++)
		expires[i] = (uint8_t)((uint64_t)certificate->expires_s >> 8 * (7 - i));
	return keep(SSL_get_session(ssl), kind, bytes_of(expires, sizeof(expires)), identity);
}

/* NULL, or what is wrong with it; *ret_error becomes the alert. */
static const char *judge_certificate(const struct identities *identities, SSL *ssl,
				     const struct certificate *certificate, int *ret_error)
{
	char identity[CREDENTIAL_NAME_SIZE];
	uint8_t kind = CREDENTIAL_KIND_X509;

	*ret_error = X509_V_ERR_CERT_REJECTED;
	if (!find_identity(identities, certificate, identity)) {
		if (certificate->issuer_count == 0) {
			*ret_error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
			return "no authority that is trusted has issued it, and it is no device's credential";
		}
		if (certificate->name_count == 0)
			return "it gives no endpoint name";
		if (!is_issued_enough(identities, certificate->names[0]))
			return credentials_has(identities->credentials, certificate->names[0])
				       ? "the device has another credential"
				       : "the device has no credential";
		snprintf(identity, sizeof(identity), "%s", certificate->names[0]);
		kind = KEPT_ISSUED;
	}
	*ret_error = X509_V_ERR_OUT_OF_MEM;
	if (!keep_certificate(ssl, certificate, kind, identity))
		return "no memory";
	*ret_error = X509_V_OK;
	return NULL;
}

static int verify_certificate(X509_STORE_CTX *store, void *self)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct certificate certificate;
	int error = certificate_check(store, &certificate);
	const char *reason = error == X509_V_OK ? judge_certificate(self, ssl, &certificate, &error)
						: X509_verify_cert_error_string(error);

	X509_STORE_CTX_set_error(store, error);
	if (reason != NULL) {
		char print[CREDENTIAL_NAME_SIZE];
		log_warn("certificate.refused", "endpoint=%s certificate=%s reason=\"%s\"",
			 certificate.name_count > 0 ? certificate.names[0] : "",
			 x509_identity_of_print(certificate.print, print), reason);
	}
	return reason == NULL;
}

/* ---- both ---- */

const char *identity_endpoint(const struct identities *identities, struct bytes kept)
{
	struct reader r = reader_of(kept);
	const uint8_t kind = read_u8(&r);

	switch (kind) {
	case CREDENTIAL_KIND_PSK:
		return endpoint_of_key(identities, &r);
	case CREDENTIAL_KIND_X509:
	case KEPT_ISSUED:
		return endpoint_of_certificate(identities, kind, &r);
	default:
		return NULL;
	}
}

static SSL_TICKET_RETURN judge_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
				      size_t name_len, SSL_TICKET_STATUS status, void *self)
{
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (identity_endpoint(self, kept_by(session)) == NULL)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

enum err identities_begin(const struct credentials *credentials, const struct certificates *certificates,
			  const struct loop *loop, SSL_CTX *ssl, struct identities *ret_identities)
{
	static const unsigned char name[] = "cardea";
	enum err err = random_bytes(ret_identities->print_key, sizeof(ret_identities->print_key));

	if (err != ERR_NONE)
		return err;
	ret_identities->credentials = credentials;
	ret_identities->loop = loop;
	SSL_CTX_set_app_data(ssl, ret_identities);
	SSL_CTX_set_psk_server_callback(ssl, find_key);
	SSL_CTX_set_psk_find_session_callback(ssl, find_session);
	SSL_CTX_set_cert_verify_callback(ssl, verify_certificate, ret_identities);
	return (certificates == NULL || certificates_use(certificates, ssl)) &&
			       SSL_CTX_set_session_id_context(ssl, name, sizeof(name) - 1) == 1 &&
			       SSL_CTX_set_session_ticket_cb(ssl, NULL, judge_ticket, ret_identities) == 1
		       ? ERR_NONE
		       : ERR_INTERNAL;
}
