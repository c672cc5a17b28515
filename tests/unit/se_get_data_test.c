/* se.get-data against the simulated card: whole answers, in words and members where they are known. */
#include "se_lab.h"

#include <string.h>

#include "se_test.h"

#define LONG_BYTES 600

static void open_card(struct lab *lab)
{
	struct card_settings settings = card_settings_default();

	lab_open(lab, &settings);
}

static const char *text(const struct lab *lab, const char *member)
{
	const char *value = json_string_value(json_object_get(lab->job.reported, member));

	return value != NULL ? value : "";
}

static void known_objects_are_decoded(void **state)
{
	static const struct {
		const char *params, *member, *words;
	} rows[] = {
		{ "{\"tagHex\":\"66\"}", "globalPlatformVersion", "card recognition data" },
		{ "{\"tagHex\":\"00E0\"}", "", "key information" },
		{ "{\"tagHex\":\"FF21\"}", "freeNonVolatileBytes", "free non-volatile memory" },
		{ "{\"tagHex\":\"9F7F\"}", "icSerialNumberHex", "production life cycle data" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab lab;
		open_card(&lab);
		lab_do(&lab, "se.get-data", rows[i].params);
		lab_assert_done(&lab);
		const json_t *decoded = json_object_get(lab.job.reported, "decoded");
		if (rows[i].member[0] != '\0')
			assert_non_null(json_object_get(decoded, rows[i].member));
		else
			assert_int_equal(json_array_size(decoded), 3);
		assert_non_null(strstr(text(&lab, "explained"), rows[i].words));
		lab_close(&lab);
	}
}

static void lists_are_asked_by_a_criterion(void **state)
{
	struct lab lab;

	open_card(&lab);
	lab_do(&lab, "se.get-data", "{\"tagHex\":\"2F00\",\"dataHex\":\"5C00\"}");
	lab_assert_done(&lab);
	assert_non_null(strstr(text(&lab, "explained"), "A000000151000000"));
	assert_string_equal(text(&lab, "tagHex"), "2F00");
	lab_close(&lab);
}

/* A card image number that no single answer can hold. */
static void store_long(struct lab *lab)
{
	struct builder b = builder_in(lab->job.arena);

	build_text(&b, "{\"format\":\"ber-tlv\",\"dataHex\":\"45820258");
	for (unsigned i = 0; i < LONG_BYTES; i++)
		build_printf(&b, "%02X", i & 0xFF);
	build_text(&b, "\"}");
	build_u8(&b, 0);
	struct bytes params;
	assert_int_equal(builder_bytes(&b, &params), ERR_NONE);
	lab_do(lab, "se.store-data", (const char *)params.at);
	lab_assert_done(lab);
}

static void long_answers_come_whole_at_every_level(void **state)
{
	static const char *const levels[] = { "c-mac", "c-mac+r-mac", "full" };

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		struct lab lab;
		open_card(&lab);
		store_long(&lab);
		lab_do(&lab, "se.get-data",
		       arena_printf(lab.job.arena, "{\"tagHex\":\"45\",\"securityLevel\":\"%s\"}",
				    levels[i]));
		lab_assert_done(&lab);
		assert_int_equal(json_integer_value(json_object_get(lab.job.reported, "bytes")),
				 LONG_BYTES + 4);
		assert_int_equal(strlen(text(&lab, "dataHex")), 2 * (LONG_BYTES + 4));
		lab_close(&lab);
	}
}

static void what_does_not_come_whole_is_not_given_out(void **state)
{
	struct lab lab;

	open_card(&lab);
	store_long(&lab);
	lab.agent.refuse_answers_over = 400;
	lab_do(&lab, "se.get-data", "{\"tagHex\":\"45\"}");
	lab_assert_failed(&lab, ERR_LIMIT, "does not come whole");
	assert_null(json_object_get(lab.job.reported, "dataHex"));
	lab_close(&lab);
}

static void a_piece_is_not_taken_for_the_whole(void **state)
{
	static const struct {
		const char *level;
		enum err kind;
	} rows[] = { { "c-mac", ERR_UNSUPPORTED }, { "full", ERR_LIMIT } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab lab;
		open_card(&lab);
		store_long(&lab);
		lab.agent.leaves_the_rest = true;
		lab_do(&lab, "se.get-data",
		       arena_printf(lab.job.arena, "{\"tagHex\":\"45\",\"securityLevel\":\"%s\"}",
				    rows[i].level));
		lab_assert_failed(&lab, rows[i].kind, "");
		lab_close(&lab);
	}
}

static void what_is_not_there_is_a_clear_failure(void **state)
{
	static const struct {
		const char *params;
		enum err kind;
		const char *words;
	} rows[] = {
		{ "{\"tagHex\":\"5F50\"}", ERR_NOT_FOUND, "GET DATA 5F50: 6A88" },
		{ "{\"tagHex\":\"0000\"}", ERR_MALFORMED, "tagHex" },
		{ "{\"tagHex\":\"2F00\",\"dataHex\":\"5C01\"}", ERR_MALFORMED, "6A80" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab lab;
		open_card(&lab);
		lab_do(&lab, "se.get-data", rows[i].params);
		lab_assert_failed(&lab, rows[i].kind, rows[i].words);
		lab_close(&lab);
	}
}

static void read_card_data(struct lab *lab)
{
	lab_do(lab, "se.get-data", "{\"tagHex\":\"66\"}");
}

static void assert_read(struct lab *lab)
{
	lab_assert_done(lab);
	assert_non_null(json_object_get(lab->job.reported, "decoded"));
}

static void reading_survives_a_break_everywhere(void **state)
{
	lab_break_everywhere(open_card, read_card_data, assert_read);
	lab_cut_everywhere(open_card, read_card_data, assert_read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_objects_are_decoded),
		cmocka_unit_test(lists_are_asked_by_a_criterion),
		cmocka_unit_test(long_answers_come_whole_at_every_level),
		cmocka_unit_test(what_does_not_come_whole_is_not_given_out),
		cmocka_unit_test(a_piece_is_not_taken_for_the_whole),
		cmocka_unit_test(what_is_not_there_is_a_clear_failure),
		cmocka_unit_test(reading_survives_a_break_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
