#include "libcoap.h"

#include "transport.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "log.h"

#define BLOCK_SZX            6 /* 1024 bytes */
#define BLOCK_BYTES          1024
#define MESSAGE_BYTES_MAX    (1 << 20) /* memory for one request and its answer */
#define QUERIES_MAX          16
#define REMEMBERED_MAX       8
#define EXCHANGE_LIFETIME_MS 247000
#define LOCATION_MAX         128

struct transport {
	coap_context_t *context;
	struct loop *loop;
	struct watch *watch;
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
	struct line_events events;
	void *arg;
	bool is_waiting; /* for the answer to line_send */
	uint8_t token[OBSERVE_TOKEN_MAX];
	size_t token_len;
	struct remembered remembered[REMEMBERED_MAX];
	size_t next_remembered;
};

/* ---- options ---- */

static struct bytes option_bytes(coap_opt_t *option)
{
	return bytes_of(coap_opt_value(option), coap_opt_length(option));
}

static bool find_number(const coap_pdu_t *pdu, uint16_t number, uint32_t *ret_value)
{
	coap_opt_iterator_t iterator;
	coap_opt_t *option = coap_check_option(pdu, number, &iterator);

	if (option == NULL)
		return false;
	*ret_value = coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option));
	return true;
}

static uint16_t find_format(const coap_pdu_t *pdu, uint16_t number)
{
	uint32_t value = FORMAT_NONE;

	return find_number(pdu, number, &value) && value < FORMAT_NONE ? (uint16_t)value : FORMAT_NONE;
}

/* The values of a repeatable option, at most `max`; false when there are more. */
static bool find_all(const coap_pdu_t *pdu, uint16_t number, struct bytes *ret_values, size_t max,
		     size_t *ret_count)
{
	coap_opt_iterator_t iterator;
	coap_opt_filter_t filter;
	coap_opt_t *option;
	size_t count = 0;

	coap_option_filter_clear(&filter);
	coap_option_filter_set(&filter, number);
	coap_option_iterator_init(pdu, &iterator, &filter);
	while ((option = coap_option_next(&iterator)) != NULL) {
		if (count == max)
			return false;
		ret_values[count++] = option_bytes(option);
	}
	*ret_count = count;
	return true;
}

static void add_number(coap_pdu_t *pdu, uint16_t option, uint32_t value)
{
	uint8_t bytes[4];

	coap_add_option(pdu, option, coap_encode_var_safe(bytes, sizeof(bytes), value), bytes);
}

static void add_text_path(coap_pdu_t *pdu, uint16_t option, const char *path)
{
	while (*path == '/') {
		size_t len = strcspn(++path, "/");
		coap_add_option(pdu, option, len, (const uint8_t *)path);
		path += len;
	}
}

static void add_instance_path(coap_pdu_t *pdu, struct path path)
{
	for (size_t i = 0; i < path.depth; i++) {
		char segment[8];
		int len = snprintf(segment, sizeof(segment), "%u", path.id[i]);
		coap_add_option(pdu, COAP_OPTION_LOCATION_PATH, (size_t)len, (const uint8_t *)segment);
	}
}

/* ---- answers ---- */

/* The same content has the same tag, so that the server notices a change between two blocks (FNV-1a). */
static uint64_t entity_tag(struct bytes payload)
{
	uint64_t hash = 0xCBF29CE484222325u;

	for (size_t i = 0; i < payload.len; i++)
		hash = (hash ^ payload.at[i]) * 0x100000001B3u;
	return hash;
}

/* Options in their order, then the block of the payload that was asked for. */
static void fill_answer(coap_pdu_t *pdu, const struct answer *answer, const uint32_t *sequence,
			coap_block_t block)
{
	size_t start = (size_t)block.num << (block.szx + 4);
	bool is_blockwise = block.num > 0 || answer->payload.len > (size_t)16 << block.szx;
	uint64_t tag = entity_tag(answer->payload);

	coap_pdu_set_code(pdu, (coap_pdu_code_t)answer->code);
	if (is_blockwise && start >= answer->payload.len) {
		coap_pdu_set_code(pdu, COAP_RESPONSE_CODE_BAD_REQUEST);
		return;
	}
	if (is_blockwise)
		coap_add_option(pdu, COAP_OPTION_ETAG, sizeof(tag), (const uint8_t *)&tag);
	if (sequence != NULL)
		add_number(pdu, COAP_OPTION_OBSERVE, *sequence & 0xFFFFFF);
	if (answer->has_location)
		add_instance_path(pdu, answer->location);
	if (answer->format != FORMAT_NONE)
		add_number(pdu, COAP_OPTION_CONTENT_FORMAT, answer->format);
	if (is_blockwise) {
		coap_write_block_opt(&block, COAP_OPTION_BLOCK2, pdu, answer->payload.len);
		add_number(pdu, COAP_OPTION_SIZE2, (uint32_t)answer->payload.len);
		coap_add_block(pdu, answer->payload.len, answer->payload.at, block.num,
			       (unsigned char)block.szx);
	} else if (answer->payload.len > 0) {
		coap_add_data(pdu, answer->payload.len, answer->payload.at);
	}
}

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

	if (answer->payload.len > 0 || token.length > sizeof(at->token))
		return; /* reading again does no harm */
	at->mid = coap_pdu_get_mid(pdu);
	memcpy(at->token, token.s, token.length);
	at->token_len = token.length;
	at->at_ms = loop_now_ms(line->transport->loop);
	at->answer = *answer;
	line->next_remembered = (line->next_remembered + 1) % REMEMBERED_MAX;
}

/* ---- what libcoap calls ---- */

static bool read_path(const coap_pdu_t *pdu, struct arena *arena, struct path *ret_path)
{
	struct bytes segments[4];
	struct builder b = builder_in(arena);
	struct bytes text;
	size_t count;

	if (!find_all(pdu, COAP_OPTION_URI_PATH, segments, 4, &count))
		return false;
	if (count == 0)
		build_u8(&b, '/');
	for (size_t i = 0; i < count; i++) {
		build_u8(&b, '/');
		build_bytes(&b, segments[i]);
	}
	return builder_bytes(&b, &text) == ERR_NONE && path_parse(text, ret_path) == ERR_NONE;
}

static bool read_request(const coap_pdu_t *pdu, struct arena *arena, struct request *ret_request)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);
	struct request request = {
		.method = (enum method)coap_pdu_get_code(pdu),
		.content_format = find_format(pdu, COAP_OPTION_CONTENT_FORMAT),
		.accept = find_format(pdu, COAP_OPTION_ACCEPT),
		.token = bytes_of(token.s, token.length),
	};
	struct bytes *queries = arena_alloc_array(arena, QUERIES_MAX, sizeof(*queries));
	size_t offset, total;

	if (queries == NULL ||
	    !find_all(pdu, COAP_OPTION_URI_QUERY, queries, QUERIES_MAX, &request.query_count))
		return false;
	request.queries = queries;
	request.has_observe = find_number(pdu, COAP_OPTION_OBSERVE, &request.observe);
	request.is_path_known = read_path(pdu, arena, &request.path);
	if (!coap_get_data_large(pdu, &request.payload.len, &request.payload.at, &offset, &total))
		request.payload = bytes_of(NULL, 0);
	*ret_request = request;
	return true;
}

static void on_request(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu,
		       const coap_string_t *query, coap_pdu_t *response)
{
	struct line *line = coap_session_get_app_data(session);
	coap_block_t block;
	struct answer answer = { .code = INTERNAL_ERROR, .format = FORMAT_NONE };
	const uint32_t first = 0;
	struct remembered *remembered;
	struct request request;

	if (line == NULL) /* closed, and libcoap still had something for it */
		return;
	remembered = recall(line, pdu);
	if (!coap_get_block(pdu, COAP_OPTION_BLOCK2, &block))
		block = (coap_block_t){ .szx = BLOCK_SZX };
	arena_reset(line->transport->arena);
	if (remembered != NULL) {
		answer = remembered->answer;
	} else if (read_request(pdu, line->transport->arena, &request)) {
		line->events.request(line->arg, &request, line->transport->arena, &answer);
		remember(line, pdu, &answer);
	}
	fill_answer(response, &answer, answer.is_observed && block.num == 0 ? &first : NULL, block);
}

static void read_location(const coap_pdu_t *pdu, char ret_location[LOCATION_MAX])
{
	struct bytes segments[8];
	size_t count, used = 0;

	ret_location[0] = '\0';
	if (!find_all(pdu, COAP_OPTION_LOCATION_PATH, segments, 8, &count))
		return;
	for (size_t i = 0; i < count && used < LOCATION_MAX; i++)
		used += (size_t)snprintf(ret_location + used, LOCATION_MAX - used, "/%.*s",
					 (int)segments[i].len, (const char *)segments[i].at);
	if (used >= LOCATION_MAX)
		ret_location[0] = '\0';
}

static bool is_own_token(const struct line *line, const coap_pdu_t *pdu)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);

	return line->is_waiting &&
	       bytes_equal(bytes_of(line->token, line->token_len), bytes_of(token.s, token.length));
}

static coap_response_t on_response(coap_session_t *session, const coap_pdu_t *sent,
				   const coap_pdu_t *received, const coap_mid_t mid)
{
	struct line *line = coap_session_get_app_data(session);
	char location[LOCATION_MAX];

	if (line == NULL || !is_own_token(line, received))
		return COAP_RESPONSE_OK;
	line->is_waiting = false;
	read_location(received, location);
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
	token = coap_pdu_get_token(sent);
	line->events.notification_lost(line->arg, bytes_of(token.s, token.length), reason == COAP_NACK_RST);
}

static int on_event(coap_session_t *session, const coap_event_t event)
{
	struct line *line = coap_session_get_app_data(session);

	if (line == NULL)
		return 0;
	if (event == COAP_EVENT_DTLS_CLOSED || event == COAP_EVENT_DTLS_ERROR) {
		line->is_waiting = false;
		line->events.lost(line->arg, event == COAP_EVENT_DTLS_CLOSED ? "DTLS closed" : "DTLS error");
	}
	return 0;
}

/* ---- the loop ---- */

/* Lets libcoap do what is due, and comes back when it wants to. */
static void serve(void *self)
{
	struct transport *transport = self;
	coap_tick_t now;
	unsigned wait_ms;

	coap_io_process(transport->context, COAP_IO_NO_WAIT);
	coap_ticks(&now);
	wait_ms = coap_io_prepare_epoll(transport->context, now);
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

enum err transport_create(struct loop *loop, struct soon_list *soon_list, struct transport **ret_transport)
{
	static const coap_request_t methods[] = {
		COAP_REQUEST_GET,    COAP_REQUEST_POST,  COAP_REQUEST_PUT,
		COAP_REQUEST_DELETE, COAP_REQUEST_FETCH, COAP_REQUEST_IPATCH
	};
	struct transport *transport = calloc(1, sizeof(*transport));
	coap_resource_t *everything;
	enum err err = ERR_NOMEM;

	if (transport == NULL)
		return ERR_NOMEM;
	transport->loop = loop;
	transport->timer = timer_of(serve, transport);
	transport->soon_list = soon_list;
	transport->soon = soon_of(serve, transport);
	transport->arena = arena_create(MESSAGE_BYTES_MAX);
	transport->context = coap_new_context(NULL);
	everything = transport->context == NULL ? NULL : coap_resource_unknown_init(on_request);
	if (transport->arena != NULL && everything != NULL) {
		coap_context_set_block_mode(transport->context,
					    COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
		for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
			coap_register_request_handler(everything, methods[i], on_request);
		coap_add_resource(transport->context, everything);
		coap_register_response_handler(transport->context, on_response);
		coap_register_nack_handler(transport->context, on_nack);
		coap_register_event_handler(transport->context, on_event);
		err = loop_watch(loop, coap_context_get_coap_fd(transport->context), EPOLLIN, serve_ready,
				 transport, &transport->watch);
	}
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
	loop_unwatch(transport->watch);
	coap_free_context(transport->context);
	arena_free(transport->arena);
	free(transport);
}

/* ---- lines ---- */

static coap_session_t *new_session(coap_context_t *context, const struct line_settings *settings)
{
	coap_address_t server;
	coap_dtls_cpsk_t psk = { .version = COAP_DTLS_CPSK_SETUP_VERSION };
	char *host = NULL;
	coap_session_t *session;

	coap_address_init(&server);
	memcpy(&server.addr, &settings->server.at, settings->server.len);
	server.size = settings->server.len;
	if (!settings->is_secure)
		return coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP);
	if (settings->host != NULL)
		host = strdup(settings->host);
	psk.client_sni = host;
	psk.psk_info.identity.s = (const uint8_t *)settings->psk_identity;
	psk.psk_info.identity.length = strlen(settings->psk_identity);
	psk.psk_info.key.s = settings->psk_key.at;
	psk.psk_info.key.length = settings->psk_key.len;
	session = coap_new_client_session_psk2(context, NULL, &server, COAP_PROTO_DTLS, &psk);
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
	line->session = new_session(transport->context, settings);
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
		   size_t query_count, struct bytes links)
{
	coap_pdu_t *pdu =
		coap_pdu_init(COAP_MESSAGE_CON, (coap_pdu_code_t)method, coap_new_message_id(line->session),
			      coap_session_max_pdu_size(line->session));

	if (pdu == NULL)
		return ERR_NOMEM;
	coap_session_new_token(line->session, &line->token_len, line->token);
	coap_add_token(pdu, line->token_len, line->token);
	add_text_path(pdu, COAP_OPTION_URI_PATH, path);
	if (links.len > 0)
		add_number(pdu, COAP_OPTION_CONTENT_FORMAT, FORMAT_LINK);
	for (size_t i = 0; i < query_count; i++)
		coap_add_option(pdu, COAP_OPTION_URI_QUERY, strlen(queries[i]), (const uint8_t *)queries[i]);
	if (links.len > 0)
		coap_add_data(pdu, links.len, links.at);
	line->is_waiting = true;
	return send_pdu(line, pdu);
}

enum err line_notify(struct line *line, const struct notification *notification)
{
	const coap_block_t first = { .szx = BLOCK_SZX };
	coap_pdu_t *pdu =
		coap_pdu_init(COAP_MESSAGE_CON, COAP_RESPONSE_CODE_CONTENT,
			      coap_new_message_id(line->session), coap_session_max_pdu_size(line->session));
	bool goes_on =
		notification->answer.code == CONTENT; /* an error ends the observation (RFC 7641, 4.2) */

	if (pdu == NULL)
		return ERR_NOMEM;
	coap_add_token(pdu, notification->token.len, notification->token.at);
	fill_answer(pdu, &notification->answer, goes_on ? &notification->sequence : NULL, first);
	return send_pdu(line, pdu);
}

void line_local_address(const struct line *line, char *ret_text, size_t size)
{
	const coap_address_t *local = coap_session_get_addr_local(line->session);

	if (getnameinfo(&local->addr.sa, local->size, ret_text, (socklen_t)size, NULL, 0, NI_NUMERICHOST) !=
	    0)
		snprintf(ret_text, size, "0.0.0.0");
}
