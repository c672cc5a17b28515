/* Whole operations of the Secure Element plugin, against the simulated card, with everything that may break
 * on the way. */
#include "se_lab.h"

#include <stdlib.h>
#include <string.h>

#include "../e2e/cap_file.h"
#include "se_test.h"

#define PACKAGE "D07002CA44900101"
#define APPLET  "D07002CA4490010101"

static struct bytes make_package(struct lab *lab, size_t code_bytes, uint8_t major)
{
	struct cap_order order = { .package_aid = lab_hex(lab, PACKAGE),
				   .applets = { lab_hex(lab, APPLET) },
				   .applet_count = 1,
				   .major = major,
				   .code_bytes = code_bytes };
	struct bytes file;

	assert_int_equal(cap_build_zip(lab->arena, &order, &file), ERR_NONE);
	return file;
}

static void open_lab(struct lab *lab)
{
	struct card_settings settings = card_settings_default();

	lab_open(lab, &settings);
}

static void assert_done(const struct lab *lab)
{
	if (lab->result != CARDEA_DONE)
		fail_msg("result %d, %s: %s", lab->result, err_name(lab->kind), lab->reason);
}

static bool reported_flag(const struct lab *lab, const char *name)
{
	const json_t *value = json_object_get(lab->reported, name);

	assert_true(json_is_boolean(value));
	return json_is_true(value);
}

/* ---- audit ---- */

static void audit_learns_what_is_on_the_card(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab_run(&lab, "se.audit", "{}", bytes_of(NULL, 0));
	assert_done(&lab);
	const json_t *learned = json_object_get(lab.learned, "0");
	char *text = json_dumps(learned, JSON_INDENT(1));
	print_message("%s\n%u requests\n", text, lab.requests);
	free(text);
	assert_non_null(json_object_get(learned, "keys"));
	lab_close(&lab);
}

/* ---- install ---- */

static void install_puts_the_application_on_the_card(void **state)
{
	struct lab lab;

	open_lab(&lab);
	struct bytes package = make_package(&lab, 5000, 1);
	lab_run(&lab, "se.install", "{\"package\":\"1\"}", package);
	assert_done(&lab);
	assert_true(lab_has(&lab, PACKAGE));
	assert_true(lab_has(&lab, APPLET));
	assert_false(reported_flag(&lab, "alreadyInstalled"));
	assert_int_equal(lab.progress_done, lab.progress_total);
	print_message("%u requests %u scripts\n", lab.requests, lab.agent.scripts);
	lab_run(&lab, "se.install", "{\"package\":\"1\"}", package);
	assert_done(&lab);
	assert_true(reported_flag(&lab, "alreadyInstalled"));
	lab_close(&lab);
}

static void install_survives_a_break_at_every_request(void **state)
{
	for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
		for (unsigned at = 1;; at++) {
			struct lab lab;
			open_lab(&lab);
			lab.break_kind = kind;
			lab.break_at = at;
			lab_run(&lab, "se.install", "{\"package\":\"1\"}", make_package(&lab, 1500, 1));
			unsigned requests = lab.requests;
			if (lab.result != CARDEA_DONE)
				print_message("kind %d at %u\n", kind, at);
			assert_done(&lab);
			assert_true(lab_has(&lab, APPLET));
			assert_int_equal(card_object_count(lab.agent.card, CARD_APPLICATION), 1);
			lab_close(&lab);
			if (requests < at)
				break;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(audit_learns_what_is_on_the_card),
		cmocka_unit_test(install_puts_the_application_on_the_card),
		cmocka_unit_test(install_survives_a_break_at_every_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
