/* OpenSSL's side of a session as a server, over a transport of ours: the bytes go through callbacks on the object that the
 * session belongs to. */
#ifndef CARDEA_COAP_SSL_OVER_H
#define CARDEA_COAP_SSL_OVER_H

#include <openssl/ssl.h>

struct ssl_transport {
	int (*read)(BIO *bio, char *at, int max);
	int (*write)(BIO *bio, const char *at, int len);
	long (*ctrl)(BIO *bio, int command, long number, void *pointer);
};

/* NULL: no memory. */
BIO_METHOD *ssl_transport_method(const char *name, const struct ssl_transport *transport);
/* `self` is the BIO's data. NULL: no memory. */
SSL *ssl_over(SSL_CTX *context, const BIO_METHOD *method, void *self);

#endif
