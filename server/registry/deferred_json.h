/* A request as the store keeps it, and what the device said to it as operators see it: JSON. For this folder
 * only. */
#ifndef CARDEA_REGISTRY_DEFERRED_JSON_H
#define CARDEA_REGISTRY_DEFERRED_JSON_H

#include "operation.h"

/* ERR_MALFORMED, ERR_UNSUPPORTED for a value that has no text; ERR_NOMEM. */
MUST_CHECK enum err deferred_document_write(struct arena *arena, const struct operation_request *request,
					    struct bytes *ret_text, struct fault *fault);
/* In the arena. ERR_MALFORMED, ERR_NOMEM. */
MUST_CHECK enum err deferred_document_read(struct arena *arena, struct bytes text,
					   struct operation_request *ret_request);

/* {"code": "2.05", "format": ..., "resources": [...]}, with links, location or detail in place of resources.
 * In the arena; ERR_NOMEM when it does not fit. */
MUST_CHECK enum err deferred_answer_write(struct arena *arena, enum lwm2m_operation operation,
					  const struct operation_answer *answer, const char **ret_text);

#endif
