/* The device as an agent that speaks SERAM 1.0.1 over HTTP instead of LwM2M: it asks its server for scripts, lets the
 * agents of its secure elements run them, and reports. What it has to know after a power cut is in the state folder. */
#ifndef DEVICE_ADMIN_AGENT_H
#define DEVICE_ADMIN_AGENT_H

#include "options.h"

/* Until `is_over` says so. ERR_MALFORMED: the server does what it must not; ERR_DENIED: it refuses us. */
MUST_CHECK enum err admin_agent_run(const struct options *options, bool (*is_over)(void), struct fault *fault);

#endif
