/* ETSI TS 102 225 5.1 to 5.3; GPCS UICC configuration for key sets 01 to 0F. Nothing of a packet is done
 * before its checksum is verified and its counter is durable. */
#include "packets.h"

#include <cardea/tlv.h>

#define KIC_ID           1
#define KID_ID           2
#define KIK_ID           3
#define CHECKSUM_SIZE    8
#define COUNTER_SIZE     5
#define COUNTER_MAX      0xFFFFFFFFFFu
#define FIXED_HEADER     13
#define ANSWER_FIXED     10
#define ANSWER_MAX_BYTES 128
#define TAG_COUNTER      0x02000000u /* and the key set number: a data object of the ISD that no command shows */

enum {
	CHECKSUM_CC = 2,
	CIPHERED = 0x04,
	COUNTER_MODE = 0x18,
	MODE_PRESENT = 0x08,
	MODE_HIGHER = 0x10,
	MODE_NEXT = 0x18
};
enum {
	ANSWER_WANTED = 0x03,
	ANSWER_ALWAYS = 1,
	ANSWER_ON_ERROR = 2,
	ANSWER_CHECKSUM = 0x0C,
	ANSWER_CC = 0x08,
	ANSWER_CIPHERED = 0x10,
	BY_SUBMIT = 0x20
};
enum status {
	OK = 0x00,
	CHECKSUM_WRONG = 0x01,
	COUNTER_LOW = 0x02,
	COUNTER_HIGH = 0x03,
	COUNTER_BLOCKED = 0x04,
	CIPHERING_WRONG = 0x05,
	SECURITY_ERROR = 0x06,
	NO_MEMORY = 0x07,
	TAR_UNKNOWN = 0x09,
	TOO_WEAK = 0x0A
};

struct packet {
	uint8_t spi1, spi2, kic, kid;
	uint32_t tar;
	struct bytes head;    /* CPL to TAR, under the checksum */
	struct bytes secured; /* from the counter on */
	uint64_t counter;
	struct bytes data;
	const struct packet_target *target;
	struct secret cipher_key, mac_key, key_encryption_key;
};

/* TS 101 220, annex D [memory]: the second range of remote file management takes expanded scripts. */
static const struct packet_target targets[] = {
	{ 0x000000, false, true },
	{ 0xB00010, true, false },
	{ 0xB00120, true, true },
};

static const struct packet_target *target_find(const struct card *card, uint32_t tar)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		if (targets[i].tar == tar && (!targets[i].is_files || card->settings.has_uicc))
			return &targets[i];
	}
	return NULL;
}

/* ---- keys and algorithms ---- */

static bool is_aes(uint8_t key_byte)
{
	return (key_byte & 0x0F) == 0x2;
}

static size_t block_of(uint8_t key_byte)
{
	return is_aes(key_byte) ? AES_BLOCK : DES_BLOCK;
}

/* The algorithm that the packet names must be that of the key. */
static bool key_find(const struct card *card, uint8_t key_byte, uint8_t id, struct secret *ret_key)
{
	const struct card_key *key = entry_key(registry_isd(&card->registry), key_byte >> 4, id);
	const uint8_t algorithm = key_byte & 0x0F;

	if (key_byte >> 4 == 0 || key == NULL)
		return false;
	const size_t len = key->components->value.len;
	const bool fits = key->components->type == KEY_TYPE_AES ? algorithm == 0x2
								: key->components->type == KEY_TYPE_DES &&
									  ((algorithm == 0x5 && len == 16) ||
									   (algorithm == 0x9 && len == 24));
	return fits && secret_from(key->components->value, ret_key) == ERR_NONE;
}

static enum err cipher(uint8_t key_byte, const struct secret *key, bool encrypts, struct bytes data,
		       uint8_t *ret_at)
{
	static const uint8_t zeros[AES_BLOCK];

	if (is_aes(key_byte))
		return encrypts ? aes_cbc_encrypt(secret_bytes(key), zeros, data, ret_at)
				: aes_cbc_decrypt(secret_bytes(key), zeros, data, ret_at);
	return encrypts ? des3_cbc_encrypt(secret_bytes(key), zeros, data, ret_at)
			: des3_cbc_decrypt(secret_bytes(key), zeros, data, ret_at);
}

static enum err checksum(struct arena *arena, uint8_t key_byte, const struct secret *key, struct bytes input,
			 uint8_t ret_checksum[static CHECKSUM_SIZE])
{
	uint8_t mac[AES_BLOCK];
	struct builder b = builder_in(arena);
	struct bytes padded;
	enum err err;

	if (is_aes(key_byte)) {
		err = aes_cmac(secret_bytes(key), &input, 1, mac);
		if (err == ERR_NONE)
			memcpy(ret_checksum, mac, CHECKSUM_SIZE);
		return err;
	}
	build_bytes(&b, input);
	build_zeros(&b, (DES_BLOCK - input.len % DES_BLOCK) % DES_BLOCK);
	err = builder_bytes(&b, &padded);
	if (err == ERR_NONE)
		err = cipher(key_byte, key, true, padded, b.at);
	if (err == ERR_NONE)
		memcpy(ret_checksum, &b.at[padded.len - DES_BLOCK], DES_BLOCK);
	return err;
}

/* ---- what the packet says, as far as it is in clear ---- */

static bool packet_read(struct bytes bytes, struct packet *packet)
{
	struct reader r = reader_of(bytes);
	const uint16_t length = read_u16(&r);

	if (reader_left(&r) != length)
		return false;
	const uint8_t header_length = read_u8(&r);
	packet->spi1 = read_u8(&r);
	packet->spi2 = read_u8(&r);
	packet->kic = read_u8(&r);
	packet->kid = read_u8(&r);
	packet->tar = read_u24(&r);
	packet->head = bytes_first(bytes, 10);
	packet->secured = read_rest(&r);
	return !r.bad &&
	       header_length == FIXED_HEADER + ((packet->spi1 & 3) == CHECKSUM_CC ? CHECKSUM_SIZE : 0);
}

/* As much security as the application asks for: the same kind of checksum and of counter, or better. */
static bool is_strong_enough(const struct card *card, uint8_t spi1)
{
	const uint8_t minimum = card->settings.minimum_security;

	return (spi1 & 3) >= (minimum & 3) && (spi1 & CIPHERED) >= (minimum & CIPHERED) &&
	       (spi1 & COUNTER_MODE) >= (minimum & COUNTER_MODE);
}

/* ---- security ---- */

static enum status decipher(struct arena *arena, struct packet *packet)
{
	const size_t block = block_of(packet->kic);

	if ((packet->spi1 & CIPHERED) == 0)
		return OK;
	if (packet->secured.len == 0 || packet->secured.len % block != 0)
		return CIPHERING_WRONG;
	uint8_t *plain = arena_alloc(arena, packet->secured.len);
	if (plain == NULL ||
	    cipher(packet->kic, &packet->cipher_key, false, packet->secured, plain) != ERR_NONE)
		return NO_MEMORY;
	packet->secured = bytes_of(plain, packet->secured.len);
	return OK;
}

static enum status verify(struct arena *arena, struct packet *packet)
{
	const size_t size = (packet->spi1 & 3) == CHECKSUM_CC ? CHECKSUM_SIZE : 0;
	struct reader r = reader_of(packet->secured);
	struct builder input = builder_in(arena);
	uint8_t expected[CHECKSUM_SIZE];
	struct bytes whole;

	packet->counter = read_uint(&r, COUNTER_SIZE);
	const uint8_t padding = read_u8(&r);
	struct bytes given = read_bytes(&r, size), rest = read_rest(&r);
	if (r.bad || padding > rest.len)
		return CHECKSUM_WRONG;
	packet->data = bytes_first(rest, rest.len - padding);
	if (size == 0)
		return OK;
	build_bytes(&input, packet->head);
	build_bytes(&input, bytes_first(packet->secured, COUNTER_SIZE + 1));
	build_bytes(&input, rest);
	if (builder_bytes(&input, &whole) != ERR_NONE ||
	    checksum(arena, packet->kid, &packet->mac_key, whole, expected) != ERR_NONE)
		return NO_MEMORY;
	return bytes_equal_constant_time(given, bytes_of(expected, size)) ? OK : CHECKSUM_WRONG;
}

static uint64_t counter_of(const struct card *card, uint8_t key_set)
{
	const struct data_object *object = entry_object(registry_isd(&card->registry), TAG_COUNTER | key_set);
	struct reader r = reader_of(object == NULL ? bytes_of(NULL, 0) : object->value);

	return object == NULL ? 0 : read_uint(&r, COUNTER_SIZE);
}

static bool counter_keep(struct card *card, uint8_t key_set, uint64_t counter)
{
	struct builder b = builder_in(card->scratch);
	struct bytes value;

	build_uint(&b, counter, COUNTER_SIZE);
	return builder_bytes(&b, &value) == ERR_NONE &&
	       entry_store(&card->registry, registry_isd(&card->registry), TAG_COUNTER | key_set, value) &&
	       state_commit(card) == SW_SUCCESS;
}

static enum status count(struct card *card, const struct packet *packet)
{
	const uint8_t mode = packet->spi1 & COUNTER_MODE, key_set = packet->kid >> 4;
	const uint64_t last = counter_of(card, key_set);

	if (mode == 0 || mode == MODE_PRESENT)
		return OK;
	if (last == COUNTER_MAX)
		return COUNTER_BLOCKED;
	if (packet->counter <= last)
		return COUNTER_LOW;
	if (mode == MODE_NEXT && packet->counter != last + 1)
		return COUNTER_HIGH;
	return counter_keep(card, key_set, packet->counter) ? OK : NO_MEMORY;
}

static enum status admit(struct card *card, struct packet *packet)
{
	packet->target = target_find(card, packet->tar);
	const bool has_keys = key_find(card, packet->kid, KID_ID, &packet->mac_key) &&
			      key_find(card, packet->kic, KIC_ID, &packet->cipher_key) &&
			      packet->kic >> 4 == packet->kid >> 4;
	const struct card_key *kik = entry_key(registry_isd(&card->registry), packet->kic >> 4, KIK_ID);

	if (kik != NULL && secret_from(kik->components->value, &packet->key_encryption_key) != ERR_NONE)
		return SECURITY_ERROR;
	if (!has_keys || (packet->spi1 & 3) == 1 || (packet->spi1 & 3) == 3)
		return SECURITY_ERROR;
	enum status status = decipher(card->scratch, packet);
	if (status == OK)
		status = verify(card->scratch, packet);
	if (status == OK && packet->target == NULL)
		return TAR_UNKNOWN;
	if (status == OK && !is_strong_enough(card, packet->spi1))
		return TOO_WEAK;
	return status == OK ? count(card, packet) : status;
}

/* ---- the response packet ---- */

static size_t answer_room(const struct packet *packet)
{
	const size_t block = block_of(packet->kic), fixed = 3 + 2 + 1 + 3;
	const size_t left = (ANSWER_MAX_BYTES - fixed) / block * block;

	return left - COUNTER_SIZE - 2 - CHECKSUM_SIZE;
}

static enum err answer_build(struct card *card, const struct packet *packet, enum status status,
			     struct bytes data, struct builder *ret_answer)
{
	const bool has_keys = packet->mac_key.len > 0 && packet->cipher_key.len > 0;
	const size_t size = has_keys && (packet->spi2 & ANSWER_CHECKSUM) == ANSWER_CC ? CHECKSUM_SIZE : 0;
	const bool is_ciphered = has_keys && (packet->spi2 & ANSWER_CIPHERED) != 0;
	const size_t clear = COUNTER_SIZE + 2 + size + data.len, block = block_of(packet->kic);
	const size_t padding = is_ciphered ? (block - clear % block) % block : 0;
	struct builder head = builder_in(card->scratch), input = builder_in(card->scratch),
		       body = builder_in(card->scratch);
	uint8_t mac[CHECKSUM_SIZE] = { 0 };
	struct bytes bytes;
	enum err err = ERR_NONE;

	build_bytes(&head, bytes_of("\x02\x71\x00", 3));
	build_u16(&head, (uint16_t)(1 + 3 + clear + padding));
	build_u8(&head, (uint8_t)(ANSWER_FIXED + size));
	build_u24(&head, packet->tar);
	build_bytes(&input, bytes_of(head.at, head.bad ? 0 : head.len));
	build_uint(&input, packet->counter, COUNTER_SIZE);
	build_u8(&input, (uint8_t)padding);
	build_u8(&input, (uint8_t)status);
	build_bytes(&input, data);
	build_zeros(&input, padding);
	if (size > 0) {
		err = builder_bytes(&input, &bytes);
		if (err == ERR_NONE)
			err = checksum(card->scratch, packet->kid, &packet->mac_key, bytes, mac);
	}
	build_uint(&body, packet->counter, COUNTER_SIZE);
	build_u8(&body, (uint8_t)padding);
	build_u8(&body, (uint8_t)status);
	build_bytes(&body, bytes_of(mac, size));
	build_bytes(&body, data);
	build_zeros(&body, padding);
	if (err == ERR_NONE)
		err = builder_bytes(&body, &bytes);
	if (err == ERR_NONE && is_ciphered)
		err = cipher(packet->kic, &packet->cipher_key, true, bytes, body.at);
	build_bytes(ret_answer, bytes_of(head.at, head.bad ? 0 : head.len));
	build_bytes(ret_answer, bytes);
	return err;
}

static bool is_answer_wanted(uint8_t spi2, enum status status)
{
	if ((spi2 & BY_SUBMIT) != 0)
		return false; /* this card sends no messages */
	return (spi2 & ANSWER_WANTED) == ANSWER_ALWAYS ||
	       ((spi2 & ANSWER_WANTED) == ANSWER_ON_ERROR && status != OK);
}

static void packet_wipe(struct packet *packet)
{
	secret_wipe(&packet->cipher_key);
	secret_wipe(&packet->mac_key);
	secret_wipe(&packet->key_encryption_key);
}

uint16_t packet_receive(struct call *call, struct bytes bytes)
{
	struct card *card = call->card;
	struct packet packet = { 0 };
	struct bytes data = { 0 };
	enum err err = ERR_NONE;

	if (!packet_read(bytes, &packet))
		return SW_SUCCESS; /* not even its header can be trusted: nobody to answer to */
	enum status status = admit(card, &packet);
	if (status == OK)
		err = remote_script_run(card, packet.target, packet.data, &packet.key_encryption_key,
					answer_room(&packet), &data);
	if (err == ERR_NONE && is_answer_wanted(packet.spi2, status) &&
	    !card->settings.misbehaviour.withholds_receipts)
		err = answer_build(card, &packet, status, data, call->answer);
	packet_wipe(&packet);
	if (err != ERR_NONE)
		return SW_MEMORY_FAILURE;
	return status == OK ? SW_SUCCESS : SW_PACKET_REFUSED;
}
