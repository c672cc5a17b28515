/* Logical channels of the card, and the exchange of one C-APDU on one of them (ISO/IEC 7816-4;
 * GPCS 2.3.1, 11.1.4, 11.7 and 11.9). */
#ifndef DEVICE_CHANNEL_H
#define DEVICE_CHANNEL_H

#include "se.h"

#define STATUS_OK(status) ((status) == 0x9000)

/* The class byte with a channel number in it, in the coding that the number needs. */
uint8_t class_on_channel(uint8_t class, unsigned channel);

/* Sends the C-APDU on `channel`, fetches what 61xx announces and repeats for 6Cxx. The answer, status word
 * included, lies in `arena`. Errors are the card's: ERR_TIMEOUT, ERR_UNAVAILABLE, ERR_NOMEM; ERR_MALFORMED
 * for an answer that is none. */
MUST_CHECK enum err channel_transmit(struct se *se, struct arena *arena, unsigned channel,
				     struct bytes command, struct bytes *ret_answer);
uint16_t answer_status(struct bytes answer);

/* Opens a channel and selects the application on it. `ret_status` is the status word that decided; on
 * anything but 9000, 62xx and 63xx no channel stays open and `ret_channel` is untouched. Errors as above. */
MUST_CHECK enum err channel_open(struct se *se, struct arena *arena, struct bytes aid,
				 unsigned *ret_channel, uint16_t *ret_status);
void channel_close(struct se *se, struct arena *arena, unsigned channel);

#endif
