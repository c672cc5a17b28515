/* The form of APDUs, logical channels, selection, and answers in pieces. */
#include "card_support.h"

#include "chip.h"

#define PACKAGE  "D0D1D2D3D4D501"
#define MODULE   "D0D1D2D3D4D50101"
#define INSTANCE "D0D1D2D3D4D5010100"

static void refuses_apdus_of_wrong_form(void **state)
{
	static const struct {
		const char *apdu;
		uint16_t sw;
	} rows[] = {
		{ "", 0x6700 },
		{ "00A404", 0x6700 },
		{ "00A40400020102030405", 0x6700 },     /* more than Lc says and Le takes */
		{ "00A4040005010203", 0x6700 },         /* less */
		{ "00A404000000", 0x6700 },             /* Lc of 0 */
		{ "00A40400000005A000000151", 0x6700 }, /* extended length */
		{ "FFCA006600", 0x6E00 },
		{ "90CA006600", 0x6E00 }, /* ISO command chaining */
		{ "A0CA006600", 0x6E00 },
		{ "88CA006600", 0x6882 }, /* ISO secure messaging */
		{ "0CCA006600", 0x6882 },
		{ "81CA006600", 0x6881 },
		{ "CFCA006600", 0x6881 },
		{ "80FF000000", 0x6D00 },
		{ "04A4040000", 0x6882 },
		{ "0470000001", 0x6882 },
		{ "80A4040000", 0x6E00 },
		{ "00F28002024F0000", 0x6E00 },
		{ "80E60C00", 0x6982 },
		{ "00CA006600", 0x9000 },
	};
	struct host *host = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(host_plain(host, "%s", rows[i].apdu), rows[i].sw);
}

static void wrong_le_is_corrected(void **state)
{
	struct host *host = *state;
	assert_int_equal(host_raw(host, "80CA00E000"), 0x9000);
	size_t len = host->data.len;
	assert_int_equal(host_raw(host, "80CA00E005"), 0x6C00 | len);
	assert_int_equal(host->data.len, 0);
	assert_int_equal(host_raw(host, "80CA00E0%02zX", len), 0x9000);
	assert_int_equal(host->data.len, len);
	assert_int_equal(host_raw(host, "80CA00E0FF"), 0x9000);
	assert_int_equal(host->data.len, len);
}

static void answer_without_le_waits_for_get_response(void **state)
{
	struct host *host = *state;
	assert_int_equal(host_raw(host, "80CA00E000"), 0x9000);
	struct bytes whole = host->data;
	assert_int_equal(host_raw(host, "80CA00E0"), 0x6100 | whole.len);
	assert_int_equal(host_raw(host, "00C00000FF"), 0x6C00 | whole.len);
	assert_int_equal(host_raw(host, "00C0010004"), 0x6A86);
	assert_int_equal(host_raw(host, "04C0000004"), 0x6882);
	assert_int_equal(host_raw(host, "00C0000004"), 0x6100 | (whole.len - 4));
	assert_true(bytes_equal(host->data, bytes_first(whole, 4)));
	assert_int_equal(host_raw(host, "00C0000000"), 0x9000);
	assert_true(bytes_equal(host->data, bytes_from(whole, 4)));
	assert_int_equal(host_raw(host, "00C0000000"), 0x6985);

	assert_int_equal(host_raw(host, "80CA00E0"), 0x6100 | whole.len);
	assert_int_equal(host_raw(host, "80CA006600"), 0x9000); /* any other command gives the rest up */
	assert_int_equal(host_raw(host, "00C0000000"), 0x6985);
}

static void answers_over_256_bytes_come_in_pieces(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_ALL);
	for (unsigned i = 0; i < 15; i++) {
		struct bytes field = hex(host, "%02X", 0x40 + i);
		struct builder b = builder_in(host->arena);
		build_bytes(&b, field);
		for (int k = 0; k < 3; k++)
			build_bytes(&b, host_key_field(host, hex(host, "%032X", 16 * i + (unsigned)k)));
		struct bytes data;
		assert_int_equal(builder_bytes(&b, &data), ERR_NONE);
		assert_int_equal(host_command_bytes(host, 0xD8, 0x00, 0x81, data), 0x9000);
	}
	assert_int_equal(host_command(host, "80CA00E000"), 0x9000); /* the R-MAC over all of it is right */
	assert_int_equal(host->data.len, 4 + 48 * 6);
	assert_hex(host, bytes_first(host->data, 10), "E0820120C00401308810");
}

static void opens_and_closes_channels(void **state)
{
	struct host *host = *state;
	assert_int_equal(host_raw(host, "00700000"), 0x6C01);
	assert_int_equal(host_raw(host, "0070000001"), 0x9000);
	assert_hex(host, host->data, "01");
	assert_int_equal(host_raw(host, "0070000003"), 0x9000);
	assert_hex(host, host->data, "02");
	assert_int_equal(host_raw(host, "00700003"), 0x9000);
	assert_int_equal(host->data.len, 0);
	assert_int_equal(host_raw(host, "0070000001"), 0x6A81); /* none left */
	assert_int_equal(host_raw(host, "00700003"), 0x6985);
	assert_int_equal(host_raw(host, "00700004"), 0x6881);
	assert_int_equal(host_raw(host, "00708002"), 0x9000);
	assert_int_equal(host_raw(host, "00708002"), 0x6200);
	assert_int_equal(host_raw(host, "00708000"), 0x6A86);
	assert_int_equal(host_raw(host, "00708014"), 0x6881);
	assert_int_equal(host_raw(host, "00704000"), 0x6A86);
	assert_int_equal(host_raw(host, "0070000001FF"), 0x6700);
	assert_int_equal(host_raw(host, "02CA006600"), 0x6881);
	assert_int_equal(host_raw(host, "03CA006600"), 0x9000);
	assert_int_equal(host_raw(host, "0370000001"),
			 0x9000); /* opened from another one than the basic channel */
	assert_hex(host, host->data, "02");
}

static void channels_above_three_have_their_own_class(void **state)
{
	struct host *host = *state;
	host->settings.channel_count = 20;
	host_reopen(host);
	for (int i = 1; i < 20; i++)
		assert_int_equal(host_raw(host, "0070000001"), 0x9000);
	assert_hex(host, host->data, "13");
	host->channel = 19;
	host_login(host, ISD_AID, LEVEL_ALL);
	assert_int_equal(host_command(host, "80F28002024F0000"), 0x9000);
	assert_int_equal(host_raw(host, "CFF28002024F0000"), 0x6982);
	assert_int_equal(host_raw(host, "00708013"), 0x9000);
	assert_int_equal(host_raw(host, "CFCA006600"), 0x6881);
}

static void card_with_one_channel_opens_none(void **state)
{
	struct host *host = *state;
	host->settings.channel_count = 1;
	host_reopen(host);
	assert_int_equal(host_raw(host, "0070000001"), 0x6A81);
	assert_int_equal(host_raw(host, "00700001"), 0x6881);
}

static void selects_by_whole_and_partial_name(void **state)
{
	struct host *host = *state;
	static const char fci[] = "6F108408" ISD_AID "A5049F6501FF";
	assert_int_equal(host_plain(host, "00A4040000"), 0x9000);
	assert_hex(host, host->data, fci);
	assert_int_equal(host_plain(host, "00A4040008" ISD_AID "00"), 0x9000);
	assert_hex(host, host->data, fci);
	assert_int_equal(host_plain(host, "00A4040005A00000015100"), 0x9000);
	assert_hex(host, host->data, fci);
	assert_int_equal(host_plain(host, "00A4040207A000000151000000"), 0x6A82); /* no next one */
	assert_int_equal(host_plain(host, "00A4040007" MASK_FILE "00"),
			 0x6A82); /* load files are not selected */
	assert_int_equal(host_plain(host, "00A4040009" ISD_AID "0100"), 0x6A82);
	assert_int_equal(host_plain(host, "00A4000C023F00"), 0x6A86);
	assert_int_equal(host_plain(host, "00A4040108" ISD_AID "00"), 0x6A86);
}

static void selects_the_next_occurrence(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_load(host, PACKAGE, load_file_make(host, PACKAGE, MODULE, NULL, 10)), 0x9000);
	assert_int_equal(host_install(host, PACKAGE, MODULE, "D0D1D2D3D4D5010101"), 0x9000);
	assert_int_equal(host_install(host, PACKAGE, MODULE, "D0D1D2D3D4D5010102"), 0x9000);
	assert_int_equal(host_plain(host, "00A4040008" MODULE "00"), 0x9000);
	assert_hex(host, host->data, "6F118409D0D1D2D3D4D5010101A5049F6501FF");
	assert_int_equal(host_plain(host, "00A4040208" MODULE "00"), 0x9000);
	assert_hex(host, host->data, "6F118409D0D1D2D3D4D5010102A5049F6501FF");
	assert_int_equal(host_plain(host, "00A4040208" MODULE "00"), 0x6A82);
	assert_int_equal(host_plain(host, "8050000008010203040506070800"), 0x6D00); /* it stays selected */
}

static void application_runs_on_one_channel_only(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_load(host, PACKAGE, load_file_make(host, PACKAGE, MODULE, NULL, 10)), 0x9000);
	assert_int_equal(host_install(host, PACKAGE, MODULE, INSTANCE), 0x9000);
	assert_int_equal(host_plain(host, "0070000001"), 0x9000);
	assert_int_equal(host_plain(host, "01A4040009" INSTANCE "00"), 0x9000);
	assert_int_equal(host_plain(host, "00A4040009" INSTANCE "00"), 0x6985);
	assert_int_equal(host_plain(host, "01A4040009" INSTANCE "00"), 0x9000);
	assert_int_equal(host_plain(host, "00708001"), 0x9000);
	assert_int_equal(host_plain(host, "00A4040009" INSTANCE "00"), 0x9000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(refuses_apdus_of_wrong_form),
		CLAIM(wrong_le_is_corrected),
		CLAIM(answer_without_le_waits_for_get_response),
		CLAIM(answers_over_256_bytes_come_in_pieces),
		CLAIM(opens_and_closes_channels),
		CLAIM(channels_above_three_have_their_own_class),
		CLAIM(card_with_one_channel_opens_none),
		CLAIM(selects_by_whole_and_partial_name),
		CLAIM(selects_the_next_occurrence),
		CLAIM(application_runs_on_one_channel_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
