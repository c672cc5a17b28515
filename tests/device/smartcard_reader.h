/* Reads the bootstrap information of a smartcard by APDUs (LwM2M Core TS 1.1, appendix G; ISO/IEC 7816-4), on a logical
 * channel of its own. It changes nothing on the card, except that a wrong PIN costs it a try. */
#ifndef DEVICE_SMARTCARD_READER_H
#define DEVICE_SMARTCARD_READER_H

#include "smartcard_session.h"

struct smartcard_access {
	/* One C-APDU to the card, and its R-APDU in the arena. */
	enum err (*transmit)(void *arg, struct arena *arena, struct bytes command, struct bytes *ret_answer);
	void *arg;
	const char *pin; /* of the card's holder; NULL: nobody knows it */
	const struct smartcard_keys *keys; /* of the secure channel; NULL: everything goes in the clear */
};

/* EF(LwM2M_Bootstrap) as it is, in the arena. ERR_NOT_FOUND: the card has no such information. ERR_DENIED: the card does
 * not let us. ERR_UNAVAILABLE: not now, another has it. ERR_MALFORMED: what leads there is damaged. Each with the reason.
 * Else the error of `transmit`. */
MUST_CHECK enum err smartcard_read(const struct smartcard_access *access, struct arena *arena,
				   struct bytes *ret_file, struct fault *fault);

#endif
