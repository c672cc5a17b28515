/* PUT KEY, DELETE [key], and keys by STORE DATA. */
#include "card_support.h"

#include "chip.h"

#include <cardea/tlv.h>

#define DOMAIN "A0000001515350AA01"

/* `count` keys of `len` bytes; the first byte of each tells which it is. */
static struct bytes key_fields(struct host *host, uint8_t version, size_t count, size_t len, uint8_t seed)
{
	struct builder b = builder_in(host->arena);
	struct bytes fields;
	build_u8(&b, version);
	for (size_t i = 0; i < count; i++) {
		uint8_t *key = arena_alloc(host->arena, len);
		memset(key, seed, len);
		key[0] = (uint8_t)i;
		build_bytes(&b, host_key_field(host, bytes_of(key, len)));
	}
	assert_int_equal(builder_bytes(&b, &fields), ERR_NONE);
	return fields;
}

static void host_takes_keys(struct host *host, uint8_t version, size_t len, uint8_t seed)
{
	struct secret *keys[] = { &host->keys.enc, &host->keys.mac, &host->keys.dek };
	host->keys.version = version;
	for (uint8_t i = 0; i < 3; i++) {
		keys[i]->len = len;
		memset(keys[i]->at, seed, len);
		keys[i]->at[0] = i;
	}
}

static uint16_t put_keys(struct host *host, uint8_t p1, uint8_t p2, struct bytes fields)
{
	return host_command_bytes(host, 0xD8, p1, p2, fields);
}

static void new_key_set_opens_sessions(void **state)
{
	static const size_t lengths[] = { 16, 24, 32 };
	struct host *host = *state;
	uint32_t counter;
	for (size_t i = 0; i < 3; i++) {
		uint8_t version = (uint8_t)(0x40 + i);
		host_reopen(host);
		host->keys = host->settings.keys;
		host_login(host, ISD_AID, LEVEL_ALL);
		struct bytes fields = key_fields(host, version, 3, lengths[i], 0x77);
		assert_int_equal(put_keys(host, 0x00, 0x81, fields), 0x9000);
		assert_int_equal(host->data.len, 1 + 3 * 3); /* version and check values */
		assert_int_equal(host->data.at[0], version);
		assert_true(bytes_equal(bytes_from(host->data, 7), bytes_from(fields, fields.len - 3)));
		host_takes_keys(host, version, lengths[i], 0x77);
		assert_true(card_sequence_counter(host->card, hex(host, ISD_AID), version, &counter));
		assert_int_equal(counter, 0);
		assert_int_equal(host_plain(host, "00A4040000"), 0x9000);
		assert_int_equal(host_initialize(host, version), 0x9000);
		assert_true(host->has_session);
		assert_int_equal(host_authenticate(host, LEVEL_ALL), 0x9000);
		assert_int_equal(host_command(host, "80F28002024F0000"), 0x9000);
	}
}

static void replaced_key_set_counts_anew(void **state)
{
	struct host *host = *state;
	uint32_t counter;
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(put_keys(host, 0x30, 0x81, key_fields(host, 0x30, 3, 16, 0x55)), 0x9000);
	assert_true(card_sequence_counter(host->card, hex(host, ISD_AID), 0x30, &counter));
	assert_int_equal(counter, 0);
	assert_int_equal(host_command(host, "80F28002024F0000"), 0x9000); /* the session lives on */
	assert_int_equal(host_plain(host, "00A4040000"), 0x9000);
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_false(host->has_session); /* with the old keys */
	host_takes_keys(host, 0x30, 16, 0x55);
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(put_keys(host, 0x30, 0x81, key_fields(host, 0x31, 3, 16, 0x56)),
			 0x9000); /* under a new version */
	assert_false(card_sequence_counter(host->card, hex(host, ISD_AID), 0x30, &counter));
	assert_int_equal(host_initialize(host, 0x30), 0x6A88);
}

static void put_key_is_strict(void **state)
{
	static const char aes[] = "8811102A4C4D4E4F505152535455565758595A03AABBCC";
	static const struct {
		uint8_t p1, p2;
		const char *data; /* %s: an AES key with a wrong check value */
		uint16_t sw;
	} rows[] = {
		{ 0x00, 0x01, "40%s", 0x6982 }, /* check value */
		{ 0x00, 0x01, "00%s", 0x6A80 },
		{ 0x00, 0x01, "80%s", 0x6A80 },
		{ 0x00, 0x01, "40", 0x6A80 },
		{ 0x00, 0x01, "4099010000", 0x6A80 },                                 /* type */
		{ 0x00, 0x01, "408811102A4C4D4E4F505152535455565758595A00", 0x6A80 }, /* no check value */
		{ 0x00, 0x01, "408811102A4C4D4E4F505152535455565758595A02AABB", 0x6A80 },
		{ 0x00, 0x01, "408811112A4C4D4E4F505152535455565758595A03AABBCC",
		  0x6A80 }, /* longer than its block */
		{ 0x00, 0x01, "408811002A4C4D4E4F505152535455565758595A03AABBCC", 0x6A80 },
		{ 0x00, 0x01, "40880908112233445566778803000000", 0x6A80 }, /* no whole AES block */
		{ 0x00, 0x01, "40881110AABB", 0x6A80 },
		{ 0x00, 0x01,
		  "40B0210400112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFFF0010000",
		  0x9000 },
		{ 0x00, 0x01,
		  "40B0210500112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFFF0010000",
		  0x6A80 },
		{ 0x00, 0x01, "40A10411223344A00301000100", 0x6A80 }, /* the key is there already */
		{ 0x00, 0x02, "40A10411223344A00301000100", 0x9000 },
		{ 0x00, 0x03, "40A10411223344A00301000103AABBCC", 0x6A80 }, /* RSA has no check value */
		{ 0x00, 0x03, "40A10411223344A00301000100A10411223344A00301000100",
		  0x6A86 }, /* two, without P2 b8 */
		{ 0x00, 0x83, "40A10411223344A00301000100A10411223344A00301000100", 0x9000 },
		{ 0x00, 0xFF, "41A10411223344A00301000100A10411223344A00301000100",
		  0x6A86 },                                             /* identifier 80 */
		{ 0x41, 0x01, "41A10411223344A00301000100", 0x6A88 },   /* nothing to replace */
		{ 0x40, 0x02, "40A10511223344AAA00301000100", 0x6A80 }, /* another size */
		{ 0x40, 0x02, "40A10455667788A00301000100", 0x9000 },
		{ 0x40, 0x02, "30A10455667788A00301000100", 0x6A80 }, /* that key of version 30 exists */
		{ 0x40, 0x02, "42FFA10411223344FFA00301000100", 0x6A80 },
		{ 0x00, 0x05, "40FFA10411223344FFA0030100010001340100", 0x9000 }, /* extended form */
		{ 0x00, 0x06, "40FFA10411223344A0030100010001340100", 0x6A80 },   /* half of it */
	};
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_MAC);
	unsigned writes = card_write_count(host->card), expected = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool has_key = strstr(rows[i].data, "%s") != NULL;
		struct bytes data = hex(host, "%.2s%s", rows[i].data, has_key ? aes : rows[i].data + 2);
		uint16_t sw = put_keys(host, rows[i].p1, rows[i].p2, data);
		if (sw != rows[i].sw)
			fail_msg("row %zu: %04X instead of %04X", i, sw, rows[i].sw);
		expected += sw == 0x9000;
	}
	assert_int_equal(card_write_count(host->card) - writes, expected);
	assert_int_equal(host_command(host, "80CA00E000"), 0x9000);
	assert_hex(host, host->data,
		   "E03AC00401308810C00402308810C00403308810C0060140B020F000C0060240A104A003"
		   "C0060340A104A003C0060440A104A003C0060540A104A003");
}

static void keys_of_one_command_come_together_or_not_at_all(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_MAC);
	struct bytes fields = key_fields(host, 0x41, 3, 16, 0x33);
	uint8_t *wrong = arena_alloc(host->arena, fields.len);
	memcpy(wrong, fields.at, fields.len);
	wrong[fields.len - 1] ^= 0x01; /* the check value of the last one */
	assert_int_equal(put_keys(host, 0x00, 0x81, bytes_of(wrong, fields.len)), 0x6982);
	assert_int_equal(host_initialize(host, 0x41), 0x6A88);
	host_login(host, ISD_AID, LEVEL_MAC);
	card_cut_power_after(host->card, 1);
	struct bytes apdu = host_wrap(
		host, hex(host, "80D80081%02zX%s00", fields.len, bytes_to_hex(host->arena, fields)));
	struct bytes response;
	assert_int_equal(card_transmit(host->card, host->arena, apdu, &response), ERR_UNAVAILABLE);
	assert_int_equal(card_reset(host->card), ERR_NONE);
	assert_int_equal(host_initialize(host, 0x41), 0x6A88);
	assert_int_equal(host_initialize(host, 0x30), 0x9000);
}

static void keys_are_deleted_by_identifier_and_version(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(put_keys(host, 0x00, 0x81, key_fields(host, 0x41, 3, 16, 0x33)), 0x9000);
	assert_int_equal(put_keys(host, 0x00, 0x81, key_fields(host, 0x42, 3, 16, 0x34)), 0x9000);
	static const struct {
		const char *data;
		uint16_t sw;
	} rows[] = {
		{ "D20143", 0x6A88 },       { "D00104", 0x6A88 },       { "D00101D20143", 0x6A88 },
		{ "D0020101", 0x6A80 },     { "D00101D20141", 0x9000 }, { "D00101D20141", 0x6A88 },
		{ "D20141", 0x9000 },       { "D00101", 0x6985 }, /* of all versions: the issuer would be
								     locked out */
		{ "D20142", 0x9000 },       { "D20130", 0x6985 }, /* the last set */
		{ "D00102D20130", 0x6985 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t sw = host_call(host, "80E40000", "%s", rows[i].data);
		if (sw != rows[i].sw)
			fail_msg("row %zu: %04X instead of %04X", i, sw, rows[i].sw);
	}
	assert_int_equal(host_command(host, "80CA00E000"), 0x9000);
	assert_hex(host, host->data, "E012C00401308810C00402308810C00403308810");
}

static void incomplete_sets_open_no_session(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(put_keys(host, 0x00, 0x81, key_fields(host, 0x20, 2, 16, 0x33)), 0x9000);
	assert_int_equal(put_keys(host, 0x00, 0x81, key_fields(host, 0x21, 2, 16, 0x33)), 0x9000);
	assert_int_equal(put_keys(host, 0x00, 0x03, key_fields(host, 0x21, 1, 32, 0x33)),
			 0x9000); /* of another length */
	assert_int_equal(host_initialize(host, 0x20), 0x6A88);
	assert_int_equal(host_initialize(host, 0x21), 0x6A88);
	assert_int_equal(host_initialize(host, 0x00), 0x9000);
	assert_int_equal(host->data.at[10], 0x30);
}

static void security_domain_without_keys_uses_those_above(void **state)
{
	struct host *host = *state;
	uint32_t counter;
	host_login(host, ISD_AID, LEVEL_MAC);
	host_make_security_domain(host, DOMAIN, "80");
	host_login(host, DOMAIN, LEVEL_ALL);
	assert_int_equal(put_keys(host, 0x00, 0x81, key_fields(host, 0x30, 3, 16, 0x66)), 0x9000);
	assert_int_equal(host_plain(host, "00A4040009" DOMAIN "00"), 0x9000);
	assert_int_equal(host_initialize(host, 0x30), 0x9000);
	assert_false(host->has_session); /* the issuer's keys are no longer good here */
	host_takes_keys(host, 0x30, 16, 0x66);
	host_login(host, DOMAIN, LEVEL_ALL);
	assert_true(card_sequence_counter(host->card, hex(host, DOMAIN), 0x30, &counter));
	assert_int_equal(counter, 2);
	assert_int_equal(host_call(host, "80E40000", "D20130"), 0x9000); /* no issuer: it may lose them */
	host->keys = host->settings.keys;
	host_login(host, DOMAIN, LEVEL_MAC);
}

/* ---- keys by STORE DATA, GPCS 2.3.1 11.11.4 ---- */

/* kaoh/globalplatform storeDataTest.c test_build_store_data_keys_scp03_aes128: DEK 000102..0F, three keys of
 * version 01 */
#define PUBLISHED_TEMPLATE                                                                                   \
	"00B930B71080018881011083010196010197020003B9088201018403504A77B9088201028403F2A8DFB9088201038403D7" \
	"D0E4"
#define PUBLISHED_VALUES                                                                                     \
	"811310D533E59B45A153ED7E5E9C5DFCFD4AAA8113103EF0B1A5E3059DAB21FCE23A7B61C4CA811310ADDE68F7AD497268" \
	"D31A0DDD5C74"                                                                                       \
	"B08F"

static void published_key_data_are_understood(void **state)
{
	struct host *host = *state;
	assert_int_equal(secret_from(hex(host, "000102030405060708090A0B0C0D0E0F"), &host->settings.keys.dek),
			 ERR_NONE);
	host->keys = host->settings.keys;
	host_reopen(host);
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_call(host, "80E20800", PUBLISHED_TEMPLATE), 0x9000);
	assert_int_equal(host_call(host, "80E28801", PUBLISHED_VALUES), 0x9000);
	host->keys.version = 0x01;
	assert_int_equal(secret_from(hex(host, "404142434445464748494A4B4C4D4E4F"), &host->keys.enc),
			 ERR_NONE);
	assert_int_equal(secret_from(hex(host, "505152535455565758595A5B5C5D5E5F"), &host->keys.mac),
			 ERR_NONE);
	assert_int_equal(host_initialize(host, 0x01), 0x9000);
	assert_true(host->has_session);
}

static void keys_reach_a_security_domain_by_personalization(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_ENC);
	host_make_security_domain(host, DOMAIN, "80");
	host_login(host, ISD_AID, LEVEL_ENC);
	struct builder b = builder_in(host->arena);
	struct bytes data;
	build_bytes(&b, hex(host, "00B94B"));
	for (uint8_t i = 0; i < 3; i++) {
		uint8_t check[AES_BLOCK];
		struct bytes key = hex(host, "%032X", i + 7);
		assert_int_equal(aes_ecb_encrypt(key, hex(host, "01010101010101010101010101010101"), check),
				 ERR_NONE);
		build_bytes(&b, hex(host, "B9179501189601008001888101108201%02X83013884", i + 1));
		build_lv(&b, bytes_of(check, 3));
	}
	for (uint8_t i = 0; i < 3; i++) {
		build_bytes(&b, hex(host, "811310"));
		build_bytes(&b, host_cipher(host, hex(host, "%032X", i + 7)));
	}
	assert_int_equal(builder_bytes(&b, &data), ERR_NONE);
	assert_int_equal(host_call(host, "80E62000", "000009" DOMAIN "000000"), 0x9000);
	assert_int_equal(host_call(host, "80E28800", "%s", bytes_to_hex(host->arena, data)), 0x9000);
	assert_int_equal(host_plain(host, "00A4040009" DOMAIN "00"), 0x9000);
	assert_int_equal(secret_from(hex(host, "%032X", 7), &host->keys.enc), ERR_NONE);
	assert_int_equal(secret_from(hex(host, "%032X", 8), &host->keys.mac), ERR_NONE);
	assert_int_equal(host_initialize(host, 0x38), 0x9000);
	assert_true(host->has_session);
}

static void announced_keys_must_come(void **state)
{
	struct host *host = *state;
	assert_int_equal(secret_from(hex(host, "000102030405060708090A0B0C0D0E0F"), &host->settings.keys.dek),
			 ERR_NONE);
	host_reopen(host);
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_call(host, "80E28800", PUBLISHED_TEMPLATE), 0x6A80);
	assert_int_equal(
		host_call(host, "80E28800", PUBLISHED_TEMPLATE "811310D533E59B45A153ED7E5E9C5DFCFD4AAA"),
		0x6A80);
	assert_int_equal(host_call(host, "80E28800", PUBLISHED_TEMPLATE "0070034201AA"), 0x6A80);
	assert_int_equal(host_call(host, "80E28800", PUBLISHED_VALUES), 0x6A80);
	assert_int_equal(
		host_call(host, "80E28800", PUBLISHED_TEMPLATE "811310D533E59B45A153ED7E5E9C5DFCFD4AAB"),
		0x6982);
	assert_int_equal(host_initialize(host, 0x01), 0x6A88);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(new_key_set_opens_sessions),
		CLAIM(replaced_key_set_counts_anew),
		CLAIM(put_key_is_strict),
		CLAIM(keys_of_one_command_come_together_or_not_at_all),
		CLAIM(keys_are_deleted_by_identifier_and_version),
		CLAIM(incomplete_sets_open_no_session),
		CLAIM(security_domain_without_keys_uses_those_above),
		CLAIM(published_key_data_are_understood),
		CLAIM(keys_reach_a_security_domain_by_personalization),
		CLAIM(announced_keys_must_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
