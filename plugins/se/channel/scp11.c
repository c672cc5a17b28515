/* GPC Amendment F v1.4: 3.1 key agreement and derivation, 7.1 parameters, 7.6 MUTUAL AUTHENTICATE,
 * 7.7 INTERNAL AUTHENTICATE */
#include "channel/scp11.h"

#include <strings.h>

#include <cardea/tlv.h>

enum {
	TAG_CRT = 0xA6,
	TAG_PROTOCOL = 0x90,
	TAG_KEY_USAGE = 0x95,
	TAG_KEY_TYPE = 0x80,
	TAG_KEY_LENGTH = 0x81,
	TAG_HOST_ID = 0x84,
	TAG_PUBLIC_KEY = 0x5F49,
	TAG_RECEIPT = 0x86,
};

#define PROTOCOL     0x11
#define WITH_IDS     0x04 /* of the SCP parameters: b3 */
#define KEY_TYPE_AES 0x88
#define KEY_COUNT    5

/* clang-format off */
static const struct variant_row {
	const char *name;
	uint8_t parameter, key_id, i_bit, ins;
} variant_rows[SCP11_VARIANT_COUNT] = {
	[SCP11A] = { "11a", 0x01, 0x11, SCP11_I_A, INS_EXTERNAL_AUTHENTICATE },
	[SCP11B] = { "11b", 0x00, 0x13, SCP11_I_B, INS_INTERNAL_AUTHENTICATE },
	[SCP11C] = { "11c", 0x03, 0x15, SCP11_I_C, INS_EXTERNAL_AUTHENTICATE },
};

static const struct usage_row {
	uint8_t usage, level;
	bool is_of_11c_only;
} usage_rows[] = {
	{ 0x3C, LEVEL_C_MAC | LEVEL_C_DEC | LEVEL_R_MAC | LEVEL_R_ENC, false },
	{ 0x34, LEVEL_C_MAC | LEVEL_R_MAC,                             false },
	{ 0x74, LEVEL_C_MAC | LEVEL_C_DEC | LEVEL_R_MAC,               true  },
	{ 0x1C, LEVEL_C_MAC | LEVEL_C_DEC,                             true  },
};
/* clang-format on */

const char *scp11_variant_name(enum scp11_variant variant)
{
	return variant_rows[variant].name;
}

enum err scp11_variant_find(const char *name, enum scp11_variant *ret_variant)
{
	for (unsigned i = 0; i < SCP11_VARIANT_COUNT; i++) {
		if (strcasecmp(name, variant_rows[i].name) == 0) {
			*ret_variant = (enum scp11_variant)i;
			return ERR_NONE;
		}
	}
	return ERR_NOT_FOUND;
}

uint8_t scp11_key_id(enum scp11_variant variant)
{
	return variant_rows[variant].key_id;
}

uint8_t scp11_variant_bit(enum scp11_variant variant)
{
	return variant_rows[variant].i_bit;
}

uint8_t scp11_key_usage(enum scp11_variant variant, uint8_t level)
{
	for (size_t i = 0; i < sizeof(usage_rows) / sizeof(usage_rows[0]); i++) {
		if (usage_rows[i].level == level && (!usage_rows[i].is_of_11c_only || variant == SCP11C))
			return usage_rows[i].usage;
	}
	return 0;
}

uint8_t scp11_level_of(uint8_t key_usage)
{
	for (size_t i = 0; i < sizeof(usage_rows) / sizeof(usage_rows[0]); i++) {
		if (usage_rows[i].usage == key_usage)
			return usage_rows[i].level;
	}
	return 0;
}

/* ---- messages ---- */

enum err scp11_authenticate(struct arena *arena, const struct scp11_order *order, struct command *ret_command)
{
	const struct variant_row *row = &variant_rows[order->variant];
	const uint8_t parameter = row->parameter | (order->host_id.len > 0 ? WITH_IDS : 0);
	struct builder b = builder_in(arena);
	size_t crt = build_open(&b, TAG_CRT);
	struct command command = {
		.cla = 0x80, .ins = row->ins, .p1 = order->key_version, .p2 = order->key_id, .has_le = true
	};

	build_tlv(&b, TAG_PROTOCOL, bytes_of((const uint8_t[]){ PROTOCOL, parameter }, 2));
	build_tlv_u8(&b, TAG_KEY_USAGE, order->key_usage);
	build_tlv_u8(&b, TAG_KEY_TYPE, KEY_TYPE_AES);
	build_tlv_u8(&b, TAG_KEY_LENGTH, order->key_size);
	if (order->host_id.len > 0)
		build_tlv(&b, TAG_HOST_ID, order->host_id);
	build_close(&b, crt);
	build_tlv(&b, TAG_PUBLIC_KEY, order->ephemeral_public);
	enum err err = builder_bytes(&b, &command.data);
	if (err == ERR_NONE)
		*ret_command = command;
	return err;
}

enum err scp11_answer_parse(struct bytes data, struct scp11_answer *ret_answer, struct fault *fault)
{
	struct reader r = reader_of(data);
	struct scp11_answer answer;
	uint32_t tag;

	if (!read_tlv(&r, &tag, &answer.point) || tag != TAG_PUBLIC_KEY)
		return fault_set(fault, ERR_MALFORMED,
				 "the answer to the key agreement has no public key (5F49)");
	answer.point_element = bytes_first(data, data.len - reader_left(&r));
	if (!read_tlv(&r, &tag, &answer.receipt) || tag != TAG_RECEIPT ||
	    answer.receipt.len != SCP11_RECEIPT_SIZE || !reader_done(&r))
		return fault_set(
			fault, ERR_MALFORMED,
			"the answer to the key agreement has no receipt (86) of 16 bytes at its end");
	*ret_answer = answer;
	return ERR_NONE;
}

/* ---- agreement ---- */

/* Usage, type and length of the keys, as the command has them. */
static enum err read_key_order(struct bytes command_data, uint8_t ret_info[3])
{
	static const uint32_t tags[] = { TAG_KEY_USAGE, TAG_KEY_TYPE, TAG_KEY_LENGTH };
	struct bytes crt, value;
	enum err err = tlv_find(command_data, TAG_CRT, &crt);

	for (size_t i = 0; i < 3 && err == ERR_NONE; i++) {
		err = tlv_find(crt, tags[i], &value);
		if (err == ERR_NONE && value.len != 1)
			err = ERR_MALFORMED;
		if (err == ERR_NONE)
			ret_info[i] = value.at[0];
	}
	return err;
}

static enum err cut_keys(const uint8_t *material, size_t key_size, struct scp11_keys *keys)
{
	struct secret *const all[KEY_COUNT] = { &keys->receipt, &keys->enc, &keys->mac, &keys->rmac,
						&keys->dek };
	enum err err = ERR_NONE;

	for (size_t i = 0; i < KEY_COUNT && err == ERR_NONE; i++)
		err = secret_from(bytes_of(&material[i * key_size], key_size), all[i]);
	return err;
}

enum err scp11_derive(const struct scp11_agreement *agreement, struct scp11_keys *ret_keys,
		      struct fault *fault)
{
	const enum ec_curve curve = agreement->curve;
	const size_t size = ec_size(curve);
	const struct bytes with_static =
		agreement->variant == SCP11B ? agreement->ephemeral_private : agreement->own_private;
	const struct bytes names = agreement->identities;
	uint8_t material[KEY_COUNT * 32], info[3 + SCP11_MAX_IDENTITIES];
	struct scp11_keys keys;
	enum err err =
		names.len <= SCP11_MAX_IDENTITIES ? read_key_order(agreement->command_data, info) : ERR_LIMIT;

	if (err != ERR_NONE || (info[2] != 16 && info[2] != 24 && info[2] != 32))
		return fault_set(fault, ERR_MALFORMED, "the key agreement asks for no keys that there are");
	if (agreement->variant == SCP11C && !bytes_equal(agreement->answer.point, agreement->card_public))
		return fault_set(fault, ERR_DENIED,
				 "the card answers with another key than its certificate's");
	if (names.len > 0)
		memcpy(&info[3], names.at, names.len);
	err = ec_agree(curve, agreement->ephemeral_private, agreement->answer.point, keys.shared);
	if (err == ERR_NONE)
		err = ec_agree(curve, with_static, agreement->card_public, &keys.shared[size]);
	if (err == ERR_NONE)
		err = kdf_x963(DIGEST_SHA256, bytes_of(keys.shared, 2 * size), bytes_of(info, 3 + names.len),
			       material, KEY_COUNT * (size_t)info[2]);
	if (err == ERR_NONE)
		err = cut_keys(material, info[2], &keys);
	if (err == ERR_NONE)
		*ret_keys = keys;
	else
		fault_set(fault, err, "no key can be agreed on: a public key is no point of %s",
			  ec_curve_name(curve));
	wipe(material, sizeof(material));
	wipe(&keys, sizeof(keys));
	return err;
}

/* What both sides have after the agreement, and the receipt that the card must give. */
static enum err make_session(const struct scp11_agreement *agreement, struct session *ret_session,
			     uint8_t ret_receipt[AES_BLOCK], struct fault *fault)
{
	const struct bytes parts[] = { agreement->command_data, agreement->answer.point_element };
	struct scp11_keys keys;
	uint8_t info[3];
	enum err err = scp11_derive(agreement, &keys, fault);

	if (err != ERR_NONE)
		return err;
	err = read_key_order(agreement->command_data, info);
	if (err == ERR_NONE)
		err = aes_cmac(secret_bytes(&keys.receipt), parts, 2, ret_receipt);
	if (err == ERR_NONE) {
		*ret_session = (struct session){
			.enc = keys.enc,
			.mac = keys.mac,
			.rmac = keys.rmac,
			.dek = key_of(&keys.dek),
			.level = scp11_level_of(info[0]),
			.mac_size = agreement->is_s16 ? 16 : 8,
		};
		memcpy(ret_session->mark.chaining, ret_receipt, AES_BLOCK);
	}
	wipe(&keys, sizeof(keys));
	return err;
}

enum err scp11_session_open(const struct scp11_agreement *agreement, struct session *ret_session,
			    struct fault *fault)
{
	struct session session;
	uint8_t receipt[AES_BLOCK];
	enum err err = make_session(agreement, &session, receipt, fault);

	if (err != ERR_NONE)
		return err;
	if (!bytes_equal_constant_time(bytes_of(receipt, sizeof(receipt)), agreement->answer.receipt))
		err = fault_set(
			fault, ERR_DENIED,
			"the receipt of the card does not verify: it has not the key of its certificate");
	else
		*ret_session = session;
	session_wipe(&session);
	return err;
}

enum err scp11_session_expect(struct arena *arena, const struct scp11_agreement *agreement,
			      struct session *ret_session, struct fault *fault)
{
	struct scp11_agreement expected = *agreement;
	struct builder b = builder_in(arena);
	uint8_t receipt[AES_BLOCK];

	if (agreement->variant != SCP11C)
		return ERR_UNSUPPORTED;
	build_tlv(&b, TAG_PUBLIC_KEY, agreement->card_public);
	enum err err = builder_bytes(&b, &expected.answer.point_element);
	if (err != ERR_NONE)
		return err;
	expected.answer.point = agreement->card_public;
	return make_session(&expected, ret_session, receipt, fault);
}
