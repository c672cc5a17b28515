/* One SQLite connection with its prepared statements. For one thread at a time. */
#ifndef CARDEA_DB_CONNECTION_H
#define CARDEA_DB_CONNECTION_H

#include "columns.h"
#include "statements.h"

struct connection {
	sqlite3 *sqlite;
	sqlite3_stmt *statements[STATEMENT_COUNT];
};

enum connection_kind {
	CONNECTION_WRITER, /* creates the file (mode 0600) when it is not there */
	CONNECTION_READER,
};

/* Opens the file ("" in memory) and sets what every connection needs. ERR_IO with SQLite's reason. */
MUST_CHECK enum err connection_open(const char *path, enum connection_kind kind,
				    struct connection *ret_connection, struct fault *fault);
/* Prepares every statement: the schema must be there. */
MUST_CHECK enum err connection_prepare(struct connection *connection, struct fault *fault);
void connection_close(struct connection *connection); /* accepts one that was never opened, all zero */

/* Runs SQL text without parameters. */
MUST_CHECK enum err connection_execute(struct connection *connection, const char *sql, struct fault *fault);
/* The number that a query gives in its first row. */
MUST_CHECK enum err connection_number(struct connection *connection, const char *sql, int64_t *ret_number,
				      struct fault *fault);

/* Runs a prepared statement that gives no rows. `columns` may be NULL for one without parameters. */
MUST_CHECK enum err connection_run(struct connection *connection, enum statement statement,
				   const struct columns *columns, const void *row);
/* How many rows the last one changed. */
int connection_changes(const struct connection *connection);
/* True between BEGIN and COMMIT. SQLite ends a transaction by itself when the disk is full or fails. */
bool connection_is_in_transaction(const struct connection *connection);

/* What a result code of SQLite is to our callers. */
enum err connection_error(int code);

#endif
