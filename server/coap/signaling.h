/* What the two ends of a connection say about it (RFC 8323 5). Pure. */
#ifndef CARDEA_COAP_SIGNALING_H
#define CARDEA_COAP_SIGNALING_H

#include "coap.h"
#include "frame.h"

enum signal_code {
	SIGNAL_CSM = COAP_CODE(7, 1),
	SIGNAL_PING = COAP_CODE(7, 2),
	SIGNAL_PONG = COAP_CODE(7, 3),
	SIGNAL_RELEASE = COAP_CODE(7, 4),
	SIGNAL_ABORT = COAP_CODE(7, 5),
};

#define SIGNAL_BASE_MAX_BYTES 1152      /* Max-Message-Size of who has not said it */

static inline bool is_signal(uint8_t code)
{
	return code >> 5 == 7;
}

struct signal {
	uint8_t code;
	struct bytes token;
	bool has_max_bytes, has_block_wise, has_custody, has_hold_off, has_bad_option;
	uint32_t max_bytes;             /* of CSM */
	uint32_t hold_off_s;            /* of Release */
	uint16_t bad_option;            /* of Abort: of which CSM option it speaks */
	struct bytes text;              /* for people; of Release and Abort too */
};

enum signal_verdict {
	SIGNAL_GOOD,
	SIGNAL_MALFORMED,
	SIGNAL_BAD_OPTION,              /* a critical option that is not known: *ret_bad_option */
	SIGNAL_UNKNOWN,                 /* a code that nobody has defined */
};

/* The message points into the frame. */
enum signal_verdict signal_read(const struct frame *frame, struct signal *ret_signal, uint16_t *ret_bad_option);

#define SIGNAL_BYTES_MAX 160
/* With its header. A text that does not fit is cut. */
size_t signal_write(const struct signal *signal, uint8_t ret_at[static SIGNAL_BYTES_MAX]);

#endif
