/* HTTP messages and session parameters of remote administration: what must be refused. */
#include "seram/seram_http.h"

#include "se_test.h"
#include "seram/seram_parameters.h"

static struct arena *arena;

static int open_arena(void **state)
{
	arena = arena_create(1 << 20);
	return arena == NULL;
}

static int close_arena(void **state)
{
	arena_free(arena);
	return 0;
}

static enum err parse(const char *text, struct http_message *ret_message)
{
	return http_message_parse(bytes_of_text(text), arena, ret_message, NULL);
}

static void waits_for_what_has_not_come(void **state)
{
	static const char whole[] =
		"POST /a?b=1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
	struct http_message message;

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++)
		assert_int_equal(http_message_parse(bytes_of(whole, len), arena, &message, NULL),
				 ERR_UNAVAILABLE);
	assert_int_equal(parse(whole, &message), ERR_NONE);
	assert_true(bytes_equal_text(message.body, "abc"));
}

static void puts_chunks_together(void **state)
{
	struct http_message message;

	(void)state;
	assert_int_equal(parse("x\r\ntransfer-encoding: "
			       "CHUNKED\r\n\r\n2;a=b\r\nab\r\nA\r\n0123456789\r\n0\r\nx: y\r\n\r\n",
			       &message),
			 ERR_NONE);
	assert_true(bytes_equal_text(message.body, "ab0123456789"));
}

static void refuses_bodies_whose_length_is_in_doubt(void **state)
{
	static const char *const texts[] = {
		"x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"x\r\nContent-Length: -1\r\n\r\n",
		"x\r\nContent-Length: 99999999\r\n\r\n",
		"x\r\nContent-Length: 1\r\n\r\nab",
		"x\r\nTransfer-Encoding: gzip\r\n\r\n",
		"x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
		"x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
		"x\r\nno colon\r\n\r\n",
		"x\r\n: empty\r\n\r\n",
		"x\r\nName : blank\r\n\r\n",
	};
	struct http_message message;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(parse(texts[i], &message), ERR_MALFORMED);
}

static void reads_what_an_agent_says(void **state)
{
	struct http_message message;
	struct admin_request request;

	(void)state;
	assert_int_equal(
		parse("POST /admin?id=7 HTTP/1.1\r\n"
		      "x-admin-protocol: globalplatform-remote-admin/1.1.1\r\n"
		      "X-Admin-From: urn:dev:1\r\n"
		      "X-Admin-SE-List: //se-id/CUD/0123;//se-id/ICCID/89\r\n"
		      "X-Admin-Targeted-SE: //se-id/CUD/0123\r\n"
		      "X-Admin-Script-Status: OK\r\n"
		      "Content-Type: application/vnd.globalplatform.card-content-mgt-response;version=1.0\r\n"
		      "Content-Length: 3\r\n\r\nabc",
		      &message),
		ERR_NONE);
	assert_int_equal(admin_request_read(&message, &request, NULL), ERR_NONE);
	assert_true(bytes_equal_text(request.path, "/admin?id=7"));
	assert_true(bytes_equal_text(request.targeted_se, "//se-id/CUD/0123"));
	assert_true(request.has_status);
	assert_int_equal(request.status, 1);
	assert_false(request.is_resuming);
	assert_true(bytes_equal_text(request.response, "abc"));
}

static void refuses_requests_of_something_else(void **state)
{
	static const char *const texts[] = {
		"GET / HTTP/1.1\r\n\r\n",
		"POST / HTTP/1.0\r\n\r\n",
		"POST\r\n\r\n",
		"POST / HTTP/1.1\r\nX-Admin-Protocol: something/1\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\na",
	};
	struct http_message message;
	struct admin_request request;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct fault fault = { 0 };
		assert_int_equal(parse(texts[i], &message), ERR_NONE);
		assert_int_not_equal(admin_request_read(&message, &request, &fault), ERR_NONE);
		assert_string_not_equal(fault.text, "");
	}
}

static void never_answers_what_a_card_would_refuse(void **state)
{
	struct admin_answer answer = { .protocol = "globalplatform-remote-admin/1.0", .next_uri = "/next" };
	struct bytes wire;

	(void)state;
	assert_int_equal(admin_answer_build(arena, &answer, &wire, NULL), ERR_MALFORMED);
	answer.next_uri = "/next?id=1\r\nX-Admin-Targeted-SE: other";
	assert_int_equal(admin_answer_build(arena, &answer, &wire, NULL), ERR_MALFORMED);
	answer.next_uri = NULL;
	assert_int_equal(admin_answer_build(arena, &answer, &wire, NULL), ERR_NONE);
	assert_true(bytes_equal_text(bytes_first(wire, 23), "HTTP/1.1 204 No Content"));
}

static void refuses_parameters_that_are_cut(void **state)
{
	struct bytes trigger;
	struct session_parameters parameters;

	(void)state;
	assert_int_equal(bytes_from_hex(arena,
					"811F831D8404020281828504000201018607B000250301020389068A008B008C00",
					&trigger),
			 ERR_NONE);
	assert_int_equal(session_parameters_parse(trigger, &parameters, NULL), ERR_NONE);
	for (size_t len = 1; len < trigger.len; len++)
		assert_int_equal(session_parameters_parse(bytes_first(trigger, len), &parameters, NULL),
				 ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(waits_for_what_has_not_come, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(puts_chunks_together, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(refuses_bodies_whose_length_is_in_doubt, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(reads_what_an_agent_says, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(refuses_requests_of_something_else, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(never_answers_what_a_card_would_refuse, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(refuses_parameters_that_are_cut, open_arena, close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
