#include <cardea/cbor.h>

#include <math.h>

#include "arena_support.h"

static struct cbor_item read_only(struct arena *arena, const char *digits)
{
	struct reader r = reader_of(hex(arena, digits));
	struct cbor_item item;

	assert_true(read_cbor(&r, arena, &item));
	assert_true(reader_done(&r));
	return item;
}

static void assert_malformed(struct arena *arena, const char *digits)
{
	struct reader r = reader_of(hex(arena, digits));

	assert_false(skip_cbor(&r, arena));
	assert_true(r.bad);
}

/* RFC 8949 appendix A */
static void reads_integers_of_every_width(void **state)
{
	static const struct integer_row {
		const char *hex;
		enum cbor_kind kind;
		uint64_t number;
	} rows[] = {
		{ "00", CBOR_UINT, 0 },
		{ "17", CBOR_UINT, 23 },
		{ "1818", CBOR_UINT, 24 },
		{ "1903E8", CBOR_UINT, 1000 },
		{ "1A000F4240", CBOR_UINT, 1000000 },
		{ "1BFFFFFFFFFFFFFFFF", CBOR_UINT, UINT64_MAX },
		{ "20", CBOR_NEGINT, 0 },
		{ "3863", CBOR_NEGINT, 99 },
		{ "3903E7", CBOR_NEGINT, 999 },
		{ "3A000F423F", CBOR_NEGINT, 999999 },
		{ "3BFFFFFFFFFFFFFFFF", CBOR_NEGINT, UINT64_MAX },
		{ "C1", CBOR_TAG, 1 },
		{ "D2", CBOR_TAG, 18 },
		{ "D7", CBOR_TAG, 23 },
		{ "D818", CBOR_TAG, 24 },
		{ "D9D9F7", CBOR_TAG, 55799 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cbor_item item = read_only(*state, rows[i].hex);

		assert_int_equal(item.kind, rows[i].kind);
		assert_true(item.number == rows[i].number);
	}
}

static void writes_integers_in_the_shortest_form(void **state)
{
	static const struct integer_row {
		int64_t value;
		const char *hex;
	} rows[] = {
		{ 0, "00" },
		{ 23, "17" },
		{ 24, "1818" },
		{ 255, "18FF" },
		{ 256, "190100" },
		{ 65536, "1A00010000" },
		{ -1, "20" },
		{ -24, "37" },
		{ -25, "3818" },
		{ -1000, "3903E7" },
		{ 4294967296, "1B0000000100000000" },
		{ INT64_MIN, "3B7FFFFFFFFFFFFFFF" },
		{ INT64_MAX, "1B7FFFFFFFFFFFFFFF" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct builder b = builder_in(*state);
		struct bytes built;

		build_cbor_int(&b, rows[i].value);
		assert_int_equal(builder_bytes(&b, &built), ERR_NONE);
		assert_string_equal(bytes_to_hex(*state, built), rows[i].hex);
	}
}

/* RFC 8949 appendix A, and the limits of each width */
static void writes_reals_in_the_shortest_exact_form(void **state)
{
	static const struct real_row {
		double value;
		const char *hex;
	} rows[] = {
		{ 0.0, "F90000" },
		{ -0.0, "F98000" },
		{ 1.0, "F93C00" },
		{ 1.1, "FB3FF199999999999A" },
		{ 1.5, "F93E00" },
		{ 65504.0, "F97BFF" },
		{ 65536.0, "FA47800000" },
		{ 100000.0, "FA47C35000" },
		{ 3.4028234663852886e+38, "FA7F7FFFFF" },
		{ 1.0e+300, "FB7E37E43C8800759C" },
		{ 5.960464477539063e-8, "F90001" },
		{ 1.7881393432617188e-7, "F90003" },
		{ 0.00006103515625, "F90400" },
		{ 0.000060975551605224609, "F903FF" },
		{ 2.9802322387695312e-8, "FA33000000" },
		{ -4.0, "F9C400" },
		{ -4.1, "FBC010666666666666" },
		{ (double)INFINITY, "F97C00" },
		{ (double)-INFINITY, "F9FC00" },
		{ (double)NAN, "F97E00" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct builder b = builder_in(*state);
		struct cbor_item item;
		struct bytes built;

		build_cbor_real(&b, rows[i].value);
		assert_int_equal(builder_bytes(&b, &built), ERR_NONE);
		assert_string_equal(bytes_to_hex(*state, built), rows[i].hex);
		item = read_only(*state, rows[i].hex);
		assert_int_equal(item.kind, CBOR_FLOAT);
		if (isnan(rows[i].value))
			assert_true(isnan(item.real));
		else
			assert_true(item.real == rows[i].value &&
				    !signbit(item.real) == !signbit(rows[i].value));
	}
}

static void every_half_is_written_as_it_was_read(void **state)
{
	struct arena *arena = *state;

	for (unsigned half = 0; half <= 0xFFFF; half++) {
		uint8_t bytes[] = { 0xF9, (uint8_t)(half >> 8), (uint8_t)half };
		struct reader r = reader_of(bytes_of(bytes, sizeof(bytes)));
		struct builder b = builder_in(arena);
		struct cbor_item item;
		struct bytes built;

		assert_true(read_cbor(&r, arena, &item));
		if (isnan(item.real))
			continue;
		build_cbor_real(&b, item.real);
		assert_int_equal(builder_bytes(&b, &built), ERR_NONE);
		assert_true(bytes_equal(built, bytes_of(bytes, sizeof(bytes))));
		arena_reset(arena);
	}
}

static void reads_simple_values_and_strings(void **state)
{
	assert_int_equal(read_only(*state, "F4").kind, CBOR_BOOL);
	assert_false(read_only(*state, "F4").boolean);
	assert_true(read_only(*state, "F5").boolean);
	assert_int_equal(read_only(*state, "F6").kind, CBOR_NULL);
	assert_int_equal(read_only(*state, "F7").kind, CBOR_UNDEFINED);
	assert_int_equal(read_only(*state, "FF").kind, CBOR_BREAK);
	assert_string_equal(bytes_to_hex(*state, read_only(*state, "4401020304").bytes), "01020304");
	assert_true(bytes_equal_text(read_only(*state, "6449455446").bytes, "IETF"));
	assert_int_equal(read_only(*state, "60").bytes.len, 0);
}

static void joins_the_chunks_of_indefinite_strings(void **state)
{
	struct cbor_item text = read_only(*state, "7F657374726561646D696E67FF");
	struct cbor_item bytes = read_only(*state, "5F42010243030405FF");

	assert_int_equal(text.kind, CBOR_TEXT);
	assert_true(bytes_equal_text(text.bytes, "streaming"));
	assert_int_equal(bytes.kind, CBOR_BYTES);
	assert_string_equal(bytes_to_hex(*state, bytes.bytes), "0102030405");
	assert_int_equal(read_only(*state, "7FFF").bytes.len, 0);
}

static void reads_counts_of_arrays_and_maps(void **state)
{
	struct reader r = reader_of(hex(*state, "83018202039F0405FF"));
	struct cbor_item item;

	assert_true(read_cbor(&r, *state, &item));
	assert_int_equal(item.kind, CBOR_ARRAY);
	assert_int_equal(item.count, 3);
	r = reader_of(hex(*state, "A161616161"));
	assert_true(read_cbor(&r, *state, &item));
	assert_int_equal(item.kind, CBOR_MAP);
	assert_int_equal(item.count, 1);
	r = reader_of(hex(*state, "BFFF"));
	assert_true(read_cbor(&r, *state, &item));
	assert_true(item.count == CBOR_INDEFINITE);
}

static void skips_exactly_one_item(void **state)
{
	static const char *const items[] = {
		"83018202039F0405FF", "A26161016162820203",
		"BF61619F02FFFF",     "D28443A10126A04568656C6C6F4102",
		"C11A514B67B0",       "F6",
		"FB3FF199999999999A",
	};

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		struct reader r = reader_of(hex(*state, arena_printf(*state, "%s17", items[i])));

		assert_true(skip_cbor(&r, *state));
		assert_int_equal(read_u8(&r), 0x17);
		assert_true(reader_done(&r));
	}
}

static void refuses_what_is_not_well_formed(void **state)
{
	assert_malformed(*state, "");                   /* no item */
	assert_malformed(*state, "18");                 /* half a head */
	assert_malformed(*state, "6261");               /* half a string */
	assert_malformed(*state, "5BFFFFFFFFFFFFFFFF"); /* lengths and counts past the end */
	assert_malformed(*state, "9BFFFFFFFFFFFFFFFF");
	assert_malformed(*state, "9BFFFFFFFFFFFFFFFF01FF"); /* no count for "until a break" */
	assert_malformed(*state, "BB7FFFFFFFFFFFFFFF");
	assert_malformed(*state, "8201");
	assert_malformed(*state, "A20102");
	assert_malformed(*state, "1C");   /* reserved */
	assert_malformed(*state, "F8FF"); /* a simple value that nobody has defined */
	assert_malformed(*state, "FF");   /* a break of nothing */
	assert_malformed(*state, "81FF");
	assert_malformed(*state, "C1FF");
	assert_malformed(*state, "9F01");         /* no break */
	assert_malformed(*state, "BF01FF");       /* a key without a value */
	assert_malformed(*state, "7F4101FF");     /* a chunk of the other kind */
	assert_malformed(*state, "5F5F4101FFFF"); /* chunks in chunks */
	assert_malformed(*state, "5F4101");
	assert_malformed(*state, "62C328");       /* no UTF-8 */
	assert_malformed(*state, "6100");         /* a 0 byte in a text */
	assert_malformed(*state, "7F61C361BCFF"); /* a character in two chunks */
}

static void nests_sixteen_levels_and_no_more(void **state)
{
	static const char brackets[] = "8181818181818181818181818181818181";
	struct reader r = reader_of(hex(*state, arena_printf(*state, "%.32s00", brackets)));

	assert_true(skip_cbor(&r, *state));
	assert_malformed(*state, arena_printf(*state, "%.34s00", brackets));
}

static void builds_what_it_reads(void **state)
{
	struct builder b = builder_in(*state);
	struct bytes built;

	build_cbor_tag(&b, 18);
	build_cbor_map(&b, 3);
	build_cbor_uint(&b, UINT64_MAX);
	build_cbor_array(&b, 2);
	build_cbor_bool(&b, true);
	build_cbor_null(&b);
	build_cbor_text(&b, bytes_of_text("k"));
	build_cbor_bytes(&b, bytes_of("\x01\x02", 2));
	build_cbor_bool(&b, false);
	build_cbor_int(&b, -2);
	assert_int_equal(builder_bytes(&b, &built), ERR_NONE);
	assert_string_equal(bytes_to_hex(*state, built), "D2A31BFFFFFFFFFFFFFFFF82F5F6616B420102F421");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(reads_integers_of_every_width),
		IN_ARENA(writes_integers_in_the_shortest_form),
		IN_ARENA(writes_reals_in_the_shortest_exact_form),
		IN_ARENA(every_half_is_written_as_it_was_read),
		IN_ARENA(reads_simple_values_and_strings),
		IN_ARENA(joins_the_chunks_of_indefinite_strings),
		IN_ARENA(reads_counts_of_arrays_and_maps),
		IN_ARENA(skips_exactly_one_item),
		IN_ARENA(refuses_what_is_not_well_formed),
		IN_ARENA(nests_sixteen_levels_and_no_more),
		IN_ARENA(builds_what_it_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
