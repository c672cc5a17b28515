#include <cardea/key.h>

static enum err cmac_in_memory(const struct key *key, const struct bytes *parts, size_t part_count,
			       uint8_t ret_mac[AES_BLOCK])
{
	return aes_cmac(secret_bytes(&key->secret), parts, part_count, ret_mac);
}

static enum err encrypt_in_memory(const struct key *key, enum cipher cipher, const uint8_t *iv,
				  struct bytes data, uint8_t *ret_at)
{
	const struct bytes value = secret_bytes(&key->secret);

	switch (cipher) {
	case CIPHER_AES_ECB:
		return aes_ecb_encrypt(value, data, ret_at);
	case CIPHER_AES_CBC:
		return aes_cbc_encrypt(value, iv, data, ret_at);
	case CIPHER_DES3_ECB:
		return des3_ecb_encrypt(value, data, ret_at);
	case CIPHER_DES3_CBC:
		return des3_cbc_encrypt(value, iv, data, ret_at);
	}
	return ERR_UNSUPPORTED;
}

static enum err unwrap_in_memory(const struct key *key, struct bytes wrapped, struct secret *ret_secret)
{
	return aes_key_unwrap(secret_bytes(&key->secret), wrapped, ret_secret);
}

static const struct key_provider key_in_memory = { cmac_in_memory, encrypt_in_memory, unwrap_in_memory };

struct key key_of(const struct secret *secret)
{
	return (struct key){ .provider = &key_in_memory, .size = secret->len, .secret = *secret };
}

void key_wipe(struct key *key)
{
	wipe(key, sizeof(*key));
}

/* A key that is all zero is an empty one in memory, which no cipher takes. */
static const struct key_provider *provider_of(const struct key *key)
{
	return key->provider != NULL ? key->provider : &key_in_memory;
}

enum err key_cmac(const struct key *key, const struct bytes *parts, size_t part_count,
		  uint8_t ret_mac[AES_BLOCK])
{
	return provider_of(key)->cmac(key, parts, part_count, ret_mac);
}

enum err key_encrypt(const struct key *key, enum cipher cipher, const uint8_t *iv, struct bytes data,
		     uint8_t *ret_at)
{
	return provider_of(key)->encrypt(key, cipher, iv, data, ret_at);
}

enum err key_unwrap(const struct key *key, struct bytes wrapped, struct secret *ret_secret)
{
	return provider_of(key)->unwrap(key, wrapped, ret_secret);
}
