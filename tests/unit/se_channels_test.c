/* Operations over each secure channel protocol, against the simulated card; and which protocol is chosen. */
#include "se_lab.h"

#include <stdio.h>
#include <string.h>

#include "../e2e/cap_file.h"
#include "scp11_factory.h"
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

	assert_int_equal(cap_build_zip(lab->job.arena, &order, &file), ERR_NONE);
	lab_run(lab, "se.install", params, file);
}

static const char *reported(const struct lab *lab, const char *name)
{
	const char *text = json_string_value(json_object_get(lab->job.reported, name));

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
	lab->job.keyset_count = 0;
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
		lab_assert_done(&lab);
		assert_true(lab_has(&lab, APPLET));
		assert_string_equal(reported(&lab, "protocol"), "scp02");
		assert_string_equal(reported(&lab, "securityLevel"), i % 3 == 1 ? "c-mac" : "c-mac+c-dec");
		lab_close(&lab);
	}
}

/* All that appendix E allows with explicit initiation. */
static void installs_over_scp02_with_every_option(void **state)
{
	(void)state;
	for (unsigned i = 0x04; i < 0x80; i++) {
		struct lab lab;
		if ((i & 0x04) == 0 || (i & 0x08) != 0)
			continue;
		open_scp02(&lab, (uint8_t)i);
		for (unsigned again = 0; again < 2; again++) {
			install(&lab, "{\"package\":\"1\"}");
			lab_assert_done(&lab);
			assert_true(lab_has(&lab, APPLET));
			assert_string_equal(reported(&lab, "securityLevel"),
					    (i & 0x20) != 0 ? "c-mac+c-dec+r-mac" : "c-mac+c-dec");
		}
		lab_close(&lab);
	}
}

static void an_answer_that_was_changed_is_seen_over_scp02(void **state)
{
	static const char *const levels[] = { "c-mac+r-mac", "c-mac+c-dec+r-mac" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct card_misbehaviour corrupt = { .corrupts_response_mac = true };
		char params[64];
		struct lab lab;
		open_scp02(&lab, 0x35);
		card_misbehave(lab.agent.card, &corrupt);
		snprintf(params, sizeof(params), "{\"package\":\"1\",\"securityLevel\":\"%s\"}", levels[i]);
		install(&lab, params);
		lab_assert_failed(&lab, ERR_DENIED, "R-MAC");
		assert_false(lab_has(&lab, APPLET));
		lab_close(&lab);
	}
}

/* Answers that do not come whole, and errors, which have no R-MAC, are part of the chain. */
static void r_macs_of_scp02_survive_what_has_none(void **state)
{
	(void)state;
	for (unsigned limit = 0; limit <= 120; limit += 60) {
		struct lab lab;
		open_scp02(&lab, 0x75);
		lab.agent.refuse_answers_over = limit;
		install(&lab, "{\"package\":\"1\"}");
		lab_assert_done(&lab);
		lab_run(&lab, "se.delete", "{\"aidHex\":\"D07002CA449999\"}", bytes_of(NULL, 0));
		lab_assert_done(&lab);
		if (limit == 0) {
			lab_run(&lab, "se.audit", "{}", bytes_of(NULL, 0));
			lab_assert_done(&lab);
		}
		lab_close(&lab);
	}
}

static void install_package(struct lab *lab)
{
	install(lab, "{\"package\":\"1\"}");
}

static void assert_installed(struct lab *lab)
{
	lab_assert_done(lab);
	assert_true(lab_has(lab, APPLET));
}

static void open_with_r_macs_of_scp02(struct lab *lab)
{
	open_scp02(lab, 0x75);
}

static void install_with_r_macs_of_scp02_survives_a_break_at_every_request(void **state)
{
	(void)state;
	lab_break_everywhere(open_with_r_macs_of_scp02, install_package, assert_installed);
}

static void scp02_cannot_protect_answers(void **state)
{
	struct lab lab;

	(void)state;
	open_scp02(&lab, 0x15);
	install(&lab, "{\"package\":\"1\",\"securityLevel\":\"full\"}");
	lab_assert_failed(&lab, ERR_UNSUPPORTED, "cannot do security level full");
	lab_close(&lab);
}

static void wrong_keys_of_scp02_are_never_tried_twice(void **state)
{
	struct lab lab;

	(void)state;
	open_scp02(&lab, 0x55);
	lab.job.keyset_count = 0;
	lab_add_keys_of(&lab, "scp02", 0x30, "00112233445566778899AABBCCDDEEFF", KNOWN_KEY, KNOWN_KEY);
	install(&lab, "{\"package\":\"1\"}");
	lab_assert_failed(&lab, ERR_DENIED, "cryptogram");
	assert_int_equal(agent_count(&lab.agent, 0x82), 0);
	lab_close(&lab);
}

static void open_usual_scp02(struct lab *lab)
{
	open_scp02(lab, 0x55);
}

static void install_over_scp02_survives_a_break_at_every_request(void **state)
{
	(void)state;
	lab_break_everywhere(open_usual_scp02, install_package, assert_installed);
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
		lab_assert_done(&lab);
		lab_run(&lab, "se.audit", "{\"keyVersion\":49}", bytes_of(NULL, 0));
		lab_assert_done(&lab);
		assert_string_equal(reported(&lab, "protocol"), "scp02");
		lab_close(&lab);
	}
}

/* ---- SCP02 with implicit initiation ---- */

static void installs_over_scp02_with_implicit_initiation(void **state)
{
	static const uint8_t options[] = { 0x0A, 0x0B, 0x1A, 0x1B };

	(void)state;
	for (size_t i = 0; i < sizeof(options); i++) {
		struct lab lab;
		open_scp02(&lab, options[i]);
		for (unsigned again = 0; again < 3; again++) {
			install(&lab, "{\"package\":\"1\"}");
			lab_assert_done(&lab);
			assert_true(lab_has(&lab, APPLET));
			assert_string_equal(reported(&lab, "protocol"), "scp02");
			assert_string_equal(reported(&lab, "securityLevel"), "c-mac");
		}
		assert_int_equal(agent_count(&lab.agent, 0x82), 0);
		lab_close(&lab);
	}
}

static void an_implicit_session_is_chosen_by_what_the_card_announces(void **state)
{
	struct lab lab;

	(void)state;
	open_scp02(&lab, 0x1A);
	lab_add_keys_of(&lab, "scp03", 0x31, KNOWN_KEY, KNOWN_KEY, KNOWN_KEY);
	lab_run(&lab, "se.audit", "{}", bytes_of(NULL, 0));
	lab_assert_done(&lab);
	assert_string_equal(reported(&lab, "protocol"), "scp02");
	lab_close(&lab);
}

static void an_implicit_session_has_c_macs_only(void **state)
{
	struct lab lab;

	(void)state;
	open_scp02(&lab, 0x1A);
	install(&lab, "{\"package\":\"1\",\"securityLevel\":\"c-mac+c-dec\"}");
	lab_assert_failed(&lab, ERR_UNSUPPORTED, "its highest is c-mac");
	assert_false(lab_has(&lab, APPLET));
	lab_close(&lab);
}

/* The card counts each of them as well: one for each job, and the third would lock. */
static void wrong_first_c_macs_stop_before_a_lock(void **state)
{
	struct card_settings settings = card_settings_default();
	struct lab lab;

	(void)state;
	settings.scp02_options = 0x1A;
	settings.authentication_tries = 3;
	lab_open(&lab, &settings);
	lab.job.keyset_count = 0;
	lab_add_keys_of(&lab, "scp02", 0x30, "00112233445566778899AABBCCDDEEFF", KNOWN_KEY, KNOWN_KEY);
	for (unsigned failures = 0; failures < 2; failures++) {
		install(&lab, "{\"package\":\"1\"}");
		lab_assert_failed(&lab, ERR_DENIED, "the first C-MAC with key version 30: 6982");
	}
	install(&lab, "{\"package\":\"1\"}");
	lab_assert_failed(&lab, ERR_LOCK_RISK, "2 authentications failed");
	assert_false(lab_has(&lab, APPLET));
	lab.job.keyset_count = 0;
	lab_add_keys_of(&lab, "scp02", 0x30, KNOWN_KEY, KNOWN_KEY, KNOWN_KEY);
	install(&lab, "{\"package\":\"1\",\"acceptAuthenticationRisk\":true}");
	lab_assert_done(&lab);
	assert_true(lab_has(&lab, APPLET));
	lab_close(&lab);
}

static void an_implicit_session_needs_the_keys_of_the_card(void **state)
{
	struct lab lab;

	(void)state;
	open_scp02(&lab, 0x1A);
	install(&lab, "{\"package\":\"1\",\"diversification\":\"emv\"}");
	lab_assert_failed(&lab, ERR_MALFORMED, "tells no diversification data");
	lab_close(&lab);
}

static void open_with_an_implicit_session(struct lab *lab)
{
	open_scp02(lab, 0x1A);
}

static void install_over_an_implicit_session_survives_a_break_at_every_request(void **state)
{
	(void)state;
	lab_break_everywhere(open_with_an_implicit_session, install_package, assert_installed);
}

/* The key that ciphers them is of the counter that the session has moved on. */
static void keys_are_put_in_an_implicit_session(void **state)
{
	struct lab lab;

	(void)state;
	open_scp02(&lab, 0x1B);
	lab_add_keys_of(&lab, "scp02", 0x31, "00112233445566778899AABBCCDDEEFF",
			"102132435465768798A9BACBDCEDFE0F", "2031425364758697A8B9CADBECFD0E1F");
	lab_run(&lab, "se.put-keys", "{\"newKeyVersion\":49,\"replaceKeyVersion\":48}", bytes_of(NULL, 0));
	lab_assert_done(&lab);
	lab_run(&lab, "se.audit", "{\"keyVersion\":49}", bytes_of(NULL, 0));
	lab_assert_done(&lab);
	lab_close(&lab);
}

/* ---- SCP11 ---- */

#define ALL_VARIANTS (CARD_SCP11_A | CARD_SCP11_B | CARD_SCP11_C)

/* A card of SCP11 and the key set for it; no other is stored. */
static void open_scp11(struct lab *lab, enum ec_curve curve, uint8_t options)
{
	struct card_settings settings = card_settings_default();
	struct arena *arena = arena_create(0);
	const char *keyset;

	assert_non_null(arena);
	assert_int_equal(scp11_factory(arena, curve, options, settings.iin, &settings.scp11, &keyset),
			 ERR_NONE);
	lab_open(lab, &settings);
	lab->job.keyset_count = 0;
	lab->job.documents[lab->job.document_count++] =
		(struct lab_document){ .kind = "scp11", .json = arena_strdup(lab->job.arena, keyset) };
	arena_free(arena);
}

static void installs_over_scp11_on_every_curve(void **state)
{
	(void)state;
	for (unsigned curve = 0; curve < EC_CURVE_COUNT; curve++) {
		for (unsigned s16 = 0; s16 < 2; s16++) {
			struct lab lab;
			open_scp11(&lab, (enum ec_curve)curve,
				   (uint8_t)(CARD_SCP11_A | (s16 != 0 ? CARD_SCP11_S16 : 0)));
			install(&lab, "{\"package\":\"1\"}");
			lab_assert_done(&lab);
			assert_true(lab_has(&lab, APPLET));
			assert_string_equal(reported(&lab, "protocol"), "scp11a");
			assert_string_equal(reported(&lab, "securityLevel"), "full");
			lab_close(&lab);
		}
	}
}

static void installs_over_scp11c_at_every_level(void **state)
{
	static const char *const levels[] = { "full", "c-mac+r-mac", "c-mac+c-dec", "c-mac+c-dec+r-mac" };

	(void)state;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		char params[96];
		struct lab lab;
		open_scp11(&lab, EC_P256, ALL_VARIANTS);
		snprintf(params, sizeof(params),
			 "{\"package\":\"1\",\"protocol\":\"scp11c\",\"securityLevel\":\"%s\"}", levels[i]);
		install(&lab, params);
		lab_assert_done(&lab);
		assert_true(lab_has(&lab, APPLET));
		lab_close(&lab);
	}
}

/* GET DATA, then one script with certificate, key agreement and the first commands. */
static void scp11c_begins_to_work_in_the_script_that_opens_it(void **state)
{
	struct lab a, c;

	(void)state;
	open_scp11(&a, EC_P256, CARD_SCP11_A);
	open_scp11(&c, EC_P256, CARD_SCP11_C);
	lab_run(&a, "se.audit", "{}", bytes_of(NULL, 0));
	lab_run(&c, "se.audit", "{}", bytes_of(NULL, 0));
	lab_assert_done(&a);
	lab_assert_done(&c);
	assert_int_equal(json_integer_value(json_object_get(c.job.reported, "scripts")) + 1,
			 json_integer_value(json_object_get(a.job.reported, "scripts")));
	lab_close(&a);
	lab_close(&c);
}

/* The card proves itself and we do not: nothing that asks for an authenticated owner is given (Amd F 4.7). */
static void scp11b_gives_no_right_to_manage(void **state)
{
	struct lab lab;

	(void)state;
	open_scp11(&lab, EC_P256, CARD_SCP11_B);
	install(&lab, "{\"package\":\"1\"}");
	lab_assert_failed(&lab, ERR_DENIED, "6982");
	assert_int_equal(agent_count(&lab.agent, 0x88), 1);
	assert_false(lab_has(&lab, APPLET));
	lab_close(&lab);
}

static void open_scp11a(struct lab *lab)
{
	open_scp11(lab, EC_P256, CARD_SCP11_A);
}

static void open_scp11c(struct lab *lab)
{
	open_scp11(lab, EC_P256, CARD_SCP11_C);
}

static void install_over_scp11_survives_a_break_at_every_request(void **state)
{
	(void)state;
	lab_break_everywhere(open_scp11a, install_package, assert_installed);
	lab_break_everywhere(open_scp11c, install_package, assert_installed);
}

static void name_the_host(struct lab *lab, const char *id_hex)
{
	const char *document = lab->job.documents[0].json;

	assert_int_equal(document[0], '{');
	lab->job.documents[0].json =
		arena_printf(lab->job.arena, "{\"hostIdHex\":\"%s\",%s", id_hex, &document[1]);
}

static unsigned scripts_of_audit(struct lab *lab)
{
	lab_run(lab, "se.audit", "{}", bytes_of(NULL, 0));
	lab_assert_done(lab);
	return (unsigned)json_integer_value(json_object_get(lab->job.reported, "scripts"));
}

/* Host and card go into the keys: both sides have to name the same. */
static void installs_over_scp11_with_the_names_of_both_sides(void **state)
{
	static const uint8_t options[] = { CARD_SCP11_A, CARD_SCP11_C };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct lab lab;
		open_scp11(&lab, EC_P256, options[i]);
		name_the_host(&lab, "0102030405060708090A0B0C0D0E0F10");
		install(&lab, "{\"package\":\"1\"}");
		lab_assert_done(&lab);
		assert_true(lab_has(&lab, APPLET));
		lab_close(&lab);
	}
}

/* What the card is called is remembered with its certificates; what is remembered wrongly is asked again. */
static void a_wrong_name_of_the_card_is_asked_again(void **state)
{
	struct lab lab;

	(void)state;
	open_scp11(&lab, EC_P256, CARD_SCP11_A);
	name_the_host(&lab, "4F43");
	const unsigned first = scripts_of_audit(&lab);
	assert_int_equal(scripts_of_audit(&lab), first - 1);
	json_t *records = json_object_get(lab.job.known, "authentications");
	json_t *record = json_object_iter_value(json_object_iter(records));
	assert_non_null(json_object_get(record, "numbersHex"));
	json_object_set_new(record, "numbersHex", json_string("0401020304"));
	assert_int_equal(scripts_of_audit(&lab), first + 1);
	assert_int_equal(scripts_of_audit(&lab), first - 1);
	lab_close(&lab);
}

static void a_wrong_receipt_ends_the_job_at_once(void **state)
{
	static const uint8_t options[] = { CARD_SCP11_A, CARD_SCP11_B, CARD_SCP11_C };

	(void)state;
	for (size_t i = 0; i < sizeof(options); i++) {
		const struct card_misbehaviour misbehaviour = { .has_wrong_cryptogram = true };
		struct lab lab;
		open_scp11(&lab, EC_P256, options[i]);
		card_misbehave(lab.agent.card, &misbehaviour);
		lab_run(&lab, "se.audit", "{}", bytes_of(NULL, 0));
		lab_assert_failed(&lab, ERR_DENIED, "receipt");
		lab_close(&lab);
	}
}

/* The document with one text in place of another of the same length. */
static const char *changed(struct lab *lab, const char *from, const char *to)
{
	char *copy = arena_strdup(lab->job.arena, lab->job.documents[0].json), *at = strstr(copy, from);

	assert_non_null(at);
	memcpy(at, to, strlen(to));
	return copy;
}

static void a_card_of_another_authority_is_not_spoken_to(void **state)
{
	struct lab lab;

	(void)state;
	open_scp11(&lab, EC_P256, CARD_SCP11_A);
	/* the generator of the curve: a point, and nobody's key here */
	lab.job.documents[0].json =
		changed(&lab, "cardAuthorityPublicKeyHex",
			"cardAuthorityPublicKeyHex\":\"04"
			"6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
			"4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5");
	install(&lab, "{\"package\":\"1\"}");
	lab_assert_failed(&lab, ERR_DENIED, "signature");
	assert_int_equal(agent_count(&lab.agent, 0x82), 0);
	lab_close(&lab);
}

static void a_certificate_that_the_card_refuses_is_said(void **state)
{
	struct lab lab;

	(void)state;
	open_scp11(&lab, EC_P256, CARD_SCP11_A);
	/* serial number 1 becomes 2 */
	lab.job.documents[0].json = changed(&lab, "930101", "930102");
	install(&lab, "{\"package\":\"1\"}");
	lab_assert_failed(&lab, ERR_DENIED, "refuses our certificate: 6600");
	lab_close(&lab);
}

static void keys_of_scp03_are_put_over_scp11a_and_not_over_11c(void **state)
{
	static const char *const params[] = { "{\"newKeyVersion\":49,\"protocol\":\"scp11a\"}",
					      "{\"newKeyVersion\":49,\"protocol\":\"scp11c\"}" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct lab lab;
		open_scp11(&lab, EC_P256, ALL_VARIANTS);
		lab_add_keys(&lab, 0x31, "00112233445566778899AABBCCDDEEFF",
			     "102132435465768798A9BACBDCEDFE0F", "2031425364758697A8B9CADBECFD0E1F");
		lab_run(&lab, "se.put-keys", params[i], bytes_of(NULL, 0));
		if (i == 0)
			lab_assert_done(&lab);
		else
			lab_assert_failed(&lab, ERR_CONFLICT, "6985");
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
		lab_assert_done(&lab);
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
	lab_assert_failed(&lab, ERR_NOT_FOUND, "no scp02 key set");
	lab_close(&lab);
}

static void keys_of_a_protocol_that_the_card_lacks_are_named(void **state)
{
	struct card_settings settings = card_settings_default();
	struct lab lab;

	(void)state;
	lab_open(&lab, &settings);
	lab.job.keyset_count = 0;
	lab_add_keys_of(&lab, "scp02", 0x30, KNOWN_KEY, KNOWN_KEY, KNOWN_KEY);
	install(&lab, "{\"package\":\"1\"}");
	lab_assert_failed(&lab, ERR_UNSUPPORTED, "the card speaks SCP03");
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(installs_over_scp02_at_every_level),
		cmocka_unit_test(installs_over_scp02_with_every_option),
		cmocka_unit_test(an_answer_that_was_changed_is_seen_over_scp02),
		cmocka_unit_test(r_macs_of_scp02_survive_what_has_none),
		cmocka_unit_test(install_with_r_macs_of_scp02_survives_a_break_at_every_request),
		cmocka_unit_test(scp02_cannot_protect_answers),
		cmocka_unit_test(wrong_keys_of_scp02_are_never_tried_twice),
		cmocka_unit_test(install_over_scp02_survives_a_break_at_every_request),
		cmocka_unit_test(installs_over_scp02_with_implicit_initiation),
		cmocka_unit_test(an_implicit_session_is_chosen_by_what_the_card_announces),
		cmocka_unit_test(an_implicit_session_has_c_macs_only),
		cmocka_unit_test(wrong_first_c_macs_stop_before_a_lock),
		cmocka_unit_test(an_implicit_session_needs_the_keys_of_the_card),
		cmocka_unit_test(install_over_an_implicit_session_survives_a_break_at_every_request),
		cmocka_unit_test(keys_are_put_in_an_implicit_session),
		cmocka_unit_test(keys_of_scp02_are_added_and_replaced),
		cmocka_unit_test(installs_over_scp11_on_every_curve),
		cmocka_unit_test(installs_over_scp11c_at_every_level),
		cmocka_unit_test(scp11c_begins_to_work_in_the_script_that_opens_it),
		cmocka_unit_test(scp11b_gives_no_right_to_manage),
		cmocka_unit_test(install_over_scp11_survives_a_break_at_every_request),
		cmocka_unit_test(installs_over_scp11_with_the_names_of_both_sides),
		cmocka_unit_test(a_wrong_name_of_the_card_is_asked_again),
		cmocka_unit_test(a_wrong_receipt_ends_the_job_at_once),
		cmocka_unit_test(a_card_of_another_authority_is_not_spoken_to),
		cmocka_unit_test(a_certificate_that_the_card_refuses_is_said),
		cmocka_unit_test(keys_of_scp03_are_put_over_scp11a_and_not_over_11c),
		cmocka_unit_test(the_card_decides_where_keys_of_both_are_stored),
		cmocka_unit_test(a_protocol_that_is_asked_for_needs_its_keys),
		cmocka_unit_test(keys_of_a_protocol_that_the_card_lacks_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
