/* The operations that look at the card, change one thing with one command, and look again.
 *
 *   LOOK -> as wanted? done. -> ACT -> LOOK ...
 *
 * Such an operation has a `change` in its row and takes these functions as its plan, take, advance and lost. */
#ifndef SE_ONE_CHANGE_H
#define SE_ONE_CHANGE_H

#include "operations/delegation.h"

enum verdict { AS_WANTED, NOT_AS_WANTED, HAS_ENDED /* the task did */ };

struct one_change {
	/* What the answered queries show. May end the task, and says so then. */
	enum verdict (*compare)(struct task *task);
	/* The command that changes it. A failure of ours only: what the operator asked is checked in prepare. */
	enum err (*compose)(struct task *task, struct command *ret_command);
	/* True when the answer is the last word and no look can come. NULL: never. */
	bool (*is_last_word)(const struct task *task, uint16_t sw);
	/* Of an operation that may be delegated: what the receipt of its command signs. It has its struct delegation as the
	 * first member of its order, prepared. NULL: no token goes with it. */
	void (*subject)(struct task *task, struct receipt_subject *ret_subject);
	const char *what;       /* "the deletion": for the reason when card and registry disagree */
	const char *conditions; /* which conditions are not met when the card says so; NULL */
};

/* Of kept.flags; an operation's own begin after them. */
enum {
	CHANGE_SENT = 1 << 0,
	CHANGE_CONFIRMED = 1 << 1, /* the card said so */
	CHANGE_REFUSED = 1 << 2,   /* kept.kind and reason say why */
	CHANGE_FLAGS_END = 1 << 3,
};

void one_change_plan(struct task *task, struct batch *batch);
void one_change_take(struct task *task, const struct planned *planned, const struct card_answer *answer);
void one_change_advance(struct task *task);
void one_change_lost(struct task *task);

/* For finish: nothing was sent, all was as wanted. */
bool one_change_was_due(const struct task *task);

#endif
