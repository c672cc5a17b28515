#include <cardea/crypto.h>

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#define GCM_NONCE 12
#define GCM_TAG   16
_Static_assert(SEAL_OVERHEAD == GCM_NONCE + GCM_TAG, "what aes_gcm_seal adds");

/* ---- secrets ---- */

void wipe(void *at, size_t len)
{
	OPENSSL_cleanse(at, len);
}

enum err secret_from(struct bytes bytes, struct secret *ret_secret)
{
	if (bytes.len > SECRET_MAX)
		return ERR_LIMIT;
	*ret_secret = (struct secret){ .len = bytes.len };
	if (bytes.len > 0)
		memcpy(ret_secret->at, bytes.at, bytes.len);
	return ERR_NONE;
}

void secret_wipe(struct secret *secret)
{
	if (secret != NULL)
		wipe(secret, sizeof(*secret));
}

enum err random_bytes(uint8_t *ret_at, size_t len)
{
	if (len > INT_MAX)
		return ERR_LIMIT;
	return RAND_bytes(ret_at, (int)len) == 1 ? ERR_NONE : ERR_INTERNAL;
}

bool bytes_equal_constant_time(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.at, b.at, a.len) == 0);
}

/* ---- digests and codes ---- */

enum err sha256(struct bytes data, uint8_t ret_digest[SHA256_SIZE])
{
	bool is_done = EVP_Digest(data.at, data.len, ret_digest, NULL, EVP_sha256(), NULL) == 1;

	return is_done ? ERR_NONE : ERR_INTERNAL;
}

static const struct digest_row {
	size_t size;
	const EVP_MD *(*openssl)(void);
} digest_rows[DIGEST_COUNT] = {
	[DIGEST_SHA1] = { 20, EVP_sha1 },
	[DIGEST_SHA256] = { 32, EVP_sha256 },
	[DIGEST_SHA384] = { 48, EVP_sha384 },
	[DIGEST_SHA512] = { 64, EVP_sha512 },
};

size_t digest_size(enum digest digest)
{
	return digest_rows[digest].size;
}

enum err digest_of(enum digest digest, struct bytes data, uint8_t *ret_digest)
{
	bool is_done =
		EVP_Digest(data.at, data.len, ret_digest, NULL, digest_rows[digest].openssl(), NULL) == 1;

	return is_done ? ERR_NONE : ERR_INTERNAL;
}

enum err hmac_sha256(struct bytes key, struct bytes data, uint8_t ret_mac[SHA256_SIZE])
{
	const void *key_at = key.len > 0 ? (const void *)key.at : ""; /* NULL is "the key of last time" */

	if (key.len > INT_MAX)
		return ERR_LIMIT;
	if (HMAC(EVP_sha256(), key_at, (int)key.len, data.at, data.len, ret_mac, NULL) == NULL)
		return ERR_INTERNAL;
	return ERR_NONE;
}

/* ---- block ciphers ---- */

/* clang-format off */
static const struct cipher_row {
	enum cipher { AES_ECB, AES_CBC, DES3_ECB, DES3_CBC } cipher;
	size_t key_len, block;
	const EVP_CIPHER *(*openssl)(void);
	const char *name;
} cipher_rows[] = {
	{ AES_ECB,  16, AES_BLOCK, EVP_aes_128_ecb,  "AES-128-ECB" },
	{ AES_ECB,  24, AES_BLOCK, EVP_aes_192_ecb,  "AES-192-ECB" },
	{ AES_ECB,  32, AES_BLOCK, EVP_aes_256_ecb,  "AES-256-ECB" },
	{ AES_CBC,  16, AES_BLOCK, EVP_aes_128_cbc,  "AES-128-CBC" },
	{ AES_CBC,  24, AES_BLOCK, EVP_aes_192_cbc,  "AES-192-CBC" },
	{ AES_CBC,  32, AES_BLOCK, EVP_aes_256_cbc,  "AES-256-CBC" },
	{ DES3_ECB, 16, DES_BLOCK, EVP_des_ede_ecb,  "DES-EDE-ECB" },
	{ DES3_ECB, 24, DES_BLOCK, EVP_des_ede3_ecb, "DES-EDE3-ECB" },
	{ DES3_CBC, 16, DES_BLOCK, EVP_des_ede_cbc,  "DES-EDE-CBC" },
	{ DES3_CBC, 24, DES_BLOCK, EVP_des_ede3_cbc, "DES-EDE3-CBC" },
};
/* clang-format on */

static const struct cipher_row *cipher_find(enum cipher cipher, size_t key_len)
{
	for (size_t i = 0; i < sizeof(cipher_rows) / sizeof(cipher_rows[0]); i++) {
		if (cipher_rows[i].cipher == cipher && cipher_rows[i].key_len == key_len)
			return &cipher_rows[i];
	}
	return NULL;
}

enum direction { DECRYPT = 0, ENCRYPT = 1 }; /* as EVP_CipherInit_ex counts */

static enum err run_cipher(enum cipher cipher, enum direction direction, struct bytes key, const uint8_t *iv,
			   struct bytes data, uint8_t *ret_at)
{
	const struct cipher_row *row = cipher_find(cipher, key.len);
	EVP_CIPHER_CTX *context;
	enum err err = ERR_INTERNAL;
	int written, rest;

	if (row == NULL || data.len % row->block != 0)
		return ERR_MALFORMED;
	if (data.len > INT_MAX)
		return ERR_LIMIT;
	if (data.len == 0)
		return ERR_NONE;
	context = EVP_CIPHER_CTX_new();
	if (context == NULL)
		return ERR_NOMEM;
	if (EVP_CipherInit_ex(context, row->openssl(), NULL, key.at, iv, direction) == 1 &&
	    EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
	    EVP_CipherUpdate(context, ret_at, &written, data.at, (int)data.len) == 1 &&
	    EVP_CipherFinal_ex(context, ret_at + written, &rest) == 1)
		err = ERR_NONE;
	EVP_CIPHER_CTX_free(context);
	return err;
}

enum err aes_ecb_encrypt(struct bytes key, struct bytes data, uint8_t *ret_at)
{
	return run_cipher(AES_ECB, ENCRYPT, key, NULL, data, ret_at);
}

enum err aes_cbc_encrypt(struct bytes key, const uint8_t iv[AES_BLOCK], struct bytes data, uint8_t *ret_at)
{
	return run_cipher(AES_CBC, ENCRYPT, key, iv, data, ret_at);
}

enum err aes_cbc_decrypt(struct bytes key, const uint8_t iv[AES_BLOCK], struct bytes data, uint8_t *ret_at)
{
	return run_cipher(AES_CBC, DECRYPT, key, iv, data, ret_at);
}

enum err des3_ecb_encrypt(struct bytes key, struct bytes data, uint8_t *ret_at)
{
	return run_cipher(DES3_ECB, ENCRYPT, key, NULL, data, ret_at);
}

enum err des3_cbc_encrypt(struct bytes key, const uint8_t iv[DES_BLOCK], struct bytes data, uint8_t *ret_at)
{
	return run_cipher(DES3_CBC, ENCRYPT, key, iv, data, ret_at);
}

enum err des3_cbc_decrypt(struct bytes key, const uint8_t iv[DES_BLOCK], struct bytes data, uint8_t *ret_at)
{
	return run_cipher(DES3_CBC, DECRYPT, key, iv, data, ret_at);
}

/* Triple DES with equal keys is DES, which newer libraries no longer have by itself. */
static enum err run_des(enum cipher cipher, struct bytes key, const uint8_t *iv, struct bytes data,
			uint8_t *ret_at)
{
	uint8_t twice[2 * DES_BLOCK];

	if (key.len != DES_BLOCK)
		return ERR_MALFORMED;
	memcpy(twice, key.at, DES_BLOCK);
	memcpy(twice + DES_BLOCK, key.at, DES_BLOCK);
	enum err err = run_cipher(cipher, ENCRYPT, bytes_of(twice, sizeof(twice)), iv, data, ret_at);
	wipe(twice, sizeof(twice));
	return err;
}

enum err des_ecb_encrypt(struct bytes key, struct bytes data, uint8_t *ret_at)
{
	return run_des(DES3_ECB, key, NULL, data, ret_at);
}

enum err des_retail_mac(struct bytes key, const uint8_t iv[DES_BLOCK], struct bytes data,
			uint8_t ret_mac[DES_BLOCK])
{
	uint8_t chain[DES_BLOCK], block[DES_BLOCK];
	struct reader r = reader_of(data);
	enum err err = ERR_NONE;

	if (key.len != 2 * DES_BLOCK || data.len == 0 || data.len % DES_BLOCK != 0)
		return ERR_MALFORMED;
	memcpy(chain, iv, DES_BLOCK);
	while (reader_left(&r) > 0 && err == ERR_NONE) {
		struct bytes next = read_bytes(&r, DES_BLOCK);
		for (size_t i = 0; i < DES_BLOCK; i++)
			block[i] = chain[i] ^ next.at[i];
		if (reader_left(&r) > 0)
			err = des_ecb_encrypt(bytes_first(key, DES_BLOCK), bytes_of(block, DES_BLOCK), chain);
		else
			err = des3_ecb_encrypt(key, bytes_of(block, DES_BLOCK), chain);
	}
	if (err == ERR_NONE)
		memcpy(ret_mac, chain, DES_BLOCK);
	return err;
}

enum err aes_cmac(struct bytes key, const struct bytes *parts, size_t part_count, uint8_t ret_mac[AES_BLOCK])
{
	const struct cipher_row *row = cipher_find(AES_CBC, key.len);
	EVP_MAC_CTX *context = NULL;
	enum err err = ERR_INTERNAL;
	OSSL_PARAM params[2];
	EVP_MAC *mac;
	size_t len;

	if (row == NULL)
		return ERR_MALFORMED;
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char *)row->name, 0);
	params[1] = OSSL_PARAM_construct_end();
	mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_CMAC, NULL);
	if (mac == NULL)
		return ERR_INTERNAL;
	context = EVP_MAC_CTX_new(mac);
	if (context == NULL || EVP_MAC_init(context, key.at, key.len, params) != 1)
		goto out;
	for (size_t i = 0; i < part_count; i++) {
		if (EVP_MAC_update(context, parts[i].at, parts[i].len) != 1)
			goto out;
	}
	if (EVP_MAC_final(context, ret_mac, &len, AES_BLOCK) == 1)
		err = ERR_NONE;
out:
	EVP_MAC_CTX_free(context);
	EVP_MAC_free(mac);
	return err;
}

/* ---- key wrap ---- */

static const struct wrap_row {
	size_t key_len;
	const EVP_CIPHER *(*openssl)(void);
} wrap_rows[] = {
	{ 16, EVP_aes_128_wrap },     { 24, EVP_aes_192_wrap },     { 32, EVP_aes_256_wrap },
	{ 16, EVP_aes_128_wrap_pad }, { 24, EVP_aes_192_wrap_pad }, { 32, EVP_aes_256_wrap_pad },
};

static bool unwrap_with(const EVP_CIPHER *cipher, struct bytes key, struct bytes wrapped,
			struct secret *ret_secret)
{
	uint8_t at[SECRET_MAX + AES_BLOCK];
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int len = 0;
	bool is_good = false;

	if (context != NULL) {
		EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
		is_good = EVP_DecryptInit_ex(context, cipher, NULL, key.at, NULL) == 1 &&
			  EVP_DecryptUpdate(context, at, &len, wrapped.at, (int)wrapped.len) == 1 && len > 0;
	}
	EVP_CIPHER_CTX_free(context);
	is_good = is_good && secret_from(bytes_of(at, (size_t)len), ret_secret) == ERR_NONE;
	wipe(at, sizeof(at));
	return is_good;
}

enum err aes_key_unwrap(struct bytes key, struct bytes wrapped, struct secret *ret_secret)
{
	if (cipher_find(AES_ECB, key.len) == NULL || wrapped.len < 2 * DES_BLOCK ||
	    wrapped.len % DES_BLOCK != 0)
		return ERR_MALFORMED;
	if (wrapped.len > SECRET_MAX + DES_BLOCK)
		return ERR_LIMIT;
	for (size_t i = 0; i < sizeof(wrap_rows) / sizeof(wrap_rows[0]); i++) {
		if (wrap_rows[i].key_len == key.len &&
		    unwrap_with(wrap_rows[i].openssl(), key, wrapped, ret_secret))
			return ERR_NONE;
	}
	return ERR_DENIED;
}

/* ---- AES-256-GCM ---- */

#define GCM_KEY 32

static bool gcm_begin(EVP_CIPHER_CTX *gcm, enum direction direction, struct bytes key, const uint8_t *nonce,
		      struct bytes context)
{
	int len;

	return EVP_CipherInit_ex(gcm, EVP_aes_256_gcm(), NULL, key.at, nonce, direction) == 1 &&
	       (context.len == 0 || EVP_CipherUpdate(gcm, NULL, &len, context.at, (int)context.len) == 1);
}

enum err aes_gcm_seal(struct bytes key, struct bytes context, struct bytes data, uint8_t *ret_at)
{
	uint8_t *ciphertext = ret_at + GCM_NONCE;
	uint8_t nonce[GCM_NONCE];
	enum err err = ERR_INTERNAL;
	EVP_CIPHER_CTX *gcm;
	int len;

	if (key.len != GCM_KEY)
		return ERR_MALFORMED;
	if (context.len > INT_MAX || data.len > INT_MAX - SEAL_OVERHEAD)
		return ERR_LIMIT;
	err = random_bytes(nonce, sizeof(nonce));
	if (err != ERR_NONE)
		return err;
	gcm = EVP_CIPHER_CTX_new();
	if (gcm == NULL)
		return ERR_NOMEM;
	memcpy(ret_at, nonce, sizeof(nonce));
	err = ERR_INTERNAL;
	if (gcm_begin(gcm, ENCRYPT, key, nonce, context) &&
	    (data.len == 0 || EVP_EncryptUpdate(gcm, ciphertext, &len, data.at, (int)data.len) == 1) &&
	    EVP_EncryptFinal_ex(gcm, ciphertext + data.len, &len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, ciphertext + data.len) == 1)
		err = ERR_NONE;
	EVP_CIPHER_CTX_free(gcm);
	return err;
}

enum err aes_gcm_open(struct bytes key, struct bytes context, struct bytes sealed, uint8_t *ret_at)
{
	struct reader r = reader_of(sealed);
	struct bytes nonce, ciphertext, tag;
	EVP_CIPHER_CTX *gcm;
	enum err err = ERR_DENIED;
	int len;

	if (key.len != GCM_KEY)
		return ERR_MALFORMED;
	if (context.len > INT_MAX || sealed.len > INT_MAX)
		return ERR_LIMIT;
	if (sealed.len < SEAL_OVERHEAD)
		return ERR_DENIED;
	nonce = read_bytes(&r, GCM_NONCE);
	ciphertext = read_bytes(&r, sealed.len - SEAL_OVERHEAD);
	tag = read_rest(&r);
	gcm = EVP_CIPHER_CTX_new();
	if (gcm == NULL)
		return ERR_NOMEM;
	if (gcm_begin(gcm, DECRYPT, key, nonce.at, context) &&
	    (ciphertext.len == 0 ||
	     EVP_DecryptUpdate(gcm, ret_at, &len, ciphertext.at, (int)ciphertext.len) == 1) &&
	    EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, (void *)tag.at) == 1 &&
	    EVP_DecryptFinal_ex(gcm, ret_at + ciphertext.len, &len) == 1)
		err = ERR_NONE;
	else
		wipe(ret_at, ciphertext.len); /* what was deciphered before the tag was seen to be wrong */
	EVP_CIPHER_CTX_free(gcm);
	return err;
}
