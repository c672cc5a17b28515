/* What all sessions have in common: suites, whose sessions they are, cookies. */
#ifndef CARDEA_COAP_DTLS_CONTEXT_H
#define CARDEA_COAP_DTLS_CONTEXT_H

#include <openssl/ssl.h>

#include <cardea/crypto.h>

#include "address.h"
#include "identity.h"
#include "record.h"

struct dtls_context {
	SSL_CTX *ssl;
	BIO_METHOD *bio_method;                 /* session.c */
	struct identities identities;
	const struct loop *loop;
	struct record_ciphers *ciphers;
	uint8_t cookie_key[32];
};

MUST_CHECK enum err dtls_context_create(const struct credentials *credentials, const struct certificates *certificates,
                                        const struct loop *loop, struct dtls_context **ret_context,
                                        struct fault *fault);
void dtls_context_free(struct dtls_context *context);           /* accepts NULL */

#endif
