/* The commands of one script: wrapped as the secure channel says, cut to what the agent takes. */
#ifndef SE_BATCH_H
#define SE_BATCH_H

#include "engine/task.h"

struct batch {
	struct task *task;
	struct planned planned[BATCH_MAX_COMMANDS];
	size_t count;
	size_t request_bytes, response_bytes;
	bool is_full;
	bool has_change; /* a command that must not run twice */
	bool has_more_changes; /* than one */
	bool goes_on_after_error; /* whatever it changes */
	const struct script_action *actions; /* what stands between the commands; of forms that are scripts */
	size_t action_count;
};

/* Bytes of an answer, in the clear: what a script has room for is reckoned with them. An answer that is longer costs another
 * script, no more. */
enum batch_answer { ANSWER_SHORT = 10, ANSWER_LONG = 256 };

/* Everything of the next script: what opens the channel, where that is due, and what the operation plans. The same for the same kept state. Failures end the task. */
void batch_compose(struct batch *batch, struct task *task);

/* False when it does not fit any more; then nothing changed. For operation.plan. `answer_bytes`: enum batch_answer, or what is
 * known better. */
bool batch_add(struct batch *batch, const struct command *plain, unsigned what, size_t answer_bytes);
/* As batch_add, for a command that changes the card. */
bool batch_add_change(struct batch *batch, const struct command *plain, unsigned what);

/* As batch_add_change, for one that is answered with a confirmation. */
bool batch_add_confirmed_change(struct batch *batch, const struct command *plain, unsigned what);

/* A command that opens the channel (`opening`: enum opening) and goes as it is. False when it does not fit. */
bool batch_add_opening(struct batch *batch, const struct command *command, unsigned opening, size_t answer_bytes);

/* The most plain data that an answer in this batch brings, so that it is not cut. */
size_t batch_max_answer(const struct batch *batch);
/* The most plain data that one command of this batch can carry, and that one more can carry: 0 when there is no room. */
size_t batch_max_data(const struct batch *batch);
size_t batch_room(const struct batch *batch);

/* As the body of a request, and what its response is read against. */
MUST_CHECK enum err batch_request(const struct batch *batch, struct body_request *ret_request, struct fault *fault);
MUST_CHECK enum err batch_body(const struct batch *batch, struct bytes *ret_body, struct fault *fault);
/* True when it holds what is nobody's to read, without encryption by the channel. */
bool batch_is_readable_secret(const struct batch *batch);
/* Writes the commands to the job's trace. */
void batch_trace(const struct batch *batch);
void answer_trace(struct task *task, const struct planned *planned, const struct response *wire,
		  const struct response *plain);

#endif
