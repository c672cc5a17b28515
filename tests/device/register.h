/* The messages of the registration interface (LwM2M Core TS 1.1, 6.2). */
#ifndef DEVICE_REGISTER_H
#define DEVICE_REGISTER_H

#include "device.h"
#include "transport.h"

/* What the server object says, or the command line did. */
uint32_t register_lifetime_s(const struct device *device);

/* ERR_UNAVAILABLE when the line cannot send, ERR_NOMEM. The answer comes by the line's events. */
MUST_CHECK enum err register_send(struct line *line, struct device *device);
MUST_CHECK enum err update_send(struct line *line, struct device *device, const char *location);
MUST_CHECK enum err deregister_send(struct line *line, const char *location);

#endif
