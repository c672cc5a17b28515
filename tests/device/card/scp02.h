/* SCP02 (GPCS 2.3.1 appendix E, i = 15 and 55), the card's side: its arithmetic, over a session of
 * secure_channel.h. */
#ifndef CARD_SCP02_H
#define CARD_SCP02_H

#include "secure_channel.h"

#define SCP02_CHALLENGE 6

/* Session keys of the counter, and both cryptograms. The challenge of a card with the option 40 is made of `invoker`;
 * else it is what `challenge` holds. */
MUST_CHECK enum err scp02_begin(struct session *session, const struct card_key_set *keys, uint16_t counter,
				struct bytes host_challenge, const struct card_aid *invoker,
				uint8_t challenge[SCP02_CHALLENGE], uint8_t ret_cryptogram[DES_BLOCK]);

/* Decrypts what C-DEC encrypted and verifies the C-MAC over the plain command. False: a security error. */
bool scp02_open(struct session *session, const struct command *command, struct arena *arena, bool is_encrypted,
		struct bytes *ret_plain);

/* Keys that PUT KEY brings: triple DES block by block under the session's DEK. */
MUST_CHECK enum err scp02_decrypt(const struct session *session, struct arena *arena, struct bytes data,
				  struct bytes *ret_plain);

#endif
