/* A card that leaves the factory with SCP11, and what an operator needs to know of it. */
#ifndef CARD_SCP11_FACTORY_H
#define CARD_SCP11_FACTORY_H

#include "card.h"

/* Static key 03 on `curve`, certified; keys that everybody knows, as those of SCP03. *ret_keyset is the operator's key
 * set for it, as REST takes it, with all variants of the options. `provider`: the IIN, which the operator's certificate
 * has as its subject. */
MUST_CHECK enum err scp11_factory(struct arena *arena, enum ec_curve curve, uint8_t options, struct bytes provider,
				  struct card_scp11 *ret_scp11, const char **ret_keyset);

#endif
