/* Firmware update by push: the state machine of object 5 (LwM2M Core TS 1.1, E.6). */
#ifndef DEVICE_FIRMWARE_H
#define DEVICE_FIRMWARE_H

#include <cardea/bytes.h>

struct device;

enum firmware_state {
	FIRMWARE_IDLE = 0,
	FIRMWARE_DOWNLOADING = 1,
	FIRMWARE_DOWNLOADED = 2,
	FIRMWARE_UPDATING = 3,
};

enum firmware_result {
	FIRMWARE_INITIAL = 0,
	FIRMWARE_SUCCESS = 1,
	FIRMWARE_PROTOCOL_UNSUPPORTED = 9,
};

struct firmware {
	int64_t due_ms; /* of the reboot into the new firmware */
};

/* Completes an update that a restart interrupted or was part of. */
MUST_CHECK enum err firmware_start(struct device *device);

/* Answers when to call again, -1: nothing to do. */
int64_t firmware_step(struct device *device);

#endif
