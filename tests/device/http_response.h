/* An HTTP/1.1 response (RFC 9112) as a client reads it. */
#ifndef DEVICE_HTTP_RESPONSE_H
#define DEVICE_HTTP_RESPONSE_H

#include <cardea/bytes.h>

#define HTTP_RESPONSE_MAX_FIELDS 32

struct http_response {
	unsigned status;
	struct {
		struct bytes name, value;
	} fields[HTTP_RESPONSE_MAX_FIELDS];
	size_t field_count;
	struct bytes body;      /* in the arena when it came in chunks */
	bool ends_connection;
	size_t size;            /* of the response on the wire */
};

/* ERR_UNAVAILABLE while it is not whole; ERR_MALFORMED with the reason; ERR_LIMIT. */
MUST_CHECK enum err http_response_parse(struct bytes wire, struct arena *arena, struct http_response *ret_response,
					struct fault *fault);
/* Of the first field of that name, without regard to case; empty bytes at NULL when there is none. */
struct bytes http_response_field(const struct http_response *response, const char *name);

#endif
