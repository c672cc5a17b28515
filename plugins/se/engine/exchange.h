/* One script and its response: composed from what is kept, sent, and its answers taken one by one. */
#ifndef SE_EXCHANGE_H
#define SE_EXCHANGE_H

#include "engine/carrier.h"

/* Composes what comes next and writes it under a new id; opens a secure channel when there is none. */
void next_script(struct task *task);
/* The script in flight once more: it did not arrive. */
void write_again(struct task *task);
/* The response to the script in flight is in the instance: takes it and goes on. */
void script_ended(struct task *task, struct seram_instance *instance);

/* The agent still has its channel to the card. One that does not tell is believed, but not after a break. */
bool agent_has_channel(const struct kept *kept, const struct seram_instance *instance);
/* The secure channel is gone; the operation has to look anew. */
void lose_channel(struct task *task);
/* Tries again later, a bounded number of times. */
void pause_task(struct task *task, enum err kind, const char *reason);

#endif
