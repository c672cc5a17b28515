#include "handlers.h"

#include "api_parts.h"
#include "reply.h"
#include "store.h"

#define READ_BYTES (1u << 20)

void health_get(struct http_request *request)
{
	http_reply_bytes(request, 200, "text/plain", bytes_of_text("ok\n"));
}

/* That the loop turns is shown by our being here, that the workers and the store answer by this read. */
static enum err look(struct http_request *request, struct fault *fault)
{
	uint64_t id;
	enum err err = store_last_job_id(request->api->parts.store, &id);
	if (err != ERR_NONE)
		return fault_set(fault, ERR_UNAVAILABLE, "the store does not answer: %s", err_name(err));
	http_reply_bytes(request, 200, "text/plain", bytes_of_text("ready\n"));
	return ERR_NONE;
}

void ready_get(struct http_request *request)
{
	http_defer(request, look);
}
