/* Confirmable messages, sent again until they are acknowledged, reset or given up (RFC 7252 4.2, 4.8). */
#ifndef CARDEA_COAP_TRANSMISSION_H
#define CARDEA_COAP_TRANSMISSION_H

#include "endpoint.h"

struct transmission {
	struct transmission *prev, *next;       /* of the peer */
	struct peer *peer;
	struct exchange *exchange;              /* NULL: an answer of ours */
	struct timer timer;
	uint32_t timeout_ms;
	uint16_t mid;
	uint8_t repeated;
	size_t len;
	uint8_t bytes[];
};

/* Sends a confirmable message, or to a stream one that is as good as acknowledged: *ret_transmission is NULL then. The exchange (NULL: it is an answer) hears of its end by exchange_failed, unless whoever
 * hears of it first stops it. Sets pdu->type and pdu->mid. ERR_NOMEM; ERR_LIMIT when the options are too long for a
 * datagram; ERR_UNAVAILABLE without a session or, with OSCORE, a context. */
MUST_CHECK enum err transmission_begin(struct peer *peer, struct pdu *pdu, const struct coap_message *message,
                                       struct bytes payload, struct oscore_binding *binding, struct exchange *exchange,
                                       struct transmission **ret_transmission);
void transmission_stop(struct transmission *transmission);      /* accepts NULL */
struct transmission *transmission_find(struct peer *peer, uint16_t mid);

/* MAX_TRANSMIT_WAIT (RFC 7252 4.8.2) with the timers of the settings. */
uint32_t transmission_max_wait_ms(const struct endpoint *endpoint);

#endif
