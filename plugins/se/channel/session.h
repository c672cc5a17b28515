/* An open secure channel session, whatever protocol opened it. It is small: it can be rebuilt from keys and challenges, and from the chaining value and counter that a mark holds. */
#ifndef SE_SESSION_H
#define SE_SESSION_H

#include <cardea/key.h>

#include "gp/apdu.h"

/* Where the chains stand after one command; what an answer is checked against. SCP02 has half of the chaining value
 * and no counter. */
struct session_mark {
	uint8_t chaining[AES_BLOCK];
	uint32_t counter;
	/* SCP03: what an R-MAC session adds to the level, for the answer to this command and for those that follow */
	uint8_t responses, next_responses;
};

struct session {
	struct secret enc, mac, rmac;
	struct key dek; /* what ciphers the keys that are put on the card */
	uint8_t level;     /* 0 until the card authenticates us */
	uint8_t mac_size;  /* 8 or 16 */
	uint8_t card_cryptogram[AES_BLOCK], host_cryptogram[AES_BLOCK]; /* the first mac_size bytes */
	struct session_mark mark;
	uint8_t option; /* SCP02: its i, which says how MACs are made */
	uint8_t response_chain[DES_BLOCK]; /* SCP02: the R-MAC before */
};

void session_wipe(struct session *session); /* accepts NULL */

/* Security levels: P1 of EXTERNAL AUTHENTICATE, the same in all protocols. */
enum {
	LEVEL_C_MAC = 0x01,
	LEVEL_C_DEC = 0x02,
	LEVEL_R_MAC = 0x10,
	LEVEL_R_ENC = 0x20,
	LEVEL_PLAIN = 0x80, /* [ours] nothing is protected */
};

/* The class under a MAC has secure messaging on and no channel; the class that is sent keeps its channel. */
uint8_t class_for_mac(uint8_t cla);
uint8_t class_for_card(uint8_t cla);

/* Adds 80 and zeros up to a multiple of `block` bytes. */
void build_padded(struct builder *b, struct bytes data, size_t block);

#endif
