/* ENVELOPE (SMS-PP DOWNLOAD): how a terminal gives a card the short messages that carry a secured packet (3GPP TS 31.111
 * 7.1.1, TS 31.115 4.2 and 4.4; the message itself: TS 23.040 9.2.2.1). */
#ifndef SE_ENVELOPE_H
#define SE_ENVELOPE_H

#include "gp/apdu.h"

#define ENVELOPE_MAX_PARTS 16 /* [ours] of one packet; concatenation knows 255 */

/* What one of them adds, at most, to the part of the packet in it: APDU, BER-TLVs, message, user data header. */
#define ENVELOPE_OVERHEAD 40

/* How many a packet takes. */
size_t envelope_count(size_t packet_bytes);
/* The commands of a packet, in their order; more than one are concatenated under `reference`. ERR_LIMIT: more than
 * ENVELOPE_MAX_PARTS. */
MUST_CHECK enum err envelope_build(struct arena *arena, struct bytes packet, uint8_t reference,
				   struct command ret_commands[static ENVELOPE_MAX_PARTS], size_t *ret_count);

/* What the status word of an ENVELOPE says about the response packet. */
enum envelope_end {
	ENVELOPE_TAKEN,  /* done; an answer may be there */
	ENVELOPE_FETCH,  /* the answer waits for GET RESPONSE */
	ENVELOPE_BUSY,   /* nothing was done: the card runs a proactive command */
	ENVELOPE_REFUSED,
};
/* `ret_fetch_le` is the Le of the GET RESPONSE. */
enum envelope_end envelope_end_of(const struct response *response, uint8_t *ret_fetch_le);

#endif
