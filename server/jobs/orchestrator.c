/* Which job runs next on which device: lanes, and the way in of everything that happens elsewhere. */
#include "orchestrator.h"

#include <stdlib.h>

#include "job.h"
#include "log.h"
#include "loop.h"
#include "operation.h"

#define MAX_SCRATCH_BYTES (64u << 20)
#define PAGE              256

/* ---- finding jobs ---- */

struct job *job_find(struct orchestrator *orchestrator, uint64_t id)
{
	struct job *job;
	HASH_FIND(by_id, orchestrator->by_id, &id, sizeof id, job);
	return job;
}

uint64_t job_ticket(struct job *job)
{
	job->generation++;
	return job->id << 16 | job->generation;
}

struct job *orchestrator_by_ticket(struct orchestrator *orchestrator, uint64_t ticket)
{
	struct job *job = job_find(orchestrator, ticket >> 16);
	return job != NULL && job->generation == (uint16_t)ticket ? job : NULL;
}

/* ---- lanes ---- */

static struct lane *lane_find(const struct orchestrator *orchestrator, const char *endpoint)
{
	struct lane *lane;
	HASH_FIND_STR(orchestrator->lanes, endpoint, lane);
	return lane;
}

static struct lane *lane_of(struct orchestrator *orchestrator, const char *endpoint)
{
	struct lane *lane = lane_find(orchestrator, endpoint);
	if (lane != NULL)
		return lane;
	lane = calloc(1, sizeof *lane);
	char *copy = strdup(endpoint);
	if (lane == NULL || copy == NULL) {
		free(lane);
		free(copy);
		return NULL;
	}
	lane->endpoint = copy;
	HASH_ADD_KEYPTR(hh, orchestrator->lanes, copy, strlen(copy), lane);
	return lane;
}

enum err orchestrator_add(struct job *job)
{
	struct orchestrator *orchestrator = job->orchestrator;
	struct lane *lane = lane_of(orchestrator, job->endpoint);
	if (lane == NULL)
		return ERR_NOMEM;
	job->lane = lane;
	if (lane->last != NULL)
		lane->last->next = job;
	else
		lane->first = job;
	lane->last = job;
	HASH_ADD(by_id, orchestrator->by_id, id, sizeof job->id, job);
	if (job->key != NULL)
		HASH_ADD_KEYPTR(by_key, orchestrator->by_key, job->key, strlen(job->key), job);
	orchestrator->unfinished++;
	job_arm_deadline(job);
	return ERR_NONE;
}

static void lane_take_out(struct lane *lane, const struct job *job)
{
	struct job *previous = NULL;
	for (struct job *at = lane->first; at != job; at = at->next)
		previous = at;
	if (previous != NULL)
		previous->next = job->next;
	else
		lane->first = job->next;
	if (lane->last == job)
		lane->last = previous;
}

static void lane_free(struct lane *lane)
{
	free(lane->endpoint);
	free(lane);
}

static void job_remove(struct job *job)
{
	struct orchestrator *orchestrator = job->orchestrator;
	lane_take_out(job->lane, job);
	HASH_DELETE(by_id, orchestrator->by_id, job);
	if (job->key != NULL)
		HASH_DELETE(by_key, orchestrator->by_key, job);
	orchestrator->unfinished--;
	job_free(job);
}

void orchestrator_drop(struct job *job)
{
	struct orchestrator *orchestrator = job->orchestrator;
	struct lane *lane = job->lane;
	job_remove(job);
	if (lane->first != NULL) {
		job_advance(lane->first, SIGNAL_TURN, NULL);
		return;
	}
	HASH_DEL(orchestrator->lanes, lane);
	if (orchestrator->idle != NULL)
		orchestrator->idle(orchestrator->idle_self, lane->endpoint);
	lane_free(lane);
}

/* ---- cancelling ---- */

enum err job_cancel(struct orchestrator *orchestrator, uint64_t id)
{
	struct job *job = job_find(orchestrator, id);
	if (job == NULL || job->phase == PHASE_ENDING)
		return ERR_NOT_FOUND;
	job_advance(job, SIGNAL_STOP, NULL);
	return ERR_NONE;
}

/* ---- what others want to know ---- */

bool orchestrator_has_job(const struct orchestrator *orchestrator, const char *endpoint)
{
	return lane_find(orchestrator, endpoint) != NULL;
}

void orchestrator_when_idle(struct orchestrator *orchestrator, void (*idle)(void *self, const char *endpoint),
			    void *self)
{
	orchestrator->idle = idle;
	orchestrator->idle_self = self;
}

/* ---- what the registry tells ---- */

static struct job *active_job(struct orchestrator *orchestrator, const char *endpoint)
{
	struct lane *lane = lane_find(orchestrator, endpoint);
	return lane != NULL ? lane->first : NULL;
}

void orchestrator_trace(struct orchestrator *orchestrator, const char *endpoint, const char *layer,
			const char *direction, const char *text, struct bytes raw)
{
	struct job *job = active_job(orchestrator, endpoint);
	if (job != NULL)
		job_note_later(job, layer, direction, text, raw);
}

static void device_registered(void *self, const struct device *device)
{
	struct job *job = active_job(self, device->endpoint);
	if (job != NULL)
		job_advance(job, SIGNAL_BROKEN, NULL);
	job = active_job(self, device->endpoint);
	if (job != NULL)
		job_advance(job, SIGNAL_TURN, NULL);
}

static void device_awake(void *self, const struct device *device)
{
	struct job *job = active_job(self, device->endpoint);
	if (job != NULL)
		job_advance(job, SIGNAL_TURN, NULL);
}

static void device_notified(void *self, const char *endpoint, uint64_t job_id, struct lwm2m_path path,
			    uint16_t format, struct bytes payload, struct lwm2m_records records,
			    const struct fault *fault)
{
	struct job *job = job_id != 0 ? job_find(self, job_id) : NULL;
	if (job == NULL)
		return;
	const struct answer answer = {
		.path = path, .format = format, .payload = payload, .records = records, .fault = *fault
	};
	job_advance(job, SIGNAL_NOTIFIED, &answer);
}

/* ---- begin and end ---- */

static enum err restore(struct orchestrator *orchestrator, const struct job_row *row)
{
	struct job *job;
	struct fault fault = { .kind = ERR_NONE };
	enum err err = job_from_row(orchestrator, row, &job, &fault);
	if (err == ERR_NOT_FOUND) { /* its plugin is not loaded now: it waits in the store */
		log_warn("job.left", "id=%llu reason=%s", (unsigned long long)row->id, fault.text);
		return ERR_NONE;
	}
	if (err != ERR_NONE) {
		log_error("job.unreadable", "id=%llu reason=%s", (unsigned long long)row->id, fault.text);
		return err;
	}
	err = orchestrator_add(job);
	if (err != ERR_NONE)
		job_free(job);
	return err;
}

static enum err restore_all(struct orchestrator *orchestrator)
{
	struct arena *arena = arena_create(0);
	struct job_filter filter = { .unfinished = true, .limit = PAGE };
	struct job_row *rows;
	size_t count = PAGE;
	enum err err = arena != NULL ? ERR_NONE : ERR_NOMEM;
	while (err == ERR_NONE && count == PAGE) {
		arena_reset(arena);
		err = store_read_jobs(orchestrator->parts.store, arena, &filter, &rows, &count);
		for (size_t i = 0; i < count && err == ERR_NONE; i++) {
			err = restore(orchestrator, &rows[i]);
			filter.after = rows[i].id;
		}
	}
	arena_free(arena);
	return err;
}

static void give_turns(void *self)
{
	struct orchestrator *orchestrator = self;
	struct lane *lane, *next;
	HASH_ITER (hh, orchestrator->lanes, lane, next)
		job_advance(lane->first, SIGNAL_TURN, NULL);
}

enum err orchestrator_create(const struct orchestrator_parts *parts, struct orchestrator **ret_orchestrator)
{
	struct orchestrator *orchestrator = calloc(1, sizeof *orchestrator);
	if (orchestrator == NULL)
		return ERR_NOMEM;
	orchestrator->parts = *parts;
	orchestrator->scratch = arena_create(MAX_SCRATCH_BYTES);
	enum err err = orchestrator->scratch != NULL ? store_last_job_id(parts->store, &orchestrator->last_id)
						     : ERR_NOMEM;
	if (err == ERR_NONE)
		err = restore_all(orchestrator);
	if (err != ERR_NONE) {
		orchestrator_free(orchestrator);
		return err;
	}
	const struct registry_listener listener = {
		.registered = device_registered,
		.awake = device_awake,
		.notified = device_notified,
		.self = orchestrator,
	};
	registry_listen(parts->registry, &listener);
	orchestrator->first_turns = timer_of(give_turns, orchestrator);
	loop_start_timer(parts->loop, &orchestrator->first_turns, 0);
	*ret_orchestrator = orchestrator;
	return ERR_NONE;
}

void orchestrator_free(struct orchestrator *orchestrator)
{
	struct lane *lane, *next;
	if (orchestrator == NULL)
		return;
	HASH_ITER (hh, orchestrator->lanes, lane, next) {
		while (lane->first != NULL)
			job_remove(lane->first);
		HASH_DEL(orchestrator->lanes, lane);
		lane_free(lane);
	}
	loop_stop_timer(orchestrator->parts.loop, &orchestrator->first_turns);
	arena_free(orchestrator->scratch);
	free(orchestrator);
}

size_t orchestrator_unfinished(const struct orchestrator *orchestrator)
{
	return orchestrator->unfinished;
}
