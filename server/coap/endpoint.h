/* The endpoint as its parts see it: each layer is a file, and all of them work on one loop's thread.
 *
 *   udp -> (dtls) -> message -> (block) -> handlers          a request of a device, its answer: endpoint_reply
 *   tcp -> (tls) -> stream -> message
 *                        '----> exchange -> done             an answer of a device to exchange_start
 *
 * Nothing is kept for a sender whose datagram could not be read; a peer begins with a request that could. */
#ifndef CARDEA_COAP_ENDPOINT_H
#define CARDEA_COAP_ENDPOINT_H

#include "dtls.h"
#include "loop.h"
#include "oscore.h"
#include "pdu.h"
#include "peer.h"
#include "udp.h"

#define ENDPOINT_SOCKETS_MAX 8

/* Bytes that grow block by block: block.h */
struct body {
	uint8_t *at;
	size_t len, capacity;
};

/* RFC 7252 4.8.2: how long a duplicate may arrive. Also how long a peer without security is kept in silence. */
#define EXCHANGE_LIFETIME_S 247
#define NON_LIFETIME_S 145
#define BUSY_MAX_AGE_S 30               /* [ours] with 5.03: when to try again */
/* A peer without security makes room for a new one when all places are taken and it has been silent for so long:
 * MAX_TRANSMIT_SPAN (RFC 7252 4.8.2), after which duplicates are rare. */
#define PEER_SPARE_S 45
#define HANDSHAKES_MAX 4096             /* [ours] under way, each with a proven address; more push out the oldest */

/* Where to build a message. */
struct room {
	uint8_t *at;
	size_t size;
};

struct endpoint {
	struct loop *loop;
	struct endpoint_handlers handlers;
	struct endpoint_settings settings;      /* its texts are gone after endpoint_create */
	struct udp_socket *sockets[ENDPOINT_SOCKETS_MAX];       /* of each socket this or the listener is there */
	struct listener *listeners[ENDPOINT_SOCKETS_MAX];
	char *socket_names[ENDPOINT_SOCKETS_MAX];
	size_t socket_count;
	struct peers peers;
	struct slab pendings;                   /* message.c */
	struct exchange *exchanges;             /* by token: exchange.c */
	struct dtls *dtls;                      /* NULL without coaps */
	struct streams *streams;                /* NULL without TCP */
	struct oscore *oscore;                  /* NULL without */
	struct arena *arena;                    /* of one request */
	struct endpoint_counts counts;
	size_t exchange_bytes, body_bytes;      /* copies of payloads: bounded in all */
	struct body request_body;               /* of the request that its owner looks at */
	uint32_t peer_idle_s, peer_spare_s, handshakes_max;     /* as above, and what tests make of them */
	uint32_t stream_begin_ms, stream_message_ms, stream_stalled_ms;         /* as in stream.h, likewise */
	uint32_t spare_at;                      /* where the last look for a peer that makes room ended */
	uint8_t echo_key[32];                   /* of the Echo options by which a peer shows that it has its address */
	uint32_t notification_number;           /* of notifications that come in order: message.c */
	uint16_t next_mid;                      /* of messages to nobody that we know */
	bool is_closing;
	uint8_t plaintext[UDP_DATAGRAM_MAX];    /* the next message of a session */
};

/* Seconds for what is remembered; never 0. */
uint32_t endpoint_now_s(const struct endpoint *endpoint);

/* A datagram as it came from the socket: public for the fuzz target. */
void endpoint_receive(void *endpoint, const struct route *from, struct bytes datagram);

/* Where to build a message in the form of a datagram, with a payload of this length; endpoint_end sends it. `peer` is NULL
 * while there is none. */
struct room endpoint_begin(struct endpoint *endpoint, const struct route *to, const struct peer *peer, size_t payload_len);
void endpoint_end(struct endpoint *endpoint, const struct route *to, const struct peer *peer, size_t len);
/* Both, for a datagram that has been built before. */
void endpoint_send(struct endpoint *endpoint, const struct route *to, const struct peer *peer, struct bytes datagram);
/* The longest payload that goes to the peer in one message; a longer one goes in blocks. */
size_t endpoint_payload_max(const struct peer *peer, const struct oscore_binding *binding);

/* The peer at the other end, from now on kept if it was not. NULL when there are too many. */
struct peer *endpoint_peer(struct endpoint *endpoint, const struct route *route);
/* Forgets a peer; its exchanges end with ERR_UNAVAILABLE in a later turn. */
void endpoint_remove_peer(struct peer *peer);
/* It was heard. */
void endpoint_touch_peer(struct peer *peer, const struct route *from);
/* Whether messages may be sent to it now. */
bool peer_is_reachable(const struct peer *peer);
/* "" without security. */
const char *peer_identity(const struct peer *peer);

#endif
