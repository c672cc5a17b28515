/* The known answers are those of RFC 8613, appendix C. */
#include "oscore_message.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECRET "0102030405060708090A0B0C0D0E0F10"
#define SALT   "9E7CA92223786340"

static struct arena *arena;

static int open_arena(void **state)
{
	arena = arena_create(0);
	return arena == NULL;
}

static int close_arena(void **state)
{
	arena_free(arena);
	return 0;
}

static struct bytes hex(const char *text)
{
	struct bytes bytes;

	assert_int_equal(bytes_from_hex(arena, text, &bytes), ERR_NONE);
	return bytes;
}

static void assert_hex(struct bytes bytes, const char *text)
{
	assert_string_equal(bytes_to_hex(arena, bytes), text);
}

struct vector {
	const char *salt, *sender, *recipient, *id_context;
};

static const struct vector c1_client = { SALT, "", "01", "" }, c1_server = { SALT, "01", "", "" },
			   c2_client = { "", "00", "01", "" }, c2_server = { "", "01", "00", "" },
			   c3_client = { SALT, "", "01", "37CBF3210017A2D3" },
			   c3_server = { SALT, "01", "", "37CBF3210017A2D3" };

static struct oscore_keys keys_of(const struct vector *vector)
{
	const struct oscore_parameters parameters = {
		.master_secret = hex(SECRET),
		.master_salt = hex(vector->salt),
		.sender_id = hex(vector->sender),
		.recipient_id = hex(vector->recipient),
		.id_context = hex(vector->id_context),
	};
	struct oscore_keys keys;

	assert_int_equal(oscore_derive(arena, &parameters, &keys), ERR_NONE);
	return keys;
}

/* ---- C.1 to C.3 ---- */

static void assert_derived(const struct vector *vector, const char *sender_key, const char *recipient_key,
			   const char *common_iv, const char *sender_nonce, const char *recipient_nonce)
{
	const struct oscore_keys keys = keys_of(vector);
	uint8_t nonce[OSCORE_NONCE_SIZE];

	assert_hex(bytes_of(keys.sender_key, OSCORE_KEY_SIZE), sender_key);
	assert_hex(bytes_of(keys.recipient_key, OSCORE_KEY_SIZE), recipient_key);
	assert_hex(bytes_of(keys.common_iv, OSCORE_NONCE_SIZE), common_iv);
	oscore_nonce(&keys, &keys.sender_id, 0, nonce);
	assert_hex(bytes_of(nonce, sizeof(nonce)), sender_nonce);
	oscore_nonce(&keys, &keys.recipient_id, 0, nonce);
	assert_hex(bytes_of(nonce, sizeof(nonce)), recipient_nonce);
}

static void derives_with_salt(void **state)
{
	const char *client = "F0910ED7295E6AD4B54FC793154302FF", *server = "FFB14E093C94C9CAC9471648B4F98710",
		   *iv = "4622D4DD6D944168EEFB54987C", *client_nonce = "4622D4DD6D944168EEFB54987C",
		   *server_nonce = "4722D4DD6D944169EEFB54987C";

	assert_derived(&c1_client, client, server, iv, client_nonce, server_nonce);
	assert_derived(&c1_server, server, client, iv, server_nonce, client_nonce);
}

static void derives_without_salt(void **state)
{
	const char *client = "321B26943253C7FFB6003B0B64D74041", *server = "E57B5635815177CD679AB4BCEC9D7DDA",
		   *iv = "BE35AE297D2DACE910C52E99F9", *client_nonce = "BF35AE297D2DACE910C52E99F9",
		   *server_nonce = "BF35AE297D2DACE810C52E99F9";

	assert_derived(&c2_client, client, server, iv, client_nonce, server_nonce);
	assert_derived(&c2_server, server, client, iv, server_nonce, client_nonce);
}

static void derives_with_id_context(void **state)
{
	const char *client = "AF2A1300A5E95788B356336EEECD2B92", *server = "E39A0C7C77B43F03B4B39AB9A268699F",
		   *iv = "2CA58FB85FF1B81C0B7181B85E", *client_nonce = "2CA58FB85FF1B81C0B7181B85E",
		   *server_nonce = "2DA58FB85FF1B81D0B7181B85E";

	assert_derived(&c3_client, client, server, iv, client_nonce, server_nonce);
	assert_derived(&c3_server, server, client, iv, server_nonce, client_nonce);
}

static void refuses_ids_that_do_not_tell_sides_apart(void **state)
{
	struct oscore_parameters parameters = {
		.master_secret = hex(SECRET),
		.sender_id = hex("01"),
		.recipient_id = hex("01"),
	};
	struct oscore_keys keys;

	assert_int_equal(oscore_derive(arena, &parameters, &keys), ERR_CONFLICT);
	parameters.sender_id = hex("0102030405060708"); /* a nonce of 13 bytes has room for 7 */
	assert_int_equal(oscore_derive(arena, &parameters, &keys), ERR_LIMIT);
}

static void print_is_of_the_sender(void **state)
{
	const struct oscore_keys client = keys_of(&c1_client), again = keys_of(&c1_client),
				 server = keys_of(&c1_server);

	assert_memory_equal(client.print, again.print, OSCORE_PRINT_SIZE);
	assert_memory_not_equal(client.print, server.print, OSCORE_PRINT_SIZE);
}

/* ---- C.4 to C.8 ---- */

#define C4_PLAIN     "44015D1F00003974396C6F63616C686F737483747631"
#define C4_PROTECTED "44025D1F00003974396C6F63616C686F7374620914FF612F1092F1776F1C1668B3825E"
#define C5_PLAIN     "440171C30000B932396C6F63616C686F737483747631"
#define C5_PROTECTED "440271C30000B932396C6F63616C686F737463091400FF4ED339A5A379B0B8BC731FFFB0"
#define C6_PLAIN     "44012F8EEF9BBF7A396C6F63616C686F737483747631"
#define C6_PROTECTED                                                                                         \
	"44022F8EEF9BBF7A396C6F63616C686F73746B19140837CBF3210017A2D3FF72CD7273FD331AC45CFFBE55C3"
#define C7_PLAIN     "64455D1F00003974FF48656C6C6F20576F726C6421"
#define C7_PROTECTED "64445D1F0000397490FFDBAAD1E9A7E7B2A813D3C31524378303CDAFAE119106"
#define C8_PROTECTED "64445D1F00003974920100FF4D4C13669384B67354B2B6175FF4B8658C666A6CF88E"

static void assert_both_ways(const struct oscore_message *sent, const struct oscore_message *received,
			     const char *plain, const char *protected_text)
{
	uint8_t out[256];
	size_t len;

	assert_int_equal(oscore_protect(arena, sent, hex(plain), out, sizeof(out), &len), ERR_NONE);
	assert_hex(bytes_of(out, len), protected_text);
	assert_int_equal(oscore_unprotect(arena, received, hex(protected_text), out, &len), ERR_NONE);
	assert_hex(bytes_of(out, len), plain);
}

static void assert_request(const struct vector *client, const struct vector *server, const char *plain,
			   const char *protected_text)
{
	const struct oscore_keys ours = keys_of(client), theirs = keys_of(server);
	const struct oscore_message sent = { .keys = &ours, .is_request = true, .request_number = 20 },
				    received = { .keys = &theirs, .is_request = true, .request_number = 20 };

	assert_both_ways(&sent, &received, plain, protected_text);
}

static void protects_requests_as_published(void **state)
{
	assert_request(&c1_client, &c1_server, C4_PLAIN, C4_PROTECTED);
	assert_request(&c2_client, &c2_server, C5_PLAIN, C5_PROTECTED);
	assert_request(&c3_client, &c3_server, C6_PLAIN, C6_PROTECTED);
}

static void protects_answers_as_published(void **state)
{
	const struct oscore_keys server = keys_of(&c1_server), client = keys_of(&c1_client);
	struct oscore_message sent = { .keys = &server, .request_number = 20 },
			      received = { .keys = &client, .request_number = 20 };

	assert_both_ways(&sent, &received, C7_PLAIN, C7_PROTECTED);
	sent.has_own_number = received.has_own_number = true;
	assert_both_ways(&sent, &received, C7_PLAIN, C8_PROTECTED);
}

/* ---- what is not there ---- */

static enum err open_c4(const struct oscore_keys *keys, uint64_t number, struct bytes datagram)
{
	const struct oscore_message message = { .keys = keys, .is_request = true, .request_number = number };
	uint8_t out[256];
	size_t len;

	return oscore_unprotect(arena, &message, datagram, out, &len);
}

static void opens_nothing_that_was_changed(void **state)
{
	const struct oscore_keys keys = keys_of(&c1_server), other = keys_of(&c2_server);
	const struct bytes good = hex(C4_PROTECTED);
	const size_t ciphertext = good.len - 13;
	uint8_t changed[64];

	assert_int_equal(open_c4(&keys, 20, good), ERR_NONE);
	assert_int_equal(open_c4(&keys, 21, good), ERR_DENIED); /* the nonce */
	assert_int_equal(open_c4(&other, 20, good), ERR_DENIED);
	for (size_t i = ciphertext; i < good.len; i++) {
		memcpy(changed, good.at, good.len);
		changed[i] ^= 1;
		assert_int_equal(open_c4(&keys, 20, bytes_of(changed, good.len)), ERR_DENIED);
	}
}

static void refuses_answer_to_another_request(void **state)
{
	const struct oscore_keys client = keys_of(&c1_client);
	const struct oscore_message other = { .keys = &client, .request_number = 21, .has_own_number = true };
	uint8_t out[256];
	size_t len;

	assert_int_equal(oscore_unprotect(arena, &other, hex(C8_PROTECTED), out, &len), ERR_DENIED);
}

static void refuses_ciphertext_without_a_code(void **state)
{
	const struct oscore_keys keys = keys_of(&c1_server);

	assert_int_equal(open_c4(&keys, 20, hex("44025D1F00003974620914")), ERR_MALFORMED);
	assert_int_equal(open_c4(&keys, 20, hex("44025D1F00003974620914FF0102030405060708")), ERR_MALFORMED);
}

static void observe_is_in_both(void **state)
{
	const struct oscore_keys client = keys_of(&c1_client), server = keys_of(&c1_server);
	const struct oscore_message sent = { .keys = &client, .is_request = true },
				    received = { .keys = &server, .is_request = true };
	uint8_t out[256], back[256];
	size_t len, back_len;

	/* GET, Observe 0, Uri-Path "3" */
	assert_int_equal(oscore_protect(arena, &sent, hex("40010001605133"), out, sizeof(out), &len),
			 ERR_NONE);
	assert_hex(bytes_first(bytes_of(out, len), 9), "4005000160320900FF"); /* FETCH, Observe, OSCORE */
	assert_int_equal(oscore_unprotect(arena, &received, bytes_of(out, len), back, &back_len), ERR_NONE);
	assert_hex(bytes_of(back, back_len), "40010001605133");
}

static void keeps_the_order_of_options_around_its_own(void **state)
{
	const struct oscore_keys client = keys_of(&c1_client), server = keys_of(&c1_server);
	const struct oscore_message sent = { .keys = &client, .is_request = true },
				    received = { .keys = &server, .is_request = true };
	uint8_t out[256], back[256];
	size_t len, back_len;

	/* Uri-Host "a", Uri-Port 1, Uri-Path "b", Proxy-Scheme "c", a payload of one byte */
	const struct bytes request = hex("40020001316141014162D10F63FF00");

	assert_int_equal(oscore_protect(arena, &sent, request, out, sizeof(out), &len), ERR_NONE);
	assert_int_equal(oscore_unprotect(arena, &received, bytes_of(out, len), back, &back_len), ERR_NONE);
	assert_true(bytes_equal(bytes_of(back, back_len), request));
	for (size_t size = 0; size < len; size++)
		assert_int_equal(oscore_protect(arena, &sent, request, out, size, &back_len), ERR_LIMIT);
}

/* ---- the option ---- */

static void reads_options(void **state)
{
	struct oscore_option option;

	assert_true(oscore_option_read(hex(""), &option));
	assert_false(option.has_number || option.has_kid || option.has_kid_context);
	assert_true(oscore_option_read(hex("0914"), &option));
	assert_true(option.has_number && option.has_kid && !option.has_kid_context);
	assert_int_equal(option.number, 20);
	assert_int_equal(option.kid.len, 0);
	assert_true(oscore_option_read(hex("1D0102030405024142AA"), &option));
	assert_int_equal(option.number, UINT64_C(0x0102030405));
	assert_hex(option.kid_context, "4142");
	assert_hex(option.kid, "AA");
}

static void refuses_options_that_are_none(void **state)
{
	static const char *const bad[] = {
		"00", /* has to be empty then */
		"0E010203040506",
		"0F01020304050607", /* a Partial IV of 6 and of 7 bytes: reserved */
		"2914",
		"4914",
		"8914", /* reserved bits */
		"01",
		"0501020304", /* cut off */
		"020014",     /* a Partial IV has no leading zeros */
		"011400",     /* more than the flags say */
		"1114",
		"11140237", /* a kid context cut off */
	};
	struct oscore_option option;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (oscore_option_read(hex(bad[i]), &option))
			fail_msg("%s was taken", bad[i]);
}

static void writes_numbers_in_their_shortest_form(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 255, 256, 65535, 65536, OSCORE_NUMBER_MAX };
	uint8_t iv[OSCORE_IV_MAX];
	uint64_t number;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const size_t len = oscore_number_write(numbers[i], iv);
		assert_true(oscore_number_read(bytes_of(iv, len), &number));
		assert_int_equal(number, numbers[i]);
		assert_true(len == 1 || iv[0] != 0);
	}
}

/* ---- replays ---- */

static void takes_each_number_once(void **state)
{
	struct oscore_window window = { 0 };

	for (uint64_t i = 0; i < 3; i++) {
		assert_true(oscore_window_is_new(&window, i));
		oscore_window_mark(&window, i);
		assert_false(oscore_window_is_new(&window, i));
	}
	oscore_window_mark(&window, 10);
	assert_true(oscore_window_is_new(&window, 9)); /* late, not again */
	oscore_window_mark(&window, 9);
	assert_false(oscore_window_is_new(&window, 9));
	assert_false(oscore_window_is_new(&window, 10));
}

static void window_moves_on(void **state)
{
	struct oscore_window window = { 0 };

	oscore_window_mark(&window, 100);
	assert_true(oscore_window_is_new(&window, 100 - OSCORE_WINDOW + 1));
	assert_false(oscore_window_is_new(&window, 100 - OSCORE_WINDOW));
	oscore_window_mark(&window, 100 + OSCORE_WINDOW);
	assert_false(oscore_window_is_new(&window, 100));
	assert_true(oscore_window_is_new(&window, 101));
	assert_false(oscore_window_is_new(&window, OSCORE_NUMBER_MAX + 1));
}

static void window_from_a_number_takes_only_later_ones(void **state)
{
	const struct oscore_window window = oscore_window_from(50);

	for (uint64_t i = 0; i <= 50; i++)
		assert_false(oscore_window_is_new(&window, i));
	assert_true(oscore_window_is_new(&window, 51));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_with_salt),
		cmocka_unit_test(derives_without_salt),
		cmocka_unit_test(derives_with_id_context),
		cmocka_unit_test(refuses_ids_that_do_not_tell_sides_apart),
		cmocka_unit_test(print_is_of_the_sender),
		cmocka_unit_test(protects_requests_as_published),
		cmocka_unit_test(protects_answers_as_published),
		cmocka_unit_test(opens_nothing_that_was_changed),
		cmocka_unit_test(refuses_answer_to_another_request),
		cmocka_unit_test(refuses_ciphertext_without_a_code),
		cmocka_unit_test(observe_is_in_both),
		cmocka_unit_test(keeps_the_order_of_options_around_its_own),
		cmocka_unit_test(reads_options),
		cmocka_unit_test(refuses_options_that_are_none),
		cmocka_unit_test(writes_numbers_in_their_shortest_form),
		cmocka_unit_test(takes_each_number_once),
		cmocka_unit_test(window_moves_on),
		cmocka_unit_test(window_from_a_number_takes_only_later_ones),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
