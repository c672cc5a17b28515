/* RFC 8613 4: what is protected; 5: COSE; 6: the option; 8: processing */
#include "oscore_message.h"

#include <coap3/coap.h>
#include <openssl/evp.h>

#include <cardea/cbor.h>

#include "pdu.h"

#define TAG_SIZE          8
#define OSCORE_VERSION    1
#define AES_CCM_16_64_128 10
#define PAYLOAD_MARKER    0xFF

enum { FLAGS_IV_LEN = 0x07, FLAG_KID = 0x08, FLAG_KID_CONTEXT = 0x10, FLAGS_RESERVED = 0xE0 };

/* ---- the option (RFC 8613 6.1) ---- */

bool oscore_option_read(struct bytes value, struct oscore_option *ret_option)
{
	struct oscore_option option = { 0 };
	struct reader r = reader_of(value);

	if (value.len == 0) {
		*ret_option = option;
		return true;
	}
	const uint8_t flags = read_u8(&r);
	if (flags == 0 || (flags & FLAGS_RESERVED) != 0)
		return false;
	const struct bytes iv = read_bytes(&r, flags & FLAGS_IV_LEN);
	option.has_number = iv.len > 0;
	if (option.has_number && !oscore_number_read(iv, &option.number))
		return false;
	option.has_kid_context = (flags & FLAG_KID_CONTEXT) != 0;
	if (option.has_kid_context)
		option.kid_context = read_bytes(&r, read_u8(&r));
	option.has_kid = (flags & FLAG_KID) != 0;
	if (option.has_kid)
		option.kid = read_rest(&r);
	if ((flags & FLAGS_IV_LEN) > OSCORE_IV_MAX || !reader_done(&r))
		return false;
	*ret_option = option;
	return true;
}

static enum err option_write(struct arena *arena, const struct oscore_message *message,
			     struct bytes *ret_value)
{
	const struct oscore_keys *keys = message->keys;
	const bool has_own_context = message->is_request && !keys->is_renewed;
	const struct bytes kid_context =
		has_own_context ? bytes_of(keys->id_context, keys->id_context_len) : message->kid_context;
	struct builder b = builder_in(arena);
	uint8_t iv[OSCORE_IV_MAX];

	const bool has_number = message->is_request || message->has_own_number;
	if (!has_number && kid_context.len == 0) {
		*ret_value = bytes_of(NULL, 0);
		return ERR_NONE;
	}
	const uint64_t number = message->is_request ? message->request_number : message->own_number;
	const size_t iv_len = has_number ? oscore_number_write(number, iv) : 0;
	build_u8(&b, (uint8_t)(iv_len | (message->is_request ? FLAG_KID : 0u) |
			       (kid_context.len > 0 ? FLAG_KID_CONTEXT : 0u)));
	build_bytes(&b, bytes_of(iv, iv_len));
	if (kid_context.len > 0) {
		build_u8(&b, (uint8_t)kid_context.len);
		build_bytes(&b, kid_context);
	}
	if (message->is_request)
		build_bytes(&b, oscore_id_bytes(&keys->sender_id));
	return builder_bytes(&b, ret_value);
}

/* ---- COSE (RFC 8613 5) ---- */

/* Which side sends: its key, its part of the nonce. */
enum direction { OUTGOING, INCOMING };

/* Enc_structure with external_aad: the request that both sides mean, whoever has sent it. */
static enum err additional_data(struct arena *arena, const struct oscore_id *requester,
				uint64_t request_number, struct bytes *ret_data)
{
	struct builder inner = builder_in(arena), outer = builder_in(arena);
	uint8_t iv[OSCORE_IV_MAX];
	struct bytes external;

	build_cbor_array(&inner, 5);
	build_cbor_uint(&inner, OSCORE_VERSION);
	build_cbor_array(&inner, 1);
	build_cbor_uint(&inner, AES_CCM_16_64_128);
	build_cbor_bytes(&inner, oscore_id_bytes(requester));
	build_cbor_bytes(&inner, bytes_of(iv, oscore_number_write(request_number, iv)));
	build_cbor_bytes(&inner, bytes_of(NULL, 0)); /* no options of class I are defined */
	enum err err = builder_bytes(&inner, &external);
	if (err != ERR_NONE)
		return err;
	build_cbor_array(&outer, 3);
	build_cbor_text(&outer, bytes_of_text("Encrypt0"));
	build_cbor_bytes(&outer, bytes_of(NULL, 0));
	build_cbor_bytes(&outer, external);
	return builder_bytes(&outer, ret_data);
}

/* AES-CCM with a tag of 8 bytes behind the ciphertext. `in` without the tag. */
static enum err aes_ccm(enum direction direction, const uint8_t *key, const uint8_t *nonce, struct bytes data,
			struct bytes in, uint8_t *ret_at, uint8_t *tag)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	const int is_sealing = direction == OUTGOING;
	int len;
	bool is_done =
		context != NULL &&
		EVP_CipherInit_ex(context, EVP_aes_128_ccm(), NULL, NULL, NULL, is_sealing) == 1 &&
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, OSCORE_NONCE_SIZE, NULL) == 1 &&
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, is_sealing ? NULL : tag) == 1 &&
		EVP_CipherInit_ex(context, NULL, NULL, key, nonce, is_sealing) == 1 &&
		EVP_CipherUpdate(context, NULL, &len, NULL, (int)in.len) == 1 &&
		EVP_CipherUpdate(context, NULL, &len, data.at, (int)data.len) == 1;

	if (!is_done) {
		EVP_CIPHER_CTX_free(context);
		return ERR_INTERNAL;
	}
	is_done = EVP_CipherUpdate(context, ret_at, &len, in.at, (int)in.len) ==
		  1; /* opening, this looks at the tag */
	if (is_done && is_sealing)
		is_done = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) == 1;
	EVP_CIPHER_CTX_free(context);
	return is_done ? ERR_NONE : ERR_DENIED;
}

static enum err crypt(struct arena *arena, const struct oscore_message *message, enum direction direction,
		      struct bytes in, uint8_t *ret_at, uint8_t *tag)
{
	const struct oscore_keys *keys = message->keys;
	const bool is_ours = direction == OUTGOING;
	const struct oscore_id *sender = is_ours ? &keys->sender_id : &keys->recipient_id;
	const struct oscore_id *other = is_ours ? &keys->recipient_id : &keys->sender_id;
	const struct oscore_id *requester = message->is_request ? sender : other;
	uint8_t nonce[OSCORE_NONCE_SIZE];
	struct bytes data;

	if (message->has_own_number)
		oscore_nonce(keys, sender, message->own_number, nonce);
	else
		oscore_nonce(keys, requester, message->request_number, nonce);
	enum err err = additional_data(arena, requester, message->request_number, &data);
	if (err != ERR_NONE)
		return err;
	return aes_ccm(direction, is_ours ? keys->sender_key : keys->recipient_key, nonce, data, in, ret_at,
		       tag);
}

/* ---- options (RFC 8613 4.1) ---- */

struct option {
	uint32_t number;
	struct bytes value;
};

/* The next option of a message. False at the payload, at the end, and on a fault, which r->bad tells. */
static bool read_option(struct reader *r, struct option *option)
{
	coap_option_t parsed;

	if (reader_left(r) == 0 || peek_u8(r) == PAYLOAD_MARKER)
		return false;
	const size_t size = coap_opt_parse(r->at, reader_left(r), &parsed);
	if (size == 0 || option->number + parsed.delta > UINT16_MAX) {
		r->bad = true;
		return false;
	}
	(void)read_bytes(r, size);
	option->number += parsed.delta;
	option->value = bytes_of(parsed.value, parsed.length);
	return true;
}

/* What follows the options, with its marker. */
static struct bytes read_payload(struct reader *r)
{
	const struct bytes payload = read_rest(r);

	if (payload.len == 1)
		r->bad = true; /* a marker and nothing behind it */
	return payload;
}

struct writer {
	uint8_t *at, *end;
	uint16_t last;
	bool is_full;
};

static void write_option(struct writer *w, const struct option *option)
{
	if (w->is_full)
		return;
	const size_t size =
		coap_opt_encode(w->at, (size_t)(w->end - w->at), (uint16_t)(option->number - w->last),
				option->value.at, option->value.len);
	w->is_full = size == 0;
	w->at += size;
	w->last = (uint16_t)option->number;
}

static void write_bytes(struct writer *w, struct bytes bytes)
{
	if (w->is_full || (size_t)(w->end - w->at) < bytes.len) {
		w->is_full = true;
		return;
	}
	if (bytes.len > 0)
		memcpy(w->at, bytes.at, bytes.len);
	w->at += bytes.len;
}

/* Class U: what a proxy has to read. Anything else is encrypted. */
static bool is_outer(uint32_t number)
{
	switch (number) {
	case COAP_OPTION_URI_HOST:
	case COAP_OPTION_URI_PORT:
	case COAP_OPTION_PROXY_URI:
	case COAP_OPTION_PROXY_SCHEME:
	case OPTION_OSCORE:
		return true;
	default:
		return false;
	}
}

/* ---- whole messages ---- */

struct head {
	struct bytes bytes; /* header and token */
	uint8_t code;
};

static bool read_head(struct reader *r, struct head *ret_head)
{
	const size_t token_len = peek_u8(r) & 15;
	struct reader fields = *r;

	(void)read_u8(&fields);
	ret_head->code = read_u8(&fields);
	if (token_len > PDU_TOKEN_MAX)
		return false;
	ret_head->bytes = read_bytes(r, PDU_HEADER_SIZE + token_len);
	return !r->bad && ret_head->code != 0;
}

/* The same with another code. */
static void write_head(struct writer *w, const struct head *head, uint8_t code)
{
	uint8_t *begin = w->at;

	write_bytes(w, head->bytes);
	if (!w->is_full)
		begin[1] = code;
}

static uint8_t outer_code(const struct oscore_message *message, bool has_observe)
{
	if (message->is_request)
		return has_observe ? COAP_FETCH : COAP_POST;
	return has_observe ? COAP_CODE(2, 5) : COAP_CODE(2, 4);
}

/* The options in the clear and, apart, what is to be encrypted; then the OSCORE option at its place. */
static enum err split(const struct oscore_message *message, struct reader *r, struct bytes option_value,
		      struct writer *outer, struct writer *inner)
{
	const struct option oscore = { OPTION_OSCORE, option_value };
	struct option option = { 0 };
	bool is_placed = false;

	while (read_option(r, &option)) {
		/* Observe is in both: a proxy has to know, and the device must not believe the proxy. */
		const bool is_readable = is_outer(option.number) ||
					 (option.number == COAP_OPTION_OBSERVE && message->is_request);
		if (option.number == OPTION_OSCORE)
			return ERR_MALFORMED;
		if (is_readable && !is_placed && option.number > OPTION_OSCORE) {
			write_option(outer, &oscore);
			is_placed = true;
		}
		if (is_readable)
			write_option(outer, &option);
		if (!is_outer(option.number))
			write_option(inner, &option);
	}
	if (!is_placed)
		write_option(outer, &oscore);
	write_bytes(inner, read_payload(r));
	return r->bad ? ERR_MALFORMED : ERR_NONE;
}

static bool has_observe(struct bytes datagram)
{
	struct reader r = reader_of(datagram);
	struct option option = { 0 };
	struct head head;

	if (!read_head(&r, &head))
		return false;
	while (read_option(&r, &option))
		if (option.number == COAP_OPTION_OBSERVE)
			return true;
	return false;
}

enum err oscore_protect(struct arena *arena, const struct oscore_message *message, struct bytes datagram,
			uint8_t *ret_at, size_t size, size_t *ret_len)
{
	struct reader r = reader_of(datagram);
	struct writer outer = { .at = ret_at, .end = ret_at + size };
	struct bytes option_value;
	struct head head;

	if (!read_head(&r, &head))
		return ERR_MALFORMED;
	/* Every option keeps its length and gets a larger delta at most once: 2 bytes for each of ours in
	 * between. */
	const size_t plain_max = datagram.len + 16;
	uint8_t *plain = arena_alloc(arena, plain_max);
	if (plain == NULL)
		return ERR_NOMEM;
	struct writer inner = { .at = plain, .end = plain + plain_max };
	enum err err = option_write(arena, message, &option_value);
	if (err != ERR_NONE)
		return err;
	write_head(&outer, &head, outer_code(message, has_observe(datagram)));
	write_bytes(&inner, bytes_of(&head.code, 1));
	err = split(message, &r, option_value, &outer, &inner);
	if (err != ERR_NONE)
		return err;
	const size_t plain_len = (size_t)(inner.at - plain), room = (size_t)(outer.end - outer.at);
	if (inner.is_full || outer.is_full || room < 1 + plain_len + TAG_SIZE)
		return ERR_LIMIT;
	*outer.at++ = PAYLOAD_MARKER;
	err = crypt(arena, message, OUTGOING, bytes_of(plain, plain_len), outer.at, outer.at + plain_len);
	if (err == ERR_NONE)
		*ret_len = (size_t)(outer.at - ret_at) + plain_len + TAG_SIZE;
	return err;
}

/* The options in the clear that count and those that were encrypted, in their order. */
static enum err join(struct reader *outer, struct reader *inner, struct writer *w)
{
	struct option clear = { 0 }, hidden = { 0 };
	bool has_clear = read_option(outer, &clear), has_hidden = read_option(inner, &hidden);

	while (has_clear || has_hidden) {
		if (has_hidden && is_outer(hidden.number))
			return ERR_MALFORMED;
		if (has_clear && (!has_hidden || clear.number <= hidden.number)) {
			if (is_outer(clear.number) && clear.number != OPTION_OSCORE)
				write_option(w, &clear);
			has_clear = read_option(outer, &clear);
		} else {
			write_option(w, &hidden);
			has_hidden = read_option(inner, &hidden);
		}
	}
	write_bytes(w, read_payload(inner));
	return outer->bad || inner->bad ? ERR_MALFORMED : ERR_NONE;
}

/* What is behind the options. Empty: nothing. */
static struct bytes find_ciphertext(struct bytes datagram)
{
	struct reader r = reader_of(datagram);
	struct option option = { 0 };
	struct head head;

	if (!read_head(&r, &head))
		return bytes_of(NULL, 0);
	while (read_option(&r, &option))
		;
	(void)read_u8(&r);
	return read_rest(&r);
}

enum err oscore_unprotect(struct arena *arena, const struct oscore_message *message,
			  struct bytes protected_datagram, uint8_t *ret_at, size_t *ret_len)
{
	const struct bytes sealed = find_ciphertext(protected_datagram);
	struct reader outer = reader_of(protected_datagram);
	struct writer w = { .at = ret_at, .end = ret_at + protected_datagram.len };
	struct head head;
	uint8_t tag[TAG_SIZE];

	if (sealed.len <= TAG_SIZE) /* at least a code */
		return ERR_MALFORMED;
	const struct bytes cipher = bytes_first(sealed, sealed.len - TAG_SIZE);
	uint8_t *plain = arena_alloc(arena, cipher.len);
	if (plain == NULL)
		return ERR_NOMEM;
	memcpy(tag, bytes_from(sealed, cipher.len).at, TAG_SIZE);
	enum err err = crypt(arena, message, INCOMING, cipher, plain, tag);
	if (err != ERR_NONE)
		return err;
	struct reader inner = reader_of(bytes_of(plain, cipher.len));
	const uint8_t code = read_u8(&inner);
	if (!read_head(&outer, &head) || code == 0 || (code >> 5 == 0) != message->is_request)
		return ERR_MALFORMED;
	write_head(&w, &head, code);
	err = join(&outer, &inner, &w);
	if (err == ERR_NONE && w.is_full)
		err = ERR_LIMIT;
	if (err == ERR_NONE)
		*ret_len = (size_t)(w.at - ret_at);
	return err;
}
