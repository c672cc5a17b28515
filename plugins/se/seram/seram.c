/* Object 30401, Secure Element Remote Administration: SERAM with LwM2M resources in place of HTTP headers */
#include "seram/seram.h"

static struct lwm2m_path at(uint16_t instance, uint16_t resource)
{
	return LWM2M_RESOURCE(SERAM_OBJECT, instance, resource);
}

static enum err read_number(struct lwm2m_records records, uint16_t instance, enum seram_resource resource,
			    const char *name, int64_t fallback, int64_t max, int64_t *ret_value,
			    struct fault *fault)
{
	int64_t value = lwm2m_integer(records, at(instance, resource), fallback);

	if (value < 0 || value > max)
		return fault_set(fault, ERR_MALFORMED,
				 "%s (resource %d) of the secure element is missing or out of range", name,
				 resource);
	*ret_value = value;
	return ERR_NONE;
}

static bool is_of_family(struct bytes protocol, const char *family)
{
	return bytes_equal_text(bytes_first(protocol, strlen(family)), family);
}

/* Resource 4 has many instances; without it the agent is taken at its object's word. */
static void read_protocols(struct lwm2m_records records, struct seram_instance *s, uint16_t instance)
{
	bool is_told = false;

	for (size_t i = 0; i < records.count; i++) {
		const struct lwm2m_record *record = &records.at[i];
		if (record->path.instance != instance || record->path.resource != SERAM_PROTOCOL_VERSION ||
		    record->value.type != LWM2M_STRING)
			continue;
		is_told = true;
		if (is_of_family(record->value.bytes, SERAM_PROTOCOL_FAMILY))
			s->speaks_scripts = true;
		if (is_of_family(record->value.bytes, SERAM2_PROTOCOL_FAMILY))
			s->speaks_seram2 = true;
	}
	if (!is_told)
		s->speaks_scripts = true;
}

static void read_settings(struct lwm2m_records records, struct seram_instance *s, uint16_t instance)
{
	for (size_t i = 0; i < SERAM_SETTINGS; i++) {
		const struct seram_setting_row *row = &seram_setting_rows[i];
		const struct lwm2m_path path = at(instance, row->resource);

		if (lwm2m_find(records, path) == NULL)
			s->settings[i] = -1;
		else
			s->settings[i] = row->type == LWM2M_BOOLEAN ? lwm2m_boolean(records, path, true)
								    : lwm2m_integer(records, path, 0);
	}
}

enum err seram_instance_read(struct lwm2m_records records, uint16_t instance,
			     struct seram_instance *ret_instance, struct fault *fault)
{
	struct seram_instance s = {
		.identifier = lwm2m_bytes(records, at(instance, SERAM_SE_IDENTIFIER)),
		.agent = lwm2m_bytes(records, at(instance, SERAM_AGENT_IDENTIFIER)),
		.reader_name = lwm2m_bytes(records, at(instance, SERAM_READER_NAME)),
		.error_text = lwm2m_bytes(records, at(instance, SERAM_ERROR_TEXT)),
		.atr = lwm2m_bytes(records, at(instance, SERAM_ATR)),
		.type = lwm2m_integer(records, at(instance, SERAM_SE_TYPE), 0),
		.response = lwm2m_bytes(records, at(instance, SERAM_RESPONSE)),
		.script_status = lwm2m_integer(records, at(instance, SERAM_SCRIPT_STATUS), SERAM_STATUS_NONE),
		.has_channel_state = lwm2m_find(records, at(instance, SERAM_CHANNEL_OPEN)) != NULL,
		.is_channel_open = lwm2m_boolean(records, at(instance, SERAM_CHANNEL_OPEN), false),
		.was_interrupted = lwm2m_boolean(records, at(instance, SERAM_RESUME), false),
		.has_stop_on_error = lwm2m_find(records, at(instance, SERAM_STOP_ON_ERROR)) != NULL,
	};
	int64_t se_state, agent_state, request_id, response_id, executed, max_request, max_response;
	const struct {
		enum seram_resource resource;
		const char *name;
		int64_t fallback, max; /* a fallback of -1: mandatory */
		int64_t *ret_value;
	} rows[] = {
		{ SERAM_SE_STATE, "SE State", -1, SERAM_SE_ERROR, &se_state },
		{ SERAM_AGENT_STATE, "Agent State", -1, SERAM_INTERRUPTED, &agent_state },
		{ SERAM_REQUEST_ID, "Request Id", 0, UINT32_MAX - 1, &request_id },
		{ SERAM_RESPONSE_ID, "Response Id", 0, UINT32_MAX - 1, &response_id },
		{ SERAM_EXECUTED_COMMANDS, "Executed Commands", 0, UINT32_MAX, &executed },
		{ SERAM_MAX_REQUEST_SIZE, "Max Request Size", SERAM_DEFAULT_REQUEST_SIZE, UINT32_MAX,
		  &max_request },
		{ SERAM_MAX_RESPONSE_SIZE, "Max Response Size", SERAM_DEFAULT_RESPONSE_SIZE, UINT32_MAX,
		  &max_response },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum err err = read_number(records, instance, rows[i].resource, rows[i].name,
					   rows[i].fallback, rows[i].max, rows[i].ret_value, fault);
		if (err != ERR_NONE)
			return err;
	}
	read_protocols(records, &s, instance);
	read_settings(records, &s, instance);
	s.se_state = (enum seram_se_state)se_state;
	s.agent_state = (enum seram_agent_state)agent_state;
	s.request_id = (uint32_t)request_id;
	s.response_id = (uint32_t)response_id;
	s.executed = (uint32_t)executed;
	s.max_request_bytes =
		max_request < SERAM_LARGEST_REQUEST ? (uint32_t)max_request : SERAM_LARGEST_REQUEST;
	s.max_response_bytes = (uint32_t)max_response;
	*ret_instance = s;
	return ERR_NONE;
}

const char *seram_target(struct arena *arena, struct bytes aid)
{
	if (aid.len == 0)
		return SERAM_BASIC_CHANNEL;
	const char *rid = bytes_to_hex(arena, bytes_first(aid, SERAM_RID_SIZE));
	const char *pix = bytes_to_hex(arena, bytes_from(aid, SERAM_RID_SIZE));

	return rid == NULL || pix == NULL ? NULL : arena_printf(arena, SERAM_TARGET_FORMAT, rid, pix);
}

static struct lwm2m_record setting_record(uint16_t instance, const struct seram_setting_row *row,
					  int64_t value)
{
	struct lwm2m_record record = { .path = at(instance, row->resource), .value = { .type = row->type } };

	if (row->type == LWM2M_BOOLEAN)
		record.value.boolean = value != 0;
	else if (row->type == LWM2M_UNSIGNED)
		record.value.whole = (uint64_t)value;
	else
		record.value.integer = value;
	return record;
}

enum err seram_request_records(struct arena *arena, uint16_t instance, const struct seram_request *request,
			       struct lwm2m_records *ret_records)
{
	const char *target = seram_target(arena, request->target_aid);
	struct lwm2m_record *records = arena_alloc_array(arena, 4 + SERAM_SETTINGS, sizeof(*records));
	size_t count = 0;

	if (target == NULL || records == NULL)
		return ERR_NOMEM;
	records[count++] = (struct lwm2m_record){
		.path = at(instance, SERAM_TARGETED_APPLICATION),
		.value = { .type = LWM2M_STRING, .bytes = bytes_of_text(target) },
	};
	records[count++] = (struct lwm2m_record){
		.path = at(instance, SERAM_REQUEST_ID),
		.value = { .type = LWM2M_UNSIGNED, .whole = request->id },
	};
	for (size_t i = 0; i < SERAM_SETTINGS; i++) {
		if (request->settings[i] >= 0)
			records[count++] =
				setting_record(instance, &seram_setting_rows[i], request->settings[i]);
	}
	if (request->has_stop_on_error)
		records[count++] = (struct lwm2m_record){
			.path = at(instance, SERAM_STOP_ON_ERROR),
			.value = { .type = LWM2M_BOOLEAN, .boolean = request->stop_on_error },
		};
	records[count++] = (struct lwm2m_record){
		.path = at(instance, SERAM_REQUEST),
		.value = { .type = LWM2M_OPAQUE, .bytes = request->body },
	};
	*ret_records = (struct lwm2m_records){ records, count };
	return ERR_NONE;
}
