/* An operation on a device whose answer is the answer of a request. */
#ifndef CARDEA_API_LWM2M_H
#define CARDEA_API_LWM2M_H

#include "http.h"
#include "operation.h"

/* Starts the operation on the request's endpoint and answers with what becomes of it; or with `err`, when that is set
 * already. */
void lwm2m_start(struct http_request *request, struct operation_request *operation, enum err err, struct fault *fault);

#endif
