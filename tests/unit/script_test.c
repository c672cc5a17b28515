/* Expanded scripts: what must be refused. What must come out is in tests/vectors. */
#include "seram/script.h"

#include "one_arena.h"

static void assert_refused(const char *text, const char *words)
{
	struct script_response response;
	struct fault fault = { 0 };

	assert_int_equal(script_response_parse(hex(text), arena, &response, &fault), ERR_MALFORMED);
	if (strstr(fault.text, words) == NULL)
		fail_msg("%s", fault.text);
}

static void responses_that_do_not_add_up_are_refused(void **state)
{
	assert_refused("", "is empty");
	assert_refused("AB", "cut short");
	assert_refused("AB0780010123026132FF", "1 bytes after");
	assert_refused("AB0723059000", "cut short");
	assert_refused("AB0423059000", "runs past its end");
	assert_refused("AA0423029000", "a script of commands");
	assert_refused("AF8023029000", "does not end with 0000");
	assert_refused("AF81", "not of indefinite length");
	assert_refused("AB0323016A", "no status word");
	assert_refused("AB03850101", "unknown element 85");
	assert_refused("AB028000", "number of executed commands");
	assert_refused("AB029000", "is empty");
}

static void refusals_have_words(void **state)
{
	static const struct {
		const char *script, *words;
	} rows[] = {
		{ "AB0680010190 0101", "unknown tag in the script" },
		{ "AB06800101900102", "wrong length in the script" },
		{ "AB06800101810101", "suspension error" },
		{ "AB06800101830102", "script chaining not supported" },
		{ "AF8090 01770000", "bad format" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct script_response response;
		char text[64];
		size_t len = 0;
		for (const char *c = rows[i].script; *c != '\0'; c++) {
			if (*c != ' ')
				text[len++] = *c;
		}
		text[len] = '\0';
		assert_int_equal(script_response_parse(hex(text), arena, &response, NULL), ERR_NONE);
		assert_string_equal(script_refusal_text(&response), rows[i].words);
	}
}

static void a_response_without_refusal_has_no_words(void **state)
{
	struct script_response response;

	assert_int_equal(script_response_parse(hex("AF80230290000000"), arena, &response, NULL), ERR_NONE);
	assert_null(script_refusal_text(&response));
	assert_int_equal(response.response_count, 1);
}

static void a_command_with_a_wrong_lc_is_not_sent(void **state)
{
	const struct bytes commands[] = { hex("80CA006600"), hex("80E4000003AABB") };
	struct bytes script;
	struct fault fault = { 0 };

	assert_int_equal(script_build(arena, commands, 2, NULL, 0, true, &script, &fault), ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "Lc says 3 bytes"));
}

static void sizes_are_told_beforehand(void **state)
{
	for (size_t len = 4; len <= 260; len++) {
		uint8_t at[261] = { 0x80, 0xE8 };
		struct bytes command = bytes_of(at, len), script;
		if (len > 5)
			at[4] = (uint8_t)(len - 5);
		assert_int_equal(script_build(arena, &command, 1, NULL, 0, true, &script, NULL), ERR_NONE);
		assert_int_equal(script.len, script_command_size(len) + 4);
		assert_int_equal(script_build(arena, &command, 1, NULL, 0, false, &script, NULL), ERR_NONE);
		assert_true(script.len <= script_command_size(len) + SCRIPT_OVERHEAD);
	}
}

/* The response is what a real card sent in a secured packet (tests/vectors/scp80-packet.json). */
static void the_compact_form_has_no_tags(void **state)
{
	const struct bytes commands[] = { hex("00A40004023F00"), hex("80CA006600") };
	const struct bytes wrong = hex("00A40004033F00");
	struct compact_response response;
	struct bytes script;

	assert_int_equal(script_compact_build(arena, commands, 2, &script, NULL), ERR_NONE);
	assert_true(bytes_equal(script, hex("00A40004023F0080CA006600")));
	const struct bytes fetched[] = { hex("0044000000"), hex("00A40004023F0000") };
	assert_int_equal(script_compact_build(arena, fetched, 2, &script, NULL), ERR_NONE);
	assert_true(bytes_equal(script, hex("004400000000A40004023F0000C0000000")));
	assert_int_equal(script_compact_build(arena, &wrong, 1, &script, NULL), ERR_MALFORMED);
	assert_int_equal(script_compact_parse(hex("016132"), &response, NULL), ERR_NONE);
	assert_int_equal(response.executed_count, 1);
	assert_int_equal(response.last.sw, 0x6132);
	assert_int_equal(response.last.data.len, 0);
	assert_int_equal(script_compact_parse(hex("029000ABCD"), &response, NULL), ERR_NONE);
	assert_true(bytes_equal(response.last.data, hex("ABCD")));
	assert_int_equal(script_compact_parse(hex("0190"), &response, NULL), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(responses_that_do_not_add_up_are_refused),
		cmocka_unit_test(refusals_have_words),
		cmocka_unit_test(a_response_without_refusal_has_no_words),
		cmocka_unit_test(a_command_with_a_wrong_lc_is_not_sent),
		cmocka_unit_test(sizes_are_told_beforehand),
		cmocka_unit_test(the_compact_form_has_no_tags),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
