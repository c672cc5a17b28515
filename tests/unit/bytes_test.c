#include <cardea/bytes.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

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

static void compares_by_content(void **state)
{
	assert_true(bytes_equal(bytes_of_text("abc"), bytes_of_text("abc")));
	assert_false(bytes_equal(bytes_of_text("abc"), bytes_of_text("abd")));
	assert_false(bytes_equal(bytes_of_text("abc"), bytes_of_text("ab")));
	assert_true(bytes_equal(bytes_of(NULL, 0), bytes_of_text("")));
	assert_true(bytes_equal_text(bytes_of("3/0", 3), "3/0"));
}

static void parts_never_pass_the_end(void **state)
{
	struct bytes whole = bytes_of_text("abcdef");

	assert_true(bytes_equal_text(bytes_first(whole, 2), "ab"));
	assert_true(bytes_equal_text(bytes_first(whole, 9), "abcdef"));
	assert_true(bytes_equal_text(bytes_from(whole, 2), "cdef"));
	assert_int_equal(bytes_from(whole, 6).len, 0);
	assert_int_equal(bytes_from(whole, SIZE_MAX).len, 0);
}

static void copy_ends_with_an_uncounted_zero(void **state)
{
	struct bytes copy = bytes_of(NULL, 7);

	assert_int_equal(bytes_copy(*state, bytes_of_text("abc"), &copy), ERR_NONE);
	assert_int_equal(copy.len, 3);
	assert_string_equal(copy.at, "abc");
	assert_int_equal(bytes_copy(*state, bytes_of(copy.at, 2 << 20), &copy), ERR_NOMEM);
	assert_int_equal(copy.len, 3);
}

static void hex_goes_both_ways(void **state)
{
	struct bytes bytes;

	assert_int_equal(bytes_from_hex(*state, "00a5FF", &bytes), ERR_NONE);
	assert_true(bytes_equal(bytes, bytes_of("\x00\xA5\xFF", 3)));
	assert_string_equal(bytes_to_hex(*state, bytes), "00A5FF");
	assert_int_equal(bytes_from_hex(*state, "", &bytes), ERR_NONE);
	assert_int_equal(bytes.len, 0);
	assert_string_equal(bytes_to_hex(*state, bytes_of(NULL, 0)), "");
}

static void refuses_broken_hex(void **state)
{
	static const char *const broken[] = { "0", "ABC", "0G", "G0", "0 ", "0x", "A:", "\xFF\xFF" };
	struct bytes bytes = bytes_of(NULL, 7);

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		assert_int_equal(bytes_from_hex(*state, broken[i], &bytes), ERR_MALFORMED);
		assert_int_equal(bytes.len, 7);
	}
}

/* RFC 4648 section 10, and bytes that use the last two digits */
static const struct base64_row {
	const char *plain, *padded, *url;
} base64_rows[] = {
	{ "", "", "" },
	{ "f", "Zg==", "Zg" },
	{ "fo", "Zm8=", "Zm8" },
	{ "foo", "Zm9v", "Zm9v" },
	{ "foob", "Zm9vYg==", "Zm9vYg" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
	{ "\xFB\xFF\xBF", "+/+/", "-_-_" },
};

static void base64_goes_both_ways_in_both_alphabets(void **state)
{
	for (size_t i = 0; i < sizeof(base64_rows) / sizeof(base64_rows[0]); i++) {
		const struct base64_row *row = &base64_rows[i];
		struct bytes bytes;

		assert_string_equal(bytes_to_base64(*state, bytes_of_text(row->plain)), row->padded);
		assert_string_equal(bytes_to_base64url(*state, bytes_of_text(row->plain)), row->url);
		assert_int_equal(bytes_from_base64(*state, bytes_of_text(row->padded), &bytes), ERR_NONE);
		assert_true(bytes_equal_text(bytes, row->plain));
		assert_int_equal(bytes_from_base64(*state, bytes_of_text(row->url), &bytes), ERR_NONE);
		assert_true(bytes_equal_text(bytes, row->plain));
	}
}

static void refuses_broken_base64(void **state)
{
	static const char *const broken[] = {
		"Z", "Zm9vY",    "Zh==",  "Zm9=",  "Zg=",    "Z===", "====",
		"=", "Zg==Zg==", "Zm9v=", "Zm 9v", "Zm9v\n", "Zm.v",
	};
	struct bytes bytes = bytes_of(NULL, 7);

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		assert_int_equal(bytes_from_base64(*state, bytes_of_text(broken[i]), &bytes), ERR_MALFORMED);
		assert_int_equal(bytes.len, 7);
	}
}

static void accepts_well_formed_utf8(void **state)
{
	static const char *const good[] = {
		"",
		"urn:dev:os:1",
		"\xC2\x80",
		"\xDF\xBF",
		"\xE0\xA0\x80",
		"\xED\x9F\xBF",
		"\xEE\x80\x80",
		"\xEF\xBF\xBF",
		"\xF0\x90\x80\x80",
		"\xF4\x8F\xBF\xBF",
		"gr\xC3\xBC\xC3\x9F",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(bytes_are_utf8(bytes_of_text(good[i])));
}

static void refuses_broken_utf8_and_zero(void **state)
{
	static const char *const broken[] = {
		"\x80",
		"\xBF",
		"\xC0\x80",
		"\xC1\xBF",
		"\xC2",
		"\xC2\x41",
		"\xE0\x9F\xBF",
		"\xE2\x82",
		"\xED\xA0\x80",
		"\xF0\x8F\xBF\xBF",
		"\xF4\x90\x80\x80",
		"\xF5\x80\x80\x80",
		"\xFF",
		"a\xFE",
		"\xF0\x90\x80",
	};

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_false(bytes_are_utf8(bytes_of_text(broken[i])));
	assert_false(bytes_are_utf8(bytes_of("a\0b", 3)));
}

static void reads_fields_in_network_order(void **state)
{
	struct reader r = reader_of(
		bytes_of("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F\x10\x11\x12zz", 20));

	assert_int_equal(peek_u8(&r), 1);
	assert_int_equal(read_u8(&r), 1);
	assert_int_equal(read_u16(&r), 0x0203);
	assert_int_equal(read_u24(&r), 0x040506);
	assert_int_equal(read_u32(&r), 0x0708090A);
	assert_int_equal(read_u64(&r), 0x0B0C0D0E0F101112);
	assert_int_equal(read_uint(&r, 0), 0);
	assert_false(reader_done(&r));
	assert_true(bytes_equal_text(read_rest(&r), "zz"));
	assert_int_equal(peek_u8(&r), 0);
	assert_true(reader_done(&r));
}

static void stays_bad_after_a_read_past_the_end(void **state)
{
	struct reader r = reader_of(bytes_of_text("abc"));

	assert_int_equal(read_u32(&r), 0);
	assert_true(r.bad);
	assert_int_equal(read_u8(&r), 0);
	assert_int_equal(peek_u8(&r), 0);
	assert_int_equal(read_bytes(&r, 1).len, 0);
	assert_int_equal(read_rest(&r).len, 0);
	assert_int_equal(reader_left(&r), 0);
	assert_false(reader_done(&r));
}

static void reads_no_integer_wider_than_eight_bytes(void **state)
{
	struct reader r = reader_of(bytes_of_text("0123456789"));

	assert_int_equal(read_uint(&r, 9), 0);
	assert_true(r.bad);
}

static void empty_bytes_are_done_at_once(void **state)
{
	struct reader r = reader_of(bytes_of(NULL, 0));

	assert_true(reader_done(&r));
	assert_int_equal(read_rest(&r).len, 0);
	assert_true(reader_done(&r));
}

static void builds_what_the_reader_reads(void **state)
{
	struct builder b = builder_in(*state);
	struct bytes built;

	build_u8(&b, 1);
	build_u16(&b, 0x0203);
	build_u24(&b, 0x040506);
	build_u32(&b, 0x0708090A);
	build_u64(&b, 0x0B0C0D0E0F101112);
	build_uint(&b, 0, 0);
	build_zeros(&b, 2);
	build_text(&b, "ab");
	build_printf(&b, "%d", 42);
	build_bytes(&b, bytes_of(NULL, 0));
	assert_int_equal(builder_bytes(&b, &built), ERR_NONE);
	assert_string_equal(bytes_to_hex(*state, built), "0102030405060708090A0B0C0D0E0F101112000061623432");
}

static void builds_more_than_one_block(void **state)
{
	struct builder b = builder_in(*state);
	struct bytes built;

	for (unsigned i = 0; i < 20000; i++)
		build_u16(&b, (uint16_t)i);
	assert_int_equal(builder_bytes(&b, &built), ERR_NONE);
	assert_int_equal(built.len, 40000);
	for (unsigned i = 0; i < 20000; i++)
		assert_int_equal(built.at[2 * i] << 8 | built.at[2 * i + 1], i);
}

static void a_failure_of_the_builder_sticks(void **state)
{
	struct builder b = builder_in(*state);
	struct bytes built = bytes_of(NULL, 7);

	build_zeros(&b, 2 << 20); /* more than the arena takes */
	build_u8(&b, 1);
	assert_int_equal(builder_bytes(&b, &built), ERR_NOMEM);
	assert_int_equal(built.len, 7);
}

static void refuses_a_value_wider_than_its_field(void **state)
{
	struct builder b = builder_in(*state);
	struct bytes built;

	build_u24(&b, 0xFFFFFF);
	assert_false(b.bad);
	build_u24(&b, 0x1000000);
	assert_int_equal(builder_bytes(&b, &built), ERR_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares_by_content),
		cmocka_unit_test(parts_never_pass_the_end),
		cmocka_unit_test_setup_teardown(copy_ends_with_an_uncounted_zero, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(hex_goes_both_ways, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(refuses_broken_hex, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(base64_goes_both_ways_in_both_alphabets, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(refuses_broken_base64, open_arena, close_arena),
		cmocka_unit_test(accepts_well_formed_utf8),
		cmocka_unit_test(refuses_broken_utf8_and_zero),
		cmocka_unit_test(reads_fields_in_network_order),
		cmocka_unit_test(stays_bad_after_a_read_past_the_end),
		cmocka_unit_test(reads_no_integer_wider_than_eight_bytes),
		cmocka_unit_test(empty_bytes_are_done_at_once),
		cmocka_unit_test_setup_teardown(builds_what_the_reader_reads, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(builds_more_than_one_block, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(a_failure_of_the_builder_sticks, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(refuses_a_value_wider_than_its_field, open_arena,
						close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
