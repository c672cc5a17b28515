/* The life of a request: its head, its body, its handler, its answer. */
#include "http_exchange.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST_ARENA  (64u << 20)
#define OFFER_AGAIN_MS 10

void http_resume(struct http_exchange *exchange)
{
	if (!exchange->is_suspended)
		return;
	exchange->is_suspended = false;
	MHD_resume_connection(exchange->connection);
	http_wake(exchange->server);
}

void http_suspend(struct http_exchange *exchange)
{
	exchange->is_suspended = true;
	MHD_suspend_connection(exchange->connection);
}

static const struct {
	const char *name;
	enum http_method method;
} methods[] = {
	{ "GET", HTTP_GET },   { "HEAD", HTTP_GET },    { "PUT", HTTP_PUT },
	{ "POST", HTTP_POST }, { "PATCH", HTTP_PATCH }, { "DELETE", HTTP_DELETE },
};

static bool read_method(struct http_request *request, const char *name)
{
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
		if (strcmp(methods[i].name, name) == 0) {
			request->method = methods[i].method;
			return true;
		}
	}
	return false;
}

static enum err read_path(struct http_request *request, const char *url)
{
	char *rest = arena_strdup(request->arena, url);
	request->path = arena_strdup(request->arena, url);
	char *segment;
	if (rest == NULL || request->path == NULL)
		return ERR_NOMEM;
	while ((segment = strsep(&rest, "/")) != NULL) {
		if (segment[0] == 0)
			continue;
		if (request->segment_count == HTTP_MAX_SEGMENTS)
			return ERR_NOT_FOUND;
		MHD_http_unescape(segment);
		request->segments[request->segment_count++] = segment;
	}
	return ERR_NONE;
}

static void offer_again(void *self)
{
	http_resume(self);
}

static struct http_exchange *exchange_create(struct http_server *server, struct MHD_Connection *connection)
{
	struct http_exchange *exchange = calloc(1, sizeof *exchange);
	struct arena *arena = arena_create(REQUEST_ARENA);
	if (exchange == NULL || arena == NULL) {
		free(exchange);
		arena_free(arena);
		return NULL;
	}
	exchange->server = server;
	exchange->connection = connection;
	exchange->request = (struct http_request){ .api = server->api,
						   .id = ++server->last_id,
						   .arena = arena,
						   .endpoint = "",
						   .item = "",
						   .exchange = exchange };
	exchange->body = builder_in(arena);
	exchange->offer_again = timer_of(offer_again, exchange);
	HASH_ADD(hh, server->exchanges, request.id, sizeof exchange->request.id, exchange);
	return exchange;
}

static void exchange_free(struct http_exchange *exchange)
{
	if (exchange->has_handled && (!exchange->is_answered || exchange->stream.is_open))
		exchange->server->callbacks.drop(&exchange->request);
	HASH_DEL(exchange->server->exchanges, exchange);
	loop_stop_timer(exchange->server->loop, &exchange->offer_again);
	if (exchange->response != NULL)
		MHD_destroy_response(exchange->response);
	free(exchange->stream.pending);
	arena_free(exchange->request.arena);
	free(exchange);
}

struct http_request *http_find(struct http_server *server, uint64_t id)
{
	struct http_exchange *exchange;
	HASH_FIND(hh, server->exchanges, &id, sizeof id, exchange);
	return exchange != NULL && (!exchange->is_answered || exchange->stream.is_open) ? &exchange->request
											: NULL;
}

static enum MHD_Result queue_answer(struct http_exchange *exchange)
{
	struct MHD_Response *response = exchange->response;
	exchange->response = NULL;
	enum MHD_Result result = MHD_queue_response(exchange->connection, exchange->status, response);
	MHD_destroy_response(response);
	return result;
}

static void refuse(struct http_exchange *exchange, enum err kind, const char *text)
{
	struct fault fault = { .kind = ERR_NONE };
	fault_set(&fault, kind, "%s", text);
	http_reply_fault(&exchange->request, &fault);
}

static bool is_too_large(const struct http_exchange *exchange, uint64_t size)
{
	const struct http_settings *settings = &exchange->server->settings;
	bool is_stream = exchange->server->callbacks.streams(&exchange->request);
	return size > (is_stream ? settings->max_stream_bytes : settings->max_body_bytes);
}

/* The head is there. An answer given here spares the client its body. */
static enum MHD_Result begin(struct http_exchange *exchange, const char *url, const char *method)
{
	struct http_request *request = &exchange->request;
	const char *length = http_header(request, "Content-Length");
	enum err err = read_path(request, url);
	if (!read_method(request, method))
		refuse(exchange, ERR_UNSUPPORTED, "method: not one of ours");
	else if (err != ERR_NONE)
		refuse(exchange, err, "path: no such resource");
	else if (exchange->server->callbacks.begin(request) && length != NULL &&
		 is_too_large(exchange, strtoull(length, NULL, 10)))
		refuse(exchange, ERR_LIMIT, "body: too large");
	return exchange->is_answered ? queue_answer(exchange) : MHD_YES;
}

static void take_part(struct http_exchange *exchange, const char *data, size_t *size)
{
	struct bytes part = bytes_of(data, *size);
	size_t taken = 0;
	if (exchange->is_answered || exchange->is_refused) {
		*size = 0;
		return;
	}
	if (!exchange->server->callbacks.streams(&exchange->request)) {
		build_bytes(&exchange->body, part);
		exchange->is_refused = is_too_large(exchange, exchange->body.len) || exchange->body.bad;
		*size = 0;
		return;
	}
	exchange->has_handled = true;
	if (!exchange->server->callbacks.add_body(&exchange->request, part, &taken))
		taken = part.len;
	*size -= taken;
	if (*size > 0) {
		http_suspend(exchange);
		loop_start_timer(exchange->server->loop, &exchange->offer_again, OFFER_AGAIN_MS);
	}
}

static void handle(struct http_exchange *exchange)
{
	if (exchange->is_refused)
		refuse(exchange, ERR_LIMIT, "body: too large");
	else if (builder_bytes(&exchange->body, &exchange->request.body) != ERR_NONE)
		refuse(exchange, ERR_NOMEM, "no memory for the body");
	else
		exchange->server->callbacks.handle(&exchange->request);
	exchange->has_handled = true;
}

enum MHD_Result http_on_request(void *self, struct MHD_Connection *connection, const char *url,
				const char *method, const char *version, const char *upload_data,
				size_t *upload_data_size, void **own)
{
	struct http_exchange *exchange = *own;
	if (exchange == NULL) {
		exchange = exchange_create(self, connection);
		*own = exchange;
		return exchange != NULL ? begin(exchange, url, method) : MHD_NO;
	}
	if (*upload_data_size > 0) {
		take_part(exchange, upload_data, upload_data_size);
		return MHD_YES;
	}
	if (!exchange->is_handling && !exchange->is_answered) {
		exchange->is_handling = true;
		handle(exchange);
	}
	/* What is deferred belongs to the worker until it is done: look at nothing else of it. */
	if (!exchange->is_deferred && exchange->response != NULL)
		return queue_answer(exchange);
	http_suspend(exchange);
	return MHD_YES;
}

void http_on_completed(void *self, struct MHD_Connection *connection, void **own,
		       enum MHD_RequestTerminationCode why)
{
	if (*own != NULL)
		exchange_free(*own);
	*own = NULL;
}
