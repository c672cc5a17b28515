/* An agent that speaks SERAM 2.0.0: Handshake, then Reports that are answered with Orders. */
#ifndef SE_GATEWAY_LOCAL_AGENT_H
#define SE_GATEWAY_LOCAL_AGENT_H

#include "gateway/conversation.h"

/* Whether the path is one of SERAM 2.0.0: .../gp/seram/handshake or /remoteManagement. */
bool local_agent_is_asked(const char *path);
void local_agent_serve(struct gateway *gateway, const struct cardea_http_request *request);

/* The script of one Order, as the C-APDUs of its seRamCommand: SELECT by name first where `target` is not NULL
 * ("//aid/A000000151/000000"). ERR_UNSUPPORTED: it has more than C-APDUs. ERR_MALFORMED, ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err local_agent_commands(struct arena *arena, struct bytes script, const char *target,
					 const struct bytes **ret_apdus, size_t *ret_count);
/* The R-APDUs of a seRamResponse as a script's response and status. */
MUST_CHECK enum err local_agent_response(struct arena *arena, const struct bytes *apdus, size_t count, bool had_select,
					 struct bytes *ret_response, int64_t *ret_status);

#endif
