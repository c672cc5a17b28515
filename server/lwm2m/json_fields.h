/* What the two JSON formats, SenML JSON and LwM2M JSON, have in common: an object's members are fields of a
 * SenML record. Jansson reads and escapes; what it does not carry, integers from 2^63 on, is kept by a
 * detour. */
#ifndef CARDEA_LWM2M_JSON_FIELDS_H
#define CARDEA_LWM2M_JSON_FIELDS_H

#include <jansson.h>

#include "senml.h"

/* What is wrong with a member, or NULL. Texts are copied into the arena, since the document goes before them.
 */
typedef const char *json_field_read(const json_t *json, struct arena *arena, void *to);
typedef void json_field_build(struct builder *b, const void *from);

json_field_read json_read_name, json_read_number, json_read_number_or_null, json_read_string,
	json_read_boolean, json_read_data, json_read_link;
json_field_build json_build_name, json_build_value, json_build_data, json_build_text_data;

/* One member. With `build` it is written, in the order of the rows; two rows may have a name in common, of
 * which the first reads. */
struct json_field {
	const char *name;
	enum senml_field field;
	json_field_read *read;
	json_field_build *build; /* NULL: never written */
	size_t offset;           /* in struct senml_entry */
};

/* The whole text. The caller gives the reference back with json_decref. ERR_MALFORMED: no JSON, a member that
 * stands there twice, a text with a 0 in it; ERR_NOMEM. */
MUST_CHECK enum err json_fields_load(struct arena *arena, struct bytes text, json_t **ret_json,
				     struct fault *fault);

/* The members of an object that the rows know; others are passed over unless their name ends with '_'.
 * ERR_MALFORMED names the member; `record` is how many stand before it. */
MUST_CHECK enum err json_fields_read(const struct json_field *rows, size_t count, const json_t *object,
				     struct arena *arena, size_t record, struct senml_entry *entry,
				     struct fault *fault);

/* The members that are present, with commas between them. */
void json_fields_build(struct builder *b, const struct json_field *rows, size_t count,
		       const struct senml_entry *entry);

/* Whether JSON can carry them. ERR_UNSUPPORTED: a float that is not finite; ERR_MALFORMED: a text that is not
 * UTF-8. */
MUST_CHECK enum err json_fields_check(struct lwm2m_records records, struct fault *fault);

#endif
