/* Requests of operators that wait for their device: kept in the store until it can be spoken to, then sent
 * one at a time, the urgent ones first, those of the same urgency in the order in which they came.
 *
 *   deferred_add -> row .. durable .. done -> QUEUED --- awake ---> operation_start -> answer -> row, event
 *                                               ^ (SENT)                 |
 *                                               '---- no answer ---------'
 *
 * What may be repeated (all but Execute and Create) goes back when there is no answer, and again after a
 * restart. The others are marked in the store before they are sent: without an answer nobody knows whether
 * the device has done it. What has become of a request stays in the store for a while, and is an event,
 * "request.ended". Everything runs on the loop's thread. */
#ifndef CARDEA_REGISTRY_DEFERRED_H
#define CARDEA_REGISTRY_DEFERRED_H

#include "operation.h"
#include "store.h"

struct deferred;
struct events;
struct loop;
struct vault;

#define DEFERRED_MAX_PER_DEVICE 64
#define DEFERRED_MAX_BYTES      ((size_t)64 << 20) /* of all requests that wait */
#define DEFERRED_MAX_WAIT_S     (30u * 86400)

struct deferred_parts { /* all borrowed */
	struct loop *loop;
	struct store *store;
	struct vault *vault;
	struct registry *registry;
	struct events *events;
};

/* Reads what waits from the store, and listens to the registry. */
MUST_CHECK enum err deferred_create(const struct deferred_parts *parts, struct deferred **ret_deferred);
/* After the store has told what it had to tell. Accepts NULL. */
void deferred_free(struct deferred *deferred);

struct deferred_order {
	const char *endpoint;
	const struct operation_request *request; /* copied; may_wait and wait_ms do not matter */
	uint32_t wait_s;                         /* 1 to DEFERRED_MAX_WAIT_S, then it has expired */
	bool is_urgent;
};

/* `done` when it is durable, or why it is not: maybe before this returns, and *ret_id is set by then.
 * ERR_NOT_FOUND: no such device; ERR_UNAVAILABLE: too many wait; else as operation_start. */
MUST_CHECK enum err deferred_add(struct deferred *deferred, const struct deferred_order *order,
				 uint64_t *ret_id, struct store_done done, struct fault *fault);
/* `done` when that is durable. ERR_NOT_FOUND: it does not wait (any more), or for another device;
 * ERR_CONFLICT: it is on its way. */
MUST_CHECK enum err deferred_cancel(struct deferred *deferred, const char *endpoint, uint64_t id,
				    struct store_done done, struct fault *fault);

#endif
