/* The files of the card's PKCS #15 application: who finds, reads and changes them. */
#include "card_support.h"

#define APPLICATION     "A000000063504B43532D3135"
#define SELECT          "00A404040C" APPLICATION "00"
#define SELECT_FILE(id) "00A40804047FFF" id "00"

static const uint8_t odf[] = { 0xA7, 0x06, 0x30, 0x04, 0x04, 0x02, 0x64, 0x30 };
static uint8_t large[600];
static const struct card_file files[] = {
	{ 0x5031, { odf, sizeof(odf) } },
	{ 0x6432, { large, sizeof(large) } },
};

static struct host *with_files(void **state)
{
	struct host *host = *state;

	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (uint8_t)i;
	host->settings.files = files;
	host->settings.file_count = 2;
	return host;
}

static struct host *open_with_files(void **state)
{
	struct host *host = with_files(state);

	host_reopen(host);
	return host;
}

static void a_card_without_them_has_no_application(void **state)
{
	assert_int_equal(host_plain(*state, SELECT), 0x6A82);
	assert_int_equal(host_plain(*state, "00B0000010"), 0x6D00);
}

static void a_file_is_selected_and_read_in_pieces(void **state)
{
	struct host *host = open_with_files(state);

	assert_int_equal(host_plain(host, SELECT), 0x9000);
	assert_hex(host, bytes_first(host->data, 2), "6215");
	assert_int_equal(host_plain(host, "00B0000010"), 0x6986);
	assert_int_equal(host_plain(host, SELECT_FILE("6432")), 0x9000);
	assert_hex(host, host->data, "620F82024121830264328A010580020258");
	assert_int_equal(host_plain(host, "00B0000000"), 0x9000);
	assert_int_equal(host->data.len, 256);
	assert_int_equal(host_plain(host, "00B0025080"), 0x9000);
	assert_int_equal(host->data.len, 8); /* and then it ends */
	assert_int_equal(host_plain(host, "00B0025901"), 0x6B00);
	assert_int_equal(host_plain(host, SELECT_FILE("6433")), 0x6A82);
	assert_int_equal(host_plain(host, "00A4000402503100"), 0x9000);
	assert_int_equal(host_plain(host, "00B0000080"), 0x9000);
	assert_hex(host, host->data, "A706300404026430");
}

static void files_are_no_data_objects(void **state)
{
	struct host *host = open_with_files(state);

	assert_int_equal(host_plain(host, SELECT), 0x9000);
	assert_int_equal(host_plain(host, "00CA643200"), 0x6A88);
}

static void a_wrong_pin_costs_a_try(void **state)
{
	struct host *host = with_files(state);

	strcpy(host->settings.pin, "1234");
	host->settings.pin_file = 0x6432;
	host_reopen(host);
	assert_int_equal(host_plain(host, SELECT), 0x9000);
	assert_int_equal(host_plain(host, SELECT_FILE("5031")), 0x9000);
	assert_int_equal(host_plain(host, "00B0000080"), 0x9000); /* this one is free */
	assert_int_equal(host_plain(host, SELECT_FILE("6432")), 0x9000);
	assert_int_equal(host_plain(host, "00B0000080"), 0x6982);
	assert_int_equal(host_plain(host, "002000010831323335FFFFFFFF"), 0x63C2);
	assert_int_equal(host_plain(host, "00200001"), 0x63C2); /* only asks */
	assert_int_equal(host_plain(host, "002000010831323334FFFFFFFF"), 0x9000);
	assert_int_equal(host_plain(host, "00B0000080"), 0x9000);
	assert_int_equal(host_plain(host, SELECT), 0x9000); /* whoever comes next is to be verified */
	assert_int_equal(host_plain(host, SELECT_FILE("6432")), 0x9000);
	assert_int_equal(host_plain(host, "00B0000080"), 0x6982);
	for (unsigned left = 3; left-- > 0;)
		assert_int_equal(host_plain(host, "00200001083030303030303030"), 0x63C0 | left);
	assert_int_equal(host_plain(host, "002000010831323334FFFFFFFF"), 0x6983);
	assert_int_equal(card_reset(host->card), ERR_NONE); /* which gives none back */
	assert_int_equal(host_plain(host, SELECT), 0x9000);
	assert_int_equal(host_plain(host, "002000010831323334FFFFFFFF"), 0x6983);
}

static void only_who_has_authenticated_updates(void **state)
{
	struct host *host = open_with_files(state);

	assert_int_equal(host_plain(host, SELECT), 0x9000);
	assert_int_equal(host_plain(host, SELECT_FILE("5031")), 0x9000);
	assert_int_equal(host_plain(host, "00D600040155"), 0x6982);
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_int_equal(host_authenticate(host, LEVEL_ALL), 0x9000);
	assert_int_equal(host_call(host, "00D60004", "55"), 0x9000);
	assert_int_equal(host_call(host, "00D60008", "55"), 0x6700); /* it does not grow */
}

static void a_card_may_want_a_secure_channel(void **state)
{
	struct host *host = with_files(state);

	host->settings.wants_secure_channel = true;
	host_reopen(host);
	assert_int_equal(host_plain(host, SELECT), 0x9000);
	assert_int_equal(host_plain(host, SELECT_FILE("5031")), 0x9000);
	assert_int_equal(host_plain(host, "00B0000080"), 0x6982);
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_int_equal(host_authenticate(host, LEVEL_MAC), 0x9000);
	assert_int_equal(host_command(host, "00B0000080"), 0x6982);
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_int_equal(host_authenticate(host, LEVEL_ALL), 0x9000);
	assert_int_equal(host_command(host, "00B0000080"), 0x9000);
	assert_hex(host, host->data, "A706300404026430");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(a_card_without_them_has_no_application),
		CLAIM(a_file_is_selected_and_read_in_pieces),
		CLAIM(files_are_no_data_objects),

		CLAIM(a_wrong_pin_costs_a_try),
		CLAIM(only_who_has_authenticated_updates),
		CLAIM(a_card_may_want_a_secure_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
