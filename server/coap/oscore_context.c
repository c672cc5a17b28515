/* RFC 8613 3: the security context */
#include "oscore_context.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <cardea/cbor.h>

#define AES_CCM_16_64_128 10 /* in the registry of COSE algorithms */

/* ---- derivation (RFC 8613 3.2.1) ---- */

/* One step of HKDF with SHA-256: "EXTRACT_ONLY" with a salt, "EXPAND_ONLY" with an info. */
static enum err hkdf_step(const char *mode, struct bytes key, const char *input_name, struct bytes input,
			  uint8_t *ret_at, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[5], *next = params;
	enum err err = ERR_INTERNAL;

	*next++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
	*next++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, (char *)mode, 0);
	*next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key.at, key.len);
	if (input.len > 0) /* no salt is as many zeros as a hash has bytes: the same */
		*next++ = OSSL_PARAM_construct_octet_string(input_name, (void *)input.at, input.len);
	*next = OSSL_PARAM_construct_end();
	if (context != NULL && EVP_KDF_derive(context, ret_at, len, params) == 1)
		err = ERR_NONE;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return err;
}

static enum err derive_one(struct arena *arena, const struct oscore_keys *keys, struct bytes id,
			   const char *type, uint8_t *ret_at, size_t len)
{
	struct builder b = builder_in(arena);
	struct bytes info;

	build_cbor_array(&b, 5);
	build_cbor_bytes(&b, id);
	if (keys->id_context_len > 0)
		build_cbor_bytes(&b, bytes_of(keys->id_context, keys->id_context_len));
	else
		build_cbor_null(&b);
	build_cbor_uint(&b, AES_CCM_16_64_128);
	build_cbor_text(&b, bytes_of_text(type));
	build_cbor_uint(&b, len);
	enum err err = builder_bytes(&b, &info);
	if (err != ERR_NONE)
		return err;
	return hkdf_step("EXPAND_ONLY", bytes_of(keys->root, sizeof(keys->root)), OSSL_KDF_PARAM_INFO, info,
			 ret_at, len);
}

/* Of what the nonces of a sender come from, whoever has the context by name. */
static enum err print_of(struct oscore_keys *keys)
{
	uint8_t data[OSCORE_KEY_SIZE + OSCORE_NONCE_SIZE], digest[SHA256_SIZE];

	memcpy(data, keys->sender_key, OSCORE_KEY_SIZE);
	memcpy(data + OSCORE_KEY_SIZE, keys->common_iv, OSCORE_NONCE_SIZE);
	enum err err = sha256(bytes_of(data, sizeof(data)), digest);
	wipe(data, sizeof(data));
	if (err == ERR_NONE)
		memcpy(keys->print, digest, OSCORE_PRINT_SIZE);
	return err;
}

static struct oscore_id id_of(struct bytes bytes)
{
	struct oscore_id id = { .len = (uint8_t)bytes.len };

	if (bytes.len > 0)
		memcpy(id.at, bytes.at, bytes.len);
	return id;
}

/* What follows from the root, the ids and the ID context. */
static enum err derive_all(struct arena *arena, struct oscore_keys *keys)
{
	enum err err = derive_one(arena, keys, oscore_id_bytes(&keys->sender_id), "Key", keys->sender_key,
				  OSCORE_KEY_SIZE);

	if (err == ERR_NONE)
		err = derive_one(arena, keys, oscore_id_bytes(&keys->recipient_id), "Key",
				 keys->recipient_key, OSCORE_KEY_SIZE);
	if (err == ERR_NONE)
		err = derive_one(arena, keys, bytes_of(NULL, 0), "IV", keys->common_iv, OSCORE_NONCE_SIZE);
	return err == ERR_NONE ? print_of(keys) : err;
}

static enum err set_id_context(struct oscore_keys *keys, struct bytes id_context)
{
	if (id_context.len > OSCORE_ID_CONTEXT_MAX)
		return ERR_LIMIT;
	keys->id_context_len = (uint8_t)id_context.len;
	if (id_context.len > 0)
		memcpy(keys->id_context, id_context.at, id_context.len);
	return ERR_NONE;
}

enum err oscore_derive(struct arena *arena, const struct oscore_parameters *parameters,
		       struct oscore_keys *ret_keys)
{
	struct oscore_keys keys = { 0 };

	if (parameters->sender_id.len > OSCORE_ID_MAX || parameters->recipient_id.len > OSCORE_ID_MAX)
		return ERR_LIMIT;
	if (bytes_equal(parameters->sender_id, parameters->recipient_id))
		return ERR_CONFLICT;
	keys.sender_id = id_of(parameters->sender_id);
	keys.recipient_id = id_of(parameters->recipient_id);
	enum err err = set_id_context(&keys, parameters->id_context);
	if (err == ERR_NONE)
		err = hkdf_step("EXTRACT_ONLY", parameters->master_secret, OSSL_KDF_PARAM_SALT,
				parameters->master_salt, keys.root, sizeof(keys.root));
	if (err == ERR_NONE)
		err = derive_all(arena, &keys);
	if (err == ERR_NONE)
		*ret_keys = keys;
	wipe(&keys, sizeof(keys));
	return err;
}

enum err oscore_derive_renewed(struct arena *arena, const struct oscore_keys *base, struct bytes id_context,
			       struct oscore_keys *ret_keys)
{
	struct oscore_keys keys = {
		.sender_id = base->sender_id,
		.recipient_id = base->recipient_id,
		.is_renewed = true,
	};

	memcpy(keys.root, base->root, sizeof(keys.root));
	enum err err = set_id_context(&keys, id_context);
	if (err == ERR_NONE)
		err = derive_all(arena, &keys);
	if (err == ERR_NONE)
		*ret_keys = keys;
	wipe(&keys, sizeof(keys));
	return err;
}

/* ---- sequence numbers and nonces (RFC 8613 5.2) ---- */

size_t oscore_number_write(uint64_t number, uint8_t ret_iv[OSCORE_IV_MAX])
{
	size_t len = 1;

	while (len < OSCORE_IV_MAX && number >> (8 * len) != 0)
		len++;
	for (size_t i = 0; i < len; i++)
		ret_iv[i] = (uint8_t)(number >> (8 * (len - 1 - i)));
	return len;
}

bool oscore_number_read(struct bytes iv, uint64_t *ret_number)
{
	struct reader r = reader_of(iv);

	if (iv.len == 0 || iv.len > OSCORE_IV_MAX || (iv.len > 1 && iv.at[0] == 0))
		return false;
	*ret_number = read_uint(&r, iv.len);
	return true;
}

void oscore_nonce(const struct oscore_keys *keys, const struct oscore_id *id, uint64_t number,
		  uint8_t ret_nonce[OSCORE_NONCE_SIZE])
{
	const size_t id_end = 1 + OSCORE_ID_MAX;

	memcpy(ret_nonce, keys->common_iv, OSCORE_NONCE_SIZE);
	ret_nonce[0] ^= id->len;
	for (size_t i = 0; i < id->len; i++)
		ret_nonce[id_end - id->len + i] ^= id->at[i];
	for (size_t i = 0; i < OSCORE_IV_MAX; i++)
		ret_nonce[id_end + i] ^= (uint8_t)(number >> (8 * (OSCORE_IV_MAX - 1 - i)));
}

/* ---- replays ---- */

bool oscore_window_is_new(const struct oscore_window *window, uint64_t number)
{
	if (number >= window->next)
		return number <= OSCORE_NUMBER_MAX;
	const uint64_t age = window->next - 1 - number;
	return age < OSCORE_WINDOW && (window->seen >> age & 1) == 0;
}

void oscore_window_mark(struct oscore_window *window, uint64_t number)
{
	if (number < window->next) {
		const uint64_t age = window->next - 1 - number;
		if (age < OSCORE_WINDOW)
			window->seen |= UINT64_C(1) << age;
		return;
	}
	const uint64_t ahead = number + 1 - window->next;
	window->seen = ahead < OSCORE_WINDOW ? window->seen << ahead | 1 : 1;
	window->next = number + 1;
}

struct oscore_window oscore_window_from(uint64_t number)
{
	return (struct oscore_window){ .next = number + 1, .seen = UINT64_MAX };
}
