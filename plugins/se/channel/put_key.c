/* GPCS 2.3.1: tables 11-68 to 11-71, 11-16 key types, B-2 key parameter references; Amendment F 5.1 for the
 * keys of SCP11
 */
#include "channel/put_key.h"

#include <cardea/tlv.h>

#include "channel/certificate.h"

enum {
	TYPE_RSA_EXPONENT = 0xA0,
	TYPE_RSA_MODULUS = 0xA1,
	TYPE_EC_PUBLIC = 0xB0,
	TYPE_EC_PRIVATE = 0xB1,
	TYPE_PARAMETER_REFERENCE = 0xF0,
};

/* ---- components ---- */

struct new_key new_key_symmetric(uint8_t id, enum key_type type, struct bytes value)
{
	return (struct new_key){ .id = id, .parts = { { (uint8_t)type, value, true } }, .part_count = 1 };
}

static struct new_key ec_key(uint8_t id, uint8_t type, enum ec_curve curve, struct bytes value)
{
	return (struct new_key){
		.id = id,
		.parts = { { type, value, type == TYPE_EC_PRIVATE },
			   { TYPE_PARAMETER_REFERENCE, bytes_of(certificate_curve_reference(curve), 1),
			     false } },
		.part_count = 2,
	};
}

struct new_key new_key_ec_public(uint8_t id, enum ec_curve curve, struct bytes point)
{
	return ec_key(id, TYPE_EC_PUBLIC, curve, point);
}

struct new_key new_key_ec_private(uint8_t id, enum ec_curve curve, struct bytes private)
{
	return ec_key(id, TYPE_EC_PRIVATE, curve, private);
}

struct new_key new_key_rsa_public(uint8_t id, const struct rsa_public *public)
{
	return (struct new_key){
		.id = id,
		.parts = { { TYPE_RSA_MODULUS, bytes_of(public->modulus, public->modulus_len), false },
			   { TYPE_RSA_EXPONENT, bytes_of(public->exponent, public->exponent_len), false } },
		.part_count = 2,
	};
}

/* ---- the data field ---- */

/* A secret in whole blocks under the DEK. With AES its length stands before it, as with keys; with DES only
 * where it had to be filled up, since a DES key has no length of its own. */
static enum err build_secret(struct builder *b, const struct key_cipher *cipher, struct bytes value)
{
	static const uint8_t icv[AES_BLOCK] = { 0 };
	const bool is_aes = cipher->type == KEY_TYPE_AES;
	const size_t block = is_aes ? AES_BLOCK : DES_BLOCK, size = (value.len + block - 1) / block * block;
	const bool has_length = is_aes || size != value.len;
	uint8_t padded[SECRET_MAX + 2 * AES_BLOCK] = { 0 };

	if (size > sizeof(padded))
		return ERR_LIMIT;
	memcpy(padded, value.at, value.len);
	enum err err = key_encrypt(cipher->dek, is_aes ? CIPHER_AES_CBC : CIPHER_DES3_ECB,
				   is_aes ? icv : NULL, bytes_of(padded, size), padded);
	if (err == ERR_NONE) {
		build_ber_length(b, size + has_length);
		if (has_length)
			build_u8(b, (uint8_t)value.len);
		build_bytes(b, bytes_of(padded, size));
	}
	wipe(padded, sizeof(padded));
	return err;
}

static enum err build_part(struct builder *b, const struct key_cipher *cipher, const struct key_part *part)
{
	build_u8(b, part->type);
	if (part->is_secret)
		return build_secret(b, cipher, part->value);
	build_ber_length(b, part->value.len);
	build_bytes(b, part->value);
	return ERR_NONE;
}

/* Keys in parts have none. */
static enum err check_value_of(const struct new_key *key, uint8_t ret_kcv[KEY_CHECK_SIZE], size_t *ret_len)
{
	const enum key_type type = (enum key_type)key->parts[0].type;
	struct secret secret;

	*ret_len = 0;
	if (key->part_count > 1)
		return ERR_NONE;
	enum err err = secret_from(key->parts[0].value, &secret);
	if (err != ERR_NONE)
		return err;
	struct key value = key_of(&secret);
	err = key_check_value(type, &value, ret_kcv);
	*ret_len = KEY_CHECK_SIZE;
	key_wipe(&value);
	secret_wipe(&secret);
	return err;
}

enum err new_key_data(struct arena *arena, uint8_t new_version, const struct new_key *key,
		      const struct key_cipher *cipher, struct bytes *ret_data, struct bytes *ret_answer)
{
	struct builder data = builder_in(arena), answer = builder_in(arena);
	uint8_t kcv[KEY_CHECK_SIZE];
	size_t kcv_len;
	enum err err = check_value_of(key, kcv, &kcv_len);

	build_u8(&data, new_version);
	for (size_t i = 0; i < key->part_count && err == ERR_NONE; i++)
		err = build_part(&data, cipher, &key->parts[i]);
	if (err != ERR_NONE)
		return err;
	build_lv(&data, bytes_of(kcv, kcv_len));
	build_u8(&answer, new_version);
	build_bytes(&answer, bytes_of(kcv, kcv_len));
	err = builder_bytes(&answer, ret_answer);
	return err == ERR_NONE ? builder_bytes(&data, ret_data) : err;
}
