#include "message.h"

#include <stdlib.h>
#include <utlist.h>

#include <cardea/crypto.h>

#include "block.h"
#include "exchange.h"

/* ---- remembered answers ---- */

static struct answer *answer_find(struct peer *peer, uint16_t mid)
{
	const uint32_t now_s = endpoint_now_s(peer->endpoint);

	for (size_t i = 0; i < PEER_ANSWERS; i++) {
		struct answer *answer = &peer->answers[i];
		if (answer->at_s != 0 && answer->mid == mid && now_s - answer->at_s < EXCHANGE_LIFETIME_S)
			return answer;
	}
	return NULL;
}

static void answer_clear(struct answer *answer)
{
	if (answer->len > ANSWER_INLINE)
		free(answer->elsewhere);
	*answer = (struct answer){ 0 };
}

/* A message has come; its answer, if it gets one, follows by answer_store. */
static void answer_expect(struct peer *peer, uint16_t mid)
{
	struct answer *answer = &peer->answers[peer->next_answer];

	peer->next_answer = (uint8_t)((peer->next_answer + 1) % PEER_ANSWERS);
	answer_clear(answer);
	answer->at_s = endpoint_now_s(peer->endpoint);
	answer->mid = mid;
}

static void answer_store(struct peer *peer, uint16_t mid, struct bytes bytes)
{
	struct answer *answer = answer_find(peer, mid);
	uint8_t *elsewhere = NULL;

	if (answer == NULL)
		return;
	if (bytes.len > ANSWER_INLINE) {
		elsewhere = malloc(bytes.len);
		if (elsewhere == NULL)
			return; /* a duplicate goes without an answer */
		memcpy(elsewhere, bytes.at, bytes.len);
	}
	if (answer->len > ANSWER_INLINE)
		free(answer->elsewhere);
	answer->len = (uint16_t)bytes.len;
	if (elsewhere != NULL)
		answer->elsewhere = elsewhere;
	else
		memcpy(answer->here, bytes.at, bytes.len);
}

void message_forget_expired(struct peer *peer)
{
	const uint32_t now_s = endpoint_now_s(peer->endpoint);

	for (size_t i = 0; i < PEER_ANSWERS; i++)
		if (now_s - peer->answers[i].at_s >= EXCHANGE_LIFETIME_S)
			answer_clear(&peer->answers[i]);
}

/* ---- sending ---- */

static void send_bytes(struct endpoint *endpoint, const struct route *to, struct session *session,
		       struct bytes bytes)
{
	memcpy(endpoint_begin(endpoint, to, session), bytes.at, bytes.len);
	endpoint_end(endpoint, to, session, bytes.len);
}

/* Writes and sends a message that nobody acknowledges. False when it is too long. */
static bool send_once(struct endpoint *endpoint, const struct route *to, struct peer *peer,
		      const struct pdu *pdu, const struct coap_message *message, struct bytes payload)
{
	struct session *session = peer != NULL ? peer->session : NULL;
	uint8_t *at = endpoint_begin(endpoint, to, session);
	size_t len = pdu_write(pdu, message, payload, at, UDP_DATAGRAM_MAX);

	if (len == 0)
		return false;
	/* Before it is sent: a session encrypts in place of its own, but a socket's slot is taken by the next
	 * message. */
	if (pdu->type == PDU_ACK && peer != NULL)
		answer_store(peer, pdu->mid, bytes_of(at, len));
	endpoint_end(endpoint, to, session, len);
	return true;
}

/* An empty ACK or RST. */
static void send_empty(struct endpoint *endpoint, const struct route *to, struct peer *peer,
		       enum pdu_type type, uint16_t mid)
{
	const struct pdu pdu = { .type = type, .mid = mid };

	(void)send_once(endpoint, to, peer, &pdu, NULL, bytes_of(NULL, 0));
}

/* Answers a request without keeping anything. */
static void refuse(struct endpoint *endpoint, const struct route *to, struct peer *peer,
		   const struct pdu *request)
{
	const struct coap_message busy = {
		.code = COAP_CODE(5, 3),
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
		.has_max_age = true,
		.max_age_s = BUSY_MAX_AGE_S,
	};
	struct pdu pdu = {
		.type = request->type == PDU_CON ? PDU_ACK : PDU_NON,
		.code = busy.code,
		.mid = request->type == PDU_CON ? request->mid : endpoint->next_mid++,
		.token_len = request->token_len,
	};

	memcpy(pdu.token, request->token, request->token_len);
	endpoint->counts.refused++;
	(void)send_once(endpoint, to, peer, &pdu, &busy, bytes_of(NULL, 0));
}

/* ---- retransmission ---- */

struct transmission {
	struct transmission *prev, *next; /* of the peer */
	struct peer *peer;
	struct exchange *exchange; /* NULL: an answer of ours */
	struct timer timer;
	uint32_t timeout_ms;
	uint16_t mid;
	uint8_t repeated;
	size_t len;
	uint8_t bytes[];
};

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

uint32_t message_max_wait_ms(const struct endpoint *endpoint)
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

static struct transmission *transmission_find(struct peer *peer, uint16_t mid)
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
	send_bytes(endpoint, &peer->route, peer->session, bytes_of(transmission->bytes, transmission->len));
}

enum err message_send_confirmable(struct peer *peer, struct pdu *pdu, const struct coap_message *message,
				  struct bytes payload, struct exchange *exchange,
				  struct transmission **ret_transmission)
{
	struct endpoint *endpoint = peer->endpoint;
	uint32_t timeout_ms;
	enum err err = first_timeout(endpoint, &timeout_ms);

	if (err != ERR_NONE)
		return err;
	if (peer->route.key.is_secure && !session_is_open(peer->session))
		return ERR_UNAVAILABLE;
	pdu->type = PDU_CON;
	pdu->mid = peer->next_mid++;
	uint8_t *at = endpoint_begin(endpoint, &peer->route, peer->session);
	size_t len = pdu_write(pdu, message, payload, at, UDP_DATAGRAM_MAX);
	if (len == 0)
		return ERR_LIMIT;
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
	memcpy(transmission->bytes, at, len);
	DL_APPEND(peer->transmissions, transmission);
	loop_start_timer(endpoint->loop, &transmission->timer, timeout_ms);
	endpoint_end(endpoint, &peer->route, peer->session, len);
	*ret_transmission = transmission;
	return ERR_NONE;
}

/* ---- requests of devices and our answers ---- */

static void pending_close(struct pending *pending)
{
	struct peer *peer = pending->peer;

	loop_stop_timer(peer->endpoint->loop, &pending->timer);
	DL_DELETE(peer->pendings, pending);
	peer->pending_count--;
	slab_give(&peer->endpoint->pendings, pending->handle);
}

/* The owner takes its time: the device need not repeat (RFC 7252 5.2.2). */
static void pending_acknowledge(void *self)
{
	struct pending *pending = self;
	struct peer *peer = pending->peer;

	pending->is_acknowledged = true;
	send_empty(peer->endpoint, &peer->route, peer, PDU_ACK, pending->mid);
}

static struct pending *pending_open(struct peer *peer, const struct pdu *pdu,
				    const struct coap_message *message)
{
	uint64_t handle;

	if (peer->pending_count == PENDING_PER_PEER)
		return NULL;
	struct pending *pending = slab_take(&peer->endpoint->pendings, &handle);
	if (pending == NULL)
		return NULL;
	pending->peer = peer;
	pending->handle = handle;
	pending->key = block_key(peer->endpoint, pdu, message);
	pending->timer = timer_of(pending_acknowledge, pending);
	pending->mid = pdu->mid;
	pending->code = pdu->code;
	pending->is_confirmable = pdu->type == PDU_CON;
	pending->token_len = pdu->token_len;
	memcpy(pending->token, pdu->token, pdu->token_len);
	pending->block2 = pdu->block2;
	DL_APPEND(peer->pendings, pending);
	peer->pending_count++;
	return pending;
}

/* Sends the answer in the way that is still open for it. ERR_LIMIT: too long. */
static enum err pending_send(struct pending *pending, struct pdu *pdu, const struct coap_message *response,
			     struct bytes payload)
{
	struct peer *peer = pending->peer;
	struct transmission *transmission;

	if (pending->is_confirmable && pending->is_acknowledged)
		return message_send_confirmable(peer, pdu, response, payload, NULL, &transmission);
	pdu->type = pending->is_confirmable ? PDU_ACK : PDU_NON;
	pdu->mid = pending->is_confirmable ? pending->mid : peer->next_mid++;
	return send_once(peer->endpoint, &peer->route, peer, pdu, response, payload) ? ERR_NONE : ERR_LIMIT;
}

/* Answers and closes. `pdu` carries options of the block layer. */
static void pending_answer(struct pending *pending, struct pdu *pdu, const struct coap_message *response,
			   struct bytes payload)
{
	pdu->code = response->code;
	pdu->token_len = pending->token_len;
	memcpy(pdu->token, pending->token, pending->token_len);
	if (pending_send(pending, pdu, response, payload) == ERR_LIMIT) {
		const struct coap_message failed = {
			.code = COAP_CODE(5, 0),
			.content_format = COAP_NO_FORMAT,
			.accept = COAP_NO_FORMAT,
		};
		struct pdu plain = { .code = failed.code, .token_len = pdu->token_len };
		memcpy(plain.token, pdu->token, pdu->token_len);
		(void)pending_send(pending, &plain, &failed, bytes_of(NULL, 0));
	}
	pending_close(pending);
}

void endpoint_reply(struct endpoint *endpoint, uint64_t reply, const struct coap_message *response)
{
	struct pending *pending = slab_find(&endpoint->pendings, reply);
	struct coap_message cut = { 0 };
	struct pdu pdu = { 0 };
	struct bytes payload = response->payload;

	if (pending == NULL)
		return; /* the peer has gone */
	if (pending->block2.is_present || payload.len > endpoint->settings.block_size ||
	    !pending->peer->is_verified)
		response = block_answer(pending, response, &pdu, &payload, &cut);
	pdu.block1 = pending->block1;
	pending_answer(pending, &pdu, response, payload);
}

static void hand_over(struct pending *pending, const struct coap_message *message)
{
	struct peer *peer = pending->peer;
	struct endpoint *endpoint = peer->endpoint;
	const struct coap_address from = peer_key_address(&peer->route.key);
	const struct coap_request request = {
		.message = message,
		.from = &from,
		.identity = peer_identity(peer),
		.reply = pending->handle,
		.arena = endpoint->arena,
	};
	const uint64_t handle = pending->handle;

	endpoint->handlers.request(endpoint->handlers.self, &request);
	arena_reset(endpoint->arena);
	pending = slab_find(&endpoint->pendings, handle);
	if (pending != NULL && pending->is_confirmable)
		loop_start_timer(endpoint->loop, &pending->timer, endpoint->settings.ack_timeout_ms / 2);
}

/* What the request is refused with before its owner sees it; 0: it is good. */
static uint8_t refusal_of(const struct pdu *pdu, enum pdu_verdict verdict)
{
	if (verdict == PDU_PROXY)
		return COAP_CODE(5, 5);
	if (verdict == PDU_BAD_OPTION)
		return COAP_CODE(4, 2);
	return pdu->code > COAP_IPATCH ? COAP_CODE(4, 5) : 0;
}

static void answer_again(struct endpoint *endpoint, const struct route *from, struct peer *peer,
			 struct answer *answer)
{
	endpoint->counts.duplicates++;
	if (answer->len > ANSWER_INLINE)
		send_bytes(endpoint, from, peer->session, bytes_of(answer->elsewhere, answer->len));
	else if (answer->len > 0)
		send_bytes(endpoint, from, peer->session, bytes_of(answer->here, answer->len));
}

static void request_arrived(struct endpoint *endpoint, const struct route *from, struct peer *peer,
			    const struct pdu *pdu, enum pdu_verdict verdict, struct coap_message *message)
{
	if (peer == NULL)
		peer = endpoint_peer(endpoint, from);
	if (peer == NULL) {
		refuse(endpoint, from, NULL, pdu);
		return;
	}
	endpoint_touch_peer(peer, from);
	struct answer *answer = answer_find(peer, pdu->mid);
	if (answer != NULL) {
		answer_again(endpoint, from, peer, answer);
		return;
	}
	struct pending *pending = pending_open(peer, pdu, message);
	if (pending == NULL) {
		refuse(endpoint, from, peer, pdu);
		return;
	}
	answer_expect(peer, pdu->mid);

	struct coap_message own = { .content_format = COAP_NO_FORMAT, .accept = COAP_NO_FORMAT };
	struct pdu own_pdu = { 0 };
	struct bytes payload = { 0 };
	own.code = refusal_of(pdu, verdict);
	if (own.code == 0)
		block_request(pending, pdu, message, &own, &own_pdu, &payload);
	if (own.code != 0) {
		pending_answer(pending, &own_pdu, &own, payload);
		return;
	}
	hand_over(pending, message);
	block_request_done(endpoint);
}

/* ---- what devices answer ---- */

static void acknowledgement_arrived(struct peer *peer, const struct pdu *pdu, enum pdu_verdict verdict,
				    const struct coap_message *message)
{
	struct transmission *transmission = transmission_find(peer, pdu->mid);

	if (transmission == NULL)
		return;
	struct exchange *exchange = transmission->exchange;
	transmission_stop(transmission);
	if (exchange == NULL)
		return;
	exchange_acknowledged(exchange);
	if (pdu->code == 0 || !exchange_expects(peer, pdu))
		return;
	if (verdict == PDU_GOOD)
		exchange_answered(peer, pdu, message);
	else
		exchange_failed(exchange, ERR_MALFORMED);
}

static void reset_arrived(struct peer *peer, const struct pdu *pdu)
{
	struct transmission *transmission = transmission_find(peer, pdu->mid);

	if (transmission == NULL)
		return;
	struct exchange *exchange = transmission->exchange;
	transmission_stop(transmission);
	if (exchange != NULL)
		exchange_failed(exchange, ERR_UNAVAILABLE);
}

static bool notification_arrived(struct endpoint *endpoint, const struct route *from, struct peer *peer,
				 const struct pdu *pdu, const struct coap_message *message)
{
	const struct coap_address address = peer_key_address(&from->key);
	const char *identity = peer != NULL ? peer_identity(peer) : "";
	uint64_t token = token_of(pdu);
	const bool is_error = message->code >> 5 != 2; /* has no Observe option (RFC 7641 4.2) */

	if (token == 0 || (!message->has_observe && !is_error) || endpoint->handlers.notification == NULL)
		return false;
	if (pdu->block2.is_present && pdu->block2.has_more)
		return exchange_fetch_rest(endpoint, from, token, pdu, message);
	return endpoint->handlers.notification(endpoint->handlers.self, &address, identity, token, message);
}

/* A separate answer or a notification. */
static void response_arrived(struct endpoint *endpoint, const struct route *from, struct peer *peer,
			     const struct pdu *pdu, enum pdu_verdict verdict,
			     const struct coap_message *message)
{
	struct answer *answer = peer != NULL ? answer_find(peer, pdu->mid) : NULL;
	const bool is_confirmable = pdu->type == PDU_CON;

	if (peer != NULL)
		endpoint_touch_peer(peer, from);
	if (answer != NULL) {
		answer_again(endpoint, from, peer, answer);
		return;
	}
	if (peer != NULL && exchange_expects(peer, pdu)) {
		answer_expect(peer, pdu->mid);
		if (is_confirmable)
			send_empty(endpoint, from, peer, verdict == PDU_GOOD ? PDU_ACK : PDU_RST, pdu->mid);
		if (verdict == PDU_GOOD)
			exchange_answered(peer, pdu, message);
		else
			exchange_failed(peer->exchanges, ERR_MALFORMED);
		return;
	}
	bool is_wanted = verdict == PDU_GOOD && notification_arrived(endpoint, from, peer, pdu, message);
	if (is_wanted && peer == NULL)
		peer = endpoint_peer(endpoint, from);
	if (is_wanted && peer != NULL) {
		answer_expect(peer, pdu->mid);
		peer->is_verified = true;
	}
	if (is_wanted && is_confirmable)
		send_empty(endpoint, from, peer, PDU_ACK, pdu->mid);
	else if (!is_wanted && (is_confirmable || (verdict == PDU_GOOD && message->has_observe)))
		send_empty(endpoint, from, peer, PDU_RST,
			   pdu->mid); /* ends the observation there (RFC 7641 3.6) */
}

/* ---- the way in ---- */

void message_receive(struct endpoint *endpoint, const struct route *from, struct peer *peer,
		     struct bytes datagram)
{
	struct pdu pdu;
	struct coap_message message;
	enum pdu_verdict verdict = pdu_read(datagram, &pdu, &message);
	const bool is_offer = pdu.type == PDU_CON || pdu.type == PDU_NON;

	if (verdict == PDU_IGNORE || verdict == PDU_FORMAT_ERROR) {
		endpoint->counts.malformed++;
		if (verdict == PDU_FORMAT_ERROR && pdu.type == PDU_CON)
			send_empty(endpoint, from, peer, PDU_RST, pdu.mid);
	} else if (is_offer && pdu_is_request(&pdu)) {
		request_arrived(endpoint, from, peer, &pdu, verdict, &message);
	} else if (is_offer && pdu_is_response(&pdu)) {
		response_arrived(endpoint, from, peer, &pdu, verdict, &message);
	} else if (pdu.type == PDU_CON) {
		send_empty(endpoint, from, peer, PDU_RST, pdu.mid); /* a ping (RFC 7252 4.3) */
	} else if (pdu.type == PDU_ACK && peer != NULL && !pdu_is_request(&pdu)) {
		endpoint_touch_peer(peer, from);
		acknowledgement_arrived(peer, &pdu, verdict, &message);
	} else if (pdu.type == PDU_RST && peer != NULL && pdu.code == 0) {
		endpoint_touch_peer(peer, from);
		reset_arrived(peer, &pdu);
	}
}

void message_forget(struct peer *peer)
{
	while (peer->pendings != NULL)
		pending_close(peer->pendings);
	while (peer->transmissions != NULL)
		transmission_stop(peer->transmissions);
	for (size_t i = 0; i < PEER_ANSWERS; i++)
		answer_clear(&peer->answers[i]);
}

bool message_is_open(const struct peer *peer)
{
	return peer->pendings != NULL || peer->transmissions != NULL;
}
