/* What all sessions have in common: suites, keys by identity, cookies, tickets. */
#ifndef CARDEA_COAP_DTLS_CONTEXT_H
#define CARDEA_COAP_DTLS_CONTEXT_H

#include <openssl/ssl.h>

#include <cardea/crypto.h>

#include "address.h"
#include "record.h"

struct credentials;

struct dtls_context {
	SSL_CTX *ssl;
	BIO_METHOD *bio_method;                 /* session.c */
	const struct credentials *credentials;
	const struct loop *loop;
	struct record_ciphers *ciphers;
	uint8_t cookie_key[32], print_key[32];
};

MUST_CHECK enum err dtls_context_create(const struct credentials *credentials, const struct loop *loop,
                                        struct dtls_context **ret_context, struct fault *fault);
void dtls_context_free(struct dtls_context *context);           /* accepts NULL */

/* What a session keeps of its key and identity; borrowed from OpenSSL's session. */
struct bytes dtls_context_kept(SSL *ssl);
/* The endpoint name that the identity belongs to, when its key still is the one that the session was made with. NULL:
 * not any more. Borrowed until the credentials change. */
const char *dtls_context_endpoint(const struct dtls_context *context, struct bytes kept);

#endif
