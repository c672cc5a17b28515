/* RFC 8613 3: the security context */
#include "oscore_context.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <cardea/cbor.h>

#define AES_CCM_16_64_128 10 /* in the registry of COSE algorithms */

/* ---- derivation (RFC 8613 3.2.1) ---- */

static enum err hkdf_sha256(struct bytes secret, struct bytes salt, struct bytes info, uint8_t *ret_at,
			    size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[5], *next = params;
	enum err err = ERR_INTERNAL;

	*next++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
	*next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret.at, secret.len);
	*next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info.at, info.len);
	if (salt.len > 0) /* none is as many zeros as a hash has bytes: the same */
		*next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt.at, salt.len);
	*next = OSSL_PARAM_construct_end();
	if (context != NULL && EVP_KDF_derive(context, ret_at, len, params) == 1)
		err = ERR_NONE;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return err;
}

static enum err derive_one(struct arena *arena, const struct oscore_parameters *parameters, struct bytes id,
			   const char *type, uint8_t *ret_at, size_t len)
{
	struct builder b = builder_in(arena);
	struct bytes info;

	build_cbor_array(&b, 5);
	build_cbor_bytes(&b, id);
	if (parameters->id_context.len > 0)
		build_cbor_bytes(&b, parameters->id_context);
	else
		build_cbor_null(&b);
	build_cbor_uint(&b, AES_CCM_16_64_128);
	build_cbor_text(&b, bytes_of_text(type));
	build_cbor_uint(&b, len);
	enum err err = builder_bytes(&b, &info);
	if (err != ERR_NONE)
		return err;
	return hkdf_sha256(parameters->master_secret, parameters->master_salt, info, ret_at, len);
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

enum err oscore_derive(struct arena *arena, const struct oscore_parameters *parameters,
		       struct oscore_keys *ret_keys)
{
	struct oscore_keys keys = { .id_context_len = (uint8_t)parameters->id_context.len };

	if (parameters->sender_id.len > OSCORE_ID_MAX || parameters->recipient_id.len > OSCORE_ID_MAX ||
	    parameters->id_context.len > OSCORE_ID_CONTEXT_MAX)
		return ERR_LIMIT;
	if (bytes_equal(parameters->sender_id, parameters->recipient_id))
		return ERR_CONFLICT;
	keys.sender_id = id_of(parameters->sender_id);
	keys.recipient_id = id_of(parameters->recipient_id);
	if (parameters->id_context.len > 0)
		memcpy(keys.id_context, parameters->id_context.at, parameters->id_context.len);
	enum err err =
		derive_one(arena, parameters, parameters->sender_id, "Key", keys.sender_key, OSCORE_KEY_SIZE);
	if (err == ERR_NONE)
		err = derive_one(arena, parameters, parameters->recipient_id, "Key", keys.recipient_key,
				 OSCORE_KEY_SIZE);
	if (err == ERR_NONE)
		err = derive_one(arena, parameters, bytes_of(NULL, 0), "IV", keys.common_iv,
				 OSCORE_NONCE_SIZE);
	if (err == ERR_NONE)
		err = print_of(&keys);
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
