/* GPCS 2.3.1: B.6 key check values, 11.8 PUT KEY, 11.11.4 STORE DATA of keys; key diversification as the
 * common personalization schemes have it */
#include "channel/keys.h"

#include <cardea/tlv.h>

enum err key_check_value(enum key_type type, const struct key *key, uint8_t ret_kcv[KEY_CHECK_SIZE])
{
	uint8_t block[AES_BLOCK];
	enum err err;

	if (type == KEY_TYPE_AES) {
		memset(block, 1, AES_BLOCK);
		err = key_encrypt(key, CIPHER_AES_ECB, NULL, bytes_of(block, AES_BLOCK), block);
	} else {
		memset(block, 0, DES_BLOCK);
		err = key_encrypt(key, CIPHER_DES3_ECB, NULL, bytes_of(block, DES_BLOCK), block);
	}
	if (err == ERR_NONE)
		memcpy(ret_kcv, block, KEY_CHECK_SIZE);
	return err;
}

/* ---- diversification ---- */

#define DIVERSIFICATION_SIZE 10
#define HALF_SIZE            6 /* of the bytes that go before F0 k and 0F k */

struct des_scheme {
	const char *name;
	uint8_t from[HALF_SIZE]; /* which bytes of the diversification data */
};

static const struct des_scheme des_schemes[] = {
	{ "emv", { 4, 5, 6, 7, 8, 9 } },
	{ "visa2", { 0, 1, 4, 5, 6, 7 } },
	{ "visa", { 0, 1, 2, 3, 8, 9 } },
};

static enum err diversify_des(const struct des_scheme *scheme, const struct key *master, enum key_role role,
			      struct bytes kdd, struct key *ret_key)
{
	struct secret key = { .len = 2 * DES_BLOCK };

	for (size_t i = 0; i < HALF_SIZE; i++)
		key.at[i] = key.at[DES_BLOCK + i] = kdd.at[scheme->from[i]];
	key.at[HALF_SIZE] = 0xF0;
	key.at[DES_BLOCK + HALF_SIZE] = 0x0F;
	key.at[HALF_SIZE + 1] = key.at[DES_BLOCK + HALF_SIZE + 1] = (uint8_t)role;
	enum err err = key_encrypt(master, CIPHER_DES3_ECB, NULL, secret_bytes(&key), key.at);
	if (err == ERR_NONE)
		*ret_key = key_of(&key);
	secret_wipe(&key);
	return err;
}

/* The counter leads the block and there is no length field: not the derivation of SCP03 sessions. */
static enum err diversify_kdf3(const struct key *master, enum key_role role, struct bytes kdd,
			       struct key *ret_key)
{
	struct secret key = { .len = master->size };
	enum err err = ERR_NONE;

	for (uint8_t i = 1; (i - 1u) * AES_BLOCK < key.len && err == ERR_NONE; i++) {
		const uint8_t head[] = { i, 0, 0, 0, (uint8_t)role, 0 };
		const struct bytes parts[] = { bytes_of(head, sizeof(head)), kdd };
		err = key_cmac(master, parts, 2, &key.at[(i - 1u) * AES_BLOCK]);
	}
	if (err == ERR_NONE)
		*ret_key = key_of(&key);
	secret_wipe(&key);
	return err;
}

enum err key_diversify(const char *scheme, const struct key *master, enum key_role role,
		       struct bytes diversification, struct key *ret_key)
{
	if (strcmp(scheme, "none") == 0) {
		*ret_key = *master;
		return ERR_NONE;
	}
	if (diversification.len != DIVERSIFICATION_SIZE || master->size > 2 * AES_BLOCK)
		return ERR_MALFORMED;
	if (strcmp(scheme, "kdf3") == 0)
		return diversify_kdf3(master, role, diversification, ret_key);
	for (size_t i = 0; i < sizeof(des_schemes) / sizeof(des_schemes[0]); i++) {
		if (strcmp(scheme, des_schemes[i].name) == 0)
			return diversify_des(&des_schemes[i], master, role, diversification, ret_key);
	}
	return ERR_NOT_FOUND;
}

/* ---- PUT KEY and STORE DATA ---- */

/* With AES in CBC and a zero ICV, a key of 24 bytes filled up with zeros; with triple DES block by block.
 * ret_at takes 32 bytes. */
static enum err cipher_key(const struct key_cipher *cipher, const struct key *new_key, uint8_t *ret_at,
			   size_t *ret_size)
{
	const struct secret *key = &new_key->secret;
	static const uint8_t icv[AES_BLOCK] = { 0 };
	const size_t block = cipher->type == KEY_TYPE_AES ? AES_BLOCK : DES_BLOCK;
	uint8_t padded[2 * AES_BLOCK] = { 0 };
	size_t size = (key->len + block - 1) / block * block;
	enum err err;

	if (!key_is_visible(new_key))
		return ERR_DENIED;
	if (key->len != 16 && key->len != 24 && key->len != 32)
		return ERR_MALFORMED;
	memcpy(padded, key->at, key->len);
	if (cipher->type == KEY_TYPE_AES)
		err = key_encrypt(cipher->dek, CIPHER_AES_CBC, icv, bytes_of(padded, size), ret_at);
	else
		err = key_encrypt(cipher->dek, CIPHER_DES3_ECB, NULL, bytes_of(padded, size), ret_at);
	wipe(padded, sizeof(padded));
	if (err == ERR_NONE)
		*ret_size = size;
	return err;
}

/* A DES block has no length of its own (GPCS table 11-71): the cipher leaves it as long as it is. */
static void build_ciphered_key(struct builder *b, enum key_type type, const struct key *key,
			       struct bytes block)
{
	if (type == KEY_TYPE_AES) {
		build_u8(b, (uint8_t)(1 + block.len));
		build_u8(b, (uint8_t)key->size);
	} else {
		build_u8(b, (uint8_t)block.len);
	}
	build_bytes(b, block);
}

enum err put_key_data(struct arena *arena, uint8_t new_version, enum key_type type,
		      const struct key_set *keys, const struct key_cipher *cipher, struct bytes *ret_data,
		      struct bytes *ret_answer)
{
	const struct key *const set[] = { &keys->enc, &keys->mac, &keys->dek };
	struct builder data = builder_in(arena), answer = builder_in(arena);

	build_u8(&data, new_version);
	build_u8(&answer, new_version);
	for (size_t i = 0; i < 3; i++) {
		uint8_t block[2 * AES_BLOCK], kcv[KEY_CHECK_SIZE];
		size_t size;
		enum err err = cipher_key(cipher, set[i], block, &size);
		if (err == ERR_NONE)
			err = key_check_value(type, set[i], kcv);
		if (err != ERR_NONE)
			return err;
		build_u8(&data, (uint8_t)type);
		build_ciphered_key(&data, type, set[i], bytes_of(block, size));
		build_lv(&data, bytes_of(kcv, sizeof(kcv)));
		build_bytes(&answer, bytes_of(kcv, sizeof(kcv)));
	}
	enum err err = builder_bytes(&answer, ret_answer);
	return err == ERR_NONE ? builder_bytes(&data, ret_data) : err;
}

enum {
	DGI_KEY_ATTRIBUTES = 0x00B9,
	DGI_KEY_VALUE = 0x8113,
	TAG_SHARED_ATTRIBUTES = 0xB7,
	TAG_KEY_ATTRIBUTES = 0xB9,
};

static void build_dgi(struct builder *b, uint16_t id, struct bytes value)
{
	build_u16(b, id);
	if (value.len < 0xFF) {
		build_u8(b, (uint8_t)value.len);
	} else {
		build_u8(b, 0xFF);
		build_u16(b, (uint16_t)value.len);
	}
	build_bytes(b, value);
}

/* What all keys share, then version position and check value of each. */
static enum err build_key_attributes(struct builder *b, const struct dgi_key_order *order)
{
	size_t shared = build_open(b, TAG_SHARED_ATTRIBUTES);

	build_tlv_u8(b, 0x80, (uint8_t)order->type);
	build_tlv_u8(b, 0x81, (uint8_t)order->keys[0].size);
	build_tlv_u8(b, 0x83, order->version);
	build_tlv_u8(b, 0x96, order->access);
	build_tlv(b, 0x97, bytes_of("\x00\x03", 2));
	build_close(b, shared);
	for (size_t i = 0; i < order->count; i++) {
		uint8_t kcv[KEY_CHECK_SIZE];
		enum err err = key_check_value(order->type, &order->keys[i], kcv);
		if (err != ERR_NONE)
			return err;
		size_t mark = build_open(b, TAG_KEY_ATTRIBUTES);
		build_tlv_u8(b, 0x82, order->ids[i]);
		build_tlv(b, 0x84, bytes_of(kcv, sizeof(kcv)));
		build_close(b, mark);
	}
	return ERR_NONE;
}

enum err store_data_key_dgis(struct arena *arena, const struct dgi_key_order *order, struct bytes *ret_data)
{
	struct builder attributes = builder_in(arena), b = builder_in(arena);
	struct bytes value;

	if (order->count == 0)
		return ERR_MALFORMED;
	enum err err = build_key_attributes(&attributes, order);
	if (err == ERR_NONE)
		err = builder_bytes(&attributes, &value);
	if (err != ERR_NONE)
		return err;
	build_dgi(&b, DGI_KEY_ATTRIBUTES, value);
	for (size_t i = 0; i < order->count; i++) {
		uint8_t block[2 * AES_BLOCK];
		size_t size;
		err = cipher_key(order->cipher, &order->keys[i], block, &size);
		if (err != ERR_NONE)
			return err;
		build_dgi(&b, DGI_KEY_VALUE, bytes_of(block, size));
	}
	return builder_bytes(&b, ret_data);
}
