#include <cardea/key.h>

#include "arena_support.h"

/* NIST SP 800-38B, examples D.1 to D.3 */
#define CMAC_KEY_128 "2B7E151628AED2A6ABF7158809CF4F3C"
#define CMAC_KEY_192 "8E73B0F7DA0E6452C810F32B809079E562F8EAD2522C6B7B"
#define CMAC_KEY_256 "603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4"
#define CMAC_16      "6BC1BEE22E409F96E93D7E117393172A"
#define CMAC_40      CMAC_16 "AE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411"
#define CMAC_64                                                                                              \
	CMAC_16 "AE2D8A571E03AC9C9EB76FAC45AF8E51"                                                           \
		"30C81C46A35CE411E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710"

static const struct cmac_row {
	const char *key, *message, *mac;
} cmac_rows[] = {
	{ CMAC_KEY_128, "", "BB1D6929E95937287FA37D129B756746" },
	{ CMAC_KEY_128, CMAC_16, "070A16B46B4D4144F79BDD9DD04A287C" },
	{ CMAC_KEY_128, CMAC_40, "DFA66747DE9AE63030CA32611497C827" },
	{ CMAC_KEY_128, CMAC_64, "51F0BEBF7E3B9D92FC49741779363CFE" },
	{ CMAC_KEY_192, "", "D17DDF46ADAACDE531CAC483DE7A9367" },
	{ CMAC_KEY_192, CMAC_16, "9E99A7BF31E710900662F65E617C5184" },
	{ CMAC_KEY_192, CMAC_40, "8A1DE5BE2EB31AAD089A82E6EE908B0E" },
	{ CMAC_KEY_192, CMAC_64, "A1D5DF0EED790F794D77589659F39A11" },
	{ CMAC_KEY_256, "", "028962F61B7BF89EFC6B551F4667D983" },
	{ CMAC_KEY_256, CMAC_16, "28A7023F452E8F82BD4BF28D8C37C35C" },
	{ CMAC_KEY_256, CMAC_40, "AAF3D8F1DE5640C232F5B169B9C911E6" },
	{ CMAC_KEY_256, CMAC_64, "E1992190549F6ED5696A2C056C315410" },
};

static void cmac_gives_the_known_answers_however_the_message_is_cut(void **state)
{
	for (size_t i = 0; i < sizeof(cmac_rows) / sizeof(cmac_rows[0]); i++) {
		struct bytes key = hex(*state, cmac_rows[i].key), message = hex(*state, cmac_rows[i].message);

		for (size_t cut = 0; cut <= message.len; cut++) {
			struct bytes parts[] = { bytes_first(message, cut), bytes_of(NULL, 0),
						 bytes_from(message, cut) };
			uint8_t mac[AES_BLOCK];

			assert_int_equal(aes_cmac(key, parts, 3, mac), ERR_NONE);
			assert_string_equal(bytes_to_hex(*state, bytes_of(mac, sizeof(mac))),
					    cmac_rows[i].mac);
		}
	}
}

/* NIST SP 800-38A, F.1.1, F.1.3, F.1.5, F.2.1, F.2.3, F.2.5: the first two blocks; SP 800-38B, D.4 and D.5:
 * E(0) */
enum mode { ECB, CBC, DES };

#define IV_16    "000102030405060708090A0B0C0D0E0F"
#define PLAIN_32 "6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E51"

static const struct cipher_row {
	enum mode mode;
	const char *key, *plain, *cipher;
} cipher_rows[] = {
	{ ECB, CMAC_KEY_128, PLAIN_32, "3AD77BB40D7A3660A89ECAF32466EF97F5D3D58503B9699DE785895A96FDBAAF" },
	{ ECB, CMAC_KEY_192, PLAIN_32, "BD334F1D6E45F25FF712A214571FA5CC974104846D0AD3AD7734ECB3ECEE4EEF" },
	{ ECB, CMAC_KEY_256, PLAIN_32, "F3EED1BDB5D2A03C064B5A7E3DB181F8591CCB10D410ED26DC5BA74A31362870" },
	{ CBC, CMAC_KEY_128, PLAIN_32, "7649ABAC8119B246CEE98E9B12E9197D5086CB9B507219EE95DB113A917678B2" },
	{ CBC, CMAC_KEY_192, PLAIN_32, "4F021DB243BC633D7178183A9FA071E8B4D9ADA9AD7DEDF4E5E738763F69145A" },
	{ CBC, CMAC_KEY_256, PLAIN_32, "F58C4C04D6E5F1BA779EABFB5F7BFBD69CFC4E967EDB808D679F777BC6702C7D" },
	{ DES, "8AA83BF8CBDA10620BC1BF19FBB6CD58BC313D4A371CA8B5", "0000000000000000", "C8CC74E98A7329A2" },
	{ DES, "4CF15134A2850DD58A3D10BA80570D38", "0000000000000000", "C7679B9F6B8D7D7A" },
};

static void ciphers_give_the_known_answers(void **state)
{
	for (size_t i = 0; i < sizeof(cipher_rows) / sizeof(cipher_rows[0]); i++) {
		const struct cipher_row *row = &cipher_rows[i];
		struct bytes key = hex(*state, row->key), plain = hex(*state, row->plain);
		struct bytes iv = hex(*state, IV_16);
		uint8_t to[32];
		enum err err = ERR_INTERNAL;

		switch (row->mode) {
		case ECB:
			err = aes_ecb_encrypt(key, plain, to);
			break;
		case CBC:
			err = aes_cbc_encrypt(key, iv.at, plain, to);
			break;
		case DES:
			err = des3_ecb_encrypt(key, plain, to);
			break;
		}
		assert_int_equal(err, ERR_NONE);
		assert_string_equal(bytes_to_hex(*state, bytes_of(to, plain.len)), row->cipher);
		if (row->mode == CBC) {
			/* in its own place */
			assert_int_equal(aes_cbc_decrypt(key, iv.at, bytes_of(to, plain.len), to), ERR_NONE);
			assert_true(bytes_equal(bytes_of(to, plain.len), plain));
		}
	}
}

/* CBC from its definition: each block is added to the cipher text before it. */
static void triple_des_chains_its_blocks(void **state)
{
	static const char *const keys[] = { "0123456789ABCDEF23456789ABCDEF01",
					    "0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123" };
	struct bytes iv = hex(*state, "F69F2445DF4F9B17"), plain = hex(*state, PLAIN_32);

	for (size_t i = 0; i < 2; i++) {
		uint8_t chained[32], block[DES_BLOCK];
		struct bytes key = hex(*state, keys[i]), before = iv;

		assert_int_equal(des3_cbc_encrypt(key, iv.at, plain, chained), ERR_NONE);
		for (size_t at = 0; at < plain.len; at += DES_BLOCK) {
			struct bytes cipher = bytes_of(chained + at, DES_BLOCK);

			for (size_t k = 0; k < DES_BLOCK; k++)
				block[k] = plain.at[at + k] ^ before.at[k];
			assert_int_equal(des3_ecb_encrypt(key, bytes_of(block, DES_BLOCK), block), ERR_NONE);
			assert_true(bytes_equal(bytes_of(block, DES_BLOCK), cipher));
			before = cipher;
		}
	}
}

static void refuses_keys_and_data_of_odd_sizes(void **state)
{
	struct bytes key = hex(*state, CMAC_KEY_128), plain = hex(*state, PLAIN_32);
	struct bytes iv = hex(*state, IV_16);
	uint8_t to[32] = { 0x55 };

	assert_int_equal(aes_ecb_encrypt(bytes_first(key, 15), plain, to), ERR_MALFORMED);
	assert_int_equal(aes_ecb_encrypt(key, bytes_first(plain, 17), to), ERR_MALFORMED);
	assert_int_equal(aes_cbc_encrypt(bytes_of(NULL, 0), iv.at, plain, to), ERR_MALFORMED);
	assert_int_equal(aes_cbc_decrypt(key, iv.at, bytes_first(plain, 31), to), ERR_MALFORMED);
	assert_int_equal(aes_cmac(bytes_first(key, 8), &plain, 1, to), ERR_MALFORMED);
	assert_int_equal(des3_ecb_encrypt(bytes_first(key, 8), plain, to), ERR_MALFORMED);
	assert_int_equal(des3_cbc_encrypt(key, iv.at, bytes_first(plain, 9), to), ERR_MALFORMED);
	assert_int_equal(to[0], 0x55);
	assert_int_equal(aes_ecb_encrypt(key, bytes_of(NULL, 0), to), ERR_NONE);
	assert_int_equal(to[0], 0x55);
}

/* FIPS 180-2 B.1; RFC 4231 4.2, 4.3 */
static void digests_give_the_known_answers(void **state)
{
	struct bytes key = hex(*state, "0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B");
	uint8_t digest[SHA256_SIZE];

	assert_int_equal(sha256(bytes_of_text("abc"), digest), ERR_NONE);
	assert_string_equal(bytes_to_hex(*state, bytes_of(digest, sizeof(digest))),
			    "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
	assert_int_equal(sha256(bytes_of(NULL, 0), digest), ERR_NONE);
	assert_string_equal(bytes_to_hex(*state, bytes_of(digest, sizeof(digest))),
			    "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855");
	assert_int_equal(hmac_sha256(key, bytes_of_text("Hi There"), digest), ERR_NONE);
	assert_string_equal(bytes_to_hex(*state, bytes_of(digest, sizeof(digest))),
			    "B0344C61D8DB38535CA8AFCEAF0BF12B881DC200C9833DA726E9376C2E32CFF7");
	assert_int_equal(
		hmac_sha256(bytes_of_text("Jefe"), bytes_of_text("what do ya want for nothing?"), digest),
		ERR_NONE);
	assert_string_equal(bytes_to_hex(*state, bytes_of(digest, sizeof(digest))),
			    "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843");
	assert_int_equal(hmac_sha256(bytes_of(NULL, 0), bytes_of(NULL, 0), digest), ERR_NONE);
	assert_string_equal(bytes_to_hex(*state, bytes_of(digest, sizeof(digest))),
			    "B613679A0814D9EC772F95D778C35FC5FF1697C493715653C6C712144292C5AD");
}

static void opens_what_it_sealed_and_nothing_that_was_changed(void **state)
{
	struct bytes key = hex(*state, CMAC_KEY_256), context = bytes_of_text("keyset/urn:dev:1/48");
	struct bytes data = bytes_of_text("a key");
	uint8_t sealed[5 + SEAL_OVERHEAD], again[5 + SEAL_OVERHEAD], opened[5];

	assert_int_equal(aes_gcm_seal(key, context, data, sealed), ERR_NONE);
	assert_int_equal(aes_gcm_seal(key, context, data, again), ERR_NONE);
	assert_memory_not_equal(sealed, again, sizeof(sealed)); /* each has its own nonce */
	assert_int_equal(aes_gcm_open(key, context, bytes_of(sealed, sizeof(sealed)), opened), ERR_NONE);
	assert_true(bytes_equal(bytes_of(opened, 5), data));

	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		assert_int_equal(aes_gcm_open(key, context, bytes_of(sealed, sizeof(sealed)), opened),
				 ERR_DENIED);
		assert_memory_equal(opened, "\0\0\0\0\0", 5);
		sealed[i] ^= 1;
	}
	assert_int_equal(aes_gcm_open(key, bytes_of_text("keyset/urn:dev:2/48"),
				      bytes_of(sealed, sizeof(sealed)), opened),
			 ERR_DENIED);
	assert_int_equal(aes_gcm_open(key, context, bytes_of(sealed, sizeof(sealed) - 1), opened),
			 ERR_DENIED);
	assert_int_equal(aes_gcm_open(key, context, bytes_of(sealed, SEAL_OVERHEAD - 1), opened), ERR_DENIED);
	assert_int_equal(
		aes_gcm_open(bytes_first(key, 16), context, bytes_of(sealed, sizeof(sealed)), opened),
		ERR_MALFORMED);
}

static void seals_nothing_at_all(void **state)
{
	struct bytes key = hex(*state, CMAC_KEY_256);
	uint8_t sealed[SEAL_OVERHEAD], opened[1] = { 0x55 };

	assert_int_equal(aes_gcm_seal(key, bytes_of(NULL, 0), bytes_of(NULL, 0), sealed), ERR_NONE);
	assert_int_equal(aes_gcm_open(key, bytes_of(NULL, 0), bytes_of(sealed, sizeof(sealed)), opened),
			 ERR_NONE);
	assert_int_equal(opened[0], 0x55);
}

/* NIST GCM test case 15 with a context and the last four bytes cut: test case 16 */
static void opens_the_known_answer_of_gcm(void **state)
{
	struct bytes key = hex(*state, "FEFFE9928665731C6D6A8F9467308308FEFFE9928665731C6D6A8F9467308308");
	struct bytes context = hex(*state, "FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2");
	struct bytes sealed = hex(*state, "CAFEBABEFACEDBADDECAF888"
					  "522DC1F099567D07F47F37A32A84427D643A8CDCBFE5C0C97598A2BD2555D1AA"
					  "8CB08E48590DBB3DA7B08B1056828838C5F61E6393BA7A0ABCC9F662"
					  "76FC6ECE0F4E1768CDDF8853BB2D551B");
	uint8_t opened[60];

	assert_int_equal(aes_gcm_open(key, context, sealed, opened), ERR_NONE);
	assert_string_equal(bytes_to_hex(*state, bytes_of(opened, sizeof(opened))),
			    "D9313225F88406E5A55909C5AFF5269A86A7A9531534F7DA2E4C303D8A318A72"
			    "1C3C0C95956809532FCF0E2449A6B525B16AEDF5AA0DE657BA637B39");
}

static void a_secret_takes_64_bytes_and_is_wiped(void **state)
{
	uint8_t longest[SECRET_MAX + 1] = { 1, 2, 3 };
	struct secret secret, zero = { .len = 0 };

	assert_int_equal(secret_from(bytes_of(longest, SECRET_MAX), &secret), ERR_NONE);
	assert_true(bytes_equal(secret_bytes(&secret), bytes_of(longest, SECRET_MAX)));
	assert_int_equal(secret_from(bytes_of(longest, SECRET_MAX + 1), &secret), ERR_LIMIT);
	assert_int_equal(secret.len, SECRET_MAX);
	secret_wipe(&secret);
	assert_memory_equal(&secret, &zero, sizeof(secret));
	secret_wipe(NULL);
}

static void compares_in_constant_time_by_content(void **state)
{
	assert_true(bytes_equal_constant_time(bytes_of_text("mac"), bytes_of_text("mac")));
	assert_false(bytes_equal_constant_time(bytes_of_text("mac"), bytes_of_text("maC")));
	assert_false(bytes_equal_constant_time(bytes_of_text("mac"), bytes_of_text("ma")));
	assert_true(bytes_equal_constant_time(bytes_of(NULL, 0), bytes_of_text("")));
}

static void random_bytes_differ(void **state)
{
	uint8_t first[16], second[16];

	assert_int_equal(random_bytes(first, sizeof(first)), ERR_NONE);
	assert_int_equal(random_bytes(second, sizeof(second)), ERR_NONE);
	assert_memory_not_equal(first, second, sizeof(first));
}

/* Single DES: the answer of FIPS 81; the MAC of three blocks by hand from it. */
static void retail_mac_is_des_chained_and_closed_with_triple_des(void **state)
{
	struct bytes key = hex(*state, "0123456789ABCDEFFEDCBA9876543210");
	struct bytes text = hex(*state, "4E6F77206973207468652074696D6520666F7220616C6C20");
	uint8_t block[DES_BLOCK], chain[DES_BLOCK] = { 0 }, mac[DES_BLOCK];
	static const uint8_t zero[DES_BLOCK];

	assert_int_equal(des_ecb_encrypt(bytes_first(key, 8), bytes_first(text, 8), block), ERR_NONE);
	assert_true(bytes_equal(bytes_of(block, DES_BLOCK), hex(*state, "3FA40E8A984D4815")));
	for (size_t n = 0; n < 3; n++) {
		for (size_t i = 0; i < DES_BLOCK; i++)
			chain[i] ^= text.at[n * DES_BLOCK + i];
		if (n < 2)
			assert_int_equal(
				des_ecb_encrypt(bytes_first(key, 8), bytes_of(chain, DES_BLOCK), chain),
				ERR_NONE);
		else
			assert_int_equal(des3_ecb_encrypt(key, bytes_of(chain, DES_BLOCK), chain), ERR_NONE);
	}
	assert_int_equal(des_retail_mac(key, zero, text, mac), ERR_NONE);
	assert_memory_equal(mac, chain, DES_BLOCK);
	assert_int_equal(des_retail_mac(key, zero, bytes_first(text, 9), mac), ERR_MALFORMED);
	assert_int_equal(des_retail_mac(bytes_first(key, 8), zero, text, mac), ERR_MALFORMED);
}

/* FIPS 180 examples: "abc" */
static void each_digest_gives_the_known_answer(void **state)
{
	static const struct {
		enum digest digest;
		const char *hex;
	} rows[] = {
		{ DIGEST_SHA1, "A9993E364706816ABA3E25717850C26C9CD0D89D" },
		{ DIGEST_SHA256, "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD" },
		{ DIGEST_SHA384, "CB00753F45A35E8BB5A03D699AC65007272C32AB0EDED1631A8B605A43FF5BED"
				 "8086072BA1E7CC2358BAECA134C825A7" },
		{ DIGEST_SHA512, "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A"
				 "2192992A274FC1A836BA3C23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t digest[DIGEST_SIZE_MAX];
		assert_int_equal(digest_of(rows[i].digest, bytes_of_text("abc"), digest), ERR_NONE);
		assert_true(
			bytes_equal(bytes_of(digest, digest_size(rows[i].digest)), hex(*state, rows[i].hex)));
	}
}

/* RFC 3394 4.1, 4.3, 4.6; RFC 5649 6 */
static const struct unwrap_row {
	const char *key, *wrapped, *secret;
} unwrap_rows[] = {
	{ "000102030405060708090A0B0C0D0E0F", "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
	  "00112233445566778899AABBCCDDEEFF" },
	{ "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
	  "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7", "00112233445566778899AABBCCDDEEFF" },
	{ "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
	  "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
	  "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F" },
	{ "5840DF6E29B02AF1AB493B705BF16EA1AE8338F4DCC176A8",
	  "138BDEAA9B8FA7FC61F97742E72248EE5AE6AE5360D1AE6A5F54F373FA543B6A",
	  "C37B7E6492584340BED12207808941155068F738" },
	{ "5840DF6E29B02AF1AB493B705BF16EA1AE8338F4DCC176A8", "AFBEB0F07DFBF5419200F2CCB50BB24F",
	  "466F7250617369" },
};

static void wrapped_keys_open_under_their_key_only(void **state)
{
	for (size_t i = 0; i < sizeof(unwrap_rows) / sizeof(unwrap_rows[0]); i++) {
		const struct bytes key = hex(*state, unwrap_rows[i].key),
				   wrapped = hex(*state, unwrap_rows[i].wrapped);
		struct secret secret;
		assert_int_equal(aes_key_unwrap(key, wrapped, &secret), ERR_NONE);
		assert_string_equal(bytes_to_hex(*state, secret_bytes(&secret)), unwrap_rows[i].secret);
		for (size_t bit = 0; bit < wrapped.len * 8; bit += 7) {
			struct bytes changed;
			assert_int_equal(bytes_copy(*state, wrapped, &changed), ERR_NONE);
			((uint8_t *)(uintptr_t)changed.at)[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(aes_key_unwrap(key, changed, &secret), ERR_DENIED);
		}
		for (size_t len = 0; len < wrapped.len; len++)
			assert_int_not_equal(aes_key_unwrap(key, bytes_first(wrapped, len), &secret),
					     ERR_NONE);
	}
}

static void refuses_to_unwrap_what_no_secret_can_be(void **state)
{
	const struct bytes key = hex(*state, unwrap_rows[0].key);
	static const uint8_t zeros[SECRET_MAX + 2 * DES_BLOCK];
	struct secret secret;

	assert_int_equal(aes_key_unwrap(key, bytes_of(zeros, sizeof(zeros)), &secret), ERR_LIMIT);
	assert_int_equal(aes_key_unwrap(bytes_first(key, 8), bytes_of(zeros, 24), &secret), ERR_MALFORMED);
	assert_int_equal(aes_key_unwrap(key, bytes_of(zeros, 23), &secret), ERR_MALFORMED);
}

static void an_empty_key_does_nothing(void **state)
{
	const struct key key = { .size = 0 };
	uint8_t at[AES_BLOCK] = { 0 };
	struct secret secret;

	(void)state;
	assert_int_equal(key_cmac(&key, NULL, 0, at), ERR_MALFORMED);
	assert_int_equal(key_encrypt(&key, CIPHER_DES3_ECB, NULL, bytes_of(at, 8), at), ERR_MALFORMED);
	assert_int_equal(key_unwrap(&key, bytes_of(at, 16), &secret), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(retail_mac_is_des_chained_and_closed_with_triple_des),
		IN_ARENA(each_digest_gives_the_known_answer),
		IN_ARENA(cmac_gives_the_known_answers_however_the_message_is_cut),
		IN_ARENA(wrapped_keys_open_under_their_key_only),
		IN_ARENA(refuses_to_unwrap_what_no_secret_can_be),
		IN_ARENA(an_empty_key_does_nothing),
		IN_ARENA(ciphers_give_the_known_answers),
		IN_ARENA(triple_des_chains_its_blocks),
		IN_ARENA(refuses_keys_and_data_of_odd_sizes),
		IN_ARENA(digests_give_the_known_answers),
		IN_ARENA(opens_what_it_sealed_and_nothing_that_was_changed),
		IN_ARENA(seals_nothing_at_all),
		IN_ARENA(opens_the_known_answer_of_gcm),
		cmocka_unit_test(a_secret_takes_64_bytes_and_is_wiped),
		cmocka_unit_test(compares_in_constant_time_by_content),
		cmocka_unit_test(random_bytes_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
