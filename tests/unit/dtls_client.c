#include "dtls_client.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned client_key(SSL *ssl, const char *hint, char *identity, unsigned identity_size,
			   unsigned char *key, unsigned key_size)
{
	const struct client *client = SSL_get_app_data(ssl);

	snprintf(identity, identity_size, "%s", client->identity);
	assert_true(strlen(client->key) <= key_size);
	memcpy(key, client->key, strlen(client->key));
	return (unsigned)strlen(client->key);
}

/* `resumed` may be NULL; `socket` -1: a new one. */
struct client *client_open(struct lab *lab, const char *identity, const char *key, const char *suite,
			   SSL_SESSION *resumed, int socket)
{
	struct client *client = calloc(1, sizeof(*client));

	assert_non_null(client);
	client->identity = identity;
	client->key = key;
	client->socket = socket >= 0 ? socket : device_open(lab);
	client->context = SSL_CTX_new(DTLS_client_method());
	assert_int_equal(SSL_CTX_set_cipher_list(client->context, suite), 1);
	SSL_CTX_set_security_level(client->context, 0);
	SSL_CTX_set_psk_client_callback(client->context, client_key);
	client->ssl = SSL_new(client->context);
	BIO *bio = BIO_new_dgram(client->socket, BIO_NOCLOSE);
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &lab->server.any);
	BIO_socket_nbio(client->socket, 1);
	SSL_set_bio(client->ssl, bio, bio);
	SSL_set_app_data(client->ssl, client);
	SSL_set_connect_state(client->ssl);
	if (resumed != NULL)
		assert_int_equal(SSL_set_session(client->ssl, resumed), 1);
	return client;
}

/* The socket stays open when the caller keeps it. */
void client_leave(struct client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->context);
	free(client);
	ERR_clear_error();
}

void client_close(struct client *client)
{
	close(client->socket);
	client_leave(client);
}

/* 1: up, 0: still under way, -1: failed */
int client_step(struct client *client)
{
	int result = SSL_do_handshake(client->ssl);

	if (result == 1)
		return 1;
	return SSL_get_error(client->ssl, result) == SSL_ERROR_WANT_READ ? 0 : -1;
}

void client_connect(struct lab *lab, struct client *client)
{
	int result = 0;

	lab_until(lab, (result = client_step(client)) != 0);
	assert_int_equal(result, 1);
}

void client_send(struct client *client, const char *hex)
{
	uint8_t message[1024];
	int len = (int)lab_bytes(hex, message, sizeof(message));

	assert_int_equal(SSL_write(client->ssl, message, len), len);
}

struct bytes client_expect(struct lab *lab, struct client *client)
{
	static uint8_t message[2048];
	int len = 0;

	lab_until(lab, (len = SSL_read(client->ssl, message, sizeof(message))) > 0);
	return bytes_of(message, (size_t)len);
}

void client_registers(struct lab *lab, struct client *client, uint8_t mid)
{
	char request[64];
	const uint8_t wanted[] = { 0x64, 0x44, 0x12, mid, 0xA1, 0xA2, 0xA3, 0xA4 };

	snprintf(request, sizeof(request), "44 02 12 %02X A1 A2 A3 A4 B2 \"rd\"", mid);
	client_send(client, request);
	struct bytes answer = client_expect(lab, client);
	assert_true(bytes_equal(answer, bytes_of(wanted, sizeof(wanted))));
}

void client_ends(struct lab *lab, struct client *client)
{
	(void)SSL_shutdown(client->ssl);
	lab_until(lab, endpoint_counts(lab->endpoint).sessions == 0);
	client_close(client);
}
