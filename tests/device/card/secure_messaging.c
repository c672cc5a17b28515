/* Amd D 1.2 6.2.4 to 6.2.8: what a session does to commands and answers; of SCP02 it asks scp02.h */
#include "secure_channel.h"

#include "chip.h"
#include "scp02.h"

static const uint8_t zero_block[AES_BLOCK];

/* The C-MAC of `command` over the chaining value; answers the whole 16 bytes. */
static enum err command_mac(const struct session *session, const struct command *command,
			    struct bytes unmacked, uint8_t ret_mac[AES_BLOCK])
{
	size_t len = unmacked.len + session->mac_len;
	uint8_t header[7] = { command->is_gp ? 0x84 : 0x04, command->ins, command->p1, command->p2,
			      (uint8_t)len };
	size_t header_len = 5;
	if (len > 255) { /* only a chained command: GPCS 2.3.1 11.1.5.1 */
		header[4] = 0;
		header[5] = (uint8_t)(len >> 8);
		header[6] = (uint8_t)len;
		header_len = 7;
	}
	struct bytes parts[] = { bytes_of(session->chaining_value, AES_BLOCK), bytes_of(header, header_len),
				 unmacked };
	return aes_cmac(secret_bytes(&session->mac), parts, 3, ret_mac);
}

bool session_mac_verify(struct session *session, const struct command *command, struct bytes *ret_unmacked)
{
	if (command->data.len < session->mac_len)
		return false;
	size_t len = command->data.len - session->mac_len;
	struct bytes unmacked = bytes_first(command->data, len);
	uint8_t mac[AES_BLOCK];
	if (command_mac(session, command, unmacked, mac) != ERR_NONE)
		return false;
	if (!bytes_equal_constant_time(bytes_of(mac, session->mac_len), bytes_from(command->data, len)))
		return false;
	memcpy(session->chaining_value, mac, AES_BLOCK);
	*ret_unmacked = unmacked;
	return true;
}

static enum err counter_icv(const struct session *session, uint8_t first_byte, uint8_t ret_icv[AES_BLOCK])
{
	uint8_t block[AES_BLOCK] = { first_byte };
	for (size_t i = 0; i < 8; i++)
		block[AES_BLOCK - 1 - i] = (uint8_t)(session->counter >> (8 * i));
	return aes_ecb_encrypt(secret_bytes(&session->enc), bytes_of(block, sizeof(block)), ret_icv);
}

/* GPCS 2.3.1 B.2.3: 80 and zeros up to a whole block. */
static bool padding_cut(struct bytes *data)
{
	size_t len = data->len;
	while (len > 0 && data->at[len - 1] == 0)
		len--;
	if (len == 0 || data->at[len - 1] != 0x80 || data->len - len >= AES_BLOCK)
		return false;
	*data = bytes_first(*data, len - 1);
	return true;
}

static bool data_decrypt(const struct session *session, struct arena *arena, struct bytes *data)
{
	uint8_t icv[AES_BLOCK];
	uint8_t *plain = arena_alloc(arena, data->len);
	if (plain == NULL || data->len % AES_BLOCK != 0 || counter_icv(session, 0, icv) != ERR_NONE ||
	    aes_cbc_decrypt(secret_bytes(&session->enc), icv, *data, plain) != ERR_NONE)
		return false;
	*data = bytes_of(plain, data->len);
	return padding_cut(data);
}

uint16_t session_unwrap(struct session *session, struct arena *arena, struct command *command)
{
	if (session->state == SESSION_ABORTED)
		return SW_SECURITY_STATUS;
	if (session->state != SESSION_OPEN || session->level == 0)
		return SW_SUCCESS; /* Amd D 5.6: no verification; the command asks for what it needs */
	if (session->is_scp02 && (session->options & CARD_SCP02_EXPLICIT) == 0 && !command->is_secured) {
		session->level = 0; /* GPCS E.1.6: the next C-MAC opens a session anew */
		return SW_SUCCESS;
	}
	struct bytes data;
	session->counter++;
	bool is_right = command->is_secured;
	if (session->is_scp02)
		is_right = is_right &&
			   scp02_open(session, command, arena, (session->level & LEVEL_CDEC) != 0, &data);
	else
		is_right = is_right && session_mac_verify(session, command, &data);
	if (is_right && !session->is_scp02 && (session->level & LEVEL_CDEC) != 0 && data.len > 0)
		is_right = data_decrypt(session, arena, &data);
	if (!is_right) {
		session_abort(session);
		return SW_SECURITY_STATUS;
	}
	command->data = data;
	return SW_SUCCESS;
}

static enum err answer_encrypt(const struct session *session, struct arena *arena, struct bytes *answer)
{
	uint8_t icv[AES_BLOCK];
	struct bytes padded;
	struct builder b = builder_in(arena);
	build_bytes(&b, *answer);
	build_u8(&b, 0x80);
	build_zeros(&b, (AES_BLOCK - b.len % AES_BLOCK) % AES_BLOCK);
	enum err err = builder_bytes(&b, &padded);
	if (err == ERR_NONE)
		err = counter_icv(session, 0x80, icv);
	if (err == ERR_NONE)
		err = aes_cbc_encrypt(secret_bytes(&session->enc), icv, padded, b.at);
	if (err == ERR_NONE)
		*answer = padded;
	return err;
}

enum err session_wrap(const struct session *session, uint8_t level, struct arena *arena, uint16_t sw,
		      struct bytes answer, struct bytes *ret_protected)
{
	enum err err;
	if ((level & LEVEL_RENC) != 0 && answer.len > 0) {
		err = answer_encrypt(session, arena, &answer);
		if (err != ERR_NONE)
			return err;
	}
	if ((level & LEVEL_RMAC) == 0) {
		*ret_protected = answer;
		return ERR_NONE;
	}
	uint8_t mac[AES_BLOCK], status[2] = { (uint8_t)(sw >> 8), (uint8_t)sw };
	struct bytes parts[] = { bytes_of(session->chaining_value, AES_BLOCK), answer, bytes_of(status, 2) };
	err = aes_cmac(secret_bytes(&session->rmac), parts, 3, mac);
	if (err != ERR_NONE)
		return err;
	struct builder b = builder_in(arena);
	build_bytes(&b, answer);
	build_bytes(&b, bytes_of(mac, session->mac_len));
	return builder_bytes(&b, ret_protected);
}

enum err session_decrypt(const struct session *session, struct arena *arena, struct bytes data,
			 struct bytes *ret_plain)
{
	if (session->is_scp02)
		return scp02_decrypt(session, arena, data, ret_plain);
	if (data.len == 0 || data.len % AES_BLOCK != 0)
		return ERR_MALFORMED;
	uint8_t *plain = arena_alloc(arena, data.len);
	if (plain == NULL)
		return ERR_NOMEM;
	enum err err = aes_cbc_decrypt(secret_bytes(&session->dek), zero_block, data, plain);
	if (err == ERR_NONE)
		*ret_plain = bytes_of(plain, data.len);
	return err;
}
