/* What is remembered of a key set of a card from job to job, through restarts: how authentications went, and what the next session
 * begins with. The operator sees it in the inventory.
 *
 * A card counts failed authentications and locks a key set after some. So we count them too, before the card does: an
 * authentication that is sent counts as possibly failed, durably, until its answer says how it went. A job that would be one
 * too many ends before it sends anything. */
#ifndef SE_KEY_MEMORY_H
#define SE_KEY_MEMORY_H

#include "engine/task.h"

#define KEY_MEMORY_DEFAULT_LIMIT 2

struct key_memory {
	uint32_t failures;          /* since the last success */
	uint32_t possible_failures; /* whose outcome is not known */

	/* The answer to the next INITIALIZE UPDATE, where a card makes its challenges of a counter. Forgotten before one is sent,
	 * known again when its session is open: a counter that may have moved is not known. */
	bool has_counter;
	uint8_t protocol; /* of the session that told it: two may use one key version */
	uint32_t next_counter;
	uint8_t i;
	struct bytes diversification;
	/* SCP11: what the card gave as its certificates, and whether its MACs are long. */
	struct bytes certificates;
	uint8_t certified_key_id;
	struct bytes numbers; /* LV of 42 and of 45, when they were asked */
	bool is_s16;
};

/* Of the key version that is kept. All zero when there is none. */
struct key_memory key_memory_read(struct task *task);
void key_memory_write(struct task *task, const struct key_memory *memory);

/* An INITIALIZE UPDATE will be sent. */
void key_memory_forget_counter(struct task *task);

/* ---- authentications ---- */

/* Before a session is opened. False when one more failure might lock the key set: the task has ended. */
bool authentication_is_safe(struct task *task);
/* With the script that has one. */
void authentication_begins(struct task *task);
/* One may fail without stopping the next. */
bool authentication_may_fail(const struct task *task, const struct key_memory *memory);

enum authentication_end {
	AUTHENTICATION_SUCCEEDED,
	AUTHENTICATION_FAILED, /* also of the card: its cryptogram is wrong */
	AUTHENTICATION_NOT_TRIED, /* the command cannot have run */
};
void authentication_ended(struct task *task, enum authentication_end end);

#endif
