/* SERAM 2.0.0 in JSON: what is taken in spite of its spelling, what is refused, what is built. */
#include "seram/seram2.h"

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

static enum err parse_order(const char *json, struct seram2_order *ret_order, struct fault *fault)
{
	return seram2_order_parse(bytes_of_text(json), arena, ret_order, fault);
}

static enum err parse_report(const char *json, struct seram2_report *ret_report, struct fault *fault)
{
	return seram2_report_parse(bytes_of_text(json), arena, ret_report, fault);
}

static void takes_defaults_where_the_offer_is_silent(void **state)
{
	struct seram2_offer offer;
	struct seram2_choice choice;

	(void)state;
	assert_int_equal(
		seram2_offer_parse(
			bytes_of_text("{\"secureElements\":[{\"seType\":\"uicc\",\"seId\":\"89\"}]}"), arena,
			&offer, NULL),
		ERR_NONE);
	assert_int_equal(offer.element_count, 1);
	assert_string_equal(offer.elements[0].type, "uicc");
	assert_null(offer.elements[0].extra);
	assert_string_equal(offer.versions.at[0], "2.0.0");
	assert_int_equal(seram2_choose(&offer, &choice, NULL), ERR_NONE);
	assert_string_equal(choice.format, "application/json");
}

static void chooses_ours_among_what_is_offered(void **state)
{
	struct seram2_offer offer;
	struct seram2_choice choice;
	struct fault fault = { 0 };

	(void)state;
	assert_int_equal(seram2_offer_parse(bytes_of_text("{\"secureElements\":[],"
							  "\"supportedVersions\":[\"1.0.1\",\"2.0.0\"]}"),
					    arena, &offer, NULL),
			 ERR_NONE);
	assert_int_equal(seram2_choose(&offer, &choice, NULL), ERR_NONE);
	assert_string_equal(choice.version, "2.0.0");
	assert_int_equal(seram2_offer_parse(bytes_of_text("{\"secureElements\":[],"
							  "\"supportedVersions\":[\"1.0.1\"]}"),
					    arena, &offer, NULL),
			 ERR_NONE);
	assert_int_equal(seram2_choose(&offer, &choice, &fault), ERR_UNSUPPORTED);
	assert_string_equal(fault.text, "the agent does not offer the version 2.0.0");
}

static void reads_the_choice_under_either_name(void **state)
{
	struct seram2_choice choice;

	(void)state;
	assert_int_equal(seram2_choice_parse(bytes_of_text("{\"chosenTransportProtocol\":\"HTTPS\","
							   "\"chosenDataProtocol\":\"application/json\","
							   "\"chosenVersion\":\"2.0.0\"}"),
					     arena, &choice, NULL),
			 ERR_NONE);
	assert_string_equal(choice.format, "application/json");
}

static void reads_an_order(void **state)
{
	struct seram2_order order;

	(void)state;
	assert_int_equal(parse_order("{\"chosenSecureElement\":{\"seType\":\"eSE\",\"seId\":\"89\","
				     "\"seExtraInfo\":\"SAM\"},\"ramCommands\":["
				     "{\"ramCommandType\":\"startCommand\"},"
				     "{\"ramCommandType\":\"seRamCommand\",\"listOfCAPDU\":[\"80ca006600\"]},"
				     "{\"ramCommandType\":\"notificationCommand\","
				     "\"deviceAppNotification\":\"step\"},"
				     "{\"ramCommandType\":\"ramStopCommand\"}]}",
				     &order, NULL),
			 ERR_NONE);
	assert_int_equal(order.delay_ms, SERAM2_DELAY_MS);
	assert_string_equal(order.element.extra, "SAM");
	assert_int_equal(order.command_count, 4);
	assert_int_equal(order.commands[0].kind, SERAM2_START);
	assert_int_equal(order.commands[1].apdu_count, 1);
	assert_int_equal(order.commands[1].apdus[0].len, 5);
	assert_string_equal(order.commands[2].notification, "step");
	assert_int_equal(order.commands[3].kind, SERAM2_STOP);
}

static void takes_an_order_of_nothing(void **state)
{
	struct seram2_order order;

	(void)state;
	assert_int_equal(parse_order("{\"delay\":0}", &order, NULL), ERR_NONE);
	assert_int_equal(order.delay_ms, 0);
	assert_int_equal(order.command_count, 0);
	assert_false(order.has_element);
}

static void refuses_orders_and_says_which_member(void **state)
{
	static const struct {
		const char *json;
		enum err err;
		const char *reason;
	} rows[] = {
		{ "[]", ERR_MALFORMED, "the message is not a JSON object" },
		{ "{\"delay\":-1}", ERR_MALFORMED, "delay is not a number from 0 to 2147483647" },
		{ "{\"delay\":1.5}", ERR_MALFORMED, "delay is not a number from 0 to 2147483647" },
		{ "{\"ramCommands\":[]}", ERR_MALFORMED, "ramCommands is empty" },
		{ "{\"ramCommands\":{}}", ERR_MALFORMED, "ramCommands is not a list" },
		{ "{\"ramCommands\":[1]}", ERR_MALFORMED, "an entry of ramCommands is not an object" },
		{ "{\"ramCommands\":[{}]}", ERR_MALFORMED, "ramCommandType is missing" },
		{ "{\"ramCommands\":[{\"ramCommandType\":\"x\"}]}", ERR_UNSUPPORTED,
		  "unknown ramCommandType x" },
		{ "{\"ramCommands\":[{\"ramCommandType\":\"seRamCommand\"}]}", ERR_MALFORMED,
		  "listOfCAPDU is missing" },
		{ "{\"ramCommands\":[{\"ramCommandType\":\"seRamCommand\",\"listOfCAPDU\":[\"0\"]}]}",
		  ERR_MALFORMED, "entry 1 of listOfCAPDU is not hexadecimal" },
		{ "{\"chosenSecureElement\":{\"seType\":\"eSE\"}}", ERR_MALFORMED, "seId is missing" },
		{ "{\"chosenSecureElement\":1}", ERR_MALFORMED, "chosenSecureElement is not an object" },
	};
	struct seram2_order order;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fault fault = { 0 };
		assert_int_equal(parse_order(rows[i].json, &order, &fault), rows[i].err);
		assert_string_equal(fault.text, rows[i].reason);
	}
}

static void refuses_a_command_whose_length_does_not_fit(void **state)
{
	static const uint8_t command[] = { 0x80, 0xE2, 0x90, 0x00, 0x05, 0x01 };
	const struct bytes apdu = bytes_of(command, sizeof(command));
	const struct seram2_command run = { .kind = SERAM2_APDUS, .apdus = &apdu, .apdu_count = 1 };
	struct seram2_order order = { .commands = &run, .command_count = 1 };
	struct bytes json;

	(void)state;
	assert_int_equal(seram2_order_build(arena, &order, &json, NULL), ERR_MALFORMED);
	assert_int_equal(parse_order("{\"ramCommands\":[{\"ramCommandType\":\"seRamCommand\","
				     "\"listOfCAPDU\":[\"80E290000501\"]}]}",
				     &order, NULL),
			 ERR_MALFORMED);
}

static void refuses_more_than_it_can_hold(void **state)
{
	struct builder list = builder_in(arena), long_text = builder_in(arena);
	struct seram2_order order;
	struct bytes json;

	(void)state;
	build_text(&list, "{\"ramCommands\":[{\"ramCommandType\":\"ramStartCommand\"}");
	for (int i = 0; i < SERAM2_MAX_ELEMENTS; i++)
		build_text(&list, ",{\"ramCommandType\":\"ramStartCommand\"}");
	build_text(&list, "]}");
	assert_int_equal(builder_bytes(&list, &json), ERR_NONE);
	assert_int_equal(seram2_order_parse(json, arena, &order, NULL), ERR_LIMIT);
	build_zeros(&long_text, SERAM2_MAX_MESSAGE + 1);
	assert_int_equal(builder_bytes(&long_text, &json), ERR_NONE);
	assert_int_equal(seram2_order_parse(json, arena, &order, NULL), ERR_LIMIT);
}

static void reads_a_report_with_and_without_answers(void **state)
{
	struct seram2_report report;

	(void)state;
	assert_int_equal(parse_report("{\"localAgentStatus\":{\"localAgentStatusEnum\":\"PROCESSED\","
				      "\"executedSeRamCommands\":1},\"ramResponses\":[{\"ramResponseType\":"
				      "\"seRamResponse\",\"listOfRAPDU\":[\"\",\"6A88\"]}]}",
				      &report, NULL),
			 ERR_NONE);
	assert_int_equal(report.responses[0].apdus[0].len, 0);
	assert_int_equal(report.responses[0].apdus[1].len, 2);
	assert_int_equal(parse_report("{\"localAgentStatus\":{\"localAgentStatusEnum\":\"UNGRANDED_ACCESS\","
				      "\"errorMsg\":\"rule\"}}",
				      &report, NULL),
			 ERR_NONE);
	assert_int_equal(report.status, SERAM2_UNGRANTED_ACCESS);
	assert_false(report.has_executed);
	assert_string_equal(report.error_text, "rule");
}

static void refuses_reports_and_says_which_member(void **state)
{
	static const struct {
		const char *json, *reason;
	} rows[] = {
		{ "{}", "localAgentStatus is missing" },
		{ "{\"localAgentStatus\":{}}", "localAgentStatusEnum is missing" },
		{ "{\"localAgentStatus\":{\"localAgentStatusEnum\":\"DONE\"}}",
		  "unknown localAgentStatusEnum DONE" },
		{ "{\"localAgentStatus\":{\"localAgentStatusEnum\":\"POLLING\"},\"ramResponses\":[{"
		  "\"ramResponseType\":\"seRamResponse\",\"listOfRAPDU\":[\"90\"]}]}",
		  "an R-APDU has no status word" },
	};
	struct seram2_report report;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fault fault = { 0 };
		assert_int_equal(parse_report(rows[i].json, &report, &fault), ERR_MALFORMED);
		assert_string_equal(fault.text, rows[i].reason);
	}
}

static void builds_as_the_schema_spells(void **state)
{
	static const uint8_t get_data[] = { 0x80, 0xCA, 0x00, 0x66, 0x00 };
	const struct bytes apdu = bytes_of(get_data, sizeof(get_data));
	const struct seram2_command commands[] = {
		{ .kind = SERAM2_START },
		{ .kind = SERAM2_APDUS, .apdus = &apdu, .apdu_count = 1 },
		{ .kind = SERAM2_STOP },
	};
	const struct seram2_order order = { .commands = commands, .command_count = 3 };
	const struct seram2_report report = { .status = SERAM2_UNGRANTED_ACCESS };
	struct bytes json;

	(void)state;
	assert_int_equal(seram2_order_build(arena, &order, &json, NULL), ERR_NONE);
	assert_true(bytes_equal_text(json, "{\"delay\":0,\"ramCommands\":["
					   "{\"ramCommandType\":\"ramStartCommand\"},"
					   "{\"ramCommandType\":\"seRamCommand\","
					   "\"listOfCAPDU\":[\"80CA006600\"]},"
					   "{\"ramCommandType\":\"ramStopCommand\"}]}"));
	assert_int_equal(seram2_report_build(arena, &report, &json), ERR_NONE);
	assert_true(bytes_equal_text(
		json, "{\"localAgentStatus\":{\"localAgentStatusEnum\":\"UNGRANTED_ACCESS\"}}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(takes_defaults_where_the_offer_is_silent, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(chooses_ours_among_what_is_offered, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(reads_the_choice_under_either_name, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(reads_an_order, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(takes_an_order_of_nothing, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(refuses_orders_and_says_which_member, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(refuses_a_command_whose_length_does_not_fit, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(refuses_more_than_it_can_hold, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(reads_a_report_with_and_without_answers, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(refuses_reports_and_says_which_member, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(builds_as_the_schema_spells, open_arena, close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
