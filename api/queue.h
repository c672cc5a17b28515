/* ?queue=<seconds>: an operation that waits for its device. */
#ifndef CARDEA_API_QUEUE_H
#define CARDEA_API_QUEUE_H

#include "http.h"
#include "operation.h"

bool queue_is_wanted(const struct http_request *request);
/* Answers 202 with the item, once that is durable. ERR_MALFORMED names the member of the query; else as
 * deferred_add. */
MUST_CHECK enum err queue_start(struct http_request *request, const struct operation_request *operation,
				struct fault *fault);

#endif
