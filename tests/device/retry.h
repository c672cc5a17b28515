/* What is done when a registration fails (LwM2M Core TS 1.1, 6.2.1.2, by resources 13 to 20 of the server object). */
#ifndef DEVICE_RETRY_H
#define DEVICE_RETRY_H

#include "device.h"

/* Of object 1. */
enum {
	PRIORITY_ORDER = 13,
	INITIAL_DELAY = 14,
	FAILURE_BLOCK = 15,
	BOOTSTRAP_ON_FAILURE = 16,
	RETRY_COUNT = 17,
	RETRY_TIMER = 18,
	SEQUENCE_DELAY = 19,
	SEQUENCE_COUNT = 20,
};

/* How long to wait after the last of so many failures in a row, from 1. */
int64_t retry_delay_ms(const struct device *device, const struct server *server, uint32_t failures);

/* Nothing is left to try: a bootstrap is due, where the server has not said otherwise. */
bool retry_wants_bootstrap(const struct device *device, const struct server *server, uint32_t failures);

int64_t retry_initial_delay_ms(const struct device *device, const struct server *server);

/* Registration Priority Order: whether `earlier` comes before `later`. Those without one come whenever they like. */
bool retry_comes_first(const struct device *device, const struct server *earlier, const struct server *later);
/* Registration Failure Block: whether those that come later wait until this one is registered. */
bool retry_blocks_others(const struct device *device, const struct server *server);

#endif
