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
	struct session on_0, on_2, on_5;
	struct command authenticate, wrapped_0, wrapped_2, wrapped_5;

	open_session(&on_0, &authenticate);
	open_session(&on_2, &authenticate);
	open_session(&on_5, &authenticate);
	assert_int_equal(scp03_wrap(&on_0, &(struct command){ .cla = 0x80, .ins = 0xCA }, arena, &wrapped_0),
			 ERR_NONE);
	assert_int_equal(scp03_wrap(&on_2, &(struct command){ .cla = 0x82, .ins = 0xCA }, arena, &wrapped_2),
			 ERR_NONE);
	assert_int_equal(scp03_wrap(&on_5, &(struct command){ .cla = 0xC1, .ins = 0xCA }, arena, &wrapped_5),
			 ERR_NONE);
	assert_int_equal(wrapped_0.cla, 0x84);
	assert_int_equal(wrapped_2.cla, 0x86);
	assert_int_equal(wrapped_5.cla, 0xE1);
	assert_true(bytes_equal(wrapped_0.data, wrapped_2.data));
	assert_true(bytes_equal(wrapped_0.data, wrapped_5.data));
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
		cmocka_unit_test(derivation_of_odd_bits_is_refused),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
