#include "json_text.h"

#include <jansson.h>

static int append(const char *text, size_t len, void *to)
{
	build_bytes(to, bytes_of(text, len));
	return 0;
}

static void build_json(struct builder *b, json_t *take_value)
{
	if (take_value == NULL || json_dump_callback(take_value, append, b, JSON_ENCODE_ANY) != 0)
		build_text(b, "null");
	json_decref(take_value);
}

void build_json_string(struct builder *b, struct bytes utf8)
{
	build_json(b, json_stringn(utf8.len == 0 ? "" : (const char *)utf8.at, utf8.len));
}

void build_json_real(struct builder *b, double value)
{
	build_json(b, json_real(value));
}

void build_json_object(struct builder *b, const struct json_member *members, size_t count)
{
	build_u8(b, '{');
	for (size_t i = 0; i < count; i++) {
		build_json_string(b, bytes_of_text(members[i].name));
		build_u8(b, ':');
		if (members[i].json != NULL)
			build_text(b, members[i].json);
		else
			build_json_string(b, bytes_of_text(members[i].text));
		if (i + 1 < count)
			build_u8(b, ',');
	}
	build_u8(b, '}');
}
