/* SCP03 on the host's side: what must be refused. What must come out is in tests/vectors. */
#include "channel/scp03.h"

#include "one_arena.h"

static struct key key_from(const char *text)
{
	struct secret secret = { .len = 0 };

	assert_int_equal(secret_from(hex(text), &secret), ERR_NONE);
	return key_of(&secret);
}

/* Answer, keys and challenge of a real card, at level 33. */
static const char answer_hex[] = "A1A012430585513120853003709CE033FA78E6B10DDC2DBE8974C8B0DE00082A";

static void open_session(struct session *session, struct command *ret_authenticate)
{
	struct key enc, mac;
	struct scp03_opening opening;

	enc = key_from("1D72CD9283FD55162722C6BEAA4DC187");
	mac = key_from("F4932BA02FFC3098D172790099D28382");
	assert_int_equal(scp03_opening_parse(hex(answer_hex), &opening, NULL), ERR_NONE);
	assert_int_equal(scp03_session_open(&enc, &mac, hex("06F85B77251BF794"), &opening, session, NULL),
			 ERR_NONE);
	assert_int_equal(scp03_authenticate(session, 0x33, arena, ret_authenticate), ERR_NONE);
}

static void wrap(struct session *session, const char *text)
{
	struct command command, wrapped;

	assert_int_equal(command_parse(hex(text), &command, NULL), ERR_NONE);
	assert_int_equal(scp03_wrap(session, &command, arena, &wrapped), ERR_NONE);
}

static enum err unwrap(const struct session *session, struct bytes bytes, struct response *ret_plain)
{
	struct response response;
	struct fault fault = { 0 };

	assert_int_equal(response_parse(bytes, &response, NULL), ERR_NONE);
	enum err err = scp03_unwrap(session, &session->mark, &response, arena, ret_plain, &fault);
	assert_true((err == ERR_NONE) == (fault.text[0] == '\0'));
	return err;
}

static const char first_answer[] =
	"BD3292BFB1A23C4478E37292BA1EDF438770CE472FB7611FBDBD1C981A27FA4780A81A95D93C05F9C4C94839DED0"
	"363CFEA57CE2ECFB572B26F3474DAEEBBABC202942381F9755F59000";

static void a_good_answer_is_decrypted(void **state)
{
	struct session session;
	struct command authenticate;
	struct response plain;

	open_session(&session, &authenticate);
	wrap(&session, "80F22000024F00");
	assert_int_equal(unwrap(&session, hex(first_answer), &plain), ERR_NONE);
	assert_int_equal(plain.data.len, 57);
}

static void one_wrong_bit_in_an_answer_is_denied(void **state)
{
	struct bytes good = hex(first_answer);

	for (size_t i = 0; i < good.len; i++) {
		struct session session;
		struct command authenticate;
		struct response plain;
		struct bytes bad;
		if (i == good.len - 2 || i == good.len - 1)
			continue; /* another status word may be one that carries no MAC */
		open_session(&session, &authenticate);
		wrap(&session, "80F22000024F00");
		assert_int_equal(bytes_copy(arena, good, &bad), ERR_NONE);
		((uint8_t *)(uintptr_t)bad.at)[i] ^= 1;
		assert_int_equal(unwrap(&session, bad, &plain), ERR_DENIED);
	}
}

static void an_answer_without_mac_is_denied(void **state)
{
	struct session session;
	struct command authenticate;
	struct response plain;

	open_session(&session, &authenticate);
	wrap(&session, "80F22000024F00");
	assert_int_equal(unwrap(&session, hex("9000"), &plain), ERR_DENIED);
	assert_int_equal(unwrap(&session, hex("6310"), &plain), ERR_DENIED);
	assert_int_equal(unwrap(&session, hex("01020304050607089000"), &plain), ERR_DENIED);
}

static void an_error_comes_bare_and_moves_no_chain(void **state)
{
	struct session session;
	struct command authenticate;
	struct response plain;

	open_session(&session, &authenticate);
	wrap(&session, "80F22000024F00");
	struct session_mark before = session.mark;
	assert_int_equal(unwrap(&session, hex("6A88"), &plain), ERR_NONE);
	assert_int_equal(plain.sw, 0x6A88);
	assert_memory_equal(&before, &session.mark, sizeof(before));
}

static void an_answer_to_another_command_is_denied(void **state)
{
	struct session session;
	struct command authenticate;
	struct response plain;

	open_session(&session, &authenticate);
	wrap(&session, "80F22000024F00");
	wrap(&session, "80F24000024F00");
	assert_int_equal(unwrap(&session, hex(first_answer), &plain), ERR_DENIED);
}

static void a_wrong_card_cryptogram_is_denied(void **state)
{
	struct key enc, mac;
	struct scp03_opening opening;
	struct session session;
	struct fault fault = { 0 };
	const char *wrong = "A1A012430585513120853003709CE033FA78E6B10DDC2DBE8974C8B0DF00082A";

	enc = key_from("1D72CD9283FD55162722C6BEAA4DC187");
	mac = key_from("F4932BA02FFC3098D172790099D28382");
	assert_int_equal(scp03_opening_parse(hex(wrong), &opening, NULL), ERR_NONE);
	assert_int_equal(scp03_session_open(&enc, &mac, hex("06F85B77251BF794"), &opening, &session, &fault),
			 ERR_DENIED);
	assert_non_null(strstr(fault.text, "key set 30"));
}

static void assert_opening(const char *text, enum err kind, const char *words)
{
	struct scp03_opening opening;
	struct fault fault = { 0 };

	assert_int_equal(scp03_opening_parse(hex(text), &opening, &fault), kind);
	if (strstr(fault.text, words) == NULL)
		fail_msg("%s", fault.text);
}

static void openings_of_other_protocols_or_lengths_are_refused(void **state)
{
	assert_opening("A1A01243058551312085300255AABBCCDDEEFF0011223344556677AABB", ERR_UNSUPPORTED,
		       "SCP02");
	assert_opening("A1A0124305855131208530", ERR_MALFORMED, "only 11 bytes");
	assert_opening("A1A012430585513120853003709CE033FA78E6B10DDC2DBE8974C8B0DE0008", ERR_MALFORMED,
		       "29, 32, 45 or 48");
	assert_opening("A1A012430585513120853003709CE033FA78E6B10DDC2DBE8974C8B0DE", ERR_MALFORMED,
		       "no counter");
}

static void the_level_is_what_the_card_allows(void **state)
{
	assert_int_equal(scp03_highest_level(0x00), 0x03);
	assert_int_equal(scp03_highest_level(0x10), 0x03);
	assert_int_equal(scp03_highest_level(0x20), 0x13);
	assert_int_equal(scp03_highest_level(0x70), 0x33);
	assert_false(scp03_level_is_possible(0x33, 0x20));
	assert_false(scp03_level_is_possible(0x02, 0x70));
	assert_false(scp03_level_is_possible(0x23, 0x70));
	assert_true(scp03_level_is_possible(0x11, 0x20));
}

static void the_largest_data_still_fit_a_short_command(void **state)
{
	assert_int_equal(scp03_max_data(0x00, 8), 255);
	assert_int_equal(scp03_max_data(0x01, 8), 247);
	assert_int_equal(scp03_max_data(0x03, 8), 239);
	assert_int_equal(scp03_max_data(0x33, 16), 223);
}

static void longer_data_are_refused_and_move_no_chain(void **state)
{
	static const uint8_t data[255] = { 0 };
	struct session session;
	struct command authenticate, wrapped;

	open_session(&session, &authenticate);
	struct session_mark before = session.mark;
	const struct command command = { .cla = 0x80, .ins = 0xE8, .data = bytes_of(data, 240) };
	assert_int_equal(scp03_wrap(&session, &command, arena, &wrapped), ERR_LIMIT);
	assert_memory_equal(&before, &session.mark, sizeof(before));
}

static void the_channel_is_sent_but_not_under_the_mac(void **state)
{
	struct session basic;
	struct command authenticate, on_basic;

	open_session(&basic, &authenticate);
	assert_int_equal(scp03_wrap(&basic, &(struct command){ .cla = 0x80, .ins = 0xCA }, arena, &on_basic),
			 ERR_NONE);
	assert_int_equal(on_basic.cla, 0x84);
	for (unsigned channel = 1; channel < 20; channel++) {
		struct session session;
		struct command wrapped;
		const uint8_t cla = (uint8_t)(channel < 4 ? 0x80 + channel : 0xC0 + channel - 4);
		open_session(&session, &authenticate);
		assert_int_equal(
			scp03_wrap(&session, &(struct command){ .cla = cla, .ins = 0xCA }, arena, &wrapped),
			ERR_NONE);
		assert_int_equal(wrapped.cla, channel < 4 ? 0x84 + channel : 0xE0 + channel - 4);
		assert_true(bytes_equal(on_basic.data, wrapped.data));
	}
}

/* ---- R-MAC sessions, Amd D 7.1.3 and 7.1.4 ---- */

#define BEGIN_RMAC "807A10010403AABBCC"
#define BEGIN_RENC "807A30010100"
#define END_RMAC   "80780003"

static void open_at_level(struct session *session, uint8_t level)
{
	struct command authenticate;

	open_session(session, &authenticate);
	assert_int_equal(scp03_authenticate(session, level, arena, &authenticate), ERR_NONE);
}

/* Of a card, for the command that was wrapped last (Amd D 6.2.5). */
static struct bytes answer_with_mac(const struct session *session, const char *data)
{
	struct builder b = builder_in(arena);
	struct bytes answer;
	uint8_t mac[AES_BLOCK];
	const struct bytes parts[] = { bytes_of(session->mark.chaining, AES_BLOCK), hex(data), hex("9000") };

	assert_int_equal(aes_cmac(secret_bytes(&session->rmac), parts, 3, mac), ERR_NONE);
	build_bytes(&b, hex(data));
	build_bytes(&b, bytes_of(mac, session->mac_size));
	build_u16(&b, 0x9000);
	assert_int_equal(builder_bytes(&b, &answer), ERR_NONE);
	return answer;
}

static void assert_protected(const struct session *session)
{
	struct response plain;

	assert_int_equal(unwrap(session, hex("9000"), &plain), ERR_DENIED);
	assert_int_equal(unwrap(session, answer_with_mac(session, ""), &plain), ERR_NONE);
	assert_int_equal(plain.data.len, 0);
}

static void assert_bare(const struct session *session)
{
	struct response plain;

	assert_int_equal(unwrap(session, hex("9000"), &plain), ERR_NONE);
	assert_int_equal(unwrap(session, answer_with_mac(session, ""), &plain), ERR_NONE);
	assert_int_equal(plain.data.len, session->mac_size);
}

static void answers_have_an_rmac_after_begin_and_up_to_that_of_end(void **state)
{
	struct session session;

	open_at_level(&session, 0x01);
	for (int round = 0; round < 2; round++) {
		wrap(&session, BEGIN_RMAC);
		assert_bare(&session);
		wrap(&session, "80CA004200");
		assert_protected(&session);
		wrap(&session, END_RMAC);
		assert_protected(&session);
		wrap(&session, "80CA004200");
		assert_bare(&session);
	}
}

static void commands_ahead_do_not_change_what_an_answer_needs(void **state)
{
	struct session session;
	struct response plain;
	const struct response bare = { .sw = 0x9000 };

	open_at_level(&session, 0x03);
	wrap(&session, BEGIN_RMAC);
	const struct session_mark begin = session.mark;
	wrap(&session, "80CA004200");
	const struct session_mark inside = session.mark;
	wrap(&session, END_RMAC);
	wrap(&session, "80CA004200");
	assert_int_equal(scp03_unwrap(&session, &begin, &bare, arena, &plain, NULL), ERR_NONE);
	assert_int_equal(scp03_unwrap(&session, &inside, &bare, arena, &plain, NULL), ERR_DENIED);
}

/* What was encrypted by a card of level 33 reads the same where level 03 was raised. */
static void answers_are_encrypted_after_begin_with_encryption(void **state)
{
	struct session session;
	struct response plain;

	open_at_level(&session, 0x03);
	wrap(&session, BEGIN_RENC);
	wrap(&session, "80CA004200");
	assert_protected(&session);
	assert_int_equal(unwrap(&session, answer_with_mac(&session, "0102"), &plain), ERR_DENIED);

	uint8_t block[AES_BLOCK] = { 0x80, [AES_BLOCK - 1] = 2 }, icv[AES_BLOCK], ciphered[AES_BLOCK];
	assert_int_equal(aes_ecb_encrypt(secret_bytes(&session.enc), bytes_of(block, AES_BLOCK), icv),
			 ERR_NONE);
	assert_int_equal(aes_cbc_encrypt(secret_bytes(&session.enc), icv,
					 hex("42044260000180000000000000000000"), ciphered),
			 ERR_NONE);
	const char *text = bytes_to_hex(arena, bytes_of(ciphered, AES_BLOCK));
	assert_int_equal(unwrap(&session, answer_with_mac(&session, text), &plain), ERR_NONE);
	assert_true(bytes_equal(plain.data, hex("420442600001")));
}

/* Its 6985 is bare, so that anybody may have written it. */
static void whatever_became_of_begin_answers_need_their_rmac(void **state)
{
	struct session session;
	struct response plain;

	open_at_level(&session, 0x01);
	wrap(&session, BEGIN_RMAC);
	assert_int_equal(unwrap(&session, hex("6985"), &plain), ERR_NONE);
	wrap(&session, "80CA004200");
	assert_protected(&session);
}

static void commands_that_begin_no_rmac_session_change_nothing(void **state)
{
	static const struct {
		uint8_t level;
		const char *command;
	} rows[] = {
		{ 0x00, BEGIN_RMAC },   { 0x01, BEGIN_RENC },   { 0x01, "807A000100" },
		{ 0x03, "807A200100" }, { 0x01, "807A100200" }, { 0x01, "007A100100" },
		{ 0x01, END_RMAC },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct session session;
		open_at_level(&session, rows[i].level);
		wrap(&session, rows[i].command);
		wrap(&session, "80CA004200");
		assert_bare(&session);
	}
}

static void commands_that_end_no_rmac_session_leave_it(void **state)
{
	static const char *const commands[] = { "8078000100", "8078010300", "0078000300", BEGIN_RENC };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct session session;
		open_at_level(&session, 0x03);
		wrap(&session, BEGIN_RMAC);
		wrap(&session, commands[i]);
		wrap(&session, "80CA004200");
		assert_protected(&session);
	}
}

static void what_the_channel_opened_with_outlasts_an_rmac_session(void **state)
{
	struct session session;

	open_at_level(&session, 0x13);
	wrap(&session, BEGIN_RENC);
	assert_protected(&session);
	wrap(&session, END_RMAC);
	wrap(&session, "80CA004200");
	assert_protected(&session);
}

static void derivation_of_odd_bits_is_refused(void **state)
{
	uint8_t output[32];

	const struct key key = key_of(&(struct secret){ .len = 16 });
	assert_int_equal(scp03_derive(&key, 4, 129, bytes_of(NULL, 0), output), ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_answer_is_decrypted),
		cmocka_unit_test(one_wrong_bit_in_an_answer_is_denied),
		cmocka_unit_test(an_answer_without_mac_is_denied),
		cmocka_unit_test(an_error_comes_bare_and_moves_no_chain),
		cmocka_unit_test(an_answer_to_another_command_is_denied),
		cmocka_unit_test(a_wrong_card_cryptogram_is_denied),
		cmocka_unit_test(openings_of_other_protocols_or_lengths_are_refused),
		cmocka_unit_test(the_level_is_what_the_card_allows),
		cmocka_unit_test(the_largest_data_still_fit_a_short_command),
		cmocka_unit_test(longer_data_are_refused_and_move_no_chain),
		cmocka_unit_test(the_channel_is_sent_but_not_under_the_mac),
		cmocka_unit_test(answers_have_an_rmac_after_begin_and_up_to_that_of_end),
		cmocka_unit_test(commands_ahead_do_not_change_what_an_answer_needs),
		cmocka_unit_test(answers_are_encrypted_after_begin_with_encryption),
		cmocka_unit_test(whatever_became_of_begin_answers_need_their_rmac),
		cmocka_unit_test(commands_that_begin_no_rmac_session_change_nothing),
		cmocka_unit_test(commands_that_end_no_rmac_session_leave_it),
		cmocka_unit_test(what_the_channel_opened_with_outlasts_an_rmac_session),
		cmocka_unit_test(derivation_of_odd_bits_is_refused),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
