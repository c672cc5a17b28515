/* Key sets, credentials and tokens: values that are sealed, or only a hash. */
#include "rows.h"

/* ---- key sets ---- */

static const struct column keyset_column[] = {
	COLUMN(struct keyset_row, endpoint),   COLUMN(struct keyset_row, kind),
	COLUMN(struct keyset_row, aid),        COLUMN(struct keyset_row, version),
	COLUMN(struct keyset_row, sealed),     COLUMN(struct keyset_row, check_values),
	COLUMN(struct keyset_row, created_ms),
};
static const struct columns keyset_columns = COLUMNS(struct keyset_row, keyset_column);

enum err store_put_keyset(struct store *store, const struct keyset_row *row, struct store_done done)
{
	static const struct write_kind of_device = { .columns = &keyset_columns, .statement = PUT_KEYSET };
	static const struct write_kind of_fleet = { .columns = &keyset_columns,
						    .statement = PUT_FLEET_KEYSET };
	return store_write(store, row->is_fleet ? &of_fleet : &of_device, row, done);
}

enum err store_remove_keyset(struct store *store, const struct keyset_row *row, struct store_done done)
{
	static const struct write_kind of_device = {
		.columns = &keyset_columns,
		.statement = REMOVE_KEYSET,
		.when_unchanged = ERR_NOT_FOUND,
	};
	static const struct write_kind of_fleet = {
		.columns = &keyset_columns,
		.statement = REMOVE_FLEET_KEYSET,
		.when_unchanged = ERR_NOT_FOUND,
	};
	return store_write(store, row->is_fleet ? &of_fleet : &of_device, row, done);
}

enum err store_read_keysets(struct store *store, struct arena *arena, const char *endpoint,
			    struct keyset_row **ret_rows, size_t *ret_count)
{
	static const struct query of_all = { READ_KEYSETS, NULL, &keyset_columns };
	static const struct query of_endpoint = { READ_KEYSETS_OF_ENDPOINT, &keyset_columns,
						  &keyset_columns };
	const struct keyset_row key = { .endpoint = endpoint };
	return query_all(store_readers(store), endpoint ? &of_endpoint : &of_all, &key, arena, ret_rows,
			 ret_count);
}

enum err store_read_fleet_keysets(struct store *store, struct arena *arena, const char *endpoint,
				  struct keyset_row **ret_rows, size_t *ret_count)
{
	static const struct query of_all = { READ_FLEET_KEYSETS, NULL, &keyset_columns };
	static const struct query of_endpoint = { READ_FLEET_KEYSETS_OF_ENDPOINT, &keyset_columns,
						  &keyset_columns };
	const struct keyset_row key = { .endpoint = endpoint };
	struct keyset_row *rows;
	size_t count;
	enum err err = query_all(store_readers(store), endpoint ? &of_endpoint : &of_all, &key, arena, &rows,
				 &count);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < count; i++)
		rows[i].is_fleet = true;
	*ret_rows = rows;
	*ret_count = count;
	return ERR_NONE;
}

/* ---- transport keys ---- */

static const struct column transport_key_column[] = {
	COLUMN(struct transport_key_row, name),
	COLUMN(struct transport_key_row, sealed),
	COLUMN(struct transport_key_row, check_value),
	COLUMN(struct transport_key_row, created_ms),
};
static const struct columns transport_key_columns = COLUMNS(struct transport_key_row, transport_key_column);

enum err store_put_transport_key(struct store *store, const struct transport_key_row *row,
				 struct store_done done)
{
	static const struct write_kind kind = { .columns = &transport_key_columns,
						.statement = PUT_TRANSPORT_KEY };
	return store_write(store, &kind, row, done);
}

enum err store_remove_transport_key(struct store *store, const char *name, struct store_done done)
{
	static const struct write_kind kind = {
		.columns = &transport_key_columns,
		.statement = REMOVE_TRANSPORT_KEY,
		.when_unchanged = ERR_NOT_FOUND,
	};
	const struct transport_key_row row = { .name = name };
	return store_write(store, &kind, &row, done);
}

enum err store_read_transport_keys(struct store *store, struct arena *arena,
				   struct transport_key_row **ret_rows, size_t *ret_count)
{
	static const struct query query = { READ_TRANSPORT_KEYS, NULL, &transport_key_columns };
	return query_all(store_readers(store), &query, NULL, arena, ret_rows, ret_count);
}

/* ---- credentials ---- */

static const struct column credential_column[] = {
	COLUMN(struct credential_row, endpoint),   COLUMN(struct credential_row, kind),
	COLUMN(struct credential_row, identity),   COLUMN(struct credential_row, sealed),
	COLUMN(struct credential_row, created_ms),
};
static const struct columns credential_columns = COLUMNS(struct credential_row, credential_column);

enum err store_put_credential(struct store *store, const struct credential_row *row, struct store_done done)
{
	static const struct write_kind kind = { .columns = &credential_columns, .statement = PUT_CREDENTIAL };
	return store_write(store, &kind, row, done);
}

enum err store_remove_credential(struct store *store, const char *endpoint, const char *kind,
				 struct store_done done)
{
	static const struct write_kind write_kind = {
		.columns = &credential_columns,
		.statement = REMOVE_CREDENTIAL,
		.when_unchanged = ERR_NOT_FOUND,
	};
	const struct credential_row row = { .endpoint = endpoint, .kind = kind };
	return store_write(store, &write_kind, &row, done);
}

enum err store_read_credentials(struct store *store, struct arena *arena, struct credential_row **ret_rows,
				size_t *ret_count)
{
	static const struct query query = { READ_CREDENTIALS, NULL, &credential_columns };
	return query_all(store_readers(store), &query, NULL, arena, ret_rows, ret_count);
}

/* ---- OSCORE sequence numbers ---- */

static const struct column oscore_number_column[] = {
	COLUMN(struct oscore_number_row, print),     COLUMN(struct oscore_number_row, reserved),
	COLUMN(struct oscore_number_row, successor), COLUMN(struct oscore_number_row, id_context),
	COLUMN(struct oscore_number_row, received),
};
static const struct columns oscore_number_columns = COLUMNS(struct oscore_number_row, oscore_number_column);

enum err store_put_oscore_number(struct store *store, const struct oscore_number_row *row,
				 struct store_done done)
{
	static const struct write_kind kind = { .columns = &oscore_number_columns,
						.statement = PUT_OSCORE_NUMBER };
	return store_write(store, &kind, row, done);
}

enum err store_raise_oscore_numbers(struct store *store, uint64_t count, struct store_done done)
{
	static const struct write_kind kind = { .columns = &oscore_number_columns,
						.statement = RAISE_OSCORE_NUMBERS };
	const struct oscore_number_row row = { .reserved = count };
	return store_write(store, &kind, &row, done);
}

enum err store_renew_oscore_number(struct store *store, const struct oscore_number_row *row,
				   struct store_done done)
{
	static const struct write_kind kind = {
		.columns = &oscore_number_columns,
		.statement = RENEW_OSCORE_NUMBER,
		.when_unchanged = ERR_NOT_FOUND,
	};
	return store_write(store, &kind, row, done);
}

enum err store_receive_oscore_number(struct store *store, const struct oscore_number_row *row,
				     struct store_done done)
{
	static const struct write_kind kind = { .columns = &oscore_number_columns,
						.statement = RECEIVE_OSCORE_NUMBER };
	return store_write(store, &kind, row, done);
}

enum err store_remove_oscore_number(struct store *store, struct bytes print, struct store_done done)
{
	static const struct write_kind kind = { .columns = &oscore_number_columns,
						.statement = REMOVE_OSCORE_NUMBER };
	const struct oscore_number_row row = { .print = print };
	return store_write(store, &kind, &row, done);
}

enum err store_read_oscore_numbers(struct store *store, struct arena *arena,
				   struct oscore_number_row **ret_rows, size_t *ret_count)
{
	static const struct query query = { READ_OSCORE_NUMBERS, NULL, &oscore_number_columns };
	return query_all(store_readers(store), &query, NULL, arena, ret_rows, ret_count);
}

/* ---- tokens ---- */

static const struct column token_column[] = {
	COLUMN(struct token_row, id),         COLUMN(struct token_row, name),
	COLUMN(struct token_row, scopes),     COLUMN(struct token_row, hash),
	COLUMN(struct token_row, created_ms), COLUMN(struct token_row, expires_ms),
};
static const struct columns token_columns = COLUMNS(struct token_row, token_column);

enum err store_put_token(struct store *store, const struct token_row *row, struct store_done done)
{
	static const struct write_kind kind = { .columns = &token_columns, .statement = PUT_TOKEN };
	return store_write(store, &kind, row, done);
}

enum err store_remove_token(struct store *store, uint64_t id, struct store_done done)
{
	static const struct write_kind kind = {
		.columns = &token_columns,
		.statement = REMOVE_TOKEN,
		.when_unchanged = ERR_NOT_FOUND,
	};
	const struct token_row row = { .id = id };
	return store_write(store, &kind, &row, done);
}

enum err store_read_tokens(struct store *store, struct arena *arena, struct token_row **ret_rows,
			   size_t *ret_count)
{
	static const struct query query = { READ_TOKENS, NULL, &token_columns };
	return query_all(store_readers(store), &query, NULL, arena, ret_rows, ret_count);
}

enum err store_last_token_id(struct store *store, uint64_t *ret_id)
{
	return query_number(store_readers(store), READ_LAST_TOKEN_ID, ret_id);
}
