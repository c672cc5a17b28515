/* A place in a JSON document that knows its name, so that whatever is wrong with it can be said: "servers[0].uri: ...". For
 * this folder only. */
#ifndef CARDEA_REGISTRY_JSON_NODE_H
#define CARDEA_REGISTRY_JSON_NODE_H

#include <jansson.h>

#include <cardea/bytes.h>

struct json_node {
	const json_t *json;             /* NULL: it is not there */
	const char *where;              /* "" for the document itself */
	struct arena *arena;
	struct fault *fault;
};

/* "is" what follows the name. Answers `kind`. */
enum err json_wrong(const struct json_node *node, enum err kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

struct json_node json_member(const struct json_node *object, const char *name);
struct json_node json_item(const struct json_node *array, size_t i);

/* An object with none but these members, a list that ends with NULL. ERR_MALFORMED. */
MUST_CHECK enum err json_object_of(const struct json_node *node, const char *const *members);
/* An array of `min` to `max` items; one that is not there has none. */
MUST_CHECK enum err json_array_of(const struct json_node *node, size_t min, size_t max, size_t *ret_count);
MUST_CHECK enum err json_number_of(const struct json_node *node, json_int_t min, json_int_t max, json_int_t *ret_number);
/* Of 1 to `max_bytes` bytes; borrowed from the document. */
MUST_CHECK enum err json_text_of(const struct json_node *node, size_t max_bytes, const char **ret_text);
MUST_CHECK enum err json_boolean_of(const struct json_node *node, bool *ret_boolean);

#endif
