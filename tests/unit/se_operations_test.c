/* Whole operations of the Secure Element plugin, against the simulated card, with everything that may break
 * on the way. */
#include "se_lab.h"

#include <stdio.h>
#include <string.h>

#include "../e2e/cap_file.h"
#include "channel/keys.h"
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

	assert_int_equal(cap_build_zip(lab->job.arena, &order, &file), ERR_NONE);
	return file;
}

static void open_lab(struct lab *lab)
{
	struct card_settings settings = card_settings_default();

	lab_open(lab, &settings);
}

static const json_t *learned(const struct lab *lab)
{
	return json_object_get(json_object_get(lab->job.learned, "secure-elements"), "0");
}

static const char *learned_text(const struct lab *lab, const char *member)
{
	return json_string_value(json_object_get(learned(lab), member));
}

static size_t learned_count(const struct lab *lab, const char *member)
{
	return json_array_size(json_object_get(learned(lab), member));
}

static void install(struct lab *lab, size_t code_bytes)
{
	lab_run(lab, "se.install", "{\"package\":\"1\"}", make_package(lab, code_bytes, 1));
}

static void run(struct lab *lab, const char *operation, const char *params)
{
	lab_run(lab, operation, params, bytes_of(NULL, 0));
}

/* Runs a job once for each request that it makes, with the link broken there. */
static void break_everywhere(void (*job)(struct lab *lab),
			     void (*check)(struct lab *lab, enum lab_break kind))
{
	for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
		unsigned requests = 1;
		for (unsigned at = 1; at <= requests; at++) {
			struct lab lab;
			open_lab(&lab);
			lab.job.break_kind = kind;
			lab.job.break_at = at;
			job(&lab);
			requests = lab.job.requests;
			check(&lab, kind);
			lab_close(&lab);
		}
	}
}

/* ---- audit ---- */

static void audit_learns_what_is_on_the_card(void **state)
{
	struct lab lab;

	open_lab(&lab);
	install(&lab, 1000);
	run(&lab, "se.audit", "{}");
	lab_assert_done(&lab);
	assert_string_equal(learned_text(&lab, "identifier"), "//se-id/CUD/0123456789ABCDEF");
	assert_string_equal(learned_text(&lab, "type"), "eSE");
	assert_string_equal(learned_text(&lab, "iinHex"), "42600001");
	assert_int_equal(learned_count(&lab, "keys"), 3);
	assert_int_equal(learned_count(&lab, "applications"), 1);
	assert_true(learned_count(&lab, "loadFiles") >= 1);
	assert_true(json_is_object(json_object_get(lab.job.reported, "secureElement")));
	lab_close(&lab);
}

static void audit_reads_lists_of_many_pages(void **state)
{
	struct card_settings settings = card_settings_default();
	struct lab lab;

	settings.status_answer_bytes = 64;
	lab_open(&lab, &settings);
	for (unsigned i = 1; i <= 6; i++) {
		char params[200];
		snprintf(params, sizeof(params),
			 "{\"package\":\"1\",\"instanceAidHex\":\"D07002CA44900101%02X\"}", i);
		lab_run(&lab, "se.install", params, make_package(&lab, 300, 1));
		lab_assert_done(&lab);
	}
	run(&lab, "se.audit", "{}");
	lab_assert_done(&lab);
	assert_int_equal(learned_count(&lab, "applications"), 6);
	lab_close(&lab);
}

static void audit_works_at_every_security_level(void **state)
{
	static const char *const levels[] = { "c-mac", "c-mac+c-dec", "c-mac+r-mac", "c-mac+c-dec+r-mac",
					      "full" };

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		struct lab lab;
		char params[64];
		open_lab(&lab);
		snprintf(params, sizeof(params), "{\"securityLevel\":\"%s\"}", levels[i]);
		run(&lab, "se.audit", params);
		lab_assert_done(&lab);
		assert_string_equal(json_string_value(json_object_get(lab.job.reported, "securityLevel")),
				    levels[i]);
		lab_close(&lab);
	}
}

static void audit_works_with_every_kind_of_scp03(void **state)
{
	static const uint8_t options[] = { 0x00, 0x10, 0x20, 0x60, 0x70, 0x71, 0x61 };

	for (size_t i = 0; i < sizeof(options); i++) {
		struct card_settings settings = card_settings_default();
		struct lab lab;
		settings.scp03_options = options[i];
		lab_open(&lab, &settings);
		run(&lab, "se.audit", "{}");
		lab_assert_done(&lab);
		lab_close(&lab);
	}
}

static void audit_works_with_longer_keys(void **state)
{
	static const char hex[] = "404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F";

	for (size_t len = 24; len <= 32; len += 8) {
		struct card_settings settings = card_settings_default();
		struct lab lab;
		char keys[65];
		snprintf(keys, sizeof(keys), "%.*s", (int)(2 * len), hex);
		settings.keys.enc.len = settings.keys.mac.len = settings.keys.dek.len = len;
		for (size_t i = 0; i < len; i++)
			settings.keys.enc.at[i] = settings.keys.mac.at[i] = settings.keys.dek.at[i] =
				(uint8_t)(0x40 + i);
		lab_open(&lab, &settings);
		lab.job.keyset_count = 0;
		lab_add_keys(&lab, 0x30, keys, keys, keys);
		run(&lab, "se.audit", "{}");
		lab_assert_done(&lab);
		lab_close(&lab);
	}
}

static struct secret diversified(const char *scheme, const struct secret *master, enum key_role role,
				 struct bytes kdd)
{
	const struct key key = key_of(master);
	struct key own;

	assert_int_equal(key_diversify(scheme, &key, role, kdd, &own), ERR_NONE);
	return own.secret;
}

static void audit_derives_the_keys_of_a_card(void **state)
{
	struct card_settings settings = card_settings_default();
	const struct secret master = settings.keys.enc;
	struct lab lab;
	const struct bytes kdd = bytes_of(settings.diversification_data, 10);

	settings.keys.enc = diversified("kdf3", &master, KEY_ENC, kdd);
	settings.keys.mac = diversified("kdf3", &master, KEY_MAC, kdd);
	settings.keys.dek = diversified("kdf3", &master, KEY_DEK, kdd);
	lab_open(&lab, &settings);
	run(&lab, "se.audit", "{\"diversification\":\"kdf3\"}");
	lab_assert_done(&lab);
	run(&lab, "se.audit", "{}");
	lab_assert_failed(&lab, ERR_DENIED, "cryptogram");
	lab.job.keysets[0].keyset.diversification = "kdf3";
	run(&lab, "se.audit", "{}");
	lab_assert_done(&lab);
	run(&lab, "se.audit", "{\"diversification\":\"none\"}");
	lab_assert_failed(&lab, ERR_DENIED, "cryptogram");
	lab_close(&lab);
}

static void check_done(struct lab *lab, enum lab_break kind)
{
	lab_assert_done(lab);
}

static void audit_job(struct lab *lab)
{
	run(lab, "se.audit", "{}");
}

static void audit_survives_a_break_at_every_request(void **state)
{
	break_everywhere(audit_job, check_done);
}

static void audit_fits_a_small_agent(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.max_request = 100;
	lab.agent.max_response = 330;
	run(&lab, "se.audit", "{}");
	lab_assert_done(&lab);
	lab_close(&lab);
}

static void an_agent_that_takes_less_than_it_says_gets_less(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.max_request = 4000;
	lab.agent.real_max_request = 700;
	install(&lab, 3000);
	lab_assert_done(&lab);
	assert_true(lab_has(&lab, APPLET));
	lab_close(&lab);
}

static void answers_that_were_cut_are_asked_alone(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.refuse_answers_over = 40;
	run(&lab, "se.audit", "{}");
	lab_assert_failed(&lab, ERR_LIMIT, "does not come whole");
	lab_close(&lab);
}

static void a_level_that_the_card_lacks_is_refused_before_authentication(void **state)
{
	struct card_settings settings = card_settings_default();
	struct lab lab;

	settings.scp03_options = 0x10;
	lab_open(&lab, &settings);
	run(&lab, "se.audit", "{\"securityLevel\":\"full\"}");
	lab_assert_failed(&lab, ERR_UNSUPPORTED, "cannot do security level full");
	assert_int_equal(agent_count(&lab.agent, 0x82), 0);
	lab_close(&lab);
}

/* ---- the card must prove itself ---- */

static void a_wrong_cryptogram_ends_the_job_without_authentication(void **state)
{
	struct lab lab;

	open_lab(&lab);
	card_misbehave(lab.agent.card, &(struct card_misbehaviour){ .has_wrong_cryptogram = true });
	install(&lab, 1000);
	lab_assert_failed(&lab, ERR_DENIED, "cryptogram");
	assert_int_equal(agent_count(&lab.agent, 0x50), 1);
	assert_int_equal(agent_count(&lab.agent, 0x82), 0);
	lab_close(&lab);
}

static void a_wrong_response_mac_ends_the_job_at_once(void **state)
{
	struct lab lab;

	open_lab(&lab);
	card_misbehave(lab.agent.card, &(struct card_misbehaviour){ .corrupts_response_mac = true });
	run(&lab, "se.audit", "{}");
	lab_assert_failed(&lab, ERR_DENIED, "R-MAC");
	assert_int_equal(agent_count(&lab.agent, 0x82), 1);
	lab_close(&lab);
}

static void wrong_keys_are_never_tried_twice(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.job.keyset_count = 0;
	lab_add_keys(&lab, 0x30, "00112233445566778899AABBCCDDEEFF", "00112233445566778899AABBCCDDEEFF",
		     "00112233445566778899AABBCCDDEEFF");
	run(&lab, "se.audit", "{}");
	lab_assert_failed(&lab, ERR_DENIED, "key set 30 of the card has other values");
	assert_int_equal(agent_count(&lab.agent, 0x50), 1);
	lab_close(&lab);
}

static void a_key_version_that_the_card_lacks_is_named(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab_add_keys(&lab, 0x21, "00112233445566778899AABBCCDDEEFF", "00112233445566778899AABBCCDDEEFF",
		     "00112233445566778899AABBCCDDEEFF");
	run(&lab, "se.audit", "{\"keyVersion\":33}");
	lab_assert_failed(&lab, ERR_NOT_FOUND, "no key version 21");
	run(&lab, "se.audit", "{\"keyVersion\":34}");
	lab_assert_failed(&lab, ERR_NOT_FOUND, "key set 22");
	lab_close(&lab);
}

/* ---- install ---- */

static void install_puts_the_application_on_the_card(void **state)
{
	struct lab lab;

	open_lab(&lab);
	install(&lab, 5000);
	lab_assert_done(&lab);
	assert_true(lab_has(&lab, PACKAGE));
	assert_true(lab_has(&lab, APPLET));
	assert_false(lab_flag(&lab, "alreadyInstalled"));
	assert_true(lab.job.progress_total > 5000);
	assert_int_equal(lab.job.progress_done, lab.job.progress_total);
	assert_false(lab.agent.is_channel_open);
	assert_int_equal(lab.agent.agent_state, 0);
	lab_close(&lab);
}

static void a_load_file_may_have_256_blocks_and_no_more(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.max_request = lab.agent.max_response = 8192;
	install(&lab, 256 * 239 - 150);
	lab_assert_done(&lab);
	assert_int_equal(agent_count(&lab.agent, 0xE8), 256);
	assert_true(lab_has(&lab, APPLET));
	lab_close(&lab);
	open_lab(&lab);
	install(&lab, 256 * 239);
	lab_assert_failed(&lab, ERR_LIMIT, "needs 257 blocks of 239 bytes");
	assert_int_equal(agent_count(&lab.agent, 0xE6), 0);
	lab_run(&lab, "se.install", "{\"package\":\"1\",\"securityLevel\":\"c-mac\"}",
		make_package(&lab, 256 * 239, 1));
	lab_assert_done(&lab);
	lab_close(&lab);
}

static void install_again_changes_nothing(void **state)
{
	struct lab lab;

	open_lab(&lab);
	install(&lab, 1000);
	unsigned loads = agent_count(&lab.agent, 0xE8), installs = agent_count(&lab.agent, 0xE6);
	install(&lab, 1000);
	lab_assert_done(&lab);
	assert_true(lab_flag(&lab, "alreadyInstalled"));
	assert_int_equal(agent_count(&lab.agent, 0xE8), loads);
	assert_int_equal(agent_count(&lab.agent, 0xE6), installs);
	lab_close(&lab);
}

static void a_second_instance_needs_no_second_load(void **state)
{
	struct lab lab;

	open_lab(&lab);
	install(&lab, 1000);
	unsigned loads = agent_count(&lab.agent, 0xE8);
	lab_run(&lab, "se.install", "{\"package\":\"1\",\"instanceAidHex\":\"D07002CA4490010102\"}",
		make_package(&lab, 1000, 1));
	lab_assert_done(&lab);
	assert_true(lab_has(&lab, "D07002CA4490010102"));
	assert_int_equal(agent_count(&lab.agent, 0xE8), loads);
	lab_close(&lab);
}

static void another_version_of_the_load_file_is_a_conflict(void **state)
{
	struct lab lab;

	open_lab(&lab);
	install(&lab, 1000);
	lab_run(&lab, "se.install", "{\"package\":\"1\"}", make_package(&lab, 1000, 2));
	lab_assert_failed(&lab, ERR_CONFLICT, "in version 1.0, the package is 2.0");
	lab_close(&lab);
}

static void an_instance_of_something_else_is_a_conflict(void **state)
{
	struct lab lab;

	open_lab(&lab);
	install(&lab, 1000);
	struct cap_order order = { .package_aid = lab_hex(&lab, "D07002CA44900202"),
				   .applets = { lab_hex(&lab, "D07002CA4490020201") },
				   .applet_count = 1,
				   .major = 1,
				   .code_bytes = 100 };
	struct bytes file;
	assert_int_equal(cap_build_zip(lab.job.arena, &order, &file), ERR_NONE);
	lab_run(&lab, "se.install", "{\"package\":\"1\",\"instanceAidHex\":\"" APPLET "\"}", file);
	lab_assert_failed(&lab, ERR_CONFLICT, "belongs to load file " PACKAGE);
	assert_false(lab_has(&lab, "D07002CA44900202"));
	lab_close(&lab);
}

static void the_applet_must_be_chosen_when_there_are_several(void **state)
{
	struct lab lab;
	struct bytes file;

	open_lab(&lab);
	struct cap_order order = { .package_aid = lab_hex(&lab, PACKAGE),
				   .applets = { lab_hex(&lab, APPLET), lab_hex(&lab, "D07002CA4490010102") },
				   .applet_count = 2,
				   .major = 1,
				   .code_bytes = 100 };
	assert_int_equal(cap_build_ijc(lab.job.arena, &order, &file), ERR_NONE);
	lab_run(&lab, "se.install", "{\"package\":\"1\"}", file);
	lab_assert_failed(&lab, ERR_MALFORMED, APPLET ", D07002CA4490010102");
	lab_run(&lab, "se.install", "{\"package\":\"1\",\"moduleAidHex\":\"D07002CA4490010102\"}", file);
	lab_assert_done(&lab);
	assert_true(lab_has(&lab, "D07002CA4490010102"));
	lab_close(&lab);
}

static void install_gives_privileges_and_can_leave_it_unselectable(void **state)
{
	struct lab lab;
	struct card_object object;

	open_lab(&lab);
	lab_run(&lab, "se.install",
		"{\"package\":\"1\",\"privileges\":[\"card-lock\"],\"makeSelectable\":false,"
		"\"volatileBytes\":64,"
		"\"nonVolatileBytes\":128,\"parametersHex\":\"0102\"}",
		make_package(&lab, 500, 1));
	lab_assert_done(&lab);
	assert_true(card_find(lab.agent.card, lab_hex(&lab, APPLET), &object));
	assert_int_equal(object.privileges, 0x100000);
	assert_int_equal(object.life_cycle, 0x03);
	lab_run(&lab, "se.install", "{\"package\":\"1\",\"privileges\":[\"card-lock\"]}",
		make_package(&lab, 500, 1));
	lab_assert_done(&lab);
	assert_true(card_find(lab.agent.card, lab_hex(&lab, APPLET), &object));
	assert_int_equal(object.life_cycle, 0x07);
	lab_close(&lab);
}

static void install_job(struct lab *lab)
{
	install(lab, 1500);
}

static void check_installed_once(struct lab *lab, enum lab_break kind)
{
	lab_assert_done(lab);
	assert_true(lab_has(lab, PACKAGE));
	assert_true(lab_has(lab, APPLET));
	assert_int_equal(card_object_count(lab->agent.card, CARD_APPLICATION), 1);
}

static void install_survives_a_break_at_every_request(void **state)
{
	break_everywhere(install_job, check_installed_once);
}

static void install_survives_a_break_in_every_command(void **state)
{
	unsigned commands = 1;

	for (unsigned cut = 1; cut <= commands; cut++) {
		struct lab lab;
		open_lab(&lab);
		lab.agent.cut_after = cut;
		install_job(&lab);
		check_installed_once(&lab, BREAK_NEVER);
		commands = lab.agent.commands;
		lab_close(&lab);
	}
}

static void install_survives_many_breaks(void **state)
{
	for (unsigned every = 7; every < 12; every++) {
		struct lab lab;
		open_lab(&lab);
		lab.agent.max_request = 4000;
		lab.agent.max_response = 4000;
		lab.job.break_kind = REBOOT_AFTER;
		lab.job.break_at = every;
		lab.job.break_again_every = every + 9;
		install_job(&lab);
		check_installed_once(&lab, BREAK_NEVER);
		lab_close(&lab);
	}
}

static void install_works_without_what_is_optional(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.has_channel_resource = lab.agent.has_stop_on_error = false;
	lab.loses_notifications = true;
	lab.agent.is_slow = true;
	install_job(&lab);
	check_installed_once(&lab, BREAK_NEVER);
	lab_close(&lab);
}

static void install_works_when_the_agent_goes_on_after_errors(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.has_stop_on_error = lab.agent.stop_on_error = false;
	install_job(&lab);
	check_installed_once(&lab, BREAK_NEVER);
	lab_close(&lab);
}

static void assert_nothing_left(struct lab *lab)
{
	assert_false(lab_has(lab, PACKAGE));
	assert_false(lab_has(lab, APPLET));
}

static void a_full_card_is_a_clear_failure(void **state)
{
	struct lab lab;

	open_lab(&lab);
	card_misbehave(lab.agent.card, &(struct card_misbehaviour){ .is_out_of_memory = true });
	install_job(&lab);
	lab_assert_failed(&lab, ERR_LIMIT, "6A84 not enough memory");
	assert_nothing_left(&lab);
	lab_close(&lab);
}

static void a_refused_block_leaves_nothing(void **state)
{
	for (unsigned goes_on = 0; goes_on < 2; goes_on++) {
		struct lab lab;
		open_lab(&lab);
		if (goes_on == 1)
			lab.agent.has_stop_on_error = lab.agent.stop_on_error = false;
		card_misbehave(lab.agent.card, &(struct card_misbehaviour){ .refuses_load = true,
									    .load_block = 3,
									    .load_status = 0x6985 });
		install_job(&lab);
		lab_assert_failed(&lab, ERR_CONFLICT, "LOAD block 03");
		assert_nothing_left(&lab);
		lab_close(&lab);
	}
}

/* The module is not in the load file that the card holds: INSTALL [for install] fails after the load. */
static void a_refused_instance_takes_the_load_file_away_again(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab_run(&lab, "se.install", "{\"package\":\"1\",\"nonVolatileBytes\":4000000000}",
		make_package(&lab, 1500, 1));
	if (lab.job.result == CARDEA_DONE)
		fail_msg("the card took an impossible quota");
	lab_assert_failed(&lab, ERR_LIMIT, "INSTALL [for install and make selectable]");
	assert_true(agent_count(&lab.agent, 0xE4) == 1);
	assert_nothing_left(&lab);
	lab_close(&lab);
}

static void refused_install_job(struct lab *lab)
{
	lab_run(lab, "se.install", "{\"package\":\"1\",\"nonVolatileBytes\":4000000000}",
		make_package(lab, 700, 1));
}

static void check_nothing_left(struct lab *lab, enum lab_break kind)
{
	lab_assert_failed(lab, ERR_LIMIT, "INSTALL [for install");
	assert_nothing_left(lab);
}

static void a_rollback_survives_a_break_at_every_request(void **state)
{
	break_everywhere(refused_install_job, check_nothing_left);
}

/* ---- delete ---- */

static void install_then_delete(struct lab *lab)
{
	const enum lab_break kind = lab->job.break_kind;

	lab->job.break_kind = BREAK_NEVER;
	install(lab, 500);
	lab_assert_done(lab);
	lab->job.break_kind = kind;
	run(lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\",\"related\":true}");
}

static void check_deleted(struct lab *lab, enum lab_break kind)
{
	lab_assert_done(lab);
	assert_nothing_left(lab);
}

static void delete_survives_a_break_at_every_request(void **state)
{
	break_everywhere(install_then_delete, check_deleted);
}

static void delete_of_what_is_absent_succeeds(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run(&lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\"}");
	lab_assert_done(&lab);
	assert_true(lab_flag(&lab, "alreadyAbsent"));
	assert_int_equal(agent_count(&lab.agent, 0xE4), 0);
	lab_close(&lab);
}

static void delete_of_what_is_needed_says_so(void **state)
{
	struct lab lab;

	open_lab(&lab);
	install(&lab, 500);
	run(&lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\"}");
	lab_assert_failed(&lab, ERR_CONFLICT, "still needs it");
	assert_true(lab_has(&lab, APPLET));
	lab_close(&lab);
}

/* ---- put keys ---- */

#define NEW_ENC "101112131415161718191A1B1C1D1E1F"
#define NEW_MAC "202122232425262728292A2B2C2D2E2F"
#define NEW_DEK "303132333435363738393A3B3C3D3E3F"

static bool card_has_keys(struct lab *lab, uint8_t version)
{
	uint32_t counter;

	return card_sequence_counter(lab->agent.card, lab_hex(lab, "A000000151000000"), version, &counter);
}

static void add_keys_job(struct lab *lab)
{
	lab_add_keys(lab, 0x31, NEW_ENC, NEW_MAC, NEW_DEK);
	run(lab, "se.put-keys", "{\"newKeyVersion\":49}");
}

static void replace_keys_job(struct lab *lab)
{
	lab_add_keys(lab, 0x31, NEW_ENC, NEW_MAC, NEW_DEK);
	run(lab, "se.put-keys", "{\"newKeyVersion\":49,\"replaceKeyVersion\":48}");
}

static void check_added(struct lab *lab, enum lab_break kind)
{
	lab_assert_done(lab);
	assert_true(card_has_keys(lab, 0x30));
	assert_true(card_has_keys(lab, 0x31));
	assert_int_equal(agent_count(&lab->agent, 0xD8), 1);
}

static void check_replaced(struct lab *lab, enum lab_break kind)
{
	lab_assert_done(lab);
	assert_false(card_has_keys(lab, 0x30));
	assert_true(card_has_keys(lab, 0x31));
	assert_int_equal(agent_count(&lab->agent, 0xD8), 1);
	run(lab, "se.audit", "{\"keyVersion\":49}");
	lab_assert_done(lab);
}

static void keys_are_added_despite_a_break_at_every_request(void **state)
{
	break_everywhere(add_keys_job, check_added);
}

static void keys_are_replaced_despite_a_break_at_every_request(void **state)
{
	break_everywhere(replace_keys_job, check_replaced);
}

static void keys_are_replaced_despite_a_break_in_every_command(void **state)
{
	unsigned commands = 1;

	for (unsigned cut = 1; cut <= commands; cut++) {
		struct lab lab;
		open_lab(&lab);
		lab.agent.cut_after = cut;
		replace_keys_job(&lab);
		commands = lab.agent.commands;
		check_replaced(&lab, BREAK_NEVER);
		lab_close(&lab);
	}
}

static void keys_that_are_there_are_proven_and_left(void **state)
{
	struct lab lab;

	open_lab(&lab);
	add_keys_job(&lab);
	assert_false(lab_flag(&lab, "alreadyPresent"));
	unsigned puts = agent_count(&lab.agent, 0xD8);
	run(&lab, "se.put-keys", "{\"newKeyVersion\":49}");
	lab_assert_done(&lab);
	assert_true(lab_flag(&lab, "alreadyPresent"));
	assert_int_equal(agent_count(&lab.agent, 0xD8), puts);
	lab_close(&lab);
}

static void a_version_with_other_values_is_a_conflict(void **state)
{
	struct lab lab;

	open_lab(&lab);
	add_keys_job(&lab);
	lab.job.keyset_count = 1;
	lab_add_keys(&lab, 0x31, NEW_ENC, NEW_ENC, NEW_DEK);
	run(&lab, "se.put-keys", "{\"newKeyVersion\":49}");
	lab_assert_failed(&lab, ERR_CONFLICT, "with other values");
	lab.job.keyset_count = 1;
	lab_add_keys(&lab, 0x31, NEW_MAC, NEW_MAC, NEW_DEK);
	run(&lab, "se.put-keys", "{\"newKeyVersion\":49}");
	lab_assert_failed(&lab, ERR_DENIED, "an encrypted answer is wrong");
	run(&lab, "se.put-keys", "{\"newKeyVersion\":49,\"securityLevel\":\"c-mac+c-dec\"}");
	lab_assert_failed(&lab, ERR_CONFLICT, "a command under it fails");
	lab_close(&lab);
}

static void keys_never_reach_the_trace(void **state)
{
	struct lab lab;

	open_lab(&lab);
	add_keys_job(&lab);
	lab_assert_done(&lab);
	assert_non_null(strstr(lab.job.trace_text, "PUT KEY"));
	assert_null(strstr(lab.job.trace_text, NEW_ENC));
	assert_null(strstr(lab.job.trace_text, NEW_DEK));
	assert_null(strstr(lab.job.trace_text, "gp command PUT KEY replace 00, from key 01 80D800813188"));
	lab_close(&lab);
}

/* ---- store data ---- */

static void store_card_number(struct lab *lab)
{
	run(lab, "se.store-data", "{\"dataHex\":\"45080102030405060708\",\"format\":\"ber-tlv\"}");
}

static void check_card_number(struct lab *lab, enum lab_break kind)
{
	struct bytes value;

	lab_assert_done(lab);
	assert_true(card_stored_data(lab->agent.card, lab_hex(lab, "A000000151000000"), 0x45, &value));
	assert_int_equal(value.len, 8);
}

static void a_data_object_is_stored_despite_a_break_at_every_request(void **state)
{
	break_everywhere(store_card_number, check_card_number);
}

static void install_then_store(struct lab *lab)
{
	const enum lab_break kind = lab->job.break_kind;

	lab->job.break_kind = BREAK_NEVER;
	install(lab, 500);
	lab_assert_done(lab);
	lab->job.break_kind = kind;
	run(lab, "se.store-data",
	    "{\"aidHex\":\"" APPLET "\",\"dataHex\":\"C10401020304\",\"format\":\"ber-tlv\"}");
}

/* What an application does with its data cannot be asked: done, or unknown, but never twice. */
static void check_stored_once(struct lab *lab, enum lab_break kind)
{
	assert_true(lab->job.result == CARDEA_DONE || lab->job.result == CARDEA_UNKNOWN);
	assert_true(agent_count(&lab->agent, 0xE2) <= 1);
	if (kind == LOSE_REQUEST || kind == LOSE_ANSWER)
		lab_assert_done(lab);
}

static void personalization_never_runs_twice(void **state)
{
	break_everywhere(install_then_store, check_stored_once);
}

/* Only the one command whose effect cannot be asked leaves the result open. */
static void only_a_break_in_store_data_is_unknown(void **state)
{
	unsigned unknown = 0, commands = 1;

	for (unsigned cut = 1; cut <= commands; cut++) {
		struct lab lab;
		open_lab(&lab);
		install(&lab, 500);
		lab.agent.commands = 0;
		lab.agent.cut_after = cut;
		run(&lab, "se.store-data", "{\"aidHex\":\"" APPLET "\",\"dataHex\":\"C10401020304\"}");
		commands = lab.agent.commands;
		unknown += lab.job.result == CARDEA_UNKNOWN;
		assert_true(lab.job.result == CARDEA_DONE || lab.job.result == CARDEA_UNKNOWN);
		assert_int_equal(agent_count(&lab.agent, 0xE2), 1);
		lab_close(&lab);
	}
	assert_int_equal(unknown, 1);
}

static void personalization_of_an_absent_application_fails(void **state)
{
	struct lab lab;

	open_lab(&lab);
	run(&lab, "se.store-data", "{\"aidHex\":\"" APPLET "\",\"dataHex\":\"C10401020304\"}");
	lab_assert_failed(&lab, ERR_NOT_FOUND, "no application " APPLET);
	lab_close(&lab);
}

static void personalization_data_never_reach_the_trace(void **state)
{
	struct lab lab;

	open_lab(&lab);
	install(&lab, 500);
	run(&lab, "se.store-data",
	    "{\"aidHex\":\"" APPLET "\",\"dataHex\":\"C10401020304\",\"securityLevel\":\"c-mac\"}");
	lab_assert_done(&lab);
	assert_non_null(strstr(lab.job.trace_text, "STORE DATA"));
	assert_null(strstr(lab.job.trace_text, "C10401020304"));
	lab_close(&lab);
}

/* ---- the agent ---- */

static void a_busy_card_is_tried_again(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.next_status = 6;
	install_job(&lab);
	check_installed_once(&lab, BREAK_NEVER);
	lab_close(&lab);
}

static void an_absent_card_ends_in_bounded_time(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.se_state = 1;
	run(&lab, "se.audit", "{}");
	lab_assert_failed(&lab, ERR_UNAVAILABLE, "absent");
	assert_int_equal(lab.agent.scripts, 0);
	lab_close(&lab);
}

static void refusals_of_the_agent_are_final(void **state)
{
	static const struct {
		int64_t status;
		enum err kind;
		const char *words;
	} rows[] = {
		{ 2, ERR_NOT_FOUND, "unknown-application" }, { 3, ERR_NOT_FOUND, "not-a-security-domain" },
		{ 4, ERR_DENIED, "security-error" },         { 7, ERR_MALFORMED, "script-format-error" },
		{ 99, ERR_UNSUPPORTED, "unknown status" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab lab;
		open_lab(&lab);
		lab.agent.next_status = rows[i].status;
		run(&lab, "se.audit", "{}");
		lab_assert_failed(&lab, rows[i].kind, rows[i].words);
		lab_close(&lab);
	}
}

static void an_agent_of_another_protocol_is_refused(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.protocol = "something/1.0";
	run(&lab, "se.audit", "{}");
	lab_assert_failed(&lab, ERR_UNSUPPORTED, "globalplatform-remote-admin/");
	lab_close(&lab);
}

static void an_agent_that_forgets_its_channel_ends_in_bounded_time(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.ends_channel_after_script = true;
	install_job(&lab);
	lab_assert_failed(&lab, ERR_LIMIT, "lost");
	lab_close(&lab);
}

/* Answers without R-MAC prove nothing, 61xx is one of them. */
static void an_agent_cannot_pretend_success(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.lies = 1;
	lab.agent.lies_about = 0xE8;
	install_job(&lab);
	check_installed_once(&lab, BREAK_NEVER);
	lab.agent.lies = 1000;
	lab.agent.lies_about = 0xE4;
	run(&lab, "se.delete", "{\"aidHex\":\"" APPLET "\"}");
	assert_int_equal(lab.job.result, CARDEA_UNKNOWN);
	lab.agent.lies = 1;
	lab.agent.lies_about = 0xE2;
	run(&lab, "se.store-data", "{\"aidHex\":\"" APPLET "\",\"dataHex\":\"C10401020304\"}");
	assert_int_equal(lab.job.result, CARDEA_UNKNOWN);
	lab.agent.lies = 1;
	lab.agent.lies_about = 0xF2;
	run(&lab, "se.audit", "{}");
	lab_assert_failed(&lab, ERR_DENIED,
			  "6982"); /* the card missed a command, so the MAC of the next is wrong */
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(audit_learns_what_is_on_the_card),
		cmocka_unit_test(audit_reads_lists_of_many_pages),
		cmocka_unit_test(audit_works_at_every_security_level),
		cmocka_unit_test(audit_works_with_every_kind_of_scp03),
		cmocka_unit_test(audit_works_with_longer_keys),
		cmocka_unit_test(audit_derives_the_keys_of_a_card),
		cmocka_unit_test(audit_survives_a_break_at_every_request),
		cmocka_unit_test(audit_fits_a_small_agent),
		cmocka_unit_test(an_agent_that_takes_less_than_it_says_gets_less),
		cmocka_unit_test(answers_that_were_cut_are_asked_alone),
		cmocka_unit_test(a_level_that_the_card_lacks_is_refused_before_authentication),
		cmocka_unit_test(a_wrong_cryptogram_ends_the_job_without_authentication),
		cmocka_unit_test(a_wrong_response_mac_ends_the_job_at_once),
		cmocka_unit_test(wrong_keys_are_never_tried_twice),
		cmocka_unit_test(a_key_version_that_the_card_lacks_is_named),
		cmocka_unit_test(install_puts_the_application_on_the_card),
		cmocka_unit_test(a_load_file_may_have_256_blocks_and_no_more),
		cmocka_unit_test(install_again_changes_nothing),
		cmocka_unit_test(a_second_instance_needs_no_second_load),
		cmocka_unit_test(another_version_of_the_load_file_is_a_conflict),
		cmocka_unit_test(an_instance_of_something_else_is_a_conflict),
		cmocka_unit_test(the_applet_must_be_chosen_when_there_are_several),
		cmocka_unit_test(install_gives_privileges_and_can_leave_it_unselectable),
		cmocka_unit_test(install_survives_a_break_at_every_request),
		cmocka_unit_test(install_survives_a_break_in_every_command),
		cmocka_unit_test(install_survives_many_breaks),
		cmocka_unit_test(install_works_without_what_is_optional),
		cmocka_unit_test(install_works_when_the_agent_goes_on_after_errors),
		cmocka_unit_test(a_full_card_is_a_clear_failure),
		cmocka_unit_test(a_refused_block_leaves_nothing),
		cmocka_unit_test(a_refused_instance_takes_the_load_file_away_again),
		cmocka_unit_test(a_rollback_survives_a_break_at_every_request),
		cmocka_unit_test(delete_survives_a_break_at_every_request),
		cmocka_unit_test(delete_of_what_is_absent_succeeds),
		cmocka_unit_test(delete_of_what_is_needed_says_so),
		cmocka_unit_test(keys_are_added_despite_a_break_at_every_request),
		cmocka_unit_test(keys_are_replaced_despite_a_break_at_every_request),
		cmocka_unit_test(keys_are_replaced_despite_a_break_in_every_command),
		cmocka_unit_test(keys_that_are_there_are_proven_and_left),
		cmocka_unit_test(a_version_with_other_values_is_a_conflict),
		cmocka_unit_test(keys_never_reach_the_trace),
		cmocka_unit_test(a_data_object_is_stored_despite_a_break_at_every_request),
		cmocka_unit_test(personalization_never_runs_twice),
		cmocka_unit_test(only_a_break_in_store_data_is_unknown),
		cmocka_unit_test(personalization_of_an_absent_application_fails),
		cmocka_unit_test(personalization_data_never_reach_the_trace),
		cmocka_unit_test(a_busy_card_is_tried_again),
		cmocka_unit_test(an_absent_card_ends_in_bounded_time),
		cmocka_unit_test(refusals_of_the_agent_are_final),
		cmocka_unit_test(an_agent_of_another_protocol_is_refused),
		cmocka_unit_test(an_agent_cannot_pretend_success),
		cmocka_unit_test(an_agent_that_forgets_its_channel_ends_in_bounded_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
