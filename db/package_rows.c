/* Packages and their content. Chunks are written as they come; the package's row makes them visible. */
#include "rows.h"

static const struct column package_column[] = {
	COLUMN(struct package_row, id),         COLUMN(struct package_row, kind),
	COLUMN(struct package_row, name),       COLUMN(struct package_row, size),
	COLUMN(struct package_row, sha256),     COLUMN(struct package_row, description),
	COLUMN(struct package_row, created_ms), COLUMN(struct package_row, sealed_key),
};
static const struct columns package_columns = COLUMNS(struct package_row, package_column);

struct chunk_row {
	uint64_t package_id;
	uint32_t index;
	struct bytes content;
};
static const struct column chunk_column[] = {
	COLUMN(struct chunk_row, package_id),
	COLUMN(struct chunk_row, index),
	COLUMN(struct chunk_row, content),
};
static const struct columns chunk_columns = COLUMNS(struct chunk_row, chunk_column);

enum err store_put_package_chunk(struct store *store, uint64_t package_id, uint32_t index, struct bytes chunk,
				 struct store_done done)
{
	static const struct write_kind kind = {
		.columns = &chunk_columns,
		.statement = PUT_PACKAGE_CHUNK,
		.when_unchanged = ERR_CONFLICT,
	};
	const struct chunk_row row = { package_id, index, chunk };
	return store_write_modestly(store, &kind, &row, done);
}

enum err store_complete_package(struct store *store, const struct package_row *row, struct store_done done)
{
	static const struct write_kind kind = {
		.columns = &package_columns,
		.statement = PUT_PACKAGE,
		.when_unchanged = ERR_CONFLICT,
	};
	return store_write(store, &kind, row, done);
}

/* There must be a package, or chunks of one, and no unfinished job that needs it. */
static enum err check_use(struct connection *connection, const void *row)
{
	sqlite3_stmt *statement = connection->statements[FIND_PACKAGE_USE];
	int code = columns_bind(&package_columns, row, statement);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	enum err err = connection_error(code);
	if (!err && sqlite3_column_int(statement, 0) == 0)
		err = ERR_NOT_FOUND;
	else if (!err && sqlite3_column_int(statement, 1) != 0)
		err = ERR_CONFLICT;
	sqlite3_reset(statement);
	return err;
}

enum err store_remove_package(struct store *store, uint64_t id, struct store_done done)
{
	static const struct write_kind kind = {
		.columns = &package_columns,
		.check = check_use,
		.statement = REMOVE_PACKAGE,
		.then = { REMOVE_PACKAGE_CHUNKS },
	};
	const struct package_row row = { .id = id };
	return store_write(store, &kind, &row, done);
}

enum err store_read_package(struct store *store, struct arena *arena, uint64_t id,
			    struct package_row *ret_row)
{
	static const struct query query = { READ_PACKAGE, &package_columns, &package_columns };
	const struct package_row key = { .id = id };
	return query_one(store_readers(store), &query, &key, arena, ret_row);
}

struct package_page {
	const char *kind;
	uint64_t before, limit;
};
static const struct column package_page_column[] = {
	COLUMN(struct package_page, kind),
	COLUMN(struct package_page, before),
	COLUMN(struct package_page, limit),
};
static const struct columns package_page_columns = COLUMNS(struct package_page, package_page_column);

enum err store_read_packages(struct store *store, struct arena *arena, const char *kind, uint64_t before,
			     size_t limit, struct package_row **ret_rows, size_t *ret_count)
{
	static const struct query query = { READ_PACKAGES, &package_page_columns, &package_columns };
	const struct package_page page = { kind, page_bound(before), page_bound(limit) };
	return query_all(store_readers(store), &query, &page, arena, ret_rows, ret_count);
}

enum err store_read_package_chunk(struct store *store, struct arena *arena, uint64_t package_id,
				  uint32_t index, struct bytes *ret_chunk)
{
	static const struct query query = { READ_PACKAGE_CHUNK, &chunk_columns, &chunk_columns };
	struct chunk_row row = { .package_id = package_id, .index = index };
	enum err err = query_one(store_readers(store), &query, &row, arena, &row);
	if (!err)
		*ret_chunk = row.content;
	return err;
}

enum err store_last_package_id(struct store *store, uint64_t *ret_id)
{
	return query_number(store_readers(store), READ_LAST_PACKAGE_ID, ret_id);
}
