/* An agent that speaks SERAM 2.0.0: Handshake, then Reports until an Order says stop. It knows nothing after a power cut,
 * since the protocol has no way to resume. */
#ifndef DEVICE_LOCAL_AGENT_H
#define DEVICE_LOCAL_AGENT_H

#include "remote_agent.h"

MUST_CHECK enum err local_agent_converse(struct remote_agent *remote, struct fault *fault);

#endif
