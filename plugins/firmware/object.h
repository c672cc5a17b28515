/* Object 5, Firmware Update (LwM2M Core TS 1.1, E.6), as a server reads it. */
#ifndef FIRMWARE_OBJECT_H
#define FIRMWARE_OBJECT_H

#include <cardea/plugin.h>

enum {
	FIRMWARE_PACKAGE = 0,
	FIRMWARE_PACKAGE_URI = 1,
	FIRMWARE_UPDATE = 2,
	FIRMWARE_STATE = 3,
	FIRMWARE_RESULT = 5,
	FIRMWARE_PACKAGE_VERSION = 7,
	FIRMWARE_PROTOCOLS = 8,
	FIRMWARE_DELIVERY = 9,
	FIRMWARE_CANCEL = 10,
	FIRMWARE_SEVERITY = 11,
	FIRMWARE_MAX_DEFER = 13,
};

#define FIRMWARE(resource)      LWM2M_RESOURCE(5, 0, resource)
#define DEVICE_FIRMWARE_VERSION LWM2M_RESOURCE(3, 0, 3)
#define VERSION_SIZE            256

enum firmware_state { STATE_IDLE, STATE_DOWNLOADING, STATE_DOWNLOADED, STATE_UPDATING, STATE_COUNT };

enum { /* Update Result, where we treat one unlike the others */
       RESULT_INITIAL = 0,
       RESULT_SUCCESS = 1,
       RESULT_CONNECTION_LOST = 4,
       RESULT_DEFERRED = 11,
};

enum firmware_protocol { PROTOCOL_COAP, PROTOCOL_COAPS, PROTOCOL_COAP_TCP = 4, PROTOCOL_COAP_TLS };

enum { DELIVERS_BY_PULL, DELIVERS_BY_PUSH, DELIVERS_BY_BOTH };

/* One look at the device. */
struct view {
	bool has_object;
	enum firmware_state state;
	uint8_t result;
	uint8_t delivery;
	uint32_t protocols; /* bit n: enum firmware_protocol n, and those that we do not speak */
	bool has_severity, has_max_defer;
	char package_version[VERSION_SIZE];
	char version[VERSION_SIZE]; /* of the device, /3/0/3 */
};

/* From the answer to a Read of /5/0. ERR_MALFORMED when the state or result is none that we know. */
MUST_CHECK enum err view_read(struct lwm2m_records records, struct view *view, struct fault *fault);
/* Text of the device, made fit for JSON; cut when it is too long. */
void view_copy_version(struct bytes text, char to[static VERSION_SIZE]);

const char *state_text(enum firmware_state state);
/* What went wrong, and the kind of it that an operator sees; also for numbers that no specification has. */
const char *result_text(uint8_t result);
enum err result_kind(uint8_t result);

#endif
