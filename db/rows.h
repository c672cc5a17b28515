/* What the files of rows need of the store. */
#ifndef CARDEA_DB_ROWS_H
#define CARDEA_DB_ROWS_H

#include "reader.h"
#include "store.h"
#include "touches.h"
#include "writer.h"

/* Queues a write; the row is copied. ERR_UNAVAILABLE, ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err store_write(struct store *store, const struct write_kind *kind, const void *row,
				struct store_done done);
MUST_CHECK enum err store_write_details(struct store *store, const struct write_kind *kind, const void *row,
					const void *details, size_t detail_count, struct store_done done);
/* As store_write, for uploads: only while most of the queue is free. */
MUST_CHECK enum err store_write_modestly(struct store *store, const struct write_kind *kind, const void *row,
					 struct store_done done);

/* The refreshes that wait; NULL when refreshes are written at once. */
struct touches *store_touches(struct store *store);
/* A refresh waits: it is written within a second. */
void store_touched(struct store *store);

struct readers *store_readers(struct store *store);

/* Writes refreshes in the order of their endpoints. */
extern const struct write_kind touch_kind;

#endif
