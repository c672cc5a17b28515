#include "dtls_context.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "credentials.h"
#include "loop.h"
#include "session.h"

/* Best first. LwM2M asks a server for C0A8 and 00AE; C0A4 and 00A8 are what clients offer beside them. CCM_8
 * needs security level 0 from OpenSSL 3.2 on. */
#define SUITES                                                                                               \
	"PSK-AES128-CCM8:"       /* C0A8 */                                                                  \
	"PSK-AES128-CCM:"        /* C0A4 */                                                                  \
	"PSK-AES128-GCM-SHA256:" /* 00A8 */                                                                  \
	"PSK-AES128-CBC-SHA256:" /* 00AE */                                                                  \
	"@SECLEVEL=0"

#define COOKIE_BYTES    16
#define COOKIE_PERIOD_S 60 /* [ours] a cookie is good for one to two of them */
#define PRINT_BYTES     16
#define RESUMABLE_S     86400 /* [ours] */
#define CACHED_SESSIONS 4096  /* [ours] of clients without tickets */

static const struct dtls_context *context_of(SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

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
	const struct dtls_context *context = context_of(ssl);
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
	const struct dtls_context *context = context_of(ssl);
	uint8_t mac[SHA256_SIZE];

	for (int64_t age = 0; age < 2; age++) {
		if (make_cookie(context, &session->route.key, period_now(context) - age, mac) != ERR_NONE)
			return 0;
		if (bytes_equal_constant_time(bytes_of(cookie, cookie_len), bytes_of(mac, COOKIE_BYTES)))
			return 1;
	}
	return 0;
}

/* ---- keys ---- */

/* What a session remembers of its key and identity, also in its ticket: a session made with a key that has
 * been replaced may not be resumed. */
static enum err key_print(const struct dtls_context *context, const struct secret *key,
			  uint8_t ret_mac[SHA256_SIZE])
{
	return hmac_sha256(bytes_of(context->print_key, sizeof(context->print_key)), secret_bytes(key),
			   ret_mac);
}

static bool remember_key(const struct dtls_context *context, SSL *ssl, const char *identity,
			 const struct secret *key)
{
	uint8_t kept[SHA256_SIZE + PSK_MAX_IDENTITY_LEN + 1];
	size_t len = strlen(identity);

	if (len > PSK_MAX_IDENTITY_LEN || key_print(context, key, kept) != ERR_NONE)
		return false;
	memcpy(kept + PRINT_BYTES, identity, len + 1);
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), kept, PRINT_BYTES + len + 1) == 1;
}

static struct bytes kept_by(SSL_SESSION *ssl_session)
{
	void *kept;
	size_t len;

	if (ssl_session == NULL || SSL_SESSION_get0_ticket_appdata(ssl_session, &kept, &len) != 1)
		return bytes_of(NULL, 0);
	return bytes_of(kept, len);
}

struct bytes dtls_context_kept(SSL *ssl)
{
	return kept_by(SSL_get_session(ssl));
}

const char *dtls_context_endpoint(const struct dtls_context *context, struct bytes kept)
{
	struct reader r = reader_of(kept);
	struct bytes old_print = read_bytes(&r, PRINT_BYTES);
	struct bytes identity = read_rest(&r); /* ends with a 0 byte: remember_key */
	const char *endpoint;
	const struct secret *key;
	uint8_t print[SHA256_SIZE];

	if (r.bad || identity.len == 0 ||
	    credentials_find_psk(context->credentials, (const char *)identity.at, &endpoint, &key) !=
		    ERR_NONE ||
	    key_print(context, key, print) != ERR_NONE ||
	    !bytes_equal_constant_time(old_print, bytes_of(print, PRINT_BYTES)))
		return NULL;
	return endpoint;
}

/* 0 lets OpenSSL say unknown_psk_identity. */
static unsigned find_key(SSL *ssl, const char *identity, unsigned char *key_at, unsigned max_bytes)
{
	const struct dtls_context *context = context_of(ssl);
	const char *endpoint;
	const struct secret *key;

	if (identity == NULL ||
	    credentials_find_psk(context->credentials, identity, &endpoint, &key) != ERR_NONE ||
	    key->len > max_bytes || !remember_key(context, ssl, identity, key))
		return 0;
	memcpy(key_at, key->at, key->len);
	return (unsigned)key->len;
}

static SSL_TICKET_RETURN judge_ticket(SSL *ssl, SSL_SESSION *ssl_session, const unsigned char *name,
				      size_t name_len, SSL_TICKET_STATUS status, void *self)
{
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (dtls_context_endpoint(self, kept_by(ssl_session)) == NULL)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* ---- the context ---- */

static bool configure(struct dtls_context *context)
{
	static const unsigned char name[] = "cardea";
	SSL_CTX *ssl = context->ssl;

	SSL_CTX_set_app_data(ssl, context);
	SSL_CTX_set_options(ssl,
			    SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_cookie_generate_cb(ssl, generate_cookie);
	SSL_CTX_set_cookie_verify_cb(ssl, verify_cookie);
	SSL_CTX_set_psk_server_callback(ssl, find_key);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_SERVER);
	SSL_CTX_sess_set_cache_size(ssl, CACHED_SESSIONS);
	SSL_CTX_set_timeout(ssl, RESUMABLE_S);
	return SSL_CTX_set_min_proto_version(ssl, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ssl, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ssl, SUITES) == 1 &&
	       SSL_CTX_set_session_id_context(ssl, name, sizeof(name) - 1) == 1 &&
	       SSL_CTX_set_session_ticket_cb(ssl, NULL, judge_ticket, context) == 1;
}

enum err dtls_context_create(const struct credentials *credentials, const struct loop *loop,
			     struct dtls_context **ret_context, struct fault *fault)
{
	struct dtls_context *context = calloc(1, sizeof(*context));
	enum err err = ERR_NOMEM;

	if (context == NULL)
		return fault_set(fault, ERR_NOMEM, "no memory for DTLS");
	context->credentials = credentials;
	context->loop = loop;
	context->bio_method = session_bio_method();
	context->ssl = SSL_CTX_new(DTLS_server_method());
	if (context->bio_method != NULL && context->ssl != NULL)
		err = record_ciphers_create(&context->ciphers);
	if (err == ERR_NONE)
		err = random_bytes(context->cookie_key, sizeof(context->cookie_key));
	if (err == ERR_NONE)
		err = random_bytes(context->print_key, sizeof(context->print_key));
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
