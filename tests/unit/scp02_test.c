/* SCP02 on the host's side: what must be refused. What must come out is in tests/vectors. */
#include "channel/scp02.h"

#include "one_arena.h"

/* The answer of a real card to this challenge, under the key that everybody knows. */
static const char answer_hex[] = "000074746E6E6E626262010206A15086BBEE58F467149061DA4B6EAE";
static const char challenge_hex[] = "EBAA9E53C696281B";

static struct key_set known_keys(void)
{
	struct secret secret = { .len = 0 };

	assert_int_equal(secret_from(hex("404142434445464748494A4B4C4D4E4F"), &secret), ERR_NONE);
	return (struct key_set){ key_of(&secret), key_of(&secret), key_of(&secret) };
}

static enum err open_with(struct bytes answer, const char *challenge, struct session *ret_session)
{
	const struct key_set keys = known_keys();
	struct scp02_opening opening;
	struct fault fault = { 0 };
	enum err err = scp02_opening_parse(answer, &opening, &fault);

	if (err == ERR_NONE)
		err = scp02_session_open(&keys, hex(challenge), &opening, ret_session, &fault);
	assert_true((err == ERR_NONE) == (fault.text[0] == '\0'));
	return err;
}

static void opens_with_the_right_cryptogram_only(void **state)
{
	struct session session = { .level = 7 };

	(void)state;
	for (size_t bit = 12 * 8; bit < 28 * 8; bit++) {
		struct bytes answer = hex(answer_hex);
		((uint8_t *)(uintptr_t)answer.at)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(open_with(answer, challenge_hex, &session), ERR_DENIED);
		assert_int_equal(session.level, 7);
	}
	assert_int_equal(open_with(hex(answer_hex), "EBAA9E53C696281C", &session), ERR_DENIED);
	assert_int_equal(open_with(hex(answer_hex), challenge_hex, &session), ERR_NONE);
}

static void refuses_answers_of_another_length_or_protocol(void **state)
{
	struct scp02_opening opening;
	struct bytes answer = hex(answer_hex);

	(void)state;
	for (size_t len = 0; len < answer.len; len++)
		assert_int_equal(scp02_opening_parse(bytes_first(answer, len), &opening, NULL),
				 ERR_MALFORMED);
	assert_int_equal(
		scp02_opening_parse(hex("000074746E6E6E626262010206A15086BBEE58F467149061DA4B6EAE00"),
				    &opening, NULL),
		ERR_MALFORMED);
	((uint8_t *)(uintptr_t)answer.at)[11] = 3;
	assert_int_equal(scp02_opening_parse(answer, &opening, NULL), ERR_UNSUPPORTED);
}

static void refuses_keys_that_are_not_of_two_parts(void **state)
{
	struct key_set keys = known_keys();
	struct scp02_opening opening;
	struct session session;

	(void)state;
	keys.mac.size = 24;
	assert_int_equal(scp02_opening_parse(hex(answer_hex), &opening, NULL), ERR_NONE);
	assert_int_equal(scp02_session_open(&keys, hex(challenge_hex), &opening, &session, NULL),
			 ERR_MALFORMED);
}

static void a_command_that_does_not_fit_leaves_the_chain(void **state)
{
	static const uint8_t zeros[255];
	struct session session, before;
	struct command command = { .cla = 0x80, .ins = INS_LOAD, .data = bytes_of(zeros, 240) }, wrapped;

	(void)state;
	assert_int_equal(open_with(hex(answer_hex), challenge_hex, &session), ERR_NONE);
	assert_int_equal(scp02_authenticate(&session, LEVEL_C_MAC | LEVEL_C_DEC, arena, &wrapped), ERR_NONE);
	before = session;
	assert_int_equal(scp02_wrap(&session, &command, arena, &wrapped), ERR_LIMIT);
	assert_memory_equal(&session, &before, sizeof(session));
	command.data.len = 239;
	assert_int_equal(scp02_wrap(&session, &command, arena, &wrapped), ERR_NONE);
	assert_int_equal(wrapped.data.len, 248);
}

static void speaks_explicit_initiation_with_every_other_option(void **state)
{
	(void)state;
	for (unsigned i = 0x04; i < 0x80; i++) {
		if ((i & 0x04) != 0)
			assert_int_equal(scp02_option_is_spoken((uint8_t)i), (i & 0x08) == 0);
	}
	assert_true(scp02_option_is_spoken(0x15));
	assert_true(scp02_option_is_spoken(0x55));
}

static void speaks_implicit_initiation_as_the_text_has_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 0x80; i++) {
		if ((i & 0x04) == 0)
			assert_int_equal(scp02_option_is_spoken((uint8_t)i), (i & 0x4A) == 0x0A);
	}
	assert_true(scp02_option_is_spoken(0x1A));
	assert_true(scp02_level_is_possible(LEVEL_C_MAC, 0x1A));
	assert_false(scp02_level_is_possible(0, 0x1A));
	assert_false(scp02_level_is_possible(LEVEL_C_MAC | LEVEL_C_DEC, 0x1A));
	assert_false(scp02_level_is_possible(LEVEL_C_MAC | LEVEL_R_MAC, 0x3A));
	assert_int_equal(scp02_highest_level(0x3A), LEVEL_C_MAC);
}

/* GPCS E.3.3, E.3.4, E.4.4, worked out step by step: the first ICV is the MAC over the AID, and not
 * encrypted; the next is the C-MAC before, encrypted. */
static void the_first_c_mac_of_an_implicit_session_is_over_the_aid(void **state)
{
	static const uint8_t zeros[DES_BLOCK];
	const struct key_set keys = known_keys();
	struct session session;
	struct command wrapped, next = { .cla = 0x80, .ins = 0xE4, .data = hex("4F05A000000001") };
	struct secret mac_key;
	uint8_t icv[DES_BLOCK], mac[DES_BLOCK];

	(void)state;
	assert_int_equal(scp02_session_begin(&keys, 0x1A, 0x0102, hex("A000000151000000"), &session, NULL),
			 ERR_NONE);
	assert_int_equal(scp02_authenticate(&session, LEVEL_C_MAC, arena, &wrapped), ERR_NONE);
	assert_int_equal(scp02_session_key(&keys.enc, SCP02_C_MAC, 0x0102, &mac_key), ERR_NONE);
	assert_int_equal(
		des_retail_mac(secret_bytes(&mac_key), zeros, hex("A0000001510000008000000000000000"), icv),
		ERR_NONE);
	assert_int_equal(des_retail_mac(secret_bytes(&mac_key), icv, hex("80CA00C100800000"), mac), ERR_NONE);
	assert_int_equal(wrapped.cla, 0x84);
	assert_int_equal(wrapped.ins, 0xCA);
	assert_int_equal(wrapped.data.len, DES_BLOCK);
	assert_memory_equal(wrapped.data.at, mac, DES_BLOCK);

	assert_int_equal(scp02_wrap(&session, &next, arena, &wrapped), ERR_NONE);
	assert_int_equal(des_ecb_encrypt(bytes_first(secret_bytes(&mac_key), DES_BLOCK),
					 bytes_of(mac, DES_BLOCK), icv),
			 ERR_NONE);
	assert_int_equal(
		des_retail_mac(secret_bytes(&mac_key), icv, hex("80E40000074F05A00000000180000000"), mac),
		ERR_NONE);
	assert_int_equal(wrapped.data.len, next.data.len + DES_BLOCK);
	assert_memory_equal(&wrapped.data.at[next.data.len], mac, DES_BLOCK);
}

/* GPCS E.1.2.2: the card makes it when it has counted the session. */
static void the_dek_of_an_implicit_session_is_of_the_next_counter(void **state)
{
	const struct key_set keys = known_keys();
	struct session session;
	struct secret dek;

	(void)state;
	assert_int_equal(scp02_session_begin(&keys, 0x1A, 0x00FF, hex("A000000151000000"), &session, NULL),
			 ERR_NONE);
	assert_int_equal(scp02_session_key(&keys.enc, SCP02_DEK, 0x0100, &dek), ERR_NONE);
	assert_int_equal(session.dek.size, dek.len);
	assert_memory_equal(session.dek.secret.at, dek.at, dek.len);
	assert_int_equal(scp02_session_begin(&keys, 0x1A, 0, hex("A00000015100000000000000000000000000"),
					     &session, NULL),
			 ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opens_with_the_right_cryptogram_only, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(refuses_answers_of_another_length_or_protocol, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(refuses_keys_that_are_not_of_two_parts, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(a_command_that_does_not_fit_leaves_the_chain, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(speaks_explicit_initiation_with_every_other_option,
						open_arena, close_arena),
		cmocka_unit_test_setup_teardown(speaks_implicit_initiation_as_the_text_has_it, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(the_first_c_mac_of_an_implicit_session_is_over_the_aid,
						open_arena, close_arena),
		cmocka_unit_test_setup_teardown(the_dek_of_an_implicit_session_is_of_the_next_counter,
						open_arena, close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
