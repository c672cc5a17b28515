#include "agent_record.h"

#include <stddef.h>
#include <stdlib.h>

#include "state.h"

#define RECORD_BYTES_MAX (1 << 20)

enum field_kind {
	FIELD_TEXT, /* char[AGENT_TARGET_MAX] */
	FIELD_BUFFER,
	FIELD_BOOLEAN,
	FIELD_ENUM,
	FIELD_U32,
	FIELD_U64,
};

/* The name of a field in the state file is /30401/0/<resource>, with the resource that shows it; 26241 and
 * above have no resource. */
#define FIELD_PATH(resource) RESOURCE_PATH(30401, 0, resource)

/* clang-format off */
static const struct {
	uint16_t resource;
	enum field_kind kind;
	size_t at;
} fields[] = {
	{ 6,     FIELD_TEXT,    offsetof(struct agent_record, target)             },
	{ 7,     FIELD_U64,     offsetof(struct agent_record, request_id)         },
	{ 8,     FIELD_BOOLEAN, offsetof(struct agent_record, is_report_required) },
	{ 9,     FIELD_BUFFER,  offsetof(struct agent_record, request)            },
	{ 10,    FIELD_ENUM,    offsetof(struct agent_record, body_format)        },
	{ 12,    FIELD_BUFFER,  offsetof(struct agent_record, response)           },
	{ 13,    FIELD_ENUM,    offsetof(struct agent_record, status)             },
	{ 14,    FIELD_U64,     offsetof(struct agent_record, response_id)        },
	{ 15,    FIELD_ENUM,    offsetof(struct agent_record, state)              },
	{ 16,    FIELD_BOOLEAN, offsetof(struct agent_record, is_resumed)         },
	{ 18,    FIELD_U64,     offsetof(struct agent_record, executed)           },
	{ 22,    FIELD_BOOLEAN, offsetof(struct agent_record, is_stop_on_error)   },
	{ 23,    FIELD_U32,     offsetof(struct agent_record, retry_count)        },
	{ 24,    FIELD_U32,     offsetof(struct agent_record, retry_delay_s)      },
	{ 25,    FIELD_U32,     offsetof(struct agent_record, session_timeout_s)  },
	{ 26241, FIELD_U64,     offsetof(struct agent_record, stored_id)          },
};
/* clang-format on */

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

struct agent_record agent_record_default(void)
{
	return (struct agent_record){
		.is_report_required = true,
		.is_stop_on_error = true,
		.retry_delay_s = 1,
		.session_timeout_s = 300,
	};
}

void agent_record_clear(struct agent_record *record)
{
	buffer_clear(&record->request);
	buffer_clear(&record->response);
	*record = agent_record_default();
}

static struct value field_get(const struct agent_record *record, size_t i)
{
	const char *at = (const char *)record + fields[i].at;

	switch (fields[i].kind) {
	case FIELD_TEXT:
		return STRING_VALUE(at);
	case FIELD_BUFFER:
		return OPAQUE_VALUE(buffer_bytes((const struct buffer *)(const void *)at));
	case FIELD_BOOLEAN:
		return BOOLEAN_VALUE(*(const bool *)at);
	case FIELD_ENUM:
		return UNSIGNED_VALUE(*(const unsigned *)(const void *)at);
	case FIELD_U32:
		return UNSIGNED_VALUE(*(const uint32_t *)(const void *)at);
	default:
		return UNSIGNED_VALUE(*(const uint64_t *)(const void *)at);
	}
}

static enum err field_set(struct agent_record *record, size_t i, struct value value)
{
	char *at = (char *)record + fields[i].at;

	switch (fields[i].kind) {
	case FIELD_TEXT:
		if (value.bytes.len >= AGENT_TARGET_MAX)
			return ERR_MALFORMED;
		memcpy(at, value.bytes.at, value.bytes.len);
		at[value.bytes.len] = '\0';
		return ERR_NONE;
	case FIELD_BUFFER:
		return buffer_set((struct buffer *)(void *)at, value.bytes);
	case FIELD_BOOLEAN:
		*(bool *)at = value.boolean;
		return ERR_NONE;
	case FIELD_ENUM:
		*(unsigned *)(void *)at = (unsigned)value.whole;
		return ERR_NONE;
	case FIELD_U32:
		*(uint32_t *)(void *)at = (uint32_t)value.whole;
		return ERR_NONE;
	default:
		*(uint64_t *)(void *)at = value.whole;
		return ERR_NONE;
	}
}

static enum kind field_value_kind(size_t i)
{
	switch (fields[i].kind) {
	case FIELD_TEXT:
		return KIND_STRING;
	case FIELD_BUFFER:
		return KIND_OPAQUE;
	case FIELD_BOOLEAN:
		return KIND_BOOLEAN;
	default:
		return KIND_UNSIGNED;
	}
}

enum err agent_record_store(const struct agent_record *record, const char *path)
{
	struct arena *arena;
	struct records records;
	enum err err;

	if (path == NULL)
		return ERR_NONE;
	arena = arena_create(RECORD_BYTES_MAX);
	if (arena == NULL)
		return ERR_NOMEM;
	records = records_in(arena);
	for (size_t i = 0; i < FIELD_COUNT; i++)
		records_add(&records, FIELD_PATH(fields[i].resource), field_get(record, i));
	err = state_write_records(path, &records);
	arena_free(arena);
	return err;
}

static enum err take_records(struct agent_record *record, const struct records *records, struct fault *fault)
{
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const struct value *stored = records_find(records, FIELD_PATH(fields[i].resource));
		struct value value;
		enum err err;

		if (stored == NULL)
			continue;
		err = value_convert(*stored, field_value_kind(i), records->arena, &value);
		if (err == ERR_NONE)
			err = field_set(record, i, value);
		if (err != ERR_NONE)
			return fault_set(fault, err, "field %u of the agent's state is damaged",
					 fields[i].resource);
	}
	return ERR_NONE;
}

enum err agent_record_load(struct agent_record *record, const char *path, struct fault *fault)
{
	struct arena *arena;
	struct records records;
	enum err err;

	*record = agent_record_default();
	if (path == NULL)
		return ERR_NONE;
	arena = arena_create(RECORD_BYTES_MAX);
	if (arena == NULL)
		return ERR_NOMEM;
	records = records_in(arena);
	err = state_read_records(path, &records, fault);
	if (err == ERR_NONE)
		err = take_records(record, &records, fault);
	else if (err == ERR_NOT_FOUND)
		err = ERR_NONE;
	arena_free(arena);
	return err;
}
