#include "credential_rows.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "credentials.h"
#include "vault.h"

#define KEK       "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
#define OTHER_KEK "FF0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"

struct parts {
	struct arena *arena;
	struct store *store;
	struct vault *vault;
	struct credentials *credentials;
};

static int open_parts(void **state)
{
	static struct parts parts;

	parts = (struct parts){ .arena = arena_create(0) };
	*state = &parts;
	return store_open("", STORE_INLINE, NULL, &parts.store, NULL) != ERR_NONE ||
	       vault_open("", KEK, &parts.vault, NULL) != ERR_NONE ||
	       credentials_create(&parts.credentials) != ERR_NONE;
}

static int close_parts(void **state)
{
	struct parts *parts = *state;

	credentials_free(parts->credentials);
	vault_close(parts->vault);
	store_close(parts->store);
	arena_free(parts->arena);
	return 0;
}

static struct secret secret_named(const char *text)
{
	struct secret key;

	assert_int_equal(secret_from(bytes_of_text(text), &key), ERR_NONE);
	return key;
}

static void put_kind(struct parts *parts, const char *kind, const char *endpoint, const char *identity,
		     const char *text)
{
	struct credential_row row = { .endpoint = endpoint, .kind = kind, .identity = identity };
	struct secret key = secret_named(text);

	assert_int_equal(credential_seal(parts->vault, parts->arena, &row, &key, &row.sealed), ERR_NONE);
	assert_int_equal(store_put_credential(parts->store, &row, (struct store_done){ 0 }), ERR_NONE);
}

static void put(struct parts *parts, const char *endpoint, const char *identity, const char *text)
{
	put_kind(parts, CREDENTIAL_PSK, endpoint, identity, text);
}

static void loads_what_was_sealed(void **state)
{
	struct parts *parts = *state;
	const struct secret *key;
	const char *endpoint;

	put(parts, "urn:dev:1", "one", "0123456789abcdef");
	put(parts, "urn:dev:2", "two", "fedcba9876543210");
	assert_int_equal(
		credentials_load(parts->store, parts->vault, CREDENTIAL_PSK, parts->credentials, NULL),
		ERR_NONE);
	assert_int_equal(credentials_find_psk(parts->credentials, "two", &endpoint, &key), ERR_NONE);
	assert_string_equal(endpoint, "urn:dev:2");
	assert_true(bytes_equal_text(secret_bytes(key), "fedcba9876543210"));
	assert_true(credentials_has(parts->credentials, "urn:dev:1"));
}

/* The keys of the bootstrap server are not those of the LwM2M server. */
static void loads_one_kind_and_not_the_other(void **state)
{
	struct parts *parts = *state;
	const struct secret *key;
	const char *endpoint;

	put(parts, "urn:dev:1", "one", "0123456789abcdef");
	put_kind(parts, CREDENTIAL_BOOTSTRAP_PSK, "urn:dev:1", "one", "fedcba9876543210");
	assert_int_equal(credentials_load(parts->store, parts->vault, CREDENTIAL_BOOTSTRAP_PSK,
					  parts->credentials, NULL),
			 ERR_NONE);
	assert_int_equal(credentials_find_psk(parts->credentials, "one", &endpoint, &key), ERR_NONE);
	assert_true(bytes_equal_text(secret_bytes(key), "fedcba9876543210"));
	assert_ptr_equal(credentials_key(parts->credentials, "urn:dev:1"), key);
	assert_null(credentials_key(parts->credentials, "urn:dev:2"));
}

static void sealed_key_fits_no_other_row(void **state)
{
	struct parts *parts = *state;
	struct credential_row row = { .endpoint = "a", .kind = CREDENTIAL_PSK, .identity = "b/c" };
	struct secret key = secret_named("0123456789abcdef"), opened;

	assert_int_equal(credential_seal(parts->vault, parts->arena, &row, &key, &row.sealed), ERR_NONE);
	assert_int_equal(credential_open(parts->vault, parts->arena, &row, &opened), ERR_NONE);
	row.endpoint = "a/b";
	row.identity = "c";
	assert_int_equal(credential_open(parts->vault, parts->arena, &row, &opened), ERR_DENIED);
}

static void another_kek_is_refused_by_name(void **state)
{
	struct parts *parts = *state;
	struct vault *other;
	struct fault fault = { 0 };

	put(parts, "urn:dev:1", "one", "0123456789abcdef");
	assert_int_equal(vault_open("", OTHER_KEK, &other, NULL), ERR_NONE);
	assert_int_equal(credentials_load(parts->store, other, CREDENTIAL_PSK, parts->credentials, &fault),
			 ERR_DENIED);
	assert_non_null(strstr(fault.text, "urn:dev:1"));
	vault_close(other);
}

static void loads_oscore_as_it_was_sealed(void **state)
{
	struct parts *parts = *state;
	const struct oscore_parameters parameters = {
		.master_secret = bytes_of_text("0123456789abcdef"),
		.master_salt = bytes_of_text("salt"),
		.recipient_id = bytes_of_text("\x01"),
		.id_context = bytes_of_text("here"),
	};
	struct credential_row row = { .endpoint = "urn:dev:1",
				      .kind = CREDENTIAL_OSCORE,
				      .identity = "01/68657265" };
	const struct oscore_keys *found;
	struct oscore_keys keys;
	const char *endpoint;

	assert_int_equal(oscore_derive(parts->arena, &parameters, &keys), ERR_NONE);
	assert_int_equal(credential_seal_oscore(parts->vault, parts->arena, &row, &parameters, &row.sealed),
			 ERR_NONE);
	assert_int_equal(store_put_credential(parts->store, &row, (struct store_done){ 0 }), ERR_NONE);
	assert_int_equal(
		credentials_load(parts->store, parts->vault, CREDENTIAL_OSCORE, parts->credentials, NULL),
		ERR_NONE);
	assert_int_equal(credentials_find_oscore(parts->credentials, parameters.recipient_id,
						 parameters.id_context, &endpoint, &found),
			 ERR_NONE);
	assert_string_equal(endpoint, "urn:dev:1");
	assert_memory_equal(found, &keys, sizeof(keys));
	assert_true(credentials_has(parts->credentials, "urn:dev:1"));
	assert_int_equal(credentials_find_oscore(parts->credentials, parameters.recipient_id,
						 bytes_of(NULL, 0), &endpoint, &found),
			 ERR_NOT_FOUND); /* another context with the same id */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(loads_what_was_sealed, open_parts, close_parts),
		cmocka_unit_test_setup_teardown(loads_oscore_as_it_was_sealed, open_parts, close_parts),
		cmocka_unit_test_setup_teardown(loads_one_kind_and_not_the_other, open_parts, close_parts),
		cmocka_unit_test_setup_teardown(sealed_key_fits_no_other_row, open_parts, close_parts),
		cmocka_unit_test_setup_teardown(another_kek_is_refused_by_name, open_parts, close_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
