/* Firmware update by push and pull: the state machine of object 5 (LwM2M Core TS 1.1, E.6). */
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
	FIRMWARE_CONNECTION_LOST = 4,
	FIRMWARE_BAD_INTEGRITY = 5,
	FIRMWARE_BAD_TYPE = 6,
	FIRMWARE_BAD_URI = 7,
	FIRMWARE_FAILED = 8,
	FIRMWARE_PROTOCOL_UNSUPPORTED = 9,
	FIRMWARE_CANCELLED = 10,
	FIRMWARE_DEFERRED = 11,
	FIRMWARE_RESULT_MAX = FIRMWARE_DEFERRED,
};

/* Values of resource 9. */
enum firmware_delivery {
	DELIVERY_BY_PULL = 0,
	DELIVERY_BY_PUSH = 1,
	DELIVERY_BOTH = 2,
};

struct firmware {
	int64_t due_ms;    /* of what an Execute began; 0: nothing */
	unsigned fetch;    /* number of the download that is wanted; 0: none */
	unsigned fetches;  /* numbers given so far */
	uint32_t failures; /* by order of the command line, so far */
};

/* Completes an update, or begins a download anew, that a restart interrupted or was part of. */
MUST_CHECK enum err firmware_start(struct device *device);

/* Answers when to call again, -1: nothing to do. */
int64_t firmware_step(struct device *device);

/* What has become of the wanted download. */
void firmware_fetched(struct device *device, struct bytes package);
void firmware_not_fetched(struct device *device, enum firmware_result result);

#endif
