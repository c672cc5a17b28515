#include "link.h"

#include "lwm2m_support.h"

static struct links parse(void **state, const char *text, bool tolerant)
{
	struct fault fault = { 0 };
	struct links links;

	if (link_parse(*state, bytes_of_text(text), tolerant, &links, &fault) != ERR_NONE)
		fail_msg("%s: %s at %zu", text, fault.text, fault.offset);
	return links;
}

static void refuses(void **state, const char *text, size_t offset)
{
	struct links links = { .count = 7 };
	struct fault fault = { 0 };

	assert_int_equal(link_parse(*state, bytes_of_text(text), false, &links, &fault), ERR_MALFORMED);
	assert_int_equal(fault.offset, offset);
	assert_int_equal(links.count, 7);
}

static void no_text_is_no_links(void **state)
{
	assert_int_equal(parse(state, "", false).count, 0);
	assert_int_equal(parse(state, "  ", true).count, 0);
}

static void unescapes_quoted_values(void **state)
{
	struct links links = parse(state, "</a>;t=\"x\\\"\\\\,;y\",</b>", false);

	assert_int_equal(links.count, 2);
	assert_text(links.at[0].attributes[0].value, "x\"\\,;y");
	assert_true(links.at[0].attributes[0].quoted);
}

static void keeps_percent_encoding_of_targets(void **state)
{
	assert_text(parse(state, "</a%2Fb>", false).at[0].target, "/a%2Fb");
}

static void takes_utf8_in_quotes_only(void **state)
{
	assert_text(parse(state, "</a>;title=\"\xC3\xA9\"", false).at[0].attributes[0].value, "\xC3\xA9");
	refuses(state, "</a>;title=\"\xC3\"", 14);
	refuses(state, "</a>;title=\xC3\xA9", 11);
	refuses(state, "</\xC3\xA9>", 2);
}

static void refuses_broken_links_and_says_where(void **state)
{
	refuses(state, "<>", 1);
	refuses(state, "<3/0>", 1);
	refuses(state, "<coap://x/3>", 1);
	refuses(state, "</3", 3);
	refuses(state, "</3>,", 5);
	refuses(state, "</3>,,</4>", 5);
	refuses(state, "</3>;", 5);
	refuses(state, "</3>;ver=", 9);
	refuses(state, "</3>;ver=\"1.0", 13);
	refuses(state, "</3>;ver=\"1.0\\", 14);
	refuses(state, "</3>;t=\"a\nb\"", 10);
	refuses(state, "</3></4>", 4);
}

static void blanks_pass_in_tolerant_mode_only(void **state)
{
	static const char text[] = " </1/0>, </3> ;ver=1.1;\tb , </4/0> ";
	struct links links = parse(state, text, true);

	refuses(state, text, 0);
	assert_int_equal(links.count, 3);
	assert_text(links.at[1].target, "/3");
	assert_text(link_attribute(&links.at[1], "ver")->value, "1.1");
	assert_false(link_attribute(&links.at[1], "b")->has_value);
	assert_null(link_attribute(&links.at[1], "c"));
	assert_text(links.at[2].target, "/4/0");
}

static void the_first_of_two_attributes_counts(void **state)
{
	struct links links = parse(state, "</3>;ver=1.0;ver=1.1", false);

	assert_int_equal(links.at[0].attribute_count, 2);
	assert_text(link_attribute(&links.at[0], "ver")->value, "1.0");
}

static void stops_at_the_end_of_its_bytes(void **state)
{
	struct links links;

	assert_int_equal(link_parse(*state, bytes_of("</3>,</4>", 4), false, &links, NULL), ERR_NONE);
	assert_int_equal(links.count, 1);
}

static void reads_thousands_of_links(void **state)
{
	struct builder b = builder_in(*state);
	struct links links;
	struct bytes text, printed;

	for (unsigned i = 0; i < 5000; i++)
		build_printf(&b, "%s</%u/%u>;ver=1.%u;x=\"%u\"", i == 0 ? "" : ",", i % 100, i, i % 3, i);
	assert_int_equal(builder_bytes(&b, &text), ERR_NONE);
	assert_int_equal(link_parse(*state, text, false, &links, NULL), ERR_NONE);
	assert_int_equal(links.count, 5000);
	assert_text(link_attribute(&links.at[4999], "x")->value, "4999");
	assert_int_equal(link_print(*state, links, &printed), ERR_NONE);
	assert_bytes(printed, text);
}

static void writes_quotes_and_escapes(void **state)
{
	const struct link_attribute attributes[] = {
		{ .name = bytes_of_text("a"),
		  .value = bytes_of_text("x\"y\\"),
		  .has_value = true,
		  .quoted = true },
		{ .name = bytes_of_text("flag") },
	};
	const struct link link = { bytes_of_text("/3"), attributes, 2 };
	struct bytes text;

	assert_int_equal(link_print(*state, (struct links){ &link, 1 }, &text), ERR_NONE);
	assert_text(text, "</3>;a=\"x\\\"y\\\\\";flag");
}

static void writes_nothing_that_it_would_not_read(void **state)
{
	const struct link_attribute spaced = { .name = bytes_of_text("a"),
					       .value = bytes_of_text("x y"),
					       .has_value = true };
	const struct link_attribute unnamed = { .name = bytes_of_text("") };
	const struct link links[] = {
		{ .target = bytes_of_text("3") },
		{ .target = bytes_of_text("/3>,<") },
		{ bytes_of_text("/3"), &spaced, 1 },
		{ bytes_of_text("/3"), &unnamed, 1 },
	};
	struct bytes text;

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		assert_int_equal(link_print(*state, (struct links){ &links[i], 1 }, &text), ERR_MALFORMED);
}

static void says_when_memory_is_out(void **state)
{
	struct arena *small = arena_create(64);
	struct links links;

	assert_int_equal(link_parse(small, bytes_of_text("</1>,</2>,</3>"), false, &links, NULL), ERR_NOMEM);
	arena_free(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(no_text_is_no_links),
		IN_ARENA(unescapes_quoted_values),
		IN_ARENA(keeps_percent_encoding_of_targets),
		IN_ARENA(takes_utf8_in_quotes_only),
		IN_ARENA(refuses_broken_links_and_says_where),
		IN_ARENA(blanks_pass_in_tolerant_mode_only),
		IN_ARENA(the_first_of_two_attributes_counts),
		IN_ARENA(stops_at_the_end_of_its_bytes),
		IN_ARENA(reads_thousands_of_links),
		IN_ARENA(writes_quotes_and_escapes),
		IN_ARENA(writes_nothing_that_it_would_not_read),
		cmocka_unit_test(says_when_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
