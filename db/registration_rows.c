/* Registrations and observations. */
#include "rows.h"

static const struct column registration_column[] = {
	COLUMN(struct registration_row, endpoint),      COLUMN(struct registration_row, location),
	COLUMN(struct registration_row, address),       COLUMN(struct registration_row, socket),
	COLUMN(struct registration_row, is_secure),     COLUMN(struct registration_row, identity),
	COLUMN(struct registration_row, lifetime_s),    COLUMN(struct registration_row, version),
	COLUMN(struct registration_row, binding),       COLUMN(struct registration_row, links),
	COLUMN(struct registration_row, root),          COLUMN(struct registration_row, is_queue_mode),
	COLUMN(struct registration_row, registered_ms), COLUMN(struct registration_row, is_stream),
	COLUMN(struct registration_row, updated_ms),    COLUMN(struct registration_row, expires_ms),
};
static const struct columns registration_columns = COLUMNS(struct registration_row, registration_column);

static const struct column touch_column[] = {
	COLUMN(struct touch_row, endpoint),
	COLUMN(struct touch_row, updated_ms),
	COLUMN(struct touch_row, expires_ms),
};
static const struct columns touch_columns = COLUMNS(struct touch_row, touch_column);

static const struct column observation_column[] = {
	COLUMN(struct observation_row, endpoint), COLUMN(struct observation_row, path),
	COLUMN(struct observation_row, token),    COLUMN(struct observation_row, format),
	COLUMN(struct observation_row, job_id),
};
static const struct columns observation_columns = COLUMNS(struct observation_row, observation_column);

struct observation_key {
	uint64_t token;
};
static const struct column observation_key_column[] = { COLUMN(struct observation_key, token) };
static const struct columns observation_key_columns = COLUMNS(struct observation_key, observation_key_column);

/* ---- registrations ---- */

const struct write_kind touch_kind = {
	.detail_columns = &touch_columns,
	.detail = TOUCH_REGISTRATION,
	.sorts_details = true,
};

/* A refresh that waits was told before this write, and must not come after it. */
static enum err write_registration(struct store *store, const struct write_kind *kind,
				   const struct registration_row *row, struct store_done done)
{
	enum err err = store_write(store, kind, row, done);
	if (!err && store_touches(store))
		touches_forget(store_touches(store), row->endpoint);
	return err;
}

enum err store_put_registration(struct store *store, const struct registration_row *row,
				struct store_done done)
{
	static const struct write_kind kind = {
		.columns = &registration_columns,
		.statement = PUT_REGISTRATION,
		.then = { PUT_REGISTRATION_TIMES },
	};
	return write_registration(store, &kind, row, done);
}

enum err store_remove_registration(struct store *store, const char *endpoint, struct store_done done)
{
	static const struct write_kind kind = {
		.columns = &registration_columns,
		.statement = REMOVE_REGISTRATION_TIMES,
		.when_unchanged = ERR_NOT_FOUND,
		.then = { REMOVE_REGISTRATION, REMOVE_OBSERVATIONS_OF_ENDPOINT },
	};
	const struct registration_row row = { .endpoint = endpoint };
	return write_registration(store, &kind, &row, done);
}

enum err store_touch_registration(struct store *store, const char *endpoint, int64_t updated_ms,
				  int64_t expires_ms)
{
	struct touches *touches = store_touches(store);
	if (touches == NULL) {
		const struct touch_row row = { endpoint, updated_ms, expires_ms };
		return store_write_details(store, &touch_kind, NULL, &row, 1, (struct store_done){ 0 });
	}
	enum err err = touches_put(touches, endpoint, updated_ms, expires_ms);
	if (!err)
		store_touched(store);
	return err;
}

enum err store_read_registrations(struct store *store,
				  bool (*each)(void *self, const struct registration_row *row), void *self)
{
	static const struct query query = { READ_REGISTRATIONS, NULL, &registration_columns };
	struct registration_row row;
	struct cursor cursor;
	cursor_open(store_readers(store), &query, NULL, &cursor);
	while (cursor_next(&cursor, NULL, &row) && each(self, &row))
		;
	return cursor_close(&cursor);
}

/* ---- observations ---- */

enum err store_put_observation(struct store *store, const struct observation_row *row, struct store_done done)
{
	static const struct write_kind kind = { .columns = &observation_columns,
						.statement = PUT_OBSERVATION };
	return store_write(store, &kind, row, done);
}

enum err store_remove_observation(struct store *store, uint64_t token, struct store_done done)
{
	static const struct write_kind kind = {
		.columns = &observation_key_columns,
		.statement = REMOVE_OBSERVATION,
		.when_unchanged = ERR_NOT_FOUND,
	};
	const struct observation_key row = { token };
	return store_write(store, &kind, &row, done);
}

enum err store_read_observations(struct store *store,
				 bool (*each)(void *self, const struct observation_row *row), void *self)
{
	static const struct query query = { READ_OBSERVATIONS, NULL, &observation_columns };
	struct observation_row row;
	struct cursor cursor;
	cursor_open(store_readers(store), &query, NULL, &cursor);
	while (cursor_next(&cursor, NULL, &row) && each(self, &row))
		;
	return cursor_close(&cursor);
}
