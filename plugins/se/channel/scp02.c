/* GPCS 2.3.1 appendix E: E.4.1 session keys, E.4.2 cryptograms, E.4.4 C-MAC, E.4.6 encryption, E.5 commands
 */
#include "channel/scp02.h"

#include "gp/gp_commands.h"

#define PROTOCOL 2
#define MAC_SIZE DES_BLOCK

static const uint8_t zero_icv[DES_BLOCK];

bool scp02_option_is_spoken(uint8_t i)
{
	const uint8_t implicit = SCP02_I_UNMODIFIED | SCP02_I_ICV_OVER_AID;

	if (!scp02_option_is_implicit(i))
		return (i & SCP02_I_ICV_OVER_AID) == 0;
	return (i & implicit) == implicit && (i & SCP02_I_PSEUDO_RANDOM) == 0;
}

bool scp02_option_is_implicit(uint8_t i)
{
	return (i & SCP02_I_EXPLICIT) == 0;
}

enum err scp02_opening_parse(struct bytes data, struct scp02_opening *ret_opening, struct fault *fault)
{
	struct reader r = reader_of(data);
	struct scp02_opening opening = {
		.diversification = read_bytes(&r, 10),
		.key_version = read_u8(&r),
		.protocol = read_u8(&r),
		.i = SCP02_I_USUAL,
	};

	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "INITIALIZE UPDATE answered only %zu bytes", data.len);
	if (opening.protocol != PROTOCOL)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "the card speaks SCP%02X with key version %02X, not SCP02", opening.protocol,
				 opening.key_version);
	opening.sequence_counter = read_u16(&r);
	opening.card_challenge = read_bytes(&r, SCP02_CHALLENGE_SIZE);
	opening.card_cryptogram = read_bytes(&r, DES_BLOCK);
	if (!reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "INITIALIZE UPDATE answered %zu bytes; SCP02 has 28",
				 data.len);
	*ret_opening = opening;
	return ERR_NONE;
}

/* ---- opening ---- */

enum err scp02_session_key(const struct key *base, enum scp02_constant constant, uint16_t sequence,
			   struct secret *ret_key)
{
	static const uint8_t icv[DES_BLOCK] = { 0 };
	const uint8_t derivation[2 * DES_BLOCK] = { (uint8_t)(constant >> 8), (uint8_t)constant,
						    (uint8_t)(sequence >> 8), (uint8_t)sequence };
	struct secret key = { .len = 2 * DES_BLOCK };
	enum err err =
		key_encrypt(base, CIPHER_DES3_CBC, icv, bytes_of(derivation, sizeof(derivation)), key.at);

	if (err == ERR_NONE)
		*ret_key = key;
	secret_wipe(&key);
	return err;
}
/* The last block of triple DES in CBC over two challenges and the counter between them, padded. */
static enum err make_cryptogram(const struct secret *enc, struct bytes first, struct bytes second,
				struct bytes third, uint8_t ret_at[DES_BLOCK])
{
	uint8_t block[3 * DES_BLOCK] = { 0 };
	size_t len = 0;
	const struct bytes parts[] = { first, second, third };

	for (size_t i = 0; i < 3; i++) {
		memcpy(&block[len], parts[i].at, parts[i].len);
		len += parts[i].len;
	}
	block[len] = 0x80;
	enum err err = des3_cbc_encrypt(secret_bytes(enc), zero_icv, bytes_of(block, sizeof(block)), block);
	if (err == ERR_NONE)
		memcpy(ret_at, &block[2 * DES_BLOCK], DES_BLOCK);
	return err;
}

static enum err derive_keys(const struct key_set *keys, uint8_t i_option, uint16_t counter, struct session *s)
{
	const bool has_three_keys = (i_option & SCP02_I_THREE_KEYS) != 0; /* else one base key for all */
	/* E.1.2.2: of an implicit session, which the card counts before it makes the keys that come later */
	const uint16_t later = scp02_option_is_implicit(i_option) ? (uint16_t)(counter + 1) : counter;
	struct secret dek = { .len = 0 };
	const struct {
		const struct key *base;
		enum scp02_constant constant;
		uint16_t counter;
		struct secret *key;
	} rows[] = {
		{ &keys->enc, SCP02_ENC, counter, &s->enc },
		{ has_three_keys ? &keys->mac : &keys->enc, SCP02_C_MAC, counter, &s->mac },
		{ has_three_keys ? &keys->mac : &keys->enc, SCP02_R_MAC, later, &s->rmac },
		{ has_three_keys ? &keys->dek : &keys->enc, SCP02_DEK, later, &dek },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum err err = ERR_MALFORMED;
		if (rows[i].base->size == 2 * DES_BLOCK)
			err = scp02_session_key(rows[i].base, rows[i].constant, rows[i].counter, rows[i].key);
		if (err != ERR_NONE)
			return err;
	}
	s->option = i_option;
	s->dek = key_of(&dek);
	secret_wipe(&dek);
	return ERR_NONE;
}

static enum err derive_session(const struct key_set *keys, struct bytes host_challenge,
			       const struct scp02_opening *opening, struct session *s)
{
	const uint8_t counter_at[] = { (uint8_t)(opening->sequence_counter >> 8),
				       (uint8_t)opening->sequence_counter };
	const struct bytes counter = bytes_of(counter_at, sizeof(counter_at));
	enum err err = derive_keys(keys, opening->i, opening->sequence_counter, s);

	if (err == ERR_NONE)
		err = make_cryptogram(&s->enc, host_challenge, counter, opening->card_challenge,
				      s->card_cryptogram);
	if (err == ERR_NONE)
		err = make_cryptogram(&s->enc, counter, opening->card_challenge, host_challenge,
				      s->host_cryptogram);
	return err;
}

enum err scp02_session_open(const struct key_set *keys, struct bytes host_challenge,
			    const struct scp02_opening *opening, struct session *ret_session,
			    struct fault *fault)
{
	struct session s = { .mac_size = MAC_SIZE };
	enum err err = host_challenge.len == DES_BLOCK ? derive_session(keys, host_challenge, opening, &s)
						       : ERR_MALFORMED;

	if (err != ERR_NONE && err != ERR_MALFORMED)
		err = fault_set(fault, err, "the token cannot derive session keys: %s", err_name(err));
	else if (err != ERR_NONE)
		err = fault_set(fault, err, "SCP02 takes keys of 16 bytes and a challenge of 8");
	else if (!bytes_equal_constant_time(opening->card_cryptogram, bytes_of(s.card_cryptogram, MAC_SIZE)))
		err = fault_set(
			fault, ERR_DENIED,
			"the card cryptogram does not verify: key set %02X of the card has other values",
			opening->key_version);
	else
		*ret_session = s;
	session_wipe(&s);
	return err;
}

static enum err mac_padded(const struct session *s, const uint8_t icv[DES_BLOCK], struct bytes data,
			   struct arena *arena, uint8_t ret_mac[DES_BLOCK])
{
	struct builder b = builder_in(arena);
	struct bytes padded;

	build_padded(&b, data, DES_BLOCK);
	enum err err = builder_bytes(&b, &padded);
	return err == ERR_NONE ? des_retail_mac(secret_bytes(&s->mac), icv, padded, ret_mac) : err;
}

/* What stands for the application that is selected (GPCS E.3.1, E.3.3). */
static enum err mac_of_aid(const struct session *session, struct bytes aid, uint8_t ret_mac[DES_BLOCK])
{
	uint8_t padded[3 * DES_BLOCK] = { 0 };

	if (aid.len > 16)
		return ERR_MALFORMED;
	memcpy(padded, aid.at, aid.len);
	padded[aid.len] = 0x80;
	return des_retail_mac(secret_bytes(&session->mac), zero_icv,
			      bytes_of(padded, (aid.len / DES_BLOCK + 1) * DES_BLOCK), ret_mac);
}

enum err scp02_session_begin(const struct key_set *keys, uint8_t i, uint16_t counter, struct bytes aid,
			     struct session *ret_session, struct fault *fault)
{
	struct session s = { .mac_size = MAC_SIZE };
	enum err err = derive_keys(keys, i, counter, &s);

	if (err == ERR_NONE)
		err = mac_of_aid(&s, aid, s.mark.chaining);
	if (err == ERR_MALFORMED)
		err = fault_set(fault, err, "SCP02 takes keys of 16 bytes and an AID of at most 16");
	else if (err != ERR_NONE)
		err = fault_set(fault, err, "the token cannot derive session keys: %s", err_name(err));
	else
		*ret_session = s;
	session_wipe(&s);
	return err;
}

enum err scp02_pseudo_random_challenge(const struct session *session, struct bytes aid,
				       uint8_t ret_at[SCP02_CHALLENGE_SIZE])
{
	uint8_t mac[DES_BLOCK];
	enum err err = mac_of_aid(session, aid, mac);

	if (err == ERR_NONE)
		memcpy(ret_at, mac, SCP02_CHALLENGE_SIZE);
	return err;
}

enum err scp02_opening_expect(const struct key_set *keys, uint8_t i, struct bytes host_challenge,
			      uint16_t counter, struct bytes aid, uint8_t ret_challenge[SCP02_CHALLENGE_SIZE],
			      uint8_t ret_cryptogram[DES_BLOCK])
{
	uint8_t challenge[SCP02_CHALLENGE_SIZE] = { 0 };
	const struct scp02_opening opening = { .i = i,
					       .sequence_counter = counter,
					       .card_challenge = bytes_of(challenge, sizeof(challenge)) };
	struct session s = { .mac_size = MAC_SIZE };
	/* first the keys, which need the counter only; then the cryptogram, which needs the challenge */
	enum err err = host_challenge.len == DES_BLOCK ? derive_session(keys, host_challenge, &opening, &s)
						       : ERR_MALFORMED;

	if (err == ERR_NONE)
		err = scp02_pseudo_random_challenge(&s, aid, challenge);
	if (err == ERR_NONE)
		err = derive_session(keys, host_challenge, &opening, &s);
	if (err == ERR_NONE) {
		memcpy(ret_challenge, challenge, sizeof(challenge));
		memcpy(ret_cryptogram, s.card_cryptogram, DES_BLOCK);
	}
	session_wipe(&s);
	return err;
}

bool scp02_level_is_possible(uint8_t level, uint8_t i)
{
	const uint8_t of_commands = level & (uint8_t)~LEVEL_R_MAC;

	if (scp02_option_is_implicit(i))
		return level == LEVEL_C_MAC;
	if ((level & LEVEL_R_MAC) != 0 && (i & SCP02_I_R_MAC) == 0)
		return false;
	return of_commands == 0 || of_commands == LEVEL_C_MAC || of_commands == (LEVEL_C_MAC | LEVEL_C_DEC);
}

uint8_t scp02_highest_level(uint8_t i)
{
	if (scp02_option_is_implicit(i))
		return LEVEL_C_MAC;
	return LEVEL_C_MAC | LEVEL_C_DEC | ((i & SCP02_I_R_MAC) != 0 ? LEVEL_R_MAC : 0);
}

/* ---- commands ---- */

/* The MAC before, with option 10 under the first half of the MAC key. The first is what the chain begins
 * with, as it is: of EXTERNAL AUTHENTICATE zero. */
static enum err make_icv(const struct session *s, bool is_first, uint8_t ret_icv[DES_BLOCK])
{
	if (is_first || (s->option & SCP02_I_ICV_ENCRYPTION) == 0) {
		memcpy(ret_icv, s->mark.chaining, DES_BLOCK);
		return ERR_NONE;
	}
	return des_ecb_encrypt(bytes_first(secret_bytes(&s->mac), DES_BLOCK),
			       bytes_of(s->mark.chaining, DES_BLOCK), ret_icv);
}

/* Without secure messaging and without a channel. */
static uint8_t class_of_plain(uint8_t cla)
{
	return cla & 0x80;
}

/* The MAC over the plain data, with the class and length that the MACed command has, or with option 02 had
 * before. */
static enum err make_mac(struct session *s, const struct command *command, bool is_first, struct arena *arena)
{
	struct builder b = builder_in(arena);
	const bool is_modified = (s->option & SCP02_I_UNMODIFIED) == 0;
	uint8_t icv[DES_BLOCK];
	struct bytes input;

	build_u8(&b, is_modified ? class_for_mac(command->cla) : class_of_plain(command->cla));
	build_u8(&b, command->ins);
	build_u8(&b, command->p1);
	build_u8(&b, command->p2);
	build_uint(&b, command->data.len + (is_modified ? MAC_SIZE : 0), 1);
	build_bytes(&b, command->data);
	enum err err = builder_bytes(&b, &input);
	if (err == ERR_NONE)
		err = make_icv(s, is_first, icv);
	return err == ERR_NONE ? mac_padded(s, icv, input, arena, s->mark.chaining) : err;
}

static enum err encrypt_data(const struct session *s, struct arena *arena, struct bytes *data)
{
	struct builder b = builder_in(arena);
	struct bytes padded;

	build_padded(&b, *data, DES_BLOCK);
	enum err err = builder_bytes(&b, &padded);
	if (err == ERR_NONE)
		err = des3_cbc_encrypt(secret_bytes(&s->enc), zero_icv, padded, b.at);
	if (err == ERR_NONE)
		*data = padded;
	return err;
}

static enum err protect(struct session *s, struct command *command, bool is_first, uint8_t level,
			struct arena *arena)
{
	struct builder b = builder_in(arena);
	enum err err = make_mac(s, command, is_first, arena);

	if (err == ERR_NONE && (level & LEVEL_C_DEC) != 0 && command->data.len > 0)
		err = encrypt_data(s, arena, &command->data);
	if (err != ERR_NONE)
		return err;
	build_bytes(&b, command->data);
	build_bytes(&b, bytes_of(s->mark.chaining, MAC_SIZE));
	command->cla = class_for_card(command->cla);
	return builder_bytes(&b, &command->data);
}

enum err scp02_authenticate(struct session *session, uint8_t level, struct arena *arena,
			    struct command *ret_command)
{
	const bool is_implicit = scp02_option_is_implicit(session->option);
	struct command command = {
		.cla = 0x80,
		.ins = INS_EXTERNAL_AUTHENTICATE,
		.p1 = level,
		.data = bytes_of(session->host_cryptogram, MAC_SIZE),
	};

	if (is_implicit)
		command = gp_get_data(SCP02_COUNTER_TAG);
	else
		session->mark = (struct session_mark){ 0 };
	enum err err = protect(session, &command, true, 0, arena);
	if (err != ERR_NONE)
		return err;
	session->level = level;
	*ret_command = command;
	return ERR_NONE;
}

size_t scp02_wrapped_data_size(uint8_t level, size_t data_size)
{
	if ((level & LEVEL_C_DEC) != 0 && data_size > 0)
		data_size += DES_BLOCK - data_size % DES_BLOCK;
	return data_size + ((level & LEVEL_C_MAC) != 0 ? MAC_SIZE : 0);
}

enum err scp02_wrap(struct session *session, const struct command *plain, struct arena *arena,
		    struct command *ret_wrapped)
{
	struct command command = *plain;
	struct session next = *session;
	enum err err = ERR_NONE;

	if (scp02_wrapped_data_size(session->level, plain->data.len) > APDU_MAX_DATA)
		return ERR_LIMIT;
	if ((session->level & LEVEL_C_MAC) != 0)
		err = protect(&next, &command, false, session->level, arena);
	if (err == ERR_NONE) {
		session->mark = next.mark;
		*ret_wrapped = command;
	}
	session_wipe(&next);
	return err;
}

/* ---- responses ---- */

void scp02_begin_responses(struct session *session, const struct session_mark *mark)
{
	memcpy(session->response_chain, mark->chaining, DES_BLOCK);
}

/* Over the command as it was before it was protected, the length of the answer, the answer, and the status
 * word. */
static enum err response_mac(const struct session *session, const struct command *plain,
			     const struct response *response, struct arena *arena, uint8_t ret_mac[DES_BLOCK])
{
	struct builder b = builder_in(arena);
	struct bytes padded, input;
	struct builder whole = builder_in(arena);

	build_u8(&b, class_of_plain(plain->cla));
	build_u8(&b, plain->ins);
	build_u8(&b, plain->p1);
	build_u8(&b, plain->p2);
	build_u8(&b, (uint8_t)plain->data.len);
	build_bytes(&b, plain->data);
	build_u8(&b, (uint8_t)response->data.len);
	build_bytes(&b, response->data);
	build_u16(&b, response->sw);
	enum err err = builder_bytes(&b, &input);
	if (err == ERR_NONE) {
		build_padded(&whole, input, DES_BLOCK);
		err = builder_bytes(&whole, &padded);
	}
	return err == ERR_NONE ? des_retail_mac(secret_bytes(&session->rmac), session->response_chain, padded,
						ret_mac)
			       : err;
}

/* An error comes without data, and so without a MAC; the card counts it in its chain all the same. */
static bool is_error(uint16_t sw)
{
	return sw != SW_OK && sw >> 8 != 0x62 && sw >> 8 != 0x63;
}

enum err scp02_unwrap(struct session *session, const struct command *plain, const struct response *wrapped,
		      struct arena *arena, struct response *ret_plain, struct fault *fault)
{
	struct response response = *wrapped;
	uint8_t mac[DES_BLOCK];
	struct bytes sent = { 0 };

	if ((session->level & LEVEL_R_MAC) == 0) {
		*ret_plain = response;
		return ERR_NONE;
	}
	if (!is_error(wrapped->sw) || wrapped->data.len > 0) {
		if (wrapped->data.len < DES_BLOCK)
			return fault_set(fault, ERR_DENIED, "the answer %04X of %zu bytes has no R-MAC",
					 wrapped->sw, wrapped->data.len);
		response.data = bytes_first(wrapped->data, wrapped->data.len - DES_BLOCK);
		sent = bytes_from(wrapped->data, response.data.len);
	}
	enum err err = response_mac(session, plain, &response, arena, mac);
	if (err != ERR_NONE)
		return err;
	if (sent.len > 0 && !bytes_equal_constant_time(sent, bytes_of(mac, DES_BLOCK)))
		return fault_set(fault, ERR_DENIED, "the R-MAC of the answer %04X does not verify",
				 wrapped->sw);
	memcpy(session->response_chain, mac, DES_BLOCK);
	*ret_plain = response;
	return ERR_NONE;
}
