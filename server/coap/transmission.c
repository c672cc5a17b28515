#include "transmission.h"

#include <stdlib.h>
#include <utlist.h>

#include <cardea/crypto.h>

#include "exchange.h"

/* ACK_RANDOM_FACTOR is 1.5 */
static enum err first_timeout(const struct endpoint *endpoint, uint32_t *ret_timeout_ms)
{
	uint8_t random[2];
	enum err err = random_bytes(random, sizeof(random));

	if (err != ERR_NONE)
		return err;
	uint32_t fraction = (uint32_t)random[0] << 8 | random[1];
	*ret_timeout_ms = endpoint->settings.ack_timeout_ms +
			  (uint32_t)((uint64_t)endpoint->settings.ack_timeout_ms * fraction / (2 * 65536));
	return ERR_NONE;
}

uint32_t transmission_max_wait_ms(const struct endpoint *endpoint)
{
	return endpoint->settings.ack_timeout_ms * ((UINT32_C(2) << endpoint->settings.max_retransmit) - 1) *
	       3 / 2;
}

void transmission_stop(struct transmission *transmission)
{
	if (transmission == NULL)
		return;
	loop_stop_timer(transmission->peer->endpoint->loop, &transmission->timer);
	DL_DELETE(transmission->peer->transmissions, transmission);
	free(transmission);
}

struct transmission *transmission_find(struct peer *peer, uint16_t mid)
{
	struct transmission *transmission;

	DL_FOREACH(peer->transmissions, transmission)
	if (transmission->mid == mid)
		return transmission;
	return NULL;
}

static void transmission_due(void *self)
{
	struct transmission *transmission = self;
	struct peer *peer = transmission->peer;
	struct endpoint *endpoint = peer->endpoint;

	if (transmission->repeated == endpoint->settings.max_retransmit) {
		struct exchange *exchange = transmission->exchange;
		transmission_stop(transmission);
		if (exchange != NULL)
			exchange_failed(exchange, ERR_TIMEOUT);
		return;
	}
	transmission->repeated++;
	transmission->timeout_ms *= 2;
	endpoint->counts.retransmissions++;
	loop_start_timer(endpoint->loop, &transmission->timer, transmission->timeout_ms);
	endpoint_send(endpoint, &peer->route, peer, bytes_of(transmission->bytes, transmission->len));
}

enum err transmission_begin(struct peer *peer, struct pdu *pdu, const struct coap_message *message,
			    struct bytes payload, struct oscore_binding *binding, struct exchange *exchange,
			    struct transmission **ret_transmission)
{
	struct endpoint *endpoint = peer->endpoint;
	uint32_t timeout_ms;
	enum err err = first_timeout(endpoint, &timeout_ms);

	if (err != ERR_NONE)
		return err;
	if (!peer_is_reachable(peer))
		return ERR_UNAVAILABLE;
	pdu->type = PDU_CON;
	pdu->mid = peer->next_mid++;
	const struct room room = endpoint_begin(endpoint, &peer->route, peer, payload.len);
	size_t len;
	err = oscore_write(endpoint, binding, pdu, message, payload, room.at, room.size, &len);
	if (err != ERR_NONE)
		return err;
	if (peer->stream != NULL) { /* which delivers it, or breaks */
		endpoint_end(endpoint, &peer->route, peer, len);
		exchange_acknowledged(exchange);
		*ret_transmission = NULL;
		return ERR_NONE;
	}
	struct transmission *transmission = malloc(sizeof(*transmission) + len);
	if (transmission == NULL)
		return ERR_NOMEM;
	*transmission = (struct transmission){
		.peer = peer,
		.exchange = exchange,
		.timer = timer_of(transmission_due, transmission),
		.timeout_ms = timeout_ms,
		.mid = pdu->mid,
		.len = len,
	};
	memcpy(transmission->bytes, room.at, len);
	DL_APPEND(peer->transmissions, transmission);
	loop_start_timer(endpoint->loop, &transmission->timer, timeout_ms);
	endpoint_end(endpoint, &peer->route, peer, len);
	*ret_transmission = transmission;
	return ERR_NONE;
}
