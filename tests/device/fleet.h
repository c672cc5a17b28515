/* All devices of this process: started at a rate, sharing one loop. */
#ifndef DEVICE_FLEET_H
#define DEVICE_FLEET_H

#include "loop.h"
#include "options.h"

struct fleet;

/* Resolves the server's name, which may block. ERR_NOT_FOUND when it has no address, ERR_IO, ERR_NOMEM. */
MUST_CHECK enum err fleet_create(struct loop *loop, const struct options *options, struct fleet **ret_fleet,
				 struct fault *fault);
void fleet_free(struct fleet *fleet); /* accepts NULL */

/* One turn of the loop. ERR_IO. */
MUST_CHECK enum err fleet_turn(struct fleet *fleet, int timeout_ms);

/* Everybody de-registers; is_gone when all have, or have given up. Called again: at once. */
void fleet_end(struct fleet *fleet);
bool fleet_is_gone(const struct fleet *fleet);

#endif
