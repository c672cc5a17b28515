#include "message.h"

#include <utlist.h>

#include "answer.h"
#include "block.h"
#include "exchange.h"
#include "stream.h"
#include "transmission.h"

/* ---- sending ---- */

/* Writes and sends a message that nobody acknowledges; `binding` NULL: in the clear. Errors as oscore_write.
 */
static enum err send_once(struct endpoint *endpoint, const struct route *to, struct peer *peer,
			  struct oscore_binding *binding, const struct pdu *pdu,
			  const struct coap_message *message, struct bytes payload)
{
	const struct room room = endpoint_begin(endpoint, to, peer, payload.len);
	size_t len;
	enum err err = oscore_write(endpoint, binding, pdu, message, payload, room.at, room.size, &len);

	if (err != ERR_NONE)
		return err;
	/* The bytes are there only until the next message is built. */
	if (pdu->type == PDU_ACK && peer != NULL)
		answer_store(peer, pdu->mid, bytes_of(room.at, len));
	endpoint_end(endpoint, to, peer, len);
	return ERR_NONE;
}

/* An empty ACK or RST, which streams do without. */
static void send_empty(struct endpoint *endpoint, const struct route *to, struct peer *peer,
		       enum pdu_type type, uint16_t mid)
{
	const struct pdu pdu = { .type = type, .mid = mid };

	if (peer != NULL && peer->stream != NULL)
		return;
	(void)send_once(endpoint, to, peer, NULL, &pdu, NULL, bytes_of(NULL, 0));
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
	(void)send_once(endpoint, to, peer, NULL, &pdu, &busy, bytes_of(NULL, 0));
}

/* ---- requests of devices and our answers ---- */

static void pending_close(struct pending *pending)
{
	struct peer *peer = pending->peer;

	loop_stop_timer(peer->endpoint->loop, &pending->timer);
	DL_DELETE(peer->pendings, pending);
	peer->pending_count--;
	slab_give(&peer->endpoint->pendings, pending->handle);
	if (peer->stream != NULL)
		stream_go_on(peer->stream);
}

/* The owner takes its time: the device need not repeat (RFC 7252 5.2.2). */
static void pending_acknowledge(void *self)
{
	struct pending *pending = self;
	struct peer *peer = pending->peer;

	pending->is_acknowledged = true;
	send_empty(peer->endpoint, &peer->route, peer, PDU_ACK, pending->mid);
}

static struct pending *pending_open(struct peer *peer, const struct oscore_binding *binding,
				    const struct pdu *pdu, const struct coap_message *message)
{
	uint64_t handle;

	if (peer->pending_count == PENDING_PER_PEER)
		return NULL;
	struct pending *pending = slab_take(&peer->endpoint->pendings, &handle);
	if (pending == NULL)
		return NULL;
	pending->peer = peer;
	pending->handle = handle;
	pending->key = block_key(peer->endpoint, binding, pdu, message);
	pending->timer = timer_of(pending_acknowledge, pending);
	pending->mid = pdu->mid;
	pending->code = pdu->code;
	pending->is_confirmable = pdu->type == PDU_CON;
	pending->token_len = pdu->token_len;
	memcpy(pending->token, pdu->token, pdu->token_len);
	pending->block2 = pdu->block2;
	pending->oscore = *binding;
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
		return transmission_begin(peer, pdu, response, payload, &pending->oscore, NULL,
					  &transmission);
	pdu->type = pending->is_confirmable ? PDU_ACK : PDU_NON;
	pdu->mid = pending->is_confirmable ? pending->mid : peer->next_mid++;
	return send_once(peer->endpoint, &peer->route, peer, &pending->oscore, pdu, response, payload);
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
	if (pending->block2.is_present || !pending->peer->is_verified ||
	    payload.len > endpoint_payload_max(pending->peer, &pending->oscore))
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
		.identity = oscore_identity(endpoint, &pending->oscore, peer_identity(peer)),
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
	if (answer->len > 0)
		endpoint_send(endpoint, from, peer, answer_bytes(answer));
}

/* What a request that came with OSCORE is to us, once it is open: the peer's address and observations. */
static void opened_by_oscore(struct peer *peer, const struct oscore_request_opened *opened)
{
	const struct endpoint_handlers *handlers = &peer->endpoint->handlers;

	peer->speaks_oscore = true;
	if (!opened->is_fresh)
		return;
	peer->is_verified = true;
	if (handlers->renewed != NULL)
		handlers->renewed(handlers->self, oscore_identity(peer->endpoint, &opened->binding, ""));
}

/* What OSCORE says to a request instead of its owner. */
static void answer_by_oscore(struct pending *pending, const struct oscore_request_opened *opened)
{
	struct coap_message own = {
		.code = COAP_CODE(4, 1),
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
	};
	struct pdu own_pdu = { .echo_len = opened->echo_len };
	struct bytes payload = { 0 };

	memcpy(own_pdu.echo, opened->echo, opened->echo_len);
	if (opened->result == OSCORE_REFUSED) {
		own.code = opened->refusal->code;
		own.has_max_age = true; /* 0: no proxy may keep it (RFC 8613 7.4, 8.2) */
		payload = bytes_of_text(opened->refusal->text);
		pending->peer->endpoint->counts.refused++;
	}
	pending_answer(pending, &own_pdu, &own, payload);
}

static void request_arrived(struct endpoint *endpoint, const struct route *from, struct peer *peer,
			    struct bytes datagram, struct pdu *pdu, enum pdu_verdict verdict,
			    struct coap_message *message)
{
	struct oscore_request_opened opened = { .result = OSCORE_OPENED };

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
	if (peer->pending_count < PENDING_PER_PEER && verdict == PDU_GOOD && pdu->has_oscore)
		opened = oscore_open_request(endpoint, datagram, pdu, message, &verdict);
	if (opened.result == OSCORE_IGNORED)
		return;
	struct pending *pending = pending_open(peer, &opened.binding, pdu, message);
	if (pending == NULL) {
		refuse(endpoint, from, peer, pdu);
		return;
	}
	answer_expect(peer, pdu->mid);
	if (opened.result != OSCORE_OPENED) {
		answer_by_oscore(pending, &opened);
		return;
	}
	if (opened.binding.context != 0)
		opened_by_oscore(peer, &opened);
	if (pdu->echo_len > 0 && !opened.is_fresh)
		block_take_echo(peer, pdu);

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

/* Opens the answer to the request under way, when that was protected. False: pass the message over, it may be
 * anybody's. *ret_err is what the exchange fails with when the answer is none. */
static bool open_answer(struct peer *peer, struct bytes datagram, struct pdu *pdu,
			struct coap_message *message, enum pdu_verdict *verdict, enum err *ret_err)
{
	const struct oscore_binding *binding = exchange_binding(peer);

	*ret_err = ERR_MALFORMED;
	if (binding->context != 0 && pdu->has_oscore)
		return oscore_open_answer(peer->endpoint, binding, datagram, pdu, message, verdict) ==
		       OSCORE_OPENED;
	if (binding->context == 0) {
		if (pdu->has_oscore)
			*verdict = PDU_BAD_OPTION;
		return true;
	}
	/* In the clear the device can only say that it cannot read us (RFC 8613 8.4). */
	*verdict = PDU_BAD_OPTION;
	*ret_err = ERR_UNAVAILABLE;
	return pdu->code >> 5 == 4 || pdu->code >> 5 == 5;
}

/* Some devices acknowledge first and then put the answer into another ACK instead of a message of its own
 * (RFC 7252 5.2.2): its token says what it answers. */
static void late_answer_arrived(struct peer *peer, struct bytes datagram, struct pdu *pdu,
				enum pdu_verdict verdict, struct coap_message *message)
{
	const struct endpoint_handlers *handlers = &peer->endpoint->handlers;
	const struct coap_address from = peer_key_address(&peer->route.key);
	enum err failure;

	if (pdu->code == 0 || !exchange_expects(peer, pdu) || !exchange_is_acknowledged(peer))
		return;
	if (!open_answer(peer, datagram, pdu, message, &verdict, &failure) || verdict != PDU_GOOD)
		return;
	if (handlers->tolerated != NULL)
		handlers->tolerated(handlers->self, &from, peer_identity(peer), TOLERANCE_LATE_ACK);
	exchange_answered(peer, pdu, message);
}

static void acknowledgement_arrived(struct peer *peer, struct bytes datagram, struct pdu *pdu,
				    enum pdu_verdict verdict, struct coap_message *message)
{
	struct transmission *transmission = transmission_find(peer, pdu->mid);

	if (transmission == NULL) {
		late_answer_arrived(peer, datagram, pdu, verdict, message);
		return;
	}
	struct exchange *exchange = transmission->exchange;
	const bool is_answer = exchange != NULL && pdu->code != 0 && exchange_expects(peer, pdu);
	enum err failure = ERR_MALFORMED;
	if (is_answer && !open_answer(peer, datagram, pdu, message, &verdict, &failure))
		return;
	transmission_stop(transmission);
	if (exchange == NULL)
		return;
	exchange_acknowledged(exchange);
	if (!is_answer)
		return;
	if (verdict == PDU_GOOD)
		exchange_answered(peer, pdu, message);
	else
		exchange_failed(exchange, failure);
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

static bool notification_arrived(struct endpoint *endpoint, const struct route *from, const char *identity,
				 const struct pdu *pdu, const struct coap_message *message)
{
	const struct coap_address address = peer_key_address(&from->key);
	uint64_t token = token_of(pdu);
	const bool is_error = message->code >> 5 != 2; /* has no Observe option (RFC 7641 4.2) */

	if (token == 0 || (!message->has_observe && !is_error) || endpoint->handlers.notification == NULL)
		return false;
	if (pdu->block2.is_present && pdu->block2.has_more)
		return exchange_fetch_rest(endpoint, from, identity, token, pdu, message);
	return endpoint->handlers.notification(endpoint->handlers.self, &address, identity, token, message);
}

/* The answer to the request under way, which comes in a message of its own. */
static void separate_answer_arrived(struct peer *peer, struct bytes datagram, struct pdu *pdu,
				    enum pdu_verdict verdict, struct coap_message *message)
{
	enum err failure;

	if (!open_answer(peer, datagram, pdu, message, &verdict, &failure))
		return;
	answer_expect(peer, pdu->mid);
	if (pdu->type == PDU_CON)
		send_empty(peer->endpoint, &peer->route, peer, verdict == PDU_GOOD ? PDU_ACK : PDU_RST,
			   pdu->mid);
	if (verdict == PDU_GOOD)
		exchange_answered(peer, pdu, message);
	else
		exchange_failed(peer->exchanges, failure);
}

/* A separate answer or a notification. */
static void response_arrived(struct endpoint *endpoint, const struct route *from, struct peer *peer,
			     struct bytes datagram, struct pdu *pdu, enum pdu_verdict verdict,
			     struct coap_message *message)
{
	struct answer *answer = peer != NULL ? answer_find(peer, pdu->mid) : NULL;
	const bool is_confirmable = pdu->type == PDU_CON, has_oscore = verdict == PDU_GOOD && pdu->has_oscore;
	struct oscore_binding binding = { 0 };
	enum oscore_result opened = OSCORE_OPENED;

	if (peer != NULL)
		endpoint_touch_peer(peer, from);
	if (answer != NULL) {
		answer_again(endpoint, from, peer, answer);
		return;
	}
	if (peer != NULL && exchange_expects(peer, pdu)) {
		separate_answer_arrived(peer, datagram, pdu, verdict, message);
		return;
	}
	if (has_oscore)
		opened = oscore_open_notification(endpoint, token_of(pdu), datagram, pdu, message, &verdict,
						  &binding);
	if (opened == OSCORE_IGNORED)
		return;
	const char *identity = oscore_identity(endpoint, &binding, peer != NULL ? peer_identity(peer) : "");
	bool is_wanted = opened == OSCORE_OPENED && verdict == PDU_GOOD &&
			 notification_arrived(endpoint, from, identity, pdu, message);
	if (!is_wanted && binding.context != 0)
		oscore_observation_forget(endpoint, token_of(pdu));
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

/* A request or a response that could be read. */
static void offer_arrived(struct endpoint *endpoint, const struct route *from, struct peer *peer,
			  struct bytes datagram, struct pdu *pdu, enum pdu_verdict verdict,
			  struct coap_message *message)
{
	if (verdict == PDU_GOOD && pdu->has_oscore && endpoint->oscore == NULL)
		verdict = PDU_BAD_OPTION;
	if (pdu_is_request(pdu))
		request_arrived(endpoint, from, peer, datagram, pdu, verdict, message);
	else
		response_arrived(endpoint, from, peer, datagram, pdu, verdict, message);
}

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
	} else if (is_offer && (pdu_is_request(&pdu) || pdu_is_response(&pdu))) {
		offer_arrived(endpoint, from, peer, datagram, &pdu, verdict, &message);
	} else if (pdu.type == PDU_CON) {
		send_empty(endpoint, from, peer, PDU_RST, pdu.mid); /* a ping (RFC 7252 4.3) */
	} else if (pdu.type == PDU_ACK && peer != NULL && !pdu_is_request(&pdu)) {
		endpoint_touch_peer(peer, from);
		acknowledgement_arrived(peer, datagram, &pdu, verdict, &message);
	} else if (pdu.type == PDU_RST && peer != NULL && pdu.code == 0) {
		endpoint_touch_peer(peer, from);
		reset_arrived(peer, &pdu);
	}
}

/* OSCORE protects datagrams (RFC 8613 4.1 knows no other form): the message as one. Empty: it is too long. */
static struct bytes datagram_of(const struct frame *frame, uint8_t to[static UDP_DATAGRAM_MAX])
{
	const struct pdu head = { .type = PDU_NON, .code = 0 };
	const size_t len = PDU_HEADER_SIZE + frame->token.len + frame->rest.len;

	if (len > UDP_DATAGRAM_MAX)
		return bytes_of(NULL, 0);
	(void)pdu_write(&head, NULL, bytes_of(NULL, 0), to, PDU_HEADER_SIZE);
	to[0] |= (uint8_t)frame->token.len;
	to[1] = frame->code;
	memcpy(to + PDU_HEADER_SIZE, frame->token.at, frame->token.len);
	memcpy(to + PDU_HEADER_SIZE + frame->token.len, frame->rest.at, frame->rest.len);
	return bytes_of(to, len);
}

bool message_receive_frame(struct peer *peer, const struct frame *frame)
{
	struct endpoint *endpoint = peer->endpoint;
	struct pdu pdu;
	struct coap_message message;
	enum pdu_verdict verdict = pdu_read_frame(frame, &pdu, &message);
	uint8_t at[UDP_DATAGRAM_MAX];
	struct bytes datagram = { 0 };

	if (verdict == PDU_GOOD && pdu.has_oscore)
		datagram = datagram_of(frame, at);
	if (verdict == PDU_FORMAT_ERROR || (pdu.has_oscore && datagram.len == 0)) {
		endpoint->counts.malformed++;
		return false;
	}
	/* Notifications come in order and without a number that means anything (RFC 8323 7.1). */
	if (message.has_observe && pdu_is_response(&pdu))
		message.observe = ++endpoint->notification_number & 0xFFFFFF;
	offer_arrived(endpoint, &peer->route, peer, datagram, &pdu, verdict, &message);
	return true;
}

void message_forget(struct peer *peer)
{
	while (peer->pendings != NULL)
		pending_close(peer->pendings);
	while (peer->transmissions != NULL)
		transmission_stop(peer->transmissions);
	answers_forget(peer);
}

bool message_is_open(const struct peer *peer)
{
	return peer->pendings != NULL || peer->transmissions != NULL;
}
