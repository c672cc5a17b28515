/* Looking at the card: the queries of an operation, asked until each is answered, over as many scripts as it
 * takes. */
#ifndef SE_LOOK_H
#define SE_LOOK_H

#include "engine/batch.h"
#include "gp/gp.h"

/* In prepare: adds one, its number is what comes back. */
unsigned look_ask_data(struct task *task, uint16_t tag);
unsigned look_ask_memory(struct task *task); /* how much is free: what loads and deletes leaves it true in the inventory */
unsigned look_ask_status(struct task *task, enum status_scope scope, struct bytes aid, struct bytes tags);

void look_again(struct task *task); /* forgets all answers */
bool look_is_done(const struct task *task);
void look_plan(struct task *task, struct batch *batch);
/* The queries once more, behind a change in its script. Whoever takes the answer to that change calls look_again. */
void look_plan_after(struct task *task, struct batch *batch);
void look_take(struct task *task, const struct planned *planned, const struct card_answer *answer);

/* The answer to a list: empty when nothing matched. False when the card refused to tell or said nonsense; the
 * task is then at its end. */
bool look_registry(struct task *task, unsigned query, struct registry *ret_registry);

/* The answer to GET DATA E0. False as above. */
bool look_key_information(struct task *task, unsigned query, struct key_information *ret_keys);

/* All elements that we understand, as GET STATUS wants them listed. */
extern const struct bytes look_application_tags, look_load_file_tags, look_module_tags;

#endif
