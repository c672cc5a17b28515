/* se.rotate-keys and se.delete-keys: at each instant the card has a key set that is proven. */
#include "se_lab.h"

#include <stdio.h>
#include <string.h>

#include "se_test.h"

#define ISSUER                "A000000151000000"
#define OLD_KEY               "404142434445464748494A4B4C4D4E4F"
#define NEW_KEY               "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF"
#define PUT_KEY               0xD8
#define INITIALIZE_UPDATE     0x50
#define EXTERNAL_AUTHENTICATE 0x82
#define SERAM2                "gpseram/2.0.0"
#define DELETE                0xE4
#define ROTATE                "{\"newKeyVersion\":49}"

static void open_card(struct lab *lab)
{
	struct card_settings settings = card_settings_default();

	lab_open(lab, &settings);
	lab_add_keys(lab, 0x31, NEW_KEY, NEW_KEY, NEW_KEY);
}

static bool has_version(struct lab *lab, uint8_t version)
{
	uint32_t counter;

	return card_sequence_counter(lab->agent.card, lab_hex(lab, ISSUER), version, &counter);
}

static void rotate(struct lab *lab)
{
	lab_do(lab, "se.rotate-keys", ROTATE);
}

static void assert_rotated(struct lab *lab)
{
	lab_assert_done(lab);
	assert_true(has_version(lab, 0x31));
	assert_false(has_version(lab, 0x30));
}

static void a_new_key_set_takes_the_place_of_the_old(void **state)
{
	struct lab lab;

	open_card(&lab);
	rotate(&lab);
	assert_rotated(&lab);
	assert_false(lab_flag(&lab, "alreadyRotated"));
	assert_int_equal(json_integer_value(json_object_get(lab.job.reported, "keyVersion")), 0x31);
	assert_int_equal(json_integer_value(json_object_get(lab.job.reported, "oldKeyVersion")), 0x30);
	lab_close(&lab);
}

/* The second job finds that the card is not opened by the old key set any more, and asks with the new one. */
static void rotating_again_changes_nothing(void **state)
{
	struct lab lab;

	open_card(&lab);
	rotate(&lab);
	assert_rotated(&lab);
	rotate(&lab);
	assert_rotated(&lab);
	assert_true(lab_flag(&lab, "alreadyRotated"));
	assert_int_equal(agent_count(&lab.agent, PUT_KEY), 1);
	assert_int_equal(agent_count(&lab.agent, DELETE), 1);
	lab_close(&lab);
}

static void rotation_survives_a_break_everywhere(void **state)
{
	lab_break_everywhere(open_card, rotate, assert_rotated);
	lab_cut_everywhere(open_card, rotate, assert_rotated);
}

/* Whenever a job is given up, the card can be opened, and the next job does what is left. */
static void a_rotation_that_was_given_up_is_done_by_the_next(void **state)
{
	bool is_whole = false;

	for (unsigned at = 1; !is_whole; at++) {
		struct lab lab;
		open_card(&lab);
		lab.job.give_up_at = at;
		rotate(&lab);
		is_whole = lab.job.result == CARDEA_DONE;
		assert_true(has_version(&lab, 0x30) || has_version(&lab, 0x31));
		lab.job.give_up_at = 0;
		rotate(&lab);
		assert_rotated(&lab);
		lab_close(&lab);
	}
}

/* Half of it was done before: the new key set is there, the old one too. */
static void a_key_set_that_was_put_before_is_proven_first(void **state)
{
	struct lab lab;

	open_card(&lab);
	lab_do(&lab, "se.put-keys", ROTATE);
	lab_assert_done(&lab);
	assert_true(has_version(&lab, 0x30) && has_version(&lab, 0x31));
	rotate(&lab);
	assert_rotated(&lab);
	assert_true(lab_flag(&lab, "alreadyPresent"));
	assert_false(lab_flag(&lab, "alreadyRotated"));
	lab_close(&lab);
}

static void the_old_key_set_stays_when_the_new_one_is_not_proven(void **state)
{
	struct lab lab;

	open_card(&lab);
	lab_do(&lab, "se.put-keys", ROTATE);
	lab_assert_done(&lab);
	/* what is stored now is not what the card has */
	lab.job.keyset_count = 1;
	lab_add_keys(&lab, 0x31, ISSUER ISSUER, ISSUER ISSUER, ISSUER ISSUER);
	rotate(&lab);
	lab_assert_failed(&lab, ERR_CONFLICT, "on the card already, with other values");
	assert_true(has_version(&lab, 0x30));
	assert_int_equal(agent_count(&lab.agent, DELETE), 0);
	lab_close(&lab);
}

static void a_card_with_neither_key_set_is_a_clear_failure(void **state)
{
	struct card_settings settings = card_settings_default();
	struct lab lab;

	settings.keys.version = 0x32;
	lab_open(&lab, &settings);
	lab_add_keys(&lab, 0x31, NEW_KEY, NEW_KEY, NEW_KEY);
	rotate(&lab);
	lab_assert_failed(&lab, ERR_NOT_FOUND, "neither key version 30 nor 31");
	assert_int_equal(agent_count(&lab.agent, PUT_KEY), 0);
	lab_close(&lab);
}

/* The session of the new key set was asked for in the same script: nobody authenticates with it. */
static void a_refused_key_set_is_not_used(void **state)
{
	static const uint8_t refused[] = { 0x69, 0x85 };
	struct lab lab;

	for (unsigned is_there = 0; is_there < 2; is_there++) {
		open_card(&lab);
		lab.agent.lies_about = PUT_KEY;
		lab.agent.lies = 1;
		lab.agent.lie = bytes_of(refused, sizeof(refused));
		lab.agent.lies_instead = is_there == 0;
		rotate(&lab);
		assert_int_equal(lab.job.result, CARDEA_FAILED);
		assert_true(has_version(&lab, 0x30));
		assert_int_equal(has_version(&lab, 0x31), is_there);
		assert_int_equal(agent_count(&lab.agent, EXTERNAL_AUTHENTICATE), 1);
		assert_int_equal(agent_count(&lab.agent, DELETE), 0);
		rotate(&lab);
		assert_rotated(&lab);
		lab_close(&lab);
	}
}

/* It costs a script, no more. */
static void a_session_that_does_not_begin_beside_the_keys_begins_after_them(void **state)
{
	static const uint8_t refused[] = { 0x69, 0x85 };

	for (unsigned is_refused = 0; is_refused < 2; is_refused++) {
		struct lab lab;
		open_card(&lab);
		lab.agent.lies_about = INITIALIZE_UPDATE;
		lab.agent.lies = is_refused;
		lab.agent.lies_after = 1;
		lab.agent.lie = bytes_of(refused, sizeof(refused));
		rotate(&lab);
		assert_rotated(&lab);
		/* one to open, one to look, one to put, one to prove, one to remove, one to prove again */
		assert_int_equal(lab.agent.scripts, 6 + is_refused);
		lab_close(&lab);
	}
}

static void key_sets_rotate_through_every_format_and_size_of_challenge(void **state)
{
	static const char *const formats[] = { "ts102226", "seram2", "raw" };

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		for (unsigned is_long = 0; is_long < 2; is_long++) {
			struct card_settings settings = card_settings_default();
			struct lab lab;
			char params[80];
			settings.scp03_options |= is_long;
			lab_open(&lab, &settings);
			lab.agent.second_protocol = SERAM2;
			lab_add_keys(&lab, 0x31, NEW_KEY, NEW_KEY, NEW_KEY);
			snprintf(params, sizeof(params), "{\"newKeyVersion\":49,\"bodyFormat\":\"%s\"}",
				 formats[i]);
			lab_do(&lab, "se.rotate-keys", params);
			assert_rotated(&lab);
			lab_close(&lab);
		}
	}
}

/* The reason says that there are two key sets now, and that the new one is good. */
static void an_old_key_set_that_stays_is_named(void **state)
{
	static const uint8_t refused[] = { 0x69, 0x85 };
	struct lab lab;

	open_card(&lab);
	lab.agent.lies_about = DELETE;
	lab.agent.lies = 1;
	lab.agent.lie = bytes_of(refused, sizeof(refused));
	lab.agent.lies_instead = true;
	rotate(&lab);
	lab_assert_failed(&lab, ERR_CONFLICT, "key version 31 is proven, 30 is still there");
	assert_true(has_version(&lab, 0x30) && has_version(&lab, 0x31));
	rotate(&lab);
	assert_rotated(&lab);
	lab_close(&lab);
}

static void a_removal_is_not_believed_without_looking(void **state)
{
	static const uint8_t confirmed[] = { 0x00, 0x90, 0x00 };
	struct lab lab;

	open_card(&lab);
	lab.agent.lies_about = DELETE;
	lab.agent.lies = 1;
	lab.agent.lie = bytes_of(confirmed, sizeof(confirmed));
	lab.agent.lies_instead = true;
	lab_do(&lab, "se.rotate-keys", "{\"newKeyVersion\":49,\"securityLevel\":\"c-mac\"}");
	lab_assert_failed(&lab, ERR_CONFLICT, "and still has it");
	lab_close(&lab);
}

static void a_key_set_comes_by_store_data_and_the_old_one_goes(void **state)
{
	struct lab lab;

	open_card(&lab);
	lab_do(&lab, "se.rotate-keys", "{\"newKeyVersion\":49,\"method\":\"store-data\"}");
	assert_rotated(&lab);
	assert_int_equal(agent_count(&lab.agent, PUT_KEY), 0);
	lab_close(&lab);
}

static void key_sets_of_scp02_rotate_too(void **state)
{
	struct card_settings settings = card_settings_default();
	struct lab lab;

	settings.scp02_options = 0x55;
	lab_open(&lab, &settings);
	lab.job.keyset_count = 0;
	lab_add_keys_of(&lab, "scp02", 0x30, OLD_KEY, OLD_KEY, OLD_KEY);
	lab_add_keys_of(&lab, "scp02", 0x31, NEW_KEY, NEW_KEY, NEW_KEY);
	for (unsigned i = 0; i < 2; i++) {
		rotate(&lab);
		assert_rotated(&lab);
		assert_int_equal(lab_flag(&lab, "alreadyRotated"), i == 1);
	}
	lab_close(&lab);
}

static void a_rotation_that_makes_no_sense_is_refused(void **state)
{
	struct lab lab;

	open_card(&lab);
	lab_do(&lab, "se.rotate-keys", "{\"newKeyVersion\":49,\"oldKeyVersion\":49}");
	lab_assert_failed(&lab, ERR_MALFORMED, "oldKeyVersion is the new one");
	lab_do(&lab, "se.rotate-keys", "{\"newKeyVersion\":50}");
	lab_assert_failed(&lab, ERR_NOT_FOUND, "store the new keys first");
	assert_int_equal(lab.agent.commands, 0);
	lab_close(&lab);
}

/* ---- deleting ---- */

static void open_with_two_key_sets(struct lab *lab)
{
	open_card(lab);
	lab_do(lab, "se.put-keys", ROTATE);
	lab_assert_done(lab);
}

static void delete_new(struct lab *lab)
{
	lab_do(lab, "se.delete-keys", "{\"deleteKeyVersion\":49}");
}

static void assert_new_deleted(struct lab *lab)
{
	lab_assert_done(lab);
	assert_false(has_version(lab, 0x31));
	assert_true(has_version(lab, 0x30));
}

static void a_key_set_is_deleted_once(void **state)
{
	struct lab lab;

	open_with_two_key_sets(&lab);
	delete_new(&lab);
	assert_new_deleted(&lab);
	assert_false(lab_flag(&lab, "alreadyAbsent"));
	delete_new(&lab);
	assert_new_deleted(&lab);
	assert_true(lab_flag(&lab, "alreadyAbsent"));
	assert_int_equal(agent_count(&lab.agent, DELETE), 1);
	lab_close(&lab);
}

static void deleting_keys_survives_a_break_everywhere(void **state)
{
	lab_break_everywhere(open_with_two_key_sets, delete_new, assert_new_deleted);
	lab_cut_everywhere(open_with_two_key_sets, delete_new, assert_new_deleted);
}

static void the_keys_that_open_the_channel_are_not_deleted(void **state)
{
	static const char *const params[] = {
		"{\"deleteKeyVersion\":48}",
		"{\"deleteKeyVersion\":48,\"deleteKeyIdentifier\":2}",
		"{\"deleteKeyIdentifier\":3}", /* of all versions: of this one too */
		"{\"deleteKeyVersion\":49,\"keyVersion\":49}",
	};

	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		struct lab lab;
		open_with_two_key_sets(&lab);
		lab_do(&lab, "se.delete-keys", params[i]);
		lab_assert_failed(&lab, ERR_CONFLICT, "opens this secure channel");
		assert_int_equal(agent_count(&lab.agent, DELETE), 0);
		lab_close(&lab);
	}
}

static void one_key_of_a_version_is_deleted(void **state)
{
	struct lab lab;

	open_with_two_key_sets(&lab);
	lab_do(&lab, "se.delete-keys", "{\"deleteKeyVersion\":49,\"deleteKeyIdentifier\":3}");
	lab_assert_done(&lab);
	lab_do(&lab, "se.audit", "{}");
	const json_t *card = json_object_get(lab.job.reported, "secureElement");
	assert_int_equal(json_array_size(json_object_get(card, "keys")), 5);
	lab_do(&lab, "se.delete-keys", "{}");
	lab_assert_failed(&lab, ERR_MALFORMED, "which keys");
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_key_set_takes_the_place_of_the_old),
		cmocka_unit_test(rotating_again_changes_nothing),
		cmocka_unit_test(rotation_survives_a_break_everywhere),
		cmocka_unit_test(a_rotation_that_was_given_up_is_done_by_the_next),
		cmocka_unit_test(a_key_set_that_was_put_before_is_proven_first),
		cmocka_unit_test(the_old_key_set_stays_when_the_new_one_is_not_proven),
		cmocka_unit_test(a_card_with_neither_key_set_is_a_clear_failure),
		cmocka_unit_test(a_refused_key_set_is_not_used),
		cmocka_unit_test(a_session_that_does_not_begin_beside_the_keys_begins_after_them),
		cmocka_unit_test(key_sets_rotate_through_every_format_and_size_of_challenge),
		cmocka_unit_test(an_old_key_set_that_stays_is_named),
		cmocka_unit_test(a_removal_is_not_believed_without_looking),
		cmocka_unit_test(a_key_set_comes_by_store_data_and_the_old_one_goes),
		cmocka_unit_test(key_sets_of_scp02_rotate_too),
		cmocka_unit_test(a_rotation_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_key_set_is_deleted_once),
		cmocka_unit_test(deleting_keys_survives_a_break_everywhere),
		cmocka_unit_test(the_keys_that_open_the_channel_are_not_deleted),
		cmocka_unit_test(one_key_of_a_version_is_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
