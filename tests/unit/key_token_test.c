/* Keys in a token do what keys in memory do. */
#include "arena_support.h"

#include <stdio.h>
#include <string.h>

#include "soft_token.h"
#include "vault.h"

#define KEY_16 "404142434445464748494A4B4C4D4E4F"
#define KEY_24 KEY_16 "5051525354555657"
#define KEY_32 KEY_24 "58595A5B5C5D5E5F"

static struct soft_token soft;
static bool has_token;

struct pair {
	struct key memory, token;
};

/* The same value in memory and in the token. */
static struct pair pair_of(struct arena *arena, const char *label, enum soft_key_type type,
			   const char *digits)
{
	const struct bytes value = hex(arena, digits);
	struct secret secret = { .len = 0 };

	assert_int_equal(secret_from(value, &secret), ERR_NONE);
	soft_token_add(&soft, label, type, value, false);
	return (struct pair){ key_of(&secret), token_key(soft.token, label, value.len) };
}

static void makes_the_same_codes(void **state)
{
	static const char *const digits[] = { KEY_16, KEY_24, KEY_32 };
	const struct bytes text = bytes_of_text("four score and seven years ago our fathers brought forth");

	for (size_t i = 0; i < 3; i++) {
		char label[16];
		snprintf(label, sizeof(label), "cmac %zu", i);
		const struct pair pair = pair_of(*state, label, SOFT_AES, digits[i]);
		for (size_t len = 0; len <= text.len; len += 7) {
			uint8_t a[AES_BLOCK], b[AES_BLOCK];
			const struct bytes parts[] = { bytes_first(text, len / 3), bytes_of(NULL, 0),
						       bytes_first(bytes_from(text, len / 3),
								   len - len / 3) };
			assert_int_equal(key_cmac(&pair.memory, parts, 3, a), ERR_NONE);
			assert_int_equal(key_cmac(&pair.token, parts, 3, b), ERR_NONE);
			assert_memory_equal(a, b, AES_BLOCK);
		}
	}
}

static void encrypts_to_the_same_bytes(void **state)
{
	static const uint8_t iv[AES_BLOCK] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	static const struct {
		enum cipher cipher;
		enum soft_key_type type;
		const char *digits;
	} rows[] = {
		{ CIPHER_AES_ECB, SOFT_AES, KEY_16 },  { CIPHER_AES_CBC, SOFT_AES, KEY_16 },
		{ CIPHER_AES_CBC, SOFT_AES, KEY_24 },  { CIPHER_AES_CBC, SOFT_AES, KEY_32 },
		{ CIPHER_DES3_ECB, SOFT_DES, KEY_16 }, { CIPHER_DES3_CBC, SOFT_DES, KEY_16 },
		{ CIPHER_DES3_CBC, SOFT_DES, KEY_24 },
	};
	const struct bytes plain = hex(*state, KEY_32);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char label[16];
		snprintf(label, sizeof(label), "cipher %zu", i);
		const struct pair pair = pair_of(*state, label, rows[i].type, rows[i].digits);
		uint8_t a[32], b[32];
		memcpy(b, plain.at, 32);
		assert_int_equal(key_encrypt(&pair.memory, rows[i].cipher, iv, plain, a), ERR_NONE);
		assert_int_equal(key_encrypt(&pair.token, rows[i].cipher, iv, bytes_of(b, 32), b), ERR_NONE);
		assert_memory_equal(a, b, 32);
		assert_int_equal(key_encrypt(&pair.token, rows[i].cipher, iv, bytes_first(plain, 7), b),
				 ERR_MALFORMED);
	}
}

static void unwraps_the_same_keys(void **state)
{
	const struct pair pair = pair_of(*state, "transport", SOFT_AES, "000102030405060708090A0B0C0D0E0F");
	struct bytes wrapped = hex(*state, "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5");
	struct secret secret = { .len = 0 };

	assert_int_equal(key_unwrap(&pair.token, wrapped, &secret), ERR_NONE);
	assert_string_equal(bytes_to_hex(*state, secret_bytes(&secret)), "00112233445566778899AABBCCDDEEFF");
	assert_int_equal(key_unwrap(&pair.memory, wrapped, &secret), ERR_NONE);
	((uint8_t *)(uintptr_t)wrapped.at)[5] ^= 1;
	assert_int_equal(key_unwrap(&pair.token, wrapped, &secret), ERR_DENIED);
}

static void finds_keys_by_their_label(void **state)
{
	struct fault fault = { 0 };
	bool is_aes = false;
	size_t size = 0;

	soft_token_add(&soft, "aes 32", SOFT_AES, hex(*state, KEY_32), false);
	soft_token_add(&soft, "des 16", SOFT_DES, hex(*state, KEY_16), false);
	soft_token_add(&soft, "open", SOFT_AES, hex(*state, KEY_16), true);
	soft_token_add(&soft, "twice", SOFT_AES, hex(*state, KEY_16), false);
	soft_token_add(&soft, "twice", SOFT_AES, hex(*state, KEY_16), false);
	assert_int_equal(token_find(soft.token, "aes 32", &is_aes, &size, &fault), ERR_NONE);
	assert_true(is_aes);
	assert_int_equal(size, 32);
	assert_int_equal(token_find(soft.token, "des 16", &is_aes, &size, &fault), ERR_NONE);
	assert_false(is_aes);
	assert_int_equal(size, 16);
	assert_int_equal(token_find(soft.token, "aes", &is_aes, &size, &fault), ERR_NOT_FOUND);
	assert_string_equal(fault.text, "the token has no secret key \"aes\"");
	assert_int_equal(token_find(soft.token, "twice", &is_aes, &size, &(struct fault){ 0 }), ERR_CONFLICT);
	assert_int_equal(token_find(soft.token, "open", &is_aes, &size, &(struct fault){ 0 }), ERR_DENIED);
	assert_int_equal(token_find(NULL, "aes 32", &is_aes, &size, &(struct fault){ 0 }), ERR_UNSUPPORTED);
}

static void says_what_a_key_cannot_do(void **state)
{
	const struct pair pair = pair_of(*state, "aes only", SOFT_AES, KEY_16);
	const struct key gone = token_key(soft.token, "gone", 16);
	uint8_t at[AES_BLOCK] = { 0 };

	assert_int_equal(key_encrypt(&pair.token, CIPHER_DES3_ECB, NULL, bytes_of(at, 8), at),
			 ERR_UNSUPPORTED);
	assert_int_equal(key_encrypt(&gone, CIPHER_AES_ECB, NULL, bytes_of(at, 16), at), ERR_NOT_FOUND);
	assert_int_equal(key_cmac(&gone, NULL, 0, at), ERR_NOT_FOUND);
}

static void a_vault_opens_with_the_key_of_the_token_only(void **state)
{
	const struct pair kek = pair_of(*state, "kek", SOFT_AES, KEY_32),
			  other = pair_of(*state, "kek 2", SOFT_AES, KEY_16);
	struct vault *vault, *again, *stranger;
	struct bytes sealed, opened;

	assert_int_equal(vault_open_with_key(&kek.token, &vault, NULL), ERR_NONE);
	assert_int_equal(vault_open_with_key(&kek.memory, &again, NULL), ERR_NONE);
	assert_int_equal(vault_open_with_key(&other.token, &stranger, NULL), ERR_NONE);
	assert_int_equal(vault_seal(vault, *state, "x", bytes_of_text("secret"), &sealed), ERR_NONE);
	assert_int_equal(vault_open_sealed(again, *state, "x", sealed, &opened), ERR_NONE);
	assert_true(bytes_equal_text(opened, "secret"));
	assert_int_equal(vault_open_sealed(stranger, *state, "x", sealed, &opened), ERR_DENIED);
	vault_close(vault);
	vault_close(again);
	vault_close(stranger);
}

static void assert_refused(struct token_settings settings, enum err expected, const char *reason)
{
	struct fault fault = { 0 };
	struct token *token;

	assert_int_equal(token_open(&settings, &token, &fault), expected);
	if (strstr(fault.text, reason) == NULL)
		fail_msg("%s", fault.text);
}

static void says_why_a_token_does_not_open(void **state)
{
	char wrong[96];

	assert_refused((struct token_settings){ soft.module, "other", soft.pin_file }, ERR_NOT_FOUND,
		       "no token has the label \"other\"");
	assert_refused((struct token_settings){ "/nowhere.so", "lab", soft.pin_file }, ERR_NOT_FOUND,
		       "/nowhere.so");
	assert_refused((struct token_settings){ soft.module, "lab", "/nowhere" }, ERR_NOT_FOUND, "/nowhere");
	snprintf(wrong, sizeof(wrong), "%s/wrong", soft.folder);
	FILE *file = fopen(wrong, "w");
	assert_non_null(file);
	fputs("0000", file);
	fclose(file);
	/* who is logged in already is not asked again: the token of the other tests goes first */
	token_close(soft.token);
	soft.token = NULL;
	assert_refused((struct token_settings){ soft.module, "lab", wrong }, ERR_DENIED, "refuses the PIN");
}

static int open_soft_token(void **state)
{
	has_token = soft_token_open(&soft);
	return 0;
}

static int close_soft_token(void **state)
{
	if (has_token)
		soft_token_close(&soft);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(makes_the_same_codes),
		IN_ARENA(encrypts_to_the_same_bytes),
		IN_ARENA(unwraps_the_same_keys),
		IN_ARENA(finds_keys_by_their_label),
		IN_ARENA(says_what_a_key_cannot_do),
		IN_ARENA(a_vault_opens_with_the_key_of_the_token_only),
		IN_ARENA(says_why_a_token_does_not_open),
	};
	void *nothing = NULL;

	open_soft_token(&nothing);
	if (!has_token)
		return 77; /* meson counts it as skipped */
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	close_soft_token(&nothing);
	return failed;
}
