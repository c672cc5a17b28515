/* GlobalPlatform Card Specification 2.3 amendment D 1.2, 4.1.5 (derivation), 6.2 (messages), 7.1 (commands)
 */
#include "smartcard_session.h"

#define MAC_SIZE        8
#define SECURED         0x04 /* in the class byte */
#define MAX_DATA        255
#define CARD_CRYPTOGRAM 0x00 /* derivation constants, table 4-1 */
#define HOST_CRYPTOGRAM 0x01
#define SESSION_ENC     0x04
#define SESSION_MAC     0x06
#define SESSION_RMAC    0x07
#define SCP_VERSION     0x03
#define DIVERSIFICATION 10

/* ---- derivation ---- */

/* `len` bytes, 8 to 32; both challenges are the context. */
static enum err derive(const struct secret *key, uint8_t constant,
		       const uint8_t context[2 * SMARTCARD_CHALLENGE_SIZE], uint8_t *ret_at, size_t len)
{
	uint8_t label[16] = { [11] = constant, [13] = (uint8_t)(len * 8 >> 8), [14] = (uint8_t)(len * 8) };
	uint8_t block[AES_BLOCK];
	enum err err = ERR_NONE;

	for (size_t done = 0; done < len && err == ERR_NONE; done += AES_BLOCK) {
		const struct bytes parts[] = { bytes_of(label, sizeof(label)),
					       bytes_of(context, 2 * SMARTCARD_CHALLENGE_SIZE) };

		label[15]++;
		err = aes_cmac(secret_bytes(key), parts, 2, block);
		if (err == ERR_NONE)
			memcpy(ret_at + done, block, len - done < AES_BLOCK ? len - done : AES_BLOCK);
	}
	wipe(block, sizeof(block));
	return err;
}

static enum err derive_key(const struct secret *key, uint8_t constant, const uint8_t *context,
			   struct secret *ret_key)
{
	ret_key->len = key->len;
	return derive(key, constant, context, ret_key->at, key->len);
}

static enum err derive_session(const struct smartcard_keys *keys, const uint8_t *context,
			       struct smartcard_session *session)
{
	enum err err = derive_key(&keys->enc, SESSION_ENC, context, &session->enc);

	if (err == ERR_NONE)
		err = derive_key(&keys->mac, SESSION_MAC, context, &session->mac);
	return err == ERR_NONE ? derive_key(&keys->mac, SESSION_RMAC, context, &session->rmac) : err;
}

enum err smartcard_session_open(const struct smartcard_keys *keys,
				const uint8_t host_challenge[SMARTCARD_CHALLENGE_SIZE], struct bytes answer,
				struct smartcard_session *ret_session,
				uint8_t ret_host_cryptogram[SMARTCARD_CHALLENGE_SIZE])
{
	struct smartcard_session session = { .counter = 0 };
	struct reader r = reader_of(answer);
	uint8_t context[2 * SMARTCARD_CHALLENGE_SIZE], expected[SMARTCARD_CHALLENGE_SIZE];
	struct bytes challenge, cryptogram;
	enum err err;

	read_bytes(&r, DIVERSIFICATION);
	read_u8(&r); /* key version */
	if (read_u8(&r) != SCP_VERSION)
		return ERR_MALFORMED;
	read_u8(&r); /* options */
	challenge = read_bytes(&r, SMARTCARD_CHALLENGE_SIZE);
	cryptogram = read_bytes(&r, SMARTCARD_CHALLENGE_SIZE);
	if (r.bad)
		return ERR_MALFORMED;
	memcpy(context, host_challenge, SMARTCARD_CHALLENGE_SIZE);
	memcpy(context + SMARTCARD_CHALLENGE_SIZE, challenge.at, SMARTCARD_CHALLENGE_SIZE);
	err = derive_session(keys, context, &session);
	if (err == ERR_NONE)
		err = derive(&session.mac, CARD_CRYPTOGRAM, context, expected, sizeof(expected));
	if (err == ERR_NONE && !bytes_equal_constant_time(cryptogram, bytes_of(expected, sizeof(expected))))
		err = ERR_DENIED;
	if (err == ERR_NONE)
		err = derive(&session.mac, HOST_CRYPTOGRAM, context, ret_host_cryptogram,
			     SMARTCARD_CHALLENGE_SIZE);
	if (err == ERR_NONE)
		*ret_session = session;
	smartcard_session_close(&session);
	return err;
}

void smartcard_session_close(struct smartcard_session *session)
{
	wipe(session, sizeof(*session));
}

/* ---- messages ---- */

/* For a command the first byte is 00, for its answer 80. */
static enum err counter_vector(const struct smartcard_session *session, uint8_t first,
			       uint8_t ret_iv[AES_BLOCK])
{
	uint8_t block[AES_BLOCK] = { first };

	for (size_t i = 0; i < 8; i++)
		block[AES_BLOCK - 1 - i] = (uint8_t)(session->counter >> 8 * i);
	return aes_ecb_encrypt(secret_bytes(&session->enc), bytes_of(block, sizeof(block)), ret_iv);
}

static enum err encipher(const struct smartcard_session *session, struct arena *arena, struct bytes *data)
{
	struct builder b = builder_in(arena);
	uint8_t iv[AES_BLOCK];
	struct bytes padded;
	enum err err;

	build_bytes(&b, *data);
	build_u8(&b, 0x80);
	build_zeros(&b, (AES_BLOCK - b.len % AES_BLOCK) % AES_BLOCK);
	err = builder_bytes(&b, &padded);
	if (err == ERR_NONE)
		err = counter_vector(session, 0x00, iv);
	if (err == ERR_NONE)
		err = aes_cbc_encrypt(secret_bytes(&session->enc), iv, padded, b.at);
	if (err == ERR_NONE)
		*data = padded;
	return err;
}

/* The C-MAC is over the class byte without its channel. */
static enum err authenticate(struct smartcard_session *session, uint8_t class, struct bytes header,
			     struct bytes data)
{
	const uint8_t with_length[] = { (uint8_t)((class & 0x80) | SECURED), header.at[1], header.at[2],
					header.at[3], (uint8_t)(data.len + MAC_SIZE) };
	const struct bytes parts[] = { bytes_of(session->chaining_value, AES_BLOCK),
				       bytes_of(with_length, sizeof(with_length)), data };

	return aes_cmac(secret_bytes(&session->mac), parts, 3, session->chaining_value);
}

enum err smartcard_session_wrap(struct smartcard_session *session, struct arena *arena, bool is_first,
				struct bytes command, struct bytes *ret_command)
{
	struct reader r = reader_of(command);
	struct bytes header = read_bytes(&r, 4), data = bytes_of(NULL, 0);
	struct builder b = builder_in(arena);
	enum err err = ERR_NONE;

	if (reader_left(&r) > 1)
		data = read_bytes(&r, read_u8(&r));
	if (r.bad)
		return ERR_MALFORMED;
	if (!is_first)
		session->counter++;
	if (!is_first && data.len > 0)
		err = encipher(session, arena, &data);
	if (err == ERR_NONE && data.len + MAC_SIZE > MAX_DATA)
		err = ERR_LIMIT;
	if (err == ERR_NONE)
		err = authenticate(session, header.at[0], header, data);
	if (err != ERR_NONE)
		return err;
	build_u8(&b, header.at[0] | SECURED);
	build_bytes(&b, bytes_from(header, 1));
	build_u8(&b, (uint8_t)(data.len + MAC_SIZE));
	build_bytes(&b, data);
	build_bytes(&b, bytes_of(session->chaining_value, MAC_SIZE));
	build_bytes(&b, read_rest(&r)); /* Le */
	return builder_bytes(&b, ret_command);
}

static bool cut_padding(struct bytes *data)
{
	while (data->len > 0 && data->at[data->len - 1] == 0x00)
		data->len--;
	if (data->len == 0 || data->at[data->len - 1] != 0x80)
		return false;
	data->len--;
	return true;
}

static enum err decipher(const struct smartcard_session *session, struct arena *arena, struct bytes *data)
{
	uint8_t *plain = arena_alloc(arena, data->len), iv[AES_BLOCK];
	enum err err = plain == NULL ? ERR_NOMEM : counter_vector(session, 0x80, iv);

	if (err == ERR_NONE)
		err = aes_cbc_decrypt(secret_bytes(&session->enc), iv, *data, plain);
	if (err != ERR_NONE)
		return err == ERR_MALFORMED ? ERR_DENIED : err;
	*data = bytes_of(plain, data->len);
	return cut_padding(data) ? ERR_NONE : ERR_DENIED;
}

/* An error is told without protection, since nothing was done. */
enum err smartcard_session_unwrap(struct smartcard_session *session, struct arena *arena, uint16_t status,
				  struct bytes data, struct bytes *ret_data)
{
	const uint8_t word[] = { (uint8_t)(status >> 8), (uint8_t)status };
	bool is_protected = status == 0x9000 || word[0] == 0x62 || word[0] == 0x63;
	uint8_t mac[AES_BLOCK];
	struct bytes content;
	enum err err;

	if (!is_protected) {
		*ret_data = bytes_of(NULL, 0);
		return ERR_NONE;
	}
	if (data.len < MAC_SIZE)
		return ERR_DENIED;
	content = bytes_first(data, data.len - MAC_SIZE);
	const struct bytes parts[] = { bytes_of(session->chaining_value, AES_BLOCK), content,
				       bytes_of(word, sizeof(word)) };
	err = aes_cmac(secret_bytes(&session->rmac), parts, 3, mac);
	if (err == ERR_NONE &&
	    !bytes_equal_constant_time(bytes_from(data, content.len), bytes_of(mac, MAC_SIZE)))
		err = ERR_DENIED;
	if (err == ERR_NONE && content.len > 0)
		err = decipher(session, arena, &content);
	if (err == ERR_NONE)
		*ret_data = content;
	return err;
}
