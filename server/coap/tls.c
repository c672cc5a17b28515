#include "tls.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <uthash.h>

#include "credentials.h"
#include "endpoint.h"
#include "identity.h"
#include "ssl_over.h"
#include "stream.h"

/* Best first, as with DTLS (dtls_context.c). */
#define SUITES                                                                                               \
	"PSK-AES128-CCM8:PSK-AES128-CCM:PSK-AES128-GCM-SHA256:PSK-AES128-CBC-SHA256:"                        \
	"ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES128-CCM:ECDHE-ECDSA-AES128-GCM-SHA256:"                      \
	"ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0"
#define SUITES_1_3      "TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"
#define RECORD_BYTES    16384
#define RESUMABLE_S     86400 /* [ours] */
#define CACHED_SESSIONS 4096  /* [ours] of clients without tickets */

struct tls {
	struct endpoint *endpoint;
	SSL_CTX *ssl;
	BIO_METHOD *bio_method;
	struct identities identities;
	struct channel *open; /* by endpoint name */
};

struct channel {
	UT_hash_handle hh;
	struct tls *tls;
	struct stream *stream;
	struct peer *peer; /* of the stream, once it has a name */
	SSL *ssl;
	struct bytes incoming; /* what OpenSSL reads next */
	char *name;            /* NULL before the handshake is complete */
	uint64_t checked;      /* credentials_changes when the key was looked up */
};

/* ---- between OpenSSL and the socket ---- */

static int bio_read(BIO *bio, char *at, int max)
{
	struct channel *channel = BIO_get_data(bio);
	const struct bytes bytes = bytes_first(channel->incoming, (size_t)max);

	BIO_clear_retry_flags(bio);
	if (bytes.len == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(at, bytes.at, bytes.len);
	channel->incoming = bytes_from(channel->incoming, bytes.len);
	return (int)bytes.len;
}

static int bio_write(BIO *bio, const char *at, int len)
{
	struct channel *channel = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	stream_queue(channel->stream, bytes_of(at, (size_t)len));
	return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

/* ---- its beginning and its end ---- */

enum err channel_open(struct tls *tls, struct stream *stream, struct channel **ret_channel)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (channel != NULL)
		channel->ssl = ssl_over(tls->ssl, tls->bio_method, channel);
	if (channel == NULL || channel->ssl == NULL) {
		channel_free(channel);
		return ERR_NOMEM;
	}
	channel->tls = tls;
	channel->stream = stream;
	*ret_channel = channel;
	return ERR_NONE;
}

void channel_free(struct channel *channel)
{
	if (channel == NULL)
		return;
	if (channel->name != NULL)
		HASH_DEL(channel->tls->open, channel);
	SSL_free(channel->ssl);
	ERR_clear_error();
	free(channel->name);
	free(channel);
}

/* A connection that breaks may be resumed: what was sent on it, arrived or not. */
void channel_close(struct channel *channel)
{
	if (SSL_is_init_finished(channel->ssl))
		(void)SSL_shutdown(channel->ssl);
	ERR_clear_error();
}

const char *channel_name(const struct channel *channel)
{
	return channel->name != NULL ? channel->name : "";
}

/* ---- the handshake completes ---- */

/* What the device has had so far: it has come anew. */
static void end_earlier(struct tls *tls, const char *name)
{
	struct channel *old;

	HASH_FIND_STR(tls->open, name, old);
	if (old != NULL)
		endpoint_remove_peer(old->peer);
}

static enum err take_name(struct channel *channel, const char *name)
{
	struct tls *tls = channel->tls;

	channel->name = strdup(name);
	if (channel->name == NULL)
		return ERR_NOMEM;
	HASH_ADD_KEYPTR(hh, tls->open, channel->name, strlen(channel->name), channel);
	if (channel->hh.tbl != NULL)
		return ERR_NONE;
	free(channel->name);
	channel->name = NULL;
	return ERR_NOMEM;
}

static enum err channel_opened(struct channel *channel)
{
	struct tls *tls = channel->tls;
	const char *name = identity_endpoint(&tls->identities, identity_kept(channel->ssl));

	if (name == NULL) {
		SSL_CTX_remove_session(tls->ssl, SSL_get_session(channel->ssl));
		return ERR_DENIED;
	}
	channel->checked = credentials_changes(tls->identities.credentials);
	channel->peer = stream_peer(channel->stream);
	end_earlier(tls, name);
	return take_name(channel, name);
}

bool channel_is_allowed(struct channel *channel)
{
	const uint64_t changes = credentials_changes(channel->tls->identities.credentials);

	if (channel->checked == changes)
		return true;
	channel->checked = changes;
	const char *name = identity_endpoint(&channel->tls->identities, identity_kept(channel->ssl));
	return name != NULL && strcmp(name, channel->name) == 0;
}

/* ---- bytes ---- */

/* Whether OpenSSL only wants more. */
static bool wants_more(const struct channel *channel, int result)
{
	const int reason = SSL_get_error(channel->ssl, result);

	ERR_clear_error();
	return reason == SSL_ERROR_WANT_READ;
}

/* What it says last, an alert, leaves with what waits. */
static bool fail(struct channel *channel)
{
	channel->tls->endpoint->counts.refused++;
	stream_stop_talking(channel->stream);
	return true;
}

static bool shake_hands(struct channel *channel)
{
	int result = SSL_do_handshake(channel->ssl);

	if (result != 1)
		return wants_more(channel, result) || fail(channel);
	ERR_clear_error();
	if (channel_opened(channel) != ERR_NONE)
		return fail(channel);
	stream_begin_messages(channel->stream);
	return true;
}

static bool read_messages(struct channel *channel)
{
	uint8_t plain[RECORD_BYTES];
	int len;

	while ((len = SSL_read(channel->ssl, plain, sizeof(plain))) > 0)
		if (!stream_take(channel->stream, bytes_of(plain, (size_t)len)))
			return false;
	if (!wants_more(channel, len))
		stream_break(channel->stream);
	return true;
}

bool channel_receive(struct channel *channel, struct bytes bytes)
{
	channel->incoming = bytes;
	if (channel->name == NULL && !shake_hands(channel))
		return false;
	if (channel->name == NULL)
		return true;
	if (!read_messages(channel))
		return false;
	channel->incoming = bytes_of(NULL, 0);
	return true;
}

void channel_send(struct channel *channel, struct bytes bytes)
{
	if (SSL_write(channel->ssl, bytes.at, (int)bytes.len) <= 0)
		stream_break(channel->stream);
	ERR_clear_error();
}

/* ---- the whole ---- */

/* RFC 8323 8.2: the protocol is "coap". Who offers none has come to a port that has no other (8.2, for 5684).
 */
static int choose_protocol(SSL *ssl, const unsigned char **ret_protocol, unsigned char *ret_len,
			   const unsigned char *offered, unsigned offered_len, void *self)
{
	static const unsigned char coap[] = "\4coap";

	return SSL_select_next_proto((unsigned char **)ret_protocol, ret_len, coap, sizeof(coap) - 1, offered,
				     offered_len) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool configure(SSL_CTX *ssl)
{
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_ALLOW_NO_DHE_KEX | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_SERVER);
	SSL_CTX_sess_set_cache_size(ssl, CACHED_SESSIONS);
	SSL_CTX_set_timeout(ssl, RESUMABLE_S);
	SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
	return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ssl, SUITES) == 1 && SSL_CTX_set_ciphersuites(ssl, SUITES_1_3) == 1;
}

enum err tls_create(struct endpoint *endpoint, struct tls **ret_tls, struct fault *fault)
{
	const struct endpoint_settings *settings = &endpoint->settings;
	struct tls *tls = calloc(1, sizeof(*tls));
	enum err err = ERR_NOMEM;

	if (tls == NULL)
		return fault_set(fault, ERR_NOMEM, "no memory for TLS");
	tls->endpoint = endpoint;
	tls->bio_method = ssl_transport_method("cardea channel",
					       &(struct ssl_transport){ bio_read, bio_write, bio_ctrl });
	tls->ssl = SSL_CTX_new(TLS_server_method());
	if (tls->bio_method != NULL && tls->ssl != NULL)
		err = identities_begin(settings->credentials, settings->certificates, endpoint->loop,
				       tls->ssl, &tls->identities);
	if (err == ERR_NONE && !configure(tls->ssl))
		err = ERR_INTERNAL;
	if (err != ERR_NONE) {
		(void)fault_set(fault, err, "OpenSSL does not take our TLS configuration: %s",
				ERR_reason_error_string(ERR_peek_error()));
		tls_free(tls);
		return err;
	}
	*ret_tls = tls;
	return ERR_NONE;
}

void tls_free(struct tls *tls)
{
	if (tls == NULL)
		return;
	SSL_CTX_free(tls->ssl);
	BIO_meth_free(tls->bio_method);
	wipe(&tls->identities, sizeof(tls->identities));
	free(tls);
}
