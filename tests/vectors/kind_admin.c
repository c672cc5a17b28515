/* Remote administration: HTTP messages of Amendment B, the parameters of its sessions. */
#include "kind_se.h"

#include <string.h>

#include "seram/seram_http.h"
#include "seram/seram_parameters.h"
#include "seram/seram_table.h"

/* ---- HTTP ---- */

/* The message of the vector as it would go over the wire; a chunked body in one chunk. */
static enum err wire_of(struct vector *v, struct bytes body, struct bytes *ret_wire)
{
	json_t *headers = json_object_get(v->own, "headers"), *value;
	const char *name;
	struct builder b = builder_in(v->arena);
	bool is_chunked = false;

	build_printf(&b, "%s\r\n", vector_text(v, "start_line", ""));
	json_object_foreach (headers, name, value) {
		build_printf(&b, "%s: %s\r\n", name, json_string_value(value));
		is_chunked = is_chunked || strcmp(name, "Transfer-Encoding") == 0;
	}
	build_text(&b, "\r\n");
	if (is_chunked)
		build_printf(&b, "%zx\r\n", body.len);
	build_bytes(&b, body);
	if (is_chunked)
		build_text(&b, "\r\n0\r\n\r\n");
	return builder_bytes(&b, ret_wire);
}

static const char *text_of(struct vector *v, struct bytes bytes)
{
	struct bytes copy;

	return bytes.at != NULL && bytes_copy(v->arena, bytes, &copy) == ERR_NONE ? (const char *)copy.at
										  : NULL;
}

/* Each header is as the vector has it, in whatever order. */
static enum verdict compare_headers(struct vector *v, const struct http_message *message)
{
	json_t *headers = json_object_get(v->own, "headers"), *value;
	const char *name;

	json_object_foreach (headers, name, value) {
		const char *text = json_string_value(value);
		if (!bytes_equal(http_field_value(message, name), bytes_of_text(text)))
			return vector_fail(v, "%s is not %s", name, text);
	}
	if (message->field_count != json_object_size(headers))
		return vector_fail(v, "%zu header fields", message->field_count);
	return vector_compare(v, "start line", message->start_line,
			      bytes_of_text(vector_text(v, "start_line", "")));
}

static enum verdict check_request(struct vector *v, const struct http_message *message)
{
	struct admin_request request;
	struct fault fault = { 0 };
	const json_t *headers = json_object_get(v->own, "headers");
	const char *status = json_string_value(json_object_get(headers, "X-Admin-Script-Status"));

	if (admin_request_read(message, &request, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	if (request.has_status != (status != NULL) ||
	    (status != NULL && strcmp(seram_status_row(request.status)->spelling, status) != 0))
		return vector_fail(v, "the status is not told");
	if (request.is_resuming != (json_object_get(headers, "X-Admin-Resume") != NULL))
		return vector_fail(v, "it resumes: %d", request.is_resuming);
	return vector_compare(v, "response", request.response, message->body);
}

/* What the server would build; of a target in a form that only a test has shown, and of a URI without a
 * query, what is read is all that can be compared. */
static enum verdict check_answer(struct vector *v, const struct http_message *message)
{
	const struct admin_answer answer = {
		.protocol = text_of(v, http_field_value(message, "X-Admin-Protocol")),
		.next_uri = text_of(v, http_field_value(message, "X-Admin-Next-URI")),
		.target = text_of(v, http_field_value(message, "X-Admin-Targeted-Application")),
		.targeted_se = text_of(v, http_field_value(message, "X-Admin-Targeted-SE")),
		.script = message->body,
	};
	struct http_message built;
	struct bytes wire;
	struct fault fault = { 0 };

	if (answer.next_uri != NULL && strchr(answer.next_uri, '?') == NULL)
		return admin_answer_build(v->arena, &answer, &wire, &fault) == ERR_MALFORMED
			       ? PASSED
			       : vector_fail(v, "a URI that cards refuse is sent");
	if (admin_answer_build(v->arena, &answer, &wire, &fault) != ERR_NONE ||
	    http_message_parse(wire, v->arena, &built, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	enum verdict verdict = compare_headers(v, &built);
	return verdict == PASSED ? vector_compare(v, "body", built.body, message->body) : verdict;
}

enum verdict check_admin_http(struct vector *v)
{
	struct bytes body, wire;
	struct http_message message;
	struct fault fault = { 0 };

	if (!vector_hex(v, "body", &body) || wire_of(v, body, &wire) != ERR_NONE)
		return vector_fail(v, "body is missing");
	if (http_message_parse(wire, v->arena, &message, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	enum verdict verdict = compare_headers(v, &message);
	if (verdict == PASSED)
		verdict = vector_compare(v, "body", message.body, body);
	if (verdict != PASSED)
		return verdict;
	if (strcmp(vector_text(v, "direction", ""), "card-to-server") == 0)
		return check_request(v, &message);
	return check_answer(v, &message);
}

/* ---- parameters ---- */

/* The elements themselves; of STORE DATA what is inside its element 85. */
static enum verdict elements_of(struct vector *v, struct bytes encoded, struct bytes *ret_elements)
{
	struct command command;
	struct fault fault = { 0 };

	if (encoded.len < 2 || encoded.at[1] != INS_STORE_DATA) {
		*ret_elements = encoded;
		return PASSED;
	}
	if (command_parse(encoded, &command, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	struct reader r = reader_of(command.data);
	read_u8(&r);
	*ret_elements = read_bytes(&r, read_u8(&r));
	return reader_done(&r) ? PASSED : vector_fail(v, "STORE DATA does not hold one element");
}

/* The value of an element that the parameters have, as the vector writes it: some with their tag, some
 * without. */
static enum verdict compare_fields(struct vector *v, const struct session_parameters *p)
{
	const struct {
		const char *field;
		struct bytes actual;
		bool is_text;
	} rows[] = {
		{ "psk_identity", p->psk_identity, false },
		{ "kvn", bytes_of(&p->key_version, 1), false },
		{ "kid", bytes_of(&p->key_id, 1), false },
		{ "connection", p->connection, false },
		{ "retry", p->retry, false },
		{ "host", p->host, true },
		{ "agent", p->agent, true },
		{ "uri", p->uri, true },
		{ "text", p->uri, true },
	};
	const json_t *fields = json_object_get(v->own, "fields");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = json_string_value(json_object_get(fields, rows[i].field));
		struct bytes expected = { 0 };
		if (text == NULL)
			continue;
		if (rows[i].is_text)
			expected = bytes_of_text(text);
		else if (bytes_from_hex(v->arena, text, &expected) != ERR_NONE)
			return vector_fail(v, "%s is not hexadecimal", rows[i].field);
		if (expected.len == rows[i].actual.len + 2)
			expected = bytes_from(expected, 2);
		enum verdict verdict = vector_compare(v, rows[i].field, rows[i].actual, expected);
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

enum verdict check_admin_parameters(struct vector *v)
{
	struct session_parameters parameters;
	struct bytes encoded, elements, built;
	struct builder http = builder_in(v->arena);
	struct fault fault = { 0 };

	if (!vector_hex(v, "encoded", &encoded))
		return vector_fail(v, "encoded is missing");
	enum verdict verdict = elements_of(v, encoded, &elements);
	if (verdict != PASSED)
		return verdict;
	const bool is_part = elements.len > 0 && elements.at[0] >= 0x8A && elements.at[0] <= 0x8C;
	if (is_part) { /* one of the three that stand inside 89 */
		build_u8(&http, 0x89);
		build_u8(&http, (uint8_t)elements.len);
		build_bytes(&http, elements);
		if (builder_bytes(&http, &elements) != ERR_NONE)
			return vector_fail(v, "no memory");
	}
	if (session_parameters_parse(elements, &parameters, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	verdict = compare_fields(v, &parameters);
	if (verdict != PASSED || is_part)
		return verdict;
	const bool is_trigger = elements.len > 0 && elements.at[0] == 0x81;
	if (session_parameters_build(v->arena, &parameters, is_trigger, &built) != ERR_NONE)
		return vector_fail(v, "cannot be built");
	return vector_compare(v, "encoded", built, elements);
}
