/* What a step of a plugin answered: the server's side of cardea_out. A step only fills it; the orchestrator stores it,
 * then does it. */
#ifndef CARDEA_JOBS_STEP_OUT_H
#define CARDEA_JOBS_STEP_OUT_H

#include <cardea/plugin.h>
#include <jansson.h>

struct job;
struct materials;

enum step_next { STEP_NOTHING, STEP_SEND, STEP_WAIT, STEP_WORK };

struct trace_line {
	struct trace_line *next;
	const char *layer, *direction, *text;
	struct bytes raw;
};

struct learned {
	struct learned *next;
	const char *section, *key, *json;       /* json NULL: forget */
};

struct announcement {
	struct announcement *next;
	const char *type, *json;
};

struct counted {
	struct counted *next;
	const char *name;
	uint64_t value;
};

struct cardea_out {
	struct arena *arena;                    /* everything below lives here */
	struct job *job;
	struct materials *materials;
	bool has_state;
	struct bytes state;
	enum step_next next;
	struct cardea_request request;
	uint32_t wait_ms;
	struct {
		enum err (*run)(void *);
		void *arg;
		void (*free_arg)(void *);
	} work;
	struct fault failure;
	bool has_progress;
	uint64_t progress_done, progress_total;
	json_t *result;                         /* owned; members that this step reported */
	struct learned *learned, **learned_end;
	struct announcement *announced, **announced_end;
	struct counted *counted;                /* numbers that were given out */
	struct trace_line *trace, **trace_end;
	size_t trace_count;
	enum err broken;                        /* the first failure of a call: the step counts as failed with it */
};

void step_out_begin(struct cardea_out *out, struct job *job, struct arena *arena, struct materials *materials);
void step_out_end(struct cardea_out *out);              /* frees work that was not taken, wipes the state */

/* The trace and what was learned are durable, and told: forgets them, so that they are not stored and told twice. */
void step_out_stored(struct cardea_out *out);

/* Also for the server's own lines. */
MUST_CHECK enum err step_out_trace(cardea_out *out, const char *layer, const char *direction, const char *text,
                                   struct bytes raw);

/* With all that their values point to. */
MUST_CHECK enum err step_records_copy(struct arena *arena, struct lwm2m_records records,
                                      struct lwm2m_records *ret_records);

/* Sets the members of the host's table that belong to a step. */
void step_out_calls(struct cardea_host_api *api);

#endif
