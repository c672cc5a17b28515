#include "endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cardea/crypto.h>

#include "answer.h"
#include "block.h"
#include "exchange.h"
#include "listener.h"
#include "message.h"
#include "stream.h"

#define ARENA_BYTES_MAX (1 << 20) /* of one request */
#define SPARE_LOOKS     16        /* peers that are looked at for one that makes room */

uint32_t endpoint_now_s(const struct endpoint *endpoint)
{
	return (uint32_t)(loop_now_ms(endpoint->loop) / 1000) + 1;
}

/* ---- datagrams ---- */

void endpoint_receive(void *self, const struct route *from, struct bytes datagram)
{
	struct endpoint *endpoint = self;
	struct peer *peer = peers_find(&endpoint->peers, &from->key);

	endpoint->counts.received++;
	if (from->key.is_secure)
		dtls_receive(endpoint, from, peer, datagram);
	else
		message_receive(endpoint, from, peer, datagram);
}

static void endpoint_expect(void *self, const struct peer_key *const *keys, size_t count)
{
	const struct endpoint *endpoint = self;

	peers_prefetch(&endpoint->peers, keys, count);
}

static void endpoint_truncated(void *self)
{
	struct endpoint *endpoint = self;

	endpoint->counts.received++;
	endpoint->counts.malformed++;
}

struct room endpoint_begin(struct endpoint *endpoint, const struct route *to, const struct peer *peer,
			   size_t payload_len)
{
	if (peer != NULL && peer->stream != NULL)
		return stream_begin(peer->stream, payload_len);
	if (peer != NULL && peer->session != NULL)
		return (struct room){ endpoint->plaintext, UDP_DATAGRAM_MAX };
	return (struct room){ udp_begin(endpoint->sockets[to->key.socket]), UDP_DATAGRAM_MAX };
}

void endpoint_end(struct endpoint *endpoint, const struct route *to, const struct peer *peer, size_t len)
{
	if (peer != NULL && peer->stream != NULL)
		stream_finish(peer->stream, len);
	else if (peer != NULL && peer->session != NULL)
		session_send(peer->session, bytes_of(endpoint->plaintext, len));
	else
		udp_end(endpoint->sockets[to->key.socket], to, len);
}

void endpoint_send(struct endpoint *endpoint, const struct route *to, const struct peer *peer,
		   struct bytes datagram)
{
	memcpy(endpoint_begin(endpoint, to, peer, datagram.len).at, datagram.at, datagram.len);
	endpoint_end(endpoint, to, peer, datagram.len);
}

size_t endpoint_payload_max(const struct peer *peer, const struct oscore_binding *binding)
{
	if (peer->stream == NULL || binding->context != 0)
		return peer->endpoint->settings.block_size;
	return stream_payload_max(peer->stream);
}

/* ---- peers ---- */

static uint32_t peer_lifetime_s(const struct peer *peer)
{
	if (peer->stream != NULL)
		return peer->endpoint->settings.connection_idle_s;
	return peer->session != NULL ? session_idle_s(peer->session) : peer->endpoint->peer_idle_s;
}

static bool is_open(const struct peer *peer)
{
	return peer->exchanges != NULL || peer->transfers != NULL || message_is_open(peer);
}

/* Not restarted by each message: it looks at seen_s when it fires. */
static void peer_idled(void *self)
{
	struct peer *peer = self;
	uint32_t lifetime_s = peer_lifetime_s(peer), silent_s = endpoint_now_s(peer->endpoint) - peer->seen_s;

	if (silent_s >= lifetime_s && !is_open(peer)) {
		endpoint_remove_peer(peer);
		return;
	}
	answers_forget_expired(peer);
	uint32_t rest_s = silent_s < lifetime_s ? lifetime_s - silent_s : lifetime_s;
	loop_start_timer(peer->endpoint->loop, &peer->idle, (int64_t)rest_s * 1000);
}

/* Senders that nobody has ever heard of could take all places in no time; what they leave is of no use. */
static void make_room(struct endpoint *endpoint)
{
	const uint32_t now_s = endpoint_now_s(endpoint);

	for (int i = 0; i < SPARE_LOOKS; i++) {
		struct peer *peer = slab_next(&endpoint->peers.slab, &endpoint->spare_at);

		endpoint->spare_at = peer != NULL ? endpoint->spare_at + 1 : 0;
		if (peer == NULL || peer->session != NULL || peer->stream != NULL || is_open(peer) ||
		    now_s - peer->seen_s < endpoint->peer_spare_s)
			continue;
		endpoint_remove_peer(peer);
		return;
	}
}

struct peer *endpoint_peer(struct endpoint *endpoint, const struct route *route)
{
	uint8_t mid[2];
	struct peer *peer = peers_find(&endpoint->peers, &route->key);
	if (peer != NULL)
		return peer;
	if (random_bytes(mid, sizeof(mid)) != ERR_NONE)
		return NULL;
	if (endpoint->peers.slab.used == endpoint->settings.max_peers)
		make_room(endpoint);
	peer = peers_add(&endpoint->peers, route);
	if (peer == NULL)
		return NULL;
	peer->endpoint = endpoint;
	peer->next_mid = (uint16_t)(mid[0] << 8 | mid[1]);
	peer->seen_s = endpoint_now_s(endpoint);
	peer->idle = timer_of(peer_idled, peer);
	loop_start_timer(endpoint->loop, &peer->idle, (int64_t)endpoint->peer_idle_s * 1000);
	return peer;
}

void endpoint_remove_peer(struct peer *peer)
{
	exchange_forget(peer);
	message_forget(peer);
	block_forget(peer);
	dtls_end_session(peer->session);
	stream_end(peer->stream);
	loop_stop_timer(peer->endpoint->loop, &peer->idle);
	peers_remove(&peer->endpoint->peers, peer);
}

void endpoint_touch_peer(struct peer *peer, const struct route *from)
{
	peer->seen_s = endpoint_now_s(peer->endpoint);
	peer->route.local = from->local;
}

bool peer_is_reachable(const struct peer *peer)
{
	if (peer->route.key.is_stream)
		return stream_is_open(peer->stream);
	return !peer->route.key.is_secure || session_is_open(peer->session);
}

const char *peer_identity(const struct peer *peer)
{
	if (peer->stream != NULL)
		return stream_name(peer->stream);
	return peer->session != NULL ? session_name(peer->session) : "";
}

/* ---- sockets ---- */

static enum err open_datagrams(struct endpoint *endpoint, const struct coap_address *listen,
			       struct fault *fault)
{
	const struct udp_settings settings = {
		.listen = *listen,
		.receiver = { endpoint_expect, endpoint_receive, endpoint_truncated, endpoint },
	};

	return udp_open(endpoint->loop, &settings, &endpoint->sockets[listen->socket], fault);
}

static enum err open_listener(struct endpoint *endpoint, const struct coap_address *listen,
			      struct fault *fault)
{
	return listener_open(endpoint->loop, listen, streams_accept, endpoint->streams,
			     &endpoint->listeners[listen->socket], fault);
}

static struct coap_address bound_to(const struct endpoint *endpoint, size_t socket)
{
	return endpoint->listeners[socket] != NULL ? listener_bound(endpoint->listeners[socket])
						   : udp_bound(endpoint->sockets[socket]);
}

static enum err open_socket(struct endpoint *endpoint, const char *text, size_t len, bool is_stream,
			    bool is_secure, struct fault *fault)
{
	const size_t socket = endpoint->socket_count;
	struct coap_address address;
	char listen[COAP_ADDRESS_TEXT_SIZE] = "";

	if (socket == ENDPOINT_SOCKETS_MAX)
		return fault_set(fault, ERR_LIMIT, "more than %d addresses to listen at",
				 ENDPOINT_SOCKETS_MAX);
	if (len < sizeof(listen))
		memcpy(listen, text, len);
	enum err err = coap_address_parse(listen, &address);
	if (err != ERR_NONE)
		return fault_set(fault, err, "'%.*s' is not an address:port to listen at", (int)len, text);
	address.socket = (uint8_t)socket;
	address.is_secure = is_secure;
	address.is_stream = is_stream;
	err = is_stream ? open_listener(endpoint, &address, fault)
			: open_datagrams(endpoint, &address, fault);
	if (err != ERR_NONE)
		return err;
	address = bound_to(endpoint, socket);
	char **name = &endpoint->socket_names[endpoint->socket_count++];
	if (asprintf(name, "%s://%s", coap_address_scheme(&address), coap_address_print(&address, listen)) <
	    0) {
		*name = NULL;
		return fault_set(fault, ERR_NOMEM, "no memory for the name of a socket");
	}
	return ERR_NONE;
}

static enum err open_sockets(struct endpoint *endpoint, const char *list, bool is_stream, bool is_secure,
			     struct fault *fault)
{
	for (const char *text = list; text != NULL && *text != 0;) {
		size_t len = strcspn(text, ",");
		enum err err = open_socket(endpoint, text, len, is_stream, is_secure, fault);
		if (err != ERR_NONE)
			return err;
		text += len + (text[len] == ',');
	}
	return ERR_NONE;
}

/* ---- the whole ---- */

static bool is_given(const char *list)
{
	return list != NULL && list[0] != 0;
}

static enum err check_settings(const struct endpoint_settings *settings, struct fault *fault)
{
	bool is_power = (settings->block_size & (settings->block_size - 1)) == 0;
	if (settings->block_size < 16 || settings->block_size > 1024 || !is_power)
		return fault_set(fault, ERR_MALFORMED, "block size %u: a power of 2 from 16 to 1024",
				 settings->block_size);
	if (settings->max_peers == 0 || settings->max_peers > 1 << 26)
		return fault_set(fault, ERR_MALFORMED, "peers %u: 1 to 67108864", settings->max_peers);
	if (settings->ack_timeout_ms == 0 || settings->ack_timeout_ms > 60000 ||
	    settings->max_retransmit > 10)
		return fault_set(fault, ERR_MALFORMED, "retransmission: 1 to 60000 ms, at most 10 times");
	if ((is_given(settings->coaps_listen) || is_given(settings->tls_listen)) &&
	    settings->credentials == NULL)
		return fault_set(fault, ERR_MALFORMED, "coaps needs credentials");
	return ERR_NONE;
}

enum err endpoint_create(struct loop *loop, const struct endpoint_settings *settings,
			 const struct endpoint_handlers *handlers, struct endpoint **ret_endpoint,
			 struct fault *fault)
{
	enum err err = check_settings(settings, fault);
	if (err != ERR_NONE)
		return err;
	struct endpoint *endpoint = calloc(1, sizeof(*endpoint));
	if (endpoint == NULL)
		return fault_set(fault, ERR_NOMEM, "no memory for an endpoint");
	endpoint->loop = loop;
	endpoint->handlers = *handlers;
	endpoint->settings = *settings;
	endpoint->peer_idle_s = EXCHANGE_LIFETIME_S;
	endpoint->peer_spare_s = PEER_SPARE_S;
	endpoint->handshakes_max = HANDSHAKES_MAX;
	endpoint->stream_begin_ms = STREAM_BEGIN_MS;
	endpoint->stream_message_ms = STREAM_MESSAGE_MS;
	endpoint->stream_stalled_ms = STREAM_STALLED_MS;
	endpoint->pendings = slab_of(sizeof(struct pending), PENDING_MAX);
	endpoint->arena = arena_create(ARENA_BYTES_MAX);

	err = endpoint->arena == NULL ? ERR_NOMEM : peers_create(settings->max_peers, &endpoint->peers);
	if (err != ERR_NONE)
		(void)fault_set(fault, err, "no memory for %u peers", settings->max_peers);
	if (err == ERR_NONE)
		err = random_bytes(endpoint->echo_key, sizeof(endpoint->echo_key));
	if (err == ERR_NONE && is_given(settings->coaps_listen))
		err = dtls_create(endpoint, &endpoint->dtls, fault);
	if (err == ERR_NONE && (is_given(settings->tcp_listen) || is_given(settings->tls_listen)))
		err = streams_create(endpoint, is_given(settings->tls_listen), &endpoint->streams, fault);
	if (err == ERR_NONE && settings->oscore_numbers != NULL && settings->credentials != NULL)
		err = oscore_create(endpoint, &endpoint->oscore);
	if (err == ERR_NONE)
		err = open_sockets(endpoint, settings->coap_listen, false, false, fault);
	if (err == ERR_NONE)
		err = open_sockets(endpoint, settings->coaps_listen, false, true, fault);
	if (err == ERR_NONE)
		err = open_sockets(endpoint, settings->tcp_listen, true, false, fault);
	if (err == ERR_NONE)
		err = open_sockets(endpoint, settings->tls_listen, true, true, fault);
	if (err != ERR_NONE) {
		endpoint_free(endpoint);
		return err;
	}
	endpoint->settings.coap_listen = endpoint->settings.coaps_listen = NULL;
	endpoint->settings.tcp_listen = endpoint->settings.tls_listen = NULL;
	*ret_endpoint = endpoint;
	return ERR_NONE;
}

void endpoint_free(struct endpoint *endpoint)
{
	if (endpoint == NULL)
		return;
	endpoint->is_closing = true;
	exchange_end_all(endpoint);
	struct peer *peer;
	for (uint32_t i = 0; (peer = slab_next(&endpoint->peers.slab, &i)) != NULL; i++)
		endpoint_remove_peer(peer);
	for (size_t i = 0; i < endpoint->socket_count; i++) {
		udp_close(endpoint->sockets[i]);
		listener_close(endpoint->listeners[i]);
		free(endpoint->socket_names[i]);
	}
	dtls_free(endpoint->dtls);
	streams_free(endpoint->streams);
	oscore_free(endpoint->oscore);
	slab_end(&endpoint->pendings);
	peers_end(&endpoint->peers);
	arena_free(endpoint->arena);
	free(endpoint);
}

const char *endpoint_listening(const struct endpoint *endpoint, size_t i)
{
	return i < endpoint->socket_count ? endpoint->socket_names[i] : NULL;
}

static bool is_any(const struct in6_addr *ip)
{
	return IN6_IS_ADDR_UNSPECIFIED(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr32[3] == INADDR_ANY);
}

/* Which of our addresses the system would speak to it from. */
static enum err ask_system(const struct coap_address *device, struct peer_key *ret_ours)
{
	const struct peer_key key = peer_key_of(device);
	struct sockaddr_in6 to, from;
	socklen_t to_size, from_size = sizeof(from);
	sa_family_t family = IN6_IS_ADDR_V4MAPPED(&key.ip) ? AF_INET : AF_INET6;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return ERR_UNAVAILABLE;
	to_size = peer_key_to_sockaddr(&key, family, &to);
	bool is_known = connect(fd, (const struct sockaddr *)&to, to_size) == 0 &&
			getsockname(fd, (struct sockaddr *)&from, &from_size) == 0;
	close(fd);
	if (!is_known)
		return ERR_UNAVAILABLE;
	peer_key_from_sockaddr((const struct sockaddr *)&from, ret_ours);
	return ERR_NONE;
}

enum err endpoint_local_address(const struct endpoint *endpoint, const struct coap_address *device,
				struct coap_address *ret_ours)
{
	const struct peer_key key = peer_key_of(device);
	const struct peer *peer = peers_find(&endpoint->peers, &key);
	enum err err = ERR_NONE;

	if (key.socket >= endpoint->socket_count)
		return ERR_UNAVAILABLE;
	const struct coap_address bound = bound_to(endpoint, key.socket);
	struct peer_key ours = peer_key_of(&bound);
	const in_port_t port = ours.port;

	if (is_any(&ours.ip)) {
		if (peer != NULL && !IN6_IS_ADDR_UNSPECIFIED(&peer->route.local))
			ours.ip = peer->route.local;
		else
			err = ask_system(device, &ours);
	}
	if (err != ERR_NONE)
		return err;
	ours.port = port;
	ours.scope = 0;
	*ret_ours = peer_key_address(&ours);
	return ERR_NONE;
}

struct endpoint_counts endpoint_counts(const struct endpoint *endpoint)
{
	struct endpoint_counts counts = endpoint->counts;

	for (size_t i = 0; i < endpoint->socket_count; i++)
		counts.sent += endpoint->sockets[i] != NULL ? udp_sent(endpoint->sockets[i]) : 0;
	counts.peers = endpoint->peers.slab.used;
	counts.sessions = endpoint->dtls != NULL ? dtls_session_count(endpoint->dtls) : 0;
	counts.connections = endpoint->streams != NULL ? streams_count(endpoint->streams) : 0;
	return counts;
}
