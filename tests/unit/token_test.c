/* Tokens, confirmations, receipts, DAP blocks: what is signed, byte for byte as the tables of GPCS appendix C
 * list it, and how. */
#include "gp/token.h"

#include "gp/confirmation.h"
#include "gp/dap.h"
#include "gp/gp_commands.h"
#include "rsa_keys.h"
#include "one_arena.h"

static struct command install(uint8_t p1, uint8_t p2, const char *fields)
{
	return (struct command){ .cla = 0x80, .ins = INS_INSTALL, .p1 = p1, .p2 = p2, .data = hex(fields) };
}

/* ---- tokens ---- */

#define LOAD_FILE "08D0D1D2D3D4D50101"
#define DOMAIN    "07A0000001510001"
#define HASH      "20000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"

/* clang-format off */
static const struct {
	uint8_t p1;
	const char *fields;     /* as the command has them */
	const char *input;
} known_inputs[] = {
	/* C-4, for load: load file, domain, hash, parameters */
	{ 0x02, LOAD_FILE DOMAIN HASH "06EF04C6020100" "00",
	  "020039" LOAD_FILE DOMAIN HASH "06EF04C6020100" },
	/* C-5, for install and make selectable: load file, module, instance, privileges, parameters */
	{ 0x0C, LOAD_FILE "05A0A1A2A3A4" "05B0B1B2B3B4" "0100" "02C900" "00",
	  "0C001A" LOAD_FILE "05A0A1A2A3A4" "05B0B1B2B3B4" "0100" "02C900" },
	/* C-6, for make selectable */
	{ 0x08, "0000" "05B0B1B2B3B4" "0100" "00" "00",
	  "08000B" "0000" "05B0B1B2B3B4" "0100" "00" },
	/* C-7, for extradition */
	{ 0x10, DOMAIN "00" "05B0B1B2B3B4" "00" "00" "00",
	  "100011" DOMAIN "00" "05B0B1B2B3B4" "00" "00" },
	/* C-8, for registry update */
	{ 0x40, DOMAIN "00" "05B0B1B2B3B4" "03040000" "05EF03CF0141" "00",
	  "400019" DOMAIN "00" "05B0B1B2B3B4" "03040000" "05EF03CF0141" },
};
/* clang-format on */

static void a_token_signs_the_command_without_it(void **state)
{
	for (size_t i = 0; i < sizeof(known_inputs) / sizeof(known_inputs[0]); i++) {
		const struct command command = install(known_inputs[i].p1, 0, known_inputs[i].fields);
		struct bytes input;
		assert_int_equal(token_input(arena, &command, &input), ERR_NONE);
		assert_string_equal(bytes_to_hex(arena, input), known_inputs[i].input);
	}
}

static void the_token_of_a_deletion_has_its_reference(void **state)
{
	struct command command = { .ins = INS_DELETE, .p2 = 0x80, .data = hex("4F05B0B1B2B3B4") };
	struct bytes input;

	assert_int_equal(token_reference_add(arena, &command, hex("0102"), &command), ERR_NONE);
	assert_int_equal(token_input(arena, &command, &input), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, input), "00800D4F05B0B1B2B3B4B60493020102");
	assert_int_equal(token_attach(arena, &command, hex("AABB"), &command), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, command.data), "4F05B0B1B2B3B4B604930201029E02AABB");
}

static void a_reference_is_the_last_parameter_of_an_installation(void **state)
{
	struct command load = install(0x02, 0, LOAD_FILE DOMAIN "00"
						       "06EF04C6020100"
						       "00"),
		       select = install(0x08, 0, "0000"
						 "05B0B1B2B3B4"
						 "0100"
						 "00"
						 "00"),
		       broken = install(0x08, 0, "0000"
						 "05B0B1B2B3B4"
						 "0100"
						 "0500");

	assert_int_equal(token_reference_add(arena, &load, hex("7A"), &load), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, load.data), LOAD_FILE DOMAIN "00"
									     "0BEF04C6020100B60393017A"
									     "00");
	assert_int_equal(token_reference_add(arena, &select, hex("7A"), &select), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, select.data), "0000"
							      "05B0B1B2B3B4"
							      "0100"
							      "05B60393017A"
							      "00");
	assert_int_equal(token_reference_add(arena, &broken, hex("7A"), &broken), ERR_MALFORMED);
}

static void a_long_command_has_a_length_of_three_bytes(void **state)
{
	struct builder b = builder_in(arena);
	struct command command = { .ins = INS_INSTALL, .p1 = 0x0C };
	struct bytes input;

	build_bytes(&b, hex(LOAD_FILE "05A0A1A2A3A4"
				      "05B0B1B2B3B4"
				      "0100"
				      "820104"));
	build_zeros(&b, 260);
	build_u8(&b, 0);
	assert_int_equal(builder_bytes(&b, &command.data), ERR_NONE);
	assert_int_equal(token_input(arena, &command, &input), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, bytes_first(input, 5)), "0C0000011E");
	assert_int_equal(input.len, 5 + 0x11E);
}

static void one_token_goes_for_loading_and_installing(void **state)
{
	const struct command first = install(0x0E, 0x01,
					     LOAD_FILE DOMAIN "00"
							      "00"
							      "00"),
			     last = install(0x0E, 0x03,
					    "00"
					    "05A0A1A2A3A4"
					    "05B0B1B2B3B4"
					    "0100"
					    "02C900"
					    "00");
	struct bytes input;

	assert_int_equal(token_input_combined(arena, &first, &last, &input), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, input), "0E0113" LOAD_FILE DOMAIN "0000"
							"0E0312"
							"00"
							"05A0A1A2A3A4"
							"05B0B1B2B3B4"
							"0100"
							"02C900");
}

static void a_token_takes_the_place_of_the_empty_one(void **state)
{
	struct command command = install(0x02, 0, "0000000000"), with;
	struct builder b = builder_in(arena);
	struct bytes token;

	build_zeros(&b, 128);
	assert_int_equal(builder_bytes(&b, &token), ERR_NONE);
	assert_int_equal(token_attach(arena, &command, token, &with), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, bytes_first(with.data, 6)), "000000008180");
	assert_int_equal(with.data.len, 4 + 2 + 128);
	build_zeros(&b, 128);
	assert_int_equal(builder_bytes(&b, &token), ERR_NONE);
	assert_int_equal(token_attach(arena, &command, token, &with), ERR_LIMIT);
	command.data = hex("00000000AA"); /* has one already, or is no INSTALL */
	assert_int_equal(token_attach(arena, &command, token, &with), ERR_MALFORMED);
	command.ins = INS_LOAD;
	command.data = hex("00");
	assert_int_equal(token_attach(arena, &command, token, &with), ERR_MALFORMED);
}

/* ---- confirmations ---- */

static void an_answer_may_confirm_or_not(void **state)
{
	struct bytes confirmation;

	assert_int_equal(confirmation_of_answer(hex(""), &confirmation, NULL), ERR_NONE);
	assert_int_equal(confirmation.len, 0);
	assert_int_equal(confirmation_of_answer(hex("00"), &confirmation, NULL), ERR_NONE);
	assert_int_equal(confirmation.len, 0);
	assert_int_equal(confirmation_of_answer(hex("02AABB"), &confirmation, NULL), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, confirmation), "AABB");
	assert_int_equal(confirmation_of_answer(hex("02AA"), &confirmation, NULL), ERR_MALFORMED);
	assert_int_equal(confirmation_of_answer(hex("01AABB"), &confirmation, NULL), ERR_MALFORMED);
}

static void a_confirmation_checks_its_lengths(void **state)
{
	struct confirmation confirmation;

	assert_int_equal(confirmation_parse(hex("0101"), &confirmation, NULL), ERR_MALFORMED);
	assert_int_equal(confirmation_parse(hex("0101010202FFFE"), &confirmation, NULL), ERR_MALFORMED);
	assert_int_equal(confirmation_parse(hex("01AA"
						"03000001"
						"01FF"),
					    &confirmation, NULL),
			 ERR_MALFORMED);
}

static void a_receipt_signs_confirmation_and_subject(void **state)
{
	struct confirmation confirmation;
	struct bytes input;
	const struct receipt_subject load = { .fields = { hex("A1A2A3A4A5"), hex("B1B2B3B4B5") },
					      .count = 2 };
	struct receipt_subject update = {
		.fields = { hex("A1A2A3A4A5"), hex("B1B2B3B4B5"), hex(""), hex("040000") },
		.count = 5,
		.is_update = true,
	};
	struct builder b = builder_in(arena);

	assert_int_equal(confirmation_parse(hex("02AABB"
						"020003"
						"02FFFE"
						"0177"),
					    &confirmation, NULL),
			 ERR_NONE);
	assert_int_equal(confirmation.counter, 3);
	assert_string_equal(bytes_to_hex(arena, confirmation.token_identifier), "77");
	assert_int_equal(receipt_input(arena, &confirmation, &load, &input), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, input), "02000302FFFE017705A1A2A3A4A505B1B2B3B4B5");
	build_zeros(&b, 200);
	assert_int_equal(builder_bytes(&b, &update.fields[4]), ERR_NONE);
	assert_int_equal(receipt_input(arena, &confirmation, &update, &input), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, bytes_first(input, 27)), "02000302FFFE0177"
									 "05A1A2A3A4A505B1B2B3B4B5"
									 "00"
									 "03040000"
									 "81C8");
}

/* ---- signatures ---- */

static struct signature_key key_of(enum signature_algorithm algorithm)
{
	static const char *const symmetric = "404142434445464748494A4B4C4D4E4F";
	struct signature_key key = { .algorithm = algorithm, .curve = EC_P256 };
	struct ec_point point;

	switch (algorithm) {
	case SIGNATURE_RSA:
		key.key = hex(rsa_private_2048);
		key.public = hex(rsa_public_2048);
		break;
	case SIGNATURE_EC:
		key.key = hex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
		assert_int_equal(ec_public_of(EC_P256, key.key, &point), ERR_NONE);
		assert_int_equal(bytes_copy(arena, ec_point_bytes(&point), &key.public), ERR_NONE);
		break;
	default:
		key.key = hex(symmetric);
		break;
	}
	return key;
}

static void a_signature_fits_what_it_signs(void **state)
{
	static const size_t sizes[] = { 8, 16, 256, 64 };
	const struct bytes data = bytes_of_text("what is signed"), other = bytes_of_text("what is not");

	for (unsigned i = 0; i < SIGNATURE_COUNT; i++) {
		struct signature_key key = key_of((enum signature_algorithm)i);
		struct bytes signature;
		assert_int_equal(signature_make(arena, &key, data, &signature), ERR_NONE);
		assert_int_equal(signature.len, sizes[i]);
		assert_int_equal(signature_verify(arena, &key, data, signature), ERR_NONE);
		assert_int_equal(signature_verify(arena, &key, other, signature), ERR_DENIED);
		assert_int_equal(signature_verify(arena, &key, data, bytes_first(signature, sizes[i] - 1)),
				 ERR_DENIED);
		key.key = bytes_of(NULL, 0);
		assert_int_equal(signature_make(arena, &key, data, &signature), ERR_MALFORMED);
	}
}

static void a_short_rsa_key_signs_with_sha1(void **state)
{
	const struct signature_key key = { .algorithm = SIGNATURE_RSA,
					   .key = hex(rsa_private_1024),
					   .public = hex(rsa_public_1024) };
	struct bytes first, second;

	/* without random salt it is the same each time */
	assert_int_equal(signature_make(arena, &key, bytes_of_text("x"), &first), ERR_NONE);
	assert_int_equal(signature_make(arena, &key, bytes_of_text("x"), &second), ERR_NONE);
	assert_true(bytes_equal(first, second));
	assert_int_equal(signature_verify(arena, &key, bytes_of_text("x"), first), ERR_NONE);
}

static void the_digest_is_as_strong_as_the_key(void **state)
{
	struct signature_key key = key_of(SIGNATURE_AES);

	assert_int_equal(signature_digest(&key), DIGEST_SHA256);
	key.key = hex("404142434445464748494A4B4C4D4E4F4041424344454647");
	assert_int_equal(signature_digest(&key), DIGEST_SHA384);
	key.key = hex("404142434445464748494A4B4C4D4E4F404142434445464748494A4B4C4D4E4F");
	assert_int_equal(signature_digest(&key), DIGEST_SHA512);
	key = key_of(SIGNATURE_EC);
	key.curve = EC_BRAINPOOL_P384R1;
	assert_int_equal(signature_digest(&key), DIGEST_SHA384);
}

/* ---- DAP ---- */

static void a_dap_block_is_read_as_it_was_built(void **state)
{
	const struct signature_key key = key_of(SIGNATURE_EC);
	const struct bytes hash = hex(HASH);
	struct dap_block block, again;
	struct builder b = builder_in(arena);
	struct bytes built;

	assert_int_equal(dap_sign(arena, &key, hex("A0000001510001"), hash, &block), ERR_NONE);
	build_dap_block(&b, &block);
	assert_int_equal(builder_bytes(&b, &built), ERR_NONE);
	assert_string_equal(bytes_to_hex(arena, bytes_first(built, 13)), "E24B4F07A0000001510001C340");
	assert_int_equal(dap_block_parse(bytes_from(built, 2), &again, NULL), ERR_NONE);
	assert_int_equal(dap_verify(arena, &key, &again, hash), ERR_NONE);
	assert_int_equal(dap_verify(arena, &key, &again, bytes_first(hash, 32)), ERR_DENIED);
}

static void a_broken_dap_block_is_refused(void **state)
{
	static const char *const broken[] = {
		"",
		"4F05A0A1A2A3A4",
		"C301AA4F05A0A1A2A3A4",
		"4F05A0A1A2A3A4C300",
		"4F04A0A1A2A3C301AA",
		"4F05A0A1A2A3A4C301AA00",
		"4F05A0A1A2A3A4C302AA",
	};
	struct dap_block block;

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(dap_block_parse(hex(broken[i]), &block, NULL), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_signs_the_command_without_it),
		cmocka_unit_test(the_token_of_a_deletion_has_its_reference),
		cmocka_unit_test(a_reference_is_the_last_parameter_of_an_installation),
		cmocka_unit_test(a_long_command_has_a_length_of_three_bytes),
		cmocka_unit_test(one_token_goes_for_loading_and_installing),
		cmocka_unit_test(a_token_takes_the_place_of_the_empty_one),
		cmocka_unit_test(an_answer_may_confirm_or_not),
		cmocka_unit_test(a_confirmation_checks_its_lengths),
		cmocka_unit_test(a_receipt_signs_confirmation_and_subject),
		cmocka_unit_test(a_signature_fits_what_it_signs),
		cmocka_unit_test(a_short_rsa_key_signs_with_sha1),
		cmocka_unit_test(the_digest_is_as_strong_as_the_key),
		cmocka_unit_test(a_dap_block_is_read_as_it_was_built),
		cmocka_unit_test(a_broken_dap_block_is_refused),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
