/* A Secure Element as the agent reaches it: the simulated card in this process, or a real one in a reader of
 * PC/SC. */
#ifndef DEVICE_SE_H
#define DEVICE_SE_H

#include "card/card.h"

struct se;

/* As card_open, which it borrows the rest from. */
MUST_CHECK enum err se_open_simulated(const char *state_path, const struct card_settings *settings,
				      struct se **ret_se, struct fault *fault);
/* The card in the `index`-th reader, or in that whose name begins with `reader`; alone, until se_close.
 * ERR_UNAVAILABLE: no such reader, no card in it, somebody else has it, or pcscd does not run. */
MUST_CHECK enum err se_open_reader(const char *reader, unsigned index, struct se **ret_se, struct fault *fault);
void se_close(struct se *se); /* accepts NULL */

/* One command APDU (short lengths) in, one response APDU out, in `arena`. ERR_TIMEOUT when it is mute,
 * ERR_UNAVAILABLE when it is gone, ERR_NOMEM. */
MUST_CHECK enum err se_transmit(struct se *se, struct arena *arena, struct bytes command, struct bytes *ret_answer);
/* Power off and on. Errors as above, ERR_IO. */
MUST_CHECK enum err se_reset(struct se *se);
struct bytes se_atr(const struct se *se);

/* For tests: what it is made of. The element must be a simulated one. */
struct card *se_simulated_card(struct se *se);

#endif
