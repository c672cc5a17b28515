/* Records in the order of their paths: how instances and resources come together, and how one told twice is
 * found. */
#ifndef CARDEA_LWM2M_RECORD_ORDER_H
#define CARDEA_LWM2M_RECORD_ORDER_H

#include <cardea/lwm2m.h>

/* Pointers to all records, ordered by path, then by time. ERR_NOMEM; ERR_MALFORMED, naming the path, when two
 * have the same path and time. */
MUST_CHECK enum err records_order(struct arena *arena, struct lwm2m_records records,
				  const struct lwm2m_record *const **ret_ordered, struct fault *fault);

#endif
