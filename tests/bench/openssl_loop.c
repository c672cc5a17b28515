/* DTLS-PSK handshakes of OpenSSL alone, client and server on one thread over memory: what the library allows,
 * whatever a server does with it.
 *
 *   bench_openssl [SECONDS]
 *
 * As a server should, it first demands a cookie. Prints handshakes per second, of both sides and of the
 * server's calls alone: a server that has its core for itself has only those to do. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SUITE  "PSK-AES128-CCM8:@SECLEVEL=0"
#define COOKIE "a cookie of ours"
#define KEY    "0123456789abcdef"

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bench_openssl: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(EXIT_FAILURE);
}

static unsigned client_key(SSL *ssl, const char *hint, char *identity, unsigned identity_size,
			   unsigned char *key, unsigned key_size)
{
	snprintf(identity, identity_size, "urn:imei:%015d", 1);
	memcpy(key, KEY, sizeof(KEY) - 1);
	return sizeof(KEY) - 1;
}

static unsigned server_key(SSL *ssl, const char *identity, unsigned char *key, unsigned key_size)
{
	memcpy(key, KEY, sizeof(KEY) - 1);
	return sizeof(KEY) - 1;
}

static int make_cookie(SSL *ssl, unsigned char *cookie, unsigned *len)
{
	memcpy(cookie, COOKIE, sizeof(COOKIE) - 1);
	*len = sizeof(COOKIE) - 1;
	return 1;
}

static int check_cookie(SSL *ssl, const unsigned char *cookie, unsigned len)
{
	return len == sizeof(COOKIE) - 1 && memcmp(cookie, COOKIE, len) == 0;
}

static SSL_CTX *make_context(const SSL_METHOD *method)
{
	SSL_CTX *context = SSL_CTX_new(method);

	require(context != NULL && SSL_CTX_set_cipher_list(context, SUITE) == 1, "context");
	SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU | SSL_OP_COOKIE_EXCHANGE);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_psk_client_callback(context, client_key);
	SSL_CTX_set_psk_server_callback(context, server_key);
	SSL_CTX_set_cookie_generate_cb(context, make_cookie);
	SSL_CTX_set_cookie_verify_cb(context, check_cookie);
	return context;
}

static SSL *make_side(SSL_CTX *context, BIO *in, BIO *out)
{
	SSL *ssl = SSL_new(context);

	require(ssl != NULL && BIO_up_ref(in) == 1 && BIO_up_ref(out) == 1, "session");
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(ssl, in, out);
	SSL_set_mtu(ssl, 1200);
	return ssl;
}

static int step(SSL *ssl)
{
	int result = SSL_do_handshake(ssl);

	require(result == 1 || SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ, "handshake");
	return result == 1;
}

/* One handshake; the time of the server's part is added. */
static void shake_hands(SSL_CTX *client_context, SSL_CTX *server_context, double *server_seconds)
{
	BIO *to_server = BIO_new(BIO_s_mem()), *to_client = BIO_new(BIO_s_mem());
	int is_client_done = 0, is_server_done = 0;

	require(to_server != NULL && to_client != NULL, "memory");
	SSL *client = make_side(client_context, to_client, to_server);
	SSL_set_connect_state(client);
	double begin = now();
	SSL *server = make_side(server_context, to_server, to_client);
	SSL_set_accept_state(server);
	*server_seconds += now() - begin;
	while (!is_client_done || !is_server_done) {
		is_client_done = step(client);
		begin = now();
		is_server_done = step(server);
		*server_seconds += now() - begin;
	}
	SSL_free(client);
	begin = now();
	SSL_free(server);
	*server_seconds += now() - begin;
	BIO_free(to_server);
	BIO_free(to_client);
}

int main(int argc, char **argv)
{
	const double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
	SSL_CTX *client_context = make_context(DTLS_client_method());
	SSL_CTX *server_context = make_context(DTLS_server_method());
	double begin = now(), server_seconds = 0;
	unsigned long count = 0;

	for (; now() - begin < seconds; count++)
		shake_hands(client_context, server_context, &server_seconds);
	printf("op=handshake per_s=%.0f server_per_s=%.0f\n", (double)count / (now() - begin),
	       (double)count / server_seconds);
	SSL_CTX_free(client_context);
	SSL_CTX_free(server_context);
	return EXIT_SUCCESS;
}
