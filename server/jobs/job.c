#include "job.h"

#include <stdio.h>
#include <stdlib.h>

#include "events.h"
#include "log.h"
#include "loop.h"
#include "materials.h"
#include "path.h"
#include "serve.h"
#include "vault.h"

#define MAX_ORDER_BYTES (1u << 20)
#define CONTEXT_SIZE    32

static const char *const state_names[] = {
	[JOB_QUEUED] = "queued",       [JOB_RUNNING] = "running",     [JOB_WAITING] = "waiting",
	[JOB_VERIFYING] = "verifying", [JOB_SUCCEEDED] = "succeeded", [JOB_FAILED] = "failed",
	[JOB_UNKNOWN] = "unknown",     [JOB_CANCELLED] = "cancelled",
};

const char *job_state_name(enum job_state state)
{
	return state_names[state];
}

static enum job_state state_of(const char *name)
{
	for (size_t i = 0; i < sizeof state_names / sizeof state_names[0]; i++)
		if (strcmp(state_names[i], name) == 0)
			return (enum job_state)i;
	return JOB_UNKNOWN;
}

static const char *seal_context(uint64_t id, char to[static CONTEXT_SIZE])
{
	snprintf(to, CONTEXT_SIZE, "job/%llu", (unsigned long long)id);
	return to;
}

static enum err open_kept(struct job *job, struct bytes sealed)
{
	char context[CONTEXT_SIZE];
	struct bytes state = { 0 };
	if (sealed.len == 0)
		return ERR_NONE;
	arena_reset(job->step_arena);
	enum err err = vault_open_sealed(job->orchestrator->parts.vault, job->step_arena,
					 seal_context(job->id, context), sealed, &state);
	if (err != ERR_NONE)
		return err;
	err = job_replace_kept(job, state);
	wipe((void *)(uintptr_t)state.at, state.len);
	return err;
}

static enum err copy_order(struct job *job, const struct job_row *row)
{
	job->endpoint = arena_strdup(job->order_arena, row->endpoint);
	job->params = arena_strdup(job->order_arena, row->params);
	job->idempotency_key = arena_strdup(job->order_arena, row->idempotency_key);
	job->packages = arena_strdup(job->order_arena, row->packages);
	if (row->idempotency_key[0] != 0)
		job->key = arena_printf(job->order_arena, "%llu/%s", (unsigned long long)row->caller,
					row->idempotency_key);
	bool complete = job->endpoint != NULL && job->params != NULL && job->idempotency_key != NULL &&
			job->packages != NULL && (row->idempotency_key[0] == 0 || job->key != NULL);
	return complete ? ERR_NONE : ERR_NOMEM;
}

enum err job_from_row(struct orchestrator *orchestrator, const struct job_row *row, struct job **ret_job,
		      struct fault *fault)
{
	const struct loaded_operation *operation =
		plugin_host_operation(orchestrator->parts.plugins, row->operation);
	if (operation == NULL)
		return fault_set(fault, ERR_NOT_FOUND, "operation %s: no plugin has it", row->operation);
	struct job *job = calloc(1, sizeof *job);
	if (job == NULL)
		return ERR_NOMEM;
	*job = (struct job){
		.orchestrator = orchestrator,
		.operation = operation,
		.id = row->id,
		.caller = row->caller,
		.package_id = row->package_id,
		.state = state_of(row->state),
		.phase = PHASE_RESTING,
		.progress_done = row->progress_done,
		.progress_total = row->progress_total,
		.steps = row->steps,
		.attempts = row->attempts,
		.created_ms = row->created_ms,
		.updated_ms = row->updated_ms,
		.deadline_ms = row->deadline_ms,
		.order_arena = arena_create(MAX_ORDER_BYTES),
		.step_arena = arena_create(0),
		.result = row->result[0] != 0 ? json_loads(row->result, 0, NULL) : json_object(),
	};
	enum err err = ERR_NOMEM;
	if (job->order_arena != NULL && job->step_arena != NULL && job->result != NULL)
		err = copy_order(job, row);
	if (err == ERR_NONE)
		err = open_kept(job, row->sealed_state);
	if (err != ERR_NONE) {
		job_free(job);
		return fault_set(fault, err, "job %llu: its state cannot be read",
				 (unsigned long long)row->id);
	}
	*ret_job = job;
	return ERR_NONE;
}

enum err job_await_creation(struct job *job, job_created *call, void *self, bool is_new)
{
	struct creation *creation = arena_alloc(job->order_arena, sizeof *creation);
	if (creation == NULL)
		return ERR_NOMEM;
	*creation = (struct creation){ job->creations, call, self, is_new };
	job->creations = creation;
	return ERR_NONE;
}

void job_free(struct job *job)
{
	if (job == NULL)
		return;
	loop_stop_timer(job->orchestrator->parts.loop, &job->timer);
	loop_stop_timer(job->orchestrator->parts.loop, &job->deadline);
	step_out_end(&job->out);
	job_drop_notifications(job);
	job_drop_notes(job);
	serve_end(job);
	materials_free(job->materials);
	job_drop_kept(job);
	json_decref(job->result);
	arena_free(job->order_arena);
	arena_free(job->step_arena);
	free(job);
}

void job_drop_kept(struct job *job)
{
	if (job->kept != NULL)
		wipe(job->kept, job->kept_len);
	free(job->kept);
	job->kept = NULL;
	job->kept_len = 0;
}

enum err job_replace_kept(struct job *job, struct bytes state)
{
	uint8_t *copy = malloc(state.len + 1);
	if (copy == NULL)
		return ERR_NOMEM;
	if (state.len > 0)
		memcpy(copy, state.at, state.len);
	job_drop_kept(job);
	job->kept = copy;
	job->kept_len = state.len;
	return ERR_NONE;
}

static const char *error_text(const struct job *job, struct arena *arena)
{
	if (job->failure.kind == ERR_NONE)
		return "";
	json_t *error =
		json_pack("{s:s, s:s}", "code", err_name(job->failure.kind), "reason", job->failure.text);
	char *text = error != NULL ? json_dumps(error, JSON_COMPACT) : NULL;
	const char *copy = text != NULL ? arena_strdup(arena, text) : NULL;
	free(text);
	json_decref(error);
	return copy;
}

static const char *result_text(const struct job *job, struct arena *arena)
{
	char *text = json_dumps(job->result, JSON_COMPACT);
	const char *copy = text != NULL ? arena_strdup(arena, text) : NULL;
	free(text);
	return copy;
}

enum err job_to_row(const struct job *job, struct arena *arena, struct job_row *ret_row)
{
	char context[CONTEXT_SIZE];
	struct bytes sealed = { 0 };
	enum err err = ERR_NONE;
	if (job->kept != NULL)
		err = vault_seal(job->orchestrator->parts.vault, arena, seal_context(job->id, context),
				 bytes_of(job->kept, job->kept_len), &sealed);
	if (err != ERR_NONE)
		return err;
	struct job_row row = {
		.id = job->id,
		.endpoint = job->endpoint,
		.operation = job->operation->operation->name,
		.params = job->params,
		.state = job_state_name(job->state),
		.package_id = job->package_id,
		.sealed_state = sealed,
		.result = result_text(job, arena),
		.error = error_text(job, arena),
		.progress_done = job->progress_done,
		.progress_total = job->progress_total,
		.steps = job->steps,
		.attempts = job->attempts,
		.created_ms = job->created_ms,
		.updated_ms = job->updated_ms,
		.deadline_ms = job->deadline_ms,
		.idempotency_key = job->idempotency_key,
		.caller = job->caller,
		.packages = job->packages,
	};
	if (row.result == NULL || row.error == NULL)
		return ERR_NOMEM;
	*ret_row = row;
	return ERR_NONE;
}

void job_publish(const struct job *job)
{
	char id[24];
	snprintf(id, sizeof id, "%llu", (unsigned long long)job->id);
	json_t *event = json_pack("{s:s, s:s, s:s, s:s, s:{s:I, s:I}}", "id", id, "endpoint", job->endpoint,
				  "operation", job->operation->operation->name, "state",
				  job_state_name(job->state), "progress", "done",
				  (json_int_t)job->progress_done, "total", (json_int_t)job->progress_total);
	char *text = event != NULL ? json_dumps(event, JSON_COMPACT) : NULL;
	if (text != NULL)
		events_publish(job->orchestrator->parts.events, loop_wall_ms(job->orchestrator->parts.loop),
			       "job.updated", text);
	free(text);
	json_decref(event);
	log_info("job.updated", "id=%s endpoint=%s operation=%s state=%s", id, job->endpoint,
		 job->operation->operation->name, job_state_name(job->state));
}

void job_announce(const struct job *job)
{
	char id[24];
	snprintf(id, sizeof id, "%llu", (unsigned long long)job->id);
	for (const struct announcement *said = job->out.announced; said != NULL; said = said->next) {
		json_t *event = json_loads(said->json, 0, NULL);
		json_object_set_new(event, "endpoint", json_string(job->endpoint));
		json_object_set_new(event, "jobId", json_string(id));
		char *text = event != NULL ? json_dumps(event, JSON_COMPACT) : NULL;
		if (text != NULL)
			events_publish(job->orchestrator->parts.events,
				       loop_wall_ms(job->orchestrator->parts.loop), said->type, text);
		else
			log_warn("job.announcement_lost", "id=%s type=%s", id, said->type);
		free(text);
		json_decref(event);
	}
}

/* ---- notifications that came while a step was under way ---- */

static void notification_free(struct notification *notification)
{
	free(notification->payload);
	free(notification);
}

void job_drop_notifications(struct job *job)
{
	while (job->notifications != NULL) {
		struct notification *first = job->notifications;
		job->notifications = first->next;
		notification_free(first);
	}
}

void job_note_notification(struct job *job, struct lwm2m_path path, uint16_t format, struct bytes payload)
{
	struct notification **place = &job->notifications;
	struct notification *note = calloc(1, sizeof *note);
	uint8_t *copy = malloc(payload.len + 1);
	if (note == NULL || copy == NULL) {
		free(note);
		free(copy);
		return;
	}
	if (payload.len > 0)
		memcpy(copy, payload.at, payload.len);
	*note = (struct notification){ NULL, path, format, copy, payload.len };
	while (*place != NULL) {
		struct notification *other = *place;
		if (path_equal(other->path, path)) {
			*place = other->next;
			notification_free(other);
		} else {
			place = &other->next;
		}
	}
	*place = note;
}
