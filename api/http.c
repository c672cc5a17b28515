#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <uthash.h>

#include "log.h"
#include "loop.h"
#include "work.h"

#define MAX_CONNECTIONS    1024
#define IDLE_TIMEOUT_S     120
#define HEAD_BYTES         (32u << 10)
#define REQUEST_ARENA      (64u << 20)
#define STREAM_MAX_BYTES   (1u << 20)
#define STREAM_BLOCK_BYTES 4096
#define OFFER_AGAIN_MS     10

struct header {
	struct header *next;
	const char *name, *value;
};

struct http_exchange {                          /* one request on its connection */
	struct http_request request;
	struct http_server *server;
	struct MHD_Connection *connection;
	UT_hash_handle hh;                      /* by request.id */
	struct builder body;
	struct header *headers;                 /* of the answer */
	struct MHD_Response *response;          /* until it is queued */
	unsigned status;
	bool is_suspended, is_answered, is_deferred, is_refused;
	bool has_handled;                       /* the handler has something of its own */
	bool is_handling;                       /* ... and was called for the end of the body */
	struct timer offer_again;
	enum err (*run)(struct http_request *request, struct fault *fault);
	struct fault fault;
	struct {
		char *pending;
		size_t len, capacity;
		bool is_open, has_ended;
	} stream;
};

struct http_server {
	struct loop *loop;
	struct work_pool *workers;
	struct http_settings settings;
	struct http_callbacks callbacks;
	struct api *api;
	struct MHD_Daemon *daemon;
	struct watch *watch;
	struct timer run;
	struct http_exchange *exchanges;
	uint64_t last_id;
	char listening[96];
	char *certificate, *key;
};

/* ---- the daemon on our loop ---- */

static void run_daemon(void *self)
{
	struct http_server *server = self;
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	MHD_run(server->daemon);
	if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES)
		loop_start_timer(server->loop, &server->run, (int64_t)timeout_ms);
}

static void daemon_ready(void *self, uint32_t events)
{
	run_daemon(self);
}

static void resume(struct http_exchange *exchange)
{
	if (!exchange->is_suspended)
		return;
	exchange->is_suspended = false;
	MHD_resume_connection(exchange->connection);
	loop_start_timer(exchange->server->loop, &exchange->server->run, 0);
}

static void suspend(struct http_exchange *exchange)
{
	exchange->is_suspended = true;
	MHD_suspend_connection(exchange->connection);
}

/* ---- answers ---- */

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
		resume(exchange);
}

void http_reply_bytes(struct http_request *request, unsigned status, const char *content_type, struct bytes body)
{
	http_add_header(request, "Content-Type", content_type);
	answer_with(request->exchange, status,
	            MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.at, MHD_RESPMEM_MUST_COPY));
}

void http_reply_empty(struct http_request *request, unsigned status)
{
	answer_with(request->exchange, status, MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT));
}

static void reply_json_as(struct http_request *request, unsigned status, const char *content_type, json_t *take_json)
{
	char *text = take_json != NULL ? json_dumps(take_json, JSON_COMPACT) : NULL;
	json_decref(take_json);
	if (text == NULL) {
		http_reply_empty(request, MHD_HTTP_INTERNAL_SERVER_ERROR);
		return;
	}
	http_add_header(request, "Content-Type", content_type);
	answer_with(request->exchange, status, MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
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
	                        MHD_get_reason_phrase_for(status), "status", (int)status, "code", code, "detail", detail));
}

void http_reply_fault(struct http_request *request, const struct fault *fault)
{
	const char *name = err_name(fault->kind);
	http_reply_problem(request, err_http_status(fault->kind), name, fault->text[0] != 0 ? fault->text : name);
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
	}
	resume(exchange);
}

void http_defer(struct http_request *request, enum err (*run)(struct http_request *request, struct fault *fault))
{
	struct http_exchange *exchange = request->exchange;
	exchange->run = run;
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
		suspend(exchange);
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
	            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read_stream, exchange, NULL));
}

enum err http_stream_add(struct http_request *request, struct bytes part)
{
	struct http_exchange *exchange = request->exchange;
	size_t needed = exchange->stream.len + part.len;
	if (needed > STREAM_MAX_BYTES) {
		exchange->stream.has_ended = true;
		resume(exchange);
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
	resume(exchange);
	return ERR_NONE;
}

/* ---- what a request says ---- */

const char *http_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->exchange->connection, MHD_HEADER_KIND, name);
}

const char *http_query(const struct http_request *request, const char *name)
{
	const char *raw = MHD_lookup_connection_value(request->exchange->connection, MHD_GET_ARGUMENT_KIND, name);
	char *copy = raw != NULL ? arena_strdup(request->arena, raw) : NULL;
	if (copy != NULL)
		MHD_http_unescape(copy);
	return copy;
}

enum err http_query_number(const struct http_request *request, const char *name, uint64_t fallback, uint64_t max,
                           uint64_t *ret_number, struct fault *fault)
{
	const char *text = http_query(request, name);
	char *end;
	if (text == NULL) {
		*ret_number = fallback;
		return ERR_NONE;
	}
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != 0)
		return fault_set(fault, ERR_MALFORMED, "%s: not a number", name);
	if (errno != 0 || number > max)
		return fault_set(fault, ERR_MALFORMED, "%s: at most %llu", name, (unsigned long long)max);
	*ret_number = number;
	return ERR_NONE;
}

struct query_text {
	const struct http_request *request;
	struct builder *builder;
};

static enum MHD_Result add_query(void *self, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct query_text *query = self;
	char *text = value != NULL ? arena_printf(query->request->arena, "%s=%s", name, value)
	                           : arena_strdup(query->request->arena, name);
	if (text == NULL)
		return MHD_NO;
	MHD_http_unescape(text);
	if (query->builder->len > 0)
		build_u8(query->builder, '&');
	build_text(query->builder, text);
	return MHD_YES;
}

void http_build_query(const struct http_request *request, struct builder *b)
{
	struct query_text query = { request, b };
	MHD_get_connection_values(request->exchange->connection, MHD_GET_ARGUMENT_KIND, add_query, &query);
}

enum err http_body_object(const struct http_request *request, json_t **ret_object, struct fault *fault)
{
	json_error_t error;
	const char *type = http_header(request, "Content-Type");
	if (type == NULL || strncasecmp(type, "application/json", 16) != 0)
		return fault_set(fault, ERR_UNSUPPORTED, "Content-Type: application/json is needed");
	json_t *object = json_loadb((const char *)request->body.at, request->body.len, JSON_REJECT_DUPLICATES, &error);
	if (object == NULL)
		return fault_set(fault, ERR_MALFORMED, "body: line %d column %d: %s", error.line, error.column, error.text);
	if (!json_is_object(object)) {
		json_decref(object);
		return fault_set(fault, ERR_MALFORMED, "body: not a JSON object");
	}
	*ret_object = object;
	return ERR_NONE;
}

/* ---- the life of a request ---- */

static const struct {
	const char *name;
	enum http_method method;
} methods[] = {
	{ "GET", HTTP_GET }, { "HEAD", HTTP_GET }, { "PUT", HTTP_PUT }, { "POST", HTTP_POST }, { "PATCH", HTTP_PATCH },
	{ "DELETE", HTTP_DELETE },
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
	char *segment;
	if (rest == NULL)
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
	resume(self);
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
	exchange->request = (struct http_request){ .api = server->api, .id = ++server->last_id, .arena = arena,
		.endpoint = "", .item = "", .exchange = exchange };
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
	return exchange != NULL && (!exchange->is_answered || exchange->stream.is_open) ? &exchange->request : NULL;
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
		suspend(exchange);
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

static enum MHD_Result on_request(void *self, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload_data, size_t *upload_data_size, void **own)
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
	if (!exchange->is_answered && !exchange->is_handling) {
		exchange->is_handling = true;
		handle(exchange);
	}
	if (exchange->response != NULL && !exchange->is_deferred)
		return queue_answer(exchange);
	suspend(exchange);
	return MHD_YES;
}

static void on_completed(void *self, struct MHD_Connection *connection, void **own, enum MHD_RequestTerminationCode why)
{
	if (*own != NULL)
		exchange_free(*own);
	*own = NULL;
}

/* Path and arguments stay as sent: a segment may hold an escaped slash. */
static size_t keep_escapes(void *self, struct MHD_Connection *connection, char *text)
{
	return strlen(text);
}

/* ---- begin and end ---- */

static enum err parse_listen(const char *listen, struct sockaddr_storage *ret_address, struct fault *fault)
{
	char host[64];
	const char *colon = strrchr(listen, ':');
	if (colon == NULL || (size_t)(colon - listen) >= sizeof host)
		return fault_set(fault, ERR_MALFORMED, "http_listen: %s is not address:port", listen);
	bool brackets = listen[0] == '[' && colon > listen && colon[-1] == ']';
	snprintf(host, sizeof host, "%.*s", (int)(colon - listen) - (brackets ? 2 : 0), listen + (brackets ? 1 : 0));
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	if (getaddrinfo(host[0] != 0 ? host : NULL, colon + 1, &hints, &found) != 0)
		return fault_set(fault, ERR_MALFORMED, "http_listen: %s is not address:port", listen);
	memcpy(ret_address, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return ERR_NONE;
}

static enum err read_file(const char *path, char **ret_text, struct fault *fault)
{
	FILE *file = fopen(path, "rb");
	char *text = calloc(1, HEAD_BYTES);
	size_t len = file != NULL && text != NULL ? fread(text, 1, HEAD_BYTES - 1, file) : 0;
	if (file != NULL)
		fclose(file);
	if (len == 0) {
		free(text);
		return fault_set(fault, ERR_NOT_FOUND, "%s cannot be read", path);
	}
	*ret_text = text;
	return ERR_NONE;
}

static enum err read_tls(struct http_server *server, struct fault *fault)
{
	if (server->settings.tls_cert[0] == 0)
		return ERR_NONE;
	enum err err = read_file(server->settings.tls_cert, &server->certificate, fault);
	return err == ERR_NONE ? read_file(server->settings.tls_key, &server->key, fault) : err;
}

static void note_address(struct http_server *server)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof address;
	char host[64] = "", port[8] = "";
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_LISTEN_FD);
	if (getsockname(info->listen_fd, (struct sockaddr *)&address, &size) == 0)
		getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
		            NI_NUMERICHOST | NI_NUMERICSERV);
	bool is_v6 = address.ss_family == AF_INET6;
	snprintf(server->listening, sizeof server->listening, "%s://%s%s%s:%s", server->certificate != NULL ? "https" : "http",
	         is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}

static enum err start_daemon(struct http_server *server, struct fault *fault)
{
	struct sockaddr_storage address = { 0 };
	enum err err = parse_listen(server->settings.listen, &address, fault);
	if (err != ERR_NONE)
		return err;
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
	                 (address.ss_family == AF_INET6 ? MHD_USE_DUAL_STACK : 0) | (server->certificate != NULL ? MHD_USE_TLS : 0);
	const struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, server->key },
		{ MHD_OPTION_END, 0, NULL },
	};
	server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_SOCK_ADDR, &address,
	                                  MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_UNESCAPE_CALLBACK,
	                                  keep_escapes, server, MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
	                                  MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
	                                  MHD_OPTION_ARRAY, server->certificate != NULL ? tls : tls + 2, MHD_OPTION_END);
	if (server->daemon == NULL)
		return fault_set(fault, ERR_CONFLICT, "http_listen: %s cannot be bound", server->settings.listen);
	note_address(server);
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	return loop_watch(server->loop, info->epoll_fd, EPOLLIN, daemon_ready, server, &server->watch);
}

enum err http_server_create(struct loop *loop, struct work_pool *workers, const struct http_settings *settings,
                            const struct http_callbacks *callbacks, struct api *api, struct http_server **ret_server,
                            struct fault *fault)
{
	struct http_server *server = calloc(1, sizeof *server);
	if (server == NULL)
		return ERR_NOMEM;
	server->loop = loop;
	server->workers = workers;
	server->settings = *settings;
	server->callbacks = *callbacks;
	server->api = api;
	server->run = timer_of(run_daemon, server);
	enum err err = read_tls(server, fault);
	if (err == ERR_NONE)
		err = start_daemon(server, fault);
	if (err != ERR_NONE) {
		http_server_free(server);
		return err;
	}
	*ret_server = server;
	return ERR_NONE;
}

void http_server_free(struct http_server *server)
{
	struct http_exchange *exchange, *next;
	if (server == NULL)
		return;
	HASH_ITER (hh, server->exchanges, exchange, next)
		resume(exchange);
	loop_stop_timer(server->loop, &server->run);
	loop_unwatch(server->watch);
	if (server->daemon != NULL)
		MHD_stop_daemon(server->daemon);
	loop_stop_timer(server->loop, &server->run);
	free(server->certificate);
	free(server->key);
	free(server);
}

const char *http_listening(const struct http_server *server)
{
	return server->listening;
}
