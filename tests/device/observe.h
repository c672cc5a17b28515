/* Observations and when they are due (LwM2M Core TS 1.1, 6.4 and 5.1.2). */
#ifndef DEVICE_OBSERVE_H
#define DEVICE_OBSERVE_H

#include "attributes.h"
#include "buffer.h"
#include "objects.h"

#define OBSERVE_TOKEN_MAX 8
#define OBSERVE_PATHS_MAX 16

struct observation {
	uint8_t token[OBSERVE_TOKEN_MAX];
	size_t token_len;
	struct request request; /* whose answer each notification is; its payload lies in `body` */
	struct buffer body;
	struct path watched[OBSERVE_PATHS_MAX]; /* one, or those of a composite observation */
	size_t watched_count;
	struct attribute_set own; /* that its request brought along (LwM2M 1.2) */
	uint32_t sequence; /* of the last notification */
	int64_t sent_ms, evaluated_ms;
	bool is_dirty; /* something below the path changed, and it has not been looked whether that is to be told */
	bool is_due;   /* it is to be told */
	bool has_number;
	double number; /* what the server last heard, for gt, lt, st and edge; a boolean is 0 or 1 */
	struct observation *next;
};

struct observations {
	struct observation *first;
	size_t count;
};

#define OBSERVATIONS_MAX 256

/* The observations are those of the server that is served.
 *
 * Registers or replaces the observation with the token of this request; its answer counts as the first
 * notification. `format` is that of the answer, `own` what the request says of when to notify. ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err observe_add(struct device *device, const struct request *request, uint16_t format,
				const struct path *watched, size_t watched_count,
				const struct attribute_set *own);
void observe_cancel(struct device *device, struct bytes token);
void observe_cancel_all(struct device *device);

/* Something at or below `path` has a new value: of interest to every server. */
void observe_changed(struct device *device, struct path path);

struct notification {
	struct bytes token;
	uint32_t sequence;
	bool is_confirmable;
	struct answer answer;
};

/* The next notification that is due at device->now_ms, in `arena`; false when there is none, and then
 * `ret_next_ms` says when to ask again (-1: after a change). */
bool observe_next(struct device *device, struct arena *arena, struct notification *ret_notification,
		  int64_t *ret_next_ms);

/* The server did not get the notification with this token: it is due again. */
void observe_lost(struct device *device, struct bytes token);

#endif
