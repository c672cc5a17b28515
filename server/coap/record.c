#include "record.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>

#include <cardea/crypto.h>

#define HEADER_BYTES 13
#define NONCE_BYTES  8 /* explicit part: the record's number */
#define WINDOW       64
#define NUMBER_LAST  (((UINT64_C(1) << 48) - 1) | UINT64_C(1) << 48) /* of epoch 1 */

/* ---- the wire ---- */

bool record_read(struct reader *r, struct record *ret_record)
{
	struct record record = { .type = read_u8(r) };

	record.version = read_u16(r);
	record.number = read_u64(r);
	record.content = read_bytes(r, read_u16(r));
	if (r->bad || record.version >> 8 != 0xFE || record.type < RECORD_CHANGE_CIPHER_SPEC ||
	    record.type > RECORD_APPLICATION)
		return false;
	*ret_record = record;
	return true;
}

/* ---- ciphers ---- */

enum mode { CCM, GCM };

/* clang-format off */
static const struct suite {
	uint16_t id;
	enum mode mode;
	uint8_t tag_bytes;
	const char *cipher;
} suites[] = {
	{ 0xC0A8, CCM, 8, "AES-128-CCM" },      /* PSK */
	{ 0xC0A4, CCM, 16, "AES-128-CCM" },
	{ 0x00A8, GCM, 16, "AES-128-GCM" },
	{ 0xC0AE, CCM, 8, "AES-128-CCM" },      /* ECDHE_ECDSA */
	{ 0xC0AC, CCM, 16, "AES-128-CCM" },
	{ 0xC02B, GCM, 16, "AES-128-GCM" },
};
/* clang-format on */
#define SUITE_COUNT (sizeof(suites) / sizeof(suites[0]))

struct record_cipher {
	const struct suite *suite;
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *context;
};

struct record_ciphers {
	struct record_cipher of_suite[SUITE_COUNT];
};

void record_ciphers_free(struct record_ciphers *ciphers)
{
	if (ciphers == NULL)
		return;
	for (size_t i = 0; i < SUITE_COUNT; i++) {
		EVP_CIPHER_CTX_free(ciphers->of_suite[i].context);
		EVP_CIPHER_free(ciphers->of_suite[i].cipher);
	}
	free(ciphers);
}

enum err record_ciphers_create(struct record_ciphers **ret_ciphers)
{
	struct record_ciphers *ciphers = calloc(1, sizeof(*ciphers));

	if (ciphers == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < SUITE_COUNT; i++) {
		struct record_cipher *cipher = &ciphers->of_suite[i];
		cipher->suite = &suites[i];
		cipher->cipher = EVP_CIPHER_fetch(NULL, suites[i].cipher, NULL);
		cipher->context = EVP_CIPHER_CTX_new();
		if (cipher->cipher == NULL || cipher->context == NULL) {
			record_ciphers_free(ciphers);
			return ERR_NOMEM;
		}
	}
	*ret_ciphers = ciphers;
	return ERR_NONE;
}

/* Encrypts `from` to `to` and makes the tag, or checks the tag and decrypts. */
static bool protect(const struct record_cipher *cipher, bool encrypts,
		    const struct record_direction *direction, const uint8_t *nonce, struct bytes associated,
		    struct bytes from, uint8_t *to, uint8_t *tag)
{
	EVP_CIPHER_CTX *context = cipher->context;
	const int len = (int)from.len, tag_len = cipher->suite->tag_bytes;
	const bool is_ccm = cipher->suite->mode == CCM;
	uint8_t iv[sizeof(direction->salt) + NONCE_BYTES], none;
	int done;

	memcpy(iv, direction->salt, sizeof(direction->salt));
	memcpy(iv + sizeof(direction->salt), nonce, NONCE_BYTES);
	if (EVP_CipherInit_ex(context, cipher->cipher, NULL, NULL, NULL, encrypts) != 1 ||
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, sizeof(iv), NULL) != 1)
		return false;
	/* CCM must know the length of the tag first; GCM takes one only to check it. */
	if ((is_ccm || !encrypts) &&
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_len, encrypts ? NULL : tag) != 1)
		return false;
	if (EVP_CipherInit_ex(context, NULL, NULL, direction->key, iv, encrypts) != 1)
		return false;
	if (is_ccm && EVP_CipherUpdate(context, NULL, &done, NULL, len) != 1)
		return false;
	if (EVP_CipherUpdate(context, NULL, &done, associated.at, (int)associated.len) != 1 ||
	    EVP_CipherUpdate(context, to, &done, from.at, len) != 1)
		return false;
	if ((!is_ccm || encrypts) && EVP_CipherFinal_ex(context, &none, &done) != 1)
		return false;
	return !encrypts || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_len, tag) == 1;
}

const struct record_cipher *record_cipher_of(const struct record_ciphers *ciphers, uint16_t suite)
{
	for (size_t i = 0; i < SUITE_COUNT; i++)
		if (suites[i].id == suite)
			return &ciphers->of_suite[i];
	return NULL;
}

/* ---- taking over ---- */

/* RFC 5246 6.3; the hash of all our suites is SHA-256. */
static bool derive_keys(SSL *ssl, uint8_t *ret_at, size_t len)
{
	static char digest[] = "SHA256", label[] = "key expansion";
	uint8_t master[SSL_MAX_MASTER_KEY_LENGTH], server[32], client[32];
	size_t master_len = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master));
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;

	(void)SSL_get_server_random(ssl, server, sizeof(server));
	(void)SSL_get_client_random(ssl, client, sizeof(client));
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, master_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label, sizeof(label) - 1),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, server, sizeof(server)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, client, sizeof(client)),
		OSSL_PARAM_construct_end(),
	};
	bool is_good = context != NULL && EVP_KDF_derive(context, ret_at, len, parameters) == 1;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	wipe(master, sizeof(master));
	return is_good;
}

enum err record_take_over(const struct record_ciphers *ciphers, SSL *ssl, uint64_t newest_in,
			  uint64_t newest_out, struct record_state *ret_state)
{
	const uint16_t suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl));
	const struct record_cipher *cipher = record_cipher_of(ciphers, suite);
	uint8_t keys[2 * 16 + 2 * 4];

	if (cipher == NULL)
		return ERR_UNSUPPORTED;
	if (!derive_keys(ssl, keys, sizeof(keys))) {
		ERR_clear_error();
		return ERR_INTERNAL;
	}
	struct record_state state = {
		.cipher = cipher,
		.next_out = newest_out + 1,
		.newest_in = newest_in,
		.seen_in =
			UINT64_MAX, /* what OpenSSL has seen before is not known: none of it may come again */
	};
	struct reader r = reader_of(bytes_of(keys, sizeof(keys)));
	memcpy(state.in.key, read_bytes(&r, 16).at, 16);
	memcpy(state.out.key, read_bytes(&r, 16).at, 16);
	memcpy(state.in.salt, read_bytes(&r, 4).at, 4);
	memcpy(state.out.salt, read_bytes(&r, 4).at, 4);
	wipe(keys, sizeof(keys));
	*ret_state = state;
	return ERR_NONE;
}

/* ---- records ---- */

static void put_number(uint8_t *at, uint64_t value, size_t width)
{
	for (size_t i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> 8 * (width - 1 - i));
}

/* number, type, version, length of the content in the clear */
static void write_associated(uint8_t at[13], uint64_t number, uint8_t type, size_t len)
{
	put_number(at, number, 8);
	at[8] = type;
	put_number(at + 9, DTLS1_2_VERSION, 2);
	put_number(at + 11, len, 2);
}

size_t record_seal(struct record_state *state, uint8_t type, struct bytes plain, uint8_t *ret_at)
{
	const size_t tag_bytes = state->cipher->suite->tag_bytes,
		     content_len = NONCE_BYTES + plain.len + tag_bytes;
	uint8_t associated[13], *nonce = ret_at + HEADER_BYTES, *text = nonce + NONCE_BYTES;
	const uint64_t number = state->next_out;

	if (number > NUMBER_LAST)
		return 0; /* a nonce must not be used twice: the device begins a new session */
	state->next_out++;
	ret_at[0] = type;
	put_number(ret_at + 1, DTLS1_2_VERSION, 2);
	put_number(ret_at + 3, number, 8);
	put_number(ret_at + 11, content_len, 2);
	put_number(nonce, number, NONCE_BYTES);
	write_associated(associated, number, type, plain.len);
	if (!protect(state->cipher, true, &state->out, nonce, bytes_of(associated, sizeof(associated)), plain,
		     text, text + plain.len)) {
		ERR_clear_error();
		return 0;
	}
	return HEADER_BYTES + content_len;
}

/* RFC 6347 4.1.2.6 */
static bool is_fresh(const struct record_state *state, uint64_t number)
{
	if (number > state->newest_in)
		return true;
	const uint64_t age = state->newest_in - number;
	return age < WINDOW && (state->seen_in >> age & 1) == 0;
}

static void mark_seen(struct record_state *state, uint64_t number)
{
	if (number <= state->newest_in) {
		state->seen_in |= UINT64_C(1) << (state->newest_in - number);
		return;
	}
	const uint64_t step = number - state->newest_in;
	state->seen_in = (step < WINDOW ? state->seen_in << step : 0) | 1;
	state->newest_in = number;
}

bool record_open(struct record_state *state, const struct record *record, uint8_t *ret_at, size_t *ret_len)
{
	const size_t tag_bytes = state->cipher->suite->tag_bytes;
	uint8_t associated[13], tag[16];
	struct reader r = reader_of(record->content);
	struct bytes nonce = read_bytes(&r, NONCE_BYTES);

	if (record->version != DTLS1_2_VERSION || r.bad || reader_left(&r) < tag_bytes ||
	    record->number >> 48 != state->next_out >> 48 || !is_fresh(state, record->number))
		return false;
	struct bytes text = read_bytes(&r, reader_left(&r) - tag_bytes);
	memcpy(tag, read_rest(&r).at, tag_bytes);
	write_associated(associated, record->number, record->type, text.len);
	if (!protect(state->cipher, false, &state->in, nonce.at, bytes_of(associated, sizeof(associated)),
		     text, ret_at, tag)) {
		ERR_clear_error();
		return false;
	}
	mark_seen(state, record->number);
	*ret_len = text.len;
	return true;
}
