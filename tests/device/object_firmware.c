/* Object 5, Firmware Update 1.1, by push and pull (LwM2M Core TS 1.1, E.6). */
#include "firmware.h"

#include "device.h"
#include "firmware_package.h"
#include "log.h"

enum {
	PACKAGE = 0,
	PACKAGE_URI = 1,
	UPDATE = 2,
	STATE = 3,
	RESULT = 5,
	PACKAGE_NAME = 6,
	PACKAGE_VERSION = 7,
	PROTOCOLS = 8,
	DELIVERY_METHOD = 9,
	CANCEL = 10,
	SEVERITY = 11,
	MAX_DEFER = 13,
};

#define FIRMWARE(resource)     RESOURCE_PATH(5, 0, resource)
#define PROTOCOL_COAP          0
#define PROTOCOL_COAPS         1
#define PROTOCOL_COAP_TCP      4
#define PROTOCOL_COAP_TLS      5
#define SEVERITY_MANDATORY     1
#define UPDATE_TAKES_MS        300
#define PACKAGE_NAME_OF_DEVICE "cardea-device"

/* clang-format off */
static const struct resource resources[] = {
	{ PACKAGE,         KIND_OPAQUE,   WRITABLE,            0,        0, 0          },
	{ PACKAGE_URI,     KIND_STRING,   READABLE | WRITABLE, STORED,   0, 255        },
	{ UPDATE,          KIND_NONE,     EXECUTABLE,          0,        0, 0          },
	{ STATE,           KIND_INTEGER,  READABLE,            STORED,   0, 0          },
	{ RESULT,          KIND_INTEGER,  READABLE,            STORED,   0, 0          },
	{ PACKAGE_NAME,    KIND_STRING,   READABLE,            0,        0, 0          },
	{ PACKAGE_VERSION, KIND_STRING,   READABLE,            STORED,   0, 0          },
	{ PROTOCOLS,       KIND_INTEGER,  READABLE,            MULTIPLE, 0, 0          },
	{ DELIVERY_METHOD, KIND_INTEGER,  READABLE,            0,        0, 0          },
	{ CANCEL,          KIND_NONE,     EXECUTABLE,          0,        0, 0          },
	{ SEVERITY,        KIND_INTEGER,  READABLE | WRITABLE, STORED,   0, 2          },
	{ MAX_DEFER,       KIND_UNSIGNED, READABLE | WRITABLE, STORED,   0, UINT32_MAX },
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
	if (state != FIRMWARE_DOWNLOADING)
		device->firmware.fetch = 0;
	device_changed(device, FIRMWARE(STATE));
	device_changed(device, FIRMWARE(RESULT));
	return err;
}

/* The failure that the command line orders, when its time has come: at a delivery or at an update. */
static enum firmware_result ordered_failure(struct device *device, bool is_update)
{
	const struct options *options = device->options;
	enum firmware_result result = (enum firmware_result)options->firmware_failure;
	bool is_of_update =
		result == FIRMWARE_FAILED || result == FIRMWARE_CANCELLED || result == FIRMWARE_DEFERRED;

	if (result == FIRMWARE_INITIAL || is_of_update != is_update ||
	    device->firmware.failures >= options->firmware_failures)
		return FIRMWARE_INITIAL;
	device->firmware.failures++;
	return result;
}

static enum err take_package(struct device *device, struct bytes package)
{
	char version[FIRMWARE_VERSION_SIZE];
	enum firmware_result result = ordered_failure(device, false);

	if (result == FIRMWARE_INITIAL)
		result = firmware_package_check(package, version);
	if (result != FIRMWARE_INITIAL)
		return enter(device, FIRMWARE_IDLE, result);
	enum err err = values_set(&device->values, FIRMWARE(PACKAGE_VERSION), STRING_VALUE(version));
	device_changed(device, FIRMWARE(PACKAGE_VERSION));
	return err == ERR_NONE ? enter(device, FIRMWARE_DOWNLOADED, FIRMWARE_INITIAL) : err;
}

static bool is_reset(struct bytes package)
{
	return package.len == 0 || (package.len == 1 && package.at[0] == 0);
}

/* ---- pull ---- */

static bool has_scheme(struct bytes uri, const char *scheme)
{
	return bytes_equal_text(bytes_first(uri, strlen(scheme)), scheme);
}

static enum err begin_fetch(struct device *device, struct bytes uri)
{
	if (!has_scheme(uri, "coap://") && !has_scheme(uri, "coaps://") && !has_scheme(uri, "coap+tcp://") &&
	    !has_scheme(uri, "coaps+tcp://"))
		return enter(device, FIRMWARE_IDLE, FIRMWARE_PROTOCOL_UNSUPPORTED);
	device->firmware.fetch = ++device->firmware.fetches;
	return enter(device, FIRMWARE_DOWNLOADING, FIRMWARE_INITIAL);
}

void firmware_fetched(struct device *device, struct bytes package)
{
	device->save_error = take_package(device, package);
}

void firmware_not_fetched(struct device *device, enum firmware_result result)
{
	log_info("firmware.not_fetched", "endpoint=%s result=%d", device->endpoint, result);
	device->save_error = enter(device, FIRMWARE_IDLE, result);
}

/* ---- what a server may do ---- */

static enum answer_code check(struct device *device, uint16_t instance, const struct records *records,
			      struct fault *fault)
{
	const struct value *package = records_find(records, FIRMWARE(PACKAGE));
	const struct value *uri = records_find(records, FIRMWARE(PACKAGE_URI));
	bool begins = (package != NULL && !is_reset(package->bytes)) || (uri != NULL && uri->bytes.len > 0);
	enum firmware_state state = state_of(device);

	if (state == FIRMWARE_UPDATING) {
		fault_set(fault, ERR_CONFLICT, "the firmware is being updated");
		return METHOD_NOT_ALLOWED;
	}
	if (begins && state != FIRMWARE_IDLE) {
		fault_set(fault, ERR_CONFLICT, "there is a package already, or on its way");
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
	else if (uri != NULL)
		err = begin_fetch(device, uri->bytes);
	return err == ERR_NONE ? CHANGED : INTERNAL_ERROR;
}

static enum err defer(struct device *device)
{
	int64_t longest_s = device_stored_integer(device, FIRMWARE(MAX_DEFER), 0);

	if (longest_s > 0)
		device->firmware.due_ms = device->now_ms + longest_s * 1000;
	return enter(device, FIRMWARE_DOWNLOADED, FIRMWARE_DEFERRED);
}

static enum err update(struct device *device)
{
	device->firmware.due_ms = device->now_ms + UPDATE_TAKES_MS;
	return enter(device, FIRMWARE_UPDATING, FIRMWARE_INITIAL);
}

static enum answer_code execute(struct device *device, uint16_t instance, uint16_t resource,
				const struct arguments *arguments)
{
	const bool is_cancel = resource == CANCEL;
	enum firmware_state state = state_of(device);
	enum err err;

	if (is_cancel && (state == FIRMWARE_DOWNLOADING || state == FIRMWARE_DOWNLOADED))
		err = enter(device, FIRMWARE_IDLE, FIRMWARE_CANCELLED);
	else if (is_cancel || state != FIRMWARE_DOWNLOADED)
		return METHOD_NOT_ALLOWED;
	else if (device->options->firmware_failure == FIRMWARE_DEFERRED &&
		 ordered_failure(device, true) != FIRMWARE_INITIAL)
		err = defer(device);
	else
		err = update(device);
	return err == ERR_NONE ? CHANGED : INTERNAL_ERROR;
}

static void read(struct device *device, struct path path, const struct resource *resource,
		 struct records *records)
{
	if (resource->id == DELIVERY_METHOD)
		records_add(records, path, INTEGER_VALUE(device->options->firmware_delivery));
	if (resource->id == PROTOCOLS) {
		records_add(records, path_append(path, 0), INTEGER_VALUE(PROTOCOL_COAP));
		records_add(records, path_append(path, 1), INTEGER_VALUE(PROTOCOL_COAPS));
		records_add(records, path_append(path, 2), INTEGER_VALUE(PROTOCOL_COAP_TCP));
		records_add(records, path_append(path, 3), INTEGER_VALUE(PROTOCOL_COAP_TLS));
	}
	if (resource->id == PACKAGE_NAME && state_of(device) != FIRMWARE_IDLE)
		records_add(records, path, STRING_VALUE(PACKAGE_NAME_OF_DEVICE));
}

static void fill(struct device *device, uint16_t instance)
{
	const struct record defaults[] = {
		{ FIRMWARE(PACKAGE_URI), STRING_VALUE("") },
		{ FIRMWARE(STATE), INTEGER_VALUE(FIRMWARE_IDLE) },
		{ FIRMWARE(RESULT), INTEGER_VALUE(FIRMWARE_INITIAL) },
		{ FIRMWARE(SEVERITY), INTEGER_VALUE(SEVERITY_MANDATORY) },
		{ FIRMWARE(MAX_DEFER), UNSIGNED_VALUE(0) },
	};

	device_fill(device, defaults, sizeof(defaults) / sizeof(defaults[0]));
}

const struct object object_firmware = {
	.id = 5,
	.version = "1.1",
	.resources = resources,
	.resource_count = sizeof(resources) / sizeof(resources[0]),
	.instances = one_instance,
	.read = read,
	.check = check,
	.write = write,
	.execute = execute,
	.fill = fill,
};

/* ---- what happens by itself ---- */

enum err firmware_start(struct device *device)
{
	const struct value *version = values_get(&device->values, FIRMWARE(PACKAGE_VERSION));
	enum firmware_state state = state_of(device);
	enum err err = ERR_NONE;

	if (state == FIRMWARE_DOWNLOADING)
		device->firmware.fetch = ++device->firmware.fetches;
	if (state != FIRMWARE_UPDATING)
		return ERR_NONE;
	if (version != NULL)
		err = values_set(&device->values, RESOURCE_PATH(3, 0, 3), *version);
	return err == ERR_NONE ? enter(device, FIRMWARE_IDLE, FIRMWARE_SUCCESS) : err;
}

/* The new firmware starts, or it is found that it does not: then the package is still there. */
static void end_update(struct device *device)
{
	enum firmware_result result = ordered_failure(device, true);
	enum firmware_state state = result == FIRMWARE_FAILED ? FIRMWARE_DOWNLOADED : FIRMWARE_IDLE;

	if (result == FIRMWARE_INITIAL)
		device->wish = WISH_REBOOT;
	else
		device->save_error = enter(device, state, result);
}

int64_t firmware_step(struct device *device)
{
	if (device->firmware.due_ms == 0)
		return -1;
	if (device->now_ms < device->firmware.due_ms)
		return device->firmware.due_ms;
	device->firmware.due_ms = 0;
	if (state_of(device) == FIRMWARE_UPDATING)
		end_update(device);
	else if (state_of(device) == FIRMWARE_DOWNLOADED)
		device->save_error = update(device);
	return device->firmware.due_ms > 0 ? device->firmware.due_ms : -1;
}
