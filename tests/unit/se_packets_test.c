/* Operations over SCP80: secured packets in ENVELOPEs, to the simulated card and back, with everything that
 * may break on the way. */
#include "se_lab.h"

#include <stdio.h>
#include <string.h>

#include "../e2e/cap_file.h"
#include "se_test.h"

#define PACKAGE "D07002CA44900101"
#define APPLET  "D07002CA4490010101"
#define KIC     "101112131415161718191A1B1C1D1E1F"
#define KID     "202122232425262728292A2B2C2D2E2F"
#define KIK     "303132333435363738393A3B3C3D3E3F"

static const char aes_keys[] = "{\"version\":1,\"kicHex\":\"" KIC "\",\"kidHex\":\"" KID "\"}";
static const char des_keys[] = "{\"version\":2,\"kicHex\":\"" KIC "\",\"kidHex\":\"" KID
			       "\",\"kicAlgorithm\":\"3des\",\"kidAlgorithm\":\"3des\"}";

static struct card_extra_key extra_key(struct lab *lab, uint8_t version, uint8_t id, uint8_t type,
				       const char *hex)
{
	return (struct card_extra_key){ .version = version,
					.id = id,
					.components = { { type, lab_hex(lab, hex) } } };
}

static void set_keys(struct lab *lab, const char *json)
{
	lab->job.documents[0] = (struct lab_document){ .kind = "scp80", .json = json };
	lab->job.document_count = 1;
}

/* A card with key sets 01 (AES) and 02 (triple DES), and short lists, as receipts are. */
static void open_lab_of(struct lab *lab, struct card_settings settings)
{
	struct card *plain;
	struct fault fault = { 0 };

	lab_open(lab, &settings);
	plain = lab->agent.card;
	const struct card_extra_key keys[] = {
		extra_key(lab, 1, 1, 0x88, KIC), extra_key(lab, 1, 2, 0x88, KID),
		extra_key(lab, 1, 3, 0x88, KIK), extra_key(lab, 2, 1, 0x80, KIC),
		extra_key(lab, 2, 2, 0x80, KID), extra_key(lab, 2, 3, 0x80, KIK),
	};
	settings.extra_keys = keys;
	settings.extra_key_count = sizeof(keys) / sizeof(keys[0]);
	settings.status_answer_bytes = 64;
	assert_int_equal(card_open(NULL, &settings, &lab->agent.card, &fault), ERR_NONE);
	card_close(plain);
	lab->job.keyset_count = 0;
	set_keys(lab, aes_keys);
}

static void open_lab(struct lab *lab)
{
	open_lab_of(lab, card_settings_default());
}

static void assert_ended(const struct lab *lab, enum cardea_result result, enum err kind, const char *words)
{
	if (lab->job.result != result || lab->job.kind != kind || strstr(lab->job.reason, words) == NULL)
		fail_msg("result %d, %s: %s", lab->job.result, err_name(lab->job.kind), lab->job.reason);
}

static void install(struct lab *lab, const char *params)
{
	struct cap_order order = { .package_aid = lab_hex(lab, PACKAGE),
				   .applets = { lab_hex(lab, APPLET) },
				   .applet_count = 1,
				   .major = 1,
				   .code_bytes = 600 };
	struct bytes file;

	assert_int_equal(cap_build_zip(lab->job.arena, &order, &file), ERR_NONE);
	lab_run(lab, "se.install", params, file);
}

static void run(struct lab *lab, const char *operation, const char *params)
{
	lab_run(lab, operation, params, bytes_of(NULL, 0));
}

static int64_t reported(const struct lab *lab, const char *name)
{
	return json_integer_value(json_object_get(lab->job.reported, name));
}

/* ---- content by packets ---- */

static void installs_by_packets(void **state)
{
	struct lab lab;

	open_lab(&lab);
	install(&lab, "{\"package\":\"1\",\"scriptFormat\":\"expanded\"}");
	lab_assert_done(&lab);
	assert_true(lab_has(&lab, APPLET));
	assert_string_equal(json_string_value(json_object_get(lab.job.reported, "protocol")), "scp80");
	assert_true(reported(&lab, "counter") > 1);
	assert_int_equal(agent_count(&lab.agent, 0xE8), 0); /* no LOAD but in packets */
	assert_true(agent_count(&lab.agent, 0xC2) > 6);
	run(&lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\",\"related\":true,\"scriptFormat\":\"compact\"}");
	lab_assert_done(&lab);
	assert_false(lab_has(&lab, APPLET));
	lab_close(&lab);
}

static void speaks_triple_des(void **state)
{
	struct lab lab;

	open_lab(&lab);
	set_keys(&lab, des_keys);
	install(&lab, "{\"package\":\"1\"}");
	lab_assert_done(&lab);
	assert_true(lab_has(&lab, APPLET));
	lab_close(&lab);
}

static void goes_on_after_every_break(void **state)
{
	for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
		unsigned requests = 1;
		for (unsigned at = 1; at <= requests; at += 3) {
			struct lab lab;
			open_lab(&lab);
			lab.job.break_kind = kind;
			lab.job.break_at = at;
			install(&lab, "{\"package\":\"1\",\"scriptFormat\":\"expanded\"}");
			requests = lab.job.requests;
			lab_assert_done(&lab);
			assert_true(lab_has(&lab, APPLET));
			lab_close(&lab);
		}
	}
}

/* ---- receipts ---- */

static void set_state(struct lab *lab)
{
	run(lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\",\"related\":true}");
}

static void a_missing_receipt_is_no_success(void **state)
{
	struct lab lab;

	open_lab(&lab);
	install(&lab, "{\"package\":\"1\"}");
	card_misbehave(lab.agent.card, &(struct card_misbehaviour){ .withholds_receipts = true });
	set_state(&lab);
	assert_ended(&lab, CARDEA_FAILED, ERR_UNAVAILABLE,
		     "no proof of receipt"); /* nothing but a look was sent */
	assert_true(lab_has(&lab, APPLET));
	lab_close(&lab);
}

/* The receipt of the n-th packet is lost on its way. */
static void a_change_without_receipt_is_unknown(void **state)
{
	struct lab lab;
	bool was_unknown = false;

	for (unsigned packets = 1; packets < 8; packets++) {
		open_lab(&lab);
		install(&lab, "{\"package\":\"1\"}");
		lab.agent.lies_about = 0xC2;
		lab.agent.lies_after = packets;
		lab.agent.lies = 1;
		lab.agent.lie = bytes_of("\x90\x00", 2);
		set_state(&lab);
		if (lab.job.result == CARDEA_UNKNOWN)
			was_unknown = true;
		else if (lab.job.result == CARDEA_FAILED)
			assert_true(lab_has(&lab, APPLET));
		else
			lab_assert_done(&lab);
		lab_close(&lab);
	}
	assert_true(was_unknown);
}

static void fetches_receipts_as_cards_before_usim_give_them(void **state)
{
	struct lab lab;

	open_lab(&lab);
	card_misbehave(lab.agent.card, &(struct card_misbehaviour){ .is_before_102221 = true });
	install(&lab, "{\"package\":\"1\"}");
	lab_assert_done(&lab);
	assert_true(lab_has(&lab, APPLET));
	assert_true(agent_count(&lab.agent, 0xC0) > 0);
	lab_close(&lab);
}

static void waits_for_a_busy_card(void **state)
{
	struct lab lab;

	open_lab(&lab);
	card_misbehave(lab.agent.card, &(struct card_misbehaviour){ .busy_times = 2 });
	install(&lab, "{\"package\":\"1\"}");
	lab_assert_done(&lab);
	lab_close(&lab);
}

static void wrong_keys_end_the_job(void **state)
{
	struct lab lab;

	open_lab(&lab);
	set_keys(&lab, "{\"version\":1,\"kicHex\":\"" KIC "\",\"kidHex\":\"" KIC "\"}");
	set_state(&lab);
	assert_ended(&lab, CARDEA_FAILED, ERR_DENIED, "does not verify");
	assert_int_equal(agent_count(&lab.agent, 0xC2), 1);
	lab_close(&lab);
}

static void unknown_applications_and_weak_packets_are_told(void **state)
{
	struct card_settings settings = card_settings_default();
	struct lab lab;

	settings.minimum_security = 0x16;
	open_lab_of(&lab, settings);
	run(&lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\",\"tarHex\":\"BFFFFF\"}");
	assert_ended(&lab, CARDEA_FAILED, ERR_NOT_FOUND, "09, no such application (TAR)");
	run(&lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\",\"securityLevel\":\"c-mac+r-mac\"}");
	assert_ended(&lab, CARDEA_FAILED, ERR_DENIED, "0A, more security is asked for");
	set_state(&lab);
	lab_assert_done(&lab);
	lab_close(&lab);
}

/* ---- counters ---- */

static void counts_from_job_to_job(void **state)
{
	struct lab lab;

	open_lab(&lab);
	set_state(&lab);
	const int64_t first = reported(&lab, "counter");
	run(&lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\",\"counterMode\":\"next\"}");
	lab_assert_done(&lab);
	assert_true(reported(&lab, "counter") > first);
	assert_int_equal(json_object_size(lab.job.counters), 1);
	lab_close(&lab);
}

static void a_counter_that_others_have_raised_is_told(void **state)
{
	struct lab lab;

	open_lab(&lab);
	set_keys(&lab, "{\"version\":1,\"kicHex\":\"" KIC "\",\"kidHex\":\"" KID "\",\"counter\":70000}");
	set_state(&lab);
	lab_assert_done(&lab);
	assert_true(reported(&lab, "counter") > 70000);
	json_object_clear(lab.job.counters);
	set_keys(&lab, aes_keys);
	set_state(&lab);
	assert_ended(&lab, CARDEA_FAILED, ERR_CONFLICT, "02, the counter is too low");
	assert_int_equal(reported(&lab, "counter"), 0);
	lab_close(&lab);
}

static void one_too_high_is_told(void **state)
{
	struct lab lab;

	open_lab(&lab);
	set_keys(&lab, "{\"version\":1,\"kicHex\":\"" KIC "\",\"kidHex\":\"" KID "\",\"counter\":5}");
	run(&lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\",\"counterMode\":\"next\"}");
	assert_ended(&lab, CARDEA_FAILED, ERR_CONFLICT, "03, the counter is too high");
	lab_close(&lab);
}

static void packets_are_cut_to_short_messages(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.agent.max_request = 512;
	install(&lab, "{\"package\":\"1\",\"maxMessages\":2}");
	lab_assert_done(&lab);
	assert_true(lab_has(&lab, APPLET));
	lab_close(&lab);
}

static void keys_do_not_go_in_packets(void **state)
{
	struct lab lab;

	open_lab(&lab);
	lab.job.documents[lab.job.document_count++] = (struct lab_document){
		.kind = "dap",
		.json = "{\"kind\":\"dap\",\"version\":115,\"algorithm\":\"aes\",\"keyHex\":\"" KIC "\"}"
	};
	run(&lab, "se.put-keys", "{\"kind\":\"dap\",\"newKeyVersion\":115,\"protocol\":\"scp80\"}");
	assert_ended(&lab, CARDEA_FAILED, ERR_UNSUPPORTED, "keys go to a card over SCP02, SCP03 or SCP11");
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(installs_by_packets),
		cmocka_unit_test(speaks_triple_des),
		cmocka_unit_test(goes_on_after_every_break),
		cmocka_unit_test(a_missing_receipt_is_no_success),
		cmocka_unit_test(a_change_without_receipt_is_unknown),
		cmocka_unit_test(fetches_receipts_as_cards_before_usim_give_them),
		cmocka_unit_test(waits_for_a_busy_card),
		cmocka_unit_test(wrong_keys_end_the_job),
		cmocka_unit_test(unknown_applications_and_weak_packets_are_told),
		cmocka_unit_test(counts_from_job_to_job),
		cmocka_unit_test(a_counter_that_others_have_raised_is_told),
		cmocka_unit_test(one_too_high_is_told),
		cmocka_unit_test(packets_are_cut_to_short_messages),
		cmocka_unit_test(keys_do_not_go_in_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
