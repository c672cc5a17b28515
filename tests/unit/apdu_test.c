/* Commands and answers of cards: their bytes, and what they mean in words. */
#include "gp/apdu.h"

#include "one_arena.h"

static void assert_same_again(const char *text)
{
	struct command command;
	struct builder b = builder_in(arena);
	struct bytes built;

	assert_int_equal(command_parse(hex(text), &command, NULL), ERR_NONE);
	build_command(&b, &command);
	assert_int_equal(builder_bytes(&b, &built), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, built), text);
	assert_int_equal(command_size(&command), built.len);
}

static void all_four_cases_are_read_and_written(void **state)
{
	assert_same_again("80CA0066");
	assert_same_again("80CA006600");
	assert_same_again("80E400000A4F08A000000151000000");
	assert_same_again("80F28002024F0000");
}

static void assert_refused(const char *text, enum err kind)
{
	struct command command;
	struct fault fault = { 0 };

	assert_int_equal(command_parse(hex(text), &command, &fault), kind);
	assert_true(fault.text[0] != '\0');
}

static void a_command_shorter_than_its_header_is_refused(void **state)
{
	assert_refused("80CA00", ERR_MALFORMED);
}

static void a_wrong_lc_is_refused(void **state)
{
	assert_refused("80E4000003AABB", ERR_MALFORMED);
	assert_refused("80E4000001AABBCC", ERR_MALFORMED);
}

static void extended_lengths_are_refused(void **state)
{
	assert_refused("80E40000000001AA", ERR_UNSUPPORTED);
}

static void data_of_more_than_255_bytes_mark_the_builder(void **state)
{
	uint8_t data[256] = { 0 };
	struct builder b = builder_in(arena);
	struct bytes built;

	build_command(&b, &(struct command){ .data = bytes_of(data, sizeof(data)) });
	assert_int_not_equal(builder_bytes(&b, &built), ERR_NONE);
}

static void an_answer_ends_with_its_status_word(void **state)
{
	struct response response;

	assert_int_equal(response_parse(hex("01029000"), &response, NULL), ERR_NONE);
	assert_int_equal(response.sw, 0x9000);
	assert_int_equal(response.data.len, 2);
	assert_int_equal(response_parse(hex("90"), &response, NULL), ERR_MALFORMED);
}

static void status_words_have_words(void **state)
{
	assert_string_equal(sw_text(0x6A84), "not enough memory");
	assert_string_equal(sw_text(0x6105), "more bytes available");
	assert_string_equal(sw_text(0x63C2), "warning, something changed");
	assert_string_equal(sw_text(0x1234), "unknown status");
}

static const char *text_of(const char *text)
{
	struct command command;

	assert_int_equal(command_parse(hex(text), &command, NULL), ERR_NONE);
	return command_text(arena, &command);
}

static void commands_are_described(void **state)
{
	assert_string_equal(text_of("8050300008000102030405060700"), "INITIALIZE UPDATE key version 30");
	assert_string_equal(text_of("80E60200100BD07002CA449001010203040000000000"),
			    "INSTALL [for load] D07002CA44900101020304");
	assert_string_equal(text_of("80E400800A4F08D07002CA4490010100"),
			    "DELETE D07002CA44900101 and related");
	assert_string_equal(text_of("80E8800402AABB00"), "LOAD last block 04, 2 bytes");
	assert_string_equal(text_of("00112233"), "command CLA 00 INS 11 P1 22 P2 33");
}

static void descriptions_never_show_keys_or_personal_data(void **state)
{
	struct command command;

	assert_string_equal(text_of("80D8308103AABBCC00"), "PUT KEY replace 30, from key 01");
	assert_string_equal(text_of("80E2800003AABBCC"), "STORE DATA 00, 3 bytes");
	assert_int_equal(command_parse(hex("80D8308103AABBCC00"), &command, NULL), ERR_NONE);
	assert_true(command_is_confidential(&command));
	assert_int_equal(command_parse(hex("80CA006600"), &command, NULL), ERR_NONE);
	assert_false(command_is_confidential(&command));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_four_cases_are_read_and_written),
		cmocka_unit_test(a_command_shorter_than_its_header_is_refused),
		cmocka_unit_test(a_wrong_lc_is_refused),
		cmocka_unit_test(extended_lengths_are_refused),
		cmocka_unit_test(data_of_more_than_255_bytes_mark_the_builder),
		cmocka_unit_test(an_answer_ends_with_its_status_word),
		cmocka_unit_test(status_words_have_words),
		cmocka_unit_test(commands_are_described),
		cmocka_unit_test(descriptions_never_show_keys_or_personal_data),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
