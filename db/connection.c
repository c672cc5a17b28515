#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* synchronous=FULL: in WAL mode NORMAL would let the last transactions go with the power, after we said
 * "durable". FULL costs one fsync of the WAL a transaction, which the writer shares among all that waited. A
 * WAL of 4096 pages before its content moves to the database spreads the two fsyncs of that over more
 * transactions. */
static const char *const settings[] = {
	[CONNECTION_WRITER] = "PRAGMA journal_mode = WAL;"
			      "PRAGMA synchronous = FULL;"
			      "PRAGMA wal_autocheckpoint = 4096;"
			      "PRAGMA journal_size_limit = 67108864;"
			      "PRAGMA cache_size = -4096;"
			      "PRAGMA secure_delete = FAST;"
			      "PRAGMA trusted_schema = OFF;",
	[CONNECTION_READER] = "PRAGMA query_only = ON;"
			      "PRAGMA trusted_schema = OFF;",
};

#define BUSY_TIMEOUT_MS 5000 /* only for a tool that looks at the file of a running server */

enum err connection_error(int code)
{
	switch (code) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
		return ERR_CONFLICT;
	}
	switch (code & 0xff) { /* the rest is detail */
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return ERR_NONE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_UNAVAILABLE;
	case SQLITE_TOOBIG:
		return ERR_LIMIT;
	case SQLITE_NOMEM:
		return ERR_NOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
		return ERR_IO;
	}
	return ERR_INTERNAL;
}

static enum err fail(const struct connection *connection, int code, struct fault *fault)
{
	const char *reason = connection->sqlite ? sqlite3_errmsg(connection->sqlite) : sqlite3_errstr(code);
	return fault_set(fault, connection_error(code), "database: %s", reason);
}

/* SQLite would create the file with the permissions of the umask; its WAL takes those of the file. */
static enum err create_file(const char *path, struct fault *fault)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault_set(fault, ERR_IO, "%s: %s", path, strerror(errno));
	close(fd);
	return ERR_NONE;
}

enum err connection_open(const char *path, enum connection_kind kind, struct connection *ret_connection,
			 struct fault *fault)
{
	struct connection connection = { 0 };
	enum err err = ERR_NONE;
	if (kind == CONNECTION_WRITER && *path)
		err = create_file(path, fault);
	if (err)
		return err;

	int flags = kind == CONNECTION_WRITER ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
					      : SQLITE_OPEN_READWRITE;
	int code = sqlite3_open_v2(*path ? path : ":memory:", &connection.sqlite, flags | SQLITE_OPEN_NOMUTEX,
				   NULL);
	if (code != SQLITE_OK) {
		err = fail(&connection, code, fault);
	} else {
		sqlite3_extended_result_codes(connection.sqlite, 1);
		sqlite3_busy_timeout(connection.sqlite, BUSY_TIMEOUT_MS);
		err = connection_execute(&connection, settings[kind], fault);
	}
	if (err) {
		connection_close(&connection);
		return err;
	}
	*ret_connection = connection;
	return ERR_NONE;
}

enum err connection_prepare(struct connection *connection, struct fault *fault)
{
	for (int i = STATEMENT_NONE + 1; i < STATEMENT_COUNT; i++) {
		int code = sqlite3_prepare_v3(connection->sqlite, statement_sql[i], -1,
					      SQLITE_PREPARE_PERSISTENT, &connection->statements[i], NULL);
		if (code != SQLITE_OK)
			return fail(connection, code, fault);
	}
	return ERR_NONE;
}

void connection_close(struct connection *connection)
{
	for (int i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(connection->statements[i]);
	sqlite3_close(connection->sqlite);
	*connection = (struct connection){ 0 };
}

enum err connection_execute(struct connection *connection, const char *sql, struct fault *fault)
{
	int code = sqlite3_exec(connection->sqlite, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? ERR_NONE : fail(connection, code, fault);
}

enum err connection_number(struct connection *connection, const char *sql, int64_t *ret_number,
			   struct fault *fault)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(connection->sqlite, sql, -1, &statement, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	enum err err = ERR_NONE;
	if (code == SQLITE_ROW)
		*ret_number = sqlite3_column_int64(statement, 0);
	else
		err = fail(connection, code, fault);
	sqlite3_finalize(statement);
	return err;
}

enum err connection_run(struct connection *connection, enum statement statement,
			const struct columns *columns, const void *row)
{
	sqlite3_stmt *prepared = connection->statements[statement];
	int code = columns ? columns_bind(columns, row, prepared) : SQLITE_OK;
	if (code == SQLITE_OK)
		code = sqlite3_step(prepared);
	sqlite3_reset(prepared);
	return connection_error(code);
}

int connection_changes(const struct connection *connection)
{
	return sqlite3_changes(connection->sqlite);
}

bool connection_is_in_transaction(const struct connection *connection)
{
	return sqlite3_get_autocommit(connection->sqlite) == 0;
}
