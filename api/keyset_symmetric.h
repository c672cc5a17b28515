/* Key sets of three keys. A key comes in the clear ("encHex"), wrapped under a transport key ("encWrappedHex"), or stays
 * in the token and is only named ("encLabel"). */
#ifndef CARDEA_API_KEYSET_SYMMETRIC_H
#define CARDEA_API_KEYSET_SYMMETRIC_H

#include <cardea/plugin.h>

#include "reply.h"

/* NULL when the kind is none of these. "scp02", "scp03" */
const struct symmetric_kind *symmetric_kind_find(const char *kind);

/* Checks the members that such a key set has, seals the keys into row->sealed and shows them in row->check_values; check
 * values that are given must be right. Blocks. */
MUST_CHECK enum err keyset_symmetric_read(struct http_request *request, const json_t *body, struct keyset_row *row,
                                          struct fault *fault);

/* Adds what a row's sealed keys tell besides their values: diversification, labels. Blocks. */
MUST_CHECK enum err keyset_symmetric_show(struct http_request *request, const struct keyset_row *row, json_t *item);

#endif
