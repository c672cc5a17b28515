/* Operations over each secure channel protocol, against the simulated card; and which protocol is chosen. */
#include "se_lab.h"

#include <stdio.h>
#include <string.h>

#include "../e2e/cap_file.h"
#include "se_test.h"

#define PACKAGE   "D07002CA44900101"
#define APPLET    "D07002CA4490010101"
#define KNOWN_KEY "404142434445464748494A4B4C4D4E4F"

static void install(struct lab *lab, const char *params)
{
	struct cap_order order = { .package_aid = lab_hex(lab, PACKAGE),
				   .applets = { lab_hex(lab, APPLET) },
				   .applet_count = 1,
				   .major = 1,
				   .code_bytes = 700 };
	struct bytes file;

	assert_int_equal(cap_build_zip(lab->arena, &order, &file), ERR_NONE);
	lab_run(lab, "se.install", params, file);
}

static void assert_done(const struct lab *lab)
{
	if (lab->result != CARDEA_DONE)
		fail_msg("result %d, %s: %s", lab->result, err_name(lab->kind), lab->reason);
}

static void assert_failed(const struct lab *lab, enum err kind, const char *words)
{
	if (lab->result != CARDEA_FAILED || lab->kind != kind || strstr(lab->reason, words) == NULL)
		fail_msg("result %d, %s: %s", lab->result, err_name(lab->kind), lab->reason);
}

static const char *reported(const struct lab *lab, const char *name)
{
	const char *text = json_string_value(json_object_get(lab->reported, name));

	return text == NULL ? "" : text;
}

/* ---- SCP02 ---- */

/* A card of SCP02 and the key set for it; that of SCP03, which the lab stores by itself, is for another card.
 */
static void open_scp02(struct lab *lab, uint8_t options)
{
	struct card_settings settings = card_settings_default();

	settings.scp02_options = options;
	lab_open(lab, &settings);
	lab->keyset_count = 0;
	lab_add_keys_of(lab, "scp02", 0x30, KNOWN_KEY, KNOWN_KEY, KNOWN_KEY);
}

static void installs_over_scp02_at_every_level(void **state)
{
	static const char *const levels[] = { "auto", "c-mac", "c-mac+c-dec" };
	static const uint8_t options[] = { 0x15, 0x55 };

	(void)state;
	for (size_t i = 0; i < sizeof(options) * 3; i++) {
		char params[64];
		struct lab lab;
		open_scp02(&lab, options[i / 3]);
		snprintf(params, sizeof(params), "{\"package\":\"1\",\"securityLevel\":\"%s\"}",
			 levels[i % 3]);
		install(&lab, params);
		assert_done(&lab);
		assert_true(lab_has(&lab, APPLET));
		assert_string_equal(reported(&lab, "protocol"), "scp02");
		assert_string_equal(reported(&lab, "securityLevel"), i % 3 == 1 ? "c-mac" : "c-mac+c-dec");
		lab_close(&lab);
	}
}

static void scp02_cannot_protect_answers(void **state)
{
	struct lab lab;

	(void)state;
	open_scp02(&lab, 0x15);
	install(&lab, "{\"package\":\"1\",\"securityLevel\":\"full\"}");
	assert_failed(&lab, ERR_UNSUPPORTED, "cannot do security level full");
	lab_close(&lab);
}

static void wrong_keys_of_scp02_are_never_tried_twice(void **state)
{
	struct lab lab;

	(void)state;
	open_scp02(&lab, 0x55);
	lab.keyset_count = 0;
	lab_add_keys_of(&lab, "scp02", 0x30, "00112233445566778899AABBCCDDEEFF", KNOWN_KEY, KNOWN_KEY);
	install(&lab, "{\"package\":\"1\"}");
	assert_failed(&lab, ERR_DENIED, "cryptogram");
	assert_int_equal(agent_count(&lab.agent, 0x82), 0);
	lab_close(&lab);
}

static void install_over_scp02_survives_a_break_at_every_request(void **state)
{
	(void)state;
	for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
		unsigned requests = 1;
		for (unsigned at = 1; at <= requests; at++) {
			struct lab lab;
			open_scp02(&lab, 0x55);
			lab.break_kind = kind;
			lab.break_at = at;
			install(&lab, "{\"package\":\"1\"}");
			requests = lab.requests;
			assert_done(&lab);
			assert_true(lab_has(&lab, APPLET));
			lab_close(&lab);
		}
	}
}

static void keys_of_scp02_are_added_and_replaced(void **state)
{
	static const char *const params[] = { "{\"newKeyVersion\":49}",
					      "{\"newKeyVersion\":49,\"replaceKeyVersion\":48}" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct lab lab;
		open_scp02(&lab, 0x15);
		lab_add_keys_of(&lab, "scp02", 0x31, "00112233445566778899AABBCCDDEEFF",
				"102132435465768798A9BACBDCEDFE0F", "2031425364758697A8B9CADBECFD0E1F");
		lab_run(&lab, "se.put-keys", params[i], bytes_of(NULL, 0));
		assert_done(&lab);
		lab_run(&lab, "se.audit", "{\"keyVersion\":49}", bytes_of(NULL, 0));
		assert_done(&lab);
		assert_string_equal(reported(&lab, "protocol"), "scp02");
		lab_close(&lab);
	}
}

/* ---- which one ---- */

static void the_card_decides_where_keys_of_both_are_stored(void **state)
{
	static const struct {
		uint8_t options;
		const char *expected;
	} rows[] = { { 0, "scp03" }, { 0x15, "scp02" } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct card_settings settings = card_settings_default();
		struct lab lab;
		settings.scp02_options = rows[i].options;
		lab_open(&lab, &settings);
		lab_add_keys_of(&lab, "scp02", 0x30, KNOWN_KEY, KNOWN_KEY, KNOWN_KEY);
		install(&lab, "{\"package\":\"1\"}");
		assert_done(&lab);
		assert_string_equal(reported(&lab, "protocol"), rows[i].expected);
		lab_close(&lab);
	}
}

static void a_protocol_that_is_asked_for_needs_its_keys(void **state)
{
	struct card_settings settings = card_settings_default();
	struct lab lab;

	(void)state;
	lab_open(&lab, &settings);
	install(&lab, "{\"package\":\"1\",\"protocol\":\"scp02\"}");
	assert_failed(&lab, ERR_NOT_FOUND, "no scp02 key set");
	lab_close(&lab);
}

static void keys_of_a_protocol_that_the_card_lacks_are_named(void **state)
{
	struct card_settings settings = card_settings_default();
	struct lab lab;

	(void)state;
	lab_open(&lab, &settings);
	lab.keyset_count = 0;
	lab_add_keys_of(&lab, "scp02", 0x30, KNOWN_KEY, KNOWN_KEY, KNOWN_KEY);
	install(&lab, "{\"package\":\"1\"}");
	assert_failed(&lab, ERR_UNSUPPORTED, "the card speaks SCP03");
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(installs_over_scp02_at_every_level),
		cmocka_unit_test(scp02_cannot_protect_answers),
		cmocka_unit_test(wrong_keys_of_scp02_are_never_tried_twice),
		cmocka_unit_test(install_over_scp02_survives_a_break_at_every_request),
		cmocka_unit_test(keys_of_scp02_are_added_and_replaced),
		cmocka_unit_test(the_card_decides_where_keys_of_both_are_stored),
		cmocka_unit_test(a_protocol_that_is_asked_for_needs_its_keys),
		cmocka_unit_test(keys_of_a_protocol_that_the_card_lacks_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
