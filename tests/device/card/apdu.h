/* GPCS 2.3.1 11.1.4 and 11.1.5: one command APDU with short lengths. */
#ifndef CARD_APDU_H
#define CARD_APDU_H

#include <cardea/bytes.h>

struct command {
	uint8_t ins, p1, p2;
	bool is_gp;      /* class byte of GlobalPlatform (b8 = 1), else of ISO 7816 */
	bool is_secured; /* GlobalPlatform secure messaging */
	unsigned channel;
	bool has_lc, has_le;
	struct bytes data;
	size_t le; /* 1 to 256, 0 without Le */
};

/* SW_SUCCESS, or the status word that refuses the bytes. */
uint16_t command_read(struct bytes apdu, struct command *ret_command);

#endif
