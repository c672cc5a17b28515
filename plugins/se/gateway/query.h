/* What a Next-URI of ours says again when it comes back: "session=0123&se=0&request=7". */
#ifndef SE_GATEWAY_QUERY_H
#define SE_GATEWAY_QUERY_H

#include <cardea/bytes.h>

/* The value of a name, as it stands there; empty bytes at NULL when it is not there. */
struct bytes query_value(const char *query, const char *name);
/* The decimal number of a name. False when it is not there, or no number up to `max`. */
bool query_number(const char *query, const char *name, uint32_t max, uint32_t *ret_number);

#endif
