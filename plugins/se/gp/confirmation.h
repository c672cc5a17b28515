/* GPCS 2.3.1, 11.1.6 and C.5: what a card confirms of a delegated change, and the receipt that proves it. */
#ifndef SE_CONFIRMATION_H
#define SE_CONFIRMATION_H

#include "gp/apdu.h"

struct confirmation {
	struct bytes receipt, unique_data, token_identifier, digest;
	uint16_t counter;
	struct bytes signed_data; /* from the length of the counter on: what the receipt signs first */
};

/* Everything points into `data`. */
MUST_CHECK enum err confirmation_parse(struct bytes data, struct confirmation *ret_confirmation,
				       struct fault *fault);
/* The confirmation in the answer to INSTALL, the last LOAD or DELETE: its length, then itself; empty when there is
 * none. ERR_MALFORMED. */
MUST_CHECK enum err confirmation_of_answer(struct bytes answer, struct bytes *ret_confirmation,
					   struct fault *fault);

/* What a receipt signs after that, in this order (tables C-11 to C-16). A load: load file, domain. An installation: load
 * file, instance. An extradition: old domain, object, new domain. A registry update: the same, privileges and parameters.
 * A deletion: object. Load, install and make selectable in one: load file, instance, domain. */
struct receipt_subject {
	struct bytes fields[5];
	size_t count;
	bool is_update; /* the last one is parameters, whose length may take more than one byte */
};

MUST_CHECK enum err receipt_input(struct arena *arena, const struct confirmation *confirmation,
				  const struct receipt_subject *subject, struct bytes *ret_input);

#endif
