/* The card's side of SCP03 against published sessions. */
#include "card_support.h"

#include "chip.h"

#include <jansson.h>

static const char *text(const json_t *vector, const char *name)
{
	return json_string_value(json_object_get(vector, name));
}

static void key_set(struct host *host, const json_t *vector, const char *name, struct secret *ret_key)
{
	assert_int_equal(secret_from(hex(host, "%s", text(vector, name)), ret_key), ERR_NONE);
}

static void make_challenge(void *arg, uint8_t *ret_at, size_t len)
{
	const struct bytes *challenge = arg;
	assert_int_equal(challenge->len, len);
	memcpy(ret_at, challenge->at, len);
}

/* A card as the one that gave the vector. Where the vector's challenge is known to be pseudo-random the card
 * makes its own. */
static void card_of_vector(struct host *host, const json_t *vector, struct bytes *challenge)
{
	const char *invoker = text(vector, "pseudo_random_challenge_aid");
	struct bytes kdd = hex(host, "%s", text(vector, "key_diversification_data"));
	struct bytes kvn = hex(host, "%s", text(vector, "kvn"));
	struct card_settings *settings = &host->settings;
	key_set(host, vector, "key_enc", &settings->keys.enc);
	key_set(host, vector, "key_mac", &settings->keys.mac);
	key_set(host, vector, "key_dek", &settings->keys.dek);
	settings->keys.version = kvn.at[0] == 0 ? 0x01 : kvn.at[0];
	settings->scp03_options = hex(host, "%s", text(vector, "i_param")).at[0];
	memcpy(settings->diversification_data, kdd.at, 10);
	*challenge = hex(host, "%s", text(vector, "card_challenge"));
	settings->make_challenge = make_challenge;
	settings->make_challenge_arg = challenge;
	if (invoker != NULL) {
		assert_true(aid_read(hex(host, "%s", invoker), &settings->isd_aid));
		settings->make_challenge = NULL;
	}
	host_reopen(host);
}

static uint32_t counter_of(struct host *host, const json_t *vector)
{
	struct reader r = reader_of(hex(host, "%s", text(vector, "sequence_counter")));
	return read_u24(&r);
}

static void initialize_update_is_answered(struct host *host, const json_t *vector)
{
	struct bytes expected = hex(host, "%s", text(vector, "init_update_rapdu"));
	const char *host_challenge = text(vector, "host_challenge");
	for (uint32_t i = 0; i < counter_of(host, vector); i++)
		assert_int_equal(
			host_plain(host, "80500000%02zX%s00", strlen(host_challenge) / 2, host_challenge),
			0x9000);
	/* a vector with the key version 00, which no key set can have, is compared without it */
	assert_true(bytes_equal(bytes_first(host->data, 10), bytes_first(expected, 10)));
	if (strcmp(text(vector, "kvn"), "00") != 0)
		assert_int_equal(host->data.at[10], expected.at[10]);
	assert_true(bytes_equal(bytes_from(host->data, 11),
				bytes_first(bytes_from(expected, 11), host->data.len - 11)));
}

/* Answers with a block more of padding than GPCS B.2.3 makes come from two of the published cards; ours never
 * sends them. */
static bool has_least_padding(const struct session *session, struct bytes plain, struct bytes protected)
{
	return (session->level & LEVEL_RENC) == 0 ||
	       protected.len == (plain.len / AES_BLOCK + 1) * AES_BLOCK + session->mac_len;
}

static size_t commands_are_unwrapped(struct host *host, const json_t *commands)
{
	struct session *session = &host->card->channels[0].session;
	const json_t *row;
	size_t i, answers = 0;
	json_array_foreach (commands, i, row) {
		struct bytes protected;
		struct command plain, wrapped;
		assert_int_equal(command_read(hex(host, "%s", text(row, "plain_capdu")), &plain), SW_SUCCESS);
		assert_int_equal(command_read(hex(host, "%s", text(row, "wrapped_capdu")), &wrapped),
				 SW_SUCCESS);
		assert_int_equal(session_unwrap(session, host->arena, &wrapped), SW_SUCCESS);
		assert_true(bytes_equal(wrapped.data, plain.data));
		if (text(row, "wrapped_rapdu") == NULL)
			continue;
		struct bytes answer = hex(host, "%s", text(row, "plain_rapdu"));
		struct bytes expected = hex(host, "%s", text(row, "wrapped_rapdu"));
		struct reader status = reader_of(bytes_from(answer, answer.len - 2));
		answer = bytes_first(answer, answer.len - 2);
		expected = bytes_first(expected, expected.len - 2);
		if (!has_least_padding(session, answer, expected))
			continue;
		assert_int_equal(session_wrap(session, session->level, host->arena, read_u16(&status), answer,
					      &protected),
				 ERR_NONE);
		assert_hex(host, protected, bytes_to_hex(host->arena, expected));
		answers++;
	}
	return answers;
}

static void published_sessions_are_understood(void **state)
{
	struct host *host = *state;
	json_error_t error;
	json_t *file = json_load_file("tests/vectors/scp03-session.json", 0, &error);
	const json_t *vector;
	size_t i, sessions = 0, answers = 0;
	assert_non_null(file);
	json_array_foreach (json_object_get(file, "vectors"), i, vector) {
		struct bytes challenge;
		card_of_vector(host, vector, &challenge);
		initialize_update_is_answered(host, vector);
		assert_int_equal(host_plain(host, "%s", text(vector, "ext_auth_capdu")), 0x9000);
		answers += commands_are_unwrapped(host, json_object_get(vector, "commands"));
		sessions++;
	}
	assert_int_equal(sessions, 15);
	assert_true(answers >= 18);
	json_decref(file);
}

/* ---- starting a session ---- */

static void initialize_update_is_strict(void **state)
{
	struct host *host = *state;
	assert_int_equal(host_plain(host, "8050000108010203040506070800"), 0x6A86); /* P2 */
	assert_int_equal(host_plain(host, "80500000070102030405060700"), 0x6700);
	assert_int_equal(host_plain(host, "8050000010000102030405060708090A0B0C0D0E0F00"),
			 0x6700);                                                   /* S16 on a card of S8 */
	assert_int_equal(host_plain(host, "8050310008010203040506070800"), 0x6A88); /* no such key version */
	assert_int_equal(host_plain(host, "8450000008010203040506070800"), 0x6E00);
	assert_int_equal(host_plain(host, "0050000008010203040506070800"), 0x6E00);
	assert_int_equal(host_plain(host, "80500000"), 0x6700);
}

static void external_authenticate_needs_initialize_update(void **state)
{
	struct host *host = *state;
	assert_int_equal(host_plain(host, "848203001000112233445566778899AABBCCDDEEFF"), 0x6985);
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_int_equal(host_authenticate(host, LEVEL_MAC), 0x9000);
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_int_equal(host_plain(host, "808203001000112233445566778899AABBCCDDEEFF"),
			 0x6E00); /* class without messaging */
}

static void wrong_host_cryptogram_is_told_from_wrong_mac(void **state)
{
	struct host *host = *state;
	assert_int_equal(host_initialize(host, 0), 0x9000);
	host->chaining_value[0] ^= 0x01; /* where the cryptogram waits */
	assert_int_equal(host_authenticate(host, LEVEL_MAC), 0x6300);
	assert_int_equal(host_authenticate(host, LEVEL_MAC), 0x6985); /* all of it starts anew */
	assert_int_equal(host_initialize(host, 0), 0x9000);
	host->mac.at[0] ^= 0x01;
	assert_int_equal(host_authenticate(host, LEVEL_MAC), 0x6982);
	assert_int_equal(host_plain(host, "80F28002024F0000"), 0x6982); /* nobody is authenticated */
	assert_int_equal(host_plain(host, "80CA006600"), 0x9000);       /* but nothing was aborted either */
}

static void offers_only_the_levels_of_its_options(void **state)
{
	static const struct {
		uint8_t options, level;
		uint16_t sw;
	} rows[] = {
		{ 0x00, 0x00, 0x9000 }, { 0x00, 0x01, 0x9000 }, { 0x00, 0x03, 0x9000 },
		{ 0x00, 0x11, 0x6A86 }, { 0x10, 0x33, 0x6A86 }, { 0x30, 0x11, 0x9000 },
		{ 0x30, 0x13, 0x9000 }, { 0x30, 0x33, 0x6A86 }, { 0x70, 0x33, 0x9000 },
		{ 0x71, 0x33, 0x9000 }, { 0x70, 0x02, 0x6A86 }, { 0x70, 0x10, 0x6A86 },
		{ 0x70, 0x31, 0x6A86 }, { 0x70, 0x83, 0x6A86 }, { 0x01, 0x03, 0x9000 },
		{ 0x61, 0x33, 0x9000 },
	};
	struct host *host = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		host->settings.scp03_options = rows[i].options;
		host_reopen(host);
		assert_int_equal(host_initialize(host, 0), 0x9000);
		assert_true(host->has_session);
		assert_int_equal(host_authenticate(host, rows[i].level), rows[i].sw);
		if (rows[i].sw == 0x9000)
			assert_int_equal(host_command(host, "80F28002024F0000"), 0x9000);
	}
}

static void random_challenges_differ_and_come_without_counter(void **state)
{
	struct host *host = *state;
	host->settings.scp03_options = CARD_I_RMAC | CARD_I_RENC;
	host_reopen(host);
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_int_equal(host->data.len, 29);
	struct bytes first = bytes_first(bytes_from(host->data, 13), 8);
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_false(bytes_equal(first, bytes_first(bytes_from(host->data, 13), 8)));
	assert_int_equal(card_write_count(host->card), 0);
	assert_int_equal(host_plain(host, "80CA00C100"), 0x6A88);
}

static void sequence_counter_is_counted_before_it_is_used(void **state)
{
	struct host *host = *state;
	uint32_t counter;
	assert_true(card_sequence_counter(host->card, hex(host, ISD_AID), 0x30, &counter));
	assert_int_equal(counter, 0);
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_hex(host, bytes_from(host->data, 29), "000001");
	assert_int_equal(host_plain(host, "80CA00C100"), 0x9000);
	assert_hex(host, host->data, "C103000001");
	assert_int_equal(card_write_count(host->card), 1);

	/* the power goes with the write: no challenge was given, and none comes twice */
	struct bytes response;
	card_cut_power_after(host->card, 1);
	assert_int_equal(
		card_transmit(host->card, host->arena, hex(host, "8050000008010203040506070800"), &response),
		ERR_UNAVAILABLE);
	assert_int_equal(card_transmit(host->card, host->arena, hex(host, "80CA00C100"), &response),
			 ERR_UNAVAILABLE);
	assert_int_equal(card_reset(host->card), ERR_NONE);
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_hex(host, bytes_from(host->data, 29), "000002");
}

static void sequence_counter_stops_at_its_end(void **state)
{
	struct host *host = *state;
	registry_isd(&host->card->registry)->key_versions->sequence_counter = 0xFFFFFE;
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_hex(host, bytes_from(host->data, 29), "FFFFFF");
	assert_int_equal(host_initialize(host, 0), 0x6985);
}

static void blocks_a_key_set_after_too_many_wrong_cryptograms(void **state)
{
	struct host *host = *state;
	host->settings.authentication_tries = 3;
	host_reopen(host);
	for (int i = 0; i < 4; i++) { /* two wrong ones and a right one, again and again */
		assert_int_equal(host_initialize(host, 0), 0x9000);
		host->chaining_value[0] ^= i % 3 != 2;
		assert_int_equal(host_authenticate(host, LEVEL_MAC), i % 3 != 2 ? 0x6300 : 0x9000);
	}
	assert_int_equal(card_reset(host->card), ERR_NONE);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(host_initialize(host, 0), 0x9000);
		host->chaining_value[0] ^= 1;
		assert_int_equal(host_authenticate(host, LEVEL_MAC), 0x6300);
	}
	assert_int_equal(host_initialize(host, 0), 0x6983);
}

/* ---- rules of a session (Amd D 5.6) ---- */

static void unprotected_command_aborts_the_session(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_command(host, "80F28002024F0000"), 0x9000);
	assert_int_equal(host_plain(host, "80F28002024F0000"), 0x6982);
	assert_int_equal(host_command(host, "80F28002024F0000"), 0x6982);
	assert_int_equal(host_plain(host, "80CA006600"), 0x6982); /* not even what anybody may ask */
	assert_int_equal(host_plain(host, "00A4040000"), 0x9000);
	assert_int_equal(host_plain(host, "80CA006600"), 0x9000);
	host_login(host, ISD_AID, LEVEL_ALL);
	assert_int_equal(host_plain(host, "00CA006600"), 0x6982); /* ISO class as well */
}

static void every_flipped_bit_aborts_the_session(void **state)
{
	struct host *host = *state;
	static const uint8_t levels[] = { LEVEL_MAC, LEVEL_ENC, LEVEL_ALL };
	for (size_t i = 0; i < sizeof(levels); i++) {
		for (size_t at = 1; at < 29; at += 3) { /* but the class: it says where, not what */
			host_login(host, ISD_AID, levels[i]);
			struct bytes apdu = host_wrap(host, hex(host, "80F28002024F0000"));
			uint8_t *flipped = arena_alloc(host->arena, apdu.len);
			memcpy(flipped, apdu.at, apdu.len);
			if (at == 4 || at >= apdu.len - 1) /* nor Lc, which would be another APDU, and Le */
				continue;
			flipped[at] ^= 0x10;
			assert_int_equal(host_transmit(host, bytes_of(flipped, apdu.len)), 0x6982);
			assert_int_equal(host_transmit(host, apdu), 0x6982);
		}
	}
}

static void dropped_repeated_and_swapped_commands_are_found(void **state)
{
	struct host *host = *state;
	struct bytes command = hex(host, "80F28002024F0000");
	host_login(host, ISD_AID, LEVEL_MAC);
	host_wrap(host, command); /* never sent */
	assert_int_equal(host_transmit(host, host_wrap(host, command)), 0x6982);

	host_login(host, ISD_AID, LEVEL_MAC);
	struct bytes first = host_wrap(host, command);
	assert_int_equal(host_transmit(host, first), 0x9000);
	assert_int_equal(host_transmit(host, first), 0x6982);

	host_login(host, ISD_AID, LEVEL_ENC);
	first = host_wrap(host, command);
	struct bytes second = host_wrap(host, command);
	assert_int_equal(host_transmit(host, second), 0x6982);
	assert_int_equal(host_transmit(host, first), 0x6982);
}

static void encrypted_commands_must_have_padding(void **state)
{
	struct host *host = *state;
	static const char *const plain[] = {
		/* as they would be after deciphering */
		"4F000000000000000000000000000000", "00000000000000000000000000000000",
		"4F00800000000000000000000000000000000000000000000000000000000000"
	};
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		host_login(host, ISD_AID, LEVEL_ENC);
		struct bytes data = hex(host, "%s", plain[i]);
		uint8_t icv[AES_BLOCK], *ciphered = arena_alloc(host->arena, data.len);
		struct bytes counter = hex(host, "00000000000000000000000000000001");
		assert_int_equal(aes_ecb_encrypt(secret_bytes(&host->enc), counter, icv), ERR_NONE);
		assert_int_equal(aes_cbc_encrypt(secret_bytes(&host->enc), icv, data, ciphered), ERR_NONE);
		host->level = LEVEL_MAC; /* the host itself adds only the MAC */
		assert_int_equal(host_command(host, "80F28002%02zX%s00", data.len,
					      bytes_to_hex(host->arena, bytes_of(ciphered, data.len))),
				 0x6982);
	}
}

static void error_answers_are_bare_and_leave_the_chain(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_ALL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(host_command(host, "80F24002074F0501020304FF00"), 0x6A88);
		assert_int_equal(host_command(host, "80F28002024F0000"), 0x9000);
		assert_int_equal(host->data.at[0], 0xE3);
		assert_int_equal(host_command(host, "80FF0000"), 0x6D00);
	}
}

static void answers_without_data_have_a_mac(void **state)
{
	struct host *host = *state;
	host->settings.life_cycle = CARD_OP_READY;
	host_reopen(host);
	host_login(host, ISD_AID, LEVEL_ALL);
	assert_int_equal(host_command(host, "80F08007"),
			 0x9000); /* SET STATUS has no answer data; the host verified */
	assert_int_equal(host->data.len, 0);
}

static void session_without_messaging_takes_plain_commands(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_NONE);
	assert_int_equal(host_plain(host, "80F28002024F0000"), 0x9000);
	assert_int_equal(host_plain(host, "80CA00D300"), 0x9000);
	assert_hex(host, host->data, "D30180");
}

static void selection_and_reset_end_the_session(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(host_command(host, "80CA00D300"), 0x9000);
	assert_hex(host, host->data, "D30181");
	assert_int_equal(host_plain(host, "00A4040000"), 0x9000);
	assert_int_equal(host_command(host, "80F28002024F0000"), 0x6982);
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(card_reset(host->card), ERR_NONE);
	assert_int_equal(host_command(host, "80F28002024F0000"), 0x6982);
	assert_int_equal(host_plain(host, "80CA00D300"), 0x9000);
	assert_hex(host, host->data, "D30100");
}

static void each_channel_has_its_own_session(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, LEVEL_MAC);
	struct host other = *host;
	assert_int_equal(host_plain(&other, "0070000001"), 0x9000);
	other.channel = other.data.at[0];
	host_login(&other, ISD_AID, LEVEL_ALL);
	assert_int_equal(host_command(host, "80F28002024F0000"), 0x9000);
	assert_int_equal(host_command(&other, "80F28002024F0000"), 0x9000);
	assert_int_equal(host_plain(&other, "81F28002024F0000"), 0x6982);
	assert_int_equal(host_command(host, "80F28002024F0000"), 0x9000); /* the other's abort is its own */
}

static void every_channel_is_macked_as_the_basic_one(void **state)
{
	struct host *host = *state;
	host->settings.channel_count = CARD_CHANNELS_MAX;
	host_reopen(host);
	for (unsigned channel = 1; channel < CARD_CHANNELS_MAX; channel++) {
		host->channel = 0;
		assert_int_equal(host_plain(host, "0070000001"), 0x9000);
		assert_int_equal(host->data.at[0], channel);
		host->channel = channel;
		host_login(host, ISD_AID, LEVEL_ALL);
		assert_int_equal(host_command(host, "80F28002024F0000"), 0x9000);
	}
}

/* ---- R-MAC sessions, Amd D 7.1.3 and 7.1.4 ---- */

#define BEGIN_RMAC "807A10010403AABBCC"
#define BEGIN_RENC "807A30010100"
#define END_RMAC   "8078000300"

/* host_command verifies each answer at host->level, and finds the MAC of one that should have none too long.
 */
static void an_rmac_session_protects_the_answers_between_begin_and_end(void **state)
{
	static const struct {
		uint8_t options, level;
		const char *begin;
		uint8_t inside;
	} rows[] = {
		{ CARD_I_RMAC, 0x01, BEGIN_RMAC, 0x11 },
		{ CARD_I_RMAC, 0x03, BEGIN_RMAC, 0x13 },
		{ CARD_I_RMAC | CARD_I_RENC, 0x03, BEGIN_RENC, 0x33 },
		{ CARD_I_RMAC | CARD_I_RENC, 0x13, BEGIN_RENC, 0x33 },
		{ CARD_I_RMAC | CARD_I_RENC | CARD_I_S16, 0x03, "807A300100", 0x33 },
	};
	struct host *host = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		host->settings.scp03_options = rows[i].options;
		host_reopen(host);
		host_login(host, ISD_AID, rows[i].level);
		for (int round = 0; round < 2; round++) {
			assert_int_equal(host_command(host, "%s", rows[i].begin), 0x9000);
			assert_int_equal(host->data.len, 0);
			host->level = rows[i].inside;
			assert_int_equal(host_command(host, "80CA004200"), 0x9000);
			assert_hex(host, host->data, "420442600001");
			assert_int_equal(host_command(host, "80CA5F5000"), 0x6A88);
			assert_int_equal(host_command(host, END_RMAC), 0x9000);
			assert_int_equal(host->data.len, 0);
			host->level = rows[i].level;
			assert_int_equal(host_command(host, "80CA004200"), 0x9000);
			assert_hex(host, host->data, "420442600001");
		}
	}
}

static void an_rmac_session_that_may_not_be_is_refused_and_nothing_aborted(void **state)
{
	static const struct {
		uint8_t options, level;
		const char *command;
		uint16_t sw;
	} rows[] = {
		{ 0x00, 0x01, BEGIN_RMAC, 0x6985 }, /* not among its options */
		{ 0x20, 0x03, BEGIN_RENC, 0x6985 },         { 0x60, 0x00, BEGIN_RMAC, 0x6985 }, /* no C-MAC */
		{ 0x60, 0x01, BEGIN_RENC, 0x6985 }, /* no C-DECRYPTION */
		{ 0x60, 0x11, BEGIN_RMAC, 0x6985 }, /* there already */
		{ 0x60, 0x33, BEGIN_RMAC, 0x6985 },         { 0x60, 0x33, BEGIN_RENC, 0x6985 },
		{ 0x60, 0x01, END_RMAC, 0x6985 },           { 0x60, 0x33, END_RMAC, 0x6985 },
		{ 0x60, 0x03, "807A200100", 0x6A86 },       { 0x60, 0x03, "807A100000", 0x6A86 },
		{ 0x60, 0x03, "807A10010202AA", 0x6A80 },   { 0x60, 0x03, "807A10010201AA", 0x9000 },
		{ 0x60, 0x03, "807A10010301AABB", 0x6A80 }, { 0x60, 0x03, "007A100100", 0x6E00 },
	};
	struct host *host = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		host->settings.scp03_options = rows[i].options;
		host_reopen(host);
		host_login(host, ISD_AID, rows[i].level);
		if (host_command(host, "%s", rows[i].command) != rows[i].sw)
			fail_msg("row %zu", i);
		host->level |= rows[i].sw == 0x9000 ? 0x10 : 0;
		assert_int_equal(host_command(host, "80CA004200"), 0x9000);
		assert_hex(host, host->data, "420442600001");
	}
	host_reopen(host);
	assert_int_equal(host_plain(host, BEGIN_RMAC), 0x6982); /* no secure channel */
	assert_int_equal(host_plain(host, END_RMAC), 0x6982);
}

static void an_error_leaves_an_rmac_session_as_it_is(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, 0x03);
	assert_int_equal(host_command(host, BEGIN_RMAC), 0x9000);
	host->level = 0x13;
	assert_int_equal(host_command(host, BEGIN_RMAC), 0x6985);
	assert_int_equal(host_command(host, BEGIN_RENC), 0x6985);
	assert_int_equal(host_command(host, "8078000100"), 0x6A86);
	assert_int_equal(host_command(host, "8078010300"), 0x6A86);
	assert_int_equal(host_command(host, "807800030101"), 0x6700);
	assert_int_equal(host_command(host, "80CA004200"), 0x9000);
	assert_hex(host, host->data, "420442600001");
}

static void an_end_with_a_wrong_mac_aborts_the_whole_session(void **state)
{
	struct host *host = *state;
	host_login(host, ISD_AID, 0x01);
	assert_int_equal(host_command(host, BEGIN_RMAC), 0x9000);
	assert_int_equal(host_plain(host, "8478000308000000000000000000"), 0x6982);
	assert_int_equal(host_command(host, "80CA004200"), 0x6982);
}

static void misbehaves_on_request(void **state)
{
	struct host *host = *state;
	struct bytes response;
	card_misbehave(host->card, &(struct card_misbehaviour){ .has_wrong_cryptogram = true });
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_false(host->has_session);

	card_misbehave(host->card, &(struct card_misbehaviour){ .corrupts_response_mac = true });
	host_login(host, ISD_AID, LEVEL_ALL);
	struct bytes apdu = host_wrap(host, hex(host, "80F28002024F0000"));
	assert_int_equal(host_transmit(host, apdu), 0x9000);
	struct bytes corrupt = host->data;
	card_misbehave(host->card, &(struct card_misbehaviour){ 0 });
	struct session session = host->card->channels[0].session;
	struct bytes content = bytes_first(corrupt, corrupt.len - 8);
	uint8_t mac[AES_BLOCK];
	struct bytes parts[] = { bytes_of(session.chaining_value, AES_BLOCK), content, hex(host, "9000") };
	assert_int_equal(aes_cmac(secret_bytes(&host->rmac), parts, 3, mac), ERR_NONE);
	mac[7] ^= 0x01;
	assert_true(bytes_equal(bytes_of(mac, 8), bytes_from(corrupt, content.len)));

	card_misbehave(host->card, &(struct card_misbehaviour){ .is_mute = true });
	assert_int_equal(card_transmit(host->card, host->arena, apdu, &response), ERR_TIMEOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(published_sessions_are_understood),
		CLAIM(initialize_update_is_strict),
		CLAIM(external_authenticate_needs_initialize_update),
		CLAIM(wrong_host_cryptogram_is_told_from_wrong_mac),
		CLAIM(offers_only_the_levels_of_its_options),
		CLAIM(random_challenges_differ_and_come_without_counter),
		CLAIM(sequence_counter_is_counted_before_it_is_used),
		CLAIM(sequence_counter_stops_at_its_end),
		CLAIM(blocks_a_key_set_after_too_many_wrong_cryptograms),
		CLAIM(unprotected_command_aborts_the_session),
		CLAIM(every_flipped_bit_aborts_the_session),
		CLAIM(dropped_repeated_and_swapped_commands_are_found),
		CLAIM(encrypted_commands_must_have_padding),
		CLAIM(error_answers_are_bare_and_leave_the_chain),
		CLAIM(answers_without_data_have_a_mac),
		CLAIM(session_without_messaging_takes_plain_commands),
		CLAIM(selection_and_reset_end_the_session),
		CLAIM(each_channel_has_its_own_session),
		CLAIM(every_channel_is_macked_as_the_basic_one),
		CLAIM(an_rmac_session_protects_the_answers_between_begin_and_end),
		CLAIM(an_rmac_session_that_may_not_be_is_refused_and_nothing_aborted),
		CLAIM(an_error_leaves_an_rmac_session_as_it_is),
		CLAIM(an_end_with_a_wrong_mac_aborts_the_whole_session),
		CLAIM(misbehaves_on_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
