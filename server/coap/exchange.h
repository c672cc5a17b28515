/* Requests to devices and their answers, by token (RFC 7252 5.2, 5.3), with bodies in blocks (RFC 7959 2.3 to 2.7). */
#ifndef CARDEA_COAP_EXCHANGE_H
#define CARDEA_COAP_EXCHANGE_H

#include "endpoint.h"

#define EXCHANGE_WAITING_MAX 16
#define EXCHANGE_BYTES_MAX (64 << 20)   /* [ours] copies of requests, in all */

/* From the message layer, about the request under way. */
void exchange_acknowledged(struct exchange *exchange);
void exchange_failed(struct exchange *exchange, enum err err);

/* Whether the request under way has the token of this answer; then exchange_answered takes it. */
bool exchange_expects(const struct peer *peer, const struct pdu *pdu);
/* How the request under way was protected; there must be one. */
const struct oscore_binding *exchange_binding(const struct peer *peer);
/* Whether the request under way has been acknowledged, and its answer not come yet. */
bool exchange_is_acknowledged(const struct peer *peer);
void exchange_answered(struct peer *peer, const struct pdu *pdu, const struct coap_message *message);

/* Fetches the rest of a notification of which the first block has come, and hands it on as a whole. False: nobody
 * knows the observation, or too much is open. */
bool exchange_fetch_rest(struct endpoint *endpoint, const struct route *from, const char *identity, uint64_t token,
                         const struct pdu *pdu, const struct coap_message *first);

/* All exchanges of a peer end with ERR_UNAVAILABLE, in a later turn. */
void exchange_forget(struct peer *peer);
/* The endpoint closes: all end now. */
void exchange_end_all(struct endpoint *endpoint);

uint64_t token_of(const struct pdu *pdu);       /* 0 when it is not one of ours, which have 8 bytes */

#endif
