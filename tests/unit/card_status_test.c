/* GET STATUS and SET STATUS. */
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

static uint8_t life_cycle_of(struct host *host, const char *aid)
{
	struct card_object object;
	assert_true(card_find(host->card, hex(host, "%s", aid), &object));
	return object.life_cycle;
}

/* ---- GET STATUS ---- */

static void lists_what_is_asked_for(void **state)
{
	/* clang-format off */
	static const struct {
		const char *header, *data;
		uint16_t sw;
		const char *answer;
	} rows[] = {
		{ "80F28002", "4F00",                             0x9000, "E3134F08" ISD_AID "9F70010FC5039EFE80" },
		{ "80F28002", "4F07" PACKAGE,                     0x9000, "E3134F08" ISD_AID "9F70010FC5039EFE80" },
		{ "80F24002", "4F00",                             0x9000, "E3144F09" INSTANCE "9F700107C503000000" },
		{ "80F24002", "4F05D0D1D2D3D4",                   0x9000, "E3144F09" INSTANCE "9F700107C503000000" },
		{ "80F24002", "4F05D0D1D2D3D6",                   0x6A88, "" },
		{ "80F24002", "4F0AD0D1D2D3D4D501010000",         0x6A88, "" },
		{ "80F24002", "4F005C074F9F70C5C4CCCE",           0x9000, "E3274F09" INSTANCE "9F700107C503000000C407" PACKAGE
		                                                          "CC08" ISD_AID },
		{ "80F24002", "4F008201005C014F",              0x9000, "E30B4F09" INSTANCE }, /* a criterion of others */
		{ "80F22002", "4F05D0D1D2D3D4",                   0x9000, "E30D4F07" PACKAGE "9F700101" },
		{ "80F21002", "4F05D0D1D2D3D4",                   0x9000, "E3174F07" PACKAGE "9F7001018408" MODULE },
		{ "80F21002", "4F05D0D1D2D3D45C034FCE84",         0x9000, "E3174F07" PACKAGE "CE0201008408" MODULE },
		{ "80F22002", "4F05D0D1D2D3D45C034FCE84",         0x9000, "E30D4F07" PACKAGE "CE020100" },
		{ "80F22002", "4F07" MASK_FILE "5C024FCC",        0x9000, "E3134F07" MASK_FILE "CC08" ISD_AID },
		{ "80F24000", "4F00",                             0x6A86, "" }, /* the old form of answers */
		{ "80F2C002", "4F00",                             0x6A86, "" },
		{ "80F20002", "4F00",                             0x6A86, "" },
		{ "80F28003", "4F00",                             0x6A86, "" }, /* there is no next issuer */
		{ "80F24003", "4F00",                             0x6985, "" }, /* nothing to go on with */
		{ "80F24002", "5C014F",                           0x6A80, "" }, /* the name must be there, and first */
		{ "80F24002", "4F005C00",                         0x6A80, "" },
		{ "80F24002", "4F0200",                           0x6A80, "" },
		{ "80F24002", "4F11000102030405060708090A0B0C0D0E0F10", 0x6A80, "" },
	};
	/* clang-format on */
	struct host *host = with_application(state);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t sw = host_call(host, rows[i].header, "%s", rows[i].data);
		if (sw != rows[i].sw)
			fail_msg("row %zu: %04X instead of %04X", i, sw, rows[i].sw);
		assert_hex(host, host->data, rows[i].answer);
	}
	assert_int_equal(host_command(host, "80F2400200"), 0x6700);
}

static void long_answers_come_in_pages(void **state)
{
	static const uint8_t levels[] = { LEVEL_MAC, LEVEL_ALL };
	struct host *host = with_application(state);
	for (unsigned i = 1; i < 40; i++)
		assert_int_equal(host_call(host, "80E60C00",
					   "07" PACKAGE "08" MODULE "09D0D1D2D3D4D50101%02X010002C90000", i),
				 0x9000);
	for (size_t i = 0; i < sizeof(levels); i++) {
		size_t pages = 1, bytes;
		host_login(host, ISD_AID, levels[i]);
		uint16_t sw = host_call(host, "80F24002", "4F005C054F9F70C5CC");
		bytes = host->data.len;
		while (sw == 0x6310) {
			assert_true(host->data.len <= host->settings.status_answer_bytes);
			sw = host_call(host, "80F24003", "4F005C054F9F70C5CC");
			bytes += host->data.len;
			pages++;
		}
		assert_int_equal(sw, 0x9000);
		assert_int_equal(bytes, 40 * 32);
		assert_true(pages > 5);
		assert_int_equal(host_call(host, "80F24003", "4F005C054F9F70C5CC"),
				 0x6985); /* that was all */
	}
	assert_int_equal(host_call(host, "80F24002", "4F00"), 0x6310);
	assert_int_equal(host_call(host, "80F24003", "4F07" PACKAGE), 0x6985); /* a filter is no cursor */
	assert_int_equal(host_command(host, "80CA006600"), 0x9000);
	assert_int_equal(host_call(host, "80F24003", "4F00"), 0x6310); /* other commands do not disturb */
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_call(host, "80F24003", "4F00"), 0x6985); /* a new selection does */
}

static void security_domain_sees_its_own_hierarchy(void **state)
{
	struct host *host = with_application(state);
	host_make_security_domain(host, DOMAIN, "80C000");
	host_login(host, DOMAIN, LEVEL_MAC);
	host_make_security_domain(host, "A0000001515350AA02", "80");
	host_login(host, DOMAIN, LEVEL_MAC);
	assert_int_equal(host_call(host, "80F24002", "4F005C014F"), 0x9000);
	assert_hex(host, host->data, "E30B4F09" DOMAIN "E30B4F09A0000001515350AA02");
	assert_int_equal(host_call(host, "80F28002", "4F00"), 0x6985);
	assert_int_equal(host_call(host, "80F22002", "4F00"), 0x6A88);
}

/* ---- SET STATUS ---- */

static void card_goes_through_its_life(void **state)
{
	static const struct {
		uint8_t to;
		uint16_t sw;
		uint8_t becomes;
	} rows[] = {
		{ 0x0F, 0x6A80, 0x01 }, { 0x7F, 0x6A80, 0x01 }, { 0x01, 0x6A80, 0x01 },
		{ 0x07, 0x9000, 0x07 }, { 0x01, 0x6A80, 0x07 }, { 0x07, 0x6A80, 0x07 },
		{ 0x0F, 0x9000, 0x0F }, { 0x07, 0x6A80, 0x0F }, { 0x03, 0x6A80, 0x0F },
		{ 0x7F, 0x9000, 0x7F }, { 0x7F, 0x6A80, 0x7F }, { 0x0F, 0x9000, 0x0F },
		{ 0x7F, 0x9000, 0x7F }, { 0xFF, 0x9000, 0xFF },
	};
	struct host *host = *state;
	host->settings.life_cycle = CARD_OP_READY;
	host_reopen(host);
	host_login(host, ISD_AID, LEVEL_MAC);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(host_command(host, "80F080%02X", rows[i].to), rows[i].sw);
		assert_int_equal(life_cycle_of(host, ISD_AID), rows[i].becomes);
	}
	assert_int_equal(host_command(host, "80F0800F"), 0x6A81); /* terminated is for ever */
}

static void locked_card_lets_nothing_change(void **state)
{
	static const struct {
		const char *apdu;
		uint16_t sw;
	} rows[] = {
		{ "80E602000C07D0D1D2D3D4D5020000000000", 0x6A81 },
		{ "80E400000B4F09" INSTANCE "00", 0x6A81 },
		{ "80E290000642041234567800", 0x6A81 },
		{ "80D80081014000", 0x6A81 },
		{ "80F0408009" INSTANCE, 0x6A81 },
		{ "80F28002024F0000", 0x9000 },
		{ "80CA004200", 0x9000 },
	};
	struct host *host = with_application(state);
	assert_int_equal(host_plain(host, "0070000001"), 0x9000);
	assert_int_equal(host_command(host, "80F0807F"), 0x9000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(host_command(host, "%s", rows[i].apdu), rows[i].sw);
	assert_int_equal(host_plain(host, "00A4040009" INSTANCE "00"), 0x6A81);
	assert_int_equal(host_plain(host, "00A4040000"), 0x6283);
	assert_hex(host, host->data, "6F108408" ISD_AID "A5049F6501FF");
	assert_int_equal(host_plain(host, "01A4040000"), 0x6A81); /* and its channel is closed */
	assert_int_equal(host_plain(host, "01CA004200"), 0x6881);
	assert_int_equal(host_plain(host, "0070000001"), 0x6A81);
	assert_int_equal(card_reset(host->card), ERR_NONE);
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_int_equal(host_authenticate(host, LEVEL_MAC), 0x9000);
	assert_int_equal(host_command(host, "80F0800F"), 0x9000);
	assert_int_equal(host_plain(host, "00A4040009" INSTANCE "00"), 0x9000);
}

static void terminated_card_answers_get_data_only(void **state)
{
	struct host *host = with_application(state);
	assert_int_equal(host_command(host, "80F080FF"), 0x9000);
	assert_int_equal(host_command(host, "80F28002024F0000"), 0x6A81);
	assert_int_equal(host_command(host, "80CA004200"), 0x9000);
	assert_int_equal(card_reset(host->card), ERR_NONE);
	assert_int_equal(host_plain(host, "80CA004200"), 0x9000);
	assert_int_equal(host_plain(host, "8050000008010203040506070800"), 0x6A81);
	assert_int_equal(host_plain(host, "00A4040000"), 0x6A81);
	assert_int_equal(host_plain(host, "0070000001"), 0x6A81);
}

static void applications_are_locked_and_unlocked(void **state)
{
	struct host *host = with_application(state);
	assert_int_equal(host_command(host, "80F0400709" INSTANCE), 0x6A80); /* it is not locked */
	assert_int_equal(host_command(host, "80F0408009" INSTANCE), 0x9000);
	assert_int_equal(life_cycle_of(host, INSTANCE), 0x87);
	assert_int_equal(host_command(host, "80F0408009" INSTANCE), 0x6A80);
	assert_int_equal(host_plain(host, "00A4040009" INSTANCE "00"), 0x6A82);
	assert_int_equal(host_command(host, "80F0400009" INSTANCE), 0x9000);
	assert_int_equal(life_cycle_of(host, INSTANCE), 0x07);
	assert_int_equal(host_command(host, "80F0408007" PACKAGE), 0x6A88);
	assert_int_equal(host_command(host, "80F0408009D0D1D2D3D4D5010199"), 0x6A88);
	assert_int_equal(host_command(host, "80F0408008" ISD_AID), 0x6A80);
	assert_int_equal(host_command(host, "80F0208009" INSTANCE), 0x6A86);
	assert_int_equal(host_command(host, "80F0C08009" INSTANCE), 0x6A86);
}

static void selected_application_is_locked_at_its_next_selection(void **state)
{
	struct host *host = with_application(state);
	assert_int_equal(host_plain(host, "0070000001"), 0x9000);
	assert_int_equal(host_plain(host, "01A4040009" INSTANCE "00"), 0x9000);
	assert_int_equal(host_command(host, "80F0408009" INSTANCE), 0x9000);
	assert_int_equal(host_plain(host, "01CA00C900"), 0x6A88); /* goes on */
	assert_int_equal(host_plain(host, "01A4040009" INSTANCE "00"), 0x6A82);
	assert_int_equal(host_plain(host, "01CA004200"), 0x9000); /* now it is the issuer */
}

static void security_domain_personalizes_and_locks_itself(void **state)
{
	struct host *host = with_application(state);
	assert_int_equal(
		host_call(host, "80E60C00", "07" MASK_FILE "08" MASK_MODULE "09" DOMAIN "018002C90000"),
		0x9000);
	assert_int_equal(host_command(host, "80F0400F09" DOMAIN), 0x6A80); /* only it may say so */
	host_login(host, DOMAIN, LEVEL_MAC);
	assert_int_equal(host_command(host, "80F0400309" DOMAIN), 0x6A80);
	assert_int_equal(host_command(host, "80F0400F09" DOMAIN), 0x9000);
	assert_int_equal(host_command(host, "80F0400F09" DOMAIN), 0x6A80);
	assert_int_equal(host_command(host, "80F0400709" DOMAIN), 0x6A80);   /* no way back */
	assert_int_equal(host_command(host, "80F0408009" INSTANCE), 0x6985); /* not its own */
	assert_int_equal(host_command(host, "80F08007"), 0x6A80);
	assert_int_equal(host_command(host, "80F0807F"), 0x6985); /* without Card Lock */
	assert_int_equal(host_command(host, "80F080FF"), 0x6985);
	assert_int_equal(host_command(host, "80F0408009" DOMAIN), 0x9000);
	assert_int_equal(host_command(host, "80F0400009" DOMAIN), 0x6A80); /* nobody unlocks himself */
	assert_int_equal(life_cycle_of(host, DOMAIN), 0x8F);
	assert_int_equal(host_plain(host, "00A4040009" DOMAIN "00"), 0x6A82);
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_command(host, "80F0400009" DOMAIN), 0x9000);
	assert_int_equal(life_cycle_of(host, DOMAIN), 0x0F);
}

static void hierarchy_is_locked_as_a_whole(void **state)
{
	struct host *host = with_application(state);
	host_make_security_domain(host, DOMAIN, "80C000");
	host_login(host, DOMAIN, LEVEL_MAC);
	host_make_security_domain(host, "A0000001515350AA02", "80");
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_command(host, "80F0408009A0000001515350AA02"), 0x9000);
	assert_int_equal(host_command(host, "80F0608009" DOMAIN), 0x9000); /* one is locked already */
	assert_int_equal(life_cycle_of(host, DOMAIN), 0x8F);
	assert_int_equal(life_cycle_of(host, "A0000001515350AA02"), 0x8F);
	assert_int_equal(life_cycle_of(host, INSTANCE), 0x07);
	assert_int_equal(host_command(host, "80F0600009" DOMAIN), 0x9000);
	assert_int_equal(life_cycle_of(host, "A0000001515350AA02"), 0x0F);
	assert_int_equal(host_command(host, "80F0608009" INSTANCE), 0x6A88);
	assert_int_equal(host_command(host, "80F0608008" ISD_AID), 0x6985);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(lists_what_is_asked_for),
		CLAIM(long_answers_come_in_pages),
		CLAIM(security_domain_sees_its_own_hierarchy),
		CLAIM(card_goes_through_its_life),
		CLAIM(locked_card_lets_nothing_change),
		CLAIM(terminated_card_answers_get_data_only),
		CLAIM(applications_are_locked_and_unlocked),
		CLAIM(selected_application_is_locked_at_its_next_selection),
		CLAIM(security_domain_personalizes_and_locks_itself),
		CLAIM(hierarchy_is_locked_as_a_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
