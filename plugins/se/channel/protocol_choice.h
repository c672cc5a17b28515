/* Which protocol opens the channel: what the operator wants, what the card announces, which keys there are. */
#ifndef SE_PROTOCOL_CHOICE_H
#define SE_PROTOCOL_CHOICE_H

#include "channel/protocol.h"
#include "channel/scp11.h"

/* 0 is "not chosen yet"; the others are in order of preference. */
enum protocol_choice {
	CHOICE_NONE,
	CHOICE_SCP11A,
	CHOICE_SCP03,
	CHOICE_SCP11C,
	CHOICE_SCP02,
	CHOICE_SCP11B, /* authenticates the card only: the card gives no right to manage its content */
	CHOICE_SCP80, /* this and the next only when asked for, or when there are no other keys */
	CHOICE_PLAIN, /* nothing is protected */
	CHOICE_COUNT
};

const struct protocol *choice_protocol(enum protocol_choice choice); /* NULL for CHOICE_NONE */
enum scp11_variant choice_variant(enum protocol_choice choice);
/* "scp11a"; CHOICE_NONE for "auto", CHOICE_COUNT for a name that does not exist. */
enum protocol_choice choice_of(const char *name);
const char *choice_text(enum protocol_choice choice);

/* Chooses where one answer is possible without asking the card; else asks it. Failures end the task. */
void choice_prepare(struct task *task);
void choice_plan(struct batch *batch);
void choice_take(struct task *task, const struct planned *planned, const struct response *response);
/* The answer to the INITIALIZE UPDATE that went with the questions: of use when SCP03 is chosen. */
void choice_take_early(struct task *task, const struct planned *planned, const struct response *response);

#endif
