/* What a request says of its operation: ?format=, and the body of a write, which is JSON values or bytes in one of the
 * content formats. */
#ifndef CARDEA_API_LWM2M_BODY_H
#define CARDEA_API_LWM2M_BODY_H

#include "http.h"
#include "operation.h"

/* The content format of ?format=, FORMAT_NONE without. ERR_MALFORMED: none of ours. */
MUST_CHECK enum err lwm2m_accept(const struct http_request *request, uint16_t *ret_accept,
				 struct fault *fault);

/* Fills records, to be written as ?format says, (or payload and payload_format) of the operation from the request's body. JSON is {"value": x} for a
 * resource, else {"resources": [{"path": "/3/0/14", "value": x}, {"id": 15, "value": y}, {"id": 6, "resourceInstance": 0,
 * "value": z}]}; in a Create {"instance": n} chooses the id. A type that the model does not know may be given as "type".
 * ERR_MALFORMED and ERR_UNSUPPORTED name the member. */
MUST_CHECK enum err lwm2m_body(const struct http_request *request, struct operation_request *operation,
                               struct fault *fault);

/* Fills records with the names in {"paths": ["/3/0/0", "/1"]}. ERR_MALFORMED. */
MUST_CHECK enum err lwm2m_names(const struct http_request *request, const json_t *body,
                                struct operation_request *operation, struct fault *fault);

#endif
