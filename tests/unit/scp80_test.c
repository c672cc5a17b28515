/* Secured packets and proofs of receipt: what must be refused. What must come out is in tests/vectors. */
#include "channel/scp80.h"

#include "one_arena.h"

/* tests/vectors/scp80-packet.json, the third: a real card. */
static const char receipt_hex[] =
	"027100002412b00011ebc6b497e2cad7aedf36ace0e3a29b38853f0fe9ccde81913be5702b73abce1f";

static struct scp80_channel known_channel(void)
{
	struct scp80_channel channel = {
		.spi = 0x0619, .kic = 0x22, .kid = 0x22, .tar = { 0xB0, 0x00, 0x11 }
	};

	assert_int_equal(secret_from(hex("200102030405060708090a0b0c0d0e0f"), &channel.cipher_key), ERR_NONE);
	assert_int_equal(secret_from(hex("201102030405060708090a0b0c0d0e0f"), &channel.mac_key), ERR_NONE);
	return channel;
}

static enum err parse(struct bytes packet, const struct scp80_channel *channel,
		      struct scp80_receipt *ret_receipt)
{
	struct fault fault = { 0 };
	enum err err = scp80_receipt_parse(packet, channel, arena, ret_receipt, &fault);

	assert_true((err == ERR_NONE) == (fault.text[0] == '\0'));
	return err;
}

static void refuses_a_receipt_with_any_bit_flipped(void **state)
{
	const struct scp80_channel channel = known_channel();
	struct scp80_receipt receipt;
	const struct bytes packet = hex(receipt_hex);

	(void)state;
	assert_int_equal(parse(packet, &channel, &receipt), ERR_NONE);
	assert_int_equal(receipt.status, SCP80_OK);
	for (size_t bit = 0; bit < packet.len * 8; bit++) {
		struct bytes copy;
		assert_int_equal(bytes_copy(arena, packet, &copy), ERR_NONE);
		((uint8_t *)(uintptr_t)copy.at)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(parse(copy, &channel, &receipt), ERR_NONE);
	}
}

static void refuses_a_receipt_that_is_cut_or_of_somebody_else(void **state)
{
	struct scp80_channel channel = known_channel();
	struct scp80_receipt receipt;
	const struct bytes packet = hex(receipt_hex);

	(void)state;
	for (size_t len = 0; len < packet.len; len++)
		assert_int_equal(parse(bytes_first(packet, len), &channel, &receipt), ERR_MALFORMED);
	channel.tar[0] = 0;
	assert_int_equal(parse(packet, &channel, &receipt), ERR_DENIED);
}

static void two_counters_give_two_packets(void **state)
{
	const struct scp80_channel channel = known_channel();
	struct bytes first, second;

	(void)state;
	assert_int_equal(scp80_command_build(arena, &channel, 1, hex("80F28000024F00"), &first, NULL),
			 ERR_NONE);
	assert_int_equal(scp80_command_build(arena, &channel, 2, hex("80F28000024F00"), &second, NULL),
			 ERR_NONE);
	assert_int_equal(first.len, second.len);
	assert_false(bytes_equal(first, second));
}

static void refuses_to_build_what_cannot_be_secured(void **state)
{
	struct scp80_channel channel = known_channel();
	struct bytes packet;
	uint8_t *large = arena_alloc(arena, 70000);
	struct fault fault = { 0 };

	(void)state;
	assert_non_null(large);
	assert_int_equal(
		scp80_command_build(arena, &channel, SCP80_MAX_COUNTER + 1, hex("00"), &packet, &fault),
		ERR_LIMIT);
	assert_non_null(strstr(fault.text, "counter"));
	assert_int_equal(scp80_command_build(arena, &channel, 1, bytes_of(large, 70000), &packet, NULL),
			 ERR_LIMIT);
	channel.mac_key.len = 8;
	assert_int_equal(scp80_command_build(arena, &channel, 1, hex("00"), &packet, NULL), ERR_MALFORMED);
	channel.kid = 0x23;
	assert_int_equal(scp80_command_build(arena, &channel, 1, hex("00"), &packet, NULL), ERR_UNSUPPORTED);
	channel.spi |= SPI_CHECKSUM;
	assert_int_equal(scp80_command_build(arena, &channel, 1, hex("00"), &packet, NULL), ERR_UNSUPPORTED);
}

static void every_algorithm_makes_whole_blocks(void **state)
{
	static const struct {
		uint8_t kic, kid;
		size_t key_size, block;
		uint16_t spi;
	} rows[] = { { 0x11, 0x11, 8, 8, 0x0619 },  { 0x15, 0x15, 16, 8, 0x0619 },
		     { 0x19, 0x19, 24, 8, 0x0619 }, { 0x12, 0x12, 32, 16, 0x0619 },
		     { 0x15, 0x11, 16, 8, 0x0519 }, { 0x15, 0x15, 16, 8, 0x0519 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scp80_channel channel = { .spi = rows[i].spi, .kic = rows[i].kic, .kid = rows[i].kid };
		struct bytes packet;
		channel.cipher_key.len = channel.mac_key.len = rows[i].key_size;
		memset(channel.cipher_key.at, 0x5A, rows[i].key_size);
		assert_int_equal(scp80_command_build(arena, &channel, 1, hex("80CA006600"), &packet, NULL),
				 ERR_NONE);
		assert_int_equal((packet.len - 10) % rows[i].block, 0); /* CPL to TAR is in the clear */
		assert_int_equal(packet.at[0] << 8 | packet.at[1], packet.len - 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refuses_a_receipt_with_any_bit_flipped, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(refuses_a_receipt_that_is_cut_or_of_somebody_else, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(two_counters_give_two_packets, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(refuses_to_build_what_cannot_be_secured, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(every_algorithm_makes_whole_blocks, open_arena, close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
