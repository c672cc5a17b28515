/* One operation on one device while it is not finished: its state table, and what the orchestrator keeps of it. Private
 * to this folder. */
#ifndef CARDEA_JOBS_JOB_H
#define CARDEA_JOBS_JOB_H

#include <jansson.h>
#include <uthash.h>

#include "file.h"
#include "orchestrator.h"
#include "plugin_host.h"
#include "step_out.h"
#include "wheel.h"

struct materials;

enum job_state {                                /* as REST shows it */
	JOB_QUEUED,             /* not begun */
	JOB_RUNNING,
	JOB_WAITING,            /* begun; until the device is there again */
	JOB_VERIFYING,          /* after a break: asks the device what it has */
	JOB_SUCCEEDED, JOB_FAILED, JOB_UNKNOWN, JOB_CANCELLED,
};

const char *job_state_name(enum job_state state);

enum job_phase {                                /* what we wait for */
	PHASE_CREATING,         /* the first row is being stored */
	PHASE_RESTING,          /* its turn, or its device */
	PHASE_PREPARING,        /* package and key sets are being read */
	PHASE_COMPUTING,        /* a worker, which runs the step itself */
	PHASE_STORING,          /* the answer of a step is being stored, before it is acted on */
	PHASE_ASKING,           /* the device's answer */
	PHASE_LISTENING,        /* a notification, or the end of the wait */
	PHASE_WORKING,          /* a worker */
	PHASE_ENDING,           /* the last row is being stored */
};

enum job_signal {
	SIGNAL_TURN, SIGNAL_PREPARED, SIGNAL_STORED, SIGNAL_ANSWERED, SIGNAL_LOST, SIGNAL_NOTIFIED, SIGNAL_TIMER,
	SIGNAL_WORKED, SIGNAL_COMPUTED, SIGNAL_BROKEN, SIGNAL_STOP, SIGNAL_NOT_STORED,
};

struct notification {                           /* heard while a step was under way; the latest of a path counts */
	struct notification *next;
	struct lwm2m_path path;
	uint16_t format;
	uint8_t *payload;
	size_t payload_len;
};

struct note {                                   /* a line for the trace that came from elsewhere, for the next step */
	struct note *next;
	const char *layer, *direction;          /* constants */
	struct bytes raw;                       /* behind the text in `bytes` */
	char bytes[];
};

#define JOB_MAX_NOTES 64

struct creation {                               /* somebody who waits for the first row to be durable */
	struct creation *next;
	job_created *call;
	void *self;
	bool is_new;
};

struct lane {                                   /* the jobs of one device; the first is the active one */
	char *endpoint;
	struct job *first, *last;
	UT_hash_handle hh;
};

struct job {
	struct orchestrator *orchestrator;
	struct lane *lane;
	struct job *next;                       /* in the lane */
	uint64_t id;
	UT_hash_handle by_id, by_key;

	struct arena *order_arena;              /* holds the texts */
	const char *endpoint, *params, *idempotency_key;
	const char *packages;                   /* as in the row */
	const char *key;                        /* caller and idempotency key; NULL without */
	uint64_t caller, package_id;
	const struct loaded_operation *operation;
	struct creation *creations;

	enum job_state state;
	enum job_phase phase;
	uint16_t generation;                    /* of what is under way; an answer to an older one is ignored */
	bool is_broken;                         /* the link broke while a step was being stored */
	bool must_stop, is_overdue;             /* cancelled, or past its deadline: ends at the next boundary of steps */
	uint8_t *kept;                          /* what the plugin keeps, in the clear; wiped */
	size_t kept_len;
	json_t *result;
	struct fault failure;
	uint64_t progress_done, progress_total;
	uint32_t steps, attempts;               /* steps begun; times it was interrupted */
	unsigned rests;                         /* since the last answer */
	int64_t created_ms, updated_ms, deadline_ms;

	struct materials *materials;
	char file_name[FILE_NAME_SIZE];         /* under which its device fetches the package; "": it does not */
	struct arena *step_arena;               /* what `out` points to */
	struct cardea_out out;
	enum cardea_event event;                /* of the step under way */
	enum cardea_result outcome;             /* of the step being stored */
	struct notification *notifications;
	struct note *notes, **notes_end;
	size_t note_count;
	struct timer timer;                     /* wait, rest or store again: by phase */
	struct timer deadline;
};

struct orchestrator {
	struct orchestrator_parts parts;
	struct job *by_id, *by_key;
	struct lane *lanes;
	struct arena *scratch;                  /* reset with each use */
	uint64_t last_id;
	size_t unfinished;
	void (*idle)(void *self, const char *endpoint);
	void *idle_self;
	struct timer first_turns;               /* for the jobs of the last run, once the loop runs */
};

/* ---- job.c ---- */

/* From a row of the store or a new order; not yet in any list. */
MUST_CHECK enum err job_from_row(struct orchestrator *orchestrator, const struct job_row *row, struct job **ret_job,
                                 struct fault *fault);
void job_free(struct job *job);
/* One more who waits for the first row; while the job is in PHASE_CREATING. */
MUST_CHECK enum err job_await_creation(struct job *job, job_created *call, void *self, bool is_new);
/* The row, in the arena: the kept state is sealed here. */
MUST_CHECK enum err job_to_row(const struct job *job, struct arena *arena, struct job_row *ret_row);
void job_publish(const struct job *job);
/* Tells what the step that is stored announced. */
void job_announce(const struct job *job);
void job_drop_notifications(struct job *job);
/* Adds one, replaces the last of its path; drops it when there is no memory: the plugin polls then. */
void job_note_notification(struct job *job, struct lwm2m_path path, uint16_t format, struct bytes payload);
MUST_CHECK enum err job_replace_kept(struct job *job, struct bytes state);
void job_drop_kept(struct job *job);

/* ---- job_step.c ---- */

struct answer;

/* Begins the answer of a step; what the server itself has to say to the trace comes first. */
void job_begin_step(struct job *job);
void job_note(struct job *job, const char *direction, const char *text);
/* For the trace of the next step; lost when there are too many or no memory. */
void job_note_later(struct job *job, const char *layer, const char *direction, const char *text, struct bytes raw);
void job_drop_notes(struct job *job);
/* Runs the step and stores its answer: SIGNAL_STORED follows, or the job ends. */
void job_run_step(struct job *job, enum cardea_event event, const struct answer *answer);
/* It has run: stores what it answered. */
void job_end_step(struct job *job);
/* Ends the job in one of the last four states: stores the last row. */
void job_end(struct job *job, enum job_state state);
/* Stores the row with what the step left; SIGNAL_STORED follows, SIGNAL_TIMER when it has to be tried again. */
void job_store(struct job *job);
void job_store_later(struct job *job);
/* As job_store, once: for a row that nothing depends on. */
MUST_CHECK enum err job_put(struct job *job);

/* ---- advance.c ---- */

struct answer {                         /* of the device, with SIGNAL_ANSWERED and SIGNAL_NOTIFIED */
	struct lwm2m_path path;
	uint16_t format;
	struct bytes payload;
	struct lwm2m_records records;
	struct fault fault;
	uint8_t code;
};

/* The one entry into the state table. `with` belongs to the signal: struct answer, or enum err with SIGNAL_PREPARED,
 * SIGNAL_WORKED and SIGNAL_NOT_STORED. The job may be gone afterwards. */
void job_advance(struct job *job, enum job_signal signal, const void *with);
void job_arm_deadline(struct job *job);

/* ---- orchestrator.c ---- */

struct job *job_find(struct orchestrator *orchestrator, uint64_t id);
/* Puts a new job at the end of its device's lane; the orchestrator owns it then. ERR_NOMEM. */
MUST_CHECK enum err orchestrator_add(struct job *job);
/* Takes a finished job out of its lane, frees it, and gives the next one its turn. */
void orchestrator_drop(struct job *job);
/* What completions carry: job id and generation. A new ticket makes the older ones void. */
uint64_t job_ticket(struct job *job);
/* NULL when the job is gone or the ticket is void. */
struct job *orchestrator_by_ticket(struct orchestrator *orchestrator, uint64_t ticket);

#endif
