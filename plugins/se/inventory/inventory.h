/* The inventory item of a secure element (section "secure-elements"): kept true by every operation, from what it saw.
 *
 * All answers to an operation's queries go into the item when it ends, unless a change was sent after them; so an
 * operation only has to look. A change that was sent and not seen leaves a mark in the item, and what an audit finds
 * then counts as expected. */
#ifndef SE_INVENTORY_H
#define SE_INVENTORY_H

#include "engine/task.h"
#include "seram/seram.h"

/* The agent's word on the reader and what is in it. */
void inventory_see_reader(struct task *task, const struct seram_instance *instance);
/* The same of all others in an answer that has the whole object. */
void inventory_see_other_readers(struct task *task);
/* The card is about to be changed. */
void inventory_expect_change(struct task *task);
/* The operation has ended. */
void inventory_refresh(struct task *task);

/* What the last word of a card proves: it is terminated, and no look will tell. */
void inventory_terminate(struct task *task);

/* The item as it is known now; an empty object when nothing is. A new reference. */
json_t *inventory_item(struct task *task);

#endif
