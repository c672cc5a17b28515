/* The keys of one card come from a master, and the master may stay in a token. */
#include "se_lab.h"

#include <stdio.h>
#include <string.h>

#include "channel/keys.h"
#include "oce_certificate.h"
#include "scp11_factory.h"
#include "se_test.h"
#include "soft_token.h"

#define MASTER "404142434445464748494A4B4C4D4E4F"
#define OTHER  "505152535455565758595A5B5C5D5E5F"

static const uint8_t kdd[] = { 0xA1, 0xA0, 0x12, 0x43, 0x05, 0x85, 0x51, 0x31, 0x20, 0x85 };

static struct soft_token soft;
static bool has_token;

static struct secret of_card(const char *scheme, const struct key *master, enum key_role role)
{
	struct key key;

	assert_int_equal(key_diversify(scheme, master, role, bytes_of(kdd, sizeof(kdd)), &key), ERR_NONE);
	return key.secret;
}

/* The card whose keys come from the master; the server has the master alone, as its only key set. */
static void open_card(struct lab *lab, const char *kind, const char *scheme, uint8_t scp03_options)
{
	static const uint8_t value[] = { 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,
					 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F };
	struct card_settings settings = card_settings_default();
	struct secret secret = { .len = 0 };

	assert_int_equal(secret_from(bytes_of(value, sizeof(value)), &secret), ERR_NONE);
	const struct key master = key_of(&secret);
	memcpy(settings.diversification_data, kdd, sizeof(kdd));
	settings.scp02_options = strcmp(kind, "scp02") == 0 ? 0x55 : 0;
	settings.scp03_options = scp03_options;
	settings.keys.enc = of_card(scheme, &master, KEY_ENC);
	settings.keys.mac = of_card(scheme, &master, KEY_MAC);
	settings.keys.dek = of_card(scheme, &master, KEY_DEK);
	lab_open(lab, &settings);
	lab->job.keyset_count = 0;
	lab_add_keys_of(lab, kind, 0x30, MASTER, MASTER, MASTER);
	lab->job.keysets[0].keyset.diversification = scheme;
}

static void run(struct lab *lab, const char *operation, const char *params)
{
	lab_run(lab, operation, params, bytes_of(NULL, 0));
}

static const char *const schemes[] = { "none", "emv", "visa2", "visa", "kdf3" };

/* ---- in memory ---- */

static void a_master_opens_its_cards_by_each_scheme_and_protocol(void **state)
{
	static const struct {
		const char *kind;
		uint8_t options;
	} rows[] = { { "scp02", 0x70 }, { "scp03", 0x60 }, { "scp03", 0x70 }, { "scp03", 0x71 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t s = 0; s < sizeof(schemes) / sizeof(schemes[0]); s++) {
			struct lab lab;
			open_card(&lab, rows[i].kind, schemes[s], rows[i].options);
			run(&lab, "se.audit", "{}");
			lab_assert_done(&lab);
			lab.job.keysets[0].keyset.diversification = schemes[(s + 1) % 5];
			run(&lab, "se.audit", "{}");
			lab_assert_failed(&lab, ERR_DENIED, "cryptogram");
			lab_close(&lab);
		}
	}
}

static void the_next_master_may_have_another_scheme(void **state)
{
	static const char *const kinds[] = { "scp02", "scp03" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct lab lab;
		open_card(&lab, kinds[i], "emv", 0x70);
		lab_add_keys_of(&lab, kinds[i], 0x31, OTHER, OTHER, OTHER);
		lab.job.keysets[1].keyset.diversification = "kdf3";
		run(&lab, "se.put-keys", "{\"newKeyVersion\":49}");
		lab_assert_done(&lab);
		lab.job.keysets[0] = lab.job.keysets[1];
		lab.job.keyset_count = 1;
		run(&lab, "se.audit", "{}");
		lab_assert_done(&lab);
		lab_close(&lab);
	}
}

static void a_key_set_may_come_by_store_data(void **state)
{
	static const char *const kinds[] = { "scp02", "scp03" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct lab lab;
		open_card(&lab, kinds[i], "none", 0x70);
		lab_add_keys_of(&lab, kinds[i], 0x31, OTHER, OTHER, OTHER);
		run(&lab, "se.put-keys", "{\"newKeyVersion\":49,\"method\":\"store-data\"}");
		lab_assert_done(&lab);
		run(&lab, "se.audit", "{\"keyVersion\":49}");
		lab_assert_done(&lab);
		run(&lab, "se.put-keys",
		    "{\"newKeyVersion\":49,\"method\":\"store-data\",\"replaceKeyVersion\":48}");
		lab_assert_failed(&lab, ERR_MALFORMED, "replaceKeyVersion");
		lab_close(&lab);
	}
}

/* ---- keys of SCP11 ---- */

#define NEW_VERSION "4"

/* A card that makes SCP11, and a document with new keys and certificates for all of it. */
static void open_scp11_card(struct lab *lab, enum ec_curve curve)
{
	struct card_settings settings = card_settings_default();
	struct arena *arena = arena_create(0);
	const char *text;
	struct pair {
		uint8_t private[EC_SIZE_MAX];
		struct ec_point public;
	} card, card_authority, own, own_authority;
	struct pair *const pairs[] = { &card, &card_authority, &own, &own_authority };
	struct bytes of_card, of_own;

	assert_non_null(arena);
	assert_int_equal(scp11_factory(arena, curve, CARD_SCP11_A | CARD_SCP11_B | CARD_SCP11_C, settings.iin,
				       &settings.scp11, &text),
			 ERR_NONE);
	lab_open(lab, &settings);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(ec_generate(curve, pairs[i]->private, &pairs[i]->public), ERR_NONE);
	assert_int_equal(certificate_make(arena, curve, "CA4D0002", ec_point_bytes(&card.public),
					  bytes_of(card_authority.private, ec_size(curve)), &of_card),
			 ERR_NONE);
	assert_int_equal(certificate_make(arena, curve, bytes_to_hex(arena, settings.iin),
					  ec_point_bytes(&own.public),
					  bytes_of(own_authority.private, ec_size(curve)), &of_own),
			 ERR_NONE);
	lab->job.documents[lab->job.document_count++] = (struct lab_document){
		.kind = "scp11",
		.json = arena_printf(
			lab->job.arena,
			"{\"kind\":\"scp11\",\"version\":" NEW_VERSION
			",\"curve\":\"%s\",\"variants\":[\"11a\",\"11c\"],"
			"\"privateKeyHex\":\"%s\",\"certificatesHex\":[\"%s\"],\"cardAuthorityPublicKeyHex\":"
			"\"%s\","
			"\"authorityKeyVersion\":5,\"authorityKeyId\":33,\"authorityPublicKeyHex\":\"%s\","
			"\"cardPrivateKeyHex\":\"%s\",\"cardCertificatesHex\":[\"%s\"]}",
			ec_curve_name(curve), bytes_to_hex(arena, bytes_of(own.private, ec_size(curve))),
			bytes_to_hex(arena, of_own),
			bytes_to_hex(arena, ec_point_bytes(&card_authority.public)),
			bytes_to_hex(arena, ec_point_bytes(&own_authority.public)),
			bytes_to_hex(arena, bytes_of(card.private, ec_size(curve))),
			bytes_to_hex(arena, of_card)),
	};
	arena_free(arena);
}

#define PUT_SCP11 "{\"kind\":\"scp11\",\"newKeyVersion\":" NEW_VERSION "}"

static void new_keys_of_scp11_open_the_channel_by_each_variant(void **state)
{
	(void)state;
	for (unsigned curve = 0; curve < EC_CURVE_COUNT; curve++) {
		struct lab lab;
		open_scp11_card(&lab, (enum ec_curve)curve);
		run(&lab, "se.put-keys", PUT_SCP11);
		lab_assert_done(&lab);
		assert_int_equal(json_integer_value(json_object_get(lab.job.reported, "keys")), 3);
		assert_int_equal(json_integer_value(json_object_get(lab.job.reported, "certificateStores")),
				 2);
		lab.job.keyset_count = 0; /* no other keys are known */
		run(&lab, "se.audit", "{\"protocol\":\"scp11a\"}");
		lab_assert_done(&lab);
		run(&lab, "se.audit", "{\"protocol\":\"scp11c\"}");
		lab_assert_done(&lab);
		run(&lab, "se.put-keys", PUT_SCP11);
		lab_assert_failed(&lab, ERR_CONFLICT, "on the card already");
		run(&lab, "se.put-keys",
		    "{\"kind\":\"scp11\",\"newKeyVersion\":" NEW_VERSION ",\"replaceKeyVersion\":4}");
		lab_assert_done(&lab);
		lab_close(&lab);
	}
}

static void new_keys_of_scp11_survive_a_break_at_every_request(void **state)
{
	(void)state;
	for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
		unsigned requests = 1;
		for (unsigned at = 1; at <= requests; at++) {
			struct lab lab;
			open_scp11_card(&lab, EC_P256);
			lab.job.break_kind = kind;
			lab.job.break_at = at;
			run(&lab, "se.put-keys", PUT_SCP11);
			lab_assert_done(&lab);
			requests = at == 1 ? lab.job.requests : requests;
			lab.job.break_kind = BREAK_NEVER;
			agent_reboot(
				&lab.agent); /* a job that lost its device at the end leaves its session */
			lab.job.keyset_count = 0;
			run(&lab, "se.audit", "{}");
			lab_assert_done(&lab);
			lab_close(&lab);
		}
	}
}

static void a_set_of_scp11_without_a_side_for_cards_is_not_put(void **state)
{
	struct lab lab;

	(void)state;
	open_card(&lab, "scp03", "none", 0x70);
	lab.job.documents[lab.job.document_count++] = (struct lab_document){
		.kind = "scp11",
		.json = "{\"version\":4,\"curve\":\"P-256\",\"variants\":[\"11b\"],"
			"\"cardAuthorityPublicKeyHex\":\"04\"}",
	};
	run(&lab, "se.put-keys", PUT_SCP11);
	lab_assert_failed(&lab, ERR_CONFLICT, "cardPrivateKeyHex");
	lab_close(&lab);
}

/* ---- in a token ---- */

/* The keys of a set go into the token, and are named there. */
static void move_to_token(struct lab *lab, size_t number, const char *label)
{
	struct lab_keyset *set = &lab->job.keysets[number];
	struct key *const keys[] = { &set->keyset.enc, &set->keyset.mac, &set->keyset.dek };
	static const char *const names[] = { "enc", "mac", "dek" };

	for (size_t i = 0; i < 3; i++) {
		char name[KEY_LABEL_SIZE];
		snprintf(name, sizeof(name), "%s %s", label, names[i]);
		soft_token_add(&soft, name, strcmp(set->kind, "scp02") == 0 ? SOFT_DES : SOFT_AES,
			       secret_bytes(&keys[i]->secret), false);
		*keys[i] = token_key(soft.token, name, keys[i]->size);
	}
}

static void keys_in_a_token_open_channels_and_bring_new_keys(void **state)
{
	static const struct {
		const char *kind, *scheme;
	} rows[] = { { "scp03", "none" }, { "scp03", "kdf3" }, { "scp02", "none" }, { "scp02", "visa2" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && has_token; i++) {
		struct lab lab;
		char label[16];
		snprintf(label, sizeof(label), "card %zu", i);
		open_card(&lab, rows[i].kind, rows[i].scheme, 0x71);
		move_to_token(&lab, 0, label);
		run(&lab, "se.audit", "{}");
		lab_assert_done(&lab);
		lab_add_keys_of(&lab, rows[i].kind, 0x31, OTHER, OTHER, OTHER);
		run(&lab, "se.put-keys", "{\"newKeyVersion\":49}");
		lab_assert_done(&lab);
		lab_close(&lab);
	}
}

static void the_keys_of_a_card_come_from_a_master_that_stays(void **state)
{
	struct lab lab;

	if (!has_token)
		return;
	open_card(&lab, "scp03", "none", 0x70);
	lab_add_keys_of(&lab, "scp03", 0x31, OTHER, OTHER, OTHER);
	lab.job.keysets[1].keyset.diversification = "kdf3";
	move_to_token(&lab, 1, "next");
	run(&lab, "se.put-keys", "{\"newKeyVersion\":49}");
	lab_assert_done(&lab);
	lab_close(&lab);
}

static void a_key_that_stays_in_the_token_is_put_on_no_card(void **state)
{
	struct lab lab;

	if (!has_token)
		return;
	open_card(&lab, "scp03", "none", 0x70);
	lab_add_keys_of(&lab, "scp03", 0x31, OTHER, OTHER, OTHER);
	move_to_token(&lab, 1, "kept");
	run(&lab, "se.put-keys", "{\"newKeyVersion\":49}");
	lab_assert_failed(&lab, ERR_DENIED, "cannot leave the token");
	lab_close(&lab);
}

static void a_missing_key_or_token_ends_the_job_with_its_reason(void **state)
{
	struct lab lab;

	(void)state;
	open_card(&lab, "scp03", "none", 0x70);
	lab.job.keysets[0].keyset.mac = token_key(NULL, "nowhere", 16);
	run(&lab, "se.audit", "{}");
	lab_assert_failed(&lab, ERR_UNAVAILABLE, "token");
	if (has_token) {
		lab.job.keysets[0].keyset.mac = token_key(soft.token, "nowhere", 16);
		run(&lab, "se.audit", "{}");
		lab_assert_failed(&lab, ERR_NOT_FOUND, "token");
	}
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_master_opens_its_cards_by_each_scheme_and_protocol),
		cmocka_unit_test(the_next_master_may_have_another_scheme),
		cmocka_unit_test(a_key_set_may_come_by_store_data),
		cmocka_unit_test(new_keys_of_scp11_open_the_channel_by_each_variant),
		cmocka_unit_test(new_keys_of_scp11_survive_a_break_at_every_request),
		cmocka_unit_test(a_set_of_scp11_without_a_side_for_cards_is_not_put),
		cmocka_unit_test(keys_in_a_token_open_channels_and_bring_new_keys),
		cmocka_unit_test(the_keys_of_a_card_come_from_a_master_that_stays),
		cmocka_unit_test(a_key_that_stays_in_the_token_is_put_on_no_card),
		cmocka_unit_test(a_missing_key_or_token_ends_the_job_with_its_reason),
	};

	has_token = soft_token_open(&soft);
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (has_token)
		soft_token_close(&soft);
	return failed;
}
