#include "session.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "credentials.h"
#include "endpoint.h"
#include "log.h"
#include "loop.h"
#include "message.h"
#include "ssl_over.h"

/* ---- the BIO ---- */

static int bio_read(BIO *bio, char *at, int max)
{
	struct session *session = BIO_get_data(bio);
	struct bytes datagram = bytes_first(session->incoming, (size_t)max);

	BIO_clear_retry_flags(bio);
	session->incoming = bytes_of(NULL, 0);
	if (datagram.len == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(at, datagram.at, datagram.len);
	return (int)datagram.len;
}

static int bio_write(BIO *bio, const char *at, int len)
{
	struct session *session = BIO_get_data(bio);
	struct udp_socket *udp = session->endpoint->sockets[session->route.key.socket];
	struct reader r = reader_of(bytes_of(at, (size_t)len));
	struct record record;

	BIO_clear_retry_flags(bio);
	while (record_read(&r, &record))
		if (record.number > session->newest_out)
			session->newest_out = record.number;
	if (len <= UDP_DATAGRAM_MAX) {
		memcpy(udp_begin(udp), at, (size_t)len);
		udp_end(udp, &session->route, (size_t)len);
	}
	return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	switch (command) {
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DUP:
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return SESSION_MTU;
	default:
		return 0;
	}
}

BIO_METHOD *session_bio_method(void)
{
	return ssl_transport_method("cardea session",
				    &(struct ssl_transport){ bio_read, bio_write, bio_ctrl });
}

/* ---- life ---- */

static void handshake_due(void *self);

enum err session_create(struct endpoint *endpoint, const struct dtls_context *context,
			struct session **ret_session)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session != NULL)
		session->ssl = ssl_over(context->ssl, context->bio_method, session);
	if (session == NULL || session->ssl == NULL) {
		session_free(session);
		return ERR_NOMEM;
	}
	session->endpoint = endpoint;
	session->context = context;
	session->timer = timer_of(handshake_due, session);
	SSL_set_app_data(session->ssl, session);
	SSL_set_mtu(session->ssl, SESSION_MTU);
	*ret_session = session;
	return ERR_NONE;
}

const char *session_name(const struct session *session)
{
	return session->name != NULL ? session->name : "";
}

uint32_t session_idle_s(const struct session *session)
{
	return session->is_open ? SESSION_IDLE_S : HANDSHAKE_MAX_MS / 1000;
}

/* ---- handshake ---- */

bool session_listen(struct session *session, const struct route *from, struct bytes datagram)
{
	BIO_ADDR *client = BIO_ADDR_new();
	bool has_cookie = false;

	if (client != NULL) {
		session->route = *from;
		session->incoming = datagram;
		has_cookie = DTLSv1_listen(session->ssl, client) == 1;
	}
	session->incoming = bytes_of(NULL, 0);
	BIO_ADDR_free(client);
	ERR_clear_error();
	return has_cookie;
}

static void await_retransmission(struct session *session)
{
	struct timeval rest;

	if (DTLSv1_get_timeout(session->ssl, &rest) == 1)
		loop_start_timer(session->endpoint->loop, &session->timer,
				 rest.tv_sec * 1000 + rest.tv_usec / 1000 + 1);
	else
		loop_start_timer(session->endpoint->loop, &session->timer, HANDSHAKE_MAX_MS);
}

static void handshake_due(void *self)
{
	struct session *session = self;

	if (loop_now_ms(session->endpoint->loop) - session->begun_ms >= HANDSHAKE_MAX_MS ||
	    DTLSv1_handle_timeout(session->ssl) < 0) {
		ERR_clear_error();
		dtls_abandon(session);
		return;
	}
	ERR_clear_error();
	await_retransmission(session);
}

/* Anybody can make one fail, so this is for who looks for it. */
static void log_failure(const struct session *session)
{
	const struct coap_address address = peer_key_address(&session->route.key);
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	char from[COAP_ADDRESS_TEXT_SIZE];

	log_debug("dtls.failed", "from=%s reason=\"%s\"", coap_address_print(&address, from),
		  reason != NULL ? reason : "it was left");
}

enum session_event session_handshake(struct session *session, struct bytes datagram)
{
	session->incoming = datagram;
	int result = SSL_do_handshake(session->ssl);
	int reason = SSL_get_error(session->ssl, result);
	session->incoming = bytes_of(NULL, 0);
	if (result != 1 && reason != SSL_ERROR_WANT_READ)
		log_failure(session);
	ERR_clear_error();

	if (result == 1) {
		loop_stop_timer(session->endpoint->loop, &session->timer);
		return SESSION_OPENED;
	}
	if (reason != SSL_ERROR_WANT_READ)
		return SESSION_FAILED;
	await_retransmission(session);
	return SESSION_WAITS;
}

/* ---- data ---- */

/* Ends OpenSSL's part once it has taken a message: `datagram` was that message alone, so that its number is
 * genuine. */
static void take_over(struct session *session, struct bytes datagram)
{
	struct reader r = reader_of(datagram);
	struct record record;

	if (!record_read(&r, &record) || !reader_done(&r) || record.type != RECORD_APPLICATION ||
	    record_take_over(session->context->ciphers, session->ssl, record.number, session->newest_out,
			     &session->records) != ERR_NONE)
		return;
	SSL_set_shutdown(session->ssl,
			 SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else it could not be resumed */
	SSL_free(session->ssl);
	session->ssl = NULL;
}

/* With OpenSSL; false when the session has ended. Answers leave on the way. */
static bool read_with_openssl(struct session *session, struct bytes datagram)
{
	struct endpoint *endpoint = session->endpoint;
	struct peer *peer = session->peer;
	const uint64_t handle = peer->handle;
	uint8_t message[UDP_DATAGRAM_MAX];
	bool is_heard = false;
	int len;

	session->incoming = datagram;
	while ((len = SSL_read(session->ssl, message, sizeof(message))) > 0) {
		is_heard = true;
		message_receive(endpoint, &session->route, peer, bytes_of(message, (size_t)len));
		if (peers_by_handle(&endpoint->peers, handle) == NULL || peer->session != session)
			return true; /* the message has replaced it */
	}
	const int reason = SSL_get_error(session->ssl, len);
	session->incoming = bytes_of(NULL, 0);
	ERR_clear_error();
	if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE)
		return false;
	(void)SSL_free_buffers(session->ssl);
	if (is_heard)
		take_over(session, datagram);
	return true;
}

enum { ALERT_WARNING = 1, ALERT_FATAL = 2, CLOSE_NOTIFY = 0 };

/* Without OpenSSL. Handshake messages are late copies, or ask for a renegotiation, which we do not have. */
static bool read_records(struct session *session, struct bytes datagram)
{
	struct endpoint *endpoint = session->endpoint;
	struct peer *peer = session->peer;
	const uint64_t handle = peer->handle;
	struct reader r = reader_of(datagram);
	struct record record;
	uint8_t message[UDP_DATAGRAM_MAX];
	size_t len;

	while (record_read(&r, &record)) {
		if (!record_open(&session->records, &record, message, &len))
			continue;
		if (record.type == RECORD_ALERT && len == 2 &&
		    (message[0] == ALERT_FATAL || message[1] == CLOSE_NOTIFY))
			return false;
		if (record.type != RECORD_APPLICATION)
			continue;
		message_receive(endpoint, &session->route, peer, bytes_of(message, len));
		if (peers_by_handle(&endpoint->peers, handle) == NULL || peer->session != session)
			return true;
	}
	return true;
}

bool session_read(struct session *session, struct bytes datagram)
{
	return session->ssl != NULL ? read_with_openssl(session, datagram) : read_records(session, datagram);
}

static void send_record(struct session *session, uint8_t type, struct bytes plain)
{
	struct udp_socket *udp = session->endpoint->sockets[session->route.key.socket];

	if (plain.len > UDP_DATAGRAM_MAX - RECORD_OVERHEAD_MAX)
		return;
	size_t len = record_seal(&session->records, type, plain, udp_begin(udp));
	if (len > 0)
		udp_end(udp, &session->route, len);
}

void session_send(struct session *session, struct bytes message)
{
	if (!session->is_open)
		return;
	if (session->ssl == NULL) {
		send_record(session, RECORD_APPLICATION, message);
		return;
	}
	/* Reading makes buffers that SSL_free_buffers has taken; writing would fail without. */
	if (SSL_alloc_buffers(session->ssl) == 1)
		(void)SSL_write(session->ssl, message.at, (int)message.len);
	ERR_clear_error();
}

static void say_close_notify(struct session *session)
{
	static const uint8_t alert[] = { ALERT_WARNING, CLOSE_NOTIFY };

	if (session->ssl == NULL)
		send_record(session, RECORD_ALERT, bytes_of(alert, sizeof(alert)));
	else if (SSL_alloc_buffers(session->ssl) == 1)
		(void)SSL_shutdown(session->ssl);
}

void session_free(struct session *session)
{
	if (session == NULL)
		return;
	if (session->endpoint != NULL)
		loop_stop_timer(session->endpoint->loop, &session->timer);
	if (session->is_open && !session->is_quiet)
		say_close_notify(session);
	SSL_free(session->ssl);
	ERR_clear_error();
	free(session->name);
	free(session->kept);
	wipe(session, sizeof(*session));
	free(session);
}

bool session_is_open(const struct session *session)
{
	return session != NULL && session->is_open;
}
