/* Delegated management (GPCS 2.3.1, 9.1.3.3): what is changed through a security domain that needs somebody's leave goes
 * with a token, made with the operator's key or given by others, and comes back with a receipt, which is verified. A job
 * whose receipt does not verify never succeeds.
 *
 * Tokens are kept, since most are made with random numbers and a script must be the same when it is composed again. The
 * counter of receipts is kept in the inventory, section "receipts", by the unique data of who makes them: it has to rise
 * from job to job. */
#ifndef SE_DELEGATION_H
#define SE_DELEGATION_H

#include "engine/batch.h"
#include "gp/confirmation.h"

#define DELEGATED_APPLICATIONS 8

/* Which command of a job a token is for: its place in kept.notes. */
enum delegated_act {
	DELEGATED_CHANGE,    /* the only command of its job */
	DELEGATED_LOAD,      /* the receipt comes with the last block */
	DELEGATED_TAKE_BACK, /* of what was loaded */
	DELEGATED_INSTALL,   /* and which application: up to DELEGATED_APPLICATIONS */
	DELEGATED_SELECT = DELEGATED_INSTALL + DELEGATED_APPLICATIONS,
	DELEGATED_COUNT = DELEGATED_SELECT + DELEGATED_APPLICATIONS
};

struct delegation {
	bool is_on; /* without asking the card */
	bool has_query;
	unsigned query; /* about the own security domain */
	struct bytes tokens[DELEGATED_COUNT]; /* given by others; empty: ours */
	struct bytes token_identifier;
	bool requires_receipts;
};

/* In prepare: reads its parameters, and asks for the privileges of the security domain where they decide. */
MUST_CHECK enum err delegation_prepare(struct task *task, struct delegation *ret_delegation, struct fault *fault);
/* Reads the tokens for one application of several, out of its own object of parameters (task->params). */
MUST_CHECK enum err delegation_prepare_application(struct task *task, struct delegation *delegation, size_t i,
						   struct fault *fault);
/* After the look. */
bool delegation_is_on(const struct task *task, const struct delegation *delegation);

/* Adds the command as it goes: with a token, where one is due. False when it did not fit, or the task is at its end. */
bool delegation_add(struct batch *batch, const struct delegation *delegation, enum delegated_act act,
		    const struct command *command, unsigned what);
/* The card has done it: reads and verifies what it confirms. */
void delegation_take(struct task *task, const struct delegation *delegation, enum delegated_act act,
		     const struct receipt_subject *subject, const struct card_answer *answer);

/* All is as wanted: success, unless a receipt is wrong, or missing where it is required. */
void delegation_succeed(struct task *task, const struct delegation *delegation);
/* In finish: the receipts, for whoever wants the proof. */
void delegation_report(struct task *task, const struct delegation *delegation);

/* The digest that the token's key asks for (GPCS table C-3). */
enum digest delegation_digest(struct task *task);

#endif
