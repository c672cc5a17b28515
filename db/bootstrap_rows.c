/* What the bootstrap server writes to a device, and how that has ended. */
#include "rows.h"

static const struct column bootstrap_column[] = {
	COLUMN(struct bootstrap_row, endpoint),
	COLUMN(struct bootstrap_row, document),
	COLUMN(struct bootstrap_row, sealed),
	COLUMN(struct bootstrap_row, updated_ms),
};
static const struct columns bootstrap_columns = COLUMNS(struct bootstrap_row, bootstrap_column);

enum err store_put_bootstrap(struct store *store, const struct bootstrap_row *row, struct store_done done)
{
	static const struct write_kind kind = { .columns = &bootstrap_columns, .statement = PUT_BOOTSTRAP };
	return store_write(store, &kind, row, done);
}

enum err store_remove_bootstrap(struct store *store, const char *endpoint, struct store_done done)
{
	static const struct write_kind kind = {
		.columns = &bootstrap_columns,
		.statement = REMOVE_BOOTSTRAP,
		.when_unchanged = ERR_NOT_FOUND,
	};
	const struct bootstrap_row row = { .endpoint = endpoint };
	return store_write(store, &kind, &row, done);
}

enum err store_read_bootstrap(struct store *store, struct arena *arena, const char *endpoint,
			      struct bootstrap_row *ret_row)
{
	static const struct query query = { READ_BOOTSTRAP, &bootstrap_columns, &bootstrap_columns };
	const struct bootstrap_row key = { .endpoint = endpoint };
	return query_one(store_readers(store), &query, &key, arena, ret_row);
}

struct bootstrap_page {
	const char *after;
	uint64_t limit;
};
static const struct column bootstrap_page_column[] = {
	COLUMN(struct bootstrap_page, after),
	COLUMN(struct bootstrap_page, limit),
};
static const struct columns bootstrap_page_columns = COLUMNS(struct bootstrap_page, bootstrap_page_column);

enum err store_read_bootstraps(struct store *store, struct arena *arena, const char *after, size_t limit,
			       struct bootstrap_row **ret_rows, size_t *ret_count)
{
	static const struct query query = { READ_BOOTSTRAPS, &bootstrap_page_columns, &bootstrap_columns };
	const struct bootstrap_page page = { after, page_bound(limit) };
	return query_all(store_readers(store), &query, &page, arena, ret_rows, ret_count);
}

/* ---- outcomes ---- */

static const struct column outcome_column[] = {
	COLUMN(struct bootstrap_outcome_row, endpoint),
	COLUMN(struct bootstrap_outcome_row, json),
	COLUMN(struct bootstrap_outcome_row, ended_ms),
};
static const struct columns outcome_columns = COLUMNS(struct bootstrap_outcome_row, outcome_column);

enum err store_put_bootstrap_outcome(struct store *store, const struct bootstrap_outcome_row *row,
				     struct store_done done)
{
	static const struct write_kind kind = {
		.columns = &outcome_columns,
		.statement = PUT_BOOTSTRAP_OUTCOME,
	};
	return store_write(store, &kind, row, done);
}

enum err store_read_bootstrap_outcome(struct store *store, struct arena *arena, const char *endpoint,
				      struct bootstrap_outcome_row *ret_row)
{
	static const struct query query = { READ_BOOTSTRAP_OUTCOME, &outcome_columns, &outcome_columns };
	const struct bootstrap_outcome_row key = { .endpoint = endpoint };
	return query_one(store_readers(store), &query, &key, arena, ret_row);
}
