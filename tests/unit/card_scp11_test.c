/* What the card refuses before and in a session of SCP11 (Amd F 1.4: 4.6, tables 7-13, 7-19, 7-23). */
#include "card_support.h"

#include <jansson.h>

#include "scp11_factory.h"

/* The generator of P-256: a point that is good enough to be refused for something else. */
#define POINT                                                                                                \
	"046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"                                 \
	"4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5"

static json_t *open_card(struct host *host, uint8_t options)
{
	const char *text;

	assert_int_equal(scp11_factory(host->arena, EC_P256, options, host->settings.iin,
				       &host->settings.scp11, &text),
			 ERR_NONE);
	host_reopen(host);
	json_t *keyset = json_loads(text, 0, NULL);
	assert_non_null(keyset);
	return keyset;
}

static const char *certificate_of(const json_t *keyset)
{
	return json_string_value(json_array_get(json_object_get(keyset, "certificatesHex"), 0));
}

/* PERFORM SECURITY OPERATION, in one command. */
static uint16_t offer(struct host *host, const char *p1p2, const char *certificate)
{
	return host_plain(host, "802A%s%02zX%s00", p1p2, strlen(certificate) / 2, certificate);
}

/* MUTUAL or INTERNAL AUTHENTICATE as 7-15 has it; each part may be wrong. */
static uint16_t agree(struct host *host, const char *ins_p1p2, const char *parameter, const char *usage,
		      const char *length, const char *point)
{
	return host_plain(host, "80%s53A60D900211%s9501%s8001888101%s5F4941%s00", ins_p1p2, parameter, usage,
			  length, point);
}

static void a_card_without_scp11_has_none_of_it(void **state)
{
	struct host *host = *state;

	assert_int_equal(host_plain(host, "80CABF2106A6048302110300"), 0x6A88);
	assert_int_equal(offer(host, "0110", "7F210400000000"), 0x6D00);
	assert_int_equal(agree(host, "820311", "01", "3C", "10", POINT), 0x6E00);
	assert_int_equal(agree(host, "880313", "00", "3C", "10", POINT), 0x6D00);
}

static void certificates_are_given_for_the_keys_that_there_are(void **state)
{
	struct host *host = *state;

	json_decref(open_card(host, CARD_SCP11_A));
	assert_int_equal(host_plain(host, "80CABF2106A6048302110300"), 0x9000);
	assert_int_equal(host_plain(host, "80CABF2106A6048302130300"), 0x6A88);
	assert_int_equal(host_plain(host, "80CABF2106A6048302110400"), 0x6A88);
	assert_int_equal(host_plain(host, "80CABF2104A602830000"), 0x6A80);
}

static void nobody_agrees_without_a_certificate(void **state)
{
	struct host *host = *state;

	json_decref(open_card(host, CARD_SCP11_A));
	assert_int_equal(agree(host, "820311", "01", "3C", "10", POINT), 0x6985);
}

static void certificates_of_others_are_refused(void **state)
{
	struct host *host = *state;
	json_t *keyset = open_card(host, CARD_SCP11_A);
	const char *good = certificate_of(keyset);
	char *copy = arena_strdup(host->arena, good), *serial = strstr(copy, "930101");

	assert_non_null(serial);
	serial[5] = '2';
	assert_int_equal(offer(host, "0110", copy), 0x6600);
	assert_int_equal(agree(host, "820311", "01", "3C", "10", POINT), 0x6985);
	assert_int_equal(offer(host, "0210", good), 0x6A88);
	assert_int_equal(offer(host, "0111", good), 0x6A88);
	assert_int_equal(offer(host, "0190", good), 0x6A86); /* chains are an option that it lacks */
	assert_int_equal(offer(host, "0110", "7F210430020000"), 0x6A80);
	assert_int_equal(offer(host, "0110", good), 0x9000);
	json_decref(keyset);
}

/* Key agreement keys do not sign: a certificate for one does not continue a chain. */
static void a_chain_goes_through_those_who_may_sign(void **state)
{
	struct host *host = *state;
	json_t *keyset = open_card(host, CARD_SCP11_A | CARD_SCP11_CHAINS);

	assert_int_equal(offer(host, "0190", certificate_of(keyset)), 0x6A80);
	json_decref(keyset);
}

static void agreements_that_are_not_offered_are_refused(void **state)
{
	static const struct {
		const char *ins_p1p2, *parameter, *usage, *length;
		uint16_t sw;
	} rows[] = {
		{ "820315", "03", "3C", "10", 0x6A88 }, /* the card has no 11c */
		{ "820411", "01", "3C", "10", 0x6A88 }, { "820311", "03", "3C", "10", 0x6A80 },
		{ "820311", "01", "1C", "10", 0x6A80 }, /* of 11c only */
		{ "820311", "01", "3C", "11", 0x6A80 }, { "820311", "05", "3C", "10", 0x6A80 },
	};
	struct host *host = *state;
	json_t *keyset = open_card(host, CARD_SCP11_A);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(offer(host, "0110", certificate_of(keyset)), 0x9000);
		assert_int_equal(agree(host, rows[i].ins_p1p2, rows[i].parameter, rows[i].usage,
				       rows[i].length, POINT),
				 rows[i].sw);
	}
	json_decref(keyset);
}

static void points_off_the_curve_are_refused(void **state)
{
	struct host *host = *state;
	char *point = arena_strdup(host->arena, POINT);

	json_decref(open_card(host, CARD_SCP11_B));
	assert_int_equal(agree(host, "880313", "00", "3C", "10", POINT), 0x9000);
	point[strlen(point) - 1] = '4';
	assert_int_equal(agree(host, "880313", "00", "3C", "10", point), 0x6A80);
}

/* A certificate is good for one agreement, and whoever does not own the domain manages nothing. */
static void a_session_needs_its_messages_protected(void **state)
{
	struct host *host = *state;
	json_t *keyset = open_card(host, CARD_SCP11_A);

	assert_int_equal(offer(host, "0110", certificate_of(keyset)), 0x9000);
	assert_int_equal(agree(host, "820311", "01", "3C", "10", POINT), 0x9000);
	assert_int_equal(host_plain(host, "80F28000024F0000"), 0x6982);
	assert_int_equal(agree(host, "820311", "01", "3C", "10", POINT), 0x6985);
	json_decref(keyset);
}

static void one_replayable_session_at_a_time(void **state)
{
	struct host *host = *state;
	json_t *keyset = open_card(host, CARD_SCP11_C);
	const char *certificate = certificate_of(keyset);

	assert_int_equal(offer(host, "0110", certificate), 0x9000);
	assert_int_equal(agree(host, "820315", "03", "3C", "10", POINT), 0x9000);
	assert_int_equal(host_plain(host, "0070000001"), 0x9000);
	assert_int_equal(host_plain(host, "812A0110%02zX%s00", strlen(certificate) / 2, certificate), 0x9000);
	assert_int_equal(host_plain(host, "8182031553A60D90021103950"
					  "13C8001888101105F4941" POINT "00"),
			 0x6985);
	json_decref(keyset);
}

/* The scalars 1 and 2 with the generator: keys that are good enough to be put. */
#define SCALAR_1 "0000000000000000000000000000000000000000000000000000000000000001"

/* PUT KEY of a private key, which goes ciphered. */
static uint16_t put_private(struct host *host, const char *p1p2, const char *version, const char *scalar,
			    const char *reference)
{
	const struct bytes ciphered = host_cipher(host, hex(host, "%s", scalar));

	return host_call(host, p1p2, "%sB1%02zX%02zX%sF001%s00", version, ciphered.len + 1,
			 strlen(scalar) / 2, bytes_to_hex(host->arena, ciphered), reference);
}

static void keys_of_scp11_are_whole_and_on_the_cards_curve(void **state)
{
	struct host *host = *state;
	json_t *keyset = open_card(host, CARD_SCP11_A | CARD_SCP11_C);

	host_login(host, ISD_AID, LEVEL_ALL);
	assert_int_equal(host_call(host, "80D80010", "04B041" POINT "F0010000"), 0x9000);
	assert_int_equal(host_call(host, "80D80021", "04B041" POINT "F0010000"), 0x9000);
	assert_int_equal(host_call(host, "80D80010", "05B041" POINT "00"), 0x6A80);
	assert_int_equal(host_call(host, "80D80010", "05B041" POINT "F0010300"), 0x6A80);
	assert_int_equal(host_call(host, "80D80011", "05B041" POINT "F0010000"), 0x6A80);
	assert_int_equal(put_private(host, "80D80011", "04", SCALAR_1, "00"), 0x9000);
	assert_int_equal(put_private(host, "80D80015", "04", SCALAR_1, "01"), 0x6A80);
	assert_int_equal(
		put_private(host, "80D80015", "04", SCALAR_1 "00000000000000000000000000000000", "00"),
		0x6A80);
	assert_int_equal(put_private(host, "80D80010", "06", SCALAR_1, "00"), 0x6A80);
	json_decref(keyset);
}

static void a_certificate_store_belongs_to_its_key(void **state)
{
	struct host *host = *state;
	json_t *keyset = open_card(host, CARD_SCP11_A);
	const char *certificate = certificate_of(keyset);
	const size_t len = strlen(certificate) / 2;

	host_login(host, ISD_AID, LEVEL_ALL);
	assert_int_equal(put_private(host, "80D80011", "04", SCALAR_1, "00"), 0x9000);
	assert_int_equal(host_call(host, "80E29000", "A60483021105BF2181%02zX%s", len, certificate), 0x6A88);
	assert_int_equal(host_call(host, "80E29000", "A60483021204BF2181%02zX%s", len, certificate), 0x6A80);
	assert_int_equal(host_call(host, "80E29000", "BF2181%02zX%s", len, certificate), 0x6A80);
	assert_int_equal(host_call(host, "80E29000", "A60483021104BF21020500"), 0x6A80);
	assert_int_equal(host_call(host, "80E29000", "A60483021104BF2100"), 0x6A80);
	assert_int_equal(host_call(host, "80E29000", "A60483021104BF2181%02zX%s", len, certificate), 0x9000);
	assert_int_equal(host_plain(host, "00A4040008" ISD_AID "00"), 0x9000);
	assert_int_equal(host_plain(host, "80CABF2106A6048302110400"), 0x9000);
	host_login(host, ISD_AID, LEVEL_ALL);
	assert_int_equal(put_private(host, "80D80411", "04", SCALAR_1, "00"), 0x9000);
	assert_int_equal(host_plain(host, "00A4040008" ISD_AID "00"), 0x9000);
	assert_int_equal(host_plain(host, "80CABF2106A6048302110400"), 0x6A88);
	assert_int_equal(host_plain(host, "80CABF2106A6048302110300"), 0x9000);
	json_decref(keyset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(a_card_without_scp11_has_none_of_it),
		CLAIM(certificates_are_given_for_the_keys_that_there_are),
		CLAIM(nobody_agrees_without_a_certificate),
		CLAIM(certificates_of_others_are_refused),
		CLAIM(a_chain_goes_through_those_who_may_sign),
		CLAIM(agreements_that_are_not_offered_are_refused),
		CLAIM(points_off_the_curve_are_refused),
		CLAIM(a_session_needs_its_messages_protected),
		CLAIM(one_replayable_session_at_a_time),
		CLAIM(keys_of_scp11_are_whole_and_on_the_cards_curve),
		CLAIM(a_certificate_store_belongs_to_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
