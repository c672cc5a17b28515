/* An agent that speaks SERAM 2.0.0: Handshake, then Reports that are answered with Orders. Its scripts are Orders already
 * (Body Format 1), and what it reports is their response as it stands. */
#ifndef SE_GATEWAY_LOCAL_AGENT_H
#define SE_GATEWAY_LOCAL_AGENT_H

#include "gateway/conversation.h"

/* Whether the path is one of SERAM 2.0.0: .../gp/seram/handshake or /remoteManagement. */
bool local_agent_is_asked(const char *path);
void local_agent_serve(struct gateway *gateway, const struct cardea_http_request *request);

#endif
