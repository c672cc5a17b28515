/* Jobs: one operation of a plugin on one device, made true step by step, however often device, link or server fail.
 *
 * Each step is stored before its request is sent and each answer before the next step begins. The orchestrator owns
 * the jobs that are not finished; finished ones are only in the store. At most one job runs on a device at a time, the
 * others wait in the order of their ids. */
#ifndef CARDEA_JOBS_ORCHESTRATOR_H
#define CARDEA_JOBS_ORCHESTRATOR_H

#include <cardea/error.h>

#include "store.h"

struct events;
struct loop;
struct orchestrator;
struct plugin_host;
struct registry;
struct vault;
struct work_pool;

struct orchestrator_parts {                     /* all borrowed */
	struct loop *loop;
	struct store *store;
	struct registry *registry;
	struct plugin_host *plugins;
	struct vault *vault;
	struct events *events;
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

/* `created` is called once the job is durable (or with the reason why not). Refused at once: ERR_NOT_FOUND (operation,
 * device that is neither registered nor has key sets or jobs, package), ERR_MALFORMED (a parameter, named in `fault`),
 * ERR_LIMIT (too many unfinished jobs). An idempotency key that was used gives the old job; with another order
 * ERR_CONFLICT. */
MUST_CHECK enum err job_create(struct orchestrator *orchestrator, const struct job_order *order, struct store_done created,
                               uint64_t *ret_id, struct fault *fault);

/* A job that is queued or waiting is cancelled at once; one whose step is under way when that step has ended.
 * ERR_NOT_FOUND, ERR_CONFLICT when it is finished. */
MUST_CHECK enum err job_cancel(struct orchestrator *orchestrator, uint64_t id, struct fault *fault);

/* A new job with the order of a failed, unknown or cancelled one, which is read by the caller. */
MUST_CHECK enum err job_retry(struct orchestrator *orchestrator, const struct job_row *old, struct store_done created,
                              uint64_t *ret_id, struct fault *fault);

/* Gauge for metrics and limits. */
size_t orchestrator_unfinished(const struct orchestrator *orchestrator);

#endif
