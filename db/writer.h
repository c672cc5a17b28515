/* The one that writes: runs writes in groups, each group in one transaction. Used by one thread at a time. */
#ifndef CARDEA_DB_WRITER_H
#define CARDEA_DB_WRITER_H

#include "connection.h"
#include "store.h"

/* What a write does. The row of a write is bound to each of its statements. */
struct write_kind {
	const struct columns *columns;
	/* Optional: refuses with ERR_NOT_FOUND or ERR_CONFLICT, inside the transaction. */
	enum err (*check)(struct connection *connection, const void *row);
	enum statement statement;
	enum err when_unchanged; /* what it means that `statement` changed no row */
	enum statement then[2];
	const struct columns *detail_columns; /* rows that belong to the row, each run through `detail` */
	enum statement detail;
	bool sorts_details; /* their order does not matter, and the first column is a text */
};

/* A queued write owns copies of its rows, in one block of memory. */
struct write {
	const struct write_kind *kind;
	struct store *store;
	struct store_done done;
	size_t size; /* of the block */
	void *row;
	void *details;
	size_t detail_count;
};

/* NULL: out of memory. `row` is NULL when the kind has no columns. */
struct write *write_create(const struct write_kind *kind, const void *row, const void *details,
			   size_t detail_count);
void write_free(struct write *write); /* accepts NULL; sealed values are not worth wiping */

struct writer {
	struct connection connection;
	enum err lost; /* why the group that is open cannot be kept */
};

/* A refused write leaves the others of its group alone: it is refused by its check or by its first statement,
 * before anything has changed. Anything else that fails, fails the group. */
void writer_begin(struct writer *writer);
MUST_CHECK enum err writer_run(struct writer *writer, struct write *write);
MUST_CHECK enum err writer_end(struct writer *writer); /* durable, or why the whole group is not */

#endif
