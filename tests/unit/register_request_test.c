#include "register_request.h"

#include <string.h>

#include "lwm2m_support.h"

#define LINKS "</1/0>,</3/0>"

/* Queries separated by '&', as a URI would have them. */
static enum err parse_queries(void **state, const char *text, const char *payload, bool is_update,
			      struct register_request *ret_request, struct fault *fault)
{
	char *copy = arena_strdup(*state, text), *rest = copy, *query;
	struct bytes queries[16];
	size_t count = 0;

	while ((query = strsep(&rest, "&")) != NULL && *text != 0)
		queries[count++] = bytes_of_text(query);
	return register_request_parse(*state, queries, count, bytes_of_text(payload), is_update, ret_request,
				      fault);
}

static struct register_request parse(void **state, const char *queries, const char *payload)
{
	struct register_request request;
	struct fault fault = { 0 };

	if (parse_queries(state, queries, payload, false, &request, &fault) != ERR_NONE)
		fail_msg("%s: %s", queries, fault.text);
	return request;
}

static void refuses(void **state, const char *queries, const char *payload, enum err kind, const char *reason)
{
	struct register_request request = { .lifetime_s = 7 };
	struct fault fault = { 0 };

	assert_int_equal(parse_queries(state, queries, payload, false, &request, &fault), kind);
	if (strstr(fault.text, reason) == NULL)
		fail_msg("%s: '%s' does not say '%s'", queries, fault.text, reason);
	assert_int_equal(request.lifetime_s, 7);
}

static void absent_parameters_have_defaults(void **state)
{
	struct register_request request = parse(state, "ep=a", LINKS);

	assert_text(request.endpoint, "a");
	assert_false(request.has_lifetime);
	assert_int_equal(request.lifetime_s, 86400);
	assert_text(request.version, "1.0");
	assert_false(request.has_binding);
	assert_text(request.binding, "U");
	assert_false(request.is_queue_mode);
	assert_int_equal(request.root.len, 0);
}

static void unknown_parameters_are_ignored(void **state)
{
	assert_text(parse(state, "x=1&ep=a&epx=b&lifetime&=&", LINKS).endpoint, "a");
}

static void an_endpoint_may_hold_an_equals_sign(void **state)
{
	assert_text(parse(state, "ep=urn:dev:os:1=2", LINKS).endpoint, "urn:dev:os:1=2");
}

static void endpoint_names_are_bounded_text(void **state)
{
	char query[3 + 256 + 1] = "ep=";

	memset(query + 3, 'x', 256);
	refuses(state, query, LINKS, ERR_MALFORMED, "ep has 1 to 255 bytes");
	query[3 + 255] = 0;
	assert_int_equal(parse(state, query, LINKS).endpoint.len, 255);
	refuses(state, "ep=", LINKS, ERR_MALFORMED, "ep");
	refuses(state, "ep", LINKS, ERR_MALFORMED, "ep");
	refuses(state, "ep=a\nb", LINKS, ERR_MALFORMED, "control");
	refuses(state, "ep=a\x7F", LINKS, ERR_MALFORMED, "control");
	refuses(state, "ep=\xFF", LINKS, ERR_MALFORMED, "UTF-8");
}

static void lifetimes_have_32_bits(void **state)
{
	assert_int_equal(parse(state, "ep=a&lt=4294967295", LINKS).lifetime_s, 4294967295u);
	assert_int_equal(parse(state, "ep=a&lt=0", LINKS).lifetime_s, 0);
	refuses(state, "ep=a&lt=4294967296", LINKS, ERR_MALFORMED, "lt");
	refuses(state, "ep=a&lt=-1", LINKS, ERR_MALFORMED, "lt");
	refuses(state, "ep=a&lt=", LINKS, ERR_MALFORMED, "lt");
	refuses(state, "ep=a&lt", LINKS, ERR_MALFORMED, "lt");
	refuses(state, "ep=a&lt=60s", LINKS, ERR_MALFORMED, "lt");
}

static void versions_up_to_ours_are_taken(void **state)
{
	assert_text(parse(state, "ep=a&lwm2m=1.2", LINKS).version, "1.2");
	refuses(state, "ep=a&lwm2m=1.3", LINKS, ERR_UNSUPPORTED, "1.3");
	refuses(state, "ep=a&lwm2m=2.0", LINKS, ERR_UNSUPPORTED, "2.0");
	refuses(state, "ep=a&lwm2m=0.9", LINKS, ERR_UNSUPPORTED, "0.9");
	refuses(state, "ep=a&lwm2m=1", LINKS, ERR_MALFORMED, "lwm2m");
	refuses(state, "ep=a&lwm2m=", LINKS, ERR_MALFORMED, "lwm2m");
}

static void bindings_are_letters_each_once(void **state)
{
	assert_text(parse(state, "ep=a&b=UN", LINKS).binding, "UN");
	assert_text(parse(state, "ep=a&b=TMH", LINKS).binding, "TMH");
	refuses(state, "ep=a&b=UU", LINKS, ERR_MALFORMED, "b ");
	refuses(state, "ep=a&b=u", LINKS, ERR_MALFORMED, "b ");
	refuses(state, "ep=a&b=", LINKS, ERR_MALFORMED, "b ");
	refuses(state, "ep=a&b=Q", LINKS, ERR_MALFORMED, "b ");
	refuses(state, "ep=a&b=UQQ", LINKS, ERR_MALFORMED, "b ");
}

static void queue_mode_is_a_flag_or_a_letter(void **state)
{
	assert_true(parse(state, "ep=a&Q", LINKS).is_queue_mode);
	assert_true(parse(state, "ep=a&Q=", LINKS).is_queue_mode);
	assert_true(parse(state, "ep=a&b=UQS", LINKS).is_queue_mode);
	assert_text(parse(state, "ep=a&b=UQS", LINKS).binding, "US");
	assert_true(parse(state, "ep=a&b=UQ", LINKS).is_queue_mode);
	assert_text(parse(state, "ep=a&b=UQ", LINKS).binding, "U");
	refuses(state, "ep=a&Q=1", LINKS, ERR_MALFORMED, "Q");
}

static void an_sms_number_is_digits(void **state)
{
	assert_text(parse(state, "ep=a&sms=491701234567", LINKS).sms_number, "491701234567");
	refuses(state, "ep=a&sms=+491701234567", LINKS, ERR_MALFORMED, "sms");
	refuses(state, "ep=a&sms=1234567890123456", LINKS, ERR_MALFORMED, "sms");
}

static void no_parameter_stands_there_twice(void **state)
{
	refuses(state, "ep=a&ep=a", LINKS, ERR_MALFORMED, "ep stands there twice");
	refuses(state, "ep=a&Q&Q", LINKS, ERR_MALFORMED, "Q stands there twice");
	refuses(state, "ep=a&b=U&lt=1&b=U", LINKS, ERR_MALFORMED, "b stands there twice");
}

static void an_empty_update_takes_no_memory(void **state)
{
	struct register_request request;
	struct bytes queries[] = { bytes_of_text("lt=60"), bytes_of_text("b=U") };

	assert_int_equal(register_request_parse(NULL, NULL, 0, bytes_of(NULL, 0), true, &request, NULL),
			 ERR_NONE);
	assert_false(request.has_lifetime || request.has_binding || request.has_links);
	assert_int_equal(register_request_parse(NULL, queries, 2, bytes_of(NULL, 0), true, &request, NULL),
			 ERR_NONE);
	assert_true(request.has_lifetime && request.has_binding);
	assert_int_equal(request.lifetime_s, 60);
}

static void an_update_ignores_what_belongs_to_a_register(void **state)
{
	struct register_request request;

	assert_int_equal(parse_queries(state, "ep=x&lwm2m=9.9&lt=5", "", true, &request, NULL), ERR_NONE);
	assert_int_equal(request.endpoint.len, 0);
	assert_text(request.version, "1.0");
	assert_int_equal(request.lifetime_s, 5);
}

static void a_register_needs_objects(void **state)
{
	struct register_request request;

	refuses(state, "ep=a", "", ERR_MALFORMED, "objects");
	refuses(state, "ep=a", "</>;rt=\"oma.lwm2m\"", ERR_MALFORMED, "objects");
	refuses(state, "ep=a&pid=6:27354b9a", "", ERR_CONFLICT, "pid");
	assert_int_equal(parse(state, "ep=a&pid=6:27354b9a", LINKS).object_count, 2);
	assert_int_equal(parse_queries(state, "", "</>", true, &request, NULL), ERR_MALFORMED);
}

static void a_broken_link_refuses_the_whole(void **state)
{
	refuses(state, "ep=a", "</1/0>,<", ERR_MALFORMED, "link format");
}

static void assert_object(const struct register_request *request, size_t i, unsigned object,
			  unsigned instance, const char *version)
{
	assert_int_equal(request->objects[i].object, object);
	assert_int_equal(request->objects[i].instance, instance);
	assert_text(request->objects[i].version, version);
}

static void objects_come_in_order_with_their_version(void **state)
{
	struct register_request request =
		parse(state, "ep=a",
		      "</5>;ver=1.1,</3/0>,</3303/7>,</3303/1>,</3>;ver=\"1.2\",</1/0>;ver=1.1,</3303/1>");

	assert_int_equal(request.object_count, 5);
	assert_object(&request, 0, 1, 0, "1.1");
	assert_object(&request, 1, 3, 0, "1.2");
	assert_object(&request, 2, 5, 65535, "1.1");
	assert_object(&request, 3, 3303, 1, "");
	assert_object(&request, 4, 3303, 7, "");
}

static void hidden_and_foreign_links_are_left_out(void **state)
{
	struct register_request request =
		parse(state, "ep=a",
		      "</0/0>,</21/0>,</23/0>,</.well-known/core>,</70000>,</65535/0>,</3/0/1>,</1/0>;ver=x");

	assert_int_equal(request.object_count, 1);
	assert_object(&request, 0, 1, 0, "");
}

static void an_alternate_path_is_taken_off(void **state)
{
	struct register_request request =
		parse(state, "ep=a",
		      "</lwm2m/>;rt=\"x oma.lwm2m\";ct=110,</lwm2m/1/101>,</3/0>,</lwm2mx/4/0>,</lwm2m>");

	assert_text(request.root, "/lwm2m");
	assert_int_equal(request.object_count, 2);
	assert_object(&request, 0, 1, 101, "");
	assert_object(&request, 1, 3, 0, "");
	assert_int_equal(parse(state, "ep=a", "</>;rt=\"oma.lwm2m\",</1/0>").root.len, 0);
	assert_int_equal(parse(state, "ep=a", "</x>;rt=\"oma.lwm2mx\",</1/0>").root.len, 0);
}

static void formats_come_from_the_root_link(void **state)
{
	struct register_request request = parse(state, "ep=a", "</>;ct=\"60 110  x 70000 11542\"," LINKS);
	struct register_request single = parse(state, "ep=a", "</>;rt=\"oma.lwm2m\";ct=110," LINKS);

	assert_int_equal(request.format_count, 3);
	assert_int_equal(request.formats[0], 60);
	assert_int_equal(request.formats[1], 110);
	assert_int_equal(request.formats[2], 11542);
	assert_int_equal(single.format_count, 1);
	assert_int_equal(parse(state, "ep=a", "</>;ct," LINKS).format_count, 0);
	assert_int_equal(parse(state, "ep=a", "</3/0>;ct=60").format_count, 0);
}

static void blanks_between_links_pass(void **state)
{
	assert_int_equal(parse(state, "ep=a", "</1/0>, </3/0>; ver=1.1 ").object_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(absent_parameters_have_defaults),
		IN_ARENA(unknown_parameters_are_ignored),
		IN_ARENA(an_endpoint_may_hold_an_equals_sign),
		IN_ARENA(endpoint_names_are_bounded_text),
		IN_ARENA(lifetimes_have_32_bits),
		IN_ARENA(versions_up_to_ours_are_taken),
		IN_ARENA(bindings_are_letters_each_once),
		IN_ARENA(queue_mode_is_a_flag_or_a_letter),
		IN_ARENA(an_sms_number_is_digits),
		IN_ARENA(no_parameter_stands_there_twice),
		cmocka_unit_test(an_empty_update_takes_no_memory),
		IN_ARENA(an_update_ignores_what_belongs_to_a_register),
		IN_ARENA(a_register_needs_objects),
		IN_ARENA(a_broken_link_refuses_the_whole),
		IN_ARENA(objects_come_in_order_with_their_version),
		IN_ARENA(hidden_and_foreign_links_are_left_out),
		IN_ARENA(an_alternate_path_is_taken_off),
		IN_ARENA(formats_come_from_the_root_link),
		IN_ARENA(blanks_between_links_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
