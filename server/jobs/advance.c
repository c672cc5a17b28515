/* How a job moves: one table of what it waits for and what comes.
 *
 *   RESTING -turn-> PREPARING -prepared-> step -> STORING -stored-> ASKING | LISTENING | WORKING -> step
 *
 * A step whose keys are in a token is COMPUTING on a worker meanwhile.
 * A step is run, its answer is stored together with the trace, and only then is it acted on. A break at any
 * point leads back to RESTING; the next step is then CARDEA_RESUME. */
#include "job.h"

#include <stdio.h>
#include <stdlib.h>

#include "format.h"
#include "log.h"
#include "loop.h"
#include "materials.h"
#include "operation.h"
#include "path.h"
#include "serve.h"
#include "tolerance.h"
#include "trace_coap.h"
#include "work.h"

#define RETRY_FIRST_MS  2000 /* after a request without an answer; doubles */
#define RETRY_LIMIT_MS  300000
#define MAX_WAIT_MS     3600000
#define TRACE_TEXT_SIZE 160

/* ---- the end ---- */

/* Cancelled or past its deadline, at a moment when no step is under way. */
static void stop_now(struct job *job)
{
	if (!job->is_overdue) {
		fault_set(&job->failure, ERR_CONFLICT, "cancelled%s",
			  job->steps > 0 ? " after it had begun; what was done is not undone" : "");
		job_end(job, JOB_CANCELLED);
		return;
	}
	fault_set(&job->failure, ERR_TIMEOUT, "not ended in time%s",
		  job->steps > 0 ? "; the device was not there to say how far it got"
				 : ", the device was not there");
	job_end(job, job->steps > 0 ? JOB_UNKNOWN : JOB_FAILED);
}

static void ended(struct job *job, const void *with)
{
	job_announce(job);
	job_publish(job);
	orchestrator_drop(job);
}

/* ---- its turn ---- */

struct preparation {
	struct orchestrator *orchestrator;
	uint64_t ticket, package_id;
	char *endpoint, *packages;
	struct materials *materials;
};

static enum err prepare(void *arg)
{
	struct preparation *preparation = arg;
	const struct orchestrator_parts *parts = &preparation->orchestrator->parts;
	const struct material_needs needs = { preparation->endpoint, preparation->package_id,
					      preparation->packages };
	const struct material_sources sources = { parts->store, parts->vault, parts->token, parts->packages };
	return materials_read(&sources, &needs, &preparation->materials);
}

static void preparation_free(struct preparation *preparation)
{
	materials_free(preparation->materials);
	free(preparation->endpoint);
	free(preparation->packages);
	free(preparation);
}

/* NULL when there is no memory. */
static struct preparation *preparation_create(struct job *job)
{
	struct preparation *preparation = calloc(1, sizeof *preparation);
	if (preparation == NULL)
		return NULL;
	*preparation = (struct preparation){ .orchestrator = job->orchestrator,
					     .package_id = job->package_id,
					     .endpoint = strdup(job->endpoint),
					     .packages = strdup(job->packages) };
	if (preparation->endpoint != NULL && preparation->packages != NULL)
		return preparation;
	preparation_free(preparation);
	return NULL;
}

static void prepared(void *arg, enum err result)
{
	struct preparation *preparation = arg;
	struct job *job = orchestrator_by_ticket(preparation->orchestrator, preparation->ticket);
	if (job != NULL && result == ERR_NONE) {
		struct materials *before = job->materials;
		job->materials = preparation->materials;
		preparation->materials = before;
		serve_renewed(job);
	}
	preparation_free(preparation);
	if (job != NULL)
		job_advance(job, SIGNAL_PREPARED, &result);
}

static bool device_is_there(const struct job *job)
{
	const struct device *device = registry_find(job->orchestrator->parts.registry, job->endpoint);
	return device != NULL && (device->is_awake || !device->is_queue_mode);
}

static void rest_awhile(struct job *job)
{
	unsigned doublings = job->rests < 8 ? job->rests++ : 8;
	int64_t after_ms = (int64_t)RETRY_FIRST_MS << doublings;
	job->phase = PHASE_RESTING;
	loop_start_timer(job->orchestrator->parts.loop, &job->timer,
			 after_ms < RETRY_LIMIT_MS ? after_ms : RETRY_LIMIT_MS);
}

static void take_turn(struct job *job, const void *with)
{
	struct orchestrator *orchestrator = job->orchestrator;
	if (job->lane->first != job || !device_is_there(job))
		return;
	struct preparation *preparation = preparation_create(job);
	if (preparation == NULL) {
		rest_awhile(job);
		return;
	}
	loop_stop_timer(orchestrator->parts.loop, &job->timer);
	preparation->ticket = job_ticket(job);
	job->phase = PHASE_PREPARING;
	if (work_submit(orchestrator->parts.workers, prepare, prepared, preparation) != ERR_NONE) {
		preparation_free(preparation);
		rest_awhile(job);
	}
}

static void first_step(struct job *job, const void *with)
{
	enum err result = *(const enum err *)with;
	if (job->must_stop) {
		stop_now(job);
		return;
	}
	job_begin_step(job);
	if (result != ERR_NONE) {
		fault_set(&job->failure, result,
			  "its package or the key sets of the device cannot be read: %s", err_name(result));
		job_end(job, job->steps > 0 ? JOB_UNKNOWN : JOB_FAILED);
		return;
	}
	job_drop_notifications(job);
	job->is_broken = false;
	job_run_step(job, job->steps > 0 ? CARDEA_RESUME : CARDEA_START, NULL);
}

/* ---- breaks ---- */

/* They are read again when it goes on; but its device may be in the middle of fetching the package. */
static void put_away_materials(struct job *job)
{
	if (job->file_name[0] != 0) {
		materials_forget_keysets(job->materials);
		return;
	}
	materials_free(job->materials);
	job->materials = NULL;
}

static void park(struct job *job, const void *with)
{
	if (job->must_stop) {
		stop_now(job);
		return;
	}
	job->attempts++;
	job->state = JOB_WAITING;
	job->is_broken = false;
	put_away_materials(job);
	rest_awhile(job);
	/* For those who look: the job itself loses nothing without it. */
	enum err err = job_put(job);
	if (err != ERR_NONE)
		log_warn("job.not_stored", "id=%llu error=%s", (unsigned long long)job->id, err_name(err));
	job_publish(job);
}

/* The device is there again, with a new registration: no need to rest. */
static void park_and_go_on(struct job *job, const void *with)
{
	park(job, with);
	if (job->phase == PHASE_RESTING)
		take_turn(job, NULL);
}

/* ---- doing what the step asked for ---- */

static void trace_answer(struct job *job, const struct operation_answer *answer)
{
	char text[TRACE_TEXT_SIZE];
	if (answer->code != 0)
		snprintf(text, sizeof text, "%u.%02u, %zu bytes%s%.80s", answer->code >> 5,
			 answer->code & 31u, answer->payload.len,
			 answer->fault.kind != ERR_NONE ? ", not understood: " : "",
			 answer->fault.kind != ERR_NONE ? answer->fault.text : "");
	else
		snprintf(text, sizeof text, "no answer: %s", err_name(answer->fault.kind));
	job_note(job, "answer", text);
}

static void trace_tolerated(struct job *job, uint32_t rules)
{
	char text[TRACE_TEXT_SIZE];
	for (enum tolerance rule = 0; rule < TOLERANCE_COUNT; rule++) {
		if (!(rules & TOLERANCE_BIT(rule)))
			continue;
		snprintf(text, sizeof text, "tolerated, %s: %s", tolerance_name(rule), tolerance_text(rule));
		job_note(job, "answer", text);
	}
}

static void answered(void *self, uint64_t ticket, const struct operation_answer *answer)
{
	struct job *job = orchestrator_by_ticket(self, ticket);
	if (job == NULL)
		return;
	struct lwm2m_path path = job->out.request.path;
	bool is_hidden = job->out.request.is_confidential;
	job_begin_step(job);
	if (answer->sent != NULL)
		job_trace_coap(job, "command", answer->sent, path, is_hidden);
	if (answer->received != NULL)
		job_trace_coap(job, "answer", answer->received, path, false);
	trace_answer(job, answer);
	trace_tolerated(job, answer->tolerated);
	const struct answer with = { path,          answer->format, answer->payload, answer->records,
				     answer->fault, answer->code };
	job_advance(job, answer->code != 0 ? SIGNAL_ANSWERED : SIGNAL_LOST, &with);
}

static void send_request(struct job *job)
{
	struct orchestrator *orchestrator = job->orchestrator;
	const struct cardea_request *from = &job->out.request;
	const struct operation_request request = {
		.operation = from->operation,
		.path = from->path,
		.records = from->records,
		.payload_format = FORMAT_NONE,
		.accept = FORMAT_NONE,
		.arguments = from->arguments,
		.is_confidential = from->is_confidential,
		.job_id = job->id,
	};
	struct fault fault = { .kind = ERR_NONE };
	job->phase = PHASE_ASKING;
	enum err err = operation_start(orchestrator->parts.registry, job->endpoint, &request, answered,
				       orchestrator, job_ticket(job), &fault);
	if (err == ERR_NONE)
		return;
	if (err == ERR_NOT_FOUND || err == ERR_UNAVAILABLE) {
		job_advance(job, SIGNAL_LOST, NULL);
		return;
	}
	fault_set(&job->failure, err, "the request cannot be sent: %s", fault.text);
	job_end(job, JOB_FAILED);
}

struct errand { /* a worker's, on behalf of a step */
	struct orchestrator *orchestrator;
	uint64_t ticket;
	enum err (*run)(void *);
	void *arg;
	void (*free_arg)(void *);
};

static enum err run_errand(void *arg)
{
	struct errand *errand = arg;
	return errand->run(errand->arg);
}

static void errand_done(void *arg, enum err result)
{
	struct errand *errand = arg;
	struct job *job = orchestrator_by_ticket(errand->orchestrator, errand->ticket);
	if (errand->free_arg != NULL)
		errand->free_arg(errand->arg);
	free(errand);
	if (job != NULL)
		job_advance(job, SIGNAL_WORKED, &result);
}

static void start_work(struct job *job)
{
	struct orchestrator *orchestrator = job->orchestrator;
	struct errand *errand = calloc(1, sizeof *errand);
	job->phase = PHASE_WORKING;
	if (errand == NULL) {
		job_advance(job, SIGNAL_LOST, NULL);
		return;
	}
	*errand = (struct errand){ orchestrator, job_ticket(job), job->out.work.run, job->out.work.arg,
				   job->out.work.free_arg };
	if (work_submit(orchestrator->parts.workers, run_errand, errand_done, errand) != ERR_NONE) {
		free(errand);
		job_advance(job, SIGNAL_LOST, NULL);
		return;
	}
	job->out.next = STEP_NOTHING; /* the errand owns the argument now */
}

static void deliver_notification(struct job *job, const struct notification *note)
{
	struct orchestrator *orchestrator = job->orchestrator;
	struct answer with = { .path = note->path,
			       .format = note->format,
			       .payload = bytes_of(note->payload, note->payload_len) };
	const struct device *device = registry_find(orchestrator->parts.registry, job->endpoint);
	const struct model *model = orchestrator->parts.model;
	const struct format *format = format_find(note->format);
	if (device != NULL)
		with.fault.kind = device_model(device, model, orchestrator->scratch, &model);
	if (format == NULL)
		fault_set(&with.fault, ERR_UNSUPPORTED, "content format %u", note->format);
	else if (with.fault.kind == ERR_NONE)
		with.fault.kind = format->read(orchestrator->scratch, model, note->path, with.payload,
					       &with.records, &with.fault);
	job_advance(job, SIGNAL_NOTIFIED, &with);
}

static void listen_for(struct job *job)
{
	uint32_t wait_ms = job->out.wait_ms < MAX_WAIT_MS ? job->out.wait_ms : MAX_WAIT_MS;
	struct notification *note = job->notifications;
	job->phase = PHASE_LISTENING;
	loop_start_timer(job->orchestrator->parts.loop, &job->timer, wait_ms);
	if (note == NULL)
		return;
	job->notifications = note->next;
	deliver_notification(job, note);
	free(note->payload);
	free(note);
}

static void act(struct job *job, const void *with)
{
	static void (*const actions[])(struct job *) = {
		[STEP_SEND] = send_request,
		[STEP_WAIT] = listen_for,
		[STEP_WORK] = start_work,
	};
	job_announce(job);
	step_out_stored(&job->out);
	job_publish(job);
	if (job->must_stop)
		stop_now(job);
	else if (job->is_broken)
		park_and_go_on(job, NULL);
	else
		actions[job->out.next](job);
}

static void note_break(struct job *job, const void *with)
{
	job->is_broken = true;
}

static void keep_notification(struct job *job, const void *with)
{
	const struct answer *answer = with;
	job_note_notification(job, answer->path, answer->format, answer->payload);
}

/* ---- the table ---- */

static void tell_creation(struct job *job, uint64_t id, const struct fault *fault)
{
	struct creation *creation = job->creations;
	job->creations = NULL;
	for (; creation != NULL; creation = creation->next)
		creation->call(creation->self, id, creation->is_new && id != 0, fault);
}

static void created(struct job *job, const void *with)
{
	job->phase = PHASE_RESTING;
	tell_creation(job, job->id, &(struct fault){ .kind = ERR_NONE });
	job_publish(job);
	if (job->must_stop)
		stop_now(job);
	else
		take_turn(job, NULL);
}

/* What changed between the checks of the order and the row: another job has the key, or the package is gone.
 */
static void refuse(struct job *job, const void *with)
{
	enum err result = *(const enum err *)with;
	struct fault fault = { .kind = ERR_NONE };
	if (result == ERR_CONFLICT)
		fault_set(&fault, result, "Idempotency-Key: another job has it");
	else if (result == ERR_NOT_FOUND)
		fault_set(&fault, result, "package: it has just been removed");
	else
		fault_set(&fault, result, "the job cannot be stored");
	tell_creation(job, 0, &fault);
	orchestrator_drop(job);
}

static void step_on_answer(struct job *job, const void *with)
{
	job->rests = 0;
	job_run_step(job, CARDEA_ANSWER, with);
}

static void step_on_notification(struct job *job, const void *with)
{
	char path[PATH_TEXT_SIZE], text[TRACE_TEXT_SIZE];
	const struct answer *answer = with;
	loop_stop_timer(job->orchestrator->parts.loop, &job->timer);
	job_begin_step(job);
	const struct coap_message message = { .code = COAP_CODE(2, 5),
					      .content_format = answer->format,
					      .accept = COAP_NO_FORMAT,
					      .has_observe = true,
					      .payload = answer->payload };
	job_trace_coap(job, "answer", &message, answer->path, false);
	snprintf(text, sizeof text, "Notify %s, %zu bytes", path_print(answer->path, path),
		 answer->payload.len);
	job_note(job, "answer", text);
	job_run_step(job, CARDEA_NOTIFY, answer);
}

static void step_on_timeout(struct job *job, const void *with)
{
	job_begin_step(job);
	job_run_step(job, CARDEA_TIMEOUT, NULL);
}

static void step_on_work(struct job *job, const void *with)
{
	const struct answer answer = { .fault.kind = *(const enum err *)with, .format = FORMAT_NONE };
	job_begin_step(job);
	job_run_step(job, CARDEA_WORK_DONE, &answer);
}

static void end_computing(struct job *job, const void *with)
{
	job_end_step(job);
}

static void store_again(struct job *job, const void *with)
{
	job_store(job);
}

static void store_later(struct job *job, const void *with)
{
	job_store_later(job);
}

static void note_stop(struct job *job, const void *with)
{
	job->must_stop = true;
}

static void stop(struct job *job, const void *with)
{
	stop_now(job);
}

/* What comes, while we wait for what, and what is done then. What is not in the table is of no interest: an
 * answer to an older request, a turn while a step is under way. */
static const struct {
	enum job_phase phase;
	enum job_signal signal;
	void (*action)(struct job *job, const void *with);
} transitions[] = {
	/* clang-format off */
	{ PHASE_CREATING,  SIGNAL_STORED,     created },
	{ PHASE_CREATING,  SIGNAL_NOT_STORED, refuse },
	{ PHASE_CREATING,  SIGNAL_TIMER,      store_again },
	{ PHASE_CREATING,  SIGNAL_STOP,       note_stop },
	{ PHASE_RESTING,   SIGNAL_TURN,       take_turn },
	{ PHASE_RESTING,   SIGNAL_TIMER,      take_turn },
	{ PHASE_RESTING,   SIGNAL_STOP,       stop },
	{ PHASE_PREPARING, SIGNAL_PREPARED,   first_step },
	{ PHASE_PREPARING, SIGNAL_STOP,       note_stop },
	{ PHASE_COMPUTING, SIGNAL_COMPUTED,   end_computing },
	{ PHASE_COMPUTING, SIGNAL_LOST,       park },
	{ PHASE_COMPUTING, SIGNAL_NOTIFIED,   keep_notification },
	{ PHASE_COMPUTING, SIGNAL_BROKEN,     note_break },
	{ PHASE_COMPUTING, SIGNAL_STOP,       note_stop },
	{ PHASE_STORING,   SIGNAL_STORED,     act },
	{ PHASE_STORING,   SIGNAL_NOT_STORED, store_later },
	{ PHASE_STORING,   SIGNAL_TIMER,      store_again },
	{ PHASE_STORING,   SIGNAL_NOTIFIED,   keep_notification },
	{ PHASE_STORING,   SIGNAL_BROKEN,     note_break },
	{ PHASE_STORING,   SIGNAL_STOP,       note_stop },
	{ PHASE_ASKING,    SIGNAL_ANSWERED,   step_on_answer },
	{ PHASE_ASKING,    SIGNAL_LOST,       park },
	{ PHASE_ASKING,    SIGNAL_NOTIFIED,   keep_notification },
	{ PHASE_ASKING,    SIGNAL_BROKEN,     park_and_go_on },
	{ PHASE_ASKING,    SIGNAL_STOP,       note_stop },
	{ PHASE_LISTENING, SIGNAL_NOTIFIED,   step_on_notification },
	{ PHASE_LISTENING, SIGNAL_TIMER,      step_on_timeout },
	{ PHASE_LISTENING, SIGNAL_BROKEN,     park_and_go_on },
	{ PHASE_LISTENING, SIGNAL_STOP,       stop },
	{ PHASE_WORKING,   SIGNAL_WORKED,     step_on_work },
	{ PHASE_WORKING,   SIGNAL_LOST,       park },
	{ PHASE_WORKING,   SIGNAL_NOTIFIED,   keep_notification },
	{ PHASE_WORKING,   SIGNAL_BROKEN,     note_break },
	{ PHASE_WORKING,   SIGNAL_STOP,       note_stop },
	{ PHASE_ENDING,    SIGNAL_STORED,     ended },
	{ PHASE_ENDING,    SIGNAL_NOT_STORED, store_later },
	{ PHASE_ENDING,    SIGNAL_TIMER,      store_again },
	/* clang-format on */
};

void job_advance(struct job *job, enum job_signal signal, const void *with)
{
	for (size_t i = 0; i < sizeof transitions / sizeof transitions[0]; i++) {
		if (transitions[i].phase == job->phase && transitions[i].signal == signal) {
			transitions[i].action(job, with);
			return;
		}
	}
}

static void deadline_passed(void *self)
{
	struct job *job = self;
	job->is_overdue = true;
	job_advance(job, SIGNAL_STOP, NULL);
}

static void timer_fired(void *self)
{
	job_advance(self, SIGNAL_TIMER, NULL);
}

void job_arm_deadline(struct job *job)
{
	int64_t left_ms = job->deadline_ms - loop_wall_ms(job->orchestrator->parts.loop);
	job->timer = timer_of(timer_fired, job);
	job->deadline = timer_of(deadline_passed, job);
	loop_start_timer(job->orchestrator->parts.loop, &job->deadline, left_ms > 0 ? left_ms : 0);
}
