/* Object 30401, its rules 1 to 5, on behalf of an agent that knows nothing of it */
#include "gateway/element.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <cardea/crypto.h>

#define CODE(class, detail) ((uint8_t)((class) << 5 | (detail)))

enum {
	CHANGED = CODE(2, 4),
	CONTENT = CODE(2, 5),
	BAD_REQUEST = CODE(4, 0),
	NOT_FOUND = CODE(4, 4),
	NOT_ALLOWED = CODE(4, 5),
	TOO_LARGE = CODE(4, 13),
	NO_MEMORY = CODE(5, 0),
};

/* ---- the names of secure elements ---- */

static const struct {
	const char *prefix;
	int64_t type; /* resource 1 */
} name_types[] = {
	{ "//se-id/CUD/", 0 },
	{ "//se-id/ICCID/", 3 },
	{ "//se-id/eid/", 4 },
	/* [ours] those of SERAM 2.0.0, which names secure elements by type and id */
	{ "//se-id/eSE/", 1 },
	{ "//se-id/iSE/", 2 },
	{ "//se-id/uicc/", 3 },
	{ "//se-id/euicc/", 4 },
	{ "//se-id/ieuicc/", 5 },
	{ "//se-id/undefined/", 0 },
};

#define NAME_TYPES (sizeof(name_types) / sizeof(name_types[0]))

/* The row of the name's type; NAME_TYPES: none. Type names are compared without case. */
static size_t name_type(struct bytes name, struct bytes *ret_value)
{
	for (size_t i = 0; i < NAME_TYPES; i++) {
		const size_t len = strlen(name_types[i].prefix);

		if (name.len <= len || strncasecmp((const char *)name.at, name_types[i].prefix, len) != 0)
			continue;
		*ret_value = bytes_from(name, len);
		return i;
	}
	return NAME_TYPES;
}

bool element_name_is_valid(struct bytes name)
{
	struct bytes value;

	if (name.len >= ELEMENT_NAME_SIZE || name_type(name, &value) == NAME_TYPES)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] <= ' ' || value.at[i] > '~' || strchr(";,\"", value.at[i]) != NULL)
			return false;
	}
	return true;
}

bool element_is_named(const struct element *element, struct bytes name)
{
	struct bytes ours, theirs;
	const size_t type = name_type(name, &theirs);

	if (type == NAME_TYPES)
		return bytes_equal_text(name, element->identifier);
	return name_type(bytes_of_text(element->identifier), &ours) == type && bytes_equal(ours, theirs);
}

/* ---- scripts and responses ---- */

static void drop(uint8_t **at, size_t *len)
{
	if (*at != NULL)
		wipe(*at, *len);
	free(*at);
	*at = NULL;
	*len = 0;
}

static enum err replace(uint8_t **at, size_t *len, struct bytes with)
{
	uint8_t *copy = malloc(with.len + 1);

	if (copy == NULL)
		return ERR_NOMEM;
	if (with.len > 0)
		memcpy(copy, with.at, with.len);
	drop(at, len);
	*at = copy;
	*len = with.len;
	return ERR_NONE;
}

void element_wipe(struct element *element)
{
	drop(&element->request, &element->request_len);
	drop(&element->response, &element->response_len);
}

/* Without a report there is nothing to wait for. */
void element_given(struct element *element)
{
	element->is_due = false;
	element->is_channel_open = true;
	if (!element->is_report_required)
		element->state = SERAM_IDLE;
}

enum err element_report(struct element *element, uint32_t id, int64_t status, struct bytes response)
{
	enum err err = replace(&element->response, &element->response_len, response);

	if (err != ERR_NONE)
		return err;
	element->request_id = element->stored_id = element->response_id = id;
	element->status = status;
	element->state = SERAM_RESPONSE_READY;
	element->is_due = false;
	element->is_channel_open = status == SERAM_STATUS_OK;
	return ERR_NONE;
}

void element_break(struct element *element)
{
	element->is_channel_open = false;
	if (element->state != SERAM_RUNNING)
		return;
	element->was_interrupted = !element->is_due;
	element->state = element->is_due ? SERAM_REQUEST_STORED : SERAM_INTERRUPTED;
	element->is_due = false;
}

/* ---- read ---- */

#define MAX_RECORDS 20

struct list {
	struct lwm2m_record *at;
	size_t count;
	struct lwm2m_path asked;
	uint16_t instance;
};

static void add(struct list *list, enum seram_resource resource, struct lwm2m_value value)
{
	struct lwm2m_path path = LWM2M_RESOURCE(SERAM_OBJECT, list->instance, (uint16_t)resource);

	if (list->asked.depth >= 3 && list->asked.resource != (uint16_t)resource)
		return;
	if (resource == SERAM_PROTOCOL_VERSION) {
		path.resource_instance = 0;
		path.depth = 4;
		if (list->asked.depth == 4 && list->asked.resource_instance != 0)
			return;
	}
	list->at[list->count++] = (struct lwm2m_record){ .path = path, .value = value };
}

static void add_number(struct list *list, enum seram_resource resource, int64_t number)
{
	add(list, resource, (struct lwm2m_value){ .type = LWM2M_INTEGER, .integer = number });
}

static void add_whole(struct list *list, enum seram_resource resource, uint64_t whole)
{
	add(list, resource, (struct lwm2m_value){ .type = LWM2M_UNSIGNED, .whole = whole });
}

static void add_flag(struct list *list, enum seram_resource resource, bool flag)
{
	add(list, resource, (struct lwm2m_value){ .type = LWM2M_BOOLEAN, .boolean = flag });
}

static void add_bytes(struct list *list, enum seram_resource resource, enum lwm2m_type type,
		      struct bytes bytes)
{
	add(list, resource, (struct lwm2m_value){ .type = type, .bytes = bytes });
}

static int64_t se_type(const struct element *element)
{
	struct bytes value;
	const size_t type = name_type(bytes_of_text(element->identifier), &value);

	return type < NAME_TYPES ? name_types[type].type : 0;
}

static uint8_t read(const struct element *element, uint16_t instance, const struct element_terms *terms,
		    const struct cardea_ask *ask, struct lwm2m_records *ret_records)
{
	struct list list = { .at = arena_alloc_array(ask->arena, MAX_RECORDS, sizeof(struct lwm2m_record)),
			     .asked = ask->path,
			     .instance = instance };
	const char *identifier = arena_strdup(ask->arena, element->identifier),
		   *target = arena_strdup(ask->arena, element->target),
		   *protocol = arena_strdup(ask->arena, terms->protocol),
		   *agent = arena_strdup(ask->arena, terms->agent_identifier);
	struct bytes response;

	if (list.at == NULL || identifier == NULL || target == NULL || protocol == NULL || agent == NULL ||
	    bytes_copy(ask->arena, bytes_of(element->response, element->response_len), &response) != ERR_NONE)
		return NO_MEMORY;
	add_bytes(&list, SERAM_SE_IDENTIFIER, LWM2M_STRING, bytes_of_text(identifier));
	add_number(&list, SERAM_SE_TYPE, se_type(element));
	add_number(&list, SERAM_SE_STATE, element->is_listed ? SERAM_SE_PRESENT : SERAM_SE_ABSENT);
	add_bytes(&list, SERAM_PROTOCOL_VERSION, LWM2M_STRING, bytes_of_text(protocol));
	add_bytes(&list, SERAM_AGENT_IDENTIFIER, LWM2M_STRING, bytes_of_text(agent));
	add_bytes(&list, SERAM_TARGETED_APPLICATION, LWM2M_STRING, bytes_of_text(target));
	add_whole(&list, SERAM_REQUEST_ID, element->request_id);
	add_flag(&list, SERAM_REPORT_REQUIRED, element->is_report_required);
	add_number(&list, SERAM_BODY_FORMAT, terms->body_format);
	add_bytes(&list, SERAM_RESPONSE, LWM2M_OPAQUE, response);
	add_number(&list, SERAM_SCRIPT_STATUS, element->status);
	add_whole(&list, SERAM_RESPONSE_ID, element->response_id);
	add_number(&list, SERAM_AGENT_STATE, element->state);
	add_flag(&list, SERAM_RESUME, element->was_interrupted);
	add_whole(&list, SERAM_MAX_REQUEST_SIZE, terms->max_request_bytes);
	add_whole(&list, SERAM_MAX_RESPONSE_SIZE, terms->max_response_bytes);
	add_flag(&list, SERAM_CHANNEL_OPEN, element->is_channel_open);
	*ret_records = (struct lwm2m_records){ list.at, list.count };
	return list.count > 0 ? CONTENT : NOT_FOUND;
}

/* ---- write ---- */

static uint8_t write_request(struct element *element, const struct element_terms *terms, struct bytes script,
			     bool is_confidential)
{
	const bool is_answered =
		element->state == SERAM_RESPONSE_READY && element->request_id == element->response_id;

	if (script.len > terms->max_request_bytes)
		return TOO_LARGE;
	if (is_answered)
		return CHANGED;
	if (element->request_id <= element->response_id)
		return BAD_REQUEST; /* the id has to be new */
	if (replace(&element->request, &element->request_len, script) != ERR_NONE)
		return NO_MEMORY;
	element->is_confidential = is_confidential;
	element->stored_id = element->request_id;
	element->state = SERAM_REQUEST_STORED;
	return CHANGED;
}

static uint8_t write_one(struct element *element, const struct element_terms *terms,
			 const struct lwm2m_record *record)
{
	const struct lwm2m_records alone = { record, 1 };
	const struct bytes text = record->value.bytes;
	const int64_t number = lwm2m_integer(alone, record->path, -1);

	switch (record->path.resource) {
	case SERAM_TARGETED_APPLICATION:
		if (record->value.type != LWM2M_STRING || text.len >= sizeof(element->target))
			return BAD_REQUEST;
		memcpy(element->target, text.at, text.len);
		element->target[text.len] = '\0';
		return CHANGED;
	case SERAM_REQUEST_ID:
		if (number <= 0 || number >= UINT32_MAX || (uint32_t)number < element->response_id)
			return BAD_REQUEST;
		element->request_id = (uint32_t)number;
		return CHANGED;
	case SERAM_REPORT_REQUIRED:
		element->is_report_required = lwm2m_boolean(alone, record->path, true);
		return CHANGED;
	case SERAM_BODY_FORMAT:
		return number == terms->body_format ? CHANGED : BAD_REQUEST;
	case SERAM_REQUEST:
		return record->value.type == LWM2M_OPAQUE ? CHANGED : BAD_REQUEST;
	default:
		return NOT_FOUND;
	}
}

/* The id and the target first, whatever the order of the records. */
static uint8_t write(struct element *element, const struct element_terms *terms, const struct cardea_ask *ask)
{
	const struct lwm2m_record *request = NULL;
	uint8_t code = CHANGED;

	if (element->state == SERAM_RUNNING)
		return NOT_ALLOWED;
	for (size_t i = 0; i < ask->records.count && code == CHANGED; i++) {
		code = write_one(element, terms, &ask->records.at[i]);
		if (ask->records.at[i].path.resource == SERAM_REQUEST)
			request = &ask->records.at[i];
	}
	return code == CHANGED && request != NULL
		       ? write_request(element, terms, request->value.bytes, ask->is_confidential)
		       : code;
}

/* ---- execute ---- */

static uint8_t run(struct element *element)
{
	if (element->state == SERAM_RESPONSE_READY)
		return CHANGED; /* the response that is there answers this Run too */
	if (element->state != SERAM_REQUEST_STORED)
		return NOT_ALLOWED;
	drop(&element->response, &element->response_len);
	element->state = SERAM_RUNNING;
	element->status = SERAM_STATUS_NONE;
	element->was_interrupted = false;
	element->is_due = true;
	return CHANGED;
}

static uint8_t clear(struct element *element, const char *arguments)
{
	uint32_t id;

	if (element->state == SERAM_RUNNING)
		return NOT_ALLOWED;
	if (arguments != NULL && arguments[0] != '\0' &&
	    (sscanf(arguments, "0='%" SCNu32 "'", &id) != 1 || id != element->response_id))
		return BAD_REQUEST;
	drop(&element->response, &element->response_len);
	if (element->state != SERAM_REQUEST_STORED)
		element->state = SERAM_IDLE;
	return CHANGED;
}

static uint8_t end(struct element *element)
{
	element_wipe(element);
	element->state = SERAM_IDLE;
	element->status = SERAM_STATUS_NONE;
	element->is_due = element->was_interrupted = element->is_channel_open = false;
	return CHANGED;
}

static uint8_t execute(struct element *element, const struct cardea_ask *ask)
{
	switch (ask->path.resource) {
	case SERAM_RUN:
		return run(element);
	case SERAM_CLEAR_RESPONSE:
		return clear(element, ask->arguments);
	case SERAM_END_SESSION:
		return end(element);
	default:
		return NOT_ALLOWED;
	}
}

uint8_t element_ask(struct element *element, uint16_t instance, const struct element_terms *terms,
		    const struct cardea_ask *ask, struct lwm2m_records *ret_records)
{
	switch (ask->operation) {
	case LWM2M_READ:
	case LWM2M_OBSERVE:
		return read(element, instance, terms, ask, ret_records);
	case LWM2M_WRITE_PARTIAL:
	case LWM2M_WRITE_REPLACE:
		return write(element, terms, ask);
	case LWM2M_EXECUTE:
		return execute(element, ask);
	default:
		return NOT_ALLOWED;
	}
}
