/* Bytes that arrive in pieces over several commands: chained commands, load files, STORE DATA blocks, and the
 * rest of an answer that waits for GET RESPONSE. */
#ifndef CARD_GATHERING_H
#define CARD_GATHERING_H

#include <cardea/bytes.h>

struct gathering {
	struct arena *arena; /* NULL: nothing is gathered */
	struct builder bytes;
};

/* Adds a piece, and begins the gathering when there was none. ERR_LIMIT when it would exceed `max_bytes`,
 * ERR_NOMEM; what was gathered before stays. */
MUST_CHECK enum err gathering_add(struct gathering *gathering, struct bytes piece, size_t max_bytes);

/* Valid until the next change. */
struct bytes gathering_bytes(const struct gathering *gathering);

/* Forgets the first `count` bytes. ERR_NOMEM. */
MUST_CHECK enum err gathering_drop(struct gathering *gathering, size_t count);

static inline bool gathering_is_open(const struct gathering *gathering)
{
	return gathering->arena != NULL;
}

void gathering_end(struct gathering *gathering);

#endif
