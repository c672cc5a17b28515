/* Values of resources as JSON, the way REST and the documents of the bootstrap server have them. */
#ifndef CARDEA_REGISTRY_VALUE_JSON_H
#define CARDEA_REGISTRY_VALUE_JSON_H

#include <jansson.h>

#include "model.h"

/* The value of the resource at `path` (depth 3 or 4), in the arena. Its type is the one that is named, else the model's,
 * else what JSON shows; `type_name` NULL: none is named. Opaque is base64, an object link "3:0". ERR_MALFORMED, ERR_NOMEM;
 * the fault does not repeat the value. */
MUST_CHECK enum err value_from_json(struct arena *arena, const struct model *model, struct lwm2m_path path,
				    const json_t *json, const char *type_name, struct lwm2m_value *ret_value,
				    struct fault *fault);

#endif
