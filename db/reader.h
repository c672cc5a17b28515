/* Reading: connections that threads borrow, and a cursor over the rows of a query. */
#ifndef CARDEA_DB_READER_H
#define CARDEA_DB_READER_H

#include <pthread.h>

#include "connection.h"

#define READERS_KEPT 4

struct readers {
	pthread_mutex_t mutex;
	const char *path;
	struct connection *shared; /* STORE_INLINE: the writer's connection, used under the mutex */
	struct connection kept[READERS_KEPT]; /* open and not borrowed */
	size_t kept_count;
};

MUST_CHECK enum err readers_open(struct readers *readers, const char *path, struct connection *shared);
void readers_close(struct readers *readers);

struct query {
	enum statement statement;
	const struct columns *parameters; /* NULL: none */
	const struct columns *columns;
};

struct cursor {
	struct readers *readers;
	struct connection connection;
	const struct query *query;
	sqlite3_stmt *statement;
	enum err err;
};

/* The first failure sticks, and is asked once: by cursor_close, which is always called. */
void cursor_open(struct readers *readers, const struct query *query, const void *parameters,
		 struct cursor *ret_cursor);
/* False after the last row, and when anything has failed. */
bool cursor_next(struct cursor *cursor, struct arena *arena, void *ret_row);
MUST_CHECK enum err cursor_close(struct cursor *cursor);

/* The only row; ERR_NOT_FOUND. */
MUST_CHECK enum err query_one(struct readers *readers, const struct query *query, const void *parameters,
			      struct arena *arena, void *ret_row);
/* All rows, as an array in the arena: `ret_rows` is the address of a pointer to the row's struct. */
MUST_CHECK enum err query_all(struct readers *readers, const struct query *query, const void *parameters,
			      struct arena *arena, void *ret_rows, size_t *ret_count);
/* A number; 0 without a row. */
MUST_CHECK enum err query_number(struct readers *readers, enum statement statement, uint64_t *ret_number);

/* The upper bound of a page, or its size, as a number of SQLite: 0 is no bound, like all that is above its
 * numbers. */
uint64_t page_bound(uint64_t bound);
/* The lower bound of a page: above SQLite's numbers there is nothing. */
uint64_t page_bound_after(uint64_t after);

#endif
