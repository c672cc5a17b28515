/* Object 30401 (private range, until OMA assigns one), Secure Element Remote Administration: SERAM 1.0.1 over
 * LwM2M. One instance per secure element; the resources show what its agent does. */
#include "device.h"

#define OBJECT_ID 30401

enum {
	SE_IDENTIFIER = 0,
	SE_TYPE = 1,
	READER_NAME = 2,
	SE_STATE = 3,
	PROTOCOL_VERSION = 4,
	AGENT_IDENTIFIER = 5,
	TARGETED_APPLICATION = 6,
	REQUEST_ID = 7,
	REPORT_REQUIRED = 8,
	REQUEST = 9,
	BODY_FORMAT = 10,
	END_SESSION = 11,
	RESPONSE = 12,
	SCRIPT_STATUS = 13,
	RESPONSE_ID = 14,
	AGENT_STATE = 15,
	RESUME = 16,
	RUN = 17,
	EXECUTED_COMMANDS = 18,
	CLEAR_RESPONSE = 19,
	MAX_REQUEST_SIZE = 20,
	MAX_RESPONSE_SIZE = 21,
	STOP_ON_ERROR = 22,
	RETRY_COUNT = 23,
	RETRY_DELAY = 24,
	SESSION_TIMEOUT = 25,
	ERROR_TEXT = 26,
	CHANNEL_OPEN = 27,
	ATR = 28,
};

#define SE_TYPE_EMBEDDED 1

/* clang-format off */
static const struct resource resources[] = {
	{ SE_IDENTIFIER,        KIND_STRING,   READABLE,            0,        0, 0          },
	{ SE_TYPE,              KIND_INTEGER,  READABLE,            0,        0, 0          },
	{ READER_NAME,          KIND_STRING,   READABLE,            0,        0, 0          },
	{ SE_STATE,             KIND_INTEGER,  READABLE,            0,        0, 0          },
	{ PROTOCOL_VERSION,     KIND_STRING,   READABLE,            MULTIPLE, 0, 0          },
	{ AGENT_IDENTIFIER,     KIND_STRING,   READABLE,            0,        0, 0          },
	{ TARGETED_APPLICATION, KIND_STRING,   READABLE | WRITABLE, 0,        0, 63         },
	{ REQUEST_ID,           KIND_UNSIGNED, READABLE | WRITABLE, 0,        0, 0          },
	{ REPORT_REQUIRED,      KIND_BOOLEAN,  READABLE | WRITABLE, 0,        0, 0          },
	{ REQUEST,              KIND_OPAQUE,   WRITABLE,            0,        0, 0          },
	{ BODY_FORMAT,          KIND_INTEGER,  READABLE | WRITABLE, 0,        0, 2          },
	{ END_SESSION,          KIND_NONE,     EXECUTABLE,          0,        0, 0          },
	{ RESPONSE,             KIND_OPAQUE,   READABLE,            0,        0, 0          },
	{ SCRIPT_STATUS,        KIND_INTEGER,  READABLE,            0,        0, 0          },
	{ RESPONSE_ID,          KIND_UNSIGNED, READABLE,            0,        0, 0          },
	{ AGENT_STATE,          KIND_INTEGER,  READABLE,            0,        0, 0          },
	{ RESUME,               KIND_BOOLEAN,  READABLE,            0,        0, 0          },
	{ RUN,                  KIND_NONE,     EXECUTABLE,          0,        0, 0          },
	{ EXECUTED_COMMANDS,    KIND_UNSIGNED, READABLE,            QUIET,    0, 0          },
	{ CLEAR_RESPONSE,       KIND_NONE,     EXECUTABLE,          0,        0, 0          },
	{ MAX_REQUEST_SIZE,     KIND_UNSIGNED, READABLE,            0,        0, 0          },
	{ MAX_RESPONSE_SIZE,    KIND_UNSIGNED, READABLE,            0,        0, 0          },
	{ STOP_ON_ERROR,        KIND_BOOLEAN,  READABLE | WRITABLE, 0,        0, 0          },
	{ RETRY_COUNT,          KIND_UNSIGNED, READABLE | WRITABLE, 0,        0, 4294967295 },
	{ RETRY_DELAY,          KIND_UNSIGNED, READABLE | WRITABLE, 0,        0, 4294967295 },
	{ SESSION_TIMEOUT,      KIND_UNSIGNED, READABLE | WRITABLE, 0,        0, 4294967295 },
	{ ERROR_TEXT,           KIND_STRING,   READABLE,            QUIET,    0, 0          },
	{ CHANNEL_OPEN,         KIND_BOOLEAN,  READABLE,            QUIET,    0, 0          },
	{ ATR,                  KIND_OPAQUE,   READABLE,            0,        0, 0          },
};
/* clang-format on */

static size_t instances(const struct device *device, uint16_t ret_ids[INSTANCES_MAX])
{
	for (size_t i = 0; i < device->agent_count; i++)
		ret_ids[i] = (uint16_t)i;
	return device->agent_count;
}

static void add_text(struct records *records, struct path path, const char *text)
{
	if (*text != '\0')
		records_add(records, path, STRING_VALUE(text));
}

static void read_reader_name(struct path path, struct records *records)
{
	char *name = arena_printf(records->arena, "SE%u", path.id[1]);

	if (name == NULL)
		records->bad = true;
	else
		records_add(records, path, STRING_VALUE(name));
}

static void read_protocols(const struct agent *agent, struct path path, struct records *records)
{
	static const char *const protocols[] = { AGENT_PROTOCOL_SCRIPTS, AGENT_PROTOCOL_ORDERS };

	for (uint16_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (agent_announces(agent, protocols[i]))
			records_add(records, path_append(path, i), STRING_VALUE(protocols[i]));
	}
}

static void read(struct device *device, struct path path, const struct resource *resource,
		 struct records *records)
{
	const struct agent *agent = &device->agents[path.id[1]];
	const struct agent_record *record = &agent->record;
	const struct agent_settings *settings = &agent->settings;

	switch (resource->id) {
	case SE_IDENTIFIER:
		records_add(records, path, STRING_VALUE(agent->identifier));
		break;
	case SE_TYPE:
		records_add(records, path, INTEGER_VALUE(SE_TYPE_EMBEDDED));
		break;
	case READER_NAME:
		read_reader_name(path, records);
		break;
	case SE_STATE:
		records_add(records, path, INTEGER_VALUE(settings->se_state));
		break;
	case PROTOCOL_VERSION:
		read_protocols(agent, path, records);
		break;
	case AGENT_IDENTIFIER:
		records_add(records, path, STRING_VALUE(device->endpoint));
		break;
	case TARGETED_APPLICATION:
		records_add(records, path, STRING_VALUE(record->target));
		break;
	case REQUEST_ID:
		records_add(records, path, UNSIGNED_VALUE(record->request_id));
		break;
	case REPORT_REQUIRED:
		records_add(records, path, BOOLEAN_VALUE(record->is_report_required));
		break;
	case BODY_FORMAT:
		records_add(records, path, INTEGER_VALUE(record->body_format));
		break;
	case RESPONSE:
		records_add(records, path, OPAQUE_VALUE(agent_response(agent)));
		break;
	case SCRIPT_STATUS:
		records_add(records, path, INTEGER_VALUE(record->status));
		break;
	case RESPONSE_ID:
		records_add(records, path, UNSIGNED_VALUE(record->response_id));
		break;
	case AGENT_STATE:
		records_add(records, path, INTEGER_VALUE(record->state));
		break;
	case RESUME:
		records_add(records, path, BOOLEAN_VALUE(record->is_resumed));
		break;
	case EXECUTED_COMMANDS:
		records_add(records, path, UNSIGNED_VALUE(record->executed));
		break;
	case MAX_REQUEST_SIZE:
		records_add(records, path, UNSIGNED_VALUE(settings->max_request_bytes));
		break;
	case MAX_RESPONSE_SIZE:
		records_add(records, path, UNSIGNED_VALUE(settings->max_response_bytes));
		break;
	case STOP_ON_ERROR:
		records_add(records, path, BOOLEAN_VALUE(record->is_stop_on_error));
		break;
	case RETRY_COUNT:
		records_add(records, path, UNSIGNED_VALUE(record->retry_count));
		break;
	case RETRY_DELAY:
		records_add(records, path, UNSIGNED_VALUE(record->retry_delay_s));
		break;
	case SESSION_TIMEOUT:
		records_add(records, path, UNSIGNED_VALUE(record->session_timeout_s));
		break;
	case ERROR_TEXT:
		add_text(records, path, agent->error_text);
		break;
	case CHANNEL_OPEN:
		records_add(records, path, BOOLEAN_VALUE(agent_has_channel(agent)));
		break;
	case ATR:
		records_add(records, path, OPAQUE_VALUE(se_atr(agent->se)));
		break;
	default:
		break;
	}
}

/* The records of one write in the agent's words. */
static struct agent_write write_of(const struct records *records)
{
	struct agent_write write = { .has_target = false };

	for (size_t i = 0; i < records->count; i++) {
		struct value value = records->at[i].value;

		switch (records->at[i].path.id[2]) {
		case TARGETED_APPLICATION:
			write.has_target = true, write.target = value.bytes;
			break;
		case REQUEST_ID:
			write.has_request_id = true, write.request_id = value.whole;
			break;
		case REPORT_REQUIRED:
			write.has_report_required = true, write.is_report_required = value.boolean;
			break;
		case REQUEST:
			write.has_request = true, write.request = value.bytes;
			break;
		case BODY_FORMAT:
			write.has_body_format = true, write.body_format = value.integer;
			break;
		case STOP_ON_ERROR:
			write.has_stop_on_error = true, write.is_stop_on_error = value.boolean;
			break;
		case RETRY_COUNT:
			write.has_retry_count = true, write.retry_count = value.whole;
			break;
		case RETRY_DELAY:
			write.has_retry_delay = true, write.retry_delay_s = value.whole;
			break;
		case SESSION_TIMEOUT:
			write.has_session_timeout = true, write.session_timeout_s = value.whole;
			break;
		default:
			break;
		}
	}
	return write;
}

static enum answer_code code_of(enum err err)
{
	switch (err) {
	case ERR_NONE:
		return CHANGED;
	case ERR_CONFLICT:
		return METHOD_NOT_ALLOWED;
	case ERR_MALFORMED:
		return BAD_REQUEST;
	case ERR_LIMIT:
		return TOO_LARGE;
	default:
		return INTERNAL_ERROR;
	}
}

static enum answer_code check(struct device *device, uint16_t instance, const struct records *records,
			      struct fault *fault)
{
	struct agent_write write = write_of(records);

	return code_of(agent_check_write(&device->agents[instance], &write, fault));
}

static enum answer_code write(struct device *device, uint16_t instance, const struct records *records)
{
	struct agent_write write = write_of(records);

	return code_of(agent_write(&device->agents[instance], &write));
}

static enum answer_code clear_response(struct agent *agent, const struct arguments *arguments)
{
	struct arena *arena;
	struct value id;
	enum err err;

	if (!arguments->has_value[0])
		return code_of(agent_clear_response(agent, NULL));
	arena = arena_create(256);
	if (arena == NULL)
		return INTERNAL_ERROR;
	err = value_convert((struct value){ .kind = KIND_TEXT_BYTES, .bytes = arguments->value[0] },
			    KIND_UNSIGNED, arena, &id);
	arena_free(arena);
	return err == ERR_NONE ? code_of(agent_clear_response(agent, &id.whole)) : BAD_REQUEST;
}

static enum answer_code execute(struct device *device, uint16_t instance, uint16_t resource,
				const struct arguments *arguments)
{
	struct agent *agent = &device->agents[instance];

	switch (resource) {
	case RUN:
		return code_of(agent_run(agent, device->now_ms));
	case END_SESSION:
		return code_of(agent_end_session(agent));
	default:
		return clear_response(agent, arguments);
	}
}

const struct object object_secure_element = {
	.id = OBJECT_ID,
	.resources = resources,
	.resource_count = sizeof(resources) / sizeof(resources[0]),
	.instances = instances,
	.read = read,
	.check = check,
	.write = write,
	.execute = execute,
};

void secure_element_changed(struct device *device, uint16_t instance, enum agent_change change)
{
	static const uint16_t outcome[] = { RESPONSE,    SCRIPT_STATUS, RESPONSE_ID,
					    AGENT_STATE, RESUME,        EXECUTED_COMMANDS };

	if (change == AGENT_PROGRESS)
		device_changed(device, RESOURCE_PATH(OBJECT_ID, instance, EXECUTED_COMMANDS));
	if (change == AGENT_CHANNEL)
		device_changed(device, RESOURCE_PATH(OBJECT_ID, instance, CHANNEL_OPEN));
	for (size_t i = 0; change == AGENT_OUTCOME && i < sizeof(outcome) / sizeof(outcome[0]); i++)
		device_changed(device, RESOURCE_PATH(OBJECT_ID, instance, outcome[i]));
}
