/* The message layer (RFC 7252 4): what is confirmed, repeated, answered or refused. */
#ifndef CARDEA_COAP_MESSAGE_H
#define CARDEA_COAP_MESSAGE_H

#include "endpoint.h"

#define PENDING_MAX 65536               /* [ours] requests without an answer, in all */
#define PENDING_PER_PEER 8              /* [ours] */

/* A request of a device that waits for its answer; its handle is what the owner of the endpoint holds. */
struct pending {
	struct pending *prev, *next;            /* of the peer */
	struct peer *peer;
	uint64_t handle;
	uint64_t key;                           /* which body it is about: block.c */
	struct timer timer;                     /* until the empty ACK */
	uint16_t mid;
	uint8_t code;
	bool is_confirmable, is_acknowledged;
	uint8_t token_len, token[PDU_TOKEN_MAX];
	struct pdu_block block1, block2;        /* of the answer; as asked for */
	struct oscore_binding oscore;
};

/* A message in the clear, from a peer (NULL: not known so far). */
void message_receive(struct endpoint *endpoint, const struct route *from, struct peer *peer, struct bytes datagram);

/* A message of a connection. False: it cannot be read, and nothing behind it can be. */
bool message_receive_frame(struct peer *peer, const struct frame *frame);

/* Forgets transmissions, remembered answers and open requests of a peer that goes. */
void message_forget(struct peer *peer);
/* True while something of the peer is open here. */
bool message_is_open(const struct peer *peer);

#endif
