#include "routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct http_request request_of(enum http_method method, const char *const *segments)
{
	struct http_request request = { .method = method, .endpoint = "", .item = "" };
	while (segments[request.segment_count] != NULL) {
		request.segments[request.segment_count] = segments[request.segment_count];
		request.segment_count++;
	}
	return request;
}

#define SEGMENTS(...) ((const char *const[]){ "api", "v1", __VA_ARGS__, NULL })

static void finds_the_row_and_what_the_path_names(void **state)
{
	unsigned allowed;
	struct http_request request = request_of(HTTP_GET, SEGMENTS("devices", "urn:dev:1"));
	assert_true(route_find(&request, &allowed));
	assert_string_equal(request.route->operation_id, "getDevice");
	assert_string_equal(request.endpoint, "urn:dev:1");
	request = request_of(HTTP_POST, SEGMENTS("jobs", "17", "retry"));
	assert_true(route_find(&request, &allowed));
	assert_string_equal(request.route->operation_id, "retryJob");
	assert_string_equal(request.item, "17");
}

static void takes_a_path_of_any_depth_before_a_fixed_end(void **state)
{
	unsigned allowed;
	struct http_request request = request_of(HTTP_GET, SEGMENTS("devices", "d", "lwm2m", "3", "0", "6", "1"));
	assert_true(route_find(&request, &allowed));
	assert_string_equal(request.route->operation_id, "read");
	assert_int_equal(request.rest_count, 4);
	assert_string_equal(request.segments[request.rest], "3");
	request = request_of(HTTP_PUT, SEGMENTS("devices", "d", "lwm2m", "3", "0", "observe"));
	assert_true(route_find(&request, &allowed));
	assert_string_equal(request.route->operation_id, "observe");
	assert_int_equal(request.rest_count, 2);
}

static void tells_an_unknown_path_from_another_method(void **state)
{
	unsigned allowed;
	struct http_request request = request_of(HTTP_GET, SEGMENTS("nothing"));
	assert_false(route_find(&request, &allowed));
	assert_int_equal(allowed, 0);
	request = request_of(HTTP_GET, SEGMENTS("devices", "d", "lwm2m"));
	assert_false(route_find(&request, &allowed));
	assert_int_equal(allowed, 0);
	request = request_of(HTTP_PATCH, SEGMENTS("jobs", "1"));
	assert_false(route_find(&request, &allowed));
	assert_int_equal(allowed, 1u << HTTP_GET | 1u << HTTP_DELETE);
}

/* A table can be wrong by itself: two rows for one thing, names used twice, a success that is none. */
static void the_table_is_consistent(void **state)
{
	const struct route *a, *b;
	for (size_t i = 0; (a = route_at(i)) != NULL; i++) {
		assert_in_range(a->status, 200, 299);
		assert_non_null(a->handle);
		assert_true((a->status == 204) == (a->result[0] == 0) || a->status == 202);
		for (size_t k = i + 1; (b = route_at(k)) != NULL; k++) {
			assert_string_not_equal(a->operation_id, b->operation_id);
			assert_false(a->method == b->method && strcmp(a->pattern, b->pattern) == 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_row_and_what_the_path_names),
		cmocka_unit_test(takes_a_path_of_any_depth_before_a_fixed_end),
		cmocka_unit_test(tells_an_unknown_path_from_another_method),
		cmocka_unit_test(the_table_is_consistent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
