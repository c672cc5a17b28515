/* se.upgrade: a load file is exchanged and its application keeps its data, with everything that may break on
 * the way. */
#include "se_lab.h"

#include <string.h>

#include "../e2e/cap_file.h"
#include "gp/elf_upgrade.h"
#include "se_test.h"

#define PACKAGE  "D07002CA44900101"
#define APPLET   "D07002CA4490010101"
#define SECOND   "D07002CA44900201"
#define OTHER    "D07002CA4490010102"
#define INSTALL  "{\"package\":\"1\",\"parametersHex\":\"CAFE1234\"}"
#define UPGRADE  "{\"package\":\"2\"}"
#define ROLLBACK "{\"package\":\"2\",\"rollback\":{\"package\":\"old\"}}"

static struct bytes package_of(struct lab *lab, const char *applet, uint8_t minor)
{
	struct cap_order order = { .package_aid = lab_hex(lab, PACKAGE),
				   .applets = { lab_hex(lab, applet) },
				   .applet_count = 1,
				   .major = 1,
				   .minor = minor,
				   .code_bytes = 300 + (size_t)minor * 100 };
	struct bytes file;

	assert_int_equal(cap_build_zip(lab->job.arena, &order, &file), ERR_NONE);
	return file;
}

static void open_empty(struct lab *lab)
{
	const struct card_settings settings = card_settings_default();

	lab_open(lab, &settings);
}

/* Version 1.0 and its application are on the card. */
static void open_installed(struct lab *lab)
{
	open_empty(lab);
	lab_run(lab, "se.install", INSTALL, package_of(lab, APPLET, 0));
	lab_assert_done(lab);
	lab->job.packages[lab->job.package_count++] =
		(struct lab_package){ "old", { .content = package_of(lab, APPLET, 0) } };
}

static void upgrade(struct lab *lab)
{
	lab_run(lab, "se.upgrade", UPGRADE, package_of(lab, APPLET, 1));
}

static void assert_data_kept(struct lab *lab)
{
	struct bytes value;

	assert_true(card_stored_data(lab->agent.card, lab_hex(lab, APPLET), 0xC9, &value));
	assert_int_equal(value.len, 4);
	assert_memory_equal(value.at, "\xCA\xFE\x12\x34", 4);
}

static void check_upgraded(struct lab *lab)
{
	lab_assert_done(lab);
	assert_data_kept(lab);
	upgrade(lab);
	lab_assert_done(lab);
	assert_true(lab_flag(lab, "alreadyUpgraded"));
}

static void applications_keep_their_data(void **state)
{
	struct lab lab;

	open_installed(&lab);
	upgrade(&lab);
	lab_assert_done(&lab);
	assert_false(lab_flag(&lab, "alreadyUpgraded"));
	assert_string_equal(json_string_value(json_object_get(lab.job.reported, "version")), "1.1");
	const json_t *kept = json_object_get(lab.job.reported, "keptAidsHex");
	assert_int_equal(json_array_size(kept), 1);
	assert_string_equal(json_string_value(json_array_get(kept, 0)), APPLET);
	check_upgraded(&lab);
	lab_close(&lab);
}

static void a_broken_link_does_not_matter(void **state)
{
	lab_break_everywhere(open_installed, upgrade, check_upgraded);
}

static void power_may_go_in_every_command(void **state)
{
	lab_cut_everywhere(open_installed, upgrade, check_upgraded);
}

/* The new version lacks the applet: the card cannot restore its instance. */
static void a_failed_version_leaves_the_data_at_the_card(void **state)
{
	struct lab lab;

	open_installed(&lab);
	lab_run(&lab, "se.upgrade", UPGRADE, package_of(&lab, OTHER, 1));
	lab_assert_failed(&lab, ERR_CONFLICT, "waits");
	/* a better version takes its place */
	lab_run(&lab, "se.upgrade", UPGRADE, package_of(&lab, APPLET, 2));
	lab_assert_done(&lab);
	assert_data_kept(&lab);
	lab_close(&lab);
}

static void the_version_before_comes_back(void **state)
{
	struct lab lab;

	open_installed(&lab);
	lab_run(&lab, "se.upgrade", ROLLBACK, package_of(&lab, OTHER, 1));
	lab_assert_failed(&lab, ERR_CONFLICT, "version 1.0 is back");
	assert_data_kept(&lab);
	lab_close(&lab);
}

/* The session that a bad version left behind, taken up over breaks. */
static void open_failed(struct lab *lab)
{
	open_installed(lab);
	lab_run(lab, "se.upgrade", UPGRADE, package_of(lab, OTHER, 1));
	lab_assert_failed(lab, ERR_CONFLICT, "waits");
}

static void a_broken_link_does_not_matter_to_recovery(void **state)
{
	lab_break_everywhere(open_failed, upgrade, check_upgraded);
	lab_cut_everywhere(open_failed, upgrade, check_upgraded);
}

static void an_upgrade_can_be_given_up(void **state)
{
	struct lab lab;

	open_installed(&lab);
	lab_run(&lab, "se.upgrade", UPGRADE, package_of(&lab, OTHER, 1));
	lab_assert_failed(&lab, ERR_CONFLICT, "waits");
	lab_run(&lab, "se.upgrade", "{\"package\":\"2\",\"abandon\":true}", package_of(&lab, APPLET, 1));
	lab_assert_done(&lab);
	assert_false(lab_has(&lab, APPLET));
	lab_close(&lab);
}

static void there_must_be_something_to_upgrade(void **state)
{
	struct lab lab;

	open_empty(&lab);
	upgrade(&lab);
	lab_assert_failed(&lab, ERR_NOT_FOUND, "nothing to upgrade");
	lab_close(&lab);
}

static void one_load_file_at_a_time(void **state)
{
	struct lab lab;

	open_installed(&lab);
	lab_run(&lab, "se.install", "{\"package\":\"3\"}", lab_package(&lab, SECOND, 1, 300));
	lab_assert_done(&lab);
	lab_run(&lab, "se.upgrade", UPGRADE, package_of(&lab, OTHER, 1));
	lab_assert_failed(&lab, ERR_CONFLICT, "waits");
	lab_run(&lab, "se.upgrade", "{\"package\":\"3\",\"abandon\":true}",
		lab_package(&lab, SECOND, 1, 300));
	lab_assert_failed(&lab, ERR_CONFLICT, "another load file, " PACKAGE);
	assert_true(lab_has(&lab, SECOND "01"));
	lab_close(&lab);
}

/* The second block of each load file is refused, the version before as well. */
static void a_refused_load_file_leaves_the_data_at_the_card(void **state)
{
	struct card_misbehaviour misbehaviour = { .refuses_load = true,
						  .load_block = 0,
						  .load_status = 0x6A80 };
	struct lab lab;

	open_installed(&lab);
	card_misbehave(lab.agent.card, &misbehaviour);
	lab_run(&lab, "se.upgrade", ROLLBACK, package_of(&lab, APPLET, 1));
	lab_assert_failed(&lab, ERR_MALFORMED, "waits");
	misbehaviour.refuses_load = false;
	card_misbehave(lab.agent.card, &misbehaviour);
	upgrade(&lab);
	lab_assert_done(&lab);
	assert_data_kept(&lab);
	lab_close(&lab);
}

static void check_way_back(struct lab *lab)
{
	lab_assert_failed(lab, ERR_CONFLICT, "version 1.0 is back");
	assert_data_kept(lab);
}

static void roll_back(struct lab *lab)
{
	lab_run(lab, "se.upgrade", ROLLBACK, package_of(lab, OTHER, 1));
}

static void a_broken_link_does_not_matter_to_the_way_back(void **state)
{
	lab_break_everywhere(open_installed, roll_back, check_way_back);
	lab_cut_everywhere(open_installed, roll_back, check_way_back);
}

static void sessions_are_read(void **state)
{
	struct arena *arena = arena_create(0);
	struct upgrade_session session;
	struct bytes answer;
	static const char *const bad[] = { "", "00", "0003A10190", "0005A1039001000", "0004A1029000" };

	assert_int_equal(bytes_from_hex(arena, "000BA1094F03D0D1D2900104", &answer), ERR_NONE);
	assert_int_equal(upgrade_session_parse(answer, &session, NULL), ERR_MALFORMED);
	assert_int_equal(bytes_from_hex(arena, "000AA1084F03D0D1D2900104", &answer), ERR_NONE);
	assert_int_equal(upgrade_session_parse(answer, &session, NULL), ERR_NONE);
	assert_int_equal(session.need, UPGRADE_NEEDS_RECOVERY);
	assert_int_equal(session.load_file.len, 3);
	assert_int_equal(bytes_from_hex(arena, "0005A103900177", &answer), ERR_NONE);
	assert_int_equal(upgrade_session_parse(answer, &session, NULL), ERR_UNSUPPORTED);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (bytes_from_hex(arena, bad[i], &answer) == ERR_NONE)
			assert_int_equal(upgrade_session_parse(answer, &session, NULL), ERR_MALFORMED);
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(applications_keep_their_data),
		cmocka_unit_test(a_broken_link_does_not_matter),
		cmocka_unit_test(power_may_go_in_every_command),
		cmocka_unit_test(a_failed_version_leaves_the_data_at_the_card),
		cmocka_unit_test(the_version_before_comes_back),
		cmocka_unit_test(a_broken_link_does_not_matter_to_recovery),
		cmocka_unit_test(an_upgrade_can_be_given_up),
		cmocka_unit_test(there_must_be_something_to_upgrade),
		cmocka_unit_test(one_load_file_at_a_time),
		cmocka_unit_test(a_refused_load_file_leaves_the_data_at_the_card),
		cmocka_unit_test(a_broken_link_does_not_matter_to_the_way_back),
		cmocka_unit_test(sessions_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
