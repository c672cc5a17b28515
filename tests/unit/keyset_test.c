#include "keyset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "store.h"
#include "token.h"
#include "vault.h"

#define KEK "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct key key_filled(uint8_t byte, size_t len)
{
	struct secret key = { .len = len };
	memset(key.at, byte, len);
	return key_of(&key);
}

static struct vault *open_vault(void)
{
	struct vault *vault = NULL;
	struct fault fault = { .kind = ERR_NONE };
	assert_int_equal(vault_open("", KEK, &vault, &fault), ERR_NONE);
	return vault;
}

static void opens_what_it_sealed(void **state)
{
	struct vault *vault = open_vault();
	struct arena *arena = arena_create(0);
	struct keyset_row row = { .endpoint = "urn:dev:1", .kind = "scp03", .aid = "", .version = 48 };
	const struct cardea_keyset keyset = { 48, key_filled(1, 16), key_filled(2, 24), key_filled(3, 32),
					      "kdf3" };
	struct cardea_keyset opened;
	assert_int_equal(keyset_seal(vault, arena, &row, &keyset, &row.sealed), ERR_NONE);
	assert_int_equal(keyset_open(vault, NULL, arena, &row, &opened), ERR_NONE);
	assert_int_equal(opened.version, 48);
	assert_string_equal(opened.diversification, "kdf3");
	assert_true(bytes_equal(secret_bytes(&opened.enc.secret), secret_bytes(&keyset.enc.secret)));
	assert_true(bytes_equal(secret_bytes(&opened.mac.secret), secret_bytes(&keyset.mac.secret)));
	assert_true(bytes_equal(secret_bytes(&opened.dek.secret), secret_bytes(&keyset.dek.secret)));
	arena_free(arena);
	vault_close(vault);
}

static void refuses_a_key_set_moved_to_another_row(void **state)
{
	struct vault *vault = open_vault();
	struct arena *arena = arena_create(0);
	struct keyset_row row = { .endpoint = "urn:dev:1", .kind = "scp03", .aid = "", .version = 48 };
	const struct cardea_keyset keyset = { 48, key_filled(1, 16), key_filled(2, 16), key_filled(3, 16),
					      NULL };
	struct cardea_keyset opened;
	assert_int_equal(keyset_seal(vault, arena, &row, &keyset, &row.sealed), ERR_NONE);
	row.endpoint = "urn:dev:2";
	assert_int_equal(keyset_open(vault, NULL, arena, &row, &opened), ERR_DENIED);
	row.endpoint = "urn:dev:1";
	row.version = 49;
	assert_int_equal(keyset_open(vault, NULL, arena, &row, &opened), ERR_DENIED);
	arena_free(arena);
	vault_close(vault);
}

static void refuses_names_too_long_to_bind(void **state)
{
	char name[600], context[KEYSET_CONTEXT_SIZE];
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = 0;
	const struct keyset_row row = { .endpoint = name, .kind = "scp03", .aid = "", .version = 1 };
	assert_int_equal(keyset_context(&row, context), ERR_LIMIT);
}

static void three_keys_are_no_document(void **state)
{
	assert_false(keyset_is_document("scp02"));
	assert_false(keyset_is_document("scp03"));
	assert_true(keyset_is_document("scp11"));
	assert_true(keyset_is_document("token"));
	assert_true(keyset_is_document("load-file-cipher"));
}

static void refuses_a_key_set_of_one_device_for_all(void **state)
{
	struct vault *vault = open_vault();
	struct arena *arena = arena_create(0);
	struct keyset_row row = { .endpoint = "*", .kind = "scp03", .aid = "", .version = 48 };
	const struct cardea_keyset keyset = { 48, key_filled(1, 16), key_filled(2, 16), key_filled(3, 16),
					      NULL };
	struct cardea_keyset opened;
	assert_int_equal(keyset_seal(vault, arena, &row, &keyset, &row.sealed), ERR_NONE);
	row.is_fleet = true;
	assert_int_equal(keyset_open(vault, NULL, arena, &row, &opened), ERR_DENIED);
	arena_free(arena);
	vault_close(vault);
}

/* As they were sealed before key sets had a diversification. */
static void opens_older_records(void **state)
{
	static const uint8_t record[] = "\1A\1B\1C";
	struct vault *vault = open_vault();
	struct arena *arena = arena_create(0);
	struct keyset_row row = { .endpoint = "urn:dev:1", .kind = "scp03", .aid = "", .version = 48 };
	struct cardea_keyset opened;
	assert_int_equal(
		keyset_seal_document(vault, arena, &row, bytes_of(record, sizeof record - 1), &row.sealed),
		ERR_NONE);
	assert_int_equal(keyset_open(vault, NULL, arena, &row, &opened), ERR_NONE);
	assert_string_equal(opened.diversification, "none");
	assert_int_equal(opened.dek.secret.at[0], 'C');
	assert_int_equal(opened.dek.size, 1);
	assert_false(keyset_is_in_token(&opened));
	arena_free(arena);
	vault_close(vault);
}

static void names_keys_that_stay_in_the_token(void **state)
{
	struct vault *vault = open_vault();
	struct arena *arena = arena_create(0);
	struct keyset_row row = {
		.endpoint = "*", .kind = "scp03", .aid = "", .version = 48, .is_fleet = true
	};
	const struct key in_token = token_key(NULL, "master 30", 32);
	const struct cardea_keyset keyset = { 48, in_token, in_token, key_filled(3, 32), "kdf3" };
	struct cardea_keyset opened;
	uint8_t mac[AES_BLOCK];
	assert_int_equal(keyset_seal(vault, arena, &row, &keyset, &row.sealed), ERR_NONE);
	assert_int_equal(keyset_open(vault, NULL, arena, &row, &opened), ERR_NONE);
	assert_true(keyset_is_in_token(&opened));
	assert_string_equal(opened.mac.label, "master 30");
	assert_int_equal(opened.mac.size, 32);
	assert_false(key_is_visible(&opened.mac));
	assert_true(key_is_visible(&opened.dek));
	/* no token is there */
	assert_int_equal(key_cmac(&opened.mac, NULL, 0, mac), ERR_UNAVAILABLE);
	arena_free(arena);
	vault_close(vault);
}

static void transport_keys_belong_to_their_names(void **state)
{
	struct vault *vault = open_vault();
	struct arena *arena = arena_create(0);
	struct transport_key_row row = { .name = "factory" };
	const struct key key = key_filled(7, 32);
	struct key opened;
	assert_int_equal(transport_key_seal(vault, arena, "factory", &key, &row.sealed), ERR_NONE);
	assert_int_equal(transport_key_open(vault, NULL, arena, &row, &opened), ERR_NONE);
	assert_true(bytes_equal(secret_bytes(&opened.secret), secret_bytes(&key.secret)));
	row.name = "other";
	assert_int_equal(transport_key_open(vault, NULL, arena, &row, &opened), ERR_DENIED);
	arena_free(arena);
	vault_close(vault);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_it_sealed),
		cmocka_unit_test(refuses_a_key_set_moved_to_another_row),
		cmocka_unit_test(refuses_names_too_long_to_bind),
		cmocka_unit_test(refuses_a_key_set_of_one_device_for_all),
		cmocka_unit_test(opens_older_records),
		cmocka_unit_test(names_keys_that_stay_in_the_token),
		cmocka_unit_test(transport_keys_belong_to_their_names),
		cmocka_unit_test(three_keys_are_no_document),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
