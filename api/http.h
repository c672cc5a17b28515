/* libmicrohttpd to struct http_request and back: limits, JSON, problem+json (RFC 9457).
 *
 * A handler answers its request once: at once with http_reply_*, or after http_defer (what may block), or later, by the
 * request's id (http_find), when an answer comes from elsewhere. A request lives until it is answered. */
#ifndef CARDEA_API_HTTP_H
#define CARDEA_API_HTTP_H

#include <cardea/arena.h>
#include <cardea/bytes.h>
#include <cardea/error.h>
#include <jansson.h>

struct api;
struct cardea_http_field;
struct credentials;
struct http_server;
struct loop;
struct route;
struct work_pool;

#define HTTP_MAX_SEGMENTS 12

enum http_method { HTTP_GET, HTTP_PUT, HTTP_POST, HTTP_PATCH, HTTP_DELETE, HTTP_METHOD_COUNT };

struct http_request {
	struct api *api;
	uint64_t id;
	struct arena *arena;                    /* until the request is answered */
	enum http_method method;
	const char *path;                       /* as sent */
	const char *segments[HTTP_MAX_SEGMENTS];        /* of the path, decoded */
	size_t segment_count;
	const struct route *route;
	const char *endpoint;                   /* {ep} of the route, "" without */
	const char *item;                       /* {id} of the route, "" without */
	size_t rest, rest_count;                /* first segment of {path}, and how many */
	uint64_t caller;                        /* token id */
	struct bytes body;
	void *own;                              /* the handler's */
	struct http_exchange *exchange;         /* libmicrohttpd's side */
};

struct http_callbacks {
	/* The head of a request is there: finds its route and checks the caller. False: answered, with an error. */
	bool (*begin)(struct http_request *request);
	/* Whether the body goes to add_body part by part; else it is collected for `handle`. */
	bool (*streams)(const struct http_request *request);
	/* *ret_taken less than offered: the rest is offered again a little later. False: answered, the rest is dropped. */
	bool (*add_body)(struct http_request *request, struct bytes part, size_t *ret_taken);
	/* The body has ended. */
	void (*handle)(struct http_request *request);
	/* The client went away before the request was answered, or a stream has ended: release what is the handler's. */
	void (*drop)(struct http_request *request);
};

struct http_settings {
	const char *name;                       /* of the option, for faults */
	const char *listen;                     /* address:port */
	const char *tls_cert, *tls_key;         /* files; "" for plain HTTP */
	uint32_t max_body_bytes;                /* of a route that does not stream */
	uint64_t max_stream_bytes;              /* of one that does */
	const struct credentials *keys;         /* borrowed: TLS with the pre-shared keys of devices, instead of a certificate */
	const void *context;                    /* http_context */
};

MUST_CHECK enum err http_server_create(struct loop *loop, struct work_pool *workers, const struct http_settings *settings,
                                       const struct http_callbacks *callbacks, struct api *api,
                                       struct http_server **ret_server, struct fault *fault);
void http_server_free(struct http_server *server);      /* accepts NULL */
const char *http_listening(const struct http_server *server);

/* The request if it still waits for its answer; NULL otherwise. */
struct http_request *http_find(struct http_server *server, uint64_t id);

/* ---- what a request says ---- */

const char *http_header(const struct http_request *request, const char *name);         /* NULL when absent */
/* All of them, in the order in which they were sent. False: there are more. */
bool http_headers(const struct http_request *request, size_t max, struct cardea_http_field *ret_fields, size_t *ret_count);
/* The endpoint name whose pre-shared key the client has proven; "" without such keys, NULL when the key is gone by now. */
const char *http_psk_endpoint(const struct http_request *request);
const void *http_context(const struct http_request *request);
const char *http_query(const struct http_request *request, const char *name);          /* decoded; NULL when absent */
/* A number of the query, `fallback` when absent. ERR_MALFORMED and ERR_LIMIT name it. */
MUST_CHECK enum err http_query_number(const struct http_request *request, const char *name, uint64_t fallback,
                                      uint64_t max, uint64_t *ret_number, struct fault *fault);
/* ERR_MALFORMED when the query has a name that is not among those, which spaces part. */
MUST_CHECK enum err http_check_query(const struct http_request *request, const char *names, struct fault *fault);
/* Appends the query as it was sent, decoded: "pmin=10&pmax", without the names of a list that ends with NULL. */
void http_build_query(const struct http_request *request, const char *const *without, struct builder *b);
/* The body as a JSON object, to be released by the caller. ERR_MALFORMED with line and column, ERR_UNSUPPORTED for
 * another Content-Type. */
MUST_CHECK enum err http_body_object(const struct http_request *request, json_t **ret_object, struct fault *fault);

/* ---- answers ---- */

/* Another header of the answer that follows. Copied. */
void http_add_header(struct http_request *request, const char *name, const char *value);
void http_reply_json(struct http_request *request, unsigned status, json_t *take_json);
void http_reply_bytes(struct http_request *request, unsigned status, const char *content_type, struct bytes body);
void http_reply_empty(struct http_request *request, unsigned status);
/* problem+json: the status and stable code of the fault's kind, its text as detail. */
void http_reply_fault(struct http_request *request, const struct fault *fault);
/* ... and with a status and code that are HTTP's own. */
void http_reply_problem(struct http_request *request, unsigned status, const char *code, const char *detail);

/* Runs `run` on a worker, which answers there (with the functions above, once) or returns an error that becomes the answer. */
void http_defer(struct http_request *request, enum err (*run)(struct http_request *request, struct fault *fault));

/* As http_defer, but `run` does not answer: `then` does, on the loop. */
void http_defer_then(struct http_request *request,
                     enum err (*run)(struct http_request *request, struct fault *fault),
                     void (*then)(struct http_request *request));

/* An answer without end: parts are appended as they come, until the client goes (then drop is called). */
void http_stream_begin(struct http_request *request, const char *content_type);
/* ERR_LIMIT: the client does not read; the stream ends. */
MUST_CHECK enum err http_stream_add(struct http_request *request, struct bytes part);

#endif
