/* GPC Amendment B 1.1, as real sessions show it; SERAM 1.0.1 as restated; RFC 9112 for the framing */
#include "seram/seram_http.h"

#include <strings.h>

#include "seram/seram_table.h"

#define CHUNK_DIGITS_MAX 7

/* ---- the wire ---- */

/* Up to the line break, which is passed. False when there is none. */
static bool read_line(struct reader *r, struct bytes *ret_line)
{
	const struct bytes left = bytes_of(r->at, reader_left(r));

	for (size_t i = 0; i + 1 < left.len; i++) {
		if (left.at[i] != '\r' || left.at[i + 1] != '\n')
			continue;
		*ret_line = read_bytes(r, i);
		read_u16(r);
		return true;
	}
	return false;
}

static struct bytes trimmed(struct bytes text)
{
	while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
		text = bytes_from(text, 1);
	while (text.len > 0 && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
		text = bytes_first(text, text.len - 1);
	return text;
}

static enum err read_field(struct bytes line, struct http_message *message, struct fault *fault)
{
	size_t colon = 0;

	while (colon < line.len && line.at[colon] != ':')
		colon++;
	if (colon == 0 || colon == line.len || line.at[colon - 1] == ' ')
		return fault_set(fault, ERR_MALFORMED, "header field %zu has no name",
				 message->field_count + 1);
	if (message->field_count == SERAM_HTTP_MAX_HEADERS)
		return fault_set(fault, ERR_LIMIT, "more than %d header fields", SERAM_HTTP_MAX_HEADERS);
	message->fields[message->field_count++] =
		(struct http_field){ .name = bytes_first(line, colon),
				     .value = trimmed(bytes_from(line, colon + 1)) };
	return ERR_NONE;
}

static bool equals_text(struct bytes a, const char *b)
{
	return a.len == strlen(b) && strncasecmp((const char *)a.at, b, a.len) == 0;
}

struct bytes http_field_value(const struct http_message *message, const char *name)
{
	for (size_t i = 0; i < message->field_count; i++) {
		if (equals_text(message->fields[i].name, name))
			return message->fields[i].value;
	}
	return bytes_of(NULL, 0);
}

static bool digit_of(uint8_t character, unsigned base, size_t *ret_digit)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < base; i++) {
		if ((character | (character >= 'A' && character <= 'F' ? 0x20 : 0)) == digits[i]) {
			*ret_digit = i;
			return true;
		}
	}
	return false;
}

static bool number_of(struct bytes text, unsigned base, size_t *ret_number)
{
	size_t number = 0, digit;

	if (text.len == 0 || text.len > CHUNK_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!digit_of(text.at[i], base, &digit))
			return false;
		number = number * base + digit;
	}
	*ret_number = number;
	return true;
}

/* What follows a chunk's size after a semicolon says nothing to us. */
static struct bytes without_extension(struct bytes line)
{
	size_t len = 0;

	while (len < line.len && line.at[len] != ';')
		len++;
	return trimmed(bytes_first(line, len));
}

static enum err read_chunks(struct reader *r, struct arena *arena, struct bytes *ret_body,
			    struct fault *fault)
{
	struct builder b = builder_in(arena);
	struct bytes line;
	size_t size = 1;

	while (size > 0) {
		if (!read_line(r, &line))
			return ERR_UNAVAILABLE;
		if (!number_of(without_extension(line), 16, &size))
			return fault_set(fault, ERR_MALFORMED, "the size of a chunk is no number");
		if (reader_left(r) < size + 2)
			return ERR_UNAVAILABLE;
		build_bytes(&b, read_bytes(r, size));
		if (size > 0 && read_u16(r) != 0x0D0A)
			return fault_set(fault, ERR_MALFORMED, "a chunk is longer than it says");
	}
	do {
		if (!read_line(r, &line))
			return ERR_UNAVAILABLE;
	} while (line.len > 0); /* fields after the body */
	return builder_bytes(&b, ret_body);
}

static enum err read_body(struct reader *r, struct arena *arena, struct http_message *message,
			  struct fault *fault)
{
	const struct bytes coding = http_field_value(message, "Transfer-Encoding");
	const struct bytes length = http_field_value(message, "Content-Length");
	size_t size = 0;

	if (coding.at != NULL && !equals_text(coding, "chunked"))
		return fault_set(fault, ERR_MALFORMED, "Transfer-Encoding is not chunked");
	if (coding.at != NULL && length.at != NULL)
		return fault_set(fault, ERR_MALFORMED, "the body has both a length and chunks");
	if (coding.at != NULL)
		return read_chunks(r, arena, &message->body, fault);
	if (length.at != NULL && !number_of(length, 10, &size))
		return fault_set(fault, ERR_MALFORMED, "Content-Length is no number");
	if (reader_left(r) < size)
		return ERR_UNAVAILABLE;
	message->body = read_bytes(r, size);
	return ERR_NONE;
}

enum err http_message_parse(struct bytes wire, struct arena *arena, struct http_message *ret_message,
			    struct fault *fault)
{
	struct reader r = reader_of(wire);
	struct http_message message = { 0 };
	struct bytes line;

	if (!read_line(&r, &message.start_line))
		return ERR_UNAVAILABLE;
	while (true) {
		if (!read_line(&r, &line))
			return ERR_UNAVAILABLE;
		if (line.len == 0)
			break;
		enum err err = read_field(line, &message, fault);
		if (err != ERR_NONE)
			return err;
	}
	enum err err = read_body(&r, arena, &message, fault);
	if (err != ERR_NONE)
		return err;
	if (reader_left(&r) > 0)
		return fault_set_at(fault, ERR_MALFORMED, wire.len - reader_left(&r),
				    "%zu bytes after the message", reader_left(&r));
	*ret_message = message;
	return ERR_NONE;
}

/* ---- what an agent says ---- */

static enum err read_path(struct bytes line, struct bytes *ret_path, struct fault *fault)
{
	const struct bytes method = bytes_of_text("POST "), version = bytes_of_text(" HTTP/1.1");

	if (line.len <= method.len + version.len || !bytes_equal(bytes_first(line, method.len), method) ||
	    !bytes_equal(bytes_from(line, line.len - version.len), version))
		return fault_set(fault, ERR_MALFORMED, "an agent sends POST with HTTP/1.1");
	*ret_path = bytes_from(bytes_first(line, line.len - version.len), method.len);
	return ERR_NONE;
}

static int64_t status_of(struct bytes text)
{
	int64_t status = 0;

	while (++status <= SERAM_STATUS_SCRIPT_FORMAT_ERROR) {
		if (equals_text(text, seram_status_row(status)->spelling))
			break;
	}
	return status;
}

enum err admin_request_read(const struct http_message *message, struct admin_request *ret_request,
			    struct fault *fault)
{
	struct admin_request request = {
		.protocol = http_field_value(message, "X-Admin-Protocol"),
		.from = http_field_value(message, "X-Admin-From"),
		.se_list = http_field_value(message, "X-Admin-SE-List"),
		.targeted_se = http_field_value(message, "X-Admin-Targeted-SE"),
		.is_resuming = equals_text(http_field_value(message, "X-Admin-Resume"), "true"),
		.response = message->body,
	};
	const struct bytes status = http_field_value(message, "X-Admin-Script-Status"),
			   type = http_field_value(message, "Content-Type"),
			   family = bytes_of_text(SERAM_PROTOCOL_FAMILY),
			   expected = bytes_of_text(SERAM_RESPONSE_TYPE);
	enum err err = read_path(message->start_line, &request.path, fault);

	if (err != ERR_NONE)
		return err;
	if (request.protocol.at != NULL && !bytes_equal(bytes_first(request.protocol, family.len), family))
		return fault_set(fault, ERR_MALFORMED, "X-Admin-Protocol is not " SERAM_PROTOCOL_FAMILY "*");
	if (request.response.len > 0 && !equals_text(bytes_first(type, expected.len), SERAM_RESPONSE_TYPE))
		return fault_set(fault, ERR_UNSUPPORTED, "Content-Type is not " SERAM_RESPONSE_TYPE);
	request.has_status = status.at != NULL;
	request.status = request.has_status ? status_of(status) : SERAM_STATUS_NONE;
	*ret_request = request;
	return ERR_NONE;
}

/* ---- what the server answers ---- */

static enum err add_field(struct cardea_http_field *fields, size_t *count, const char *name,
			  const char *value, struct fault *fault)
{
	if (value == NULL)
		return ERR_NONE;
	if (strpbrk(value, "\r\n") != NULL)
		return fault_set(fault, ERR_MALFORMED, "%s: a line break in its value", name);
	fields[(*count)++] = (struct cardea_http_field){ name, value };
	return ERR_NONE;
}

enum err admin_answer_fields(const struct admin_answer *answer,
			     struct cardea_http_field ret_fields[static ADMIN_ANSWER_FIELDS],
			     size_t *ret_count, struct fault *fault)
{
	const bool has_script = answer->script.len > 0;
	const struct cardea_http_field rows[ADMIN_ANSWER_FIELDS] = {
		{ "X-Admin-Protocol", answer->protocol },
		{ "X-Admin-Next-URI", answer->next_uri },
		{ "X-Admin-Targeted-SE", has_script ? answer->targeted_se : NULL },
		{ "X-Admin-Targeted-Application", has_script ? answer->target : NULL },
		{ "Content-Type", has_script ? SERAM_SCRIPT_TYPE SERAM_TYPE_VERSION : NULL },
	};
	size_t count = 0;

	if (answer->next_uri != NULL && strchr(answer->next_uri, '?') == NULL)
		return fault_set(fault, ERR_MALFORMED, "X-Admin-Next-URI: cards refuse one without a query");
	for (size_t i = 0; i < ADMIN_ANSWER_FIELDS; i++) {
		enum err err = add_field(ret_fields, &count, rows[i].name, rows[i].value, fault);
		if (err != ERR_NONE)
			return err;
	}
	*ret_count = count;
	return ERR_NONE;
}

enum err admin_answer_build(struct arena *arena, const struct admin_answer *answer, struct bytes *ret_wire,
			    struct fault *fault)
{
	struct cardea_http_field fields[ADMIN_ANSWER_FIELDS];
	struct builder b = builder_in(arena);
	size_t count;
	enum err err = admin_answer_fields(answer, fields, &count, fault);

	if (err != ERR_NONE)
		return err;
	build_text(&b, answer->script.len > 0 ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 204 No Content\r\n");
	for (size_t i = 0; i < count; i++)
		build_printf(&b, "%s: %s\r\n", fields[i].name, fields[i].value);
	if (answer->script.len > 0)
		build_printf(&b, "Content-Length: %zu\r\n", answer->script.len);
	build_text(&b, "\r\n");
	build_bytes(&b, answer->script);
	return builder_bytes(&b, ret_wire);
}
