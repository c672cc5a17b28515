/* Records as JSON text, as REST and events show them:
 * [{"path": "/3/0/0", "name": "Manufacturer", "type": "string", "value": "Cardea"}, ...]
 * Integers keep 64 bits, opaque is base64, an object link "3:0", no value null; `name` is missing where the
 * model does not know the resource, `time` (seconds since 1970) is there for historical values. */
#ifndef CARDEA_LWM2M_RECORDS_JSON_H
#define CARDEA_LWM2M_RECORDS_JSON_H

#include <cardea/lwm2m.h>

#include "model.h"

/* Appends the array. */
void build_records_json(struct builder *b, const struct model *model, struct lwm2m_records records);

#endif
