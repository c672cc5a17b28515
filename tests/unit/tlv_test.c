#include <cardea/tlv.h>

#include "arena_support.h"

/* One element of each form of tag and length, and whether DER has it too */
static const struct element_row {
	const char *hex;
	uint32_t tag;
	const char *value;
	bool is_der;
} element_rows[] = {
	{ "4F021234", 0x4F, "1234", true },
	{ "5000", 0x50, "", true },
	{ "9F70010F", 0x9F70, "0F", true },
	{ "BF2101AA", 0xBF21, "AA", true },
	{ "7F810101BB", 0x7F8101, "BB", true },
	{ "538101CC", 0x53, "CC", false }, /* the length has a shorter form, as real cards send it */
	{ "53820001CC", 0x53, "CC", false },
	{ "5383000001CC", 0x53, "CC", false },
};

static void reads_each_form_of_tag_and_length(void **state)
{
	for (size_t i = 0; i < sizeof(element_rows) / sizeof(element_rows[0]); i++) {
		const struct element_row *row = &element_rows[i];
		struct reader ber = reader_of(hex(*state, row->hex)), der = ber;
		struct bytes value;
		uint32_t tag;

		assert_true(read_tlv(&ber, &tag, &value));
		assert_int_equal(tag, row->tag);
		assert_string_equal(bytes_to_hex(*state, value), row->value);
		assert_true(reader_done(&ber));
		assert_int_equal(read_der(&der, &tag, &value), row->is_der);
		assert_int_equal(der.bad, !row->is_der);
	}
}

static void der_refuses_two_byte_length_of_a_value_under_256(void **state)
{
	struct arena *arena = *state;
	struct builder b = builder_in(arena);
	struct bytes built, value;
	struct reader r;
	uint32_t tag;

	build_u8(&b, 0x30);
	build_u24(&b, 0x8200FF);
	build_zeros(&b, 255);
	assert_int_equal(builder_bytes(&b, &built), ERR_NONE);
	r = reader_of(built);
	assert_false(read_der(&r, &tag, &value));
	assert_true(r.bad);
}

static void assert_malformed(struct arena *arena, const char *digits)
{
	struct reader r = reader_of(hex(arena, digits));
	struct bytes value = bytes_of(NULL, 7);
	uint32_t tag = 7;

	assert_false(read_tlv(&r, &tag, &value));
	assert_true(r.bad);
	assert_int_equal(tag, 7);
	assert_int_equal(value.len, 7);
}

static void refuses_broken_elements(void **state)
{
	assert_malformed(*state, "C80561");         /* says 5, holds 1 */
	assert_malformed(*state, "4F");             /* no length */
	assert_malformed(*state, "9F");             /* half a tag */
	assert_malformed(*state, "9F8181810100");   /* a tag of more than three bytes */
	assert_malformed(*state, "3080020101");     /* indefinite length */
	assert_malformed(*state, "538400000001CC"); /* a length of four bytes */
	assert_malformed(*state, "5382FF");         /* half a length */
	assert_malformed(*state, "53FFFFFFFFFF");
}

static void the_end_is_no_fault(void **state)
{
	struct reader r = reader_of(bytes_of(NULL, 0));
	struct bytes value;
	uint32_t tag;

	assert_false(read_tlv(&r, &tag, &value));
	assert_false(r.bad);
}

static void finds_the_first_of_a_tag_on_its_level_only(void **state)
{
	struct bytes bytes = hex(*state, "A5034F01004F02123484004F0199");
	struct bytes value;

	assert_int_equal(tlv_find(bytes, 0x4F, &value), ERR_NONE);
	assert_string_equal(bytes_to_hex(*state, value), "1234");
	assert_int_equal(tlv_find(bytes, 0x84, &value), ERR_NONE);
	assert_int_equal(value.len, 0);
	assert_int_equal(tlv_find(bytes, 0x85, &value), ERR_NOT_FOUND);
	assert_int_equal(tlv_find(hex(*state, "A50584"), 0x84, &value), ERR_MALFORMED);
}

static void builds_the_shortest_length(void **state)
{
	static const struct length_row {
		size_t length;
		const char *head;
	} rows[] = {
		{ 0, "5300" },         { 0x7F, "537F" },       { 0x80, "538180" },        { 0xFF, "5381FF" },
		{ 0x100, "53820100" }, { 0xFFFF, "5382FFFF" }, { 0x10000, "5383010000" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct builder at_once = builder_in(*state), opened = builder_in(*state);
		struct bytes content, first, second;
		size_t mark;

		content = bytes_of(arena_alloc(*state, rows[i].length), rows[i].length);
		build_tlv(&at_once, 0x53, content);
		mark = build_open(&opened, 0x53);
		build_bytes(&opened, content);
		build_close(&opened, mark);
		assert_int_equal(builder_bytes(&at_once, &first), ERR_NONE);
		assert_int_equal(builder_bytes(&opened, &second), ERR_NONE);
		assert_true(bytes_equal(first, second));
		assert_string_equal(bytes_to_hex(*state, bytes_first(first, first.len - rows[i].length)),
				    rows[i].head);
	}
}

static void pairs_of_open_and_close_nest(void **state)
{
	struct builder b = builder_in(*state);
	size_t outer = build_open(&b, 0xBF21), inner, content;
	struct bytes built, value;
	struct reader r;
	uint32_t tag;

	build_tlv_u8(&b, 0x80, 1);
	inner = build_open(&b, 0x7F8101);
	content = b.len;
	for (unsigned i = 0; i < 200; i++)
		build_u8(&b, (uint8_t)i);
	content = b.len - content;
	build_close(&b, inner);
	build_tlv(&b, 0x9F70, bytes_of_text("z"));
	build_close(&b, outer);
	assert_int_equal(builder_bytes(&b, &built), ERR_NONE);

	r = reader_of(built);
	assert_true(read_der(&r, &tag, &value));
	assert_int_equal(tag, 0xBF21);
	assert_true(reader_done(&r));
	assert_int_equal(tlv_find(value, 0x9F70, &built), ERR_NONE);
	assert_true(bytes_equal_text(built, "z"));
	assert_int_equal(tlv_find(value, 0x7F8101, &built), ERR_NONE);
	assert_int_equal(built.len, content);
	assert_int_equal(built.at[199], 199);
}

static void a_tag_of_four_bytes_marks_the_builder_bad(void **state)
{
	struct builder b = builder_in(*state);
	struct bytes built;

	build_tlv(&b, 0x1F818101, bytes_of(NULL, 0));
	assert_int_equal(builder_bytes(&b, &built), ERR_NOMEM);
}

static void lv_carries_255_bytes_and_no_more(void **state)
{
	struct bytes longest = bytes_of(arena_alloc(*state, 256), 255);
	struct builder b = builder_in(*state);
	struct bytes built;
	struct reader r;

	build_lv(&b, longest);
	build_lv(&b, bytes_of(NULL, 0));
	assert_int_equal(builder_bytes(&b, &built), ERR_NONE);
	r = reader_of(built);
	assert_int_equal(read_lv(&r).len, 255);
	assert_int_equal(read_lv(&r).len, 0);
	assert_true(reader_done(&r));
	build_lv(&b, bytes_of(longest.at, 256));
	assert_int_equal(builder_bytes(&b, &built), ERR_NOMEM);
}

static void reads_a_length_alone(void **state)
{
	struct reader r = reader_of(hex(*state, "0581800003"));

	assert_int_equal(read_ber_length(&r), 5);
	assert_int_equal(read_ber_length(&r), 0x80);
	assert_int_equal(read_ber_length(&r), 0);
	assert_int_equal(read_ber_length(&r), 3);
	assert_true(reader_done(&r));
	assert_int_equal(read_ber_length(&r), 0);
	assert_true(r.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(reads_each_form_of_tag_and_length),
		IN_ARENA(der_refuses_two_byte_length_of_a_value_under_256),
		IN_ARENA(refuses_broken_elements),
		cmocka_unit_test(the_end_is_no_fault),
		IN_ARENA(finds_the_first_of_a_tag_on_its_level_only),
		IN_ARENA(builds_the_shortest_length),
		IN_ARENA(pairs_of_open_and_close_nest),
		IN_ARENA(a_tag_of_four_bytes_marks_the_builder_bad),
		IN_ARENA(lv_carries_255_bytes_and_no_more),
		IN_ARENA(reads_a_length_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
