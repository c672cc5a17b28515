/* Keys: edges beside the known answers in tests/vectors. */
#include "channel/keys.h"

#include "se_test.h"

static struct arena *arena;

static int open_arena(void **state)
{
	arena = arena_create(1 << 20);
	return arena == NULL;
}

static int close_arena(void **state)
{
	arena_free(arena);
	return 0;
}

static struct key key_from(const char *text)
{
	struct bytes bytes;
	struct secret secret = { .len = 0 };

	assert_int_equal(bytes_from_hex(arena, text, &bytes), ERR_NONE);
	assert_int_equal(secret_from(bytes, &secret), ERR_NONE);
	return key_of(&secret);
}

static void put_key_carries_three_keys_and_their_check_values(void **state)
{
	const struct key dek = key_from("000102030405060708090A0B0C0D0E0F");
	const struct key_set keys = { key_from("404142434445464748494A4B4C4D4E4F"),
				      key_from("505152535455565758595A5B5C5D5E5F"),
				      key_from("606162636465666768696A6B6C6D6E6F") };
	struct bytes data, answer;

	assert_int_equal(put_key_data(arena, 0x31, KEY_TYPE_AES, &keys,
				      &(struct key_cipher){ KEY_TYPE_AES, &dek }, &data, &answer),
			 ERR_NONE);
	/* ciphered keys and check values as a public host library has them for these keys */
	assert_string_equal(bytes_to_hex(arena, data), "31"
						       "881110D533E59B45A153ED7E5E9C5DFCFD4AAA03504A77"
						       "8811103EF0B1A5E3059DAB21FCE23A7B61C4CA03F2A8DF"
						       "881110ADDE68F7AD497268D31A0DDD5C74B08F03D7D0E4");
	assert_string_equal(bytes_to_hex(arena, answer), "31504A77F2A8DFD7D0E4");
}

static void keys_of_24_bytes_are_filled_up(void **state)
{
	const struct key key = key_from("404142434445464748494A4B4C4D4E4F5051525354555657");
	const struct key_set keys = { key, key, key };
	struct bytes data, answer;

	assert_int_equal(put_key_data(arena, 1, KEY_TYPE_AES, &keys,
				      &(struct key_cipher){ KEY_TYPE_AES, &key }, &data, &answer),
			 ERR_NONE);
	assert_int_equal(data.len, 1 + 3 * (3 + 32 + 4));
	assert_int_equal(data.at[1], 0x88);
	assert_int_equal(data.at[2], 33);
	assert_int_equal(data.at[3], 24);
}

static void keys_of_odd_length_are_refused(void **state)
{
	const struct key dek = key_from("000102030405060708090A0B0C0D0E0F");
	const struct key_set keys = { key_from("4041"), key_from("4041"), key_from("4041") };
	struct bytes data, answer;

	assert_int_equal(put_key_data(arena, 1, KEY_TYPE_AES, &keys,
				      &(struct key_cipher){ KEY_TYPE_AES, &dek }, &data, &answer),
			 ERR_MALFORMED);
}

static void diversification_checks_scheme_and_sizes(void **state)
{
	static const uint8_t kdd[10] = { 0 };
	const struct key master = key_from("404142434445464748494A4B4C4D4E4F");
	struct key key;

	assert_int_equal(key_diversify("emv2", &master, KEY_ENC, bytes_of(kdd, 10), &key), ERR_NOT_FOUND);
	assert_int_equal(key_diversify("emv", &master, KEY_ENC, bytes_of(kdd, 9), &key), ERR_MALFORMED);
	assert_int_equal(key_diversify("none", &master, KEY_ENC, bytes_of(kdd, 9), &key), ERR_NONE);
	assert_memory_equal(key.secret.at, master.secret.at, 16);
}

static void each_role_gets_another_key(void **state)
{
	static const char *const schemes[] = { "emv", "visa2", "visa", "kdf3" };
	static const uint8_t kdd[10] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	const struct key master = key_from("404142434445464748494A4B4C4D4E4F");

	for (size_t i = 0; i < 4; i++) {
		struct key enc, mac;
		assert_int_equal(key_diversify(schemes[i], &master, KEY_ENC, bytes_of(kdd, 10), &enc),
				 ERR_NONE);
		assert_int_equal(key_diversify(schemes[i], &master, KEY_MAC, bytes_of(kdd, 10), &mac),
				 ERR_NONE);
		assert_memory_not_equal(enc.secret.at, mac.secret.at, 16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_key_carries_three_keys_and_their_check_values),
		cmocka_unit_test(keys_of_24_bytes_are_filled_up),
		cmocka_unit_test(keys_of_odd_length_are_refused),
		cmocka_unit_test(diversification_checks_scheme_and_sizes),
		cmocka_unit_test(each_role_gets_another_key),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
