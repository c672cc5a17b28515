/* An agent that speaks SERAM 1.0.1: it asks its server for scripts, lets its secure elements run them, and reports. What it
 * has to know after a power cut is in the state folder. */
#ifndef DEVICE_ADMIN_AGENT_H
#define DEVICE_ADMIN_AGENT_H

#include "remote_agent.h"

MUST_CHECK enum err admin_agent_converse(struct remote_agent *remote, struct fault *fault);

#endif
