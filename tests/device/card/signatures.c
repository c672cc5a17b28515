#include "signatures.h"

#include <cardea/crypto_rsa.h>

#define KEY_TYPE_RSA_EXPONENT 0xA0
#define KEY_TYPE_RSA_MODULUS  0xA1
#define KEY_TYPE_ECC_PRIVATE  0xB1
#define RSA_SHORT             128 /* bytes of the modulus: scheme 1 of table C-1 */

const struct card_key *entry_key_of_version(const struct entry *security_domain, uint8_t version)
{
	const struct card_key *key = security_domain->keys;
	while (key != NULL && key->version != version)
		key = key->next;
	return key;
}

static struct bytes component_of(const struct card_key *key, uint8_t type)
{
	for (const struct key_component *part = key->components; part != NULL; part = part->next) {
		if (part->type == type)
			return part->value;
	}
	return bytes_of(NULL, 0);
}

/* GPCS 2.3.1 table B-2 */
static bool curve_of(const struct card_key *key, enum ec_curve *ret_curve)
{
	static const struct {
		uint8_t reference;
		enum ec_curve curve;
	} rows[] = {
		{ 0x00, EC_P256 },
		{ 0x01, EC_P384 },
		{ 0x02, EC_P521 },
		{ 0x03, EC_BRAINPOOL_P256R1 },
		{ 0x05, EC_BRAINPOOL_P384R1 },
		{ 0x07, EC_BRAINPOOL_P512R1 },
	};
	struct bytes reference = component_of(key, KEY_TYPE_PARAMETER_REFERENCE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (reference.len == 1 && reference.at[0] == rows[i].reference) {
			*ret_curve = rows[i].curve;
			return true;
		}
	}
	return false;
}

static enum err mac_des(struct bytes key, struct arena *arena, struct bytes data, uint8_t *ret_mac)
{
	static const uint8_t icv[DES_BLOCK];
	struct builder b = builder_in(arena);
	struct bytes padded;
	build_bytes(&b, data);
	build_u8(&b, 0x80);
	while (b.len % DES_BLOCK != 0)
		build_u8(&b, 0x00);
	enum err err = builder_bytes(&b, &padded);
	return err == ERR_NONE ? des_retail_mac(key, icv, padded, ret_mac) : err;
}

enum err key_sign(const struct card_key *key, struct arena *arena, struct bytes data,
		  struct bytes *ret_signature)
{
	const struct key_component *first = key->components;
	uint8_t signature[2 * EC_SIZE_MAX];
	enum ec_curve curve;
	size_t len;
	enum err err;
	switch (first->type) {
	case KEY_TYPE_DES:
		len = DES_BLOCK;
		err = mac_des(first->value, arena, data, signature);
		break;
	case KEY_TYPE_AES:
		len = AES_BLOCK;
		err = aes_cmac(first->value, &data, 1, signature);
		break;
	case KEY_TYPE_ECC_PRIVATE:
		if (!curve_of(key, &curve))
			return ERR_UNSUPPORTED;
		len = 2 * ec_size(curve);
		err = ec_sign(curve, ec_digest(curve), first->value, data, signature);
		break;
	default:
		return ERR_UNSUPPORTED;
	}
	return err == ERR_NONE ? bytes_copy(arena, bytes_of(signature, len), ret_signature) : err;
}

static bool rsa_verifies(const struct card_key *key, struct bytes data, struct bytes signature)
{
	struct bytes modulus = component_of(key, KEY_TYPE_RSA_MODULUS),
		     exponent = component_of(key, KEY_TYPE_RSA_EXPONENT);
	struct rsa_public public = { .modulus_len = modulus.len, .exponent_len = exponent.len };
	if (modulus.len < RSA_SIZE_MIN || modulus.len > RSA_SIZE_MAX || exponent.len == 0 ||
	    exponent.len > sizeof(public.exponent))
		return false;
	memcpy(public.modulus, modulus.at, modulus.len);
	memcpy(public.exponent, exponent.at, exponent.len);
	return rsa_verify(modulus.len <= RSA_SHORT ? RSA_PKCS1_SHA1 : RSA_PSS_SHA256, &public, data,
			  signature) == ERR_NONE;
}

bool key_verifies(const struct card_key *key, struct arena *arena, struct bytes data, struct bytes signature)
{
	const struct key_component *first = key->components;
	struct bytes expected;
	enum ec_curve curve;
	switch (first->type) {
	case KEY_TYPE_DES:
	case KEY_TYPE_AES:
		return key_sign(key, arena, data, &expected) == ERR_NONE &&
		       bytes_equal_constant_time(expected, signature);
	case KEY_TYPE_RSA_MODULUS:
	case KEY_TYPE_RSA_EXPONENT:
		return rsa_verifies(key, data, signature);
	case KEY_TYPE_ECC_PUBLIC:
		return curve_of(key, &curve) &&
		       ec_verify(curve, ec_digest(curve), first->value, data, signature) == ERR_NONE;
	default:
		return false;
	}
}

size_t key_digest_size(const struct card_key *key)
{
	const struct key_component *first = key->components;
	enum ec_curve curve;
	switch (first->type) {
	case KEY_TYPE_AES:
		return first->value.len == 16 ? 32 : first->value.len == 24 ? 48 : 64;
	case KEY_TYPE_ECC_PUBLIC:
		return curve_of(key, &curve) ? digest_size(ec_digest(curve)) : SHA256_SIZE;
	case KEY_TYPE_RSA_MODULUS:
		return first->value.len <= RSA_SHORT ? digest_size(DIGEST_SHA1) : SHA256_SIZE;
	default:
		return digest_size(DIGEST_SHA1);
	}
}
