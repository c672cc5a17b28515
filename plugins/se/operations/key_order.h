/* Which key set se.put-keys and se.rotate-keys bring, and which opens the channel until then. */
#ifndef SE_KEY_ORDER_H
#define SE_KEY_ORDER_H

#include "channel/protocol_choice.h"

struct key_order {
	enum protocol_choice new_choice,
		present_choice; /* present: CHOICE_NONE as the card and the keys say */
	uint8_t new_version, replace_version, present_version;
	bool by_store_data;            /* instead of PUT KEY */
	uint8_t remove_version;        /* 0: none */
	struct bytes present_owner;    /* of the present version */
	unsigned keys, issuer, itself; /* queries */
};

/* Only what the parameters and the stored key sets say; without remove_version and the queries. Leaves task->key_owner
 * as it is for the present version. */
MUST_CHECK enum err key_order_read(struct task *task, struct key_order *order, struct fault *fault);

#endif
