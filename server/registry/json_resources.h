/* Values of an instance by resource id: {"2": 10, "24": {"0": "11:0"}}. For this folder only. */
#ifndef CARDEA_REGISTRY_JSON_RESOURCES_H
#define CARDEA_REGISTRY_JSON_RESOURCES_H

#include "json_node.h"
#include "model.h"

/* The records of the instance, checked against the model where it knows the object; in the node's arena. Nothing when the
 * node is not there. ERR_MALFORMED and ERR_UNSUPPORTED name the resource; ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err json_resources_of(const struct model *model, const struct json_node *node, struct lwm2m_path instance,
				      struct lwm2m_records *ret_records);

#endif
