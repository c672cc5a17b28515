/* GET DATA and STORE DATA: the card's own data, and the personalization of others. */
#include "card_support.h"

#include "chip.h"

#define PACKAGE  "D0D1D2D3D4D501"
#define MODULE   "D0D1D2D3D4D50101"
#define INSTANCE "D0D1D2D3D4D5010100"
#define DOMAIN   "A0000001515350AA01"

static struct host *with_application(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_ENC);
	assert_int_equal(host_load(host, PACKAGE, load_file_make(host, PACKAGE, MODULE, NULL, 10)), 0x9000);
	assert_int_equal(host_install(host, PACKAGE, MODULE, INSTANCE), 0x9000);
	return host;
}

/* ---- GET DATA ---- */

static void tells_what_the_specification_asks_for(void **state)
{
	/* clang-format off */
	static const struct {
		const char *apdu;
		uint16_t sw;
		const char *data;
	} rows[] = {
		{ "80CA004200",       0x9000, "420442600001" },
		{ "00CA004200",       0x9000, "42600001" }, /* ISO class: the value alone */
		{ "80CA004500",       0x9000, "4508CA4DEA0000000001" },
		{ "80CA006600",       0x9000, "6631732F06072A864886FC6B01600C060A2A864886FC6B0202030163090607"
		                              "2A864886FC6B03640B06092A864886FC6B040370" },
		{ "80CA006700",       0x9000, "6718A0098001038101708201078103FFFFC082031E030083010F" },
		{ "80CA00E000",       0x9000, "E012C00401308810C00402308810C00403308810" },
		{ "80CA00C100",       0x9000, "C103000000" },
		{ "80CA00CF00",       0x9000, "CF0A00010203040506070809" },
		{ "80CA00D300",       0x9000, "D30100" },
		{ "80CA9F7F00",       0x9000, "9F7F2A4790504047918102310083580000000191924812835900000000000000000000"
		                              "00000000000000000000" },
		{ "80CA2F00025C0000", 0x9000, "610A4F08" ISD_AID },
		{ "00CB2F00025C0000", 0x9000, "610A4F08" ISD_AID },
		{ "00CA2F00025C0000", 0x6A88, "" },
		{ "80CB2F00025C0000", 0x6E00, "" },
		{ "80CA2F0000",       0x6A80, "" },
		{ "80CA2F00025C0100", 0x6A80, "" },
		{ "00CB004200",       0x6A88, "" },
		{ "80CA0042025C0000", 0x6700, "" },
		{ "80CA5F5000",       0x6A88, "" },
		{ "80CA00C200",       0x6A88, "" },
		{ "80CA000000",       0x6A88, "" },
	};
	/* clang-format on */
	struct host *host = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(host_plain(host, "%s", rows[i].apdu), rows[i].sw);
		assert_hex(host, host->data, rows[i].data);
	}
}

static void resources_follow_what_is_installed(void **state)
{
	struct host *host = *state;
	assert_int_equal(host_plain(host, "80CAFF2100"), 0x9000);
	assert_hex(host, bytes_first(host->data, 9), "FF2110810200008204");
	struct bytes before = host->data;
	with_application(state);
	assert_int_equal(host_command(host, "80CAFF2100"), 0x9000);
	assert_hex(host, bytes_first(host->data, 9), "FF2110810200018204");
	assert_false(bytes_equal(before, host->data));
	assert_int_equal(host_command(host, "80CA2F00025C0000"), 0x9000);
	assert_hex(host, host->data, "610A4F08" ISD_AID "610B4F09" INSTANCE);
}

static void supplementary_domain_sees_only_what_is_below_it(void **state)
{
	struct host *host = with_application(state);
	host_make_security_domain(host, DOMAIN, "80C000");
	host_login(host, DOMAIN, LEVEL_MAC);
	host_make_security_domain(host, "A0000001515350AA02", "80");
	assert_int_equal(host_plain(host, "00A4040009" DOMAIN "00"), 0x9000);
	assert_int_equal(host_plain(host, "80CA2F00025C0000"), 0x9000);
	assert_hex(host, host->data, "610B4F09A0000001515350AA02");
	assert_int_equal(host_plain(host, "80CA006700"), 0x6A88); /* of the issuer only */
	assert_int_equal(host_plain(host, "80CA004200"), 0x6A88); /* nobody stored one */
	assert_int_equal(host_plain(host, "80CA00E000"), 0x9000);
	assert_hex(host, host->data, "E000");
	assert_int_equal(host_plain(host, "80CA00C100"), 0x9000); /* of the keys that it uses */
	assert_hex(host, host->data, "C103000004");
}

/* ---- STORE DATA for a security domain ---- */

static void security_domain_stores_its_own_data(void **state)
{
	static const struct {
		const char *header, *data;
		uint16_t sw;
	} rows[] = {
		{ "80E29000", "420412345678", 0x9000 },
		{ "80E28000", "420412345679", 0x9000 },         /* format not told: BER-TLV */
		{ "80E29000", "42041234567A4502CAFE", 0x9000 }, /* two at once */
		{ "80E28800", "00700642041234567B", 0x9000 },   /* in a DGI */
		{ "80E28800", "00710642041234567B", 0x6A88 },
		{ "80E29000", "660473021122", 0x9000 },
		{ "80E29000", "66021122", 0x6A80 },     /* card data are one template 73 */
		{ "80E29000", "5F5003616263", 0x6A80 }, /* of supplementary security domains */
		{ "80E29000", "D30100", 0x6A80 },
		{ "80E29000", "2F000100", 0x6A88 }, /* as TLV that is 2F, then garbage */
		{ "80E29000", "FF210100", 0x6A80 },
		{ "80E29000", "C1020001", 0x6A80 },
		{ "80E29000", "C2020001", 0x6A80 },
		{ "80E29000", "BF3E035C015A", 0x6A88 },
		{ "80E29000", "4205123456", 0x6A80 },       /* the rest never comes */
		{ "80E29000", "42041234567F4503", 0x6A80 }, /* and nothing of it is kept */
		{ "80E29001", "42041234567F", 0x6A86 },     /* begins with block 00 */
		{ "80E2D000", "42041234567F", 0x6A86 },     /* encryption RFU */
		{ "80E29800", "42041234567F", 0x6A86 },     /* structure RFU */
	};
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_ALL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t sw = host_call(host, rows[i].header, "%s", rows[i].data);
		if (sw != rows[i].sw)
			fail_msg("row %zu: %04X instead of %04X", i, sw, rows[i].sw);
	}
	assert_int_equal(host_command(host, "80CA004200"), 0x9000);
	assert_hex(host, host->data, "42041234567B");
	assert_int_equal(host_command(host, "80CA004500"), 0x9000);
	assert_hex(host, host->data, "4502CAFE");
	assert_int_equal(host_plain(host, "00A4040000"), 0x9000); /* card data come with the selection too */
	assert_hex(host, host->data, "6F148408" ISD_AID "A508730211229F6501FF");
}

static void structures_go_on_in_the_next_block(void **state)
{
	struct host *host = *state;
	struct bytes value;
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_call(host, "80E21000", "45"), 0x9000);
	assert_int_equal(host_call(host, "80E21001", "81C8%0200d", 0), 0x9000);
	assert_int_equal(host_call(host, "80E21002", "%0100d", 1), 0x9000);
	assert_false(card_stored_data(host->card, hex(host, ISD_AID), 0x45, &value) && value.len == 200);
	assert_int_equal(host_call(host, "80E29003", "%0100d4201AA", 2), 0x9000);
	assert_true(card_stored_data(host->card, hex(host, ISD_AID), 0x45, &value));
	assert_int_equal(value.len, 200);
	assert_int_equal(host_call(host, "80E21000", "4505AA"), 0x9000);
	assert_int_equal(host_call(host, "80E21000", "BBCCDDEE"), 0x6A86); /* the same number again */
	assert_int_equal(host_call(host, "80E29001", "BBCCDDEE"), 0x6A86); /* after a fault it begins anew */
	assert_int_equal(host_call(host, "80E21000", "4505AA"), 0x9000);
	assert_int_equal(host_call(host, "80E28801", "BBCCDDEE"), 0x6A86); /* another structure in between */
}

static void issuer_security_domain_can_be_renamed(void **state)
{
	struct host *host = with_application(state);
	struct card_object object;
	assert_int_equal(host_call(host, "80E29000", "4F09" INSTANCE), 0x6985);
	assert_int_equal(host_call(host, "80E29000", "4F04A0000001"), 0x6A80);
	assert_int_equal(host_call(host, "80E29000", "4F08A000000003000000"), 0x9000);
	assert_int_equal(host_command(host, "80F28002024F0000"), 0x9000); /* the session goes on */
	assert_hex(host, bytes_first(host->data, 12), "E3134F08A000000003000000");
	assert_true(card_find(host->card, hex(host, INSTANCE), &object));
	assert_true(bytes_equal(aid_bytes(&object.security_domain), hex(host, "A000000003000000")));
	assert_int_equal(host_plain(host, "00A4040008" ISD_AID "00"), 0x6A82);
	host_login(host, "A000000003000000", LEVEL_MAC);
	assert_int_equal(card_reset(host->card), ERR_NONE);
	host_login(host, "A000000003000000", LEVEL_MAC);
}

/* ---- personalization of an application ---- */

static uint16_t personalize(struct host *host, const char *aid)
{
	return host_call(host, "80E62000", "0000%02zX%s000000", strlen(aid) / 2, aid);
}

static void personalization_reaches_the_application(void **state)
{
	struct host *host = with_application(state);
	assert_int_equal(personalize(host, INSTANCE), 0x9000);
	assert_hex(host, host->data, "00");
	assert_int_equal(host_call(host, "80E20800", "010104112233440102FF0003AA"), 0x9000);
	assert_int_equal(host_call(host, "80E28801", "BBCC"), 0x9000);
	assert_int_equal(host_call(host, "80E28800", "01010455667788"),
			 0x6A88); /* now it is the security domain's again */
	assert_int_equal(personalize(host, INSTANCE), 0x9000);
	assert_int_equal(host_call(host, "80E29000", "5F2403FF0102"), 0x9000);
	assert_int_equal(personalize(host, INSTANCE), 0x9000);
	assert_int_equal(host_call(host, "80E20000", "0102"), 0x9000);
	assert_int_equal(host_call(host, "80E28001", "0304"), 0x9000);

	assert_int_equal(host_plain(host, "00A4040009" INSTANCE "00"), 0x9000);
	static const char *const rows[][2] = {
		{ "80CA010100", "01010411223344" }, { "00CA010100", "11223344" }, { "00CA010200", "AABBCC" },
		{ "80CA5F2400", "5F2403FF0102" },   { "00CA000000", "01020304" },
	};
	for (size_t i = 1; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(host_plain(host, "%s", rows[i][0]), 0x9000);
		assert_hex(host, host->data, rows[i][1]);
	}
	assert_int_equal(host_plain(host, "80CA010300"), 0x6A88);
	assert_int_equal(host_plain(host, "80CA006600"), 0x6A88);
	assert_int_equal(host_plain(host, "80F28002024F0000"), 0x6D00);
	assert_int_equal(card_reset(host->card), ERR_NONE);
	assert_int_equal(host_plain(host, "00A4040009" INSTANCE "00"), 0x9000);
	assert_int_equal(host_plain(host, "00CA010100"), 0x9000);
	assert_hex(host, host->data, "11223344");
}

static void encrypted_values_are_deciphered_by_the_application(void **state)
{
	struct host *host = with_application(state);
	struct bytes ciphered = host_cipher(host, hex(host, "00112233445566778899AABBCCDDEEFF"));
	assert_int_equal(personalize(host, INSTANCE), 0x9000);
	assert_int_equal(host_call(host, "80E2E800", "020110%s", bytes_to_hex(host->arena, ciphered)),
			 0x9000);
	assert_int_equal(personalize(host, INSTANCE), 0x9000);
	assert_int_equal(
		host_call(host, "80E2E800", "02020F%s", bytes_to_hex(host->arena, bytes_first(ciphered, 15))),
		0x6A80);
	assert_int_equal(host_plain(host, "00A4040009" INSTANCE "00"), 0x9000);
	assert_int_equal(host_plain(host, "00CA020100"), 0x9000);
	assert_hex(host, host->data, "00112233445566778899AABBCCDDEEFF");
}

static void personalization_needs_the_security_domain_of_the_application(void **state)
{
	struct host *host = with_application(state);
	assert_int_equal(personalize(host, "D0D1D2D3D4D5010199"), 0x6A88);
	assert_int_equal(personalize(host, PACKAGE), 0x6A88);
	assert_int_equal(host_call(host, "80E62000", "000009" INSTANCE "01000000"), 0x6A80);
	assert_int_equal(host_call(host, "80E62000", "07" PACKAGE "0009" INSTANCE "000000"), 0x6A80);
	host_make_security_domain(host, DOMAIN, "80");
	host_login(host, DOMAIN, LEVEL_MAC);
	assert_int_equal(personalize(host, INSTANCE), 0x6985);
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_command(host, "80F0408009" INSTANCE), 0x9000); /* locked */
	assert_int_equal(personalize(host, INSTANCE), 0x6985);
}

static void personalization_session_ends_with_the_selection(void **state)
{
	struct host *host = with_application(state);
	struct bytes value;
	assert_int_equal(personalize(host, INSTANCE), 0x9000);
	assert_int_equal(host_plain(host, "0070000001"), 0x9000);
	assert_int_equal(host_plain(host, "01A4040000"),
			 0x9000); /* of the security domain, on another channel */
	assert_int_equal(host_call(host, "80E29000", "4502CAFE"), 0x9000);
	assert_false(card_stored_data(host->card, hex(host, INSTANCE), 0x45, &value));
	assert_true(card_stored_data(host->card, hex(host, ISD_AID), 0x45, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(tells_what_the_specification_asks_for),
		CLAIM(resources_follow_what_is_installed),
		CLAIM(supplementary_domain_sees_only_what_is_below_it),
		CLAIM(security_domain_stores_its_own_data),
		CLAIM(structures_go_on_in_the_next_block),
		CLAIM(issuer_security_domain_can_be_renamed),
		CLAIM(personalization_reaches_the_application),
		CLAIM(encrypted_values_are_deciphered_by_the_application),
		CLAIM(personalization_needs_the_security_domain_of_the_application),
		CLAIM(personalization_session_ends_with_the_selection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
