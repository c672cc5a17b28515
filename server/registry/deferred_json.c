#include "deferred_json.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <cardea/crypto.h>

#include "format.h"
#include "json_text.h"
#include "path.h"
#include "records_json.h"
#include "value.h"

/* ---- writing ---- */

/* As numbers, since a Create may leave the instance open, which a path in text cannot say. */
static json_t *path_json(struct lwm2m_path path)
{
	json_t *ids = json_array();

	for (unsigned level = 1; level <= path.depth; level++)
		json_array_append_new(ids, json_integer(path_id(path, level)));
	return ids;
}

static enum err add_record(struct arena *arena, json_t *records, const struct lwm2m_record *record,
			   struct fault *fault)
{
	json_t *json = json_pack("{s:o, s:s}", "path", path_json(record->path), "type",
				 value_type_name(record->value.type));
	char path[PATH_TEXT_SIZE];
	struct bytes text;
	enum err err = ERR_NONE;

	if (json_array_append_new(records, json) != 0)
		return ERR_NOMEM;
	if (record->value.type == LWM2M_NONE || record->value.type == LWM2M_NULL)
		return ERR_NONE;
	err = value_print(arena, &record->value, &text);
	if (err == ERR_NONE &&
	    json_object_set_new(json, "value", json_stringn((const char *)text.at, text.len)) != 0)
		err = bytes_are_utf8(text) ? ERR_NOMEM : ERR_MALFORMED;
	return err == ERR_NONE ? err
			       : fault_set(fault, err, "%s: the value cannot be kept",
					   path_print(record->path, path));
}

static enum err records_json(struct arena *arena, struct lwm2m_records records, json_t **ret_json,
			     struct fault *fault)
{
	json_t *json = json_array();
	enum err err = json == NULL ? ERR_NOMEM : ERR_NONE;

	for (size_t i = 0; i < records.count && err == ERR_NONE; i++)
		err = add_record(arena, json, &records.at[i], fault);
	if (err != ERR_NONE)
		json_decref(json);
	else
		*ret_json = json;
	return err;
}

/* The text is copied and wiped: it may hold a key. */
static enum err dump(struct arena *arena, const json_t *json, struct bytes *ret_text)
{
	char *text = json_dumps(json, JSON_COMPACT);
	struct bytes copy;
	enum err err;

	if (text == NULL)
		return ERR_NOMEM;
	err = bytes_copy(arena, bytes_of_text(text), &copy);
	wipe(text, strlen(text));
	free(text);
	if (err == ERR_NONE)
		*ret_text = copy;
	return err;
}

enum err deferred_document_write(struct arena *arena, const struct operation_request *request,
				 struct bytes *ret_text, struct fault *fault)
{
	char *payload = bytes_to_base64(arena, request->payload);
	json_t *records, *json;
	enum err err = records_json(arena, request->records, &records, fault);

	if (err != ERR_NONE)
		return err;
	json = json_pack("{s:s, s:o, s:o, s:s?, s:i, s:i, s:s?, s:s?, s:s?, s:I}", "operation",
			 operation_name(request->operation), "path", path_json(request->path), "records",
			 records, "payload", payload, "format", request->payload_format, "accept",
			 request->accept, "arguments", request->arguments, "attributes", request->attributes,
			 "prefix", request->prefix, "jobId", (json_int_t)request->job_id);
	err = json == NULL || payload == NULL ? ERR_NOMEM : dump(arena, json, ret_text);
	json_decref(json);
	return err;
}

/* ---- reading ---- */

static enum err read_path(const json_t *json, struct lwm2m_path *ret_path)
{
	struct lwm2m_path path = { LWM2M_ID_NONE, LWM2M_ID_NONE, LWM2M_ID_NONE, LWM2M_ID_NONE, 0 };
	enum err err = json_is_array(json) ? ERR_NONE : ERR_MALFORMED;

	for (size_t i = 0; i < json_array_size(json) && err == ERR_NONE; i++) {
		json_int_t id = json_integer_value(json_array_get(json, i));

		err = id < 0 || id > UINT16_MAX ? ERR_MALFORMED : path_append(path, (uint16_t)id, &path);
	}
	if (err == ERR_NONE)
		*ret_path = path;
	return err;
}

static enum err read_record(struct arena *arena, const json_t *json, struct lwm2m_record *ret_record)
{
	const char *type = json_string_value(json_object_get(json, "type"));
	const json_t *value = json_object_get(json, "value");
	struct lwm2m_record record = { .value = { .type = LWM2M_NONE } };
	struct bytes text;
	enum err err = type == NULL ? ERR_MALFORMED : read_path(json_object_get(json, "path"), &record.path);

	if (err == ERR_NONE && value != NULL) {
		err = bytes_copy(arena, bytes_of(json_string_value(value), json_string_length(value)), &text);
		if (err == ERR_NONE)
			err = value_parse(arena, value_type_of(type), text, &record.value, NULL);
	} else if (err == ERR_NONE && value_type_of(type) == LWM2M_NULL)
		record.value.type = LWM2M_NULL;
	if (err == ERR_NONE)
		*ret_record = record;
	return err;
}

static enum err read_records(struct arena *arena, const json_t *json, struct lwm2m_records *ret_records)
{
	size_t count = json_array_size(json);
	struct lwm2m_record *records = arena_alloc_array(arena, count + 1, sizeof(*records));
	enum err err = records == NULL ? ERR_NOMEM : ERR_NONE;

	for (size_t i = 0; i < count && err == ERR_NONE; i++)
		err = read_record(arena, json_array_get(json, i), &records[i]);
	if (err == ERR_NONE)
		*ret_records = (struct lwm2m_records){ records, count };
	return err;
}

static enum err read_text(struct arena *arena, const json_t *json, const char **ret_text)
{
	const char *copy;

	if (!json_is_string(json))
		return ERR_NONE;
	copy = arena_strdup(arena, json_string_value(json));
	if (copy == NULL)
		return ERR_NOMEM;
	*ret_text = copy;
	return ERR_NONE;
}

static uint16_t read_format(const json_t *json)
{
	return json_is_integer(json) ? (uint16_t)json_integer_value(json) : FORMAT_NONE;
}

static enum err read_members(struct arena *arena, const json_t *json, struct operation_request *ret_request)
{
	const char *name = json_string_value(json_object_get(json, "operation"));
	const char *payload = json_string_value(json_object_get(json, "payload"));
	struct operation_request request = {
		.payload_format = read_format(json_object_get(json, "format")),
		.accept = read_format(json_object_get(json, "accept")),
		.job_id = (uint64_t)json_integer_value(json_object_get(json, "jobId")),
	};
	enum err err =
		name == NULL || payload == NULL ? ERR_MALFORMED : operation_of_name(name, &request.operation);

	if (err == ERR_NONE)
		err = read_path(json_object_get(json, "path"), &request.path);
	if (err == ERR_NONE)
		err = read_records(arena, json_object_get(json, "records"), &request.records);
	if (err == ERR_NONE)
		err = bytes_from_base64(arena, bytes_of_text(payload), &request.payload);
	if (err == ERR_NONE)
		err = read_text(arena, json_object_get(json, "arguments"), &request.arguments);
	if (err == ERR_NONE)
		err = read_text(arena, json_object_get(json, "attributes"), &request.attributes);
	if (err == ERR_NONE)
		err = read_text(arena, json_object_get(json, "prefix"), &request.prefix);
	if (err == ERR_NONE)
		*ret_request = request;
	return err;
}

enum err deferred_document_read(struct arena *arena, struct bytes text, struct operation_request *ret_request)
{
	json_t *json = json_loadb((const char *)text.at, text.len, 0, NULL);
	enum err err = json == NULL ? ERR_MALFORMED : read_members(arena, json, ret_request);

	json_decref(json);
	return err;
}

/* ---- the answer ---- */

static enum err records_text(struct arena *arena, const struct operation_answer *answer,
			     const char **ret_text)
{
	struct builder b = builder_in(arena);
	struct bytes text;
	enum err err;

	build_records_json(&b, answer->model, answer->records);
	build_u8(&b, 0);
	err = builder_bytes(&b, &text);
	if (err == ERR_NONE)
		*ret_text = (const char *)text.at;
	return err;
}

static const char *detail_of(struct arena *arena, const struct operation_answer *answer)
{
	if (answer->fault.kind != ERR_NONE)
		return answer->fault.text[0] != 0 ? answer->fault.text : err_name(answer->fault.kind);
	return arena_strndup(arena, (const char *)answer->payload.at, answer->payload.len);
}

enum err deferred_answer_write(struct arena *arena, enum lwm2m_operation operation,
			       const struct operation_answer *answer, const char **ret_text)
{
	const struct format *format = format_find(answer->format);
	bool is_good = answer->code >> 5 == 2 && answer->fault.kind == ERR_NONE;
	struct json_member members[3];
	struct builder b = builder_in(arena);
	char code[8], path[PATH_TEXT_SIZE];
	size_t count = 0;
	struct bytes text;
	enum err err = ERR_NONE;

	if (answer->code != 0) {
		snprintf(code, sizeof(code), "%u.%02u", answer->code >> 5, answer->code & 31u);
		members[count++] = (struct json_member){ "code", code, NULL };
	}
	if (!is_good) {
		members[count++] = (struct json_member){ "detail", detail_of(arena, answer), NULL };
	} else if (operation == LWM2M_DISCOVER) {
		members[count++] = (struct json_member){
			"links", arena_strndup(arena, (const char *)answer->payload.at, answer->payload.len),
			NULL
		};
	} else if (answer->code == COAP_CODE(2, 5)) {
		members[count++] =
			(struct json_member){ "format", format == NULL ? "none" : format->name, NULL };
		members[count] = (struct json_member){ .name = "resources" };
		err = records_text(arena, answer, &members[count++].json);
	} else if (answer->location.depth > 0) {
		members[count++] =
			(struct json_member){ "location", path_print(answer->location, path), NULL };
	}
	for (size_t i = 0; i < count && err == ERR_NONE; i++)
		err = members[i].text == NULL && members[i].json == NULL ? ERR_NOMEM : ERR_NONE;
	if (err != ERR_NONE)
		return err;
	build_json_object(&b, members, count);
	build_u8(&b, 0);
	err = builder_bytes(&b, &text);
	if (err == ERR_NONE)
		*ret_text = (const char *)text.at;
	return err;
}
