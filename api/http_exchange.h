/* libmicrohttpd's side of a request, for the http_*.c files. */
#ifndef CARDEA_API_HTTP_EXCHANGE_H
#define CARDEA_API_HTTP_EXCHANGE_H

#include <microhttpd.h>
#include <uthash.h>

#include "http.h"
#include "loop.h"

struct header {
	struct header *next;
	const char *name, *value;
};

struct http_exchange { /* one request on its connection */
	struct http_request request;
	struct http_server *server;
	struct MHD_Connection *connection;
	UT_hash_handle hh; /* by request.id */
	struct builder body;
	struct header *headers;        /* of the answer */
	struct MHD_Response *response; /* until it is queued */
	unsigned status;
	bool is_suspended, is_answered, is_deferred, is_refused;
	bool has_handled; /* the handler has something of its own */
	bool is_handling; /* ... and was called for the end of the body */
	struct timer offer_again;
	enum err (*run)(struct http_request *request, struct fault *fault);
	void (*then)(struct http_request *request);
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
	int wake_fd;
	struct watch *wake_watch;
	struct timer run;
	struct http_exchange *exchanges;
	uint64_t last_id;
	char listening[96];
	char *certificate, *key;
};

/* Stops libmicrohttpd from looking at the connection until http_resume. */
void http_suspend(struct http_exchange *exchange);
void http_resume(struct http_exchange *exchange);

/* Lets libmicrohttpd run in the loop's next turn. */
void http_wake(struct http_server *server);

/* ---- http_tls.c ---- */

#define HTTP_TLS_OPTIONS 4

MUST_CHECK enum err http_tls_read(struct http_server *server, struct fault *fault);
bool http_tls_is_on(const struct http_server *server);
void http_tls_options(struct http_server *server, struct MHD_OptionItem options[static HTTP_TLS_OPTIONS]);

/* libmicrohttpd's callbacks. */
enum MHD_Result http_on_request(void *self, struct MHD_Connection *connection, const char *url,
				const char *method, const char *version, const char *upload_data,
				size_t *upload_data_size, void **own);
void http_on_completed(void *self, struct MHD_Connection *connection, void **own,
		       enum MHD_RequestTerminationCode why);

#endif
