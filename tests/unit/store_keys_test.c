/* Key sets, credentials, tokens, and what was learned about devices. */
#include "store_support.h"

#include <string.h>

/* ---- key sets ---- */

static enum err put_keyset(struct bench *bench, const char *endpoint, const char *aid, uint8_t version,
			   const char *sealed)
{
	struct keyset_row row = {
		endpoint, "scp03", aid, version, bytes_of_text(sealed), "{\"enc\":\"504A77\"}", 1000, false
	};
	return WRITE(bench, store_put_keyset(bench->store, &row, bench_done(bench)));
}

static size_t read_keysets(struct bench *bench, const char *endpoint, struct keyset_row **ret_rows)
{
	size_t count = 0;
	assert_int_equal(store_read_keysets(bench->store, bench->arena, endpoint, ret_rows, &count),
			 ERR_NONE);
	return count;
}

static void keeps_key_sets_of_a_security_domain_by_version(void **state)
{
	struct bench *bench = *state;
	struct keyset_row *rows;
	assert_int_equal(put_keyset(bench, "dev-1", "A000", 255, "old"), ERR_NONE);
	assert_int_equal(put_keyset(bench, "dev-1", "A000", 48, "low"), ERR_NONE);
	assert_int_equal(put_keyset(bench, "dev-1", "", 48, "issuer"), ERR_NONE);
	assert_int_equal(put_keyset(bench, "dev-2", "", 1, "other"), ERR_NONE);
	assert_int_equal(put_keyset(bench, "dev-1", "A000", 255, "new"), ERR_NONE);
	bench_reopen(bench);

	assert_int_equal(read_keysets(bench, NULL, &rows), 4);
	assert_int_equal(read_keysets(bench, "dev-1", &rows), 3);
	assert_string_equal(rows[0].aid, "");
	assert_int_equal(rows[1].version, 48);
	assert_int_equal(rows[2].version, 255);
	assert_string_equal(rows[2].endpoint, "dev-1");
	assert_string_equal(rows[2].kind, "scp03");
	assert_true(bytes_equal_text(rows[2].sealed, "new"));
	assert_string_equal(rows[2].check_values, "{\"enc\":\"504A77\"}");
	assert_int_equal(rows[2].created_ms, 1000);
}

static void removes_one_key_set(void **state)
{
	struct bench *bench = *state;
	struct keyset_row *rows;
	assert_int_equal(put_keyset(bench, "dev-1", "A000", 1, "a"), ERR_NONE);
	assert_int_equal(put_keyset(bench, "dev-1", "A000", 2, "b"), ERR_NONE);
	struct store_done done = bench_done(bench);
	const struct keyset_row first = { .endpoint = "dev-1", .kind = "scp03", .aid = "A000", .version = 1 };
	assert_int_equal(WRITE(bench, store_remove_keyset(bench->store, &first, done)), ERR_NONE);
	assert_int_equal(WRITE(bench, store_remove_keyset(bench->store, &first, done)), ERR_NOT_FOUND);
	assert_int_equal(read_keysets(bench, "dev-1", &rows), 1);
	assert_int_equal(rows[0].version, 2);
}

/* ---- of many devices ---- */

static void put_for(struct bench *bench, const char *devices)
{
	const struct keyset_row row = { devices, "scp03",         "", 48, bytes_of_text(devices), "{}",
					1000,    .is_fleet = true };
	assert_int_equal(WRITE(bench, store_put_keyset(bench->store, &row, bench_done(bench))), ERR_NONE);
}

/* Of whom they are, one after another. */
static void assert_fleet(struct bench *bench, const char *endpoint, const char *expected)
{
	struct keyset_row *rows;
	size_t count;
	char found[200] = "";
	assert_int_equal(store_read_fleet_keysets(bench->store, bench->arena, endpoint, &rows, &count),
			 ERR_NONE);
	for (size_t i = 0; i < count; i++) {
		assert_true(rows[i].is_fleet);
		strcat(strcat(found, rows[i].endpoint), " ");
	}
	assert_string_equal(found, expected);
}

static void a_device_has_the_key_sets_of_its_fleets_the_closest_first(void **state)
{
	struct bench *bench = *state;
	struct keyset_row *rows;
	put_for(bench, "*");
	put_for(bench, "urn:dev:*");
	put_for(bench, "urn:dev:1");
	put_for(bench, "urn:dev:1*");
	put_for(bench, "urn:[a-z]*");
	bench_reopen(bench);
	assert_fleet(bench, "urn:dev:1", "urn:dev:1 urn:dev:1* urn:dev:* * ");
	assert_fleet(bench, "urn:dev:2", "urn:dev:* * ");
	assert_fleet(bench, "urn:dev:", "urn:dev:* * ");
	assert_fleet(bench, "urn:dev", "* ");
	assert_fleet(bench, "URN:DEV:1", "* ");
	assert_fleet(bench, NULL, "* urn:[a-z]* urn:dev:* urn:dev:1 urn:dev:1* ");
	assert_int_equal(read_keysets(bench, "urn:dev:1", &rows), 0);

	const struct keyset_row any = {
		.endpoint = "*", .kind = "scp03", .aid = "", .version = 48, .is_fleet = true
	};
	assert_int_equal(WRITE(bench, store_remove_keyset(bench->store, &any, bench_done(bench))), ERR_NONE);
	assert_fleet(bench, "urn:dev", "");
}

static void keeps_transport_keys_by_name(void **state)
{
	struct bench *bench = *state;
	struct transport_key_row *rows;
	size_t count;
	for (unsigned i = 0; i < 3; i++) {
		const struct transport_key_row row = { i == 1 ? "b" : "a", bytes_of_text("sealed"), "504A77",
						       i };
		assert_int_equal(WRITE(bench, store_put_transport_key(bench->store, &row, bench_done(bench))),
				 ERR_NONE);
	}
	bench_reopen(bench);
	assert_int_equal(store_read_transport_keys(bench->store, bench->arena, &rows, &count), ERR_NONE);
	assert_int_equal(count, 2);
	assert_string_equal(rows[0].name, "a");
	assert_int_equal(rows[0].created_ms, 2);
	assert_string_equal(rows[0].check_value, "504A77");
	assert_int_equal(WRITE(bench, store_remove_transport_key(bench->store, "b", bench_done(bench))),
			 ERR_NONE);
	assert_int_equal(WRITE(bench, store_remove_transport_key(bench->store, "b", bench_done(bench))),
			 ERR_NOT_FOUND);
}

/* ---- credentials ---- */

static enum err put_credential(struct bench *bench, const char *endpoint, const char *kind,
			       const char *identity)
{
	struct credential_row row = { endpoint, kind, identity, bytes_of_text("sealed"), 1000 };
	return WRITE(bench, store_put_credential(bench->store, &row, bench_done(bench)));
}

static void an_identity_belongs_to_one_endpoint(void **state)
{
	struct bench *bench = *state;
	assert_int_equal(put_credential(bench, "dev-1", "psk", "id-1"), ERR_NONE);
	assert_int_equal(put_credential(bench, "dev-2", "psk", "id-1"), ERR_CONFLICT);
	assert_int_equal(put_credential(bench, "dev-2", "x509", "id-1"), ERR_NONE);
	assert_int_equal(put_credential(bench, "dev-2", "psk", "id-1"), ERR_CONFLICT);
	assert_int_equal(put_credential(bench, "dev-1", "psk", "id-2"), ERR_NONE);
	assert_int_equal(put_credential(bench, "dev-2", "psk", "id-1"), ERR_NONE);
	bench_reopen(bench);

	struct credential_row *rows;
	size_t count;
	assert_int_equal(store_read_credentials(bench->store, bench->arena, &rows, &count), ERR_NONE);
	assert_int_equal(count, 3);
	assert_string_equal(rows[0].endpoint, "dev-1");
	assert_string_equal(rows[0].identity, "id-2");
	assert_string_equal(rows[1].kind, "psk");
	assert_true(bytes_equal_text(rows[1].sealed, "sealed"));
	assert_string_equal(rows[2].kind, "x509");
}

static void a_removed_credential_frees_its_identity(void **state)
{
	struct bench *bench = *state;
	assert_int_equal(put_credential(bench, "dev-1", "psk", "id-1"), ERR_NONE);
	assert_int_equal(
		WRITE(bench, store_remove_credential(bench->store, "dev-1", "psk", bench_done(bench))),
		ERR_NONE);
	assert_int_equal(
		WRITE(bench, store_remove_credential(bench->store, "dev-1", "psk", bench_done(bench))),
		ERR_NOT_FOUND);
	assert_int_equal(put_credential(bench, "dev-2", "psk", "id-1"), ERR_NONE);
}

/* Both wait in the same transaction: the refused one does not take the other with it. */
static void a_conflict_leaves_its_neighbours_alone(void **state)
{
	struct bench *bench = *state;
	struct credential_row first = { "dev-1", "psk", "id-1", bytes_of_text("a"), 1 };
	struct credential_row second = { "dev-2", "psk", "id-1", bytes_of_text("b"), 2 };
	struct credential_row third = { "dev-3", "psk", "id-3", bytes_of_text("c"), 3 };
	assert_int_equal(store_put_credential(bench->store, &first, (struct store_done){ 0 }), ERR_NONE);
	assert_int_equal(store_put_credential(bench->store, &second, bench_done(bench)), ERR_NONE);
	assert_int_equal(store_put_credential(bench->store, &third, (struct store_done){ 0 }), ERR_NONE);
	bench_wait(bench, 1);
	assert_int_equal(bench->result, ERR_CONFLICT);
	assert_int_equal(WRITE(bench, store_sync(bench->store, bench_done(bench))), ERR_NONE);

	struct credential_row *rows;
	size_t count;
	assert_int_equal(store_read_credentials(bench->store, bench->arena, &rows, &count), ERR_NONE);
	assert_int_equal(count, 2);
	assert_string_equal(rows[0].endpoint, "dev-1");
	assert_string_equal(rows[1].endpoint, "dev-3");
}

/* ---- tokens ---- */

static enum err put_token(struct bench *bench, uint64_t id, const char *hash)
{
	struct token_row row = { id, "portal", "devices:read jobs:write", bytes_of_text(hash), 1000, 2000 };
	return WRITE(bench, store_put_token(bench->store, &row, bench_done(bench)));
}

static void keeps_tokens(void **state)
{
	struct bench *bench = *state;
	assert_int_equal(put_token(bench, 1, "hash-1"), ERR_NONE);
	assert_int_equal(put_token(bench, 2, "hash-2"), ERR_NONE);
	assert_int_equal(put_token(bench, 3, "hash-1"), ERR_CONFLICT);
	assert_int_equal(WRITE(bench, store_remove_token(bench->store, 2, bench_done(bench))), ERR_NONE);
	assert_int_equal(WRITE(bench, store_remove_token(bench->store, 2, bench_done(bench))), ERR_NOT_FOUND);
	bench_reopen(bench);

	struct token_row *rows;
	size_t count;
	uint64_t last;
	assert_int_equal(store_read_tokens(bench->store, bench->arena, &rows, &count), ERR_NONE);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0].id, 1);
	assert_string_equal(rows[0].name, "portal");
	assert_string_equal(rows[0].scopes, "devices:read jobs:write");
	assert_true(bytes_equal_text(rows[0].hash, "hash-1"));
	assert_int_equal(rows[0].created_ms, 1000);
	assert_int_equal(rows[0].expires_ms, 2000);
	assert_int_equal(store_last_token_id(bench->store, &last), ERR_NONE);
	assert_int_equal(last, 2);
}

/* ---- inventory ---- */

static enum err learn(struct bench *bench, const char *section, const char *key, const char *json)
{
	struct inventory_row row = { "dev-1", section, key, json, 1000 };
	return WRITE(bench, store_put_inventory(bench->store, &row, bench_done(bench)));
}

static size_t read_inventory(struct bench *bench, const char *section, struct inventory_row **ret_rows)
{
	size_t count = 0;
	assert_int_equal(store_read_inventory(bench->store, bench->arena, "dev-1", section, ret_rows, &count),
			 ERR_NONE);
	return count;
}

static void keeps_what_was_last_learned(void **state)
{
	struct bench *bench = *state;
	struct inventory_row *rows;
	assert_int_equal(learn(bench, "secure-elements", "0", "{\"a\":1}"), ERR_NONE);
	assert_int_equal(learn(bench, "secure-elements", "1", "{}"), ERR_NONE);
	assert_int_equal(learn(bench, "tees", "0", "{}"), ERR_NONE);
	assert_int_equal(learn(bench, "secure-elements", "0", "{\"a\":2}"), ERR_NONE);
	bench_reopen(bench);

	assert_int_equal(read_inventory(bench, NULL, &rows), 3);
	assert_int_equal(read_inventory(bench, "secure-elements", &rows), 2);
	assert_string_equal(rows[0].key, "0");
	assert_string_equal(rows[0].json, "{\"a\":2}");
	assert_int_equal(rows[0].learned_ms, 1000);
	assert_int_equal(learn(bench, "secure-elements", "0", NULL), ERR_NONE);
	assert_int_equal(learn(bench, "secure-elements", "0", NULL), ERR_NOT_FOUND);
	assert_int_equal(read_inventory(bench, "secure-elements", &rows), 1);
	assert_string_equal(rows[0].key, "1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH_MODES(keeps_key_sets_of_a_security_domain_by_version),
		IN_BOTH_MODES(removes_one_key_set),
		IN_BOTH_MODES(a_device_has_the_key_sets_of_its_fleets_the_closest_first),
		IN_BOTH_MODES(keeps_transport_keys_by_name),
		IN_BOTH_MODES(an_identity_belongs_to_one_endpoint),
		IN_BOTH_MODES(a_removed_credential_frees_its_identity),
		IN_BOTH_MODES(a_conflict_leaves_its_neighbours_alone),
		IN_BOTH_MODES(keeps_tokens),
		IN_BOTH_MODES(keeps_what_was_last_learned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
