/* The answers to requests: at once, from a worker, or without end. */
#include "http_exchange.h"

#include <stdlib.h>
#include <string.h>

#include "work.h"

#define STREAM_MAX_BYTES   (1u << 20)
#define STREAM_BLOCK_BYTES 4096

void http_add_header(struct http_request *request, const char *name, const char *value)
{
	struct header *header = arena_alloc(request->arena, sizeof *header);
	char *copy = arena_strdup(request->arena, value);
	if (header == NULL || copy == NULL)
		return;
	*header = (struct header){ request->exchange->headers, name, copy };
	request->exchange->headers = header;
}

static void answer_with(struct http_exchange *exchange, unsigned status, struct MHD_Response *take_response)
{
	if (exchange->is_answered || take_response == NULL) {
		if (take_response != NULL)
			MHD_destroy_response(take_response);
		return;
	}
	for (const struct header *header = exchange->headers; header != NULL; header = header->next)
		MHD_add_response_header(take_response, header->name, header->value);
	exchange->response = take_response;
	exchange->status = status;
	exchange->is_answered = true;
	if (!exchange->is_deferred)
		http_resume(exchange);
}

void http_reply_bytes(struct http_request *request, unsigned status, const char *content_type,
		      struct bytes body)
{
	http_add_header(request, "Content-Type", content_type);
	answer_with(
		request->exchange, status,
		MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.at, MHD_RESPMEM_MUST_COPY));
}

void http_reply_empty(struct http_request *request, unsigned status)
{
	answer_with(request->exchange, status,
		    MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT));
}

static void reply_json_as(struct http_request *request, unsigned status, const char *content_type,
			  json_t *take_json)
{
	char *text = take_json != NULL ? json_dumps(take_json, JSON_COMPACT) : NULL;
	json_decref(take_json);
	if (text == NULL) {
		http_reply_empty(request, MHD_HTTP_INTERNAL_SERVER_ERROR);
		return;
	}
	http_add_header(request, "Content-Type", content_type);
	answer_with(request->exchange, status,
		    MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
}

void http_reply_json(struct http_request *request, unsigned status, json_t *take_json)
{
	reply_json_as(request, status, "application/json", take_json);
}

void http_reply_problem(struct http_request *request, unsigned status, const char *code, const char *detail)
{
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		http_add_header(request, "Retry-After", "1");
	reply_json_as(request, status, "application/problem+json",
		      json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", "about:blank", "title",
				MHD_get_reason_phrase_for(status), "status", (int)status, "code", code,
				"detail", detail));
}

void http_reply_fault(struct http_request *request, const struct fault *fault)
{
	const char *name = err_name(fault->kind);
	http_reply_problem(request, err_http_status(fault->kind), name,
			   fault->text[0] != 0 ? fault->text : name);
}

/* ---- deferred to a worker ---- */

static enum err run_deferred(void *arg)
{
	struct http_exchange *exchange = arg;
	return exchange->run(&exchange->request, &exchange->fault);
}

static void deferred_done(void *arg, enum err result)
{
	struct http_exchange *exchange = arg;
	exchange->is_deferred = false;
	if (result != ERR_NONE) {
		fault_set(&exchange->fault, result, "%s", err_name(result));
		http_reply_fault(&exchange->request, &exchange->fault);
	} else if (exchange->then != NULL) {
		exchange->then(&exchange->request);
	}
	http_resume(exchange);
}

void http_defer(struct http_request *request,
		enum err (*run)(struct http_request *request, struct fault *fault))
{
	http_defer_then(request, run, NULL);
}

void http_defer_then(struct http_request *request,
		     enum err (*run)(struct http_request *request, struct fault *fault),
		     void (*then)(struct http_request *request))
{
	struct http_exchange *exchange = request->exchange;
	exchange->run = run;
	exchange->then = then;
	exchange->is_deferred = true;
	enum err err = work_submit(exchange->server->workers, run_deferred, deferred_done, exchange);
	if (err == ERR_NONE)
		return;
	exchange->is_deferred = false;
	struct fault fault = { .kind = ERR_NONE };
	fault_set(&fault, err, "too much waits to be done");
	http_reply_fault(request, &fault);
}

/* ---- answers without end ---- */

static ssize_t read_stream(void *self, uint64_t position, char *to, size_t room)
{
	struct http_exchange *exchange = self;
	size_t len = exchange->stream.len < room ? exchange->stream.len : room;
	if (len == 0 && exchange->stream.has_ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (len == 0) {
		http_suspend(exchange);
		return 0;
	}
	memcpy(to, exchange->stream.pending, len);
	memmove(exchange->stream.pending, exchange->stream.pending + len, exchange->stream.len - len);
	exchange->stream.len -= len;
	return (ssize_t)len;
}

void http_stream_begin(struct http_request *request, const char *content_type)
{
	struct http_exchange *exchange = request->exchange;
	http_add_header(request, "Content-Type", content_type);
	http_add_header(request, "Cache-Control", "no-store");
	exchange->stream.is_open = true;
	answer_with(exchange, MHD_HTTP_OK,
		    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read_stream,
						      exchange, NULL));
}

enum err http_stream_add(struct http_request *request, struct bytes part)
{
	struct http_exchange *exchange = request->exchange;
	size_t needed = exchange->stream.len + part.len;
	if (needed > STREAM_MAX_BYTES) {
		exchange->stream.has_ended = true;
		http_resume(exchange);
		return ERR_LIMIT;
	}
	if (needed > exchange->stream.capacity) {
		char *grown = realloc(exchange->stream.pending, 2 * needed);
		if (grown == NULL)
			return ERR_NOMEM;
		exchange->stream.pending = grown;
		exchange->stream.capacity = 2 * needed;
	}
	memcpy(exchange->stream.pending + exchange->stream.len, part.at, part.len);
	exchange->stream.len = needed;
	http_resume(exchange);
	return ERR_NONE;
}
