#include "http_client.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#define READ_BYTES 4096

/* GPC Amendment B names the two with CBC; the others are newer. TLS 1.3 has its own. */
#define PSK_CIPHERS                                                                                          \
	"ECDHE-PSK-CHACHA20-POLY1305:PSK-AES128-GCM-SHA256:PSK-AES128-CBC-SHA256:PSK-AES128-CBC-SHA@"        \
	"SECLEVEL=0"

struct http_client {
	struct http_client_settings settings;
	SSL_CTX *context;
	BIO *bio; /* NULL: not connected */
};

static enum err tls_fault(struct fault *fault, enum err kind, const char *what)
{
	char text[160];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
	return fault_set(fault, kind, "%s: %s", what, text);
}

/* ---- TLS ---- */

static unsigned give_key(SSL *ssl, const char *hint, char *identity, unsigned identity_size,
			 unsigned char *key, unsigned key_size)
{
	const struct http_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const struct secret *ours = client->settings.psk_key;

	if (strlen(client->settings.psk_identity) >= identity_size || ours->len > key_size)
		return 0;
	snprintf(identity, identity_size, "%s", client->settings.psk_identity);
	memcpy(key, ours->at, ours->len);
	return (unsigned)ours->len;
}

static enum err prepare_tls(struct http_client *client, struct fault *fault)
{
	const struct http_client_settings *settings = &client->settings;
	bool is_good;

	client->context = SSL_CTX_new(TLS_client_method());
	if (client->context == NULL)
		return ERR_NOMEM;
	SSL_CTX_set_app_data(client->context, client);
	is_good = SSL_CTX_set_min_proto_version(client->context, TLS1_2_VERSION) == 1;
	if (settings->psk_key != NULL) {
		SSL_CTX_set_psk_client_callback(client->context, give_key);
		is_good = is_good && SSL_CTX_set_cipher_list(client->context, PSK_CIPHERS) == 1;
	} else {
		SSL_CTX_set_verify(client->context, SSL_VERIFY_PEER, NULL);
		is_good = is_good && (settings->trust_store != NULL
					      ? SSL_CTX_load_verify_locations(client->context,
									      settings->trust_store, NULL)
					      : SSL_CTX_set_default_verify_paths(client->context)) == 1;
	}
	return is_good ? ERR_NONE : tls_fault(fault, ERR_MALFORMED, "TLS cannot be prepared");
}

enum err http_client_create(const struct http_client_settings *settings, struct http_client **ret_client,
			    struct fault *fault)
{
	struct http_client *client = calloc(1, sizeof(*client));
	enum err err = ERR_NONE;

	if (client == NULL)
		return ERR_NOMEM;
	client->settings = *settings;
	if (settings->is_secure)
		err = prepare_tls(client, fault);
	if (err != ERR_NONE) {
		http_client_free(client);
		return err;
	}
	*ret_client = client;
	return ERR_NONE;
}

static void disconnect(struct http_client *client)
{
	SSL *ssl = NULL;

	if (client->bio == NULL)
		return;
	if (BIO_get_ssl(client->bio, &ssl) == 1 && ssl != NULL)
		SSL_shutdown(ssl);
	BIO_free_all(client->bio);
	client->bio = NULL;
	ERR_clear_error();
}

void http_client_free(struct http_client *client)
{
	if (client == NULL)
		return;
	disconnect(client);
	SSL_CTX_free(client->context);
	free(client);
}

/* ---- the connection ---- */

static BIO *open_bio(const struct http_client *client)
{
	const struct http_client_settings *settings = &client->settings;
	BIO *bio = client->context != NULL ? BIO_new_ssl_connect(client->context) : BIO_new(BIO_s_connect());
	SSL *ssl = NULL;

	if (bio == NULL)
		return NULL;
	BIO_set_conn_hostname(bio, settings->host);
	BIO_set_conn_port(bio, settings->port);
	if (client->context != NULL && BIO_get_ssl(bio, &ssl) == 1 && settings->psk_key == NULL) {
		SSL_set_tlsext_host_name(ssl, settings->host);
		SSL_set1_host(ssl, settings->host);
	}
	return bio;
}

static enum err connect_to(struct http_client *client, struct fault *fault)
{
	const uint32_t patience_ms = client->settings.patience_ms;
	const struct timeval patience = { patience_ms / 1000, (patience_ms % 1000) * 1000 };
	int fd;

	client->bio = open_bio(client);
	if (client->bio == NULL)
		return ERR_NOMEM;
	if (BIO_do_connect(client->bio) != 1) {
		enum err err = tls_fault(fault, ERR_UNAVAILABLE, "no connection");

		disconnect(client);
		return err;
	}
	if (BIO_get_fd(client->bio, &fd) >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return ERR_NONE;
}

static enum err receive(struct http_client *client, struct builder *b, struct fault *fault)
{
	uint8_t part[READ_BYTES];
	int count;

	do
		count = BIO_read(client->bio, part, sizeof(part));
	while (count <= 0 && BIO_should_retry(client->bio) && errno == EINTR && !client->settings.is_over());
	if (count <= 0)
		return BIO_should_retry(client->bio)
			       ? fault_set(fault, ERR_TIMEOUT, "the server does not answer")
			       : tls_fault(fault, ERR_UNAVAILABLE, "the connection has ended");
	build_bytes(b, bytes_of(part, (size_t)count));
	return ERR_NONE;
}

static enum err exchange(struct http_client *client, struct bytes message, struct arena *arena,
			 struct http_response *ret_response, struct fault *fault)
{
	struct builder b = builder_in(arena);
	struct bytes wire;
	enum err err = ERR_UNAVAILABLE;

	if (BIO_write(client->bio, message.at, (int)message.len) != (int)message.len)
		return tls_fault(fault, ERR_UNAVAILABLE, "the connection has ended");
	while (err == ERR_UNAVAILABLE) {
		enum err received = receive(client, &b, fault);

		if (received != ERR_NONE)
			return received;
		if (builder_bytes(&b, &wire) != ERR_NONE)
			return ERR_NOMEM;
		err = http_response_parse(wire, arena, ret_response, fault);
	}
	if (err == ERR_NONE && ret_response->size < wire.len)
		return fault_set(fault, ERR_MALFORMED, "bytes after the response");
	return err;
}

enum err http_client_ask(struct http_client *client, struct bytes message, struct arena *arena,
			 struct http_response *ret_response, struct fault *fault)
{
	enum err err = client->bio == NULL ? connect_to(client, fault) : ERR_NONE;

	if (err == ERR_NONE)
		err = exchange(client, message, arena, ret_response, fault);
	if (err != ERR_NONE || ret_response->ends_connection)
		disconnect(client);
	return err;
}
