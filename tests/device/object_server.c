/* Object 1, LwM2M Server 1.1. */
#include "account.h"
#include "device.h"
#include "place.h"
#include "retry.h"

enum {
	SHORT_SERVER_ID = 0,
	LIFETIME = 1,
	DEFAULT_PMIN = 2,
	DEFAULT_PMAX = 3,
	DISABLE = 4,
	DISABLE_TIMEOUT = 5,
	STORING = 6,
	BINDING = 7,
	UPDATE_TRIGGER = 8,
	BOOTSTRAP_TRIGGER = 9,
	MUTE_SEND = 23,
};

/* clang-format off */
static const struct resource resources[] = {
	{ SHORT_SERVER_ID,      KIND_INTEGER,  READABLE,            STORED, 1, 65534      },
	{ LIFETIME,             KIND_INTEGER,  READABLE | WRITABLE, STORED, 0, 4294967295 },
	{ DEFAULT_PMIN,         KIND_INTEGER,  READABLE | WRITABLE, STORED, 0, 4294967295 },
	{ DEFAULT_PMAX,         KIND_INTEGER,  READABLE | WRITABLE, STORED, 0, 4294967295 },
	{ DISABLE,              KIND_NONE,     EXECUTABLE,          0,      0, 0          },
	{ DISABLE_TIMEOUT,      KIND_INTEGER,  READABLE | WRITABLE, STORED, 0, 4294967295 },
	{ STORING,              KIND_BOOLEAN,  READABLE | WRITABLE, STORED, 0, 0          },
	{ BINDING,              KIND_STRING,   READABLE | WRITABLE, STORED, 0, 8          },
	{ UPDATE_TRIGGER,       KIND_NONE,     EXECUTABLE,          0,      0, 0          },
	{ BOOTSTRAP_TRIGGER,    KIND_NONE,     EXECUTABLE,          0,      0, 0          },
	{ PRIORITY_ORDER,       KIND_UNSIGNED, READABLE,            STORED, 0, 4294967295 },
	{ INITIAL_DELAY,        KIND_UNSIGNED, READABLE | WRITABLE, STORED, 0, 4294967295 },
	{ FAILURE_BLOCK,        KIND_BOOLEAN,  READABLE,            STORED, 0, 0          },
	{ BOOTSTRAP_ON_FAILURE, KIND_BOOLEAN,  READABLE,            STORED, 0, 0          },
	{ RETRY_COUNT,          KIND_UNSIGNED, READABLE | WRITABLE, STORED, 0, 4294967295 },
	{ RETRY_TIMER,          KIND_UNSIGNED, READABLE | WRITABLE, STORED, 0, 4294967295 },
	{ SEQUENCE_DELAY,       KIND_UNSIGNED, READABLE | WRITABLE, STORED, 0, 4294967295 },
	{ SEQUENCE_COUNT,       KIND_UNSIGNED, READABLE | WRITABLE, STORED, 0, 4294967295 },
	{ MUTE_SEND,            KIND_BOOLEAN,  READABLE | WRITABLE, STORED, 0, 0          },
};
/* clang-format on */

/* With a bootstrap server, or a card, those that were written. */
static size_t instances(const struct device *device, uint16_t ret_ids[INSTANCES_MAX])
{
	return account_is_of_command_line(device) ? one_instance(device, ret_ids)
						  : instances_with_values(device, 1, ret_ids);
}

/* Which of them is used follows from the URI of the server; queue mode is the device's own choice, except
 * that 1.0 names it in the binding. */
static enum answer_code check(struct device *device, uint16_t instance, const struct records *records,
			      struct fault *fault)
{
	const struct value *binding = records_find(records, RESOURCE_PATH(1, instance, BINDING));

	if (binding == NULL || bytes_equal_text(binding->bytes, "U") ||
	    bytes_equal_text(binding->bytes, "UQ") ||
	    (device_minor_version(device) > 0 &&
	     (bytes_equal_text(binding->bytes, "T") || bytes_equal_text(binding->bytes, "UT"))))
		return CHANGED;
	fault_set(fault, ERR_MALFORMED, "only the bindings U, UQ, T and UT are supported");
	return BAD_REQUEST;
}

static enum answer_code write(struct device *device, uint16_t instance, const struct records *records)
{
	struct server *server = server_by_instance(device, instance);

	if (server != NULL && (records_find(records, RESOURCE_PATH(1, instance, LIFETIME)) != NULL ||
			       records_find(records, RESOURCE_PATH(1, instance, BINDING)) != NULL))
		server->wants_update = true;
	return CHANGED;
}

static enum answer_code execute(struct device *device, uint16_t instance, uint16_t resource,
				const struct arguments *arguments)
{
	struct server *server = server_by_instance(device, instance);

	if (server == NULL || (resource == BOOTSTRAP_TRIGGER && !account_has_bootstrap(device)))
		return METHOD_NOT_ALLOWED;
	if (resource == DISABLE)
		server->wants_disable = true;
	else if (resource == UPDATE_TRIGGER)
		server->wants_update = true;
	else
		device->wish = WISH_BOOTSTRAP;
	return CHANGED;
}

static const char *binding_of_command_line(const struct options *options)
{
	if (options->minor_version == 0)
		return options->is_queue_mode ? "UQ" : "U";
	return scheme_of(options->server)->is_stream ? "T" : "U";
}

/* What a bootstrap server wrote is whole; the rest is what the device has by itself. */
static void fill(struct device *device, uint16_t instance)
{
	const struct options *options = device->options;
	const struct record defaults[] = {
		{ RESOURCE_PATH(1, instance, DISABLE_TIMEOUT), INTEGER_VALUE(86400) },
		{ RESOURCE_PATH(1, instance, SHORT_SERVER_ID), INTEGER_VALUE(101) },
		{ RESOURCE_PATH(1, instance, LIFETIME), INTEGER_VALUE(options->lifetime_s) },
		{ RESOURCE_PATH(1, instance, STORING), BOOLEAN_VALUE(true) },
		{ RESOURCE_PATH(1, instance, BINDING), STRING_VALUE(binding_of_command_line(options)) },
	};

	if (account_is_of_command_line(device))
		device_fill(device, defaults, sizeof(defaults) / sizeof(defaults[0]));
	else if (instance_exists(device, &object_server, instance))
		device_fill(device, defaults, 1);
}

const struct object object_server = {
	.id = 1,
	.version = "1.1",
	.resources = resources,
	.resource_count = sizeof(resources) / sizeof(resources[0]),
	.instances = instances,
	.check = check,
	.write = write,
	.execute = execute,
	.fill = fill,
};
