/* Numbers that only grow. They outlive key sets and registrations: what was sent once is never sent again. */
#include "rows.h"

static const struct column counter_column[] = {
	COLUMN(struct counter_row, endpoint),
	COLUMN(struct counter_row, name),
	COLUMN(struct counter_row, value),
};
static const struct columns counter_columns = COLUMNS(struct counter_row, counter_column);

enum err store_raise_counter(struct store *store, const struct counter_row *row, struct store_done done)
{
	static const struct write_kind kind = { .columns = &counter_columns, .statement = RAISE_COUNTER };
	return store_write(store, &kind, row, done);
}

enum err store_read_counters(struct store *store, struct arena *arena, const char *endpoint,
			     struct counter_row **ret_rows, size_t *ret_count)
{
	static const struct query query = { READ_COUNTERS, &counter_columns, &counter_columns };
	const struct counter_row key = { .endpoint = endpoint };
	return query_all(store_readers(store), &query, &key, arena, ret_rows, ret_count);
}
