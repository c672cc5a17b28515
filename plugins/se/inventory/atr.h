/* What the answer to reset of a card says about its logical channels (ISO 7816-3, 8.2; ISO 7816-4, 8.1.1). */
#ifndef SE_ATR_H
#define SE_ATR_H

#include <stdbool.h>

#include <cardea/bytes.h>

struct atr_channels {
	unsigned count;  /* logical channels, the basic one among them; 1: no other */
	bool is_at_least; /* eight or more */
	bool card_assigns, host_assigns; /* who gives a channel its number */
};

/* ERR_NOT_FOUND: the historical bytes do not say it. ERR_MALFORMED: no answer to reset. */
MUST_CHECK enum err atr_channels(struct bytes atr, struct atr_channels *ret_channels);

#endif
