/* The script at work, as the parts of the agent that run it share it. For agent_run.c, agent_target.c and agent_control.c
 * only. Functions with now_ms answer when to go on, -1 when the script has ended and agent->run is NULL. */
#ifndef DEVICE_AGENT_SCRIPT_H
#define DEVICE_AGENT_SCRIPT_H

#include "agent_body.h"
#include "agent_run.h"

/* What an Error Action makes of resource 22 [memory]: one without a value goes on, one that would do
 * something cannot be carried out and stops. */
enum on_error { AS_SET, GO_ON, STOP };

struct run {
	struct arena *script_arena, *step_arena;
	struct script script;
	const struct agent_body *body;
	struct builder answers;
	size_t answer_bytes; /* as the response shows them */
	size_t lists;        /* of an order, that were executed */
	struct script_end end;
	size_t next, executed; /* elements of the script; C-APDUs are counted in the record */
	bool is_parsed, is_connected;
	bool is_continued; /* on the channel of the script before */
	bool is_stopped;   /* by an order: nobody wants a response */
	enum on_error on_error;
	unsigned tries;
	int64_t due_ms;
};

/* agent_run.c: the end, and one C-APDU. */
int64_t run_finish(struct agent *agent, enum script_status status, const char *reason);
int64_t run_transmit(struct agent *agent, int64_t now_ms, struct bytes command);
/* Of an order: after each element, whether that was the last of its list. */
void run_count_lists(struct run *run);

/* agent_target.c: the application and its channel. False: `ret_next_ms` says when to go on. */
bool run_may_open(struct agent *agent, int64_t now_ms, struct bytes aid, int64_t *ret_next_ms);
bool run_open_application(struct agent *agent, int64_t now_ms, struct bytes aid, int64_t *ret_next_ms);
int64_t run_open_target(struct agent *agent, int64_t now_ms);
/* Another try later, as resources 23 and 24 say; or the end. */
int64_t run_retry(struct agent *agent, int64_t now_ms, enum script_status status, const char *reason);

/* agent_control.c: what is no C-APDU, and C-APDUs of a SERAM 2.0.0 session. */
int64_t run_obey(struct agent *agent, int64_t now_ms, const struct script_command *command);
int64_t run_transmit_in_session(struct agent *agent, int64_t now_ms, struct bytes command);

#endif
