/* The device management operations (LwM2M Core TS 1.1, 6.3 and 6.4) on a registered device. */
#ifndef CARDEA_REGISTRY_OPERATION_H
#define CARDEA_REGISTRY_OPERATION_H

#include <cardea/lwm2m.h>

#include "registry.h"

struct operation_request {
	enum lwm2m_operation operation;
	/* READ, WRITE_PARTIAL, OBSERVE and CANCEL_OBSERVE of the root are the composite operations of LwM2M 1.1. */
	struct lwm2m_path path;
	const char *prefix;                     /* of an end device behind the gateway that the device is (object 25); NULL: none */
	/* What to write or create: typed records, encoded as the device prefers (and again in the next format after 4.06 or
	 * 4.15); of a composite read or observe what to read, as names (LWM2M_NONE) of objects to resource instances ... */
	struct lwm2m_records records;
	/* ... or bytes in a given format, checked as values are and sent as they are. */
	struct bytes payload;
	uint16_t payload_format;                /* FORMAT_NONE: use records */
	uint16_t accept;                        /* of an answer, or of records to write; FORMAT_NONE: what the device prefers */
	const char *arguments;                  /* EXECUTE */
	const char *attributes;                 /* WRITE_ATTRIBUTES: "pmin=1&pmax"; since LwM2M 1.2 also OBSERVE: "pmin=1&pmax=9",
	                                         * and DISCOVER: "depth=1" */
	uint64_t job_id;                        /* OBSERVE for a job: ends with it; 0: an operator's */
	bool is_confidential;                   /* its values are not to be shown */
	bool may_wait;                          /* wait until a sleeping device wakes; else ERR_UNAVAILABLE at once */
	uint32_t wait_ms;                       /* at most so long, then ERR_TIMEOUT; 0: as long as the device is registered */
};

struct operation_answer {
	struct fault fault;                     /* ERR_NONE: the device answered (with whatever code) and records are decoded;
	                                         * ERR_MALFORMED: it answered nonsense; others: no answer, and why */
	uint8_t code;                           /* 0 without an answer */
	uint16_t format;                        /* of payload */
	struct bytes payload;
	struct lwm2m_records records;           /* of a success */
	uint32_t tolerated;                     /* TOLERANCE_BIT of the rules by which records were read */
	bool was_sent;                          /* the device may have seen the request */
	const struct model *model;              /* by which they are decoded; valid during the call */
	struct lwm2m_path location;             /* of a Create: depth 2 when the device told it */
	/* As they went over CoAP, the request in its last format; NULL when there was none. Valid during the call. */
	const struct coap_message *sent, *received;
};

typedef void operation_done(void *self, uint64_t id, const struct operation_answer *answer);

/* "read", "write", "partial write", ... */
const char *operation_name(enum lwm2m_operation operation);
/* ERR_MALFORMED: none of ours. */
MUST_CHECK enum err operation_of_name(const char *name, enum lwm2m_operation *ret_operation);

/* Everything that operation_start checks, without starting it. */
MUST_CHECK enum err operation_check(struct registry *registry, const char *endpoint,
                                    const struct operation_request *request, struct fault *fault);

/* Checks the request against the object model, then sends it, or lets it wait behind those that were started before.
 * `done` (NULL: nobody waits) is called once, never before this returns, and not at all when the registry is freed. A
 * CANCEL_OBSERVE ends the observation at once, whatever becomes of the message to the device.
 * ERR_NOT_FOUND: no such device or observation. ERR_MALFORMED, ERR_UNSUPPORTED (also a composite one on
 * a 1.0 device), ERR_DENIED (objects 0 and 21): said in `fault`.
 * ERR_UNAVAILABLE: it sleeps, or too much waits for it. */
MUST_CHECK enum err operation_start(struct registry *registry, const char *endpoint,
                                    const struct operation_request *request, operation_done *done, void *self, uint64_t id,
                                    struct fault *fault);

/* Ends all observations of a job, on the device too. */
void operation_end_job(struct registry *registry, const char *endpoint, uint64_t job_id);

struct observation_view {
	const char *prefix;                     /* of an end device; NULL: none. Valid as long as names */
	struct lwm2m_path path;
	const struct lwm2m_path *names;         /* what a composite one names; valid until the loop's next turn */
	const char *attributes;                 /* that it was asked for with; NULL: none. Valid as long */
	size_t name_count;
	uint64_t job_id;
	uint16_t format;
};
/* The observations of a device, in the arena. */
MUST_CHECK enum err operation_observations(const struct registry *registry, struct arena *arena, const char *endpoint,
                                           struct observation_view **ret_views, size_t *ret_count);

#endif
