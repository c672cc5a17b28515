/* JSON as text, for what is written but never looked at again: events, records of a device. */
#ifndef CARDEA_CORE_JSON_TEXT_H
#define CARDEA_CORE_JSON_TEXT_H

#include <cardea/bytes.h>

/* The value as JSON string, quoted and escaped; null when it is not UTF-8. */
void build_json_string(struct builder *b, struct bytes utf8);
void build_json_real(struct builder *b, double value); /* null when it is not finite */

/* One object of strings: {"endpoint":"x","reason":"y"}. A member whose `json` is set is that JSON as it
 * stands. */
struct json_member {
	const char *name, *text, *json;
};
void build_json_object(struct builder *b, const struct json_member *members, size_t count);

#endif
