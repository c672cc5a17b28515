/* For a plugin that is a gateway: it serves HTTP to agents that do not speak LwM2M, and presents each of them as a
 * device whose objects it answers for, so that jobs and REST reach it as any other.
 *
 * The table is a service of the server: `find` it by its name in `open`, where `listen_http` may be called; everything
 * else once requests come. All of it on the thread of the plugin's steps. */
#ifndef CARDEA_GATEWAY_H
#define CARDEA_GATEWAY_H

#include "plugin.h"

#define CARDEA_GATEWAY_SERVICE "server.gateway/1"
#define CARDEA_LAYER_HTTP      "http"           /* of a trace: messages with an agent */

/* ---- HTTP ---- */

struct cardea_http_field {
	const char *name, *value;
};

struct cardea_http_request {            /* valid during the call */
	uint64_t id;                    /* to be answered by, once, now or later */
	const char *method;
	const char *path, *query;       /* as sent; the query without its ?, "" without */
	const struct cardea_http_field *fields;
	size_t field_count;
	struct bytes body;              /* chunks are put together */
	const char *endpoint;           /* whose pre-shared key the client has proven; "" over HTTP and with certificates */
	int64_t now_ms;                 /* since 1970 */
	struct arena *arena;
};

struct cardea_http_answer {             /* copied */
	unsigned status;
	const struct cardea_http_field *fields;         /* Content-Length is added */
	size_t field_count;
	struct bytes body;
};

struct cardea_http_listener {           /* copied, with its texts */
	const char *listen;             /* address:port, port 0 for any free one */
	const char *tls_cert, *tls_key; /* PEM files: HTTPS with a certificate; "" without */
	bool takes_psk;                 /* HTTPS with the pre-shared keys of devices, instead of a certificate */
	uint32_t max_body_bytes;        /* more: 413 */
	void (*request)(void *self, const struct cardea_http_request *request);
	/* The client went away before it was answered, or the server ends. */
	void (*dropped)(void *self, uint64_t id);
	/* About every second, in which nothing else may happen. */
	void (*tick)(void *self, int64_t now_ms);
	void *self;
};

/* ---- devices ---- */

struct cardea_ask {                     /* what is asked of a device; valid during the call */
	enum lwm2m_operation operation;
	struct lwm2m_path path;
	struct lwm2m_records records;   /* what to write */
	const char *arguments;          /* EXECUTE; or NULL */
	bool is_confidential;           /* the values are to be kept out of traces */
	struct arena *arena;            /* for the answer */
};

struct cardea_presented {
	const char *endpoint;           /* copied, as `links` */
	const char *links;              /* its objects, as a Register has them: "</30401/0>,</30401/1>" */
	uint32_t lifetime_s;            /* since it was last awake */
	/* Answers at once, with a CoAP code and, to READ and OBSERVE, records in the arena. */
	uint8_t (*ask)(void *self, const char *endpoint, const struct cardea_ask *ask,
	               struct lwm2m_records *ret_records);
	/* Its last job has ended. */
	void (*idle)(void *self, const char *endpoint);
	/* It is no longer presented: removed over REST, or its lifetime has passed, or it has registered by itself. */
	void (*gone)(void *self, const char *endpoint);
	void *self;
};

struct cardea_gateway_api {
	uint32_t size;                  /* sizeof in the server: test it before using a newer member */

	/* ERR_LIMIT: too many. What cannot be listened on keeps the server from starting. */
	enum err (*listen_http)(cardea_host *, const struct cardea_http_listener *);
	/* Nothing happens when the client is gone. */
	void (*answer_http)(cardea_host *, uint64_t id, const struct cardea_http_answer *);
	/* Whether the endpoint has a credential, so that it must not come without. */
	bool (*needs_credential)(cardea_host *, const char *endpoint);

	/* As a registration: the device is there and awake, its observations are gone, and a job of it goes on after a break.
	 * ERR_CONFLICT: a device has registered under this name by itself. ERR_UNAVAILABLE: as many are there as may be.
	 * ERR_MALFORMED, ERR_NOMEM. */
	enum err (*present)(cardea_host *, const struct cardea_presented *, struct fault *fault);
	/* While it is not awake its jobs wait. */
	void (*set_awake)(cardea_host *, const char *endpoint, bool is_awake);
	/* Values at this path or below it have changed: whoever observes them is told, perhaps before this returns. */
	void (*changed)(cardea_host *, const char *endpoint, struct lwm2m_path path);
	bool (*has_job)(cardea_host *, const char *endpoint);
	/* A line for the trace of the job that runs on it, as `trace` of a step. Lost when there is none. */
	void (*trace)(cardea_host *, const char *endpoint, const char *layer, const char *direction, const char *text,
	              struct bytes raw);
};

#endif
