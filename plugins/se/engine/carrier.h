/* What is asked of the agent: each is the one request of a step, and moves the phase. */
#ifndef SE_CARRIER_H
#define SE_CARRIER_H

#include "engine/batch.h"
#include "seram/seram.h"

void ask_read(struct task *task);
void ask_read_all(struct task *task);
void ask_observe(struct task *task);
/* Target, id and script together. The same for the same kept state, so that it may be repeated while it did
 * not arrive. */
void ask_write(struct task *task, const struct batch *batch);
void ask_run(struct task *task);
void ask_clear(struct task *task);
void ask_end(struct task *task);
/* Instead: waits for a notification. */
void wait_for(struct task *task, enum phase phase, int64_t timeout_ms);

/* The agent's state in a notification. */
int64_t notified_state(const struct task *task);

#endif
