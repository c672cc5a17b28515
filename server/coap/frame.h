/* Messages on a stream (RFC 8323 3.2): the length goes before each of them, and neither type nor message id is there.
 * Pure. */
#ifndef CARDEA_COAP_FRAME_H
#define CARDEA_COAP_FRAME_H

#include <cardea/bytes.h>

#define FRAME_HEADER_MAX 6

enum frame_verdict {
	FRAME_WHOLE,
	FRAME_INCOMPLETE,       /* ret_frame->len is how long it will be, 0 while that is not known */
	FRAME_MALFORMED,        /* a token length that is reserved */
	FRAME_TOO_LONG,
};

struct frame {
	uint8_t code;
	struct bytes token;
	struct bytes rest;              /* options and payload */
	size_t len;                     /* of all of it */
};

/* The first message of a stream; it points into it. */
enum frame_verdict frame_read(struct bytes stream, size_t max_bytes, struct frame *ret_frame);

/* What goes before a token of `token_len` and `rest_len` bytes of options and payload; returns its length. */
size_t frame_write_header(uint8_t code, uint8_t token_len, size_t rest_len, uint8_t ret_at[static FRAME_HEADER_MAX]);

#endif
