#include "reader.h"

#include <string.h>

#define ROWS_FIRST 16

enum err readers_open(struct readers *readers, const char *path, struct connection *shared)
{
	pthread_mutexattr_t attributes;
	if (pthread_mutexattr_init(&attributes) != 0)
		return ERR_NOMEM;
	/* a row's callback may write, and with a shared connection that takes the mutex again */
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	int code = pthread_mutex_init(&readers->mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	if (code != 0)
		return ERR_NOMEM;
	readers->path = path;
	readers->shared = shared;
	readers->kept_count = 0;
	return ERR_NONE;
}

void readers_close(struct readers *readers)
{
	for (size_t i = 0; i < readers->kept_count; i++)
		connection_close(&readers->kept[i]);
	pthread_mutex_destroy(&readers->mutex);
}

/* As many are open as threads read at once: waiting for one could only add delay. */
static enum err borrow(struct readers *readers, struct connection *ret_connection)
{
	bool is_kept = false;
	pthread_mutex_lock(&readers->mutex);
	if (readers->shared) { /* unlocked by give_back */
		*ret_connection = *readers->shared;
		return ERR_NONE;
	}
	if (readers->kept_count) {
		*ret_connection = readers->kept[--readers->kept_count];
		is_kept = true;
	}
	pthread_mutex_unlock(&readers->mutex);
	if (is_kept)
		return ERR_NONE;

	struct connection connection;
	enum err err = connection_open(readers->path, CONNECTION_READER, &connection, NULL);
	if (err)
		return err;
	err = connection_prepare(&connection, NULL);
	if (err)
		connection_close(&connection);
	else
		*ret_connection = connection;
	return err;
}

static void give_back(struct readers *readers, struct connection *connection)
{
	if (readers->shared) {
		pthread_mutex_unlock(&readers->mutex);
		return;
	}
	bool is_kept = false;
	pthread_mutex_lock(&readers->mutex);
	if (readers->kept_count < READERS_KEPT) {
		readers->kept[readers->kept_count++] = *connection;
		is_kept = true;
	}
	pthread_mutex_unlock(&readers->mutex);
	if (!is_kept)
		connection_close(connection);
}

void cursor_open(struct readers *readers, const struct query *query, const void *parameters,
		 struct cursor *ret_cursor)
{
	struct cursor cursor = { .readers = readers, .query = query };
	cursor.err = borrow(readers, &cursor.connection);
	if (!cursor.err) {
		cursor.statement = cursor.connection.statements[query->statement];
		if (query->parameters)
			cursor.err = connection_error(
				columns_bind(query->parameters, parameters, cursor.statement));
	}
	*ret_cursor = cursor;
}

bool cursor_next(struct cursor *cursor, struct arena *arena, void *ret_row)
{
	if (cursor->err)
		return false;
	int code = sqlite3_step(cursor->statement);
	if (code == SQLITE_ROW)
		cursor->err = columns_read(cursor->query->columns, cursor->statement, arena, ret_row);
	else
		cursor->err = connection_error(code);
	return code == SQLITE_ROW && !cursor->err;
}

enum err cursor_close(struct cursor *cursor)
{
	if (cursor->statement) {
		sqlite3_reset(cursor->statement); /* ends the read: the WAL could not start over otherwise */
		give_back(cursor->readers, &cursor->connection);
	}
	return cursor->err;
}

enum err query_one(struct readers *readers, const struct query *query, const void *parameters,
		   struct arena *arena, void *ret_row)
{
	struct cursor cursor;
	cursor_open(readers, query, parameters, &cursor);
	void *row = arena_alloc(arena, query->columns->row_size);
	if (row == NULL)
		cursor.err = ERR_NOMEM;
	bool is_found = cursor_next(&cursor, arena, row);
	enum err err = cursor_close(&cursor);
	if (!err && !is_found)
		err = ERR_NOT_FOUND;
	if (!err)
		memcpy(ret_row, row, query->columns->row_size);
	return err;
}

struct rows {
	char *at;
	size_t count, capacity;
};

/* The place for one more row; NULL: out of memory. */
static void *rows_add(struct rows *rows, struct arena *arena, size_t row_size)
{
	if (rows->count == rows->capacity) {
		size_t capacity = rows->capacity ? rows->capacity * 2 : ROWS_FIRST;
		char *at = arena_alloc_array(arena, capacity, row_size);
		if (at == NULL)
			return NULL;
		if (rows->count)
			memcpy(at, rows->at, rows->count * row_size);
		rows->at = at;
		rows->capacity = capacity;
	}
	return rows->at + rows->count * row_size;
}

enum err query_all(struct readers *readers, const struct query *query, const void *parameters,
		   struct arena *arena, void *ret_rows, size_t *ret_count)
{
	struct cursor cursor;
	cursor_open(readers, query, parameters, &cursor);
	struct rows rows = { 0 };
	bool is_more = true;
	while (is_more) {
		void *row = rows_add(&rows, arena, query->columns->row_size);
		if (row == NULL)
			cursor.err = ERR_NOMEM;
		is_more = cursor_next(&cursor, arena, row);
		rows.count += is_more;
	}
	enum err err = cursor_close(&cursor);
	if (!err) {
		*(void **)ret_rows = rows.at;
		*ret_count = rows.count;
	}
	return err;
}

struct number_row {
	uint64_t number;
};

enum err query_number(struct readers *readers, enum statement statement, uint64_t *ret_number)
{
	static const struct column number_column[] = { COLUMN(struct number_row, number) };
	static const struct columns number_columns = COLUMNS(struct number_row, number_column);
	const struct query query = { statement, NULL, &number_columns };
	struct number_row row = { 0 };
	struct cursor cursor;
	cursor_open(readers, &query, NULL, &cursor);
	cursor_next(&cursor, NULL, &row);
	enum err err = cursor_close(&cursor);
	if (!err)
		*ret_number = row.number;
	return err;
}

uint64_t page_bound(uint64_t bound)
{
	return bound == 0 || bound > INT64_MAX ? INT64_MAX : bound;
}

uint64_t page_bound_after(uint64_t after)
{
	return after > INT64_MAX ? INT64_MAX : after;
}
