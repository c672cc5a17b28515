/* How many scripts each operation takes: as few as the agent's sizes allow. */
#include "se_lab.h"

#include <stdio.h>

#include "../e2e/cap_file.h"
#include "se_test.h"

#define PACKAGE     "D07002CA44900101"
#define APPLET      "D07002CA4490010101"
#define FACTORY_KEY "404142434445464748494A4B4C4D4E4F"
#define NEW_KEY     "00112233445566778899AABBCCDDEEFF"

#define SIZE_COUNT 6

static const uint32_t sizes[SIZE_COUNT] = { 256, 512, 1024, 2048, 4096, 8192 };

/* A card of SCP03 at level 33 whose counter is known. */
static void open_lab(struct lab *lab, uint32_t size)
{
	struct card_settings settings = card_settings_default();

	settings.nonvolatile_bytes = 200 << 10;
	lab_open(lab, &settings);
	lab->agent.max_request = lab->agent.max_response = size;
	lab_run(lab, "se.delete", "{\"aidHex\":\"" APPLET "\"}", bytes_of(NULL, 0));
	assert_int_equal(lab->job.result, CARDEA_DONE);
}

static unsigned scripts(const struct lab *lab)
{
	const unsigned count = (unsigned)json_integer_value(json_object_get(lab->job.reported, "scripts"));

	if (lab->job.result != CARDEA_DONE)
		fail_msg("result %d, %s: %s", lab->job.result, err_name(lab->job.kind), lab->job.reason);
	return count;
}

static void audit(struct lab *lab)
{
	lab_run(lab, "se.audit", "{}", bytes_of(NULL, 0));
}

static void install(struct lab *lab, size_t code_bytes)
{
	struct cap_order order = { .package_aid = lab_hex(lab, PACKAGE),
				   .applets = { lab_hex(lab, APPLET) },
				   .applet_count = 1,
				   .major = 1,
				   .code_bytes = code_bytes };
	struct bytes file;

	assert_int_equal(cap_build_zip(lab->job.arena, &order, &file), ERR_NONE);
	lab_run(lab, "se.install", "{\"package\":\"1\"}", file);
}

static void install_5_kB(struct lab *lab)
{
	install(lab, 5000);
}

static void install_60_kB(struct lab *lab)
{
	install(lab, 60000);
}

static void delete (struct lab *lab)
{
	install(lab, 700);
	lab_run(lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\",\"related\":true}", bytes_of(NULL, 0));
}

static void delete_nothing(struct lab *lab)
{
	lab_run(lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\"}", bytes_of(NULL, 0));
}

static void put_keys(struct lab *lab)
{
	lab_add_keys(lab, 0x31, NEW_KEY, NEW_KEY, NEW_KEY);
	lab_run(lab, "se.put-keys", "{\"newKeyVersion\":49}", bytes_of(NULL, 0));
}

static void assert_scripts(const char *what, void (*job)(struct lab *lab),
			   const unsigned expected[SIZE_COUNT])
{
	for (unsigned i = 0; i < SIZE_COUNT; i++) {
		struct lab lab;
		if (expected[i] == 0)
			continue;
		open_lab(&lab, sizes[i]);
		job(&lab);
		if (scripts(&lab) != expected[i])
			fail_msg("%s with %u bytes: %u scripts, not %u", what, (unsigned)sizes[i],
				 scripts(&lab), expected[i]);
		lab_close(&lab);
	}
}

/* 12 questions; their answers are what fills a script. */
static void an_audit_takes_one_where_its_answers_fit(void **state)
{
	static const unsigned expected[SIZE_COUNT] = { 7, 4, 2, 1, 1, 1 };

	assert_scripts("audit", audit, expected);
}

/* One to look, then those that the load file fills; the last one installs and looks again. */
static void an_install_takes_what_its_load_file_fills(void **state)
{
	static const unsigned small[SIZE_COUNT] = { 27, 13, 7, 4, 3, 2 };
	/* 256 blocks of 223 bytes are less than 60 kB; of 512 bytes, 256 blocks leave few that may be short
	 */
	static const unsigned large[SIZE_COUNT] = { 0, 195, 66, 33, 17, 9 };

	assert_scripts("5 kB", install_5_kB, small);
	assert_scripts("60 kB", install_60_kB, large);
}

/* No planner could do with less: as many scripts as there are bytes, were a script one command without end.
 */
static void load_scripts_are_full(void **state)
{
	for (unsigned i = 2; i < SIZE_COUNT; i++) {
		struct lab lab;
		open_lab(&lab, sizes[i]);
		install_60_kB(&lab);
		/* of 257 bytes in a script, 239 are of the load file */
		const size_t bytes =
			(size_t)json_integer_value(json_object_get(lab.job.reported, "loadFileBytes"));
		const size_t capacity = (size_t)(sizes[i] - 5) * 239 / 257;
		assert_in_range(scripts(&lab), 1 + (bytes + capacity - 1) / capacity,
				2 + (bytes + capacity - 1) / capacity);
		lab_close(&lab);
	}
}

/* To look, to delete and look again; to look is enough where nothing is. */
static void a_delete_takes_two(void **state)
{
	static const unsigned there[SIZE_COUNT] = { 4, 2, 2, 2, 2, 2 },
			      absent[SIZE_COUNT] = { 2, 1, 1, 1, 1, 1 };

	assert_scripts("delete", delete, there);
	assert_scripts("delete of nothing", delete_nothing, absent);
}

/* To look; to put, and to ask for the session that the new keys open, whose counter nobody knows; to use it.
 */
static void keys_take_three(void **state)
{
	static const unsigned expected[SIZE_COUNT] = { 5, 3, 3, 3, 3, 3 };

	assert_scripts("put-keys", put_keys, expected);
}

/* Which protocol, and how its session begins, is one question. */
static void a_card_that_has_to_be_asked_takes_one_more(void **state)
{
	static const struct {
		uint8_t scp02, scp03;
		unsigned first, next;
	} rows[] = {
		{ 0, 0x60, 2, 2 }, /* no counter: both are asked each time */
		{ 0, 0x70, 2, 2 }, /* asked, then all in one */
		{ 0, 0x71, 3, 2 }, /* that challenges are long takes another one to learn */
		{ 0x15, 0x70, 3, 3 }, { 0x55, 0x70, 3, 2 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct card_settings settings = card_settings_default();
		struct lab lab;
		settings.scp02_options = rows[i].scp02;
		settings.scp03_options = rows[i].scp03;
		lab_open(&lab, &settings);
		lab.agent.max_request = lab.agent.max_response = 8192;
		lab_add_keys_of(&lab, "scp02", 0x30, FACTORY_KEY, FACTORY_KEY, FACTORY_KEY);
		audit(&lab);
		assert_int_equal(scripts(&lab), rows[i].first);
		for (unsigned again = 0; again < 2; again++) {
			audit(&lab);
			assert_int_equal(scripts(&lab), rows[i].next);
		}
		lab_close(&lab);
	}
}

/* 9F65 of a card: no command has more data, and all of them together still fill the script. */
static void the_largest_command_of_a_card_is_respected(void **state)
{
	struct lab lab;

	open_lab(&lab, 1024);
	struct cap_order order = { .package_aid = lab_hex(&lab, PACKAGE),
				   .applets = { lab_hex(&lab, APPLET) },
				   .applet_count = 1,
				   .major = 1,
				   .code_bytes = 5000 };
	struct bytes file;
	assert_int_equal(cap_build_zip(lab.job.arena, &order, &file), ERR_NONE);
	lab.agent.max_command_data = 128;
	lab_run(&lab, "se.install", "{\"package\":\"1\",\"maxCommandData\":128}", file);
	assert_int_equal(scripts(&lab), 8);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_audit_takes_one_where_its_answers_fit),
		cmocka_unit_test(an_install_takes_what_its_load_file_fills),
		cmocka_unit_test(load_scripts_are_full),
		cmocka_unit_test(a_delete_takes_two),
		cmocka_unit_test(keys_take_three),
		cmocka_unit_test(a_card_that_has_to_be_asked_takes_one_more),
		cmocka_unit_test(the_largest_command_of_a_card_is_respected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
