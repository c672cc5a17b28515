/* The formats of bodies and the settings of the agent: the same operations through each of them. */
#include "se_lab.h"

#include <stdio.h>
#include <string.h>

#include "../e2e/cap_file.h"
#include "se_test.h"

#define PACKAGE "D07002CA44900101"
#define APPLET  "D07002CA4490010101"
#define SERAM2  "gpseram/2.0.0"

static void open_lab(struct lab *lab)
{
	struct card_settings settings = card_settings_default();

	lab_open(lab, &settings);
	lab->agent.has_settings = true;
}

static void audit(struct lab *lab, const char *params)
{
	lab_run(lab, "se.audit", params, bytes_of(NULL, 0));
}

static void install(struct lab *lab, const char *format)
{
	struct cap_order order = { .package_aid = lab_hex(lab, PACKAGE),
				   .applets = { lab_hex(lab, APPLET) },
				   .applet_count = 1,
				   .major = 1,
				   .code_bytes = 700 };
	char params[80];
	struct bytes file;

	assert_int_equal(cap_build_zip(lab->job.arena, &order, &file), ERR_NONE);
	snprintf(params, sizeof(params), "{\"package\":\"1\",\"bodyFormat\":\"%s\"}", format);
	lab_run(lab, "se.install", params, file);
}

/* ---- which format ---- */

static void scripts_are_sent_to_who_announces_both(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.second_protocol = SERAM2;
	lab.agent.body_format = 2;
	audit(&lab, "{}");
	lab_assert_done(&lab);
	assert_int_equal(lab.agent.body_format, 0);
	lab_close(&lab);
}

static void orders_are_sent_to_who_announces_only_them(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.protocol = SERAM2;
	audit(&lab, "{}");
	lab_assert_done(&lab);
	assert_int_equal(lab.agent.body_format, 1);
	lab_close(&lab);
}

static void a_format_that_is_not_announced_is_refused(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	audit(&lab, "{\"bodyFormat\":\"seram2\"}");
	lab_assert_failed(&lab, ERR_UNSUPPORTED, "does not announce a protocol for bodyFormat seram2");
	lab.agent.protocol = SERAM2;
	audit(&lab, "{\"bodyFormat\":\"ts102226\"}");
	lab_assert_failed(&lab, ERR_UNSUPPORTED, "does not announce a protocol for bodyFormat ts102226");
	assert_int_equal(lab.agent.scripts, 0);
	lab_close(&lab);
}

/* ---- operations in each ---- */

static void installs_through_every_format(void **state)
{
	static const char *const formats[] = { "ts102226", "seram2", "raw" };

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct lab lab;
		open_lab(&lab);
		lab.agent.second_protocol = SERAM2;
		install(&lab, formats[i]);
		lab_assert_done(&lab);
		assert_true(lab_has(&lab, APPLET));
		assert_int_equal(lab.agent.body_format, i);
		if (i == 2)
			assert_int_equal(lab.agent.scripts, lab.agent.commands);
		lab_close(&lab);
	}
}

static void definite_and_indefinite_scripts_are_sent_as_asked(void **state)
{
	static const struct {
		const char *params;
		uint8_t first;
	} rows[] = {
		{ "{}", 0xAE },
		{ "{\"scriptLength\":\"definite\"}", 0xAA },
		{ "{\"scriptLength\":\"indefinite\",\"bodyFormat\":\"ts102226\"}", 0xAE },
		{ "{\"scriptLength\":\"definite\",\"bodyFormat\":\"ts102226\"}", 0xAA },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab lab;
		open_lab(&lab);
		audit(&lab, rows[i].params);
		lab_assert_done(&lab);
		assert_int_equal(lab.agent.first_byte, rows[i].first);
		lab_close(&lab);
	}
}

static void an_agent_that_finds_no_length_gets_definite_scripts(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.is_definite_only = true;
	audit(&lab, "{}");
	lab_assert_done(&lab);
	assert_int_equal(lab.agent.first_byte, 0xAA);
	audit(&lab, "{\"scriptLength\":\"indefinite\"}");
	lab_assert_failed(&lab, ERR_MALFORMED, "length not found in the script");
	lab_close(&lab);
}

/* ---- orders ---- */

static void a_selection_begins_each_channel_and_no_other_order(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.protocol = SERAM2;
	install(&lab, "seram2");
	lab_assert_done(&lab);
	assert_true(lab.agent.scripts > 2);
	assert_int_equal(lab.agent.selections, 1);
	assert_int_equal(lab.agent.starts, 1);
	lab_close(&lab);
}

static void a_selection_without_an_answer_is_one(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.protocol = SERAM2;
	lab.agent.opens_by_itself = true;
	install(&lab, "seram2");
	lab_assert_done(&lab);
	assert_true(lab_has(&lab, APPLET));
	lab_close(&lab);
}

static void a_selection_that_fails_names_the_application(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.protocol = SERAM2;
	lab_add_keys(&lab, 0x30, "404142434445464748494A4B4C4D4E4F", "404142434445464748494A4B4C4D4E4F",
		     "404142434445464748494A4B4C4D4E4F");
	audit(&lab, "{\"securityDomainAidHex\":\"A00000000099\"}");
	lab_assert_failed(&lab, ERR_NOT_FOUND, "unknown-application for //aid/A000000000/99");
	lab_close(&lab);
}

static void what_a_report_says_worse_than_its_object_counts(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.protocol = SERAM2;
	lab.agent.report_status = 4;
	audit(&lab, "{}");
	lab_assert_failed(&lab, ERR_DENIED, "security-error for //aid/A000000151/000000 (by rule)");
	lab.agent.report_status = 2;
	audit(&lab, "{}");
	lab_assert_done(&lab); /* unavailable once, and tried again */
	lab_close(&lab);
}

static void open_with_orders(struct lab *lab)
{
	open_lab(lab);
	lab->agent.protocol = SERAM2;
}

static void install_by_orders(struct lab *lab)
{
	install(lab, "seram2");
}

static void assert_installed(struct lab *lab)
{
	lab_assert_done(lab);
	assert_true(lab_has(lab, APPLET));
}

static void orders_survive_a_break_at_every_request(void **state)
{
	(void)state;
	lab_break_everywhere(open_with_orders, install_by_orders, assert_installed);
}

static void audit_by_raw_commands(struct lab *lab)
{
	audit(lab, "{\"bodyFormat\":\"raw\"}");
}

static void assert_audited(struct lab *lab)
{
	lab_assert_done(lab);
}

static void raw_commands_survive_a_break_at_every_request(void **state)
{
	(void)state;
	lab_break_everywhere(open_lab, audit_by_raw_commands, assert_audited);
}

/* ---- settings ---- */

static void settings_are_written_where_they_differ(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.report_required = false;
	lab.agent.retry_count = 9;
	lab.agent.retry_delay = 7;
	lab.agent.session_timeout = 300;
	audit(&lab, "{\"retryCount\":2,\"sessionTimeoutSeconds\":20}");
	lab_assert_done(&lab);
	assert_true(lab.agent.report_required);
	assert_int_equal(lab.agent.retry_count, 2);
	assert_int_equal(lab.agent.retry_delay, 7);
	assert_int_equal(lab.agent.session_timeout, 20);
	lab_close(&lab);
}

static void settings_that_the_agent_lacks_are_not_written(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.has_settings = false;
	audit(&lab, "{\"retryCount\":2,\"sessionTimeoutSeconds\":20}");
	lab_assert_done(&lab);
	assert_int_equal(lab.agent.retry_count, 0);
	assert_int_equal(lab.agent.session_timeout, 0);
	lab_close(&lab);
}

static void the_server_retries_where_the_agent_cannot(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.has_settings = false;
	lab.agent.lasting_status = 5;
	audit(&lab, "{\"retryCount\":3,\"retryDelaySeconds\":11}");
	lab_assert_failed(&lab, ERR_UNAVAILABLE, "unavailable-se for //aid/A000000151/000000, after 4 tries");
	assert_int_equal(lab.agent.scripts, 4);
	lab_close(&lab);
}

static void the_server_leaves_retries_to_the_agent_that_can(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab);
	lab.agent.lasting_status = 5;
	audit(&lab, "{\"retryCount\":3,\"retryDelaySeconds\":11}");
	lab_assert_failed(&lab, ERR_UNAVAILABLE, "unavailable-se");
	assert_int_equal(lab.agent.scripts, 1);
	assert_int_equal(lab.agent.retry_count, 3);
	assert_int_equal(lab.agent.retry_delay, 11);
	lab_close(&lab);
}

static void each_status_has_its_reason(void **state)
{
	static const struct {
		int64_t status;
		enum err kind;
		const char *words;
		unsigned tries;
	} rows[] = {
		{ 2, ERR_NOT_FOUND, "reports unknown-application", 1 },
		{ 3, ERR_NOT_FOUND, "reports not-a-security-domain", 1 },
		{ 4, ERR_DENIED, "reports security-error", 1 },
		{ 5, ERR_UNAVAILABLE, "reports unavailable-se", 6 },
		{ 6, ERR_UNAVAILABLE, "reports temporarily-unavailable-application", 6 },
		{ 7, ERR_MALFORMED, "reports script-format-error", 1 },
		{ 99, ERR_UNSUPPORTED, "reports unknown status", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab lab;
		open_lab(&lab);
		lab.agent.lasting_status = rows[i].status;
		audit(&lab, "{}");
		lab_assert_failed(&lab, rows[i].kind, rows[i].words);
		assert_int_equal(lab.agent.scripts, rows[i].tries);
		lab_close(&lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_are_sent_to_who_announces_both),
		cmocka_unit_test(orders_are_sent_to_who_announces_only_them),
		cmocka_unit_test(a_format_that_is_not_announced_is_refused),
		cmocka_unit_test(installs_through_every_format),
		cmocka_unit_test(definite_and_indefinite_scripts_are_sent_as_asked),
		cmocka_unit_test(an_agent_that_finds_no_length_gets_definite_scripts),
		cmocka_unit_test(a_selection_begins_each_channel_and_no_other_order),
		cmocka_unit_test(a_selection_without_an_answer_is_one),
		cmocka_unit_test(a_selection_that_fails_names_the_application),
		cmocka_unit_test(what_a_report_says_worse_than_its_object_counts),
		cmocka_unit_test(orders_survive_a_break_at_every_request),
		cmocka_unit_test(raw_commands_survive_a_break_at_every_request),
		cmocka_unit_test(settings_are_written_where_they_differ),
		cmocka_unit_test(settings_that_the_agent_lacks_are_not_written),
		cmocka_unit_test(the_server_retries_where_the_agent_cannot),
		cmocka_unit_test(the_server_leaves_retries_to_the_agent_that_can),
		cmocka_unit_test(each_status_has_its_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
