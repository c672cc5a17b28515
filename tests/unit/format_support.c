#include "format_support.h"

#include <string.h>

#include "path.h"
#include "value.h"

struct lwm2m_path path_at(const char *text)
{
	struct lwm2m_path path;

	assert_int_equal(path_parse(bytes_of_text(text), &path, NULL), ERR_NONE);
	return path;
}

struct lwm2m_record integer_at(const char *path, int64_t number)
{
	return (struct lwm2m_record){ .path = path_at(path),
				      .value = { .type = LWM2M_INTEGER, .integer = number } };
}

struct lwm2m_record text_at(const char *path, const char *text)
{
	return (struct lwm2m_record){ .path = path_at(path),
				      .value = { .type = LWM2M_STRING, .bytes = bytes_of_text(text) } };
}

struct lwm2m_records format_reads(const struct format_desk *desk, struct bytes payload)
{
	struct lwm2m_records records;
	struct fault fault = { 0 };

	if (format_find(desk->format)
		    ->read(desk->arena, desk->model, path_at(desk->base), payload, &records, &fault) !=
	    ERR_NONE)
		fail_msg("%.*s: %s", (int)payload.len, (const char *)payload.at, fault.text);
	return records;
}

void format_refuses(const struct format_desk *desk, struct bytes payload, const char *reason)
{
	struct lwm2m_records records = { .count = 77 };
	struct fault fault = { 0 };

	assert_int_equal(
		format_find(desk->format)
			->read(desk->arena, desk->model, path_at(desk->base), payload, &records, &fault),
		ERR_MALFORMED);
	if (strstr(fault.text, reason) == NULL)
		fail_msg("%.*s: '%s' does not say '%s'", (int)payload.len, (const char *)payload.at,
			 fault.text, reason);
	assert_int_equal(records.count, 77);
}

void format_refuses_every_cut(const struct format_desk *desk, struct bytes payload)
{
	assert_true(format_reads(desk, payload).count > 0);
	for (size_t length = 0; length < payload.len; length++)
		format_refuses(desk, bytes_first(payload, length), "");
}

struct bytes format_writes(const struct format_desk *desk, const struct lwm2m_record *records, size_t count)
{
	struct fault fault = { 0 };
	struct bytes payload;

	if (format_find(desk->format)
		    ->write(desk->arena, desk->model, path_at(desk->base),
			    (struct lwm2m_records){ records, count }, &payload, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	return payload;
}

enum err format_write_error(const struct format_desk *desk, const struct lwm2m_record *records, size_t count)
{
	struct bytes payload = { .len = 77 };
	struct fault fault = { 0 };
	enum err err = format_find(desk->format)
			       ->write(desk->arena, desk->model, path_at(desk->base),
				       (struct lwm2m_records){ records, count }, &payload, &fault);

	assert_int_not_equal(err, ERR_NONE);
	assert_true(fault.text[0] != 0);
	assert_int_equal(payload.len, 77);
	return err;
}

void format_keeps(const struct format_desk *desk, const struct lwm2m_record *records, size_t count)
{
	struct lwm2m_records again = format_reads(desk, format_writes(desk, records, count));
	char path[PATH_TEXT_SIZE];

	assert_int_equal(again.count, count);
	for (size_t i = 0; i < count; i++) {
		if (!path_equal(again.at[i].path, records[i].path) ||
		    !value_equal(&again.at[i].value, &records[i].value) ||
		    again.at[i].has_time != records[i].has_time || again.at[i].time_s != records[i].time_s)
			fail_msg("%s came back changed", path_print(records[i].path, path));
	}
}
