/* Send (LwM2M Core TS 1.1, 6.4.6): what the device tells by its own decision. */
#ifndef DEVICE_REPORT_H
#define DEVICE_REPORT_H

#include "device.h"
#include "transport.h"

/* Muted is what the server has not unmuted (/1/x/23), and a 1.0 device, which has no Send. */
bool report_is_muted(const struct device *device);
/* Battery level and signal. ERR_UNAVAILABLE, ERR_NOMEM. */
MUST_CHECK enum err report_send(struct line *line, struct device *device);

#endif
