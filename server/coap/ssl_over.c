#include "ssl_over.h"

BIO_METHOD *ssl_transport_method(const char *name, const struct ssl_transport *transport)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, name);

	if (method == NULL)
		return NULL;
	BIO_meth_set_read(method, transport->read);
	BIO_meth_set_write(method, transport->write);
	BIO_meth_set_ctrl(method, transport->ctrl);
	return method;
}

SSL *ssl_over(SSL_CTX *context, const BIO_METHOD *method, void *self)
{
	SSL *ssl = SSL_new(context);
	BIO *bio = BIO_new(method);

	if (ssl == NULL || bio == NULL) {
		SSL_free(ssl);
		BIO_free(bio);
		return NULL;
	}
	BIO_set_data(bio, self);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	return ssl;
}
