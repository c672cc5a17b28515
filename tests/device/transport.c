#include "transport.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "log.h"
#include "message.h"

#define MESSAGE_BYTES_MAX    (16 << 20) /* memory for one request and its answer */
#define REMEMBERED_MAX       8
#define OPTION_BYTES_MAX     1024 /* of an answer, header and token included */
#define EXCHANGE_LIFETIME_MS 247000

/* libcoap has one configuration of certificates for all sessions of a context, which disturbs those with
 * keys: the ones with certificates have a context of their own, once there are any. */
enum context_kind { CONTEXT_OF_KEYS, CONTEXT_OF_CERTIFICATES, CONTEXT_COUNT };

struct transport {
	coap_context_t *contexts[CONTEXT_COUNT]; /* NULL: not needed yet */
	struct watch *watches[CONTEXT_COUNT];
	struct loop *loop;
	struct timer timer; /* libcoap's retransmissions */
	struct soon_list *soon_list;
	struct soon soon;
	struct arena *arena; /* of the message at hand */
};

/* What a request was answered, for its duplicates: libcoap would call the handler again. */
struct remembered {
	coap_mid_t mid;
	uint8_t token[OBSERVE_TOKEN_MAX];
	size_t token_len;
	int64_t at_ms;
	struct answer answer; /* without payload */
};

struct line {
	struct transport *transport;
	coap_session_t *session;
	bool is_stream;
	struct line_events events;
	void *arg;
	bool is_waiting; /* for the answer to line_send */
	uint8_t token[OBSERVE_TOKEN_MAX];
	size_t token_len;
	bool is_fetching; /* line_fetch */
	uint8_t fetch_token[OBSERVE_TOKEN_MAX];
	size_t fetch_token_len;
	struct remembered remembered[REMEMBERED_MAX];
	size_t next_remembered;
};

/* ---- duplicates ---- */

static struct remembered *recall(struct line *line, const coap_pdu_t *pdu)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);
	int64_t now_ms = loop_now_ms(line->transport->loop);

	for (size_t i = 0; i < REMEMBERED_MAX; i++) {
		struct remembered *at = &line->remembered[i];
		if (at->answer.code != ANSWER_NONE && at->mid == coap_pdu_get_mid(pdu) &&
		    now_ms - at->at_ms < EXCHANGE_LIFETIME_MS &&
		    bytes_equal(bytes_of(at->token, at->token_len), bytes_of(token.s, token.length)))
			return at;
	}
	return NULL;
}

static void remember(struct line *line, const coap_pdu_t *pdu, const struct answer *answer)
{
	struct remembered *at = &line->remembered[line->next_remembered];
	coap_bin_const_t token = coap_pdu_get_token(pdu);

	if (line->is_stream || answer->payload.len > 0 || token.length > sizeof(at->token))
		return; /* nothing comes twice; reading again does no harm */
	at->mid = coap_pdu_get_mid(pdu);
	memcpy(at->token, token.s, token.length);
	at->token_len = token.length;
	at->at_ms = loop_now_ms(line->transport->loop);
	at->answer = *answer;
	line->next_remembered = (line->next_remembered + 1) % REMEMBERED_MAX;
}

/* The longest payload that needs no blocks. A connection carries whatever the server says that it takes. */
static size_t at_once(const struct line *line)
{
	const size_t block = (size_t)16 << BLOCK_SZX, max = coap_session_max_pdu_size(line->session);

	return line->is_stream && max > block + OPTION_BYTES_MAX ? max - OPTION_BYTES_MAX : block;
}

/* ---- what libcoap calls ---- */

static void on_request(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu,
		       const coap_string_t *query, coap_pdu_t *response)
{
	struct line *line = coap_session_get_app_data(session);
	coap_block_t block;
	bool has_block;
	struct answer answer = { .code = INTERNAL_ERROR, .format = FORMAT_NONE };
	const uint32_t first = 0;
	struct remembered *remembered;
	struct request request;

	if (line == NULL) /* closed, and libcoap still had something for it */
		return;
	remembered = recall(line, pdu);
	has_block = coap_get_block(pdu, COAP_OPTION_BLOCK2, &block) == 1;
	if (!has_block)
		block = (coap_block_t){ .szx = BLOCK_SZX };
	arena_reset(line->transport->arena);
	if (remembered != NULL) {
		answer = remembered->answer;
	} else if (message_read_request(pdu, line->transport->arena, &request)) {
		line->events.request(line->arg, &request, line->transport->arena, &answer);
		remember(line, pdu, &answer);
	}
	message_fill_answer(response, &answer, answer.is_observed && block.num == 0 ? &first : NULL,
			    has_block ? (size_t)16 << block.szx : at_once(line), block);
}

static bool is_own_token(const struct line *line, const coap_pdu_t *pdu)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);

	return line->is_waiting &&
	       bytes_equal(bytes_of(line->token, line->token_len), bytes_of(token.s, token.length));
}

static bool is_fetch_token(const struct line *line, const coap_pdu_t *pdu)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);

	return line->is_fetching && bytes_equal(bytes_of(line->fetch_token, line->fetch_token_len),
						bytes_of(token.s, token.length));
}

static void fetched(struct line *line, const coap_pdu_t *received)
{
	struct bytes content = bytes_of(NULL, 0);
	size_t offset, total;

	line->is_fetching = false;
	if (received != NULL && !coap_get_data_large(received, &content.len, &content.at, &offset, &total))
		content = bytes_of(NULL, 0);
	line->events.fetched(line->arg, received == NULL ? 0 : (uint8_t)coap_pdu_get_code(received), content);
}

static coap_response_t on_response(coap_session_t *session, const coap_pdu_t *sent,
				   const coap_pdu_t *received, const coap_mid_t mid)
{
	struct line *line = coap_session_get_app_data(session);
	char location[LOCATION_MAX];

	if (line != NULL && is_fetch_token(line, received))
		fetched(line, received);
	if (line == NULL || !is_own_token(line, received))
		return COAP_RESPONSE_OK;
	line->is_waiting = false;
	message_read_location(received, location);
	line->events.answered(line->arg, (uint8_t)coap_pdu_get_code(received), location);
	return COAP_RESPONSE_OK;
}

static const char *nack_name(coap_nack_reason_t reason)
{
	switch (reason) {
	case COAP_NACK_TOO_MANY_RETRIES:
		return "no answer";
	case COAP_NACK_NOT_DELIVERABLE:
		return "not deliverable";
	case COAP_NACK_RST:
		return "reset";
	case COAP_NACK_TLS_FAILED:
		return "DTLS failed";
	case COAP_NACK_ICMP_ISSUE:
		return "port unreachable";
	default:
		return "bad response";
	}
}

static void on_nack(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason,
		    const coap_mid_t mid)
{
	struct line *line = coap_session_get_app_data(session);
	coap_bin_const_t token;

	if (line == NULL)
		return;
	if (sent == NULL || is_own_token(line, sent)) {
		line->is_waiting = false;
		line->events.lost(line->arg, nack_name(reason));
		return;
	}
	if (is_fetch_token(line, sent)) {
		fetched(line, NULL);
		return;
	}
	token = coap_pdu_get_token(sent);
	line->events.notification_lost(line->arg, bytes_of(token.s, token.length), reason == COAP_NACK_RST);
}

static int on_event(coap_session_t *session, const coap_event_t event)
{
	static const struct {
		coap_event_t event;
		const char *name;
	} breaks[] = {
		{ COAP_EVENT_DTLS_CLOSED, "security closed" },
		{ COAP_EVENT_DTLS_ERROR, "security error" },
		{ COAP_EVENT_TCP_CLOSED, "connection closed" },
		{ COAP_EVENT_TCP_FAILED, "connection failed" },
		{ COAP_EVENT_SESSION_FAILED, "connection without CSM" },
	};
	struct line *line = coap_session_get_app_data(session);

	if (line == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		if (breaks[i].event != event)
			continue;
		line->is_waiting = false;
		line->events.lost(line->arg, breaks[i].name);
	}
	return 0;
}

/* ---- the loop ---- */

/* Lets libcoap do what is due, and comes back when it wants to. */
static void serve(void *self)
{
	struct transport *transport = self;
	unsigned wait_ms = 0;

	for (size_t i = 0; i < CONTEXT_COUNT; i++) {
		coap_tick_t now;
		unsigned its_ms;
		if (transport->contexts[i] == NULL)
			continue;
		coap_io_process(transport->contexts[i], COAP_IO_NO_WAIT);
		coap_ticks(&now);
		its_ms = coap_io_prepare_epoll(transport->contexts[i], now);
		if (its_ms > 0 && (wait_ms == 0 || its_ms < wait_ms))
			wait_ms = its_ms;
	}
	if (wait_ms > 0)
		loop_start_timer(transport->loop, &transport->timer, wait_ms);
	else
		loop_stop_timer(transport->loop, &transport->timer);
}

static void serve_ready(void *self, uint32_t events)
{
	serve(self);
}

/* After something was given to libcoap its timers have changed. */
static void touch(struct transport *transport)
{
	soon_add(transport->soon_list, &transport->soon);
}

static enum err open_context(struct transport *transport, enum context_kind kind)
{
	static const coap_request_t methods[] = {
		COAP_REQUEST_GET,    COAP_REQUEST_POST,  COAP_REQUEST_PUT,
		COAP_REQUEST_DELETE, COAP_REQUEST_FETCH, COAP_REQUEST_IPATCH
	};
	coap_context_t *context;
	coap_resource_t *everything;

	if (transport->contexts[kind] != NULL)
		return ERR_NONE;
	context = coap_new_context(NULL);
	everything = context == NULL ? NULL : coap_resource_unknown_init(on_request);
	if (everything == NULL) {
		coap_free_context(context);
		return ERR_NOMEM;
	}
	coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		coap_register_request_handler(everything, methods[i], on_request);
	coap_add_resource(context, everything);
	coap_register_response_handler(context, on_response);
	coap_register_nack_handler(context, on_nack);
	coap_register_event_handler(context, on_event);
	transport->contexts[kind] = context;
	return loop_watch(transport->loop, coap_context_get_coap_fd(context), EPOLLIN, serve_ready, transport,
			  &transport->watches[kind]);
}

enum err transport_create(struct loop *loop, struct soon_list *soon_list, struct transport **ret_transport)
{
	struct transport *transport = calloc(1, sizeof(*transport));
	enum err err = ERR_NOMEM;

	if (transport == NULL)
		return ERR_NOMEM;
	transport->loop = loop;
	transport->timer = timer_of(serve, transport);
	transport->soon_list = soon_list;
	transport->soon = soon_of(serve, transport);
	transport->arena = arena_create(MESSAGE_BYTES_MAX);
	if (transport->arena != NULL)
		err = open_context(transport, CONTEXT_OF_KEYS);
	if (err != ERR_NONE) {
		transport_free(transport);
		return err;
	}
	*ret_transport = transport;
	return ERR_NONE;
}

void transport_free(struct transport *transport)
{
	if (transport == NULL)
		return;
	loop_stop_timer(transport->loop, &transport->timer);
	soon_cancel(transport->soon_list, &transport->soon);
	for (size_t i = 0; i < CONTEXT_COUNT; i++) {
		loop_unwatch(transport->watches[i]);
		coap_free_context(transport->contexts[i]);
	}
	arena_free(transport->arena);
	free(transport);
}

/* ---- lines ---- */

/* The ClientHello has left, what decides about certificates is to come. */
static bool prepare(const coap_session_t *session, const struct x509_settings *settings)
{
	coap_tls_library_t library;
	SSL *ssl = coap_session_get_tls(session, &library);

	return ssl != NULL && library == COAP_TLS_LIBRARY_OPENSSL && x509_prepare(ssl, settings);
}

static coap_session_t *new_certified_session(struct transport *transport, const coap_address_t *server,
					     char *host, const struct x509_settings *settings)
{
	coap_dtls_pki_t pki = {
		.version = COAP_DTLS_PKI_SETUP_VERSION,
		.client_sni = host,
		.pki_key.key_type = COAP_PKI_KEY_ASN1,
	};
	coap_session_t *session = NULL;

	if (open_context(transport, CONTEXT_OF_CERTIFICATES) == ERR_NONE)
		session = coap_new_client_session_pki(transport->contexts[CONTEXT_OF_CERTIFICATES], NULL,
						      server, COAP_PROTO_DTLS, &pki);
	if (session != NULL && !prepare(session, settings)) {
		coap_session_release(session);
		return NULL;
	}
	return session;
}

static coap_session_t *new_key_session(struct transport *transport, const coap_address_t *server, char *host,
				       const struct line_settings *settings)
{
	coap_dtls_cpsk_t psk = {
		.version = COAP_DTLS_CPSK_SETUP_VERSION,
		.client_sni = host,
		.psk_info.identity = { strlen(settings->psk_identity),
				       (const uint8_t *)settings->psk_identity },
		.psk_info.key = { settings->psk_key.len, settings->psk_key.at },
	};

	return coap_new_client_session_psk2(transport->contexts[CONTEXT_OF_KEYS], NULL, server,
					    settings->is_stream ? COAP_PROTO_TLS : COAP_PROTO_DTLS, &psk);
}

static coap_session_t *new_session(struct transport *transport, const struct line_settings *settings)
{
	coap_address_t server;
	char *host = NULL;
	coap_session_t *session;

	coap_address_init(&server);
	memcpy(&server.addr, &settings->server.at, settings->server.len);
	server.size = settings->server.len;
	if (!settings->is_secure)
		return coap_new_client_session(transport->contexts[CONTEXT_OF_KEYS], NULL, &server,
					       settings->is_stream ? COAP_PROTO_TCP : COAP_PROTO_UDP);
	if (settings->host != NULL)
		host = strdup(settings->host);
	session = settings->x509.certificate.len > 0
			  ? new_certified_session(transport, &server, host, &settings->x509)
			  : new_key_session(transport, &server, host, settings);
	free(host);
	return session;
}

enum err line_open(struct transport *transport, const struct line_settings *settings,
		   const struct line_events *events, void *arg, struct line **ret_line)
{
	struct line *line = calloc(1, sizeof(*line));
	const coap_fixed_point_t ack_timeout = { (uint16_t)(settings->ack_timeout_ms / 1000),
						 (uint16_t)(settings->ack_timeout_ms % 1000) };

	if (line == NULL)
		return ERR_NOMEM;
	line->transport = transport;
	line->events = *events;
	line->arg = arg;
	line->is_stream = settings->is_stream;
	line->session = new_session(transport, settings);
	if (line->session == NULL) {
		free(line);
		return ERR_UNAVAILABLE;
	}
	coap_session_set_app_data(line->session, line);
	coap_session_set_ack_timeout(line->session, ack_timeout);
	touch(transport);
	*ret_line = line;
	return ERR_NONE;
}

void line_close(struct line *line)
{
	if (line == NULL)
		return;
	coap_session_set_app_data(line->session, NULL);
	coap_session_disconnected(line->session,
				  COAP_NACK_NOT_DELIVERABLE); /* or it would go on retransmitting */
	coap_session_release(line->session);
	touch(line->transport);
	free(line);
}

static enum err send_pdu(struct line *line, coap_pdu_t *pdu)
{
	coap_mid_t mid = coap_send(line->session, pdu);

	touch(line->transport);
	return mid == COAP_INVALID_MID ? ERR_UNAVAILABLE : ERR_NONE;
}

enum err line_send(struct line *line, enum method method, const char *path, const char *const *queries,
		   size_t query_count, uint16_t format, struct bytes payload)
{
	coap_pdu_t *pdu =
		coap_pdu_init(COAP_MESSAGE_CON, (coap_pdu_code_t)method, coap_new_message_id(line->session),
			      coap_session_max_pdu_size(line->session));

	if (pdu == NULL)
		return ERR_NOMEM;
	coap_session_new_token(line->session, &line->token_len, line->token);
	coap_add_token(pdu, line->token_len, line->token);
	message_add_path(pdu, COAP_OPTION_URI_PATH, path);
	if (payload.len > 0)
		message_add_number(pdu, COAP_OPTION_CONTENT_FORMAT, format);
	for (size_t i = 0; i < query_count; i++)
		coap_add_option(pdu, COAP_OPTION_URI_QUERY, strlen(queries[i]), (const uint8_t *)queries[i]);
	if (payload.len > 0)
		coap_add_data(pdu, payload.len, payload.at);
	line->is_waiting = true;
	return send_pdu(line, pdu);
}

enum err line_fetch(struct line *line, const char *path, const char *const *queries, size_t query_count,
		    uint16_t accept)
{
	coap_pdu_t *pdu =
		coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, coap_new_message_id(line->session),
			      coap_session_max_pdu_size(line->session));
	const coap_block_t first = { .szx = BLOCK_SZX };

	if (pdu == NULL)
		return ERR_NOMEM;
	coap_session_new_token(line->session, &line->fetch_token_len, line->fetch_token);
	coap_add_token(pdu, line->fetch_token_len, line->fetch_token);
	message_add_path(pdu, COAP_OPTION_URI_PATH, path);
	for (size_t i = 0; i < query_count; i++)
		coap_add_option(pdu, COAP_OPTION_URI_QUERY, strlen(queries[i]), (const uint8_t *)queries[i]);
	if (accept != FORMAT_NONE)
		message_add_number(pdu, COAP_OPTION_ACCEPT, accept);
	message_add_number(pdu, COAP_OPTION_BLOCK2, first.szx);
	line->is_fetching = true;
	return send_pdu(line, pdu);
}

enum err line_notify(struct line *line, const struct notification *notification)
{
	const coap_block_t first = { .szx = BLOCK_SZX };
	coap_pdu_t *pdu = coap_pdu_init(notification->is_confirmable ? COAP_MESSAGE_CON : COAP_MESSAGE_NON,
					COAP_RESPONSE_CODE_CONTENT, coap_new_message_id(line->session),
					coap_session_max_pdu_size(line->session));
	bool goes_on =
		notification->answer.code == CONTENT; /* an error ends the observation (RFC 7641, 4.2) */

	if (pdu == NULL)
		return ERR_NOMEM;
	coap_add_token(pdu, notification->token.len, notification->token.at);
	message_fill_answer(pdu, &notification->answer, goes_on ? &notification->sequence : NULL,
			    at_once(line), first);
	return send_pdu(line, pdu);
}

void line_local_address(const struct line *line, char *ret_text, size_t size)
{
	const coap_address_t *local = coap_session_get_addr_local(line->session);

	if (getnameinfo(&local->addr.sa, local->size, ret_text, (socklen_t)size, NULL, 0, NI_NUMERICHOST) !=
	    0)
		snprintf(ret_text, size, "0.0.0.0");
}
