/* The secure channel of a task: opened with the operator's key sets, derived again in every step. */
#ifndef SE_CHANNEL_H
#define SE_CHANNEL_H

#include "channel/protocol_choice.h"

/* Before the first script of a session: chooses protocol, key version and challenge. Failures end the task. */
void channel_prepare(struct task *task);
/* Counts a session; a task that loses its channel too often ends. */
bool channel_begin(struct task *task);

/* Session keys of the channel that is kept, with the chains before the script in flight. Failures end the
 * task. */
void channel_restore(struct task *task);
void channel_wipe(struct task *task);

/* The commands that are due before the operation's; the answer to one of them. */
void channel_plan(struct task *task, struct batch *batch);
void channel_take(struct task *task, const struct planned *planned, const struct response *response);

/* Ends the script with the INITIALIZE UPDATE of the session of SCP03 that follows this one, where it fits. Whoever plans it reopens
 * the channel when the answers before it are good; otherwise, or when the card refuses it, its answer is of no use. */
void channel_plan_next(struct batch *batch, uint8_t key_version, struct bytes host_challenge);
/* Bytes of its challenge, as far as the card is known. */
size_t channel_next_challenge_size(const struct task *task);

/* What the agent selects; empty: nothing, on the basic channel. */
struct bytes channel_target(const struct task *task);

/* Keys can be sent through it. Ends the task otherwise: SCP80 has no key that we know to cipher them, and no protection none. */
bool channel_ciphers_keys(struct task *task);
/* NULL where each command goes by itself. */
const struct packets *channel_packets(const struct task *task);
const struct protocol *channel_protocol(const struct task *task); /* NULL while it is not chosen */

/* The key version that is to be used; 0: the lowest. */
uint8_t channel_wanted_version(const struct task *task);
/* The key set `version` (0: the lowest) of task->key_owner, as the operator stored it.
 * ERR_NOT_FOUND. */
MUST_CHECK enum err channel_keyset(struct task *task, const char *kind, uint8_t version,
				   struct cardea_keyset *ret_keyset);
void keyset_wipe(struct cardea_keyset *keyset);
/* The keys of this card: the operator's, or derived from his with what the card tells. To be wiped. */
MUST_CHECK enum err channel_card_keys(struct task *task, const char *kind, uint8_t version,
				      struct key_set *ret_keys);
/* Why they cannot be had, or cannot be used; answers `err`. */
enum err card_keys_fault(const struct protocol *protocol, uint8_t version, enum err err, struct fault *fault);

/* The operation's word on a key set that the card lacks (ERR_NOT_FOUND) or has with other values (ERR_DENIED). */
bool key_set_refused(struct task *task, enum err kind);

/* With which keys, at which level, in how many scripts: what every operation reports. */
void channel_report(struct task *task);

/* "c-mac+c-dec" and the level; 0xFF for a name that does not exist, 0 for "auto". */
uint8_t security_level_of(const char *name);
const char *security_level_text(uint8_t level);

#endif
