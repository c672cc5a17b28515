/* SCP02 (GPCS 2.3.1 appendix E), the card's side: its arithmetic, over a session of
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

/* C-MAC key of the counter, and the ICV of the first C-MAC; the DEK is of the counter after it. */
MUST_CHECK enum err scp02_begin_implicit(struct session *session, const struct card_key_set *keys, uint16_t counter,
					 const struct card_aid *invoker);

/* Decrypts what C-DEC encrypted and verifies the C-MAC over the plain command. False: a security error. */
bool scp02_open(struct session *session, const struct command *command, struct arena *arena, bool is_encrypted,
		struct bytes *ret_plain);

/* Protects an answer with R-MAC, in the order of the commands. `command`: in the clear. */
MUST_CHECK enum err scp02_answer(struct session *session, const struct command *command, struct arena *arena, uint16_t sw,
				 struct bytes answer, bool is_error, struct bytes *ret_protected);

/* Keys that PUT KEY brings: triple DES block by block under the session's DEK. */
MUST_CHECK enum err scp02_decrypt(const struct session *session, struct arena *arena, struct bytes data,
				  struct bytes *ret_plain);

#endif
