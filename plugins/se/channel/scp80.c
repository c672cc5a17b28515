/* ETSI TS 102 225: 5.1 command packet, 5.2 response packet; 3GPP TS 31.115 4 for SMS */
#include "channel/scp80.h"

#define COUNTER_SIZE    5
#define CHECKSUM_SIZE   8
#define FIXED_HEADER    13 /* SPI to PCNTR */
#define FIXED_RESPONSE  10 /* TAR to status */
#define RESPONSE_HEADER "\x02\x71\x00"

/* ---- algorithms ---- */

enum algorithm { DES_CBC, AES_CBC_MODE, DES3_CBC_MODE };

/* [memory] for the values that no vector shows: single DES, three keys. */
static const struct algorithm_row {
	uint8_t nibble;
	enum algorithm algorithm;
	size_t key_size; /* 0: any of AES */
	size_t block;
} algorithms[] = {
	{ 0x1, DES_CBC, 8, DES_BLOCK },
	{ 0x2, AES_CBC_MODE, 0, AES_BLOCK },
	{ 0x5, DES3_CBC_MODE, 16, DES_BLOCK },
	{ 0x9, DES3_CBC_MODE, 24, DES_BLOCK },
};

static enum err algorithm_find(uint8_t key_byte, const struct secret *key, const char *what,
			       const struct algorithm_row **ret_row, struct fault *fault)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		const struct algorithm_row *row = &algorithms[i];
		if (row->nibble != (key_byte & 0x0F))
			continue;
		const bool fits = row->key_size == 0 ? key->len == 16 || key->len == 24 || key->len == 32
						     : key->len == row->key_size;
		if (!fits)
			return fault_set(fault, ERR_MALFORMED,
					 "%s: a key of %zu bytes does not fit algorithm %X", what, key->len,
					 row->nibble);
		*ret_row = row;
		return ERR_NONE;
	}
	return fault_set(fault, ERR_UNSUPPORTED, "%s: algorithm %X is not spoken", what, key_byte & 0x0Fu);
}

/* DES is triple DES with equal keys. */
static struct secret key_for(const struct algorithm_row *row, const struct secret *key)
{
	struct secret used = *key;

	if (row->algorithm == DES_CBC) {
		memcpy(&used.at[DES_BLOCK], key->at, DES_BLOCK);
		used.len = 2 * DES_BLOCK;
	}
	return used;
}

static enum err run_cbc(const struct algorithm_row *row, const struct secret *key, bool encrypts,
			struct bytes data, uint8_t *ret_at)
{
	static const uint8_t icv[AES_BLOCK];
	struct secret used = key_for(row, key);
	enum err err;

	if (row->algorithm == AES_CBC_MODE)
		err = encrypts ? aes_cbc_encrypt(secret_bytes(&used), icv, data, ret_at)
			       : aes_cbc_decrypt(secret_bytes(&used), icv, data, ret_at);
	else
		err = encrypts ? des3_cbc_encrypt(secret_bytes(&used), icv, data, ret_at)
			       : des3_cbc_decrypt(secret_bytes(&used), icv, data, ret_at);
	secret_wipe(&used);
	return err;
}

/* ---- checksums ---- */

static uint32_t crc_of(struct bytes data, uint32_t polynomial, uint32_t all_ones)
{
	uint32_t crc = all_ones;

	for (size_t i = 0; i < data.len; i++) {
		crc ^= data.at[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (crc & 1) != 0 ? crc >> 1 ^ polynomial : crc >> 1;
	}
	return crc ^ all_ones;
}

/* [memory] CRC-16 as in the annex of TS 102 225; CRC-32 is that of ISO 3309. */
static enum err redundancy_check(uint8_t kid, struct arena *arena, struct bytes input,
				 struct bytes *ret_checksum, struct fault *fault)
{
	struct builder b = builder_in(arena);

	if ((kid & 0x0F) == 0x1)
		build_u16(&b, (uint16_t)crc_of(input, 0x8408, 0xFFFF));
	else if ((kid & 0x0F) == 0x5)
		build_u32(&b, crc_of(input, 0xEDB88320, 0xFFFFFFFF));
	else
		return fault_set(fault, ERR_UNSUPPORTED, "KID: redundancy check %X is not spoken",
				 kid & 0x0Fu);
	return builder_bytes(&b, ret_checksum);
}

/* Truncated CMAC, or the last block of CBC over the data and zeros up to a whole block. */
static enum err cryptographic_checksum(const struct scp80_channel *channel, struct arena *arena,
				       struct bytes input, struct bytes *ret_checksum, struct fault *fault)
{
	const struct algorithm_row *row;
	struct builder b = builder_in(arena);
	struct bytes padded;
	uint8_t mac[AES_BLOCK];
	enum err err = algorithm_find(channel->kid, &channel->mac_key, "KID", &row, fault);

	if (err != ERR_NONE)
		return err;
	if (row->algorithm == AES_CBC_MODE) {
		err = aes_cmac(secret_bytes(&channel->mac_key), &input, 1, mac);
	} else {
		build_bytes(&b, input);
		build_zeros(&b, (DES_BLOCK - input.len % DES_BLOCK) % DES_BLOCK);
		err = builder_bytes(&b, &padded);
		if (err == ERR_NONE)
			err = run_cbc(row, &channel->mac_key, true, padded, b.at);
		if (err == ERR_NONE)
			memcpy(mac, &b.at[padded.len - CHECKSUM_SIZE], CHECKSUM_SIZE);
	}
	return err == ERR_NONE ? bytes_copy(arena, bytes_of(mac, CHECKSUM_SIZE), ret_checksum) : err;
}

/* `kind` as in the two lowest bits of SPI's first byte. */
static enum err checksum_of(const struct scp80_channel *channel, unsigned kind, struct arena *arena,
			    struct bytes input, struct bytes *ret_checksum, struct fault *fault)
{
	switch (kind) {
	case 0:
		*ret_checksum = bytes_of(NULL, 0);
		return ERR_NONE;
	case 1:
		return redundancy_check(channel->kid, arena, input, ret_checksum, fault);
	case 2:
		return cryptographic_checksum(channel, arena, input, ret_checksum, fault);
	default:
		return fault_set(fault, ERR_UNSUPPORTED, "SPI: digital signatures are not spoken");
	}
}

static size_t checksum_size(const struct scp80_channel *channel, unsigned kind)
{
	if (kind == 1)
		return (channel->kid & 0x0F) == 0x1 ? 2 : 4;
	return kind == 0 ? 0 : CHECKSUM_SIZE;
}

/* ---- command packet ---- */

static void build_from_counter(struct builder *b, uint64_t counter, size_t padding, struct bytes checksum,
			       struct bytes data)
{
	build_uint(b, counter, COUNTER_SIZE);
	build_u8(b, (uint8_t)padding);
	build_bytes(b, checksum);
	build_bytes(b, data);
	build_zeros(b, padding);
}

enum err scp80_command_build(struct arena *arena, const struct scp80_channel *channel, uint64_t counter,
			     struct bytes data, struct bytes *ret_packet, struct fault *fault)
{
	const unsigned kind = (channel->spi & SPI_CHECKSUM) >> 8;
	const size_t mac_size = checksum_size(channel, kind);
	const struct algorithm_row *cipher = NULL;
	struct builder head = builder_in(arena), input = builder_in(arena), body = builder_in(arena),
		       packet = builder_in(arena);
	struct bytes bytes, checksum, ciphered;
	enum err err = ERR_NONE;

	if (counter > SCP80_MAX_COUNTER)
		return fault_set(fault, ERR_LIMIT, "the counter of the key set is used up");
	if ((channel->spi & SPI_CIPHERED) != 0)
		err = algorithm_find(channel->kic, &channel->cipher_key, "KIc", &cipher, fault);
	if (err != ERR_NONE)
		return err;
	const size_t clear = COUNTER_SIZE + 1 + mac_size + data.len;
	const size_t padding = cipher == NULL ? 0 : (cipher->block - clear % cipher->block) % cipher->block;
	const size_t length = 1 + FIXED_HEADER + mac_size + data.len + padding;
	if (length > UINT16_MAX)
		return fault_set(fault, ERR_LIMIT, "%zu bytes do not fit a secured packet", data.len);

	build_u16(&head, (uint16_t)length);
	build_u8(&head, (uint8_t)(FIXED_HEADER + mac_size));
	build_u16(&head, channel->spi);
	build_u8(&head, channel->kic);
	build_u8(&head, channel->kid);
	build_bytes(&head, bytes_of(channel->tar, SCP80_TAR_SIZE));
	build_bytes(&input, bytes_of(head.at, head.bad ? 0 : head.len));
	build_from_counter(&input, counter, padding, bytes_of(NULL, 0), data);
	err = builder_bytes(&input, &bytes);
	if (err == ERR_NONE)
		err = checksum_of(channel, kind, arena, bytes, &checksum, fault);
	if (err != ERR_NONE)
		return err;
	build_from_counter(&body, counter, padding, checksum, data);
	err = builder_bytes(&body, &ciphered);
	if (err == ERR_NONE && cipher != NULL)
		err = run_cbc(cipher, &channel->cipher_key, true, ciphered, body.at);
	if (err != ERR_NONE)
		return err;
	build_bytes(&packet, bytes_of(head.at, head.len));
	build_bytes(&packet, ciphered);
	return builder_bytes(&packet, ret_packet);
}

/* ---- response packet ---- */

const char *scp80_status_text(uint8_t status)
{
	static const char *const texts[] = {
		[SCP80_OK] = "done",
		[SCP80_CHECKSUM_FAILED] = "the checksum does not verify",
		[SCP80_COUNTER_LOW] = "the counter is too low",
		[SCP80_COUNTER_HIGH] = "the counter is too high",
		[SCP80_COUNTER_BLOCKED] = "the counter is blocked",
		[SCP80_CIPHERING_ERROR] = "it cannot be deciphered",
		[SCP80_SECURITY_ERROR] = "a security error",
		[SCP80_NO_MEMORY] = "not enough memory",
		[SCP80_MORE_TIME] = "more time is needed",
		[SCP80_UNKNOWN_TAR] = "no such application (TAR)",
		[SCP80_TOO_WEAK] = "more security is asked for",
		[SCP80_BY_SUBMIT] = "the answer comes by SMS-SUBMIT",
		[SCP80_BY_USSD] = "the answer comes by USSD",
	};

	return status < sizeof(texts) / sizeof(texts[0]) ? texts[status] : "an unknown status";
}

static enum err decipher(const struct scp80_channel *channel, struct arena *arena, struct bytes *secured,
			 struct fault *fault)
{
	const struct algorithm_row *cipher;
	enum err err;

	if ((channel->spi & SPI_RECEIPT_CIPHERED) == 0)
		return ERR_NONE;
	err = algorithm_find(channel->kic, &channel->cipher_key, "KIc", &cipher, fault);
	if (err != ERR_NONE)
		return err;
	if (secured->len % cipher->block != 0)
		return fault_set(fault, ERR_MALFORMED, "%zu ciphered bytes are not whole blocks",
				 secured->len);
	uint8_t *at = arena_alloc(arena, secured->len + 1);
	if (at == NULL)
		return ERR_NOMEM;
	err = run_cbc(cipher, &channel->cipher_key, false, *secured, at);
	if (err == ERR_NONE)
		*secured = bytes_of(at, secured->len);
	return err;
}

/* Over everything but the checksum itself. */
static enum err verify(const struct scp80_channel *channel, unsigned kind, struct arena *arena,
		       struct bytes head, struct bytes secured, struct bytes checksum, struct fault *fault)
{
	const size_t before = COUNTER_SIZE + 2;
	struct builder b = builder_in(arena);
	struct bytes input, expected;

	build_bytes(&b, head);
	build_bytes(&b, bytes_first(secured, before));
	build_bytes(&b, bytes_from(secured, before + checksum.len));
	enum err err = builder_bytes(&b, &input);
	if (err == ERR_NONE)
		err = checksum_of(channel, kind, arena, input, &expected, fault);
	if (err == ERR_NONE && !bytes_equal_constant_time(expected, checksum))
		err = fault_set(fault, ERR_DENIED, "the checksum of the proof of receipt does not verify");
	return err;
}

enum err scp80_receipt_parse(struct bytes packet, const struct scp80_channel *channel, struct arena *arena,
			     struct scp80_receipt *ret_receipt, struct fault *fault)
{
	const unsigned kind = (channel->spi & SPI_RECEIPT_CHECKSUM) >> 2;
	const size_t mac_size = checksum_size(channel, kind), head_size = 3 + 2 + 1 + SCP80_TAR_SIZE;
	struct reader r = reader_of(packet);
	struct scp80_receipt receipt;

	if (!bytes_equal(read_bytes(&r, 3), bytes_of(RESPONSE_HEADER, 3)))
		return fault_set(fault, ERR_MALFORMED, "a response packet begins with 027100");
	receipt.length = read_u16(&r);
	if (reader_left(&r) != receipt.length)
		return fault_set_at(fault, ERR_MALFORMED, 3, "RPL is %u, but %zu bytes follow",
				    receipt.length, reader_left(&r));
	receipt.header_length = read_u8(&r);
	receipt.tar = read_bytes(&r, SCP80_TAR_SIZE);
	struct bytes secured = read_rest(&r);
	if (r.bad || receipt.header_length != FIXED_RESPONSE + mac_size)
		return fault_set_at(fault, ERR_MALFORMED, 5, "RHL is %u, not %zu", receipt.header_length,
				    FIXED_RESPONSE + mac_size);
	if (!bytes_equal(receipt.tar, bytes_of(channel->tar, SCP80_TAR_SIZE)))
		return fault_set(fault, ERR_DENIED, "the proof of receipt is of another application");
	enum err err = decipher(channel, arena, &secured, fault);
	if (err != ERR_NONE)
		return err;
	struct reader s = reader_of(secured);
	receipt.counter = read_uint(&s, COUNTER_SIZE);
	receipt.padding = read_u8(&s);
	receipt.status = read_u8(&s);
	receipt.checksum = read_bytes(&s, mac_size);
	if (s.bad || receipt.padding > reader_left(&s))
		return fault_set(fault, ERR_MALFORMED, "the proof of receipt is cut short");
	receipt.data = read_bytes(&s, reader_left(&s) - receipt.padding);
	err = verify(channel, kind, arena, bytes_first(packet, head_size), secured, receipt.checksum, fault);
	if (err == ERR_NONE)
		*ret_receipt = receipt;
	return err;
}
