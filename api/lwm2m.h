/* An operation on a device whose answer is the answer of a request. */
#ifndef CARDEA_API_LWM2M_H
#define CARDEA_API_LWM2M_H

#include "http.h"
#include "operation.h"

/* Starts the operation on the request's endpoint and answers with what becomes of it (or, with
 * ?queue=, with 202 when it waits for the device); or with `err`, when
 * that is set already. */
void lwm2m_start(struct http_request *request, struct operation_request *operation, enum err err,
		 struct fault *fault);

/* What of the query is not ours goes to the device as its query: attributes; NULL without. ERR_NOMEM. */
MUST_CHECK enum err lwm2m_query(const struct http_request *request, const char **ret_attributes);

/* Answers when the operation has failed; false: it has not. */
bool lwm2m_reply_failure(struct http_request *request, const struct operation_answer *answer);

#endif
