/* The upgrade of a load file at the card (Amendment H as far as it is known): what instances keep, and the
 * power going at each write. */
#include "card_support.h"

#include "chip.h"

#define PACKAGE  "D0D1D2D3D4D501"
#define MODULE   "D0D1D2D3D4D50101"
#define INSTANCE "D0D1D2D3D4D5010100"
#define SECOND   "D0D1D2D3D4D5010200"

#define START "80EA0100", "A1094F07" PACKAGE

static struct host *logged_in(struct host *host)
{
	host_login(host, ISD_AID, LEVEL_MAC);
	return host;
}

static struct bytes file_of(struct host *host, const char *module, size_t filler)
{
	return load_file_make(host, PACKAGE, module, NULL, filler);
}

/* Two instances, one of them with data of its own, and one with Card Reset. */
static struct host *prepared(void **state)
{
	struct host *host = logged_in(*state);
	assert_int_equal(host_load(host, PACKAGE, file_of(host, MODULE, 300)), 0x9000);
	assert_int_equal(
		host_call(host, "80E60C00", "07" PACKAGE "08" MODULE "09" INSTANCE "010006C904CAFE123400"),
		0x9000);
	assert_int_equal(host_call(host, "80E60C00", "07" PACKAGE "08" MODULE "09" SECOND "010402C90000"),
			 0x9000);
	assert_int_equal(host_call(host, "80E62000", "000009" INSTANCE "000000"), 0x9000);
	assert_int_equal(host_command(host, "80E2800005AABBCCDDEE"), 0x9000);
	assert_int_equal(host_command(host, "80F0408009" SECOND), 0x9000);
	return host;
}

static uint16_t manage(struct host *host, const char *p1)
{
	return host_command(host, "80EA%s0000", p1);
}

/* What the card says of its session. */
static void assert_session(struct host *host, uint8_t status)
{
	assert_int_equal(manage(host, "08"), 0x9000);
	if (status == 0)
		assert_hex(host, host->data, "0005A103900100");
	else
		assert_string_equal(
			bytes_to_hex(host->arena, host->data),
			bytes_to_hex(host->arena, hex(host, "000EA10C4F07" PACKAGE "9001%02X", status)));
}

static bool is_there(struct host *host, const char *aid)
{
	return card_find(host->card, hex(host, "%s", aid), NULL);
}

static void assert_instances_kept(struct host *host)
{
	struct card_object object;
	struct bytes value;
	assert_true(card_stored_data(host->card, hex(host, INSTANCE), 0, &value));
	assert_hex(host, value, "AABBCCDDEE");
	assert_true(card_stored_data(host->card, hex(host, INSTANCE), 0xC9, &value));
	assert_hex(host, value, "CAFE1234");
	assert_true(card_find(host->card, hex(host, INSTANCE), &object));
	assert_int_equal(object.life_cycle, LIFE_SELECTABLE);
	assert_true(card_find(host->card, hex(host, SECOND), &object));
	assert_int_equal(object.life_cycle, LIFE_SELECTABLE | LIFE_LOCKED);
	assert_int_equal(object.privileges, PRIVILEGE_CARD_RESET);
	assert_true(card_find(host->card, hex(host, ISD_AID), &object));
	assert_int_equal(object.privileges & PRIVILEGE_CARD_RESET, 0);
}

static void instances_keep_their_data_over_an_upgrade(void **state)
{
	struct host *host = prepared(state);
	struct card_object before, after;
	assert_true(card_find(host->card, hex(host, PACKAGE), &before));
	assert_session(host, 0);
	assert_int_equal(host_call(host, START), 0x9000);
	assert_hex(host, host->data, "000EA10C4F07" PACKAGE "900102");
	assert_session(host, 0x02);
	assert_false(is_there(host, PACKAGE));
	assert_false(is_there(host, INSTANCE));
	assert_int_equal(host_load(host, PACKAGE, file_of(host, MODULE, 500)), 0x9000);
	assert_session(host, 0x03);
	assert_false(is_there(host, INSTANCE));
	assert_int_equal(manage(host, "02"), 0x9000);
	assert_hex(host, host->data, "000EA10C4F07" PACKAGE "900101");
	assert_session(host, 0x01);
	assert_instances_kept(host);
	assert_true(card_find(host->card, hex(host, PACKAGE), &after));
	assert_memory_not_equal(before.block_sha256, after.block_sha256, SHA256_SIZE);
	assert_int_equal(manage(host, "02"), 0x6985);     /* nothing is left to be done */
	assert_int_equal(host_call(host, START), 0x9000); /* and another may begin */
}

/* From wherever it stands to its end. */
static void finish(struct host *host)
{
	for (unsigned tries = 0; tries < 12; tries++) {
		uint8_t status;
		assert_int_equal(manage(host, "08"), 0x9000);
		status = host->data.at[host->data.len - 1];
		if (status == 0x01)
			return;
		uint16_t sw = status == 0x00   ? host_call(host, START)
			      : status == 0x02 ? host_load(host, PACKAGE, file_of(host, MODULE, 500))
					       : manage(host, "02");
		assert_int_equal(sw, 0x9000);
	}
	fail_msg("the upgrade does not end");
}

static void an_upgrade_survives_the_power_going_at_each_write(void **state)
{
	unsigned seen = 0, cuts = 0;
	for (unsigned write = 1;; write++) {
		struct host *host = *state;
		struct bytes response;
		host_reopen(host);
		prepared(state);
		card_cut_power_after(host->card, write);
		struct bytes file = file_of(host, MODULE, 150);
		const struct bytes commands[] = {
			hex(host, "80EA01000BA1094F07" PACKAGE "00"),
			hex(host, "80E602000C07" PACKAGE "0000000000"),
			hex(host, "80E88000%02zX%s00", file.len, bytes_to_hex(host->arena, file)),
			hex(host, "80EA020000"),
		};
		bool has_power = true;
		for (size_t i = 0; i < 4 && has_power; i++)
			has_power = card_transmit(host->card, host->arena, host_wrap(host, commands[i]),
						  &response) == ERR_NONE;
		if (has_power)
			break;
		cuts++;
		assert_int_equal(card_reset(host->card), ERR_NONE);
		logged_in(host);
		assert_int_equal(manage(host, "08"), 0x9000);
		seen |= 1u << (host->data.at[host->data.len - 1] >> 4);
		finish(host);
		assert_instances_kept(host);
	}
	assert_int_equal(cuts, 9);
	assert_int_equal(seen, 0x7F); /* interrupted in each phase once */
}

static void a_module_that_is_gone_fails_the_restore_until_recovery(void **state)
{
	struct host *host = prepared(state);
	assert_int_equal(host_call(host, START), 0x9000);
	assert_int_equal(manage(host, "03"), 0x6985); /* nothing has failed */
	assert_int_equal(host_load(host, PACKAGE, file_of(host, "D0D1D2D3D4D50109", 500)), 0x9000);
	assert_int_equal(manage(host, "02"), 0x9000);
	assert_session(host, 0x04);
	assert_int_equal(manage(host, "02"), 0x9000);
	assert_session(host, 0x04);
	assert_int_equal(manage(host, "03"), 0x9000);
	assert_session(host, 0x02);
	assert_false(is_there(host, PACKAGE));
	assert_int_equal(host_load(host, PACKAGE, file_of(host, MODULE, 300)), 0x9000);
	assert_int_equal(manage(host, "02"), 0x9000);
	assert_session(host, 0x01);
	assert_instances_kept(host);
}

static void an_abandoned_upgrade_loses_what_was_saved(void **state)
{
	struct host *host = prepared(state);
	assert_int_equal(manage(host, "04"), 0x6985);
	assert_int_equal(host_call(host, START), 0x9000);
	assert_int_equal(manage(host, "04"), 0x9000);
	assert_session(host, 0x00);
	assert_false(is_there(host, INSTANCE));
	assert_int_equal(host_load(host, PACKAGE, file_of(host, MODULE, 300)), 0x9000);
	assert_int_equal(host_install(host, PACKAGE, MODULE, INSTANCE), 0x9000);
}

static void nothing_else_touches_what_is_being_upgraded(void **state)
{
	struct host *host = prepared(state);
	assert_int_equal(host_call(host, START), 0x9000);
	assert_int_equal(host_call(host, START), 0x6A88); /* it is not there any more */
	assert_int_equal(host_load(host, "D0D1D2D3D4D502",
				   load_file_make(host, "D0D1D2D3D4D502", "D0D1D2D3D4D50201", NULL, 9)),
			 0x9000);
	assert_int_equal(host_install(host, "D0D1D2D3D4D502", "D0D1D2D3D4D50201", INSTANCE), 0x6985);
	assert_int_equal(host_call(host, "80EA0100", "A1094F07D0D1D2D3D4D502"), 0x6985); /* one at a time */
	assert_int_equal(host_load(host, PACKAGE, file_of(host, MODULE, 500)), 0x9000);
	assert_int_equal(host_install(host, PACKAGE, MODULE, "D0D1D2D3D4D5010300"), 0x6985);
	assert_int_equal(host_call(host, "80E40080", "4F07" PACKAGE), 0x6985);
	assert_int_equal(manage(host, "02"), 0x9000);
	assert_instances_kept(host);
}

static void start_is_strict(void **state)
{
	static const struct {
		const char *fields;
		uint16_t sw;
	} rows[] = {
		{ "4F07" PACKAGE, 0x6A80 },
		{ "A1084F07" PACKAGE, 0x6A80 },
		{ "A1034F0101", 0x6A88 },
		{ "A1094F07" MASK_FILE, 0x6985 },
		{ "A10A4F08" ISD_AID, 0x6A88 },
		{ "A10B4F07" PACKAGE "8000", 0x6A80 },
		{ "A1094F07" PACKAGE "00", 0x6A80 },
		{ "A10C4F07" PACKAGE "800101", 0x9000 }, /* with options */
	};
	struct host *host = prepared(state);
	assert_int_equal(host_plain(host, "00700000"
					  "01"),
			 0x9000);
	assert_int_equal(host_plain(host, "01A4040009" INSTANCE "00"), 0x9000);
	assert_int_equal(host_call(host, START), 0x6985); /* an instance is selected */
	assert_int_equal(host_plain(host, "00708001"), 0x9000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t sw = host_call(host, "80EA0100", "%s", rows[i].fields);
		if (sw != rows[i].sw)
			fail_msg("row %zu: %04X instead of %04X", i, sw, rows[i].sw);
	}
	assert_int_equal(host_command(host, "80EA050000"), 0x6A86);
	assert_int_equal(host_command(host, "80EA080100"), 0x6A86);
	assert_int_equal(host_call(host, "80EA0800", "A100"), 0x6700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(instances_keep_their_data_over_an_upgrade),
		CLAIM(an_upgrade_survives_the_power_going_at_each_write),
		CLAIM(a_module_that_is_gone_fails_the_restore_until_recovery),
		CLAIM(an_abandoned_upgrade_loses_what_was_saved),
		CLAIM(nothing_else_touches_what_is_being_upgraded),
		CLAIM(start_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
