/* The card as a receiver of secured packets: what it refuses, what it counts, how it runs scripts. The
 * packets are made here, by nothing that the server has. */
#include "card_support.h"

#include <string.h>

#define KIC "101112131415161718191A1B1C1D1E1F"
#define KID "202122232425262728292A2B2C2D2E2F"

#define SPI_FULL  0x1619 /* CC, ciphered, higher; receipt with CC and ciphered */
#define SPI_CLEAR 0x1209 /* CC, higher; receipt with CC */
#define SPI_NEXT  0x1A09
#define RAM       0x000000
#define FILES     0xB00010
#define EXPANDED  0xB00120

struct receipt {
	uint16_t sw;
	bool is_there;
	uint64_t counter;
	uint8_t status;
	struct bytes data;
};

static struct host *with_packets(void **state)
{
	struct host *host = *state;
	const struct card_extra_key keys[] = {
		{ .version = 1, .id = 1, .components = { { 0x88, hex(host, KIC) } } },
		{ .version = 1, .id = 2, .components = { { 0x88, hex(host, KID) } } },
	};

	host->settings.extra_keys = keys;
	host->settings.extra_key_count = 2;
	host->settings.has_uicc = true;
	host_reopen(host);
	return host;
}

static void mac(struct host *host, struct bytes input, uint8_t ret_mac[AES_BLOCK])
{
	assert_int_equal(aes_cmac(hex(host, KID), &input, 1, ret_mac), ERR_NONE);
}

static void cipher(struct host *host, bool encrypts, struct bytes in, uint8_t *out)
{
	static const uint8_t zeros[AES_BLOCK];

	assert_int_equal(encrypts ? aes_cbc_encrypt(hex(host, KIC), zeros, in, out)
				  : aes_cbc_decrypt(hex(host, KIC), zeros, in, out),
			 ERR_NONE);
}

static struct bytes packet(struct host *host, uint16_t spi, uint32_t tar, uint64_t counter,
			   struct bytes script)
{
	const size_t padding = (spi & 0x0400) == 0 ? 0 : (16 - (14 + script.len) % 16) % 16;
	struct builder b = builder_in(host->arena), input = builder_in(host->arena),
		       body = builder_in(host->arena);
	uint8_t checksum[AES_BLOCK];

	build_u16(&b, (uint16_t)(1 + 21 + script.len + padding));
	build_u8(&b, 21);
	build_u16(&b, spi);
	build_u16(&b, 0x1212);
	build_u24(&b, tar);
	build_bytes(&input, bytes_of(b.at, b.len));
	build_uint(&input, counter, 5);
	build_u8(&input, (uint8_t)padding);
	build_bytes(&input, script);
	build_zeros(&input, padding);
	mac(host, bytes_of(input.at, input.len), checksum);
	build_uint(&body, counter, 5);
	build_u8(&body, (uint8_t)padding);
	build_bytes(&body, bytes_of(checksum, 8));
	build_bytes(&body, script);
	build_zeros(&body, padding);
	if ((spi & 0x0400) != 0)
		cipher(host, true, bytes_of(body.at, body.len), body.at);
	build_bytes(&b, bytes_of(body.at, body.len));
	assert_false(b.bad || input.bad || body.bad);
	return bytes_of(b.at, b.len);
}

/* One short message, with the header `udh`. */
static uint16_t give(struct host *host, const char *udh, struct bytes piece)
{
	struct bytes header = hex(host, "%s", udh);
	const size_t tpdu = 16 + header.len + piece.len;
	const char *long_form = tpdu > 127 ? "81" : "";

	return host_plain(host,
			  "80C20000%02X"
			  "D181%02X"
			  "82028381"
			  "8B%s%02X"
			  "4405812143F57FF642101000000000%02X%s%s00",
			  (unsigned)(3 + 4 + 2 + strlen(long_form) / 2 + tpdu),
			  (unsigned)(4 + 2 + strlen(long_form) / 2 + tpdu), long_form, (unsigned)tpdu,
			  (unsigned)(header.len + piece.len), udh, bytes_to_hex(host->arena, piece));
}

/* What the receipt says; its checksum must be right. */
static struct receipt receipt_of(struct host *host, uint16_t sw, uint16_t spi, uint32_t tar)
{
	struct receipt receipt = { .sw = sw, .is_there = host->data.len > 0 };
	struct reader r = reader_of(host->data);
	struct builder input = builder_in(host->arena);
	uint8_t checksum[AES_BLOCK];

	if (!receipt.is_there)
		return receipt;
	assert_int_equal(read_u24(&r), 0x027100);
	const uint16_t length = read_u16(&r);
	assert_int_equal(length, reader_left(&r));
	assert_int_equal(read_u8(&r), 18);
	assert_int_equal(read_u24(&r), tar);
	struct bytes secured = read_rest(&r);
	uint8_t *plain = arena_alloc(host->arena, secured.len + 1);
	memcpy(plain, secured.at, secured.len);
	if ((spi & 0x0010) != 0)
		cipher(host, false, secured, plain);
	struct reader s = reader_of(bytes_of(plain, secured.len));
	receipt.counter = read_uint(&s, 5);
	const uint8_t padding = read_u8(&s);
	receipt.status = read_u8(&s);
	struct bytes given = read_bytes(&s, 8), rest = read_rest(&s);
	build_bytes(&input, bytes_first(host->data, 9));
	build_bytes(&input, bytes_of(plain, 7));
	build_bytes(&input, rest);
	mac(host, bytes_of(input.at, input.len), checksum);
	assert_memory_equal(given.at, checksum, 8);
	receipt.data = bytes_first(rest, rest.len - padding);
	return receipt;
}

static struct receipt ask(struct host *host, uint16_t spi, uint32_t tar, uint64_t counter, const char *script)
{
	struct bytes bytes = packet(host, spi, tar, counter, hex(host, "%s", script));

	return receipt_of(host, give(host, "027000", bytes), spi, tar);
}

static void assert_status(const struct receipt *receipt, uint8_t status)
{
	assert_true(receipt->is_there);
	assert_int_equal(receipt->status, status);
	assert_int_equal(receipt->sw, status == 0 ? 0x9000 : 0x6200);
}

#define READ_ICCID "00A4000C023F0000A4000C022FE200B000000A"

/* ---- security ---- */

static void a_packet_is_taken_once(void **state)
{
	struct host *host = with_packets(state);
	struct receipt receipt = ask(host, SPI_FULL, FILES, 5, READ_ICCID);

	assert_status(&receipt, 0x00);
	assert_int_equal(receipt.counter, 5);
	assert_hex(host, receipt.data, "039000989442000000000000F1");
	receipt = ask(host, SPI_FULL, FILES, 5, READ_ICCID);
	assert_status(&receipt, 0x02);
	receipt = ask(host, SPI_FULL, FILES, 4, READ_ICCID);
	assert_status(&receipt, 0x02);
	assert_int_equal(card_reset(host->card), ERR_NONE);
	receipt = ask(host, SPI_FULL, FILES, 5, READ_ICCID);
	assert_status(&receipt, 0x02);
	receipt = ask(host, SPI_FULL, FILES, 70000, READ_ICCID);
	assert_status(&receipt, 0x00);
}

static void exactly_one_higher_is_exactly_that(void **state)
{
	struct host *host = with_packets(state);
	struct receipt receipt = ask(host, SPI_NEXT, FILES, 2, READ_ICCID);

	assert_status(&receipt, 0x03);
	receipt = ask(host, SPI_NEXT, FILES, 1, READ_ICCID);
	assert_status(&receipt, 0x00);
	receipt = ask(host, SPI_NEXT, FILES, 1, READ_ICCID);
	assert_status(&receipt, 0x02);
	receipt = ask(host, SPI_CLEAR, FILES, 0xFFFFFFFFFF, READ_ICCID);
	assert_status(&receipt, 0x00);
	receipt = ask(host, SPI_CLEAR, FILES, 0xFFFFFFFFFF, READ_ICCID);
	assert_status(&receipt, 0x04);
}

static void every_flipped_bit_is_noticed(void **state)
{
	struct host *host = with_packets(state);
	struct bytes good = packet(host, SPI_CLEAR, FILES, 9, hex(host, READ_ICCID));

	for (size_t at = 10; at < good.len; at++) {
		struct bytes bad;
		assert_int_equal(bytes_copy(host->arena, good, &bad), ERR_NONE);
		((uint8_t *)(uintptr_t)bad.at)[at] ^= 0x01;
		struct receipt receipt = receipt_of(host, give(host, "027000", bad), SPI_CLEAR, FILES);
		assert_status(&receipt, 0x01);
	}
	struct receipt receipt = receipt_of(host, give(host, "027000", good), SPI_CLEAR, FILES);
	assert_status(&receipt, 0x00);
}

static void applications_say_how_much_security_they_need(void **state)
{
	struct host *host = *state;

	host->settings.minimum_security = 0x16;
	with_packets(state);
	struct receipt receipt = ask(host, SPI_CLEAR, FILES, 1, READ_ICCID);
	assert_status(&receipt, 0x0A);
	receipt = ask(host, 0x0E19, FILES, 1, READ_ICCID);
	assert_status(&receipt, 0x0A);
	receipt = ask(host, SPI_FULL, 0xB0FFFF, 1, READ_ICCID);
	assert_status(&receipt, 0x09);
	receipt = ask(host, SPI_FULL, FILES, 1, READ_ICCID);
	assert_status(&receipt, 0x00);
}

static void receipts_come_as_asked(void **state)
{
	struct host *host = with_packets(state);
	struct receipt receipt = ask(host, 0x1208, FILES, 1, READ_ICCID);

	assert_false(receipt.is_there);
	assert_int_equal(receipt.sw, 0x9000);
	receipt = ask(host, 0x120A, FILES, 2, READ_ICCID);
	assert_false(receipt.is_there);
	receipt = ask(host, 0x120A, FILES, 2, READ_ICCID);
	assert_status(&receipt, 0x02);
}

/* ---- short messages ---- */

static void messages_are_put_together_in_their_order(void **state)
{
	struct host *host = with_packets(state);
	struct bytes whole = packet(host, SPI_CLEAR, FILES, 1, hex(host, READ_ICCID));

	assert_int_equal(give(host,
			      "070003420201"
			      "7000",
			      bytes_first(whole, 20)),
			 0x9000);
	assert_int_equal(host->data.len, 0);
	struct receipt receipt =
		receipt_of(host, give(host, "050003420202", bytes_from(whole, 20)), SPI_CLEAR, FILES);
	assert_status(&receipt, 0x00);
	whole = packet(host, SPI_CLEAR, FILES, 2, hex(host, READ_ICCID));
	assert_int_equal(give(host,
			      "070003430201"
			      "7000",
			      bytes_first(whole, 20)),
			 0x9000);
	assert_int_equal(give(host, "050003440202", bytes_from(whole, 20)), 0x9000); /* of another packet */
	assert_int_equal(host->data.len, 0);
	assert_int_equal(give(host, "050003430202", bytes_from(whole, 20)), 0x9000);
	assert_int_equal(host->data.len, 0);
}

static void what_is_no_message_to_the_card_is_refused(void **state)
{
	struct host *host = with_packets(state);

	assert_int_equal(host_plain(host, "80C2000005D10382028300"), 0x6A80);
	assert_int_equal(host_plain(host, "80C2000006D1048202838100"), 0x6A80);
	assert_int_equal(host_plain(host, "80C2000004D101820000"), 0x6A80);
}

/* ---- scripts ---- */

static void compact_scripts_stop_at_the_first_failure(void **state)
{
	struct host *host = with_packets(state);
	struct receipt receipt = ask(host, SPI_CLEAR, FILES, 1, "00A4000C023F0000A4000C02777700B0000001");

	assert_status(&receipt, 0x00);
	assert_hex(host, receipt.data, "026A82");
	receipt = ask(host, SPI_CLEAR, FILES, 2, "00A40004023F0000C0000000");
	assert_int_equal(receipt.data.at[0], 2);
	assert_int_equal(receipt.data.at[3], 0x62);
	receipt = ask(host, SPI_CLEAR, FILES, 3, "00A4000402");
	assert_hex(host, receipt.data, "016700");
}

static void expanded_scripts_answer_each_command(void **state)
{
	struct host *host = with_packets(state);
	struct receipt receipt =
		ask(host, SPI_CLEAR, EXPANDED, 1, "AA19220700A4000C022FE2220500B0000002220700A4000C027777");

	assert_hex(host, receipt.data,
		   "AB11800103"
		   "23029000"
		   "230498949000"
		   "23026A82");
	receipt = ask(host, SPI_CLEAR, EXPANDED, 2, "AE80220700A4000C022FE20000");
	assert_hex(host, receipt.data, "AF80230290000000");
	receipt = ask(host, SPI_CLEAR, EXPANDED, 3, "AA12220700A4000C027777220700A4000C022FE2");
	assert_hex(host, receipt.data, "AB0780010123026A82");
}

static void what_is_wrong_with_a_script_ends_its_answer(void **state)
{
	static const struct {
		const char *script, *answer;
	} rows[] = {
		{ "AA0355010022", "AB06800100900102" }, /* longer than its template */
		{ "AA03550100", "AB06800100900101" },   /* an unknown tag */
		{ "AA0B220700A4000C022FE22208", "AB0A80010123029000900102" },
		{ "AE8022", "AB06" },
		{ "AA03810182", "AB06800101810101" }, /* immediate action */
		{ "AA03830103", "AB06800101830101" }, /* no previous script */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct host *host = with_packets(state);
		struct receipt receipt = ask(host, SPI_CLEAR, EXPANDED, i + 1, rows[i].script);
		assert_status(&receipt, 0x00);
		if (strlen(rows[i].answer) > 4)
			assert_hex(host, receipt.data, rows[i].answer);
	}
}

static void a_chain_keeps_what_is_selected(void **state)
{
	struct host *host = with_packets(state);
	struct receipt receipt = ask(host, SPI_CLEAR, EXPANDED, 1, "AA0C830101220700A4000C022FE2");

	assert_hex(host, receipt.data, "AB0780010223029000");
	receipt = ask(host, SPI_CLEAR, EXPANDED, 2, "AA0A830103220500B0000002");
	assert_hex(host, receipt.data, "AB09800102230498949000");
	receipt = ask(host, SPI_CLEAR, EXPANDED, 3, "AA07220500B0000002");
	assert_hex(host, receipt.data, "AB0780010123026986"); /* a new script selects anew */
}

static void an_answer_that_does_not_fit_ends_the_script(void **state)
{
	struct host *host = with_packets(state);
	struct receipt receipt =
		ask(host, SPI_CLEAR, EXPANDED, 1, "AA19220900A40808047FFF6F62220500B0000000220500B0000001");

	assert_status(&receipt, 0x00);
	receipt = ask(host, SPI_CLEAR, EXPANDED, 2, "AA19220900A4080C047FFF6F62220500B0000000220500B0000001");
	assert_int_equal(receipt.data.at[4], 2);
	assert_hex(host, bytes_from(receipt.data, receipt.data.len - 2), "62F1");
	assert_true(host->data.len <= 128);
}

static void packets_do_not_leave_their_application(void **state)
{
	struct host *host = with_packets(state);
	struct receipt receipt = ask(host, SPI_CLEAR, RAM, 1, "00A4040005A000000151");

	assert_hex(host, receipt.data, "016D00");
	receipt = ask(host, SPI_CLEAR, FILES, 2, "80F28000024F00");
	assert_hex(host, receipt.data, "016D00");
	receipt = ask(host, SPI_CLEAR, FILES, 3, "00A4040C08A000000151000000");
	assert_hex(host, receipt.data, "016A82");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(a_packet_is_taken_once),
		CLAIM(exactly_one_higher_is_exactly_that),
		CLAIM(every_flipped_bit_is_noticed),
		CLAIM(applications_say_how_much_security_they_need),
		CLAIM(receipts_come_as_asked),
		CLAIM(messages_are_put_together_in_their_order),
		CLAIM(what_is_no_message_to_the_card_is_refused),
		CLAIM(compact_scripts_stop_at_the_first_failure),
		CLAIM(expanded_scripts_answer_each_command),
		CLAIM(what_is_wrong_with_a_script_ends_its_answer),
		CLAIM(a_chain_keeps_what_is_selected),
		CLAIM(an_answer_that_does_not_fit_ends_the_script),
		CLAIM(packets_do_not_leave_their_application),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
