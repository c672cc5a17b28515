/* The one behaviour that every application of this card has: it keeps what STORE DATA brings and gives it
 * back to GET DATA, so that a test sees whether personalization reached it. */
#include "chip.h"

#define P1_ENCRYPTED 0x60

uint16_t applet_store(struct call *call, struct entry *applet, uint8_t format, uint32_t tag,
		      struct bytes value)
{
	/* GPCS 2.3.1 11.11.2.1: decrypting is up to the application, with the key of its security domain; the
	 * padding is its own matter too and stays */
	if ((format & P1_ENCRYPTED) == P1_ENCRYPTED &&
	    session_decrypt(&call->channel->session, call->card->scratch, value, &value) != ERR_NONE)
		return SW_WRONG_DATA;
	return entry_store(&call->card->registry, applet, tag, value) ? SW_SUCCESS : SW_MEMORY_FAILURE;
}
