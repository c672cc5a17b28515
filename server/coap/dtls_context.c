#include "dtls_context.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "loop.h"
#include "session.h"

/* Best first. LwM2M asks a server for C0A8 and 00AE, and with certificates for C0AE and C023; the others are
 * what clients offer beside them. CCM_8 needs security level 0 from OpenSSL 3.2 on. */
#define SUITES                                                                                               \
	"PSK-AES128-CCM8:"               /* C0A8 */                                                          \
	"PSK-AES128-CCM:"                /* C0A4 */                                                          \
	"PSK-AES128-GCM-SHA256:"         /* 00A8 */                                                          \
	"PSK-AES128-CBC-SHA256:"         /* 00AE */                                                          \
	"ECDHE-ECDSA-AES128-CCM8:"       /* C0AE */                                                          \
	"ECDHE-ECDSA-AES128-CCM:"        /* C0AC */                                                          \
	"ECDHE-ECDSA-AES128-GCM-SHA256:" /* C02B */                                                          \
	"ECDHE-ECDSA-AES128-SHA256:"     /* C023 */                                                          \
	"@SECLEVEL=0"

#define COOKIE_BYTES    16
#define COOKIE_PERIOD_S 60    /* [ours] a cookie is good for one to two of them */
#define RESUMABLE_S     86400 /* [ours] */
#define CACHED_SESSIONS 4096  /* [ours] of clients without tickets */

/* ---- cookies ---- */

static enum err make_cookie(const struct dtls_context *context, const struct peer_key *key, int64_t period,
			    uint8_t ret_mac[SHA256_SIZE])
{
	uint8_t data[sizeof(*key) + sizeof(period)];

	memcpy(data, key, sizeof(*key));
	memcpy(data + sizeof(*key), &period, sizeof(period));
	return hmac_sha256(bytes_of(context->cookie_key, sizeof(context->cookie_key)),
			   bytes_of(data, sizeof(data)), ret_mac);
}

static int64_t period_now(const struct dtls_context *context)
{
	return loop_now_ms(context->loop) / (COOKIE_PERIOD_S * 1000);
}

static int generate_cookie(SSL *ssl, unsigned char *cookie, unsigned *cookie_len)
{
	const struct session *session = SSL_get_app_data(ssl);
	const struct dtls_context *context = session->context;
	uint8_t mac[SHA256_SIZE];

	if (make_cookie(context, &session->route.key, period_now(context), mac) != ERR_NONE)
		return 0;
	memcpy(cookie, mac, COOKIE_BYTES);
	*cookie_len = COOKIE_BYTES;
	return 1;
}

static int verify_cookie(SSL *ssl, const unsigned char *cookie, unsigned cookie_len)
{
	const struct session *session = SSL_get_app_data(ssl);
	const struct dtls_context *context = session->context;
	uint8_t mac[SHA256_SIZE];

	for (int64_t age = 0; age < 2; age++) {
		if (make_cookie(context, &session->route.key, period_now(context) - age, mac) != ERR_NONE)
			return 0;
		if (bytes_equal_constant_time(bytes_of(cookie, cookie_len), bytes_of(mac, COOKIE_BYTES)))
			return 1;
	}
	return 0;
}

/* ---- the context ---- */

static bool configure(struct dtls_context *context)
{
	SSL_CTX *ssl = context->ssl;

	SSL_CTX_set_options(ssl,
			    SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_cookie_generate_cb(ssl, generate_cookie);
	SSL_CTX_set_cookie_verify_cb(ssl, verify_cookie);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_SERVER);
	SSL_CTX_sess_set_cache_size(ssl, CACHED_SESSIONS);
	SSL_CTX_set_timeout(ssl, RESUMABLE_S);
	return SSL_CTX_set_min_proto_version(ssl, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ssl, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ssl, SUITES) == 1;
}

enum err dtls_context_create(const struct credentials *credentials, const struct certificates *certificates,
			     const struct loop *loop, struct dtls_context **ret_context, struct fault *fault)
{
	struct dtls_context *context = calloc(1, sizeof(*context));
	enum err err = ERR_NOMEM;

	if (context == NULL)
		return fault_set(fault, ERR_NOMEM, "no memory for DTLS");
	context->loop = loop;
	context->bio_method = session_bio_method();
	context->ssl = SSL_CTX_new(DTLS_server_method());
	if (context->bio_method != NULL && context->ssl != NULL)
		err = record_ciphers_create(&context->ciphers);
	if (err == ERR_NONE)
		err = random_bytes(context->cookie_key, sizeof(context->cookie_key));
	if (err == ERR_NONE)
		err = identities_begin(credentials, certificates, loop, context->ssl, &context->identities);
	if (err == ERR_NONE && !configure(context))
		err = ERR_INTERNAL;
	if (err != ERR_NONE) {
		(void)fault_set(fault, err, "OpenSSL does not take our DTLS configuration: %s",
				ERR_reason_error_string(ERR_peek_error()));
		dtls_context_free(context);
		return err;
	}
	*ret_context = context;
	return ERR_NONE;
}

void dtls_context_free(struct dtls_context *context)
{
	if (context == NULL)
		return;
	SSL_CTX_free(context->ssl);
	BIO_meth_free(context->bio_method);
	record_ciphers_free(context->ciphers);
	wipe(context, sizeof(*context));
	free(context);
}
