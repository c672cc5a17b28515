/* Bodies in blocks (RFC 7959): what devices send in Block1 is put together before its owner sees it, what is answered
 * is cut into Block2. A body is atomic and belongs to its peer, path, query and Request-Tag (RFC 9175 3). */
#ifndef CARDEA_COAP_BLOCK_H
#define CARDEA_COAP_BLOCK_H

#include "message.h"

#define BODY_BYTES_MAX (64 << 20)       /* [ours] bodies of all peers; at least one of max_body_bytes fits */
#define TRANSFERS_PER_PEER 4            /* [ours] the oldest makes room */

/* ERR_LIMIT: above max_body_bytes. ERR_UNAVAILABLE: too much is open in all. ERR_NOMEM. */
MUST_CHECK enum err body_append(struct endpoint *endpoint, struct body *body, struct bytes bytes);
/* The same with another bound than max_body_bytes. */
MUST_CHECK enum err body_append_up_to(struct endpoint *endpoint, struct body *body, struct bytes bytes, size_t max);
void body_clear(struct endpoint *endpoint, struct body *body);

uint64_t block_key(const struct endpoint *endpoint, const struct oscore_binding *binding, const struct pdu *pdu,
                   const struct coap_message *message);
/* The largest block that the settings allow. */
uint8_t block_size_exponent(const struct endpoint *endpoint);

/* A request in blocks. Either message->payload becomes the whole body, valid until block_request_done, and
 * own->code stays 0; or `own`, `own_pdu` and `payload` become what it is answered with. */
void block_request(struct pending *pending, const struct pdu *pdu, struct coap_message *message,
                   struct coap_message *own, struct pdu *own_pdu, struct bytes *payload);
void block_request_done(struct endpoint *endpoint);

/* The part of an answer that goes now: *payload and the options in *pdu; the rest waits for the peer to ask. Returns
 * the message to send: `response`, or *ret_refusal. */
const struct coap_message *block_answer(struct pending *pending, const struct coap_message *response, struct pdu *pdu,
                                        struct bytes *payload, struct coap_message *ret_refusal);

/* An Echo option of a request (RFC 9175 2.4): ours for this address shows that the peer has it. */
void block_take_echo(struct peer *peer, const struct pdu *pdu);

void block_forget(struct peer *peer);

#endif
