/* Certificates, whichever version of TLS carries them (RFC 5280; LwM2M Transport TS 1.1, 5.2): our own chain and key, whom
 * we trust, and what the certificate of a device says. Whose certificate it is, identity.c decides. */
#ifndef CARDEA_COAP_CERTIFICATE_H
#define CARDEA_COAP_CERTIFICATE_H

#include <cardea/crypto.h>

struct ssl_ctx_st;              /* OpenSSL's */
struct x509_store_ctx_st;

/* PEM files; "" for none. */
struct certificate_files {
	const char *chain;              /* our certificate, then the intermediate ones that lead to its root */
	const char *key;                /* of our certificate; not encrypted */
	const char *authorities;        /* whose certificates we trust; an intermediate one alone will do */
	const char *revocations;        /* a list of each authority on the way; "": nothing is revoked */
};

/* Read once and the same from then on. */
struct certificates;

/* The fault names the file. ERR_NOT_FOUND, ERR_MALFORMED, ERR_UNSUPPORTED (a key that no suite of ours takes), ERR_NOMEM. */
MUST_CHECK enum err certificates_create(const struct certificate_files *files, struct certificates **ret_certificates,
                                        struct fault *fault);
void certificates_free(struct certificates *certificates);      /* accepts NULL */

/* Gives a server's context our chain and key, and lets it insist on a certificate of the client, in suites with
 * certificates only. The caller sets the callback that checks it: certificate_check. False without memory. */
bool certificates_use(const struct certificates *certificates, struct ssl_ctx_st *ssl);
/* Our certificate without its chain, in DER: what a device is told to expect. Borrowed. */
struct bytes certificates_own(const struct certificates *certificates);

#define CERTIFICATE_NAMES_MAX   8
#define CERTIFICATE_ISSUERS_MAX 6
#define CERTIFICATE_NAME_SIZE   256     /* an endpoint name has 255 bytes at most */

/* What a device has shown, and proved to have the key of once the handshake is complete. */
struct certificate {
	uint8_t print[SHA256_SIZE];     /* of the whole certificate in DER */
	int64_t expires_s;              /* Unix time */
	/* The endpoint names that it gives: URIs of subjectAltName, then the common name, then its DNS names. */
	char names[CERTIFICATE_NAMES_MAX][CERTIFICATE_NAME_SIZE];
	size_t name_count;
	/* Subjects of the authorities above it, the nearest first, as of RFC 2253; none when no trusted one is. */
	char issuers[CERTIFICATE_ISSUERS_MAX][CERTIFICATE_NAME_SIZE];
	size_t issuer_count;
};

/* For SSL_CTX_set_cert_verify_callback: 0 (X509_V_OK) when the certificate is under one of our authorities, or when that is
 * all that is wrong with it, and there is nobody to trust: then issuer_count is 0, and a device is told from others by the
 * print alone. Validity, key usage (clientAuth), strength and revocation are checked either way. Otherwise the error of
 * OpenSSL, which becomes an alert. *ret_certificate is filled in also then, as far as it could be read. */
int certificate_check(struct x509_store_ctx_st *store, struct certificate *ret_certificate);

/* The one certificate in PEM, as DER. ERR_MALFORMED: none, or more than one. */
MUST_CHECK enum err certificate_from_pem(struct arena *arena, struct bytes pem, struct bytes *ret_der, struct fault *fault);
/* The private key of this certificate (DER) in PEM, as DER of PKCS#8. ERR_MALFORMED: none, or another's; ERR_UNSUPPORTED: one
 * that no suite of ours takes. */
MUST_CHECK enum err certificate_key_from_pem(struct arena *arena, struct bytes pem, struct bytes certificate,
                                             struct bytes *ret_der, struct fault *fault);

/* Why a device may not come with a raw public key (RFC 7250). */
const char *certificate_no_raw_keys(void);

#endif
