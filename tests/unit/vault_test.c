#include "vault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define KEK_HEX       "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER_KEK_HEX "100102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static int open_arena(void **state)
{
	*state = arena_create(1 << 20);
	return *state == NULL;
}

static int close_arena(void **state)
{
	arena_free(*state);
	return 0;
}

static struct vault *open_vault(const char *kek_hex)
{
	struct vault *vault;

	assert_int_equal(vault_open("", kek_hex, &vault, NULL), ERR_NONE);
	return vault;
}

static struct bytes seal(const struct vault *vault, struct arena *arena, const char *context,
			 const char *secret)
{
	struct bytes sealed;

	assert_int_equal(vault_seal(vault, arena, context, bytes_of_text(secret), &sealed), ERR_NONE);
	return sealed;
}

static void opens_what_it_sealed(void **state)
{
	struct vault *vault = open_vault(KEK_HEX);
	struct bytes sealed = seal(vault, *state, "psk/urn:dev:1", "secret"), opened;

	assert_null(memmem(sealed.at, sealed.len, "secret", 6));
	assert_int_equal(vault_open_sealed(vault, *state, "psk/urn:dev:1", sealed, &opened), ERR_NONE);
	assert_true(bytes_equal_text(opened, "secret"));
	sealed = seal(vault, *state, "psk/urn:dev:1", "");
	assert_int_equal(vault_open_sealed(vault, *state, "psk/urn:dev:1", sealed, &opened), ERR_NONE);
	assert_int_equal(opened.len, 0);
	vault_close(vault);
	vault_close(NULL);
}

static void denies_another_context_another_kek_and_changed_bytes(void **state)
{
	struct vault *vault = open_vault(KEK_HEX), *other = open_vault(OTHER_KEK_HEX);
	struct bytes sealed = seal(vault, *state, "psk/urn:dev:1", "secret"), opened = bytes_of(NULL, 7);

	assert_int_equal(vault_open_sealed(vault, *state, "psk/urn:dev:2", sealed, &opened), ERR_DENIED);
	assert_int_equal(vault_open_sealed(other, *state, "psk/urn:dev:1", sealed, &opened), ERR_DENIED);
	((uint8_t *)sealed.at)[sealed.len - 1] ^= 1;
	assert_int_equal(vault_open_sealed(vault, *state, "psk/urn:dev:1", sealed, &opened), ERR_DENIED);
	assert_int_equal(vault_open_sealed(vault, *state, "psk/urn:dev:1", bytes_first(sealed, 27), &opened),
			 ERR_DENIED);
	assert_int_equal(opened.len, 7);
	vault_close(vault);
	vault_close(other);
}

static enum err open_file(const void *content, size_t len, struct vault **ret_vault, struct fault *fault)
{
	int fd = memfd_create("kek", MFD_CLOEXEC); /* a file without a place on the disk */
	char path[64];
	enum err err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, len), (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = vault_open(path, OTHER_KEK_HEX, ret_vault, fault);
	close(fd);
	return err;
}

static void reads_the_kek_from_a_file_raw_or_as_hex(void **state)
{
	static const struct kek_row {
		const char *content;
		size_t len;
	} rows[] = {
		{ KEK_HEX, 64 },
		{ KEK_HEX "\n", 65 },
		{ KEK_HEX "\r\n", 66 },
		{ "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
		  "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f",
		  32 },
	};
	struct vault *reference = open_vault(KEK_HEX);
	struct bytes sealed = seal(reference, *state, "context", "secret"), opened;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vault *vault;

		assert_int_equal(open_file(rows[i].content, rows[i].len, &vault, NULL), ERR_NONE);
		assert_int_equal(vault_open_sealed(vault, *state, "context", sealed, &opened), ERR_NONE);
		vault_close(vault);
	}
	vault_close(reference);
}

static void refuses_a_kek_of_another_size_without_showing_it(void **state)
{
	static const char *const broken[] = {
		"0001",
		KEK_HEX "00",
		"zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		KEK_HEX "\nmore",
		"",
	};

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct vault *vault = NULL;
		struct fault fault = { 0 };

		assert_int_equal(open_file(broken[i], strlen(broken[i]), &vault, &fault), ERR_MALFORMED);
		assert_null(vault);
		assert_string_equal(fault.text,
				    "key encryption key: neither 32 bytes nor 64 hexadecimal digits");
	}
}

static void says_which_file_is_missing(void **state)
{
	struct vault *vault = NULL;
	struct fault fault = { 0 };

	assert_int_equal(vault_open("/nonexistent/kek", KEK_HEX, &vault, &fault), ERR_NOT_FOUND);
	assert_string_equal(fault.text, "key encryption key: /nonexistent/kek: No such file or directory");
	assert_int_equal(vault_open("", NULL, &vault, NULL), ERR_NOT_FOUND);
	assert_int_equal(vault_open(NULL, "", &vault, NULL), ERR_NOT_FOUND);
	assert_null(vault);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opens_what_it_sealed, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(denies_another_context_another_kek_and_changed_bytes,
						open_arena, close_arena),
		cmocka_unit_test_setup_teardown(reads_the_kek_from_a_file_raw_or_as_hex, open_arena,
						close_arena),
		cmocka_unit_test(refuses_a_kek_of_another_size_without_showing_it),
		cmocka_unit_test(says_which_file_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
