/* GPC Amendment D v1.2 (SCP03): 4.1.5 data derivation, 6.2 messages, 7.1 commands */
#include "channel/scp03.h"

#define COUNTER_SIZE       3
#define CLA_GLOBALPLATFORM 0x80
#define BEGIN_RMAC         0x01 /* P2 (tables 7-10 and 7-12) */
#define END_RMAC           0x03

enum err scp03_derive(const struct key *key, uint8_t constant, uint16_t bits, struct bytes context,
		      uint8_t *ret_at)
{
	const size_t size = bits / 8u;
	uint8_t block[AES_BLOCK];
	enum err err = ERR_NONE;

	if (bits % 8 != 0 || size > UINT8_MAX * AES_BLOCK)
		return ERR_UNSUPPORTED;
	for (size_t i = 0; i * AES_BLOCK < size && err == ERR_NONE; i++) {
		/* eleven zeros and the constant are the label, then a separator, L, the round */
		const uint8_t head[] = { 0,
					 0,
					 0,
					 0,
					 0,
					 0,
					 0,
					 0,
					 0,
					 0,
					 0,
					 constant,
					 0,
					 (uint8_t)(bits >> 8),
					 (uint8_t)bits,
					 (uint8_t)(i + 1) };
		const struct bytes parts[] = { bytes_of(head, sizeof(head)), context };
		const size_t left = size - i * AES_BLOCK;
		err = key_cmac(key, parts, 2, block);
		if (err == ERR_NONE)
			memcpy(&ret_at[i * AES_BLOCK], block, left < AES_BLOCK ? left : AES_BLOCK);
	}
	wipe(block, sizeof(block));
	return err;
}

enum err scp03_opening_parse(struct bytes data, struct scp03_opening *ret_opening, struct fault *fault)
{
	/* both sizes exist with and without the counter, and never meet */
	bool is_s16 = data.len >= 45;
	size_t challenge_size = is_s16 ? 16 : 8;
	struct reader r = reader_of(data);
	struct scp03_opening opening = {
		.diversification = read_bytes(&r, SCP03_DIVERSIFICATION),
		.key_version = read_u8(&r),
		.protocol = read_u8(&r),
	};

	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "INITIALIZE UPDATE answered only %zu bytes", data.len);
	if (opening.protocol != 3)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "the card speaks SCP%02X with key version %02X, not SCP03", opening.protocol,
				 opening.key_version);
	opening.i = read_u8(&r);
	opening.card_challenge = read_bytes(&r, challenge_size);
	opening.card_cryptogram = read_bytes(&r, challenge_size);
	if (reader_left(&r) > 0)
		opening.sequence_counter = read_bytes(&r, COUNTER_SIZE);
	if (!reader_done(&r))
		return fault_set(fault, ERR_MALFORMED,
				 "INITIALIZE UPDATE answered %zu bytes; SCP03 has 29, 32, 45 or 48",
				 data.len);
	if ((opening.i & SCP03_I_PSEUDO_RANDOM) != 0 && opening.sequence_counter.len == 0)
		return fault_set(fault, ERR_MALFORMED,
				 "the card announces a pseudo-random challenge (i=%02X) but gives no counter",
				 opening.i);
	*ret_opening = opening;
	return ERR_NONE;
}

static const uint8_t levels[] = {
	0,
	LEVEL_C_MAC,
	LEVEL_C_MAC | LEVEL_C_DEC,
	LEVEL_C_MAC | LEVEL_R_MAC,
	LEVEL_C_MAC | LEVEL_C_DEC | LEVEL_R_MAC,
	LEVEL_C_MAC | LEVEL_C_DEC | LEVEL_R_MAC | LEVEL_R_ENC,
};

bool scp03_level_is_possible(uint8_t level, uint8_t i)
{
	bool exists = false;

	for (size_t n = 0; n < sizeof(levels); n++)
		exists = exists || levels[n] == level;
	if ((level & LEVEL_R_MAC) != 0 && (i & SCP03_I_R_MAC) == 0)
		return false;
	if ((level & LEVEL_R_ENC) != 0 && (i & SCP03_I_R_ENC) == 0)
		return false;
	return exists;
}

uint8_t scp03_highest_level(uint8_t i)
{
	size_t n = sizeof(levels) - 1;

	/* C-MAC with R-MAC ranks below C-DEC with R-MAC, which the same cards can do */
	while (n > 0 && !scp03_level_is_possible(levels[n], i))
		n--;
	return levels[n] == (LEVEL_C_MAC | LEVEL_R_MAC) ? LEVEL_C_MAC | LEVEL_C_DEC : levels[n];
}

enum err scp03_session_derive(const struct key *key_enc, const struct key *key_mac,
			      struct bytes host_challenge, const struct scp03_opening *opening,
			      struct session *ret_session)
{
	uint8_t context_at[2 * SCP03_MAX_CHALLENGE];
	size_t size = opening->card_challenge.len;
	struct session s = { .mac_size = (uint8_t)size };

	if (host_challenge.len != size || (size != 8 && size != 16))
		return ERR_MALFORMED;
	memcpy(context_at, host_challenge.at, size);
	memcpy(context_at + size, opening->card_challenge.at, size);

	const struct bytes context = bytes_of(context_at, 2 * size);
	const uint16_t key_bits = (uint16_t)(key_enc->size * 8), cryptogram_bits = (uint16_t)(size * 8);
	const struct {
		const struct key *key;
		uint8_t constant;
		uint8_t *at;
	} keys[] = {
		{ key_enc, SCP03_S_ENC, s.enc.at },
		{ key_mac, SCP03_S_MAC, s.mac.at },
		{ key_mac, SCP03_S_RMAC, s.rmac.at },
	};

	s.enc.len = s.mac.len = s.rmac.len = key_enc->size;
	enum err err = key_mac->size == key_enc->size ? ERR_NONE : ERR_MALFORMED;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && err == ERR_NONE; i++)
		err = scp03_derive(keys[i].key, keys[i].constant, key_bits, context, keys[i].at);

	struct key mac = key_of(&s.mac);
	if (err == ERR_NONE)
		err = scp03_derive(&mac, SCP03_CARD_CRYPTOGRAM, cryptogram_bits, context, s.card_cryptogram);
	if (err == ERR_NONE)
		err = scp03_derive(&mac, SCP03_HOST_CRYPTOGRAM, cryptogram_bits, context, s.host_cryptogram);
	key_wipe(&mac);
	if (err == ERR_NONE)
		*ret_session = s;
	session_wipe(&s);
	return err;
}

enum err scp03_session_open(const struct key *key_enc, const struct key *key_mac, struct bytes host_challenge,
			    const struct scp03_opening *opening, struct session *ret_session,
			    struct fault *fault)
{
	struct session s;
	enum err err = scp03_session_derive(key_enc, key_mac, host_challenge, opening, &s);

	if (err == ERR_MALFORMED)
		return fault_set(fault, err,
				 "session keys cannot be derived: key and challenge sizes do not fit");
	if (err != ERR_NONE)
		return fault_set(fault, err, "the token cannot derive session keys: %s", err_name(err));
	if (!bytes_equal_constant_time(opening->card_cryptogram, bytes_of(s.card_cryptogram, s.mac_size)))
		err = fault_set(
			fault, ERR_DENIED,
			"the card cryptogram does not verify: key set %02X of the card has other values",
			opening->key_version);
	else
		*ret_session = s;
	session_wipe(&s);
	return err;
}

enum err scp03_pseudo_random_challenge(const struct key *key_enc, struct bytes sequence_counter,
				       struct bytes aid, size_t size, uint8_t *ret_at)
{
	uint8_t context[COUNTER_SIZE + 16];

	if (sequence_counter.len != COUNTER_SIZE || aid.len > 16 || size > SCP03_MAX_CHALLENGE)
		return ERR_MALFORMED;
	memcpy(context, sequence_counter.at, COUNTER_SIZE);
	if (aid.len > 0)
		memcpy(context + COUNTER_SIZE, aid.at, aid.len);
	return scp03_derive(key_enc, SCP03_CARD_CHALLENGE, (uint16_t)(size * 8),
			    bytes_of(context, COUNTER_SIZE + aid.len), ret_at);
}

/* ---- commands ---- */

size_t scp03_wrapped_data_size(uint8_t level, size_t mac_size, size_t data_size)
{
	if ((level & LEVEL_C_DEC) != 0 && data_size > 0)
		data_size += AES_BLOCK - data_size % AES_BLOCK;
	return data_size + ((level & LEVEL_C_MAC) != 0 ? mac_size : 0);
}

size_t scp03_max_data(uint8_t level, size_t mac_size)
{
	size_t size = APDU_MAX_DATA;

	while (scp03_wrapped_data_size(level, mac_size, size) > APDU_MAX_DATA)
		size--;
	return size;
}

static enum err append_mac(struct session *s, struct command *command, struct arena *arena)
{
	size_t size = command->data.len + s->mac_size;
	uint8_t *at = arena_alloc(arena, size);
	uint8_t mac[AES_BLOCK];

	if (at == NULL)
		return ERR_NOMEM;
	const uint8_t head[] = { class_for_mac(command->cla), command->ins, command->p1, command->p2,
				 (uint8_t)size };
	const struct bytes parts[] = { bytes_of(s->mark.chaining, AES_BLOCK), bytes_of(head, sizeof(head)),
				       command->data };
	enum err err = aes_cmac(secret_bytes(&s->mac), parts, 3, mac);
	if (err != ERR_NONE)
		return err;

	if (command->data.len > 0)
		memcpy(at, command->data.at, command->data.len);
	memcpy(at + command->data.len, mac, s->mac_size);
	memcpy(s->mark.chaining, mac, AES_BLOCK);
	command->data = bytes_of(at, size);
	command->cla = class_for_card(command->cla);
	return ERR_NONE;
}

enum err scp03_authenticate(struct session *session, uint8_t level, struct arena *arena,
			    struct command *ret_command)
{
	struct command command = {
		.cla = 0x80,
		.ins = INS_EXTERNAL_AUTHENTICATE,
		.p1 = level,
		.data = bytes_of(session->host_cryptogram, session->mac_size),
	};

	session->mark = (struct session_mark){ 0 };
	enum err err = append_mac(session, &command, arena);
	if (err != ERR_NONE)
		return err;
	session->level = level;
	*ret_command = command;
	return ERR_NONE;
}

/* The counter, encrypted; the first bit tells answers from commands. */
static enum err make_icv(const struct session *s, uint32_t counter, bool is_answer,
			 uint8_t ret_icv[AES_BLOCK])
{
	uint8_t block[AES_BLOCK] = { is_answer ? 0x80 : 0 };

	for (size_t i = 0; i < 4; i++)
		block[AES_BLOCK - 1 - i] = (uint8_t)(counter >> (8 * i));
	return aes_ecb_encrypt(secret_bytes(&s->enc), bytes_of(block, AES_BLOCK), ret_icv);
}

static enum err encrypt_data(const struct session *s, struct bytes *data, struct arena *arena)
{
	struct builder b = builder_in(arena);
	struct bytes padded;
	uint8_t icv[AES_BLOCK];
	enum err err;

	build_padded(&b, *data, AES_BLOCK);
	err = builder_bytes(&b, &padded);
	if (err != ERR_NONE)
		return err;
	err = make_icv(s, s->mark.counter, false, icv);
	if (err != ERR_NONE)
		return err;
	err = aes_cbc_encrypt(secret_bytes(&s->enc), icv, padded, b.at);
	if (err == ERR_NONE)
		*data = padded;
	return err;
}

/* Amd D 7.1.3.3, 7.1.3.7 and 7.1.4: what the answers after this one have on top of the level. */
static uint8_t responses_after(const struct session *s, const struct command *command)
{
	const uint8_t before = s->mark.next_responses;
	const uint8_t needs =
		command->p1 == (LEVEL_R_MAC | LEVEL_R_ENC) ? LEVEL_C_MAC | LEVEL_C_DEC : LEVEL_C_MAC;

	if ((command->cla & CLA_GLOBALPLATFORM) == 0)
		return before;
	if (command->ins == INS_END_RMAC && command->p1 == 0x00 && command->p2 == END_RMAC)
		return 0;
	if (command->ins != INS_BEGIN_RMAC || command->p2 != BEGIN_RMAC || (needs & ~s->level) != 0)
		return before;
	/* a second BEGIN is not defined: the first stays what is asked for */
	if (before != 0 || (command->p1 != LEVEL_R_MAC && command->p1 != (LEVEL_R_MAC | LEVEL_R_ENC)))
		return before;
	return command->p1;
}

enum err scp03_wrap(struct session *session, const struct command *plain, struct arena *arena,
		    struct command *ret_wrapped)
{
	struct command command = *plain;
	struct session next = *session;
	enum err err = ERR_NONE;

	if (scp03_wrapped_data_size(session->level, session->mac_size, plain->data.len) > APDU_MAX_DATA)
		return ERR_LIMIT;
	next.mark.counter++;
	next.mark.responses = session->mark.next_responses;
	next.mark.next_responses = responses_after(session, plain);
	if ((session->level & LEVEL_C_DEC) != 0 && command.data.len > 0)
		err = encrypt_data(&next, &command.data, arena);
	if (err == ERR_NONE && (session->level & LEVEL_C_MAC) != 0)
		err = append_mac(&next, &command, arena);
	if (err == ERR_NONE) {
		session->mark = next.mark;
		*ret_wrapped = command;
	}
	session_wipe(&next);
	return err;
}

/* ---- answers ---- */

static bool answer_is_protected(uint16_t sw)
{
	uint8_t sw1 = (uint8_t)(sw >> 8);

	return sw == SW_OK || sw1 == 0x62 || sw1 == 0x63;
}

/* Cards exist that pad by more than a block. */
static enum err remove_padding(struct bytes *data, struct fault *fault)
{
	size_t len = data->len;

	while (len > 0 && data->at[len - 1] == 0)
		len--;
	if (len == 0 || data->at[len - 1] != 0x80)
		return fault_set(fault, ERR_DENIED, "the padding of an encrypted answer is wrong");
	*data = bytes_first(*data, len - 1);
	return ERR_NONE;
}

static enum err decrypt_data(const struct session *s, const struct session_mark *mark, struct bytes *data,
			     struct arena *arena, struct fault *fault)
{
	uint8_t icv[AES_BLOCK];

	if (data->len % AES_BLOCK != 0)
		return fault_set(fault, ERR_DENIED, "an encrypted answer of %zu bytes is not whole blocks",
				 data->len);
	uint8_t *at = arena_alloc(arena, data->len);
	if (at == NULL)
		return ERR_NOMEM;
	enum err err = make_icv(s, mark->counter, true, icv);
	if (err == ERR_NONE)
		err = aes_cbc_decrypt(secret_bytes(&s->enc), icv, *data, at);
	if (err != ERR_NONE)
		return err;
	*data = bytes_of(at, data->len);
	return remove_padding(data, fault);
}

enum err scp03_unwrap(const struct session *session, const struct session_mark *mark,
		      const struct response *wrapped, struct arena *arena, struct response *ret_plain,
		      struct fault *fault)
{
	const uint8_t level = session->level | mark->responses;
	struct response plain = *wrapped;
	uint8_t mac[AES_BLOCK];

	if ((level & LEVEL_R_MAC) == 0 || !answer_is_protected(wrapped->sw)) {
		*ret_plain = plain;
		return ERR_NONE;
	}
	if (wrapped->data.len < session->mac_size)
		return fault_set(fault, ERR_DENIED, "the answer %04X carries no R-MAC", wrapped->sw);
	plain.data = bytes_first(wrapped->data, wrapped->data.len - session->mac_size);
	const uint8_t sw[] = { (uint8_t)(wrapped->sw >> 8), (uint8_t)wrapped->sw };
	const struct bytes parts[] = { bytes_of(mark->chaining, AES_BLOCK), plain.data,
				       bytes_of(sw, sizeof(sw)) };
	enum err err = aes_cmac(secret_bytes(&session->rmac), parts, 3, mac);
	if (err != ERR_NONE)
		return err;
	if (!bytes_equal_constant_time(bytes_of(mac, session->mac_size),
				       bytes_from(wrapped->data, plain.data.len)))
		return fault_set(fault, ERR_DENIED, "the R-MAC of the answer %04X does not verify",
				 wrapped->sw);
	if ((level & LEVEL_R_ENC) != 0 && plain.data.len > 0)
		err = decrypt_data(session, mark, &plain.data, arena, fault);
	if (err == ERR_NONE)
		*ret_plain = plain;
	return err;
}
