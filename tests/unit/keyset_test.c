#include "keyset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "store.h"
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
	assert_int_equal(keyset_open(vault, arena, &row, &opened), ERR_NONE);
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
	assert_int_equal(keyset_open(vault, arena, &row, &opened), ERR_DENIED);
	row.endpoint = "urn:dev:1";
	row.version = 49;
	assert_int_equal(keyset_open(vault, arena, &row, &opened), ERR_DENIED);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_it_sealed),
		cmocka_unit_test(refuses_a_key_set_moved_to_another_row),
		cmocka_unit_test(refuses_names_too_long_to_bind),
		cmocka_unit_test(three_keys_are_no_document),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
