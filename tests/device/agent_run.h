/* The running of one script by the agent. */
#ifndef DEVICE_AGENT_RUN_H
#define DEVICE_AGENT_RUN_H

#include "agent.h"

/* Prepares the stored request. ERR_NOMEM. */
MUST_CHECK enum err run_create(const struct agent *agent, int64_t now_ms, struct run **ret_run);
void run_free(struct run *run); /* accepts NULL */

/* The next piece of work. Answers when to call again; -1 when the script has ended, and agent->run is NULL.
 */
int64_t run_step(struct agent *agent, int64_t now_ms);

/* [design] A target in place of an application: the basic channel as it is. */
#define BASIC_CHANNEL "//channel/0"

/* "//aid/<RID>/<PIX>" to the AID. False when it is none. */
bool target_parse(struct bytes target, uint8_t ret_aid[CARD_AID_MAX], size_t *ret_len);
/* The AID to that. */
void target_print(struct bytes aid, char ret_target[static AGENT_TARGET_MAX]);

/* Closes the logical channel, if one is open. */
void agent_close_channel(struct agent *agent);

#endif
