#include "dtls.h"

#include <stdlib.h>
#include <utlist.h>

#include "block.h"
#include "credentials.h"
#include "exchange.h"
#include "message.h"
#include "session.h"

struct dtls {
	struct endpoint *endpoint;
	struct dtls_context *context;
	struct session *listener;   /* looks at each ClientHello; one with our cookie makes it a session */
	struct session *open;       /* by endpoint name */
	struct session *handshakes; /* under way, the oldest first */
	size_t handshake_count;
};

/* ---- what a datagram begins with (RFC 6347 4.2.2) ---- */

#define HANDSHAKE_CLIENT_HELLO 1
#define RANDOM_BYTES           32

/* Of a ClientHello in the clear: its random bytes. Empty: it is none. */
static struct bytes hello_random(const struct record *record)
{
	struct reader r = reader_of(record->content);

	if (record->type != RECORD_HANDSHAKE || record->number >> 48 != 0 ||
	    read_u8(&r) != HANDSHAKE_CLIENT_HELLO)
		return bytes_of(NULL, 0);
	(void)read_bytes(&r, 3 + 2 + 3 + 3 + 2); /* length, message number, fragment, version */
	return read_bytes(&r, RANDOM_BYTES);
}

static bool began_with(const struct session *session, struct bytes hello)
{
	uint8_t random[RANDOM_BYTES];

	return session != NULL && session->ssl != NULL &&
	       SSL_get_client_random(session->ssl, random, sizeof(random)) == sizeof(random) &&
	       bytes_equal(hello, bytes_of(random, sizeof(random)));
}

/* ---- the end of sessions ---- */

static void leave_handshakes(struct dtls *dtls, struct session *session)
{
	DL_DELETE(dtls->handshakes, session);
	dtls->handshake_count--;
}

static void forget_name(struct dtls *dtls, struct session *session)
{
	if (session->name == NULL)
		return;
	HASH_DEL(dtls->open, session);
	free(session->name);
	session->name = NULL;
}

void dtls_end_session(struct session *session)
{
	if (session == NULL)
		return;
	struct dtls *dtls = session->endpoint->dtls;
	if (session->successor != NULL)
		dtls_end_session(session->successor);
	session->successor = NULL;
	if (session->is_open)
		forget_name(dtls, session);
	else
		leave_handshakes(dtls, session);
	session_free(session);
}

void dtls_abandon(struct session *session)
{
	struct peer *peer = session->peer;

	session->is_quiet = true;
	session->endpoint->counts.refused++;
	if (peer->session == session) {
		endpoint_remove_peer(peer);
		return;
	}
	peer->session->successor = NULL;
	dtls_end_session(session);
}

/* ---- a handshake completes ---- */

/* The old session of the same address ends: what belongs to it must not meet the new one (RFC 7252 9.1.1). */
static void replace_session(struct peer *peer, struct session *session)
{
	struct session *old = peer->session;

	old->successor = NULL;
	old->is_quiet = true;
	exchange_forget(peer);
	message_forget(peer);
	block_forget(peer);
	dtls_end_session(old);
	peer->session = session;
}

/* The device is reached by this session from now on. False: without memory. */
static bool take_name(struct dtls *dtls, struct session *session, const char *name)
{
	struct bytes kept = identity_kept(session->ssl);

	session->name = strdup(name);
	session->kept = malloc(kept.len);
	if (session->name == NULL || session->kept == NULL) {
		free(session->name);
		session->name = NULL;
		return false;
	}
	memcpy(session->kept, kept.at, kept.len);
	session->kept_len = kept.len;
	HASH_ADD_KEYPTR(hh, dtls->open, session->name, strlen(session->name), session);
	if (session->hh.tbl != NULL)
		return true;
	free(session->name);
	session->name = NULL;
	return false;
}

/* Ends what the device has had so far. True when that was not at this peer's address. */
static bool end_earlier(struct dtls *dtls, const struct peer *peer, const char *name)
{
	struct session *old;

	HASH_FIND_STR(dtls->open, name, old);
	if (old == NULL)
		return true;
	if (old->peer == peer)
		return false;
	old->is_quiet = true;
	endpoint_remove_peer(old->peer);
	return true;
}

static void session_opened(struct session *session)
{
	struct dtls *dtls = session->endpoint->dtls;
	const struct endpoint_handlers *handlers = &dtls->endpoint->handlers;
	const struct coap_address address = peer_key_address(&session->route.key);
	const char *name = identity_endpoint(&dtls->context->identities, identity_kept(session->ssl));
	struct peer *peer = session->peer;

	if (name == NULL) {
		SSL_CTX_remove_session(dtls->context->ssl, SSL_get_session(session->ssl));
		dtls_abandon(session);
		return;
	}
	session->checked = credentials_changes(dtls->context->identities.credentials);
	session->is_open = true;
	leave_handshakes(dtls, session);
	(void)SSL_free_buffers(session->ssl);
	bool has_moved = end_earlier(dtls, peer, name);
	if (peer->session != session)
		replace_session(peer, session);
	peer->is_verified = true;
	if (!take_name(dtls, session, name))
		endpoint_remove_peer(peer);
	else if (has_moved && handlers->moved != NULL)
		handlers->moved(handlers->self, session->name, &address);
}

static void go_on(struct session *session, struct bytes datagram)
{
	struct peer *peer = session->peer;
	const struct peers *peers = &session->endpoint->peers;
	const uint64_t handle = peer->handle;
	enum session_event event = session_handshake(session, datagram);

	if (event == SESSION_FAILED)
		dtls_abandon(session);
	if (event != SESSION_OPENED)
		return;
	session_opened(session);
	/* After a resumption the first message may have come in the datagram of the client's Finished. */
	if (peers_by_handle(peers, handle) != NULL && !session_read(session, bytes_of(NULL, 0)))
		endpoint_remove_peer(peer);
}

/* ---- a handshake begins ---- */

static struct peer *place_for(struct dtls *dtls, const struct route *from, struct session *session)
{
	struct peer *peer = endpoint_peer(dtls->endpoint, from);

	if (peer == NULL)
		return NULL;
	if (peer->session != NULL && !peer->session->is_open) {
		peer->session->is_quiet = true;
		dtls_end_session(peer->session); /* it began anew on its own accord */
		peer->session = NULL;
	}
	if (peer->session == NULL) {
		peer->session = session;
		return peer;
	}
	dtls_end_session(peer->session->successor);
	peer->session->successor = session;
	return peer;
}

static void hello_arrived(struct dtls *dtls, const struct route *from, struct bytes datagram)
{
	struct session *session = dtls->listener, *next;

	if (!session_listen(session, from, datagram))
		return;
	if (session_create(dtls->endpoint, dtls->context, &next) != ERR_NONE) {
		dtls->endpoint->counts.refused++;
		return;
	}
	/* As with half-open TCP connections: who is quick gets through whatever others leave behind. */
	if (dtls->handshake_count >= dtls->endpoint->handshakes_max)
		dtls_abandon(dtls->handshakes);
	struct peer *peer = place_for(dtls, from, session);
	if (peer == NULL) {
		dtls->endpoint->counts.refused++;
		session_free(next);
		return;
	}
	dtls->listener = next;
	DL_APPEND(dtls->handshakes, session);
	dtls->handshake_count++;
	session->peer = peer;
	session->begun_ms = loop_now_ms(dtls->endpoint->loop);
	go_on(session, bytes_of(NULL, 0));
}

/* ---- datagrams ---- */

/* Whether the key that the session was made with still is the device's. */
static bool is_allowed(struct dtls *dtls, struct session *session)
{
	const uint64_t changes = credentials_changes(dtls->context->identities.credentials);

	if (session->checked == changes)
		return true;
	session->checked = changes;
	const char *name =
		identity_endpoint(&dtls->context->identities, bytes_of(session->kept, session->kept_len));
	return name != NULL && strcmp(name, session->name) == 0;
}

void dtls_receive(struct endpoint *endpoint, const struct route *from, struct peer *peer,
		  struct bytes datagram)
{
	struct dtls *dtls = endpoint->dtls;
	struct session *session = peer != NULL ? peer->session : NULL;
	struct session *successor = session != NULL ? session->successor : NULL;
	struct reader r = reader_of(datagram);
	struct record record;

	if (!record_read(&r, &record)) {
		endpoint->counts.malformed++;
		return;
	}
	if (session != NULL)
		session->route = *from; /* our address may be another */
	if (successor != NULL)
		successor->route = *from;
	const struct bytes hello = hello_random(&record);
	if (hello.len > 0 && began_with(successor, hello)) {
		go_on(successor, datagram);
	} else if (hello.len > 0 && !began_with(session, hello)) {
		hello_arrived(dtls, from, datagram);
	} else if (successor != NULL && record.type != RECORD_APPLICATION) {
		go_on(successor, datagram);
	} else if (session != NULL && !session->is_open) {
		go_on(session, datagram);
	} else if (session != NULL) {
		if (!is_allowed(dtls, session) || !session_read(session, datagram))
			endpoint_remove_peer(peer);
	}
}

/* ---- the whole ---- */

enum err dtls_create(struct endpoint *endpoint, struct dtls **ret_dtls, struct fault *fault)
{
	struct dtls *dtls = calloc(1, sizeof(*dtls));

	if (dtls == NULL)
		return fault_set(fault, ERR_NOMEM, "no memory for DTLS");
	dtls->endpoint = endpoint;
	enum err err = dtls_context_create(endpoint->settings.credentials, endpoint->settings.certificates,
					   endpoint->loop, &dtls->context, fault);
	if (err == ERR_NONE)
		err = session_create(endpoint, dtls->context, &dtls->listener);
	if (err != ERR_NONE) {
		dtls_free(dtls);
		return fault_set(fault, err, "DTLS cannot begin");
	}
	*ret_dtls = dtls;
	return ERR_NONE;
}

void dtls_free(struct dtls *dtls)
{
	if (dtls == NULL)
		return;
	session_free(dtls->listener);
	dtls_context_free(dtls->context);
	free(dtls);
}

size_t dtls_session_count(const struct dtls *dtls)
{
	return HASH_COUNT(dtls->open);
}
