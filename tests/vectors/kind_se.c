/* Secure elements: SCP03, scripts of TS 102 226. */
#include "kind_se.h"

#include <stdlib.h>
#include <string.h>

#include "channel/scp03.h"
#include "seram/script.h"

bool is_confirmed(const struct vector *v)
{
	const json_t *verified = json_object_get(v->own, "verified");

	return verified == NULL || json_is_true(verified);
}

bool secret_member(struct vector *v, const char *member, struct secret *ret_secret)
{
	struct bytes bytes;

	return vector_hex(v, member, &bytes) && secret_from(bytes, ret_secret) == ERR_NONE;
}

bool key_member(struct vector *v, const char *member, struct key *ret_key)
{
	struct secret secret;

	if (!secret_member(v, member, &secret))
		return false;
	*ret_key = key_of(&secret);
	return true;
}

enum verdict compare_member(struct vector *v, const char *member, struct bytes actual)
{
	struct bytes expected;

	return vector_hex(v, member, &expected) ? vector_compare(v, member, actual, expected) : PASSED;
}

enum verdict check_aes_cmac(struct vector *v)
{
	struct bytes key, message, expected;
	uint8_t mac[AES_BLOCK];

	if (!is_confirmed(v))
		return vector_skip(v, "not verified");
	if (!vector_hex(v, "key", &key) || !vector_hex(v, "message", &message) ||
	    !vector_hex(v, "cmac", &expected))
		return vector_fail(v, "key, message or cmac is missing");
	enum err err = aes_cmac(key, &message, 1, mac);
	if (err != ERR_NONE)
		return vector_fail(v, "refused: %s", err_name(err));
	return vector_compare(v, "cmac", bytes_first(bytes_of(mac, sizeof(mac)), expected.len), expected);
}

enum verdict check_scp03_kdf(struct vector *v)
{
	struct bytes key, constant, context, expected;
	long long bits = vector_number(v, "length_bits", 0);

	if (!is_confirmed(v))
		return vector_skip(v, "not verified");
	if (!vector_hex(v, "key", &key) || !vector_hex(v, "derivation_constant", &constant) ||
	    constant.len != 1 || !vector_hex(v, "context", &context) || !vector_hex(v, "output", &expected) ||
	    bits <= 0 || bits > UINT16_MAX)
		return vector_fail(v, "a member is missing or out of range");
	uint8_t *output = arena_alloc(v->arena, (size_t)bits / 8 + 1);
	if (output == NULL)
		return vector_fail(v, "no memory");
	struct secret secret;
	if (secret_from(key, &secret) != ERR_NONE)
		return vector_fail(v, "the key is too long");
	const struct key base = key_of(&secret);
	enum err err = scp03_derive(&base, constant.at[0], (uint16_t)bits, context, output);
	if (err != ERR_NONE)
		return vector_fail(v, "refused: %s", err_name(err));
	return vector_compare(v, "output", bytes_of(output, (size_t)bits / 8), expected);
}

/* ---- SCP03 sessions ---- */

static struct bytes secret_of(const struct secret *secret)
{
	return secret_bytes(secret);
}

static enum verdict check_opening(struct vector *v, const struct scp03_opening *opening,
				  const struct session *session)
{
	const struct {
		const char *member;
		struct bytes actual;
	} rows[] = {
		{ "key_diversification_data", opening->diversification },
		{ "kvn", bytes_of(&opening->key_version, 1) },
		{ "scp_id", bytes_of(&opening->protocol, 1) },
		{ "i_param", bytes_of(&opening->i, 1) },
		{ "card_challenge", opening->card_challenge },
		{ "card_cryptogram", bytes_of(session->card_cryptogram, session->mac_size) },
		{ "sequence_counter", opening->sequence_counter },
		{ "s_enc", secret_of(&session->enc) },
		{ "s_mac", secret_of(&session->mac) },
		{ "s_rmac", secret_of(&session->rmac) },
		{ "host_cryptogram", bytes_of(session->host_cryptogram, session->mac_size) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum verdict verdict = compare_member(v, rows[i].member, rows[i].actual);
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

static enum verdict check_pseudo_random(struct vector *v, const struct key *enc,
					const struct scp03_opening *opening)
{
	struct bytes aid;
	uint8_t challenge[SCP03_MAX_CHALLENGE];

	if (!vector_hex(v, "pseudo_random_challenge_aid", &aid))
		return PASSED;
	if (scp03_pseudo_random_challenge(enc, opening->sequence_counter, aid, opening->card_challenge.len,
					  challenge) != ERR_NONE)
		return vector_fail(v, "the pseudo-random challenge cannot be computed");
	return vector_compare(v, "card challenge", bytes_of(challenge, opening->card_challenge.len),
			      opening->card_challenge);
}

struct bytes apdu_of(struct vector *v, const struct command *command)
{
	struct builder b = builder_in(v->arena);
	struct bytes apdu = { 0 };

	build_command(&b, command);
	return builder_bytes(&b, &apdu) == ERR_NONE ? apdu : bytes_of(NULL, 0);
}

bool member_hex(struct vector *v, const json_t *object, const char *member, struct bytes *ret_bytes)
{
	const json_t *value = json_object_get(object, member);

	return json_is_string(value) &&
	       bytes_from_hex(v->arena, json_string_value(value), ret_bytes) == ERR_NONE;
}

static enum verdict check_answer(struct vector *v, const json_t *row, const struct session *session)
{
	struct bytes wrapped, expected, actual;
	struct response response, plain;
	struct fault fault = { 0 };
	struct builder b = builder_in(v->arena);

	if (!member_hex(v, row, "wrapped_rapdu", &wrapped) || !member_hex(v, row, "plain_rapdu", &expected))
		return PASSED;
	if (response_parse(wrapped, &response, &fault) != ERR_NONE ||
	    scp03_unwrap(session, &session->mark, &response, v->arena, &plain, &fault) != ERR_NONE)
		return vector_fail(v, "answer refused: %s", fault.text);
	build_bytes(&b, plain.data);
	build_u16(&b, plain.sw);
	if (builder_bytes(&b, &actual) != ERR_NONE)
		return vector_fail(v, "no memory");
	return vector_compare(v, "plain_rapdu", actual, expected);
}

static enum verdict check_command(struct vector *v, const json_t *row, struct session *session)
{
	struct bytes plain, expected;
	struct command command, wrapped;
	struct fault fault = { 0 };

	if (!member_hex(v, row, "plain_capdu", &plain) || !member_hex(v, row, "wrapped_capdu", &expected))
		return vector_fail(v, "a command is missing");
	if (command_parse(plain, &command, &fault) != ERR_NONE)
		return vector_fail(v, "command refused: %s", fault.text);
	if (scp03_wrap(session, &command, v->arena, &wrapped) != ERR_NONE)
		return vector_fail(v, "command cannot be wrapped");
	const json_t *counter = json_object_get(row, "encryption_counter");
	if (json_is_integer(counter) && json_integer_value(counter) != session->mark.counter)
		return vector_fail(v, "counter is %u", session->mark.counter);
	/* some of the tools that made vectors drop Le on the way, which is under no MAC */
	if (wrapped.has_le && expected.len == command_size(&wrapped) - 1)
		wrapped.has_le = false;
	enum verdict verdict = vector_compare(v, "wrapped_capdu", apdu_of(v, &wrapped), expected);
	return verdict == PASSED ? check_answer(v, row, session) : verdict;
}

static enum verdict check_commands(struct vector *v, struct session *session)
{
	const json_t *rows = json_object_get(v->own, "commands"), *row;
	struct bytes level;
	struct command authenticate;
	size_t i;

	if (!vector_hex(v, "security_level", &level) || level.len != 1 ||
	    scp03_authenticate(session, level.at[0], v->arena, &authenticate) != ERR_NONE)
		return vector_fail(v, "EXTERNAL AUTHENTICATE cannot be built");
	enum verdict verdict = compare_member(v, "ext_auth_capdu", apdu_of(v, &authenticate));
	json_array_foreach (rows, i, row) {
		if (verdict == PASSED)
			verdict = check_command(v, row, session);
	}
	return verdict;
}

enum verdict check_scp03_session(struct vector *v)
{
	struct key enc, mac;
	struct bytes challenge, answer;
	struct scp03_opening opening;
	struct session session;
	struct fault fault = { 0 };

	if (!is_confirmed(v))
		return vector_skip(v, "not verified");
	if (!key_member(v, "key_enc", &enc) || !key_member(v, "key_mac", &mac) ||
	    !vector_hex(v, "host_challenge", &challenge) || !vector_hex(v, "init_update_rapdu", &answer))
		return vector_fail(v, "keys, host_challenge or init_update_rapdu is missing");
	if (answer.len == 31 || answer.len == 34 || answer.len == 47 || answer.len == 50)
		answer = bytes_first(answer, answer.len - 2); /* some have their status word */
	if (scp03_opening_parse(answer, &opening, &fault) != ERR_NONE ||
	    scp03_session_open(&enc, &mac, challenge, &opening, &session, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	enum verdict verdict = check_opening(v, &opening, &session);
	if (verdict == PASSED)
		verdict = check_pseudo_random(v, &enc, &opening);
	return verdict == PASSED ? check_commands(v, &session) : verdict;
}

/* ---- scripts ---- */

static enum verdict check_command_script(struct vector *v, struct bytes encoded)
{
	const json_t *rows = json_object_get(v->own, "c_apdus");
	const size_t count = json_array_size(rows);
	struct bytes *commands = arena_alloc_array(v->arena, count + 1, sizeof(*commands)), script;
	struct fault fault = { 0 };

	if (commands == NULL)
		return vector_fail(v, "no memory");
	for (size_t i = 0; i < count; i++) {
		const char *hex = json_string_value(json_array_get(rows, i));
		if (hex == NULL || bytes_from_hex(v->arena, hex, &commands[i]) != ERR_NONE)
			return vector_fail(v, "c_apdus is not a list of hexadecimal texts");
	}
	const bool is_indefinite = encoded.len > 0 && encoded.at[0] == 0xAE;
	if (script_build(v->arena, commands, count, NULL, 0, is_indefinite, &script, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	return vector_compare(v, "script", script, encoded);
}

static bool is_number(const json_t *decoded, const char *member, bool has, unsigned value)
{
	const json_t *expected = json_object_get(decoded, member);

	if (json_is_string(expected))
		return has && strtoul(json_string_value(expected), NULL, 16) == value;
	return has == json_is_integer(expected) &&
	       (!has || json_integer_value(expected) == (json_int_t)value);
}

static enum verdict check_responses(struct vector *v, const struct script_response *response,
				    const json_t *expected)
{
	if (response->response_count != json_array_size(expected))
		return vector_fail(v, "%zu responses", response->response_count);
	for (size_t i = 0; i < response->response_count; i++) {
		const json_t *row = json_array_get(expected, i);
		const struct response *actual = &response->responses[i];
		struct bytes data, sw;
		if (!member_hex(v, row, "r_apdu_data", &data) || !member_hex(v, row, "sw", &sw) ||
		    sw.len != 2)
			return vector_fail(v, "an expected response has no data or sw");
		enum verdict verdict = vector_compare(v, "r_apdu_data", actual->data, data);
		if (verdict != PASSED)
			return verdict;
		if (actual->sw != (sw.at[0] << 8 | sw.at[1]))
			return vector_fail(v, "sw is %04X", actual->sw);
	}
	return PASSED;
}

static enum verdict check_response_script(struct vector *v, struct bytes encoded)
{
	const json_t *decoded = json_object_get(v->own, "decoded");
	const char *template = json_string_value(json_object_get(decoded, "template"));
	struct script_response response;
	struct fault fault = { 0 };

	if (script_response_parse(encoded, v->arena, &response, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	if (template != NULL && strcmp(template, response.is_indefinite ? "AF" : "AB") != 0)
		return vector_fail(v, "template is not %s", template);
	if (!is_number(decoded, "number_executed", response.has_executed_count, response.executed_count))
		return vector_fail(v, "number_executed differs");
	if (!is_number(decoded, "immediate_action_response", response.has_immediate_action,
		       response.immediate_action) ||
	    !is_number(decoded, "script_chaining_response", response.has_chaining, response.chaining) ||
	    !is_number(decoded, "bad_format", response.has_bad_format, response.bad_format))
		return vector_fail(v, "a refusal differs");
	return check_responses(v, &response, json_object_get(decoded, "responses"));
}

static enum verdict check_compact_script(struct vector *v, struct bytes encoded)
{
	const json_t *decoded = json_object_get(v->own, "decoded");
	struct compact_response response;
	struct bytes data, sw;
	struct fault fault = { 0 };

	if (script_compact_parse(encoded, &response, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	if (!is_number(decoded, "number_executed", true, response.executed_count))
		return vector_fail(v, "number_executed differs");
	if (!member_hex(v, decoded, "r_apdu_data", &data) || !member_hex(v, decoded, "sw", &sw) ||
	    sw.len != 2)
		return vector_fail(v, "the expected response has no data or sw");
	if (response.last.sw != (sw.at[0] << 8 | sw.at[1]))
		return vector_fail(v, "sw is %04X", response.last.sw);
	return vector_compare(v, "r_apdu_data", response.last.data, data);
}

enum verdict check_expanded_script(struct vector *v)
{
	struct bytes encoded;

	if (!is_confirmed(v))
		return vector_skip(v, "not verified");
	if (!vector_hex(v, "encoded", &encoded))
		return vector_fail(v, "encoded is missing");
	if (strcmp(vector_text(v, "format", ""), "compact") == 0)
		return check_compact_script(v, encoded);
	if (strcmp(vector_text(v, "direction", ""), "command") == 0)
		return check_command_script(v, encoded);
	return check_response_script(v, encoded);
}
