#include "exchange.h"

#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include <cardea/crypto.h>

#include "block.h"
#include "exchange_blocks.h"
#include "stream.h"
#include "transmission.h"

#define HEAD_BYTES_MAX 1024 /* of a request: its options */

struct exchange {
	UT_hash_handle hh;            /* in the endpoint, by token */
	struct exchange *prev, *next; /* of the peer; the first one is under way */
	struct endpoint *endpoint;
	struct peer *peer;          /* NULL: it has failed and waits to say so */
	uint64_t token, wire_token; /* the caller's; of the message under way */
	struct oscore_binding oscore,
		observe_oscore; /* of the message under way; of the last one with Observe */
	uint64_t observed;      /* fetches the rest of a notification of this token; 0: it is a request */
	exchange_done *done;
	void *self;
	uint64_t id;
	struct transmission *transmission; /* NULL: acknowledged, or not sent yet */
	struct timer timer;                /* ends the wait for an answer */
	enum err failure;
	bool is_begun, is_answered;
	bool is_overdue;                      /* the device has it, and no answer followed */
	struct upload upload;                 /* the payload of the request */
	uint8_t request_tag;                  /* 0: none */
	uint8_t echo_len, echo[PDU_ECHO_MAX]; /* what the device wants to hear again */
	struct fetch fetch;                   /* the answer, when it comes in blocks */
	struct bytes head;                    /* the request as a message without payload */
	uint8_t bytes[];
};

uint64_t token_of(const struct pdu *pdu)
{
	uint64_t token = 0;

	if (pdu->token_len != PDU_TOKEN_MAX)
		return 0;
	for (size_t i = 0; i < PDU_TOKEN_MAX; i++)
		token = token << 8 | pdu->token[i];
	return token;
}

static void put_token(struct pdu *pdu, uint64_t token)
{
	pdu->token_len = PDU_TOKEN_MAX;
	for (size_t i = 0; i < PDU_TOKEN_MAX; i++)
		pdu->token[i] = (uint8_t)(token >> (56 - 8 * i));
}

static struct exchange *exchange_find(const struct endpoint *endpoint, uint64_t token)
{
	struct exchange *exchange;

	HASH_FIND(hh, endpoint->exchanges, &token, sizeof(token), exchange);
	return exchange;
}

static enum err choose_token(const struct endpoint *endpoint, uint64_t *ret_token)
{
	uint64_t token = 0;

	while (token == 0 || exchange_find(endpoint, token) != NULL) {
		enum err err = random_bytes((uint8_t *)&token, sizeof(token));
		if (err != ERR_NONE)
			return err;
	}
	*ret_token = token;
	return ERR_NONE;
}

/* ---- its end ---- */

static size_t exchange_size(const struct exchange *exchange)
{
	return sizeof(*exchange) + exchange->head.len + exchange->upload.payload.len;
}

static void exchange_free(struct exchange *exchange)
{
	exchange->endpoint->exchange_bytes -= exchange_size(exchange);
	body_clear(exchange->endpoint, &exchange->fetch.body);
	free(exchange);
}

/* From the peer: it is not under way any more. */
static void exchange_unlink(struct exchange *exchange)
{
	transmission_stop(exchange->transmission);
	exchange->transmission = NULL;
	loop_stop_timer(exchange->endpoint->loop, &exchange->timer);
	if (exchange->peer == NULL)
		return;
	/* The device may keep the part that it has: the next body must not be taken for its rest (RFC
	 * 9175 3.5.1). */
	if (exchange->upload.sent > 0 && !exchange->is_answered)
		exchange->peer->broken_uploads++;
	DL_DELETE(exchange->peer->exchanges, exchange);
	exchange->peer->exchange_count--;
	exchange->peer = NULL;
}

static void tell(struct exchange *exchange, enum err err, const struct coap_message *message,
		 const struct coap_address *from, const char *identity)
{
	const struct endpoint_handlers *handlers = &exchange->endpoint->handlers;

	if (exchange->observed == 0)
		exchange->done(
			exchange->self, exchange->id,
			&(struct exchange_result){ err, message, exchange->token, exchange->is_overdue });
	else if (err == ERR_NONE)
		(void)handlers->notification(handlers->self, from, identity, exchange->observed, message);
}

static void exchange_report(void *self)
{
	struct exchange *exchange = self;

	HASH_DEL(exchange->endpoint->exchanges, exchange);
	tell(exchange, exchange->failure, NULL, NULL, "");
	exchange_free(exchange);
}

/* Its owner hears of it in a later turn: now it might not expect that. */
static void exchange_fail_later(struct exchange *exchange, enum err err)
{
	exchange_unlink(exchange);
	exchange->failure = err;
	exchange->timer = timer_of(exchange_report, exchange);
	loop_start_timer(exchange->endpoint->loop, &exchange->timer, 0);
}

static enum err exchange_send(struct exchange *exchange);

static void begin_next(struct peer *peer)
{
	while (peer->exchanges != NULL && !peer->exchanges->is_begun) {
		struct exchange *exchange = peer->exchanges;
		exchange->is_begun = true;
		enum err err = exchange_send(exchange);
		if (err != ERR_NONE)
			exchange_fail_later(exchange, err);
	}
}

static void exchange_finish(struct exchange *exchange, enum err err, const struct coap_message *message)
{
	struct peer *peer = exchange->peer;
	const struct coap_address from = peer_key_address(&peer->route.key);

	exchange_unlink(exchange);
	HASH_DEL(exchange->endpoint->exchanges, exchange);
	begin_next(peer);
	tell(exchange, err, message, &from,
	     oscore_identity(exchange->endpoint, &exchange->oscore, peer_identity(peer)));
	exchange_free(exchange);
}

void exchange_failed(struct exchange *exchange, enum err err)
{
	exchange->transmission = NULL;
	exchange_finish(exchange, err, NULL);
}

static void answer_overdue(void *self)
{
	struct exchange *exchange = self;

	exchange->is_overdue = exchange->peer->stream == NULL || stream_is_delivered(exchange->peer->stream);
	exchange_finish(exchange, ERR_TIMEOUT, NULL);
}

void exchange_acknowledged(struct exchange *exchange)
{
	exchange->transmission = NULL;
	loop_start_timer(exchange->endpoint->loop, &exchange->timer,
			 transmission_max_wait_ms(exchange->endpoint));
}

void exchange_forget(struct peer *peer)
{
	while (peer->exchanges != NULL)
		exchange_fail_later(peer->exchanges, ERR_UNAVAILABLE);
}

void exchange_end_all(struct endpoint *endpoint)
{
	while (endpoint->exchanges != NULL) {
		struct exchange *exchange = endpoint->exchanges;
		exchange_unlink(exchange);
		HASH_DEL(endpoint->exchanges, exchange);
		tell(exchange, ERR_UNAVAILABLE, NULL, NULL, "");
		exchange_free(exchange);
	}
}

void exchange_cancel(struct endpoint *endpoint, uint64_t token)
{
	struct exchange *exchange = exchange_find(endpoint, token);

	if (exchange == NULL)
		return;
	struct peer *peer = exchange->peer;
	exchange_unlink(exchange);
	HASH_DEL(endpoint->exchanges, exchange);
	exchange_free(exchange);
	if (peer != NULL)
		begin_next(peer);
}

/* ---- sending ---- */

/* Whether asking again for a later block, or for all of it, may not do anything twice. */
static bool is_safe(uint8_t code)
{
	return code == COAP_GET || code == COAP_FETCH;
}

static enum err exchange_send(struct exchange *exchange)
{
	const uint8_t wanted = block_size_exponent(exchange->endpoint);
	const bool is_fetching = fetch_is_under_way(&exchange->fetch);
	struct coap_message message;
	struct pdu pdu;
	struct bytes payload = { 0 };

	(void)pdu_read(exchange->head, &pdu, &message); /* our own bytes */
	put_token(&pdu, exchange->wire_token);
	if (is_fetching) {
		fetch_next(&exchange->fetch, &pdu);
		message.has_observe = false;
	} else if (is_safe(pdu.code) && wanted < BLOCK_SIZE_EXPONENT_MAX && exchange->peer->stream == NULL) {
		pdu.block2 = (struct pdu_block){ .is_present = true, .size_exponent = wanted };
	}
	/* Later blocks of an answer are asked for without the payload, except that FETCH means nothing
	 * without it. */
	if (!is_fetching || pdu.code == COAP_FETCH)
		payload = upload_next(&exchange->upload, &pdu);
	if (pdu.block1.is_present && exchange->request_tag != 0) {
		pdu.request_tag_len = 1;
		pdu.request_tag[0] = exchange->request_tag;
	}
	pdu.echo_len = exchange->echo_len;
	memcpy(pdu.echo, exchange->echo, exchange->echo_len);
	enum err err = transmission_begin(exchange->peer, &pdu, &message, payload, &exchange->oscore,
					  exchange, &exchange->transmission);
	if (err == ERR_NONE && message.has_observe)
		exchange->observe_oscore = exchange->oscore;
	return err;
}

/* The next message of the same exchange. What fetches a part of an answer has a token of its own: that of an
 * observation belongs to its notifications. */
static void exchange_go_on(struct exchange *exchange)
{
	enum err err = ERR_NONE;

	if (fetch_is_under_way(&exchange->fetch))
		err = random_bytes((uint8_t *)&exchange->wire_token, sizeof(exchange->wire_token));
	if (err == ERR_NONE)
		err = exchange_send(exchange);
	if (err != ERR_NONE)
		exchange_finish(exchange, err, NULL);
}

/* ---- answers ---- */

bool exchange_expects(const struct peer *peer, const struct pdu *pdu)
{
	const struct exchange *exchange = peer->exchanges;

	return exchange != NULL && exchange->is_begun && pdu->token_len == PDU_TOKEN_MAX &&
	       exchange->wire_token == token_of(pdu);
}

const struct oscore_binding *exchange_binding(const struct peer *peer)
{
	return &peer->exchanges->oscore;
}

bool exchange_is_acknowledged(const struct peer *peer)
{
	return peer->exchanges != NULL && peer->exchanges->is_begun && peer->exchanges->transmission == NULL;
}

/* The device answers only who shows that it is there now (RFC 9175 2.3): once more from the start, with its
 * Echo. */
static bool wants_echo(struct exchange *exchange, const struct pdu *pdu)
{
	if (pdu->code != COAP_CODE(4, 1) || pdu->echo_len == 0 || exchange->echo_len > 0)
		return false;
	exchange->echo_len = pdu->echo_len;
	memcpy(exchange->echo, pdu->echo, pdu->echo_len);
	exchange->upload.sent = 0;
	return true;
}

/* With OSCORE: what the notifications to come will be bound to. */
static void follow_observation(const struct exchange *exchange, const struct coap_message *message)
{
	if (message->has_observe)
		oscore_observation_keep(exchange->endpoint, exchange->token, &exchange->observe_oscore);
	else
		oscore_observation_forget(exchange->endpoint, exchange->token);
}

void exchange_answered(struct peer *peer, const struct pdu *pdu, const struct coap_message *message)
{
	struct exchange *exchange = peer->exchanges;
	struct endpoint *endpoint = exchange->endpoint;
	const uint8_t method = exchange->head.at[1];
	struct coap_message whole;
	enum err err = ERR_MALFORMED;

	peer->is_verified = true;
	transmission_stop(exchange->transmission); /* the answer came before the ACK */
	exchange->transmission = NULL;
	loop_stop_timer(endpoint->loop, &exchange->timer);
	if (wants_echo(exchange, pdu)) {
		exchange_go_on(exchange);
		return;
	}

	enum step step =
		fetch_is_under_way(&exchange->fetch) ? STEP_LAST : upload_step(&exchange->upload, pdu);
	if (step == STEP_LAST && fetch_concerns(&exchange->fetch, pdu)) {
		step = fetch_step(endpoint, &exchange->fetch, is_safe(method), pdu, message, &err);
		if (step == STEP_LAST) {
			whole = fetch_whole(&exchange->fetch, message);
			message = &whole;
		}
	}
	exchange->is_answered = step == STEP_LAST;
	if (step == STEP_LAST && exchange->observe_oscore.context != 0)
		follow_observation(exchange, message);
	if (step == STEP_GO_ON)
		exchange_go_on(exchange);
	else
		exchange_finish(exchange, step == STEP_LAST ? ERR_NONE : err,
				step == STEP_LAST ? message : NULL);
}

/* ---- starting ---- */

/* A copy of the request, not linked yet. */
static enum err exchange_create(struct endpoint *endpoint, const struct coap_message *request,
				struct exchange **ret_exchange)
{
	const struct pdu pdu = { .type = PDU_CON, .code = request->code };
	uint8_t head[HEAD_BYTES_MAX];
	size_t len = pdu_write(&pdu, request, bytes_of(NULL, 0), head, sizeof(head));

	if (len == 0 || !pdu_is_request(&pdu) || request->payload.len > UINT32_MAX)
		return ERR_LIMIT;
	size_t size = sizeof(struct exchange) + len + request->payload.len;
	if (endpoint->exchange_bytes + size > EXCHANGE_BYTES_MAX)
		return ERR_UNAVAILABLE;
	struct exchange *exchange = calloc(1, size);
	if (exchange == NULL)
		return ERR_NOMEM;
	exchange->endpoint = endpoint;
	exchange->timer = timer_of(answer_overdue, exchange);
	exchange->head = bytes_of(exchange->bytes, len);
	exchange->upload = (struct upload){
		.payload = bytes_of(exchange->bytes + len, request->payload.len),
		.size_exponent = block_size_exponent(endpoint),
	};
	memcpy(exchange->bytes, head, len);
	if (request->payload.len > 0)
		memcpy(exchange->bytes + len, request->payload.at, request->payload.len);
	endpoint->exchange_bytes += size;
	*ret_exchange = exchange;
	return ERR_NONE;
}

static struct peer *peer_to(struct endpoint *endpoint, const struct peer_key *key)
{
	if (key->is_secure || key->is_stream)
		return peers_find(&endpoint->peers, key);
	return endpoint_peer(endpoint, &(struct route){ .key = *key });
}

/* Without DTLS whoever has an identity has it by OSCORE, and is spoken to in no other way. */
static enum err exchange_protect(struct exchange *exchange, const struct peer *peer, const char *identity)
{
	if (peer->route.key.is_secure ? !peer->speaks_oscore : identity[0] == 0)
		return ERR_NONE;
	return oscore_bind(exchange->endpoint, identity, &exchange->oscore);
}

/* Queues it, and sends it when nothing else is under way. It is freed on failure. */
static enum err exchange_queue(struct exchange *exchange, struct peer *peer, const char *identity)
{
	struct endpoint *endpoint = exchange->endpoint;
	enum err err = ERR_NONE;

	if (peer == NULL || !peer_is_reachable(peer) || peer->exchange_count > EXCHANGE_WAITING_MAX)
		err = ERR_UNAVAILABLE;
	if (err == ERR_NONE)
		err = exchange_protect(exchange, peer, identity);
	if (err == ERR_NONE && exchange->token == 0)
		err = choose_token(endpoint, &exchange->token);
	if (err != ERR_NONE) {
		exchange_free(exchange);
		return err;
	}
	exchange->wire_token = exchange->token;
	exchange->peer = peer;
	exchange->upload.at_once = endpoint_payload_max(peer, &exchange->oscore);
	exchange->request_tag = peer->broken_uploads;
	DL_APPEND(peer->exchanges, exchange);
	peer->exchange_count++;
	peer->seen_s = endpoint_now_s(endpoint); /* a peer that we speak to is kept */
	HASH_ADD(hh, endpoint->exchanges, token, sizeof(exchange->token), exchange);
	if (exchange->hh.tbl == NULL) {
		exchange_unlink(exchange);
		exchange_free(exchange);
		return ERR_NOMEM;
	}
	if (peer->exchanges != exchange)
		return ERR_NONE;
	exchange->is_begun = true;
	err = exchange_send(exchange);
	if (err != ERR_NONE) {
		exchange_unlink(exchange);
		HASH_DEL(endpoint->exchanges, exchange);
		exchange_free(exchange);
	}
	return err;
}

enum err exchange_start(struct endpoint *endpoint, const struct coap_address *to, const char *identity,
			const struct coap_message *request, uint64_t token, exchange_done *done, void *self,
			uint64_t id, uint64_t *ret_token)
{
	const struct peer_key key = peer_key_of(to);
	struct exchange *exchange;

	if (endpoint->is_closing || key.socket >= endpoint->socket_count)
		return ERR_UNAVAILABLE;
	if (token != 0 && exchange_find(endpoint, token) != NULL)
		return ERR_CONFLICT;
	enum err err = exchange_create(endpoint, request, &exchange);
	if (err != ERR_NONE)
		return err;
	exchange->token = token;
	exchange->done = done;
	exchange->self = self;
	exchange->id = id;
	err = exchange_queue(exchange, peer_to(endpoint, &key), identity);
	if (err == ERR_NONE && ret_token != NULL)
		*ret_token = exchange->token;
	return err;
}

/* A newer notification makes the rest of an older one worthless. */
static void stop_fetching(struct peer *peer, uint64_t observed)
{
	struct exchange *exchange, *next;

	DL_FOREACH_SAFE(peer->exchanges, exchange, next)
	if (exchange->observed == observed) {
		exchange_cancel(peer->endpoint, exchange->token);
		return;
	}
}

bool exchange_fetch_rest(struct endpoint *endpoint, const struct route *from, const char *identity,
			 uint64_t token, const struct pdu *pdu, const struct coap_message *first)
{
	const struct endpoint_handlers *handlers = &endpoint->handlers;
	const struct coap_address address = peer_key_address(&from->key);
	struct peer *peer;
	struct coap_message request = { .code = COAP_GET,
					.content_format = COAP_NO_FORMAT,
					.accept = COAP_NO_FORMAT };
	struct exchange *exchange;
	enum err err;

	if (handlers->observed == NULL ||
	    !handlers->observed(handlers->self, &address, identity, token, &request))
		return false;
	peer = endpoint_peer(endpoint, from);
	if (peer == NULL)
		return false;
	stop_fetching(peer, token);
	if (exchange_create(endpoint, &request, &exchange) != ERR_NONE)
		return false;
	exchange->observed = token;
	if (fetch_step(endpoint, &exchange->fetch, true, pdu, first, &err) != STEP_GO_ON) {
		exchange_free(exchange);
		return false;
	}
	return exchange_queue(exchange, peer, identity) == ERR_NONE;
}
