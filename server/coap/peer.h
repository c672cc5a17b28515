/* The peers: who sent us a request lately or is sent one. Between its messages a peer costs sizeof(struct peer), and
 * nothing once it has been silent for as long as its duplicates may arrive. */
#ifndef CARDEA_COAP_PEER_H
#define CARDEA_COAP_PEER_H

#include <stdbool.h>

#include "address.h"
#include "index.h"
#include "slab.h"
#include "wheel.h"

struct transfer;
struct endpoint;
struct exchange;
struct pending;
struct session;
struct stream;
struct transmission;

#define PEER_ANSWERS 4          /* remembered per peer: a device has one request under way, rarely two */
#define ANSWER_INLINE 16        /* bytes: an empty 2.04 with a token of 8 and 2.31 Continue fit */

/* What a message was answered with: answer.h */
struct answer {
	uint32_t at_s;                  /* 0: free */
	uint16_t mid;
	uint16_t len;                   /* 0: not answered (yet), a duplicate is dropped */
	union {
		uint8_t here[ANSWER_INLINE];
		uint8_t *elsewhere;
	};
};

/* What a request touches comes first, in three cache lines. */
struct peer {
	struct route route;
	uint64_t handle;
	struct endpoint *endpoint;
	struct session *session;                /* dtls.c; NULL without DTLS */
	struct stream *stream;                  /* stream.c; NULL: it speaks in datagrams */

	struct answer answers[PEER_ANSWERS];
	struct pending *pendings;               /* its requests without an answer: message.c */
	uint32_t seen_s;
	uint16_t next_mid;
	uint16_t exchange_count;
	uint8_t next_answer, pending_count, transfer_count;
	bool speaks_oscore;                     /* inside DTLS: its last request was protected */
	bool is_verified;                       /* it has proved that it receives at its address */
	uint8_t broken_uploads;                 /* bodies that we sent in part: the next one has another Request-Tag */

	struct transmission *transmissions;     /* confirmable messages to it without ACK */
	struct exchange *exchanges;             /* requests to it, the first one is under way: exchange.c */
	struct transfer *transfers;             /* bodies in blocks, from and to it: block.c */
	struct timer idle;
};

struct peers {
	struct slab slab;
	struct index by_key;
};

MUST_CHECK enum err peers_create(uint32_t max_peers, struct peers *ret_peers);
void peers_end(struct peers *peers);            /* the peers themselves have been removed before */

struct peer *peers_find(const struct peers *peers, const struct peer_key *key);
/* Fetches ahead what a request of each of these will touch: whoever has many at hand waits for memory once, not once
 * for each. */
void peers_prefetch(const struct peers *peers, const struct peer_key *const *keys, size_t count);
struct peer *peers_by_handle(const struct peers *peers, uint64_t handle);
/* A new peer; the key must not be there. NULL when the table is full or there is no memory. */
struct peer *peers_add(struct peers *peers, const struct route *route);
void peers_remove(struct peers *peers, struct peer *peer);

#endif
