#include "path.h"

#include "lwm2m_support.h"

static void assert_path(const char *text, unsigned depth, unsigned a, unsigned b, unsigned c, unsigned d)
{
	struct lwm2m_path path;

	assert_int_equal(path_parse(bytes_of_text(text), &path, NULL), ERR_NONE);
	assert_int_equal(path.depth, depth);
	assert_int_equal(path.object, a);
	assert_int_equal(path.instance, b);
	assert_int_equal(path.resource, c);
	assert_int_equal(path.resource_instance, d);
}

static void reads_each_depth(void **state)
{
	assert_path("", 0, 65535, 65535, 65535, 65535);
	assert_path("/", 0, 65535, 65535, 65535, 65535);
	assert_path("/3", 1, 3, 65535, 65535, 65535);
	assert_path("3/0", 2, 3, 0, 65535, 65535);
	assert_path("/3/0/1", 3, 3, 0, 1, 65535);
	assert_path("/65534/65534/65534/65534", 4, 65534, 65534, 65534, 65534);
}

static void reads_leading_zeros(void **state)
{
	assert_path("/67/0/00", 3, 67, 0, 0, 65535);
}

static void refuses(const char *text, size_t offset)
{
	struct lwm2m_path path = { .depth = 9 };
	struct fault fault = { 0 };

	assert_int_equal(path_parse(bytes_of_text(text), &path, &fault), ERR_MALFORMED);
	assert_int_equal(fault.offset, offset);
	assert_int_equal(path.depth, 9);
}

static void refuses_what_is_no_path_and_says_where(void **state)
{
	refuses("/3/", 3);
	refuses("//", 1);
	refuses("/3//1", 3);
	refuses("/3/x", 3);
	refuses("/3x", 2);
	refuses("/-1", 1);
	refuses(" /3", 0);
	refuses("/3 ", 2);
}

static void refuses_identifiers_that_address_nothing(void **state)
{
	refuses("/65535", 1);
	refuses("/70000", 1);
	refuses("/4294967299", 1); /* 3 modulo 2^32 */
	refuses("/99999999999999999999999999", 1);
}

static void refuses_a_fifth_level(void **state)
{
	refuses("/1/2/3/4/5", 9);
}

static void stops_at_the_end_of_its_bytes(void **state)
{
	struct lwm2m_path path;

	assert_int_equal(path_parse(bytes_of("/3/0/12", 6), &path, NULL), ERR_NONE);
	assert_int_equal(path.resource, 1);
}

static void prints_what_it_read(void **state)
{
	static const char *const texts[] = { "/", "/3", "/3/0", "/3/0/1", "/65534/65534/65534/65534" };
	char text[PATH_TEXT_SIZE];
	struct lwm2m_path path;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(path_parse(bytes_of_text(texts[i]), &path, NULL), ERR_NONE);
		assert_string_equal(path_print(path, text), texts[i]);
	}
}

static void compares_only_levels_that_count(void **state)
{
	struct lwm2m_path a = LWM2M_OBJECT(3), b = { 3, 7, 8, 9, 1 };

	assert_true(path_equal(a, b));
	assert_false(path_equal(a, LWM2M_INSTANCE(3, 65535)));
	assert_int_equal(path_compare(a, b), 0);
}

static void starts_with_itself_and_what_is_above(void **state)
{
	struct lwm2m_path path = LWM2M_RESOURCE(3, 0, 1), root = { .depth = 0 };

	assert_true(path_starts_with(path, path));
	assert_true(path_starts_with(path, root));
	assert_true(path_starts_with(path, LWM2M_OBJECT(3)));
	assert_false(path_starts_with(path, LWM2M_OBJECT(30)));
	assert_false(path_starts_with(path, LWM2M_INSTANCE(3, 1)));
	assert_false(path_starts_with(LWM2M_OBJECT(3), path));
}

static void orders_by_number_and_above_before_below(void **state)
{
	assert_true(path_compare(LWM2M_OBJECT(9), LWM2M_OBJECT(10)) < 0);
	assert_true(path_compare(LWM2M_INSTANCE(3, 0), LWM2M_OBJECT(3)) > 0);
	assert_true(path_compare(LWM2M_INSTANCE(3, 1), LWM2M_RESOURCE(3, 0, 9)) > 0);
}

static void appends_down_to_resource_instances(void **state)
{
	struct lwm2m_path path = { .depth = 0 };

	for (uint16_t id = 1; id <= 4; id++)
		assert_int_equal(path_append(path, id, &path), ERR_NONE);
	for (unsigned level = 1; level <= 4; level++)
		assert_int_equal(path_id(path, level), level);
	assert_int_equal(path_append(path, 5, &path), ERR_MALFORMED);
	assert_int_equal(path.depth, 4);
	assert_int_equal(path_id(path, 0), LWM2M_ID_NONE);
	assert_int_equal(path_id(path, 5), LWM2M_ID_NONE);
	assert_int_equal(path_id(LWM2M_OBJECT(3), 2), LWM2M_ID_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_each_depth),
		cmocka_unit_test(reads_leading_zeros),
		cmocka_unit_test(refuses_what_is_no_path_and_says_where),
		cmocka_unit_test(refuses_identifiers_that_address_nothing),
		cmocka_unit_test(refuses_a_fifth_level),
		cmocka_unit_test(stops_at_the_end_of_its_bytes),
		cmocka_unit_test(prints_what_it_read),
		cmocka_unit_test(compares_only_levels_that_count),
		cmocka_unit_test(starts_with_itself_and_what_is_above),
		cmocka_unit_test(orders_by_number_and_above_before_below),
		cmocka_unit_test(appends_down_to_resource_instances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
