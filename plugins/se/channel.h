/* The secure channel of a task: opened with the operator's key sets, derived again in every step. */
#ifndef SE_CHANNEL_H
#define SE_CHANNEL_H

#include "batch.h"

#define KEYSET_KIND "scp03"

/* Before the first script of a session: chooses key version and host challenge. Failures end the task. */
void channel_prepare(struct task *task);

/* Session keys of the channel that is kept, with the chains before the script in flight. Failures end the
 * task. */
void channel_restore(struct task *task);
void channel_wipe(struct task *task);

/* The answer to INITIALIZE UPDATE: verifies the card, chooses the level. */
void channel_take_opening(struct task *task, const struct response *response);
/* The answer to EXTERNAL AUTHENTICATE. */
void channel_take_authentication(struct task *task, const struct response *response);

/* The key set `version` (0: the lowest) of the task's security domain, as the operator stored it.
 * ERR_NOT_FOUND. */
MUST_CHECK enum err channel_keyset(struct task *task, uint8_t version, struct cardea_keyset *ret_keyset);
void keyset_wipe(struct cardea_keyset *keyset);

/* With which keys, at which level, in how many scripts: what every operation reports. */
void channel_report(struct task *task);

/* "c-mac+c-dec" and the level; 0xFF for a name that does not exist, 0 for "auto". */
uint8_t security_level_of(const char *name);
const char *security_level_text(uint8_t level);

#endif
