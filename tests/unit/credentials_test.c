#include "credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int open_credentials(void **state)
{
	struct credentials *credentials;

	assert_int_equal(credentials_create(&credentials), ERR_NONE);
	*state = credentials;
	return 0;
}

static int close_credentials(void **state)
{
	credentials_free(*state);
	return 0;
}

static enum err put(struct credentials *credentials, const char *endpoint, const char *identity,
		    const char *key)
{
	struct secret secret;

	assert_int_equal(secret_from(bytes_of_text(key), &secret), ERR_NONE);
	return credentials_put_psk(credentials, endpoint, identity, &secret);
}

static void assert_found(const struct credentials *credentials, const char *identity, const char *endpoint,
			 const char *key)
{
	const char *found;
	const struct secret *secret;

	assert_int_equal(credentials_find_psk(credentials, identity, &found, &secret), ERR_NONE);
	assert_string_equal(found, endpoint);
	assert_true(bytes_equal_text(secret_bytes(secret), key));
}

static void assert_unknown(const struct credentials *credentials, const char *identity)
{
	const char *found = "untouched";
	const struct secret *secret = NULL;

	assert_int_equal(credentials_find_psk(credentials, identity, &found, &secret), ERR_NOT_FOUND);
	assert_string_equal(found, "untouched");
}

static void key_is_found_by_identity(void **state)
{
	assert_int_equal(put(*state, "dev1", "id1", "key1"), ERR_NONE);
	assert_int_equal(put(*state, "dev2", "id2", "key2"), ERR_NONE);
	assert_found(*state, "id1", "dev1", "key1");
	assert_found(*state, "id2", "dev2", "key2");
	assert_unknown(*state, "dev1");
	assert_unknown(*state, "");
	assert_true(credentials_has(*state, "dev1"));
	assert_false(credentials_has(*state, "id1"));
}

static void put_replaces_key_and_identity(void **state)
{
	assert_int_equal(put(*state, "dev1", "id1", "key1"), ERR_NONE);
	assert_int_equal(put(*state, "dev1", "id1", "key2"), ERR_NONE);
	assert_found(*state, "id1", "dev1", "key2");
	assert_int_equal(put(*state, "dev1", "id2", "key3"), ERR_NONE);
	assert_found(*state, "id2", "dev1", "key3");
	assert_unknown(*state, "id1");
}

static void identity_of_another_endpoint_is_a_conflict(void **state)
{
	assert_int_equal(put(*state, "dev1", "id1", "key1"), ERR_NONE);
	assert_int_equal(put(*state, "dev2", "id2", "key2"), ERR_NONE);
	assert_int_equal(put(*state, "dev2", "id1", "key3"), ERR_CONFLICT);
	assert_int_equal(put(*state, "dev3", "id1", "key3"), ERR_CONFLICT);
	assert_found(*state, "id1", "dev1", "key1");
	assert_found(*state, "id2", "dev2", "key2");
	assert_false(credentials_has(*state, "dev3"));
}

static void removed_credential_is_gone(void **state)
{
	assert_int_equal(put(*state, "dev1", "id1", "key1"), ERR_NONE);
	credentials_remove(*state, CREDENTIAL_KIND_PSK, "dev2");
	assert_found(*state, "id1", "dev1", "key1");
	credentials_remove(*state, CREDENTIAL_KIND_PSK, "dev1");
	assert_unknown(*state, "id1");
	assert_false(credentials_has(*state, "dev1"));
	assert_int_equal(put(*state, "dev2", "id1", "key2"), ERR_NONE); /* the identity is free again */
}

static void every_change_is_counted(void **state)
{
	uint64_t before = credentials_changes(*state);

	assert_int_equal(put(*state, "dev1", "id1", "key1"), ERR_NONE);
	assert_true(credentials_changes(*state) > before);
	before = credentials_changes(*state);
	assert_int_equal(put(*state, "dev1", "id1", "key2"), ERR_NONE);
	assert_true(credentials_changes(*state) > before);
	before = credentials_changes(*state);
	assert_int_equal(put(*state, "dev2", "id1", "key2"), ERR_CONFLICT);
	credentials_remove(*state, CREDENTIAL_KIND_PSK, "dev2");
	assert_int_equal(credentials_changes(*state), before);
	credentials_remove(*state, CREDENTIAL_KIND_PSK, "dev1");
	assert_true(credentials_changes(*state) > before);
}

static void many_are_found(void **state)
{
	char endpoint[32], identity[32], key[32];

	for (int i = 0; i < 5000; i++) {
		snprintf(endpoint, sizeof(endpoint), "dev%d", i);
		snprintf(identity, sizeof(identity), "id%d", i);
		snprintf(key, sizeof(key), "key%d", i);
		assert_int_equal(put(*state, endpoint, identity, key), ERR_NONE);
	}
	for (int i = 0; i < 5000; i += 2) {
		snprintf(endpoint, sizeof(endpoint), "dev%d", i);
		credentials_remove(*state, CREDENTIAL_KIND_PSK, endpoint);
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(endpoint, sizeof(endpoint), "dev%d", i);
		snprintf(identity, sizeof(identity), "id%d", i);
		snprintf(key, sizeof(key), "key%d", i);
		if (i % 2 == 0)
			assert_unknown(*state, identity);
		else
			assert_found(*state, identity, endpoint, key);
	}
}

#define WITH_CREDENTIALS(test) cmocka_unit_test_setup_teardown(test, open_credentials, close_credentials)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CREDENTIALS(key_is_found_by_identity),
		WITH_CREDENTIALS(put_replaces_key_and_identity),
		WITH_CREDENTIALS(identity_of_another_endpoint_is_a_conflict),
		WITH_CREDENTIALS(removed_credential_is_gone),
		WITH_CREDENTIALS(every_change_is_counted),
		WITH_CREDENTIALS(many_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
