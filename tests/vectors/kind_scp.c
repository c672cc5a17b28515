/* Secure channels besides SCP03: SCP02, SCP11, SCP80. */
#include "kind_se.h"

#include <stdlib.h>
#include <string.h>

#include "channel/scp02.h"
#include "channel/scp03.h"
#include "channel/scp11.h"
#include "channel/scp80.h"

struct member {
	const char *name;
	struct bytes actual;
};

static enum verdict compare_members(struct vector *v, const struct member *members, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum verdict verdict = compare_member(v, members[i].name, members[i].actual);
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

/* ---- SCP02 ---- */

static enum verdict check_scp02_commands(struct vector *v, struct session *session)
{
	const json_t *rows = json_object_get(v->own, "commands"), *row;
	struct fault fault = { 0 };
	size_t i;

	json_array_foreach (rows, i, row) {
		struct bytes plain, expected;
		struct command command, wrapped;
		if (!member_hex(v, row, "plain_capdu", &plain) ||
		    !member_hex(v, row, "wrapped_capdu", &expected))
			return vector_fail(v, "a command is missing");
		if (command_parse(plain, &command, &fault) != ERR_NONE)
			return vector_fail(v, "command %zu refused: %s", i, fault.text);
		if (scp02_wrap(session, &command, v->arena, &wrapped) != ERR_NONE)
			return vector_fail(v, "command %zu cannot be wrapped", i);
		enum verdict verdict = vector_compare(v, "wrapped_capdu", apdu_of(v, &wrapped), expected);
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

static enum verdict check_scp02_opening(struct vector *v, const struct scp02_opening *opening,
					const struct session *session)
{
	const uint8_t counter[] = { (uint8_t)(opening->sequence_counter >> 8),
				    (uint8_t)opening->sequence_counter };
	const struct member members[] = {
		{ "kvn", bytes_of(&opening->key_version, 1) },
		{ "scp_id", bytes_of(&opening->protocol, 1) },
		{ "sequence_counter", bytes_of(counter, 2) },
		{ "card_challenge", opening->card_challenge },
		{ "card_cryptogram", bytes_of(session->card_cryptogram, 8) },
		{ "host_cryptogram", bytes_of(session->host_cryptogram, 8) },
		{ "session_cmac", secret_bytes(&session->mac) },
		{ "session_rmac", secret_bytes(&session->rmac) },
		{ "session_enc", secret_bytes(&session->enc) },
		{ "session_dek", secret_bytes(&session->dek.secret) },
	};

	return compare_members(v, members, sizeof(members) / sizeof(members[0]));
}

enum verdict check_scp02_session(struct vector *v)
{
	struct key_set keys;
	struct bytes update, answer, level;
	struct command command, authenticate;
	struct scp02_opening opening;
	struct session session;
	struct fault fault = { 0 };

	if (!is_confirmed(v))
		return vector_skip(v, "not verified");
	if (!key_member(v, "key_enc", &keys.enc) || !key_member(v, "key_mac", &keys.mac) ||
	    !key_member(v, "key_dek", &keys.dek) || !vector_hex(v, "init_update_capdu", &update) ||
	    !vector_hex(v, "init_update_rapdu", &answer) || !vector_hex(v, "security_level", &level) ||
	    level.len != 1)
		return vector_fail(v, "keys, level or INITIALIZE UPDATE are missing");
	if (answer.len == 30)
		answer = bytes_first(answer, 28); /* with its status word */
	if (command_parse(update, &command, &fault) != ERR_NONE ||
	    scp02_opening_parse(answer, &opening, &fault) != ERR_NONE ||
	    scp02_session_open(&keys, command.data, &opening, &session, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	enum verdict verdict = check_scp02_opening(v, &opening, &session);
	if (verdict != PASSED)
		return verdict;
	if (scp02_authenticate(&session, level.at[0], v->arena, &authenticate) != ERR_NONE)
		return vector_fail(v, "EXTERNAL AUTHENTICATE cannot be built");
	verdict = compare_member(v, "ext_auth_capdu", apdu_of(v, &authenticate));
	return verdict == PASSED ? check_scp02_commands(v, &session) : verdict;
}

/* ---- SCP11 ---- */

static enum verdict check_scp11_keys(struct vector *v, const struct scp11_agreement *agreement)
{
	const size_t size = ec_size(agreement->curve);
	struct scp11_keys keys;
	struct fault fault = { 0 };

	if (scp11_derive(agreement, &keys, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	const struct member members[] = {
		{ "sh_ee", bytes_of(keys.shared, size) },
		{ agreement->variant == SCP11B ? "sh_es" : "sh_ss", bytes_of(&keys.shared[size], size) },
		{ "key_receipt", secret_bytes(&keys.receipt) },
		{ "s_enc", secret_bytes(&keys.enc) },
		{ "s_mac", secret_bytes(&keys.mac) },
		{ "s_rmac", secret_bytes(&keys.rmac) },
		{ "dek", secret_bytes(&keys.dek) },
		{ "receipt", agreement->answer.receipt },
	};
	return compare_members(v, members, sizeof(members) / sizeof(members[0]));
}

/* That the command is what we would send. */
static enum verdict check_scp11_command(struct vector *v, const struct scp11_agreement *agreement,
					const struct command *command, uint8_t key_size, uint8_t level)
{
	struct scp11_order order = {
		.variant = agreement->variant,
		.key_version = command->p1,
		.key_id = command->p2,
		.key_usage = scp11_key_usage(agreement->variant, level),
		.key_size = key_size,
	};
	struct ec_point public;
	struct command built;

	if (ec_public_of(agreement->curve, agreement->ephemeral_private, &public) != ERR_NONE)
		return vector_fail(v, "the ephemeral key is none");
	order.ephemeral_public = ec_point_bytes(&public);
	if (scp11_authenticate(v->arena, &order, &built) != ERR_NONE)
		return vector_fail(v, "the authentication cannot be built");
	return compare_member(v, "mutual_auth_capdu", apdu_of(v, &built));
}

static enum verdict check_scp11_messages(struct vector *v, struct session *session)
{
	struct bytes plain, expected, answer, data;
	struct command command, wrapped;
	struct response response, opened;
	struct fault fault = { 0 };

	if (!vector_hex(v, "plain_capdu", &plain) || !vector_hex(v, "wrapped_capdu", &expected))
		return PASSED;
	if (command_parse(plain, &command, &fault) != ERR_NONE ||
	    scp03_wrap(session, &command, v->arena, &wrapped) != ERR_NONE)
		return vector_fail(v, "the command cannot be wrapped: %s", fault.text);
	if (wrapped.has_le && expected.len == command_size(&wrapped) - 1)
		wrapped.has_le = false;
	enum verdict verdict = vector_compare(v, "wrapped_capdu", apdu_of(v, &wrapped), expected);
	if (verdict != PASSED || !vector_hex(v, "wrapped_rapdu", &answer) ||
	    !vector_hex(v, "plain_rapdu_data", &data))
		return verdict;
	if (response_parse(answer, &response, &fault) != ERR_NONE ||
	    scp03_unwrap(session, &session->mark, &response, v->arena, &opened, &fault) != ERR_NONE)
		return vector_fail(v, "answer refused: %s", fault.text);
	return vector_compare(v, "plain_rapdu_data", opened.data, data);
}

enum verdict check_scp11_session(struct vector *v)
{
	struct scp11_agreement agreement = { .is_s16 = vector_number(v, "s_mode", 8) == 16 };
	struct bytes apdu, answer, level;
	struct command command;
	struct response response;
	struct session session;
	struct fault fault = { 0 };

	if (!is_confirmed(v))
		return vector_skip(v, "not verified");
	if (scp11_variant_find(vector_text(v, "variant", ""), &agreement.variant) != ERR_NONE ||
	    ec_curve_find(vector_text(v, "curve", ""), &agreement.curve) != ERR_NONE)
		return vector_fail(v, "variant or curve is unknown");
	if (!vector_hex(v, "esk_oce_ecka", &agreement.ephemeral_private) ||
	    !vector_hex(v, "pk_sd_ecka", &agreement.card_public) ||
	    !vector_hex(v, "mutual_auth_capdu", &apdu) || !vector_hex(v, "mutual_auth_rapdu", &answer) ||
	    !vector_hex(v, "security_level", &level) || level.len != 1)
		return vector_fail(v, "a key, the level or the authentication is missing");
	if (agreement.variant != SCP11B && !vector_hex(v, "sk_oce_ecka", &agreement.own_private))
		return vector_fail(v, "sk_oce_ecka is missing");
	if (command_parse(apdu, &command, &fault) != ERR_NONE ||
	    response_parse(answer, &response, &fault) != ERR_NONE ||
	    scp11_answer_parse(response.data, &agreement.answer, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	agreement.command_data = command.data;
	enum verdict verdict = check_scp11_keys(v, &agreement);
	if (verdict != PASSED)
		return verdict;
	if (scp11_session_open(&agreement, &session, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	if (session.level != level.at[0])
		return vector_fail(v, "the level is %02X", session.level);
	verdict = check_scp11_command(v, &agreement, &command, (uint8_t)session.enc.len, session.level);
	return verdict == PASSED ? check_scp11_messages(v, &session) : verdict;
}

/* ---- SCP80 ---- */

static bool read_number(struct vector *v, const char *member, size_t size, uint64_t *ret_number)
{
	struct bytes bytes;

	if (!vector_hex(v, member, &bytes) || bytes.len != size)
		return false;
	struct reader r = reader_of(bytes);
	*ret_number = read_uint(&r, size);
	return true;
}

static enum verdict check_scp80_command(struct vector *v, const struct scp80_channel *channel)
{
	struct bytes data, packet;
	uint64_t counter;
	struct fault fault = { 0 };

	if (!vector_hex(v, "secured_data", &data))
		return PASSED;
	if (!read_number(v, "cntr", 5, &counter))
		return vector_fail(v, "cntr is missing");
	if (scp80_command_build(v->arena, channel, counter, data, &packet, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	/* where the tool that made the vector left the length out, the whole packet stands beside */
	const bool has_whole = json_object_get(v->own, "command_packet_with_cpl") != NULL;
	return compare_member(v, has_whole ? "command_packet_with_cpl" : "command_packet", packet);
}

static enum verdict check_scp80_receipt(struct vector *v, const struct scp80_channel *channel)
{
	const json_t *fields = json_object_get(v->own, "response_fields");
	struct scp80_receipt receipt;
	struct bytes packet, expected;
	struct fault fault = { 0 };

	if (!vector_hex(v, "response_packet_with_udh", &packet))
		return PASSED;
	if (scp80_receipt_parse(packet, channel, v->arena, &receipt, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	struct builder length = builder_in(v->arena), counter = builder_in(v->arena);
	build_u16(&length, receipt.length);
	build_uint(&counter, receipt.counter, 5);
	if (length.bad || counter.bad)
		return vector_fail(v, "no memory");
	const struct member members[] = {
		{ "rpl", bytes_of(length.at, length.len) },
		{ "rhl", bytes_of(&receipt.header_length, 1) },
		{ "tar", receipt.tar },
		{ "cntr", bytes_of(counter.at, counter.len) },
		{ "pcntr", bytes_of(&receipt.padding, 1) },
		{ "status", bytes_of(&receipt.status, 1) },
		{ "cc", receipt.checksum },
		{ "secured_data", receipt.data },
	};
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (!member_hex(v, fields, members[i].name, &expected))
			continue;
		enum verdict verdict = vector_compare(v, members[i].name, members[i].actual, expected);
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

enum verdict check_scp80_packet(struct vector *v)
{
	struct scp80_channel channel = { 0 };
	struct bytes tar;
	uint64_t spi, kic, kid;

	if (!is_confirmed(v))
		return vector_skip(v, "not verified");
	if (!secret_member(v, "kic", &channel.cipher_key) || !secret_member(v, "kid", &channel.mac_key) ||
	    !read_number(v, "spi", 2, &spi) || !read_number(v, "kic_byte", 1, &kic) ||
	    !read_number(v, "kid_byte", 1, &kid) || !vector_hex(v, "tar", &tar) || tar.len != SCP80_TAR_SIZE)
		return vector_fail(v, "keys, SPI, KIc, KID or TAR are missing");
	channel.spi = (uint16_t)spi;
	channel.kic = (uint8_t)kic;
	channel.kid = (uint8_t)kid;
	memcpy(channel.tar, tar.at, tar.len);
	enum verdict verdict = check_scp80_command(v, &channel);
	return verdict == PASSED ? check_scp80_receipt(v, &channel) : verdict;
}
