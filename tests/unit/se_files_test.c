/* se.files: files of a UICC over packets and without them, against the simulated card, with everything that
 * may break on the way. */
#include "se_lab.h"

#include <stdio.h>
#include <string.h>

#include "se_test.h"

#define KIC  "101112131415161718191A1B1C1D1E1F"
#define KID  "202122232425262728292A2B2C2D2E2F"
#define USIM "A0000000871002"
#define KEYS "{\"version\":1,\"kicHex\":\"" KIC "\",\"kidHex\":\"" KID "\"}"

#define COMPACT  "\"protocol\":\"scp80\",\"tarHex\":\"B00010\","
#define EXPANDED "\"protocol\":\"scp80\",\"tarHex\":\"B00120\","
#define PLAIN    "\"protocol\":\"none\","

static void open_lab(struct lab *lab)
{
	struct card_settings settings = card_settings_default();
	struct card *plain;
	struct fault fault = { 0 };

	lab_open(lab, &settings);
	plain = lab->agent.card;
	const struct card_extra_key keys[] = {
		{ .version = 1, .id = 1, .components = { { 0x88, lab_hex(lab, KIC) } } },
		{ .version = 1, .id = 2, .components = { { 0x88, lab_hex(lab, KID) } } },
	};
	settings.extra_keys = keys;
	settings.extra_key_count = 2;
	settings.has_uicc = true;
	assert_int_equal(card_open(NULL, &settings, &lab->agent.card, &fault), ERR_NONE);
	card_close(plain);
	lab->job.documents[0] = (struct lab_document){ .kind = "scp80", .json = KEYS };
	lab->job.document_count = 1;
}

static void run(struct lab *lab, const char *params)
{
	lab_run(lab, "se.files", params, bytes_of(NULL, 0));
}

static const json_t *file(const struct lab *lab, size_t number)
{
	return json_array_get(json_object_get(lab->job.reported, "files"), number);
}

static const char *text(const struct lab *lab, size_t number, const char *member)
{
	const char *value = json_string_value(json_object_get(file(lab, number), member));

	return value != NULL ? value : "";
}

static bool changed(const struct lab *lab, size_t number)
{
	return json_is_true(json_object_get(file(lab, number), "changed"));
}

/* ---- reading ---- */

static void reads_files_of_every_structure(void **state)
{
	static const char *const ways[] = { COMPACT, EXPANDED };

	for (size_t i = 0; i < 2; i++) {
		struct lab lab;
		char params[800];
		open_lab(&lab);
		snprintf(params, sizeof(params),
			 "{%s\"aidHex\":\"" USIM "\",\"acts\":["
			 "{\"act\":\"read\",\"path\":\"3F00/7F20/6F07\"},"
			 "{\"act\":\"read\",\"path\":\"7FFF/6F39\"},"
			 "{\"act\":\"read\",\"path\":\"3F00/7F10/6F3A\",\"record\":2},"
			 "{\"act\":\"read\",\"path\":\"3F00/7F10\"},"
			 "{\"act\":\"read\",\"path\":\"7FFF/6F62\"},"
			 "{\"act\":\"read\",\"path\":\"7FFF/6F46\",\"offset\":1,\"length\":6}]}",
			 ways[i]);
		run(&lab, params);
		lab_assert_done(&lab);
		assert_string_equal(text(&lab, 0, "contentHex"), "082926241000000010");
		assert_string_equal(text(&lab, 1, "structure"), "cyclic");
		assert_int_equal(strlen(text(&lab, 1, "contentHex")), 2 * 12);
		assert_int_equal(strlen(text(&lab, 2, "contentHex")), 2 * 28);
		assert_string_equal(text(&lab, 3, "structure"), "directory");
		assert_int_equal(strlen(text(&lab, 4, "contentHex")), 2 * 400);
		assert_string_equal(text(&lab, 5, "contentHex"), "436172646561");
		lab_close(&lab);
	}
}

static void reads_without_keys_what_anybody_may_read(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run(&lab, "{" PLAIN "\"acts\":[{\"act\":\"read\",\"path\":\"3F00/2FE2\"}]}");
	lab_assert_done(&lab);
	assert_string_equal(text(&lab, 0, "contentHex"), "989442000000000000F1");
	run(&lab, "{" PLAIN "\"aidHex\":\"" USIM "\",\"acts\":[{\"act\":\"read\",\"path\":\"7FFF/6F46\"},"
		  "{\"act\":\"read\",\"path\":\"7FFF/6F07\"}]}");
	lab_assert_failed(&lab, ERR_DENIED, "acts[1], read 7FFF/6F07: READ BINARY from 0: 6982");
	assert_int_equal(strlen(text(&lab, 0, "contentHex")), 2 * 17);
	lab_close(&lab);
}

static void what_does_not_suit_the_file_is_told(void **state)
{
	static const struct {
		const char *act, *words;
	} rows[] = {
		{ "\"act\":\"read\",\"path\":\"3F00/6FFF\"", "there is no such file" },
		{ "\"act\":\"read\",\"path\":\"3F00/2FE2\",\"record\":1", "transparent" },
		{ "\"act\":\"read\",\"path\":\"3F00/2FE2\",\"offset\":9,\"length\":2", "10 bytes" },
		{ "\"act\":\"read\",\"path\":\"3F00/7F10/6F3A\",\"record\":6", "5 of them" },
		{ "\"act\":\"update\",\"path\":\"3F00/7F10/6F3A\",\"record\":1,\"dataHex\":\"00\"",
		  "28 bytes" },
		{ "\"act\":\"update\",\"path\":\"3F00/2FE2\",\"dataHex\":\"00\"", "6982" },
		{ "\"act\":\"update\",\"path\":\"3F00/7F10\",\"dataHex\":\"00\"", "directory" },
		{ "\"act\":\"create\",\"path\":\"3F00/7F20/"
		  "6F07\",\"structure\":\"transparent\",\"sizeBytes\":8",
		  "another structure or size" },
		{ "\"act\":\"create\",\"path\":\"3F00/6F99\",\"structure\":\"cyclic\",\"sizeBytes\":8",
		  "recordBytes" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab lab;
		char params[400];
		open_lab(&lab);
		snprintf(params, sizeof(params), "{" COMPACT "\"acts\":[{%s}]}", rows[i].act);
		run(&lab, params);
		if (lab.job.result != CARDEA_FAILED || strstr(lab.job.reason, rows[i].words) == NULL)
			fail_msg("%s: %d %s", rows[i].act, lab.job.result, lab.job.reason);
		lab_close(&lab);
	}
}

/* ---- changing ---- */

#define RECORD "00112233445566778899AABBCCDDEEFF00112233445566778899AABB"
#define CHANGES                                                                                              \
	"\"aidHex\":\"" USIM "\",\"acts\":["                                                                 \
	"{\"act\":\"update\",\"path\":\"7FFF/6F46\",\"offset\":1,\"dataHex\":\"48656C6C6F\"},"               \
	"{\"act\":\"update\",\"path\":\"3F00/7F10/6F3A\",\"record\":2,\"dataHex\":\"" RECORD "\"},"          \
	"{\"act\":\"create\",\"path\":\"3F00/7F20/6FAA\",\"structure\":\"linear-fixed\",\"sizeBytes\":20,"   \
	"\"recordBytes\":5},"                                                                                \
	"{\"act\":\"resize\",\"path\":\"7FFF/6F62\",\"sizeBytes\":100},"                                     \
	"{\"act\":\"delete\",\"path\":\"3F00/7F20/6F07\"},"                                                  \
	"{\"act\":\"deactivate\",\"path\":\"7FFF/6F07\"}]}"

static void assert_changes(const struct lab *lab)
{
	assert_string_equal(text(lab, 0, "beforeHex"), "4361726465");
	assert_string_equal(text(lab, 0, "contentHex"), "48656C6C6F");
	assert_string_equal(text(lab, 1, "contentHex"), RECORD);
	assert_string_equal(text(lab, 2, "structure"), "linear-fixed");
	assert_int_equal(json_integer_value(json_object_get(file(lab, 2), "recordBytes")), 5);
	assert_int_equal(json_integer_value(json_object_get(file(lab, 3), "sizeBytes")), 100);
	assert_int_equal(strlen(text(lab, 3, "beforeHex")), 2 * 400);
	assert_string_equal(text(lab, 4, "beforeHex"), "082926241000000010");
	assert_true(json_is_false(json_object_get(file(lab, 5), "active")));
}

static void changes_are_made_and_read_back(void **state)
{
	static const char *const ways[] = { "{" COMPACT CHANGES, "{" EXPANDED CHANGES };

	for (size_t i = 0; i < 2; i++) {
		struct lab lab;
		open_lab(&lab);
		run(&lab, ways[i]);
		lab_assert_done(&lab);
		assert_changes(&lab);
		for (size_t act = 0; act < 6; act++)
			assert_true(changed(&lab, act));
		run(&lab, ways[i]);
		lab_assert_done(&lab);
		for (size_t act = 0; act < 6; act++)
			assert_false(changed(&lab, act));
		lab_close(&lab);
	}
}

/* What was done before a break is done, what was not is done then. A before-image may be that of after, where
 * the act was done and nobody heard of it: then it says that nothing was changed. */
static void changes_survive_every_break(void **state)
{
	for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
		unsigned requests = 1;
		for (unsigned at = 1; at <= requests; at += 5) {
			struct lab lab;
			open_lab(&lab);
			lab.job.break_kind = kind;
			lab.job.break_at = at;
			run(&lab, "{" EXPANDED CHANGES);
			requests = lab.job.requests;
			lab_assert_done(&lab);
			assert_changes(&lab);
			lab_close(&lab);
		}
	}
}

static void add_a_record(struct lab *lab)
{
	run(lab, "{" COMPACT "\"aidHex\":\"" USIM
		 "\",\"acts\":[{\"act\":\"update\",\"path\":\"7FFF/6F39\","
		 "\"dataHex\":\"000102\"}]}");
}

static void assert_one_record(struct lab *lab)
{
	lab_assert_done(lab);
	assert_string_equal(text(lab, 0, "contentHex"), "000102FFFFFFFFFFFFFFFFFF");
}

static void a_cyclic_file_gets_one_record_whatever_breaks(void **state)
{
	lab_break_everywhere(open_lab, add_a_record, assert_one_record);
}

static void changes_work_over_a_secure_channel(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run(&lab, "{\"protocol\":\"scp03\"," CHANGES);
	lab_assert_done(&lab);
	assert_changes(&lab);
	lab_close(&lab);
}

static void a_card_that_only_says_yes_is_not_believed(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.lies_about = 0xD6;
	lab.agent.lies = 1;
	lab.agent.lie = bytes_of("\x90\x00", 2);
	lab.agent.lies_instead = true;
	run(&lab, "{\"protocol\":\"scp03\",\"securityLevel\":\"c-mac\",\"aidHex\":\"" USIM
		  "\",\"acts\":[{\"act\":\"update\","
		  "\"path\":\"7FFF/6F46\",\"dataHex\":\"0041\"}]}");
	assert_true(lab.job.result != CARDEA_DONE);
	lab_close(&lab);
}

static void a_full_card_is_told(void **state)
{
	struct lab lab;

	open_lab(&lab);
	card_misbehave(lab.agent.card, &(struct card_misbehaviour){ .is_out_of_memory = true });
	run(&lab,
	    "{" COMPACT "\"acts\":[{\"act\":\"create\",\"path\":\"3F00/6F99\",\"structure\":\"transparent\","
	    "\"sizeBytes\":80}]}");
	lab_assert_failed(&lab, ERR_LIMIT, "acts[0], create 3F00/6F99: CREATE FILE: 6A84");
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_files_of_every_structure),
		cmocka_unit_test(reads_without_keys_what_anybody_may_read),
		cmocka_unit_test(what_does_not_suit_the_file_is_told),
		cmocka_unit_test(changes_are_made_and_read_back),
		cmocka_unit_test(changes_survive_every_break),
		cmocka_unit_test(a_cyclic_file_gets_one_record_whatever_breaks),
		cmocka_unit_test(changes_work_over_a_secure_channel),
		cmocka_unit_test(a_card_that_only_says_yes_is_not_believed),
		cmocka_unit_test(a_full_card_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
