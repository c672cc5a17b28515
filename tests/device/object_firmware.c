/* Object 5, Firmware Update 1.0, by push (LwM2M Core TS 1.1, E.6). */
#include "firmware.h"

#include <cardea/crypto.h>
#include <stdio.h>

#include "device.h"

enum {
	PACKAGE = 0,
	PACKAGE_URI = 1,
	UPDATE = 2,
	STATE = 3,
	RESULT = 5,
	PACKAGE_NAME = 6,
	PACKAGE_VERSION = 7,
	DELIVERY_METHOD = 9,
};

#define FIRMWARE(resource)     RESOURCE_PATH(5, 0, resource)
#define DELIVERY_BY_PUSH       1
#define UPDATE_TAKES_MS        300
#define PACKAGE_NAME_OF_DEVICE "cardea-device"

/* clang-format off */
static const struct resource resources[] = {
	{ PACKAGE,         KIND_OPAQUE,  WRITABLE,            0,        0, 0   },
	{ PACKAGE_URI,     KIND_STRING,  READABLE | WRITABLE, STORED,   0, 255 },
	{ UPDATE,          KIND_NONE,    EXECUTABLE,          0,        0, 0   },
	{ STATE,           KIND_INTEGER, READABLE,            STORED,   0, 0   },
	{ RESULT,          KIND_INTEGER, READABLE,            STORED,   0, 0   },
	{ PACKAGE_NAME,    KIND_STRING,  READABLE,            0,        0, 0   },
	{ PACKAGE_VERSION, KIND_STRING,  READABLE,            STORED,   0, 0   },
	{ DELIVERY_METHOD, KIND_INTEGER, READABLE,            0,        0, 0   },
};
/* clang-format on */

static enum firmware_state state_of(const struct device *device)
{
	return (enum firmware_state)device_stored_integer(device, FIRMWARE(STATE), FIRMWARE_IDLE);
}

static enum err enter(struct device *device, enum firmware_state state, enum firmware_result result)
{
	enum err err = values_set(&device->values, FIRMWARE(STATE), INTEGER_VALUE(state));

	if (err == ERR_NONE)
		err = values_set(&device->values, FIRMWARE(RESULT), INTEGER_VALUE(result));
	if (err == ERR_NONE)
		err = device_save(device);
	device_changed(device, FIRMWARE(STATE));
	device_changed(device, FIRMWARE(RESULT));
	return err;
}

/* The version of a package is the beginning of its SHA-256, so that whoever sent it can tell what arrived. */
static enum err take_package(struct device *device, struct bytes package)
{
	uint8_t digest[SHA256_SIZE];
	char version[9];
	enum err err = sha256(package, digest);

	if (err != ERR_NONE)
		return err;
	snprintf(version, sizeof(version), "%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
	err = values_set(&device->values, FIRMWARE(PACKAGE_VERSION), STRING_VALUE(version));
	device_changed(device, FIRMWARE(PACKAGE_VERSION));
	return err == ERR_NONE ? enter(device, FIRMWARE_DOWNLOADED, FIRMWARE_INITIAL) : err;
}

static bool is_reset(struct bytes package)
{
	return package.len == 0 || (package.len == 1 && package.at[0] == 0);
}

static enum answer_code check(struct device *device, uint16_t instance, const struct records *records,
			      struct fault *fault)
{
	const struct value *package = records_find(records, FIRMWARE(PACKAGE));
	enum firmware_state state = state_of(device);

	if (state == FIRMWARE_UPDATING) {
		fault_set(fault, ERR_CONFLICT, "the firmware is being updated");
		return METHOD_NOT_ALLOWED;
	}
	if (package != NULL && !is_reset(package->bytes) && state != FIRMWARE_IDLE) {
		fault_set(fault, ERR_CONFLICT, "there is a package already");
		return METHOD_NOT_ALLOWED;
	}
	return CHANGED;
}

static enum answer_code write(struct device *device, uint16_t instance, const struct records *records)
{
	const struct value *package = records_find(records, FIRMWARE(PACKAGE));
	const struct value *uri = records_find(records, FIRMWARE(PACKAGE_URI));
	enum err err = ERR_NONE;

	if (package != NULL && !is_reset(package->bytes))
		err = take_package(device, package->bytes);
	else if (package != NULL || (uri != NULL && uri->bytes.len == 0))
		err = enter(device, FIRMWARE_IDLE, FIRMWARE_INITIAL);
	else if (uri != NULL) /* the device cannot pull, and says so the way the specification wants it */
		err = enter(device, FIRMWARE_IDLE, FIRMWARE_PROTOCOL_UNSUPPORTED);
	return err == ERR_NONE ? CHANGED : INTERNAL_ERROR;
}

static enum answer_code execute(struct device *device, uint16_t instance, uint16_t resource,
				const struct arguments *arguments)
{
	if (state_of(device) != FIRMWARE_DOWNLOADED)
		return METHOD_NOT_ALLOWED;
	device->firmware.due_ms = device->now_ms + UPDATE_TAKES_MS;
	return enter(device, FIRMWARE_UPDATING, FIRMWARE_INITIAL) == ERR_NONE ? CHANGED : INTERNAL_ERROR;
}

static void read(struct device *device, struct path path, const struct resource *resource,
		 struct records *records)
{
	if (resource->id == DELIVERY_METHOD)
		records_add(records, path, INTEGER_VALUE(DELIVERY_BY_PUSH));
	if (resource->id == PACKAGE_NAME && state_of(device) != FIRMWARE_IDLE)
		records_add(records, path, STRING_VALUE(PACKAGE_NAME_OF_DEVICE));
}

static void fill(struct device *device, uint16_t instance)
{
	const struct record defaults[] = {
		{ FIRMWARE(PACKAGE_URI), STRING_VALUE("") },
		{ FIRMWARE(STATE), INTEGER_VALUE(FIRMWARE_IDLE) },
		{ FIRMWARE(RESULT), INTEGER_VALUE(FIRMWARE_INITIAL) },
	};

	device_fill(device, defaults, sizeof(defaults) / sizeof(defaults[0]));
}

const struct object object_firmware = {
	.id = 5,
	.resources = resources,
	.resource_count = sizeof(resources) / sizeof(resources[0]),
	.instances = one_instance,
	.read = read,
	.check = check,
	.write = write,
	.execute = execute,
	.fill = fill,
};

enum err firmware_start(struct device *device)
{
	const struct value *version = values_get(&device->values, FIRMWARE(PACKAGE_VERSION));
	enum err err = ERR_NONE;

	if (state_of(device) != FIRMWARE_UPDATING)
		return ERR_NONE;
	if (version != NULL)
		err = values_set(&device->values, RESOURCE_PATH(3, 0, 3), *version);
	return err == ERR_NONE ? enter(device, FIRMWARE_IDLE, FIRMWARE_SUCCESS) : err;
}

int64_t firmware_step(struct device *device)
{
	if (device->firmware.due_ms == 0)
		return -1;
	if (device->now_ms < device->firmware.due_ms)
		return device->firmware.due_ms;
	device->firmware.due_ms = 0;
	device->wish = WISH_REBOOT;
	return -1;
}
