/* Where a server is: what a URI like "coaps://host:5684" says, with its name looked up. */
#ifndef DEVICE_PLACE_H
#define DEVICE_PLACE_H

#include "transport.h"

#define PLACE_NAME_SIZE 256

/* How a URI begins, and what that means. */
struct scheme {
	const char *prefix, *port; /* port: where the URI names none */
	bool is_secure, is_stream;
};

#define SCHEMES_TEXT "coap://, coaps://, coap+tcp:// or coaps+tcp://"
/* NULL: none of them. */
const struct scheme *scheme_of(const char *uri);

struct place {
	struct address address;
	bool is_secure, is_stream;
	char *host; /* NULL for a numeric address */
	char name[PLACE_NAME_SIZE]; /* the same, or the numeric address */
};

/* Looks names up, and waits for that. ERR_MALFORMED, ERR_NOT_FOUND, with the reason; ERR_NOMEM. */
MUST_CHECK enum err place_find(const char *uri, struct place *ret_place, struct fault *fault);
void place_clear(struct place *place);

bool is_same_address(const struct address *a, const struct address *b);

#endif
