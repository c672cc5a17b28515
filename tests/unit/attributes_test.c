#include "attributes.h"

#include <math.h>
#include <string.h>

#include "lwm2m_support.h"

static const struct lwm2m_path resource = { 3303, 0, 5700, LWM2M_ID_NONE, 3 };

static struct attributes parse(const char *query)
{
	struct attributes attributes;
	struct fault fault = { 0 };

	if (attributes_parse(bytes_of_text(query), &attributes, &fault) != ERR_NONE)
		fail_msg("%s: %s", query, fault.text);
	return attributes;
}

static void refuses(const char *query, const char *name)
{
	struct attributes attributes;
	struct fault fault = { 0 };

	assert_int_equal(attributes_parse(bytes_of_text(query), &attributes, &fault), ERR_MALFORMED);
	if (strstr(fault.text, name) == NULL)
		fail_msg("%s: '%s' does not name %s", query, fault.text, name);
}

static void refuses_together(const char *query, struct lwm2m_path path, const char *name)
{
	struct attributes attributes = parse(query);
	struct fault fault = { 0 };

	assert_int_equal(attributes_check(&attributes, path, &fault), ERR_MALFORMED);
	if (strstr(fault.text, name) == NULL)
		fail_msg("%s: '%s' does not name %s", query, fault.text, name);
}

static void accepts_together(const char *query, struct lwm2m_path path)
{
	struct attributes attributes = parse(query);
	struct fault fault = { 0 };

	if (attributes_check(&attributes, path, &fault) != ERR_NONE)
		fail_msg("%s: %s", query, fault.text);
}

static void a_fault_names_the_attribute(void **state)
{
	refuses("pmin=10&pmax=-1", "pmax");
	refuses("pmin=1.0", "pmin");
	refuses("pmin=+1", "pmin");
	refuses("pmin=1e3", "pmin");
	refuses("pmin= 1", "pmin");
	refuses("lt=1e3", "lt");
	refuses("lt=.5", "lt");
	refuses("lt=5.", "lt");
	refuses("gt=nan", "gt");
	refuses("st=0", "st");
	refuses("con=2", "con");
	refuses("edge=-0", "edge");
	refuses("PMIN=1", "PMIN");
	refuses("ver=1.0", "ver");
	refuses("=1", "''");
}

static void seconds_end_at_32_bits(void **state)
{
	assert_true(parse("pmax=4294967295").at[ATTRIBUTE_PMAX].value == 4294967295.0);
	refuses("pmax=4294967296", "pmax");
	refuses("hqmax=99999999999999999999", "hqmax");
}

static void an_attribute_stands_there_once(void **state)
{
	refuses("pmin=1&pmin=2", "pmin");
	refuses("pmin=1&pmin", "pmin");
}

static void separators_need_something_between(void **state)
{
	refuses("&pmin=1", "&");
	refuses("pmin=1&", "&");
	refuses("pmin=1&&pmax=2", "&");
	assert_false(parse("").at[ATTRIBUTE_PMIN].present);
}

static void unset_is_no_value(void **state)
{
	struct attributes attributes = parse("pmin&lt=-0.5");

	assert_true(attributes.at[ATTRIBUTE_PMIN].unset);
	assert_false(attributes.at[ATTRIBUTE_LT].unset);
	assert_true(attributes.at[ATTRIBUTE_LT].value == -0.5);
	accepts_together("pmin=100&pmax", resource);
	accepts_together("lt=10&gt", resource);
}

static void rules_between_attributes_hold(void **state)
{
	refuses_together("pmin=11&pmax=10", resource, "pmin");
	accepts_together("pmin=10&pmax=10", resource);
	accepts_together("pmin=10&pmax=0", resource); /* no maximum */
	refuses_together("epmin=5&epmax=5", resource, "epmin");
	accepts_together("epmin=4&epmax=5", resource);
	refuses_together("lt=5&gt=5", resource, "lt");
	refuses_together("lt=1&gt=3&st=1", resource, "lt");
	accepts_together("lt=1&gt=3.5&st=1", resource);
	accepts_together("lt=-3&gt=-2", resource);
}

static void thresholds_stand_at_resources_only(void **state)
{
	refuses_together("gt=1", LWM2M_INSTANCE(3303, 0), "gt");
	refuses_together("st=1", LWM2M_OBJECT(3303), "st");
	refuses_together("edge=1", LWM2M_INSTANCE(3303, 0), "edge");
	refuses_together("hqmax=1", (struct lwm2m_path){ .depth = 0 }, "hqmax");
	accepts_together("pmin=1&pmax=2&con=1", (struct lwm2m_path){ .depth = 0 });
	accepts_together("pmin=1&pmax=2&con=1&hqmax=3", LWM2M_OBJECT(3303));
}

static void refuses_type(const char *query, enum lwm2m_type type, const char *name)
{
	struct attributes attributes = parse(query);
	struct fault fault = { 0 };

	assert_int_equal(attributes_check_type(&attributes, type, &fault), ERR_MALFORMED);
	assert_non_null(strstr(fault.text, name));
}

static void accepts_type(const char *query, enum lwm2m_type type)
{
	struct attributes attributes = parse(query);

	assert_int_equal(attributes_check_type(&attributes, type, NULL), ERR_NONE);
}

static void thresholds_are_for_numbers_and_edges_for_booleans(void **state)
{
	refuses_type("gt=1", LWM2M_STRING, "attribute gt");
	refuses_type("lt=1", LWM2M_BOOLEAN, "attribute lt");
	refuses_type("pmin=1&st=1", LWM2M_OPAQUE, "attribute st");
	refuses_type("edge=1", LWM2M_INTEGER, "attribute edge");
	accepts_type("gt=3&lt=1&st=0.5", LWM2M_FLOAT);
	accepts_type("gt=3", LWM2M_UNSIGNED);
	accepts_type("edge=0", LWM2M_BOOLEAN);
	accepts_type("pmin=1&pmax=2&epmin=1&epmax=2&con=1&hqmax=1", LWM2M_STRING);
	accepts_type("gt&edge", LWM2M_STRING); /* to take them away */
}

static void prints_plain_decimals(void **state)
{
	struct attributes attributes = parse("pmax&gt=100000000000000000000000&lt=-0.000000125&st=0.1");
	struct bytes query;

	assert_int_equal(attributes_print(*state, &attributes, &query), ERR_NONE);
	assert_text(query, "pmax&gt=100000000000000000000000&lt=-0.000000125&st=0.1");
}

static void prints_nothing_that_it_would_not_read(void **state)
{
	struct attributes attributes = parse("lt=1&pmin=1");
	struct bytes query;

	attributes.at[ATTRIBUTE_LT].value = INFINITY;
	assert_int_equal(attributes_print(*state, &attributes, &query), ERR_MALFORMED);
	attributes.at[ATTRIBUTE_LT].value = 1;
	attributes.at[ATTRIBUTE_PMIN].value = 1.5;
	assert_int_equal(attributes_print(*state, &attributes, &query), ERR_MALFORMED);
	assert_int_equal(attributes_check(&attributes, resource, NULL), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fault_names_the_attribute),
		cmocka_unit_test(seconds_end_at_32_bits),
		cmocka_unit_test(an_attribute_stands_there_once),
		cmocka_unit_test(separators_need_something_between),
		cmocka_unit_test(unset_is_no_value),
		cmocka_unit_test(rules_between_attributes_hold),
		cmocka_unit_test(thresholds_stand_at_resources_only),
		IN_ARENA(thresholds_are_for_numbers_and_edges_for_booleans),
		IN_ARENA(prints_plain_decimals),
		IN_ARENA(prints_nothing_that_it_would_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
