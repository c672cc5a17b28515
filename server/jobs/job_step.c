/* One step of a job: run it, note what it did, store its answer. What the answer asks for is done in
 * advance.c, once it is durable. */
#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "loop.h"
#include "materials.h"
#include "operation.h"
#include "path.h"
#include "serve.h"
#include "work.h"

#define STORE_AGAIN_MS  1000
#define TRACE_TEXT_SIZE 160

/* ---- the trace ---- */

void job_drop_notes(struct job *job)
{
	while (job->notes != NULL) {
		struct note *note = job->notes;
		job->notes = note->next;
		free(note);
	}
	job->note_count = 0;
}

void job_note_later(struct job *job, const char *layer, const char *direction, const char *text,
		    struct bytes raw)
{
	size_t text_size = strlen(text) + 1;
	struct note *note = job->note_count < JOB_MAX_NOTES ? malloc(sizeof *note + text_size + raw.len)
							    : NULL;
	if (note == NULL) {
		log_warn("job.trace_lost", "id=%llu", (unsigned long long)job->id);
		return;
	}
	*note = (struct note){ .layer = layer, .direction = direction };
	memcpy(note->bytes, text, text_size);
	if (raw.len > 0)
		memcpy(&note->bytes[text_size], raw.at, raw.len);
	note->raw = bytes_of(&note->bytes[text_size], raw.len);
	if (job->notes == NULL)
		job->notes_end = &job->notes;
	*job->notes_end = note;
	job->notes_end = &note->next;
	job->note_count++;
}

/* A step begins with an empty answer; what the server itself has to say to the trace comes first. */
void job_begin_step(struct job *job)
{
	step_out_end(&job->out);
	arena_reset(job->step_arena);
	step_out_begin(&job->out, job, job->step_arena, job->materials);
	for (const struct note *note = job->notes; note != NULL; note = note->next)
		if (step_out_trace(&job->out, note->layer, note->direction, note->bytes, note->raw) != ERR_NONE)
			log_warn("job.trace_lost", "id=%llu", (unsigned long long)job->id);
	job_drop_notes(job);
}

void job_note(struct job *job, const char *direction, const char *text)
{
	if (step_out_trace(&job->out, "lwm2m", direction, text, bytes_of(NULL, 0)) != ERR_NONE)
		log_warn("job.trace_lost", "id=%llu", (unsigned long long)job->id);
}

static const char *const operation_texts[] = {
	[LWM2M_READ] = "Read",
	[LWM2M_DISCOVER] = "Discover",
	[LWM2M_WRITE_REPLACE] = "Write (replace)",
	[LWM2M_WRITE_PARTIAL] = "Write (partial)",
	[LWM2M_WRITE_ATTRIBUTES] = "Write-Attributes",
	[LWM2M_EXECUTE] = "Execute",
	[LWM2M_CREATE] = "Create",
	[LWM2M_DELETE] = "Delete",
	[LWM2M_OBSERVE] = "Observe",
	[LWM2M_CANCEL_OBSERVE] = "Cancel Observation",
};

static void trace_request(struct job *job, const struct cardea_request *request)
{
	char path[PATH_TEXT_SIZE], text[TRACE_TEXT_SIZE];
	int length = snprintf(text, sizeof text, "%s %s", operation_texts[request->operation],
			      path_print(request->path, path));
	if (request->records.count > 0)
		snprintf(text + length, sizeof text - (size_t)length, ", %zu values", request->records.count);
	else if (request->arguments != NULL)
		snprintf(text + length, sizeof text - (size_t)length, " with %s", request->arguments);
	job_note(job, "command", text);
}

/* ---- storing what it answered ---- */

static void stored(void *self, uint64_t ticket, enum err result)
{
	struct job *job = orchestrator_by_ticket(self, ticket);
	if (job == NULL)
		return;
	if (result != ERR_NONE)
		log_error("job.not_stored", "id=%llu error=%s", (unsigned long long)job->id,
			  err_name(result));
	job_advance(job, result == ERR_NONE ? SIGNAL_STORED : SIGNAL_NOT_STORED, &result);
}

static enum err trace_rows(const struct job *job, struct arena *arena, struct trace_row **ret_rows)
{
	struct trace_row *rows = arena_alloc_array(arena, job->out.trace_count + 1, sizeof *rows);
	size_t count = 0;
	if (rows == NULL)
		return ERR_NOMEM;
	for (const struct trace_line *line = job->out.trace; line != NULL; line = line->next)
		rows[count++] = (struct trace_row){ .job_id = job->id,
						    .step = job->steps,
						    .at_ms = job->updated_ms,
						    .layer = line->layer,
						    .direction = line->direction,
						    .text = line->text,
						    .raw = line->raw };
	*ret_rows = rows;
	return ERR_NONE;
}

static enum err put_learned(struct job *job)
{
	struct store *store = job->orchestrator->parts.store;
	for (const struct learned *learned = job->out.learned; learned != NULL; learned = learned->next) {
		struct inventory_row row = { .endpoint = job->endpoint,
					     .section = learned->section,
					     .key = learned->key,
					     .json = learned->json,
					     .learned_ms = job->updated_ms };
		enum err err = store_put_inventory(store, &row, (struct store_done){ 0 });
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

/* Before the row of the job, so that nothing that was counted is sent without its number being durable. */
static enum err put_counted(struct job *job)
{
	enum err err = ERR_NONE;
	for (const struct counted *counted = job->out.counted; counted != NULL && err == ERR_NONE;
	     counted = counted->next) {
		const struct counter_row row = { job->endpoint, counted->name, counted->value };
		err = store_raise_counter(job->orchestrator->parts.store, &row, (struct store_done){ 0 });
	}
	return err;
}

enum err job_put(struct job *job)
{
	struct orchestrator *orchestrator = job->orchestrator;
	struct job_row row;
	struct trace_row *trace;
	job->updated_ms = loop_wall_ms(orchestrator->parts.loop);
	enum err err = put_counted(job);
	if (err == ERR_NONE)
		err = put_learned(job);
	if (err == ERR_NONE)
		err = trace_rows(job, orchestrator->scratch, &trace);
	if (err == ERR_NONE)
		err = job_to_row(job, orchestrator->scratch, &row);
	if (err == ERR_NONE)
		err = store_put_job(orchestrator->parts.store, &row, trace, job->out.trace_count,
				    (struct store_done){ stored, orchestrator, job_ticket(job) });
	arena_reset(orchestrator->scratch);
	return err;
}

void job_store_later(struct job *job)
{
	loop_start_timer(job->orchestrator->parts.loop, &job->timer, STORE_AGAIN_MS);
}

/* Stores the row; when the queue is full the timer brings us back. */
void job_store(struct job *job)
{
	enum err err = job_put(job);
	if (err == ERR_NONE)
		return;
	log_warn("job.store_again", "id=%llu error=%s", (unsigned long long)job->id, err_name(err));
	job_store_later(job);
}

void job_end(struct job *job, enum job_state state)
{
	bool needs_reason = state == JOB_FAILED || state == JOB_UNKNOWN;
	if (needs_reason && job->failure.kind == ERR_NONE)
		fault_set(&job->failure, ERR_INTERNAL, "no reason was given");
	loop_stop_timer(job->orchestrator->parts.loop, &job->timer);
	serve_end(job);
	if (job->steps > 0)
		operation_end_job(job->orchestrator->parts.registry, job->endpoint, job->id);
	job->state = state;
	job->phase = PHASE_ENDING;
	job_drop_kept(job);
	job_store(job);
}

static void store_step(struct job *job)
{
	struct cardea_out *out = &job->out;
	if (out->broken != ERR_NONE || (job->outcome == CARDEA_NEXT && out->next == STEP_NOTHING)) {
		job->outcome = CARDEA_FAILED;
		fault_set(&job->failure, out->broken != ERR_NONE ? out->broken : ERR_INTERNAL,
			  "the plugin's step asked for too much, or for nothing");
	}
	if (out->failure.kind != ERR_NONE && job->outcome != CARDEA_NEXT && job->outcome != CARDEA_DONE)
		job->failure = out->failure;
	if (out->has_progress) {
		job->progress_done = out->progress_done;
		job->progress_total = out->progress_total;
	}
	if (json_object_update(job->result, out->result) != 0)
		log_warn("job.result_lost", "id=%llu", (unsigned long long)job->id);
	if (out->has_state && job_replace_kept(job, out->state) != ERR_NONE) {
		job->outcome = CARDEA_FAILED;
		fault_set(&job->failure, ERR_NOMEM, "no memory for the state of the job");
	}
	switch (job->outcome) {
	case CARDEA_NEXT:
		if (out->next == STEP_SEND)
			trace_request(job, &out->request);
		job->phase = PHASE_STORING;
		job_store(job);
		break;
	case CARDEA_DONE:
		job_end(job, JOB_SUCCEEDED);
		break;
	case CARDEA_FAILED:
		job_end(job, JOB_FAILED);
		break;
	case CARDEA_UNKNOWN:
		job_end(job, JOB_UNKNOWN);
		break;
	}
}

/* ---- running a step ---- */

void job_end_step(struct job *job)
{
	job->steps++;
	job->state = job->event == CARDEA_RESUME ? JOB_VERIFYING : JOB_RUNNING;
	store_step(job);
}

/* A step on a worker, with all that it is given. The job stays as it is meanwhile: it is in PHASE_COMPUTING.
 */
struct computing {
	struct orchestrator *orchestrator;
	uint64_t ticket;
	const struct loaded_operation *operation;
	struct cardea_step step;
	struct cardea_out *out;
	enum cardea_result outcome;
};

static enum err compute(void *arg)
{
	struct computing *computing = arg;
	computing->outcome = computing->operation->operation->step(computing->operation->self,
								   &computing->step, computing->out);
	return ERR_NONE;
}

static void computing_free(struct computing *computing)
{
	arena_free(computing->step.arena);
	free(computing);
}

static void computed(void *arg, enum err result)
{
	struct computing *computing = arg;
	struct job *job = orchestrator_by_ticket(computing->orchestrator, computing->ticket);
	if (job != NULL)
		job->outcome = computing->outcome;
	computing_free(computing);
	if (job != NULL)
		job_advance(job, SIGNAL_COMPUTED, NULL);
}

/* What the device said is there during a call only. */
static enum err keep_answer(struct computing *computing, const struct cardea_step *step)
{
	struct arena *arena = arena_create(0);
	if (arena == NULL)
		return ERR_NOMEM;
	computing->step = *step;
	computing->step.arena = arena;
	enum err err = bytes_copy(arena, step->payload, &computing->step.payload);
	return err == ERR_NONE ? step_records_copy(arena, step->records, &computing->step.records) : err;
}

static enum err submit_computing(struct job *job, const struct cardea_step *step)
{
	struct work_pool *workers = job->orchestrator->parts.workers;
	struct computing *computing = calloc(1, sizeof *computing);
	if (computing == NULL)
		return ERR_NOMEM;
	*computing = (struct computing){ .orchestrator = job->orchestrator,
					 .ticket = job_ticket(job),
					 .operation = job->operation,
					 .out = &job->out };
	enum err err = keep_answer(computing, step);
	if (err == ERR_NONE)
		err = work_submit(workers, compute, computed, computing);
	if (err != ERR_NONE)
		computing_free(computing);
	return err;
}

void job_run_step(struct job *job, enum cardea_event event, const struct answer *answer)
{
	struct orchestrator *orchestrator = job->orchestrator;
	struct cardea_step step = {
		.context = job->operation->operation->context,
		.endpoint = job->endpoint,
		.params = job->params,
		.package = materials_package(job->materials),
		.state = bytes_of(job->kept, job->kept_len),
		.arena = orchestrator->scratch,
		.event = event,
		.format = FORMAT_NONE,
		.now_ms = loop_wall_ms(orchestrator->parts.loop),
	};
	if (answer != NULL) {
		step.fault = answer->fault;
		step.code = answer->code;
		step.format = answer->format;
		step.payload = answer->payload;
		step.records = answer->records;
		step.path = answer->path;
	}
	job->event = event;
	if (job->operation->plugin->takes_keys_in_tokens && materials_have_token_keys(job->materials)) {
		job->phase = PHASE_COMPUTING;
		enum err err = submit_computing(job, &step);
		arena_reset(orchestrator->scratch);
		if (err != ERR_NONE)
			job_advance(job, SIGNAL_LOST, NULL);
		return;
	}
	job->outcome = job->operation->operation->step(job->operation->self, &step, &job->out);
	arena_reset(orchestrator->scratch);
	job_end_step(job);
}
