/* Bodies of requests and responses in each format: how long they get, and what of a response is believed. */
#include "seram/body.h"

#include "se_test.h"
#include "seram/seram_table.h"

static struct arena *arena;

static int open_arena(void **state)
{
	(void)state;
	arena = arena_create(1 << 20);
	return arena == NULL;
}

static int close_arena(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static const uint8_t issuer[] = { 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00 };

/* STORE DATA with so many bytes. */
static struct bytes command_of(size_t data_len)
{
	uint8_t *at = arena_alloc(arena, 5 + data_len);

	assert_non_null(at);
	memcpy(at, "\x80\xE2\x90\x00", 4);
	at[4] = (uint8_t)data_len;
	return bytes_of(at, data_len == 0 ? 4 : 5 + data_len);
}

static void a_request_is_never_longer_than_reckoned(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 122, 123, 124, 200, 250, 251, 255 };

	(void)state;
	for (enum body_form form = BODY_SCRIPT; form < BODY_FORM_COUNT; form++) {
		const struct body *body = body_of(form);
		struct bytes commands[10];
		size_t count = body->max_commands < 10 ? body->max_commands : 10;
		for (int selects = 0; selects <= body->selects_by_command; selects++) {
			struct body_request request = {
				.commands = commands,
				.count = count,
				.select_aid = bytes_of(issuer, selects ? sizeof(issuer) : 0),
			};
			size_t reckoned = body->request_overhead(request.select_aid);
			struct bytes built;
			for (size_t i = 0; i < count; i++) {
				commands[i] = command_of(sizes[i]);
				reckoned += body->command_size(commands[i].len);
			}
			assert_int_equal(body->build(arena, &request, &built, NULL), ERR_NONE);
			assert_true(built.len <= reckoned);
		}
	}
}

static enum err parse_report(const char *json, size_t commands, bool selects,
			     struct body_response *ret_response, struct fault *fault)
{
	struct bytes apdus[4] = { command_of(0), command_of(0), command_of(0), command_of(0) };
	const struct body_request request = { .commands = apdus,
					      .count = commands,
					      .select_aid = bytes_of(issuer, selects ? sizeof(issuer) : 0) };

	return body_of(BODY_ORDER)->parse(bytes_of_text(json), &request, arena, ret_response, fault);
}

#define REPORT(status, answers)                                                                              \
	"{\"localAgentStatus\":{\"localAgentStatusEnum\":\"" status                                          \
	"\"},\"ramResponses\":[{\"ramResponseType\":"                                                        \
	"\"seRamResponse\",\"listOfRAPDU\":[" answers "]}]}"

static void what_was_not_run_has_no_answer_in_either_spelling(void **state)
{
	struct body_response response;

	(void)state;
	assert_int_equal(parse_report(REPORT("PROCESSED", "\"9000\",\"\",\"\""), 3, false, &response, NULL),
			 ERR_NONE);
	assert_int_equal(response.count, 1);
	assert_int_equal(parse_report(REPORT("PROCESSED", "\"9000\""), 3, false, &response, NULL), ERR_NONE);
	assert_int_equal(response.count, 1);
	assert_int_equal(response.responses[0].sw, 0x9000);
}

static void an_answer_after_a_missing_one_is_not_believed(void **state)
{
	struct body_response response;
	struct fault fault = { 0 };

	(void)state;
	assert_int_equal(
		parse_report(REPORT("PROCESSED", "\"9000\",\"\",\"9000\""), 3, false, &response, &fault),
		ERR_MALFORMED);
	assert_string_equal(fault.text, "command 3 has an answer, the one before it has none");
}

static void the_answer_to_the_selection_is_taken_off(void **state)
{
	struct body_response response;

	(void)state;
	assert_int_equal(parse_report(REPORT("PROCESSED", "\"6F00\",\"6A88\""), 1, true, &response, NULL),
			 ERR_NONE);
	assert_int_equal(response.status, SERAM_STATUS_TEMPORARILY_UNAVAILABLE_APPLICATION);
	assert_int_equal(response.count, 0);
	assert_int_equal(parse_report(REPORT("PROCESSED", "\"6A82\""), 1, true, &response, NULL), ERR_NONE);
	assert_int_equal(response.status, SERAM_STATUS_UNKNOWN_APPLICATION);
	assert_int_equal(parse_report(REPORT("PROCESSED", "\"6283\",\"6A88\""), 1, true, &response, NULL),
			 ERR_NONE);
	assert_int_equal(response.status, SERAM_STATUS_OK);
	assert_int_equal(response.count, 1);
}

static void each_status_of_a_report_is_one_of_the_object(void **state)
{
	static const struct {
		const char *report;
		int64_t status;
	} rows[] = {
		{ REPORT("POLLING", ""), SERAM_STATUS_OK },
		{ REPORT("UNAVAILABLE_SE", ""), SERAM_STATUS_UNAVAILABLE_SE },
		{ REPORT("UNKNOWN_FAILURE", ""), SERAM_STATUS_TEMPORARILY_UNAVAILABLE_APPLICATION },
		{ REPORT("UNGRANTED_ACCESS", ""), SERAM_STATUS_SECURITY_ERROR },
	};
	struct body_response response;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse_report(rows[i].report, 1, false, &response, NULL), ERR_NONE);
		assert_int_equal(response.status, rows[i].status);
	}
}

static void two_responses_to_one_command_are_refused(void **state)
{
	struct body_response response;

	(void)state;
	assert_int_equal(parse_report("{\"localAgentStatus\":{\"localAgentStatusEnum\":\"PROCESSED\"},"
				      "\"ramResponses\":[{\"ramResponseType\":\"seRamResponse\","
				      "\"listOfRAPDU\":[]},{\"ramResponseType\":\"seRamResponse\","
				      "\"listOfRAPDU\":[]}]}",
				      1, false, &response, NULL),
			 ERR_MALFORMED);
}

static void a_refused_length_is_told_from_other_refusals(void **state)
{
	static const struct {
		const char *hex;
		bool is_length_refused;
	} rows[] = {
		{ "AB06800100900103", true },
		{ "AB06800100900101", false },
		{ "AB0A80010123029000900103", false }, /* something ran before */
		{ "AF808301020000", false },
	};
	const struct body_request request = { .count = 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct body_response response;
		struct bytes bytes;
		assert_int_equal(bytes_from_hex(arena, rows[i].hex, &bytes), ERR_NONE);
		assert_int_equal(body_of(BODY_SCRIPT)->parse(bytes, &request, arena, &response, NULL),
				 ERR_NONE);
		assert_int_equal(response.is_length_refused, rows[i].is_length_refused);
		assert_non_null(response.refusal);
	}
}

/* ---- actions ---- */

static void actions_stand_where_they_are_put(void **state)
{
	static const uint8_t first = 0x01, go_on = 0;
	const struct bytes commands[] = { command_of(0), command_of(0) };
	const struct script_action actions[] = {
		{ TAG_CHAINING, 0, bytes_of(&first, 1) },
		{ TAG_ERROR_ACTION, 1, bytes_of(&go_on, 0) },
	};
	struct bytes script;

	(void)state;
	assert_int_equal(script_build(arena, commands, 2, actions, 2, false, &script, NULL), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, script), "AA11"
							 "830101"
							 "220480E29000"
							 "8200"
							 "220480E29000");
}

static void actions_that_may_not_stand_there_are_refused(void **state)
{
	static const uint8_t first = 0x01, strange = 0x04;
	const struct bytes command = command_of(0);
	const struct script_action rows[] = {
		{ TAG_CHAINING, 1, bytes_of(&first, 1) },         /* not the first */
		{ TAG_CHAINING, 0, bytes_of(&strange, 1) },       /* no such value */
		{ TAG_CHAINING, 0, bytes_of(&first, 0) },         /* none */
		{ TAG_BAD_FORMAT, 0, bytes_of(&first, 1) },       /* of a response */
		{ TAG_IMMEDIATE_ACTION, 2, bytes_of(&first, 1) }, /* behind the end */
	};
	struct bytes script;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(script_build(arena, &command, 1, &rows[i], 1, true, &script, NULL),
				 ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_never_longer_than_reckoned),
		cmocka_unit_test(what_was_not_run_has_no_answer_in_either_spelling),
		cmocka_unit_test(an_answer_after_a_missing_one_is_not_believed),
		cmocka_unit_test(the_answer_to_the_selection_is_taken_off),
		cmocka_unit_test(each_status_of_a_report_is_one_of_the_object),
		cmocka_unit_test(two_responses_to_one_command_are_refused),
		cmocka_unit_test(a_refused_length_is_told_from_other_refusals),
		cmocka_unit_test(actions_stand_where_they_are_put),
		cmocka_unit_test(actions_that_may_not_stand_there_are_refused),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
