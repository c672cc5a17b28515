/* A date and time as text (RFC 3339), as the CBOR tag 0 has it. */
#ifndef CARDEA_LWM2M_DATE_TIME_H
#define CARDEA_LWM2M_DATE_TIME_H

#include <cardea/bytes.h>

/* Seconds since 1970 of "2013-03-21T20:04:00Z", "2013-03-21T21:04:00.5+01:00"; parts of a second are dropped.
 * A leap second counts as the one after it. False for anything else. */
bool date_time_parse(struct bytes text, int64_t *ret_seconds);

#endif
