/* The agents that speak HTTP, and what is said with each of them, whatever the form: an agent asks, is given a script
 * when a job has one, is told to ask again while a job goes on, and to stop when there is none.
 *
 * An agent asks with one request at a time, which is held until there is something to say. */
#ifndef SE_GATEWAY_CONVERSATION_H
#define SE_GATEWAY_CONVERSATION_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "gateway/element.h"
#include "seram/body.h"

#define AGENT_MAX_ELEMENTS  16
#define AGENT_ENDPOINT_SIZE 256
#define AGENT_TEXT_SIZE     128
#define REPLY_MAX_FIELDS    6

struct agent;

/* What is answered to a request of an agent; in an arena. */
struct reply {
	unsigned status;
	struct cardea_http_field fields[REPLY_MAX_FIELDS];
	size_t field_count;
	struct bytes body;
	bool is_confidential; /* the body is to be kept out of traces */
	const char *text;     /* for people */
};

/* How the same things are said in SERAM 1.0.1 and in 2.0.0. Each fills a reply; ERR_NOMEM, or what is wrong with the script. */
struct dialect {
	const char *name;
	enum body_form form; /* of its scripts */
	enum err (*give)(struct agent *agent, size_t element, struct arena *arena, struct reply *ret_reply);
	enum err (*ask_again)(struct agent *agent, struct arena *arena, struct reply *ret_reply);
	enum err (*end)(struct agent *agent, struct arena *arena, struct reply *ret_reply);
};

struct gateway_settings {
	uint32_t max_request_bytes, max_response_bytes; /* of a script and its response, as agents cannot tell them */
	uint32_t hold_ms;                               /* how long a request waits for a job that goes on */
	uint32_t session_timeout_ms;                    /* an agent not heard for so long has lost its session */
	uint32_t lifetime_s;                            /* how long it is known after that */
	uint32_t max_agents;
	char *next_server;                              /* where an agent is sent when there is nothing to do; "": nowhere */
};

struct gateway {
	const struct cardea_host_api *api;
	cardea_host *host;
	const struct cardea_gateway_api *server;
	struct gateway_settings settings;
	struct agent *agents;
	struct arena *arena; /* of one answer */
};

struct agent {
	UT_hash_handle hh;
	struct gateway *gateway;
	const struct dialect *dialect;
	char endpoint[AGENT_ENDPOINT_SIZE];
	char session[17];              /* "" while there is none */
	char path[AGENT_TEXT_SIZE];    /* where it asks */
	char protocol[AGENT_TEXT_SIZE], identifier[AGENT_TEXT_SIZE]; /* as it says */
	bool names_elements;           /* SERAM; a card with Amendment B is one by itself */
	struct element elements[AGENT_MAX_ELEMENTS];
	size_t element_count, presented; /* how many of them the server knows of */
	uint64_t held;                 /* its request that waits; 0: none */
	int64_t held_until_ms, heard_ms;
	char asking[2 * AGENT_TEXT_SIZE]; /* path and query of the request that is held */
	char asked[2 * AGENT_TEXT_SIZE];  /* path and query of the request that was answered with a script ... */
	size_t given;                     /* ... of this element */
	/* SERAM 2.0.0 */
	char session_id[AGENT_TEXT_SIZE]; /* as both sides call the session */
	bool has_started;                 /* it was told to */
};

/* NULL when it is not known. */
struct agent *agent_find(const struct gateway *gateway, const char *endpoint);
/* Makes it known. ERR_LIMIT: as many are known as may be; ERR_NOMEM. */
MUST_CHECK enum err agent_make(struct gateway *gateway, const char *endpoint, struct agent **ret_agent);
/* One that never came to a turn. */
void agents_forget(struct agent *agent);
void agents_free(struct gateway *gateway);

/* The element of that name, which is added. AGENT_MAX_ELEMENTS: there are too many. */
size_t agent_element(struct agent *agent, struct bytes name);
/* A new session: channels are closed, scripts interrupted. ERR_IO: no random number. */
MUST_CHECK enum err agent_begin(struct agent *agent);
/* The agent had a break: what was begun is interrupted. */
void agent_break(struct agent *agent);

/* The same request has come that was answered with the script that is out: it is given again. */
void agent_repeat(struct agent *agent, const struct cardea_http_request *request);

/* What an agent's request says, once it is known to be good. */
struct turn {
	const struct cardea_http_request *request;
	const struct dialect *dialect;
	bool is_new;     /* a session began, or a break is told: the job has to look again */
	bool is_report;  /* `element` has a new response */
	size_t element;
	const char *text; /* for the trace */
};
/* Holds the request, tells the job what there is, and answers when there is something to say. The agent may be gone
 * afterwards. ERR_CONFLICT, ERR_UNAVAILABLE: the request is the caller's to answer. */
MUST_CHECK enum err agent_take_turn(struct agent *agent, const struct turn *turn, struct fault *fault);

/* The same for a request that is answered at once with `reply`. */
MUST_CHECK enum err agent_greet(struct agent *agent, const struct turn *turn, const struct reply *reply, struct fault *fault);

/* Answers at once with a reason, and notes it in the trace of the endpoint's job (NULL: it is not known whose it would be). */
void refuse(struct gateway *gateway, const char *endpoint, uint64_t id, unsigned status, const char *reason);

/* ---- what the server calls ---- */

uint8_t agents_ask(void *self, const char *endpoint, const struct cardea_ask *ask, struct lwm2m_records *ret_records);
void agents_idle(void *self, const char *endpoint);
void agents_gone(void *self, const char *endpoint);
void agents_dropped(void *self, uint64_t id);
void agents_tick(void *self, int64_t now_ms);

#endif
