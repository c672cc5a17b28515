/* GPCS 2.3.1 E.3.1 challenge, E.4.1 session keys, E.4.2 cryptograms, E.4.4 C-MAC, E.4.6 encryption */
#include "scp02.h"

static const uint8_t zeros[DES_BLOCK];

/* E.4.1 */
static enum err session_key(const struct secret *base, uint8_t second_byte, uint16_t counter,
			    struct secret *ret_key)
{
	uint8_t derivation[2 * DES_BLOCK] = { 0x01, second_byte, (uint8_t)(counter >> 8), (uint8_t)counter };
	ret_key->len = sizeof(derivation);
	return des3_cbc_encrypt(secret_bytes(base), zeros, bytes_of(derivation, sizeof(derivation)),
				ret_key->at);
}

/* E.4.2: B.1.2.1 over three parts, which together are 16 bytes, and a block of padding */
static enum err cryptogram(const struct session *session, const uint8_t parts[2 * DES_BLOCK],
			   uint8_t ret_at[DES_BLOCK])
{
	uint8_t text[3 * DES_BLOCK] = { [2 * DES_BLOCK] = 0x80 };
	memcpy(text, parts, 2 * DES_BLOCK);
	enum err err =
		des3_cbc_encrypt(secret_bytes(&session->enc), zeros, bytes_of(text, sizeof(text)), text);
	if (err == ERR_NONE)
		memcpy(ret_at, &text[2 * DES_BLOCK], DES_BLOCK);
	return err;
}

/* E.3.1, E.3.3: over the AID of who invokes the domain, with the session's C-MAC key */
static enum err invoker_mac(const struct session *session, const struct card_aid *invoker,
			    uint8_t ret_mac[DES_BLOCK])
{
	uint8_t text[3 * DES_BLOCK] = { 0 };
	memcpy(text, invoker->at, invoker->len);
	text[invoker->len] = 0x80;
	size_t len = invoker->len / DES_BLOCK * DES_BLOCK + DES_BLOCK;
	return des_retail_mac(secret_bytes(&session->mac), zeros, bytes_of(text, len), ret_mac);
}

static enum err pseudo_random(const struct session *session, const struct card_aid *invoker,
			      uint8_t ret_challenge[SCP02_CHALLENGE])
{
	uint8_t mac[DES_BLOCK];
	enum err err = invoker_mac(session, invoker, mac);
	if (err == ERR_NONE)
		memcpy(ret_challenge, mac, SCP02_CHALLENGE);
	return err;
}

enum err scp02_begin(struct session *session, const struct card_key_set *keys, uint16_t counter,
		     struct bytes host_challenge, const struct card_aid *invoker,
		     uint8_t challenge[SCP02_CHALLENGE], uint8_t ret_cryptogram[DES_BLOCK])
{
	uint8_t by_card[2 * DES_BLOCK], by_host[2 * DES_BLOCK];
	bool has_three_keys = (session->options & CARD_SCP02_THREE_KEYS) != 0;
	const struct secret *mac = has_three_keys ? &keys->mac : &keys->enc;
	const struct secret *dek = has_three_keys ? &keys->dek : &keys->enc;
	enum err err = session_key(&keys->enc, 0x82, counter, &session->enc);
	if (err == ERR_NONE)
		err = session_key(mac, 0x01, counter, &session->mac);
	if (err == ERR_NONE)
		err = session_key(mac, 0x02, counter, &session->rmac);
	if (err == ERR_NONE)
		err = session_key(dek, 0x81, counter, &session->dek);
	if (err == ERR_NONE && invoker != NULL)
		err = pseudo_random(session, invoker, challenge);
	if (err != ERR_NONE)
		return err;
	memcpy(by_card, host_challenge.at, DES_BLOCK);
	by_card[8] = by_host[0] = (uint8_t)(counter >> 8);
	by_card[9] = by_host[1] = (uint8_t)counter;
	memcpy(&by_card[10], challenge, SCP02_CHALLENGE);
	memcpy(&by_host[2], challenge, SCP02_CHALLENGE);
	memcpy(&by_host[8], host_challenge.at, DES_BLOCK);
	err = cryptogram(session, by_card, ret_cryptogram);
	return err == ERR_NONE ? cryptogram(session, by_host, session->host_cryptogram) : err;
}

/* E.1.2.2: the keys of what is not a C-MAC are made when the session has been counted */
enum err scp02_begin_implicit(struct session *session, const struct card_key_set *keys, uint16_t counter,
			      const struct card_aid *invoker)
{
	bool has_three_keys = (session->options & CARD_SCP02_THREE_KEYS) != 0;
	const struct secret *mac = has_three_keys ? &keys->mac : &keys->enc;
	const struct secret *dek = has_three_keys ? &keys->dek : &keys->enc;
	enum err err = session_key(mac, 0x01, counter, &session->mac);
	if (err == ERR_NONE)
		err = session_key(dek, 0x81, (uint16_t)(counter + 1), &session->dek);
	return err == ERR_NONE ? invoker_mac(session, invoker, session->chaining_value) : err;
}

/* E.4.4, with the ICV of E.3.4: for the first what the session began with, then the C-MAC before under single
 * DES */
static enum err command_mac(const struct session *session, const struct command *command, struct bytes plain,
			    struct arena *arena, uint8_t ret_mac[DES_BLOCK])
{
	uint8_t icv[DES_BLOCK];
	struct builder b = builder_in(arena);
	struct bytes text;
	enum err err = ERR_NONE;
	bool is_modified = (session->options & CARD_SCP02_UNMODIFIED) == 0;
	if (session->state != SESSION_OPEN || (session->options & CARD_SCP02_ICV_ENCRYPTION) == 0)
		memcpy(icv, session->chaining_value, DES_BLOCK);
	else
		err = des_ecb_encrypt(bytes_first(secret_bytes(&session->mac), DES_BLOCK),
				      bytes_of(session->chaining_value, DES_BLOCK), icv);
	build_u8(&b, (command->is_gp ? 0x80 : 0x00) | (is_modified ? 0x04 : 0x00));
	build_u8(&b, command->ins);
	build_u8(&b, command->p1);
	build_u8(&b, command->p2);
	build_u8(&b, (uint8_t)(plain.len + (is_modified ? DES_BLOCK : 0)));
	build_bytes(&b, plain);
	build_u8(&b, 0x80);
	build_zeros(&b, (DES_BLOCK - b.len % DES_BLOCK) % DES_BLOCK);
	if (err == ERR_NONE)
		err = builder_bytes(&b, &text);
	return err == ERR_NONE ? des_retail_mac(secret_bytes(&session->mac), icv, text, ret_mac) : err;
}

static bool decrypt(const struct session *session, struct arena *arena, struct bytes *data)
{
	uint8_t *plain = arena_alloc(arena, data->len);
	size_t len = data->len;
	if (plain == NULL || des3_cbc_decrypt(secret_bytes(&session->enc), zeros, *data, plain) != ERR_NONE)
		return false;
	while (len > 0 && plain[len - 1] == 0)
		len--;
	if (len == 0 || plain[len - 1] != 0x80 || data->len - len >= DES_BLOCK)
		return false;
	*data = bytes_of(plain, len - 1);
	return true;
}

bool scp02_open(struct session *session, const struct command *command, struct arena *arena,
		bool is_encrypted, struct bytes *ret_plain)
{
	uint8_t mac[DES_BLOCK];
	if (command->data.len < DES_BLOCK)
		return false;
	size_t len = command->data.len - DES_BLOCK;
	struct bytes plain = bytes_first(command->data, len);
	if (is_encrypted && len > 0 && !decrypt(session, arena, &plain))
		return false;
	if (command_mac(session, command, plain, arena, mac) != ERR_NONE ||
	    !bytes_equal_constant_time(bytes_of(mac, DES_BLOCK), bytes_from(command->data, len)))
		return false;
	memcpy(session->chaining_value, mac, DES_BLOCK);
	*ret_plain = plain;
	return true;
}

/* E.4.5: over the command without secure messaging, the length of the answer, the answer and the status word.
 * An error has no data, so its R-MAC is not sent, and chained all the same. */
enum err scp02_answer(struct session *session, const struct command *command, struct arena *arena,
		      uint16_t sw, struct bytes answer, bool is_error, struct bytes *ret_protected)
{
	uint8_t mac[DES_BLOCK];
	struct builder b = builder_in(arena), whole = builder_in(arena);
	struct bytes text;
	build_u8(&b, command->is_gp ? 0x80 : 0x00);
	build_u8(&b, command->ins);
	build_u8(&b, command->p1);
	build_u8(&b, command->p2);
	build_u8(&b, (uint8_t)command->data.len);
	build_bytes(&b, command->data);
	build_u8(&b, (uint8_t)answer.len);
	build_bytes(&b, answer);
	build_u16(&b, sw);
	build_u8(&b, 0x80);
	build_zeros(&b, (DES_BLOCK - b.len % DES_BLOCK) % DES_BLOCK);
	enum err err = builder_bytes(&b, &text);
	if (err == ERR_NONE)
		err = des_retail_mac(secret_bytes(&session->rmac), session->response_chain, text, mac);
	if (err != ERR_NONE)
		return err;
	memcpy(session->response_chain, mac, DES_BLOCK);
	build_bytes(&whole, answer);
	if (!is_error)
		build_bytes(&whole, bytes_of(mac, DES_BLOCK));
	return builder_bytes(&whole, ret_protected);
}

/* ECB is CBC of one block with a zero ICV. */
enum err scp02_decrypt(const struct session *session, struct arena *arena, struct bytes data,
		       struct bytes *ret_plain)
{
	uint8_t *plain = arena_alloc(arena, data.len);
	enum err err = ERR_NONE;
	if (data.len == 0 || data.len % DES_BLOCK != 0)
		return ERR_MALFORMED;
	if (plain == NULL)
		return ERR_NOMEM;
	for (size_t at = 0; at < data.len && err == ERR_NONE; at += DES_BLOCK)
		err = des3_cbc_decrypt(secret_bytes(&session->dek), zeros, bytes_of(&data.at[at], DES_BLOCK),
				       &plain[at]);
	if (err == ERR_NONE)
		*ret_plain = bytes_of(plain, data.len);
	return err;
}
