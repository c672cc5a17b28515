/* Jobs: one operation of a plugin on one device, made true step by step, however often device, link or server fail.
 *
 * Each step is stored before its request is sent and each answer before the next step begins. The orchestrator owns
 * the jobs that are not finished; finished ones are only in the store. At most one job runs on a device at a time, the
 * others wait in the order of their ids. */
#ifndef CARDEA_JOBS_ORCHESTRATOR_H
#define CARDEA_JOBS_ORCHESTRATOR_H

#include <cardea/bytes.h>
#include <cardea/error.h>

#include "store.h"

struct events;
struct loop;
struct model;
struct orchestrator;
struct packages;
struct plugin_host;
struct registry;
struct token;
struct vault;
struct work_pool;

struct orchestrator_parts {                     /* all borrowed */
	struct loop *loop;
	struct store *store;
	struct model *model;
	struct registry *registry;
	struct plugin_host *plugins;
	struct vault *vault;
	struct token *token;                    /* NULL: none */
	struct events *events;
	struct packages *packages;
	struct work_pool *workers;
	uint32_t job_timeout_s;                 /* a job that has not ended by then fails, or is unknown when a step is open */
};

/* Reads the unfinished jobs from the store; they go on with CARDEA_RESUME once their device is there. */
MUST_CHECK enum err orchestrator_create(const struct orchestrator_parts *parts, struct orchestrator **ret_orchestrator);
void orchestrator_free(struct orchestrator *orchestrator);      /* accepts NULL */

struct job_order {
	const char *endpoint, *operation, *params;      /* params: JSON text */
	const char *idempotency_key;                    /* "" without */
	uint64_t caller;
};

/* How a creation ends: with the id of a durable job (is_new false: the one that the idempotency key made before), or with
 * the reason why there is none. Called once, never before the call that started it returns. */
typedef void job_created(void *self, uint64_t id, bool is_new, const struct fault *fault);

/* Checks what needs no reading at once: ERR_NOT_FOUND (operation), ERR_MALFORMED (a parameter, named in `fault`),
 * ERR_LIMIT (too many unfinished jobs), ERR_UNAVAILABLE; then `created` is not called. Told by `created`: ERR_NOT_FOUND (a
 * device that is neither registered nor has key sets; a package), ERR_CONFLICT (an idempotency key used for another
 * order). */
MUST_CHECK enum err job_create(struct orchestrator *orchestrator, const struct job_order *order, job_created *created,
                               void *self, struct fault *fault);

/* A job that rests or listens is cancelled at once; one whose step is under way when that step has ended. What its
 * steps did is not undone. ERR_NOT_FOUND: no such unfinished job. */
MUST_CHECK enum err job_cancel(struct orchestrator *orchestrator, uint64_t id);

/* A new job with the order of one that failed, was cancelled or is unknown. ERR_NOT_FOUND and ERR_CONFLICT by `created`. */
MUST_CHECK enum err job_retry(struct orchestrator *orchestrator, uint64_t id, uint64_t caller, job_created *created,
                              void *self, struct fault *fault);

/* Whether the device has jobs that are not finished; `idle` is called when the last one has ended. One listener. */
bool orchestrator_has_job(const struct orchestrator *orchestrator, const char *endpoint);
void orchestrator_when_idle(struct orchestrator *orchestrator, void (*idle)(void *self, const char *endpoint), void *self);
/* A line for the trace of the job that runs on the device; layer and direction are constants. Nothing without one. */
void orchestrator_trace(struct orchestrator *orchestrator, const char *endpoint, const char *layer, const char *direction,
                        const char *text, struct bytes raw);

/* Gauge for metrics and limits. */
size_t orchestrator_unfinished(const struct orchestrator *orchestrator);

#endif
