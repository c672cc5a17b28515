/* Requests that wait for their device, and what operators have said of devices. */
#include "rows.h"

static const struct column deferred_column[] = {
	COLUMN(struct deferred_row, id),         COLUMN(struct deferred_row, endpoint),
	COLUMN(struct deferred_row, operation),  COLUMN(struct deferred_row, path),
	COLUMN(struct deferred_row, is_urgent),  COLUMN(struct deferred_row, state),
	COLUMN(struct deferred_row, sealed),     COLUMN(struct deferred_row, answer),
	COLUMN(struct deferred_row, created_ms), COLUMN(struct deferred_row, expires_ms),
	COLUMN(struct deferred_row, ended_ms),
};
static const struct columns deferred_columns = COLUMNS(struct deferred_row, deferred_column);

enum err store_put_deferred(struct store *store, const struct deferred_row *row, struct store_done done)
{
	static const struct write_kind kind = {
		.columns = &deferred_columns,
		.statement = PUT_DEFERRED,
		.then = { REMOVE_OLD_DEFERRED, REMOVE_SURPLUS_DEFERRED },
	};
	return store_write(store, &kind, row, done);
}

enum err store_read_deferred(struct store *store, struct arena *arena, uint64_t id,
			     struct deferred_row *ret_row)
{
	static const struct query query = { READ_DEFERRED, &deferred_columns, &deferred_columns };
	const struct deferred_row key = { .id = id };
	return query_one(store_readers(store), &query, &key, arena, ret_row);
}

struct deferred_page {
	const char *endpoint;
	uint64_t before, limit;
};
static const struct column deferred_page_column[] = {
	COLUMN(struct deferred_page, endpoint),
	COLUMN(struct deferred_page, before),
	COLUMN(struct deferred_page, limit),
};
static const struct columns deferred_page_columns = COLUMNS(struct deferred_page, deferred_page_column);

enum err store_read_deferreds(struct store *store, struct arena *arena, const char *endpoint, uint64_t before,
			      size_t limit, struct deferred_row **ret_rows, size_t *ret_count)
{
	static const struct query query = { READ_DEFERREDS, &deferred_page_columns, &deferred_columns };
	const struct deferred_page page = { endpoint, page_bound(before), page_bound(limit) };
	return query_all(store_readers(store), &query, &page, arena, ret_rows, ret_count);
}

enum err store_read_waiting_deferreds(struct store *store,
				      bool (*each)(void *self, const struct deferred_row *row), void *self)
{
	static const struct query query = { READ_WAITING_DEFERREDS, NULL, &deferred_columns };
	struct deferred_row row;
	struct cursor cursor;
	cursor_open(store_readers(store), &query, NULL, &cursor);
	while (cursor_next(&cursor, NULL, &row) && each(self, &row))
		;
	return cursor_close(&cursor);
}

enum err store_last_deferred_id(struct store *store, uint64_t *ret_id)
{
	return query_number(store_readers(store), READ_LAST_DEFERRED_ID, ret_id);
}

/* ---- settings of devices ---- */

static const struct column settings_column[] = {
	COLUMN(struct device_settings_row, endpoint),
	COLUMN(struct device_settings_row, awake_ms),
};
static const struct columns settings_columns = COLUMNS(struct device_settings_row, settings_column);

enum err store_put_device_settings(struct store *store, const struct device_settings_row *row,
				   struct store_done done)
{
	static const struct write_kind kind = { .columns = &settings_columns,
						.statement = PUT_DEVICE_SETTINGS };
	return store_write(store, &kind, row, done);
}

enum err store_read_device_settings(struct store *store,
				    bool (*each)(void *self, const struct device_settings_row *row),
				    void *self)
{
	static const struct query query = { READ_DEVICE_SETTINGS, NULL, &settings_columns };
	struct device_settings_row row;
	struct cursor cursor;
	cursor_open(store_readers(store), &query, NULL, &cursor);
	while (cursor_next(&cursor, NULL, &row) && each(self, &row))
		;
	return cursor_close(&cursor);
}
