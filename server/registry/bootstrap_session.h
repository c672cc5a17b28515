/* One bootstrap of one device, and the server that has them all. For this folder only. */
#ifndef CARDEA_REGISTRY_BOOTSTRAP_SESSION_H
#define CARDEA_REGISTRY_BOOTSTRAP_SESSION_H

#define HASH_NONFATAL_OOM 1 /* what could not be added has no table afterwards */
#include <uthash.h>

#include "bootstrap.h"
#include "bootstrap_plan.h"
#include "loop.h"

struct bootstrap {
	struct bootstrap_parts parts;
	struct endpoint *endpoint; /* NULL until bootstrap_attach */
	struct bootstrap_session *by_number, *by_endpoint;
	size_t count;
	uint64_t last_number;
};

struct bootstrap_session {
	struct bootstrap *bootstrap;
	uint64_t number;    /* what completions hold: the session may be gone by then */
	struct arena *arena; /* of all that follows; wiped at the end */
	const char *endpoint;
	const char *identity; /* of its credential, by which it is spoken to: the endpoint, or "" */
	struct coap_address address;
	bool is_secure;
	uint64_t reply;  /* to the request that began it; answered once is_answered */
	bool is_answered;
	bool is_pack;
	uint16_t format; /* preferred; COAP_NO_FORMAT: none is */
	struct bootstrap_found found;

	struct bootstrap_configuration configuration;
	struct bootstrap_key generated;
	struct bootstrap_plan plan;
	size_t step;      /* of the plan; the Discover comes before */
	bool is_planned;
	size_t attempt;   /* how many formats the device has refused for this step */
	uint64_t token;   /* of the exchange under way; 0: none */
	struct timer deadline;
	int64_t started_ms; /* since 1970 */
	struct builder reads; /* JSON items of what was read */
	UT_hash_handle by_number_hh, by_endpoint_hh;
};

/* The formats that a configuration can be written in, the likeliest last; FORMAT_NONE after the last. */
uint16_t bootstrap_format_at(size_t i);
/* Whether a device may ask for it: one of these, and one that we have. */
bool bootstrap_has_format(uint16_t number);

/* ---- sessions ---- */

/* Begins one; an earlier one of the endpoint is at its end. Then the configuration is read, and the request answered.
 * ERR_UNAVAILABLE: too much is under way, try again later. ERR_NOMEM. */
MUST_CHECK enum err bootstrap_session_begin(struct bootstrap *bootstrap, const struct bootstrap_session *asked);
struct bootstrap_session *bootstrap_session_find(struct bootstrap *bootstrap, uint64_t number);
/* Takes the session out and frees it; nobody is told. */
void bootstrap_session_free(struct bootstrap_session *session);

/* ---- answers ---- */

void bootstrap_answer(struct bootstrap_session *session, const struct coap_message *message);
/* The fault's text as diagnostic payload. ERR_UNAVAILABLE is 5.03 with Max-Age. */
void bootstrap_refuse(struct bootstrap *bootstrap, uint64_t reply, uint8_t code, const struct fault *fault);

/* ---- how it ends: each of these frees the session ---- */

struct bootstrap_end {
	const char *step;               /* "write" */
	struct lwm2m_path path;
	uint8_t code;                   /* of the device's answer; 0: there was none */
	const char *reason;
};

/* Refused before anything was sent: the request is answered, which is all that becomes of it. */
void bootstrap_session_refuse(struct bootstrap_session *session, uint8_t code, const struct fault *fault);
void bootstrap_session_finish(struct bootstrap_session *session);
void bootstrap_session_fail(struct bootstrap_session *session, const struct bootstrap_end *end);

/* ---- what is done with a configuration ---- */

/* Checks what only now can be known, and makes the key that is wanted. */
MUST_CHECK enum err bootstrap_session_prepare(struct bootstrap_session *session, struct fault *fault);
/* Makes the new key the one that the LwM2M server knows the device by; `then` when it is durable and in force. */
MUST_CHECK enum err bootstrap_session_keep_key(struct bootstrap_session *session,
					       void (*then)(struct bootstrap *bootstrap, uint64_t number,
							    enum err result));
void bootstrap_sequence_start(struct bootstrap_session *session);
void bootstrap_pack_start(struct bootstrap_session *session);

/* The endpoint's handler of requests; `self` is the bootstrap server. */
void bootstrap_serve(void *self, const struct coap_request *request);

#endif
