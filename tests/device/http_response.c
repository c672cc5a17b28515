/* RFC 9112, 6 and 7: how long a message is */
#include "http_response.h"

#include <strings.h>

#define MAX_BODY_BYTES (1u << 20)

static bool read_line(struct reader *r, struct bytes *ret_line)
{
	const uint8_t *end = reader_left(r) == 0 ? NULL : memmem(r->at, reader_left(r), "\r\n", 2);

	if (end == NULL)
		return false;
	*ret_line = read_bytes(r, (size_t)(end - r->at));
	(void)read_u16(r);
	return true;
}

static struct bytes without_blanks(struct bytes text)
{
	while (text.len > 0 && strchr(" \t", text.at[0]) != NULL)
		text = bytes_from(text, 1);
	while (text.len > 0 && strchr(" \t", text.at[text.len - 1]) != NULL)
		text = bytes_first(text, text.len - 1);
	return text;
}

static bool is_text(struct bytes bytes, const char *text)
{
	return bytes.len == strlen(text) && strncasecmp((const char *)bytes.at, text, bytes.len) == 0;
}

struct bytes http_response_field(const struct http_response *response, const char *name)
{
	for (size_t i = 0; i < response->field_count; i++) {
		if (is_text(response->fields[i].name, name))
			return response->fields[i].value;
	}
	return bytes_of(NULL, 0);
}

/* "HTTP/1.1 200 OK" */
static enum err read_status(struct bytes line, unsigned *ret_status, struct fault *fault)
{
	struct reader r = reader_of(line);
	const struct bytes version = read_bytes(&r, strlen("HTTP/1.1 "));
	unsigned status = 0;

	for (int i = 0; i < 3; i++) {
		const uint8_t digit = read_u8(&r);

		if (digit < '0' || digit > '9')
			return fault_set(fault, ERR_MALFORMED,
					 "the status line has no status of three digits");
		status = status * 10 + digit - '0';
	}
	if (!bytes_equal_text(version, "HTTP/1.1 ") || (reader_left(&r) > 0 && read_u8(&r) != ' '))
		return fault_set(fault, ERR_MALFORMED, "the status line is not one of HTTP/1.1");
	*ret_status = status;
	return ERR_NONE;
}

static enum err read_field(struct bytes line, struct http_response *response, struct fault *fault)
{
	const uint8_t *colon = memchr(line.at, ':', line.len);
	const size_t len = colon == NULL ? 0 : (size_t)(colon - line.at);

	if (len == 0 || strchr(" \t", line.at[len - 1]) != NULL)
		return fault_set(fault, ERR_MALFORMED, "a header field has no name");
	if (response->field_count == HTTP_RESPONSE_MAX_FIELDS)
		return fault_set(fault, ERR_LIMIT, "more than %d header fields", HTTP_RESPONSE_MAX_FIELDS);
	response->fields[response->field_count].name = bytes_first(line, len);
	response->fields[response->field_count].value = without_blanks(bytes_from(line, len + 1));
	response->field_count++;
	return ERR_NONE;
}

static bool number_of(struct bytes text, unsigned base, size_t *ret_number)
{
	static const char digits[] = "0123456789ABCDEF0123456789abcdef";
	size_t number = 0;

	if (text.len == 0 || text.len > 8)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		const char *digit = text.at[i] == '\0' ? NULL : strchr(digits, text.at[i]);
		const size_t value = digit == NULL ? 16 : (size_t)(digit - digits) % 16;

		if (digit == NULL && text.at[i] >= 'a' && text.at[i] <= 'f')
			return false;
		if (value >= base)
			return false;
		number = number * base + value;
	}
	*ret_number = number;
	return true;
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
		const uint8_t *extension = memchr(line.at, ';', line.len);
		if (extension != NULL)
			line = bytes_first(line, (size_t)(extension - line.at));
		if (!number_of(without_blanks(line), 16, &size))
			return fault_set(fault, ERR_MALFORMED, "a chunk has no size");
		if (size > MAX_BODY_BYTES || b.len + size > MAX_BODY_BYTES)
			return fault_set(fault, ERR_LIMIT, "the body is longer than %u bytes",
					 MAX_BODY_BYTES);
		if (size == 0)
			break;
		if (reader_left(r) < size + 2)
			return ERR_UNAVAILABLE;
		build_bytes(&b, read_bytes(r, size));
		if (read_u16(r) != 0x0D0A)
			return fault_set(fault, ERR_MALFORMED, "a chunk does not end where it says");
	}
	do {
		if (!read_line(r, &line))
			return ERR_UNAVAILABLE;
	} while (line.len > 0);
	return builder_bytes(&b, ret_body);
}

static enum err read_body(struct reader *r, struct arena *arena, struct http_response *response,
			  struct fault *fault)
{
	const struct bytes coding = http_response_field(response, "Transfer-Encoding");
	const struct bytes length = http_response_field(response, "Content-Length");
	size_t size = 0;

	if (response->status == 204 || response->status < 200)
		return ERR_NONE;
	if (coding.at != NULL)
		return is_text(coding, "chunked") && length.at == NULL
			       ? read_chunks(r, arena, &response->body, fault)
			       : fault_set(fault, ERR_MALFORMED, "Transfer-Encoding is not chunked alone");
	if (length.at == NULL || !number_of(length, 10, &size))
		return fault_set(fault, ERR_MALFORMED, "Content-Length is missing or no number");
	if (size > MAX_BODY_BYTES)
		return fault_set(fault, ERR_LIMIT, "the body is longer than %u bytes", MAX_BODY_BYTES);
	if (reader_left(r) < size)
		return ERR_UNAVAILABLE;
	response->body = read_bytes(r, size);
	return ERR_NONE;
}

enum err http_response_parse(struct bytes wire, struct arena *arena, struct http_response *ret_response,
			     struct fault *fault)
{
	struct reader r = reader_of(wire);
	struct http_response response = { 0 };
	struct bytes line;
	enum err err;

	if (!read_line(&r, &line))
		return ERR_UNAVAILABLE;
	err = read_status(line, &response.status, fault);
	while (err == ERR_NONE) {
		if (!read_line(&r, &line))
			return ERR_UNAVAILABLE;
		if (line.len == 0)
			break;
		err = read_field(line, &response, fault);
	}
	if (err == ERR_NONE)
		err = read_body(&r, arena, &response, fault);
	if (err != ERR_NONE)
		return err;
	response.ends_connection = is_text(http_response_field(&response, "Connection"), "close");
	response.size = wire.len - reader_left(&r);
	*ret_response = response;
	return ERR_NONE;
}
