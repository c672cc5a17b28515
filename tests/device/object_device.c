/* Object 3, Device 1.1. */
#include "device.h"
#include "place.h"

enum {
	MANUFACTURER = 0,
	MODEL = 1,
	SERIAL = 2,
	FIRMWARE_VERSION = 3,
	REBOOT = 4,
	FACTORY_RESET = 5,
	POWER_SOURCES = 6,
	POWER_VOLTAGE = 7,
	POWER_CURRENT = 8,
	BATTERY_LEVEL = 9,
	MEMORY_FREE = 10,
	ERROR_CODE = 11,
	RESET_ERROR_CODE = 12,
	CURRENT_TIME = 13,
	UTC_OFFSET = 14,
	TIMEZONE = 15,
	SUPPORTED_BINDINGS = 16,
	DEVICE_TYPE = 17,
	BATTERY_STATUS = 20,
	MEMORY_TOTAL = 21,
};

/* clang-format off */
static const struct resource resources[] = {
	{ MANUFACTURER,       KIND_STRING,  READABLE,            0,        0, 0  },
	{ MODEL,              KIND_STRING,  READABLE,            0,        0, 0  },
	{ SERIAL,             KIND_STRING,  READABLE,            0,        0, 0  },
	{ FIRMWARE_VERSION,   KIND_STRING,  READABLE,            STORED,   0, 0  },
	{ REBOOT,             KIND_NONE,    EXECUTABLE,          0,        0, 0  },
	{ FACTORY_RESET,      KIND_NONE,    EXECUTABLE,          0,        0, 0  },
	{ POWER_SOURCES,      KIND_INTEGER, READABLE,            MULTIPLE, 0, 0  },
	{ POWER_VOLTAGE,      KIND_INTEGER, READABLE,            MULTIPLE, 0, 0  },
	{ POWER_CURRENT,      KIND_INTEGER, READABLE,            MULTIPLE, 0, 0  },
	{ BATTERY_LEVEL,      KIND_INTEGER, READABLE,            0,        0, 0  },
	{ MEMORY_FREE,        KIND_INTEGER, READABLE,            0,        0, 0  },
	{ ERROR_CODE,         KIND_INTEGER, READABLE,            MULTIPLE, 0, 0  },
	{ RESET_ERROR_CODE,   KIND_NONE,    EXECUTABLE,          0,        0, 0  },
	{ CURRENT_TIME,       KIND_TIME,    READABLE | WRITABLE, QUIET,    0, 0  },
	{ UTC_OFFSET,         KIND_STRING,  READABLE | WRITABLE, STORED,   0, 9  },
	{ TIMEZONE,           KIND_STRING,  READABLE | WRITABLE, STORED,   0, 64 },
	{ SUPPORTED_BINDINGS, KIND_STRING,  READABLE,            0,        0, 0  },
	{ DEVICE_TYPE,        KIND_STRING,  READABLE,            0,        0, 0  },
	{ BATTERY_STATUS,     KIND_INTEGER, READABLE,            0,        0, 0  },
	{ MEMORY_TOTAL,       KIND_INTEGER, READABLE,            0,        0, 0  },
};
/* clang-format on */

static void read_values(const int64_t *values, size_t count, struct path path, struct records *records)
{
	for (size_t i = 0; i < count; i++)
		records_add(records, path_append(path, (uint16_t)i), INTEGER_VALUE(values[i]));
}

static void read_array(struct device *device, struct path path, uint16_t resource, struct records *records)
{
	static const int64_t sources[] = { 1, 5 }; /* internal battery, USB */
	static const int64_t millivolts[] = { 3800, 5000 }, milliamperes[] = { 125, 900 }, errors[] = { 0 };

	switch (resource) {
	case POWER_SOURCES:
		read_values(sources, 2, path, records);
		break;
	case POWER_VOLTAGE:
		read_values(millivolts, 2, path, records);
		break;
	case POWER_CURRENT:
		read_values(milliamperes, 2, path, records);
		break;
	case ERROR_CODE:
		read_values(errors, 1, path, records);
		break;
	default:
		break;
	}
}

static const char *supported_bindings(const struct device *device)
{
	if (device_minor_version(device) > 0) /* TCP where it is sent to a server that has it */
		return scheme_of(device->options->server)->is_stream ? "UT" : "U";
	return device->options->is_queue_mode ? "UQ" : "U";
}

static void read(struct device *device, struct path path, const struct resource *resource,
		 struct records *records)
{
	if (resource->traits & MULTIPLE) {
		read_array(device, path, resource->id, records);
		return;
	}
	switch (resource->id) {
	case MANUFACTURER:
		records_add(records, path, STRING_VALUE("Cardea"));
		break;
	case MODEL:
		records_add(records, path, STRING_VALUE("reference device"));
		break;
	case SERIAL:
		records_add(records, path, STRING_VALUE(device->endpoint));
		break;
	case BATTERY_LEVEL:
		records_add(records, path, INTEGER_VALUE(device->battery_percent));
		break;
	case MEMORY_FREE:
		records_add(records, path, INTEGER_VALUE(512));
		break;
	case CURRENT_TIME:
		records_add(records, path, TIME_VALUE(device_time_s(device)));
		break;
	case SUPPORTED_BINDINGS:
		records_add(records, path, STRING_VALUE(supported_bindings(device)));
		break;
	case DEVICE_TYPE:
		records_add(records, path, STRING_VALUE("simulated"));
		break;
	case BATTERY_STATUS:
		records_add(records, path, INTEGER_VALUE(0));
		break;
	case MEMORY_TOTAL:
		records_add(records, path, INTEGER_VALUE(1024));
		break;
	default:
		break;
	}
}

static enum answer_code write(struct device *device, uint16_t instance, const struct records *records)
{
	const struct value *time = records_find(records, RESOURCE_PATH(3, instance, CURRENT_TIME));

	if (time != NULL)
		device->clock_offset_s += time->integer - device_time_s(device);
	return CHANGED;
}

static enum answer_code execute(struct device *device, uint16_t instance, uint16_t resource,
				const struct arguments *arguments)
{
	if (resource == FACTORY_RESET && device_factory_reset(device) != ERR_NONE)
		return INTERNAL_ERROR;
	if (resource == REBOOT || resource == FACTORY_RESET)
		device->wish = WISH_REBOOT;
	return CHANGED;
}

static void fill(struct device *device, uint16_t instance)
{
	const struct record defaults[] = {
		{ RESOURCE_PATH(3, 0, FIRMWARE_VERSION), STRING_VALUE("1.0.0") },
		{ RESOURCE_PATH(3, 0, UTC_OFFSET), STRING_VALUE("+00:00") },
		{ RESOURCE_PATH(3, 0, TIMEZONE), STRING_VALUE("Etc/UTC") },
	};

	device_fill(device, defaults, sizeof(defaults) / sizeof(defaults[0]));
}

const struct object object_device = {
	.id = 3,
	.version = "1.1",
	.resources = resources,
	.resource_count = sizeof(resources) / sizeof(resources[0]),
	.instances = one_instance,
	.read = read,
	.write = write,
	.execute = execute,
	.fill = fill,
};
