/* Plain refreshes that wait to be written: the last one of each endpoint, in the order in which they began to
 * wait. */
#ifndef CARDEA_DB_TOUCHES_H
#define CARDEA_DB_TOUCHES_H

#include <stddef.h>
#include <stdint.h>

#include <cardea/error.h>

struct touches;

struct touch_row {
	const char *endpoint;
	int64_t updated_ms, expires_ms;
};

MUST_CHECK enum err touches_create(struct touches **ret_touches);
void touches_free(struct touches *touches); /* accepts NULL */

/* ERR_UNAVAILABLE: a million endpoints wait. ERR_NOMEM. */
MUST_CHECK enum err touches_put(struct touches *touches, const char *endpoint, int64_t updated_ms,
				int64_t expires_ms);
/* The endpoint's row was written as a whole or removed: what waits for it is out of date. */
void touches_forget(struct touches *touches, const char *endpoint);

size_t touches_count(const struct touches *touches);

/* The oldest, at most `max` (not above TOUCHES_AT_ONCE); borrowed until the next call of anything here. */
#define TOUCHES_AT_ONCE 16384
size_t touches_oldest(struct touches *touches, size_t max, const struct touch_row **ret_rows);
/* Takes the oldest out. */
void touches_drop_oldest(struct touches *touches, size_t count);

#endif
