/* What was last learned about a device. */
#include "rows.h"

static const struct column inventory_column[] = {
	COLUMN(struct inventory_row, endpoint),   COLUMN(struct inventory_row, section),
	COLUMN(struct inventory_row, key),        COLUMN(struct inventory_row, json),
	COLUMN(struct inventory_row, learned_ms),
};
static const struct columns inventory_columns = COLUMNS(struct inventory_row, inventory_column);

enum err store_put_inventory(struct store *store, const struct inventory_row *row, struct store_done done)
{
	static const struct write_kind put = { .columns = &inventory_columns, .statement = PUT_INVENTORY };
	static const struct write_kind remove = {
		.columns = &inventory_columns,
		.statement = REMOVE_INVENTORY,
		.when_unchanged = ERR_NOT_FOUND,
	};
	return store_write(store, row->json ? &put : &remove, row, done);
}

enum err store_read_inventory(struct store *store, struct arena *arena, const char *endpoint,
			      const char *section, struct inventory_row **ret_rows, size_t *ret_count)
{
	static const struct query query = { READ_INVENTORY, &inventory_columns, &inventory_columns };
	const struct inventory_row key = { .endpoint = endpoint, .section = section };
	return query_all(store_readers(store), &query, &key, arena, ret_rows, ret_count);
}
