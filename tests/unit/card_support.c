#include "card_support.h"

#include <cardea/tlv.h>
#include <stdio.h>
#include <stdlib.h>

void host_open(struct host *host)
{
	struct fault fault = { 0 };
	if (card_open(host->state_path, &host->settings, &host->card, &fault) != ERR_NONE)
		fail_msg("card_open: %s", fault.text);
	host->has_session = false;
	host->channel = 0;
}

void host_reopen(struct host *host)
{
	card_close(host->card);
	host->card = NULL;
	host_open(host);
}

int host_setup(void **state)
{
	struct host *host = calloc(1, sizeof(*host));
	assert_non_null(host);
	host->arena = arena_create(0);
	host->settings = card_settings_default();
	host->keys = host->settings.keys;
	host_open(host);
	*state = host;
	return 0;
}

int host_teardown(void **state)
{
	struct host *host = *state;
	card_close(host->card);
	arena_free(host->arena);
	free(host);
	return 0;
}

static struct bytes hex_of(struct host *host, const char *format, va_list arguments)
{
	char *text = NULL;
	struct bytes bytes;
	assert_true(vasprintf(&text, format, arguments) >= 0);
	assert_int_equal(bytes_from_hex(host->arena, text, &bytes), ERR_NONE);
	free(text);
	return bytes;
}

#define HEX_ARGUMENTS(host, format, name)                                                                    \
	struct bytes name;                                                                                   \
	do {                                                                                                 \
		va_list arguments;                                                                           \
		va_start(arguments, format);                                                                 \
		name = hex_of(host, format, arguments);                                                      \
		va_end(arguments);                                                                           \
	} while (0)

struct bytes hex(struct host *host, const char *format, ...)
{
	HEX_ARGUMENTS(host, format, bytes);
	return bytes;
}

void assert_hex(struct host *host, struct bytes actual, const char *expected)
{
	assert_string_equal(bytes_to_hex(host->arena, actual), expected);
}

static struct bytes built(const struct builder *b)
{
	struct bytes bytes;
	assert_int_equal(builder_bytes(b, &bytes), ERR_NONE);
	return bytes;
}

/* ---- transport ---- */

static uint16_t transmit_once(struct host *host, struct bytes apdu, struct bytes *ret_data)
{
	struct bytes response;
	assert_int_equal(card_transmit(host->card, host->arena, apdu, &response), ERR_NONE);
	assert_true(response.len >= 2);
	*ret_data = bytes_first(response, response.len - 2);
	struct reader status = reader_of(bytes_from(response, response.len - 2));
	return read_u16(&status);
}

static uint8_t class_of(const struct host *host, uint8_t cla)
{
	return host->channel < 4 ? (uint8_t)(cla | host->channel)
				 : (uint8_t)((cla & 0x80) | 0x40 | (host->channel - 4));
}

uint16_t host_transmit(struct host *host, struct bytes apdu)
{
	struct builder all = builder_in(host->arena);
	struct bytes piece;
	uint16_t sw = transmit_once(host, apdu, &piece);
	build_bytes(&all, piece);
	while ((sw & 0xFF00) == 0x6100) {
		sw = transmit_once(host, hex(host, "%02XC00000%02X", class_of(host, 0x00), sw & 0xFF),
				   &piece);
		build_bytes(&all, piece);
	}
	host->data = built(&all);
	return sw;
}

uint16_t host_plain(struct host *host, const char *format, ...)
{
	HEX_ARGUMENTS(host, format, apdu);
	return host_transmit(host, apdu);
}

uint16_t host_raw(struct host *host, const char *format, ...)
{
	HEX_ARGUMENTS(host, format, apdu);
	return transmit_once(host, apdu, &host->data);
}

/* ---- SCP03, the host's side (Amd D 6.2) ---- */

static void derive(struct bytes key, uint8_t constant, struct bytes context, uint8_t *ret_at, size_t len)
{
	uint8_t blocks[2 * AES_BLOCK];
	for (uint8_t i = 0; i < 2; i++) {
		uint8_t input[16] = { 0 };
		input[11] = constant;
		input[13] = (uint8_t)((len * 8) >> 8);
		input[14] = (uint8_t)(len * 8);
		input[15] = (uint8_t)(i + 1);
		struct bytes parts[] = { bytes_of(input, sizeof(input)), context };
		assert_int_equal(aes_cmac(key, parts, 2, &blocks[i * AES_BLOCK]), ERR_NONE);
	}
	memcpy(ret_at, blocks, len);
}

static void derive_session(struct host *host, struct bytes context)
{
	struct secret *sessions[] = { &host->enc, &host->mac, &host->rmac };
	const struct secret *statics[] = { &host->keys.enc, &host->keys.mac, &host->keys.mac };
	static const uint8_t constants[] = { 0x04, 0x06, 0x07 };
	for (size_t i = 0; i < 3; i++) {
		sessions[i]->len = statics[i]->len;
		derive(secret_bytes(statics[i]), constants[i], context, sessions[i]->at, statics[i]->len);
	}
}

uint16_t host_initialize(struct host *host, uint8_t key_version)
{
	bool is_s16 = (host->settings.scp03_options & CARD_I_S16) != 0;
	const char *challenge = is_s16 ? "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF" : "A0A1A2A3A4A5A6A7";
	host->mac_len = is_s16 ? 16 : 8;
	host->has_session = false;
	uint16_t sw = host_plain(host, "%02X50%02X00%02zX%s00", class_of(host, 0x80), key_version,
				 host->mac_len, challenge);
	if (sw != 0x9000)
		return sw;
	struct builder context = builder_in(host->arena);
	struct bytes card_challenge = bytes_first(bytes_from(host->data, 13), host->mac_len);
	struct bytes cryptogram = bytes_first(bytes_from(host->data, 13 + host->mac_len), host->mac_len);
	uint8_t expected[AES_BLOCK];
	build_bytes(&context, hex(host, "%s", challenge));
	build_bytes(&context, card_challenge);
	derive_session(host, built(&context));
	derive(secret_bytes(&host->mac), 0x00, built(&context), expected, host->mac_len);
	host->has_session = bytes_equal(cryptogram, bytes_of(expected, host->mac_len));
	derive(secret_bytes(&host->mac), 0x01, built(&context), host->chaining_value,
	       host->mac_len); /* until it is sent */
	return sw;
}

static void mac_append(struct host *host, uint8_t cla, struct bytes header, struct builder *data)
{
	uint8_t mac[AES_BLOCK], lengths[3] = { 0 };
	size_t len = data->len + host->mac_len;
	struct bytes length = bytes_of(&lengths[2], 1);
	lengths[1] = (uint8_t)(len >> 8);
	lengths[2] = (uint8_t)len;
	if (len > 255)
		length = bytes_of(lengths, 3);
	struct bytes parts[] = { bytes_of(host->chaining_value, AES_BLOCK), bytes_of(&cla, 1), header, length,
				 built(data) };
	assert_int_equal(aes_cmac(secret_bytes(&host->mac), parts, 5, mac), ERR_NONE);
	memcpy(host->chaining_value, mac, AES_BLOCK);
	build_bytes(data, bytes_of(mac, host->mac_len));
}

uint16_t host_authenticate(struct host *host, uint8_t level)
{
	const uint8_t header[] = { 0x82, level, 0x00 };
	struct builder data = builder_in(host->arena);
	build_bytes(&data, bytes_of(host->chaining_value, host->mac_len));
	memset(host->chaining_value, 0, AES_BLOCK);
	mac_append(host, 0x84, bytes_of(header, 3), &data);
	host->level = level;
	host->counter = 0;
	uint8_t cla =
		host->channel < 4 ? (uint8_t)(0x84 | host->channel) : (uint8_t)(0xE0 | (host->channel - 4));
	return host_plain(host, "%02X82%02X00%02zX%s", cla, level, data.len,
			  bytes_to_hex(host->arena, built(&data)));
}

void host_login(struct host *host, const char *security_domain, uint8_t level)
{
	assert_int_equal(host_plain(host, "%02XA40400%02zX%s00", class_of(host, 0x00),
				    strlen(security_domain) / 2, security_domain),
			 0x9000);
	assert_int_equal(host_initialize(host, 0), 0x9000);
	assert_true(host->has_session);
	assert_int_equal(host_authenticate(host, level), 0x9000);
}

static void counter_icv(const struct host *host, uint8_t first, uint8_t ret_icv[AES_BLOCK])
{
	uint8_t block[AES_BLOCK] = { 0 };
	block[0] = first;
	block[14] = (uint8_t)(host->counter >> 8);
	block[15] = (uint8_t)host->counter;
	assert_int_equal(aes_ecb_encrypt(secret_bytes(&host->enc), bytes_of(block, AES_BLOCK), ret_icv),
			 ERR_NONE);
}

static void pad(struct builder *b)
{
	build_u8(b, 0x80);
	while (b->len % AES_BLOCK != 0)
		build_u8(b, 0x00);
}

/* The data field of a command under the session; chained when it is longer than one APDU takes. */
static struct bytes protect(struct host *host, uint8_t cla, struct bytes header, struct bytes plain)
{
	struct builder data = builder_in(host->arena);
	host->counter++;
	build_bytes(&data, plain);
	if ((host->level & 0x02) != 0 && plain.len > 0) {
		uint8_t icv[AES_BLOCK];
		pad(&data);
		counter_icv(host, 0x00, icv);
		assert_int_equal(aes_cbc_encrypt(secret_bytes(&host->enc), icv, built(&data), data.at),
				 ERR_NONE);
	}
	if ((host->level & 0x01) != 0)
		mac_append(host, cla, header, &data);
	return built(&data);
}

static uint8_t secured_class(const struct host *host, uint8_t cla)
{
	if (host->level == 0)
		return class_of(host, cla);
	return host->channel < 4 ? (uint8_t)(cla | 0x04 | host->channel)
				 : (uint8_t)((cla & 0x80) | 0x60 | (host->channel - 4));
}

struct bytes host_wrap(struct host *host, struct bytes apdu)
{
	struct reader r = reader_of(apdu);
	struct builder b = builder_in(host->arena);
	uint8_t cla = read_u8(&r) & 0x80;
	struct bytes header = read_bytes(&r, 3);
	struct bytes plain = reader_left(&r) > 1 ? read_lv(&r) : bytes_of(NULL, 0);
	bool has_le = reader_left(&r) > 0;
	struct bytes data = protect(host, cla | 0x04, header, plain);
	build_u8(&b, secured_class(host, cla));
	build_bytes(&b, header);
	if (data.len > 0)
		build_lv(&b, data);
	if (has_le)
		build_u8(&b, read_u8(&r));
	return built(&b);
}

/* Verifies and removes the protection of host->data. */
static void unprotect(struct host *host, uint16_t sw)
{
	bool is_error = sw != 0x9000 && (sw >> 8) != 0x62 && (sw >> 8) != 0x63;
	if (is_error)
		assert_int_equal(host->data.len, 0);
	if (is_error || (host->level & 0x10) == 0)
		return;
	uint8_t mac[AES_BLOCK], status[] = { (uint8_t)(sw >> 8), (uint8_t)sw };
	assert_true(host->data.len >= host->mac_len);
	struct bytes content = bytes_first(host->data, host->data.len - host->mac_len);
	struct bytes parts[] = { bytes_of(host->chaining_value, AES_BLOCK), content, bytes_of(status, 2) };
	assert_int_equal(aes_cmac(secret_bytes(&host->rmac), parts, 3, mac), ERR_NONE);
	assert_true(bytes_equal(bytes_of(mac, host->mac_len), bytes_from(host->data, content.len)));
	if ((host->level & 0x20) != 0 && content.len > 0) {
		uint8_t icv[AES_BLOCK], *plain = arena_alloc(host->arena, content.len);
		counter_icv(host, 0x80, icv);
		assert_int_equal(aes_cbc_decrypt(secret_bytes(&host->enc), icv, content, plain), ERR_NONE);
		size_t len = content.len;
		while (plain[len - 1] == 0)
			len--;
		assert_int_equal(plain[len - 1], 0x80);
		content = bytes_of(plain, len - 1);
	}
	host->data = content;
}

uint16_t host_command(struct host *host, const char *format, ...)
{
	HEX_ARGUMENTS(host, format, apdu);
	uint16_t sw = host_transmit(host, host_wrap(host, apdu));
	unprotect(host, sw);
	return sw;
}

uint16_t host_call(struct host *host, const char *header, const char *format, ...)
{
	HEX_ARGUMENTS(host, format, data);
	struct builder apdu = builder_in(host->arena);
	build_bytes(&apdu, hex(host, "%s", header));
	build_lv(&apdu, data);
	build_u8(&apdu, 0x00);
	uint16_t sw = host_transmit(host, host_wrap(host, built(&apdu)));
	unprotect(host, sw);
	return sw;
}

uint16_t host_command_bytes(struct host *host, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data)
{
	const uint8_t header[] = { ins, p1, p2 };
	struct bytes left = protect(host, 0x84, bytes_of(header, 3), data);
	uint16_t sw;
	do {
		struct builder b = builder_in(host->arena);
		struct bytes piece = bytes_first(left, 255);
		left = bytes_from(left, piece.len);
		build_u8(&b, secured_class(host, 0x80));
		build_u8(&b, ins);
		build_u8(&b, left.len > 0 ? p1 | 0x80 : p1);
		build_u8(&b, p2);
		build_lv(&b, piece);
		build_u8(&b, 0x00);
		sw = host_transmit(host, built(&b));
	} while (sw == 0x9000 && left.len > 0);
	unprotect(host, sw);
	return sw;
}

struct bytes host_cipher(struct host *host, struct bytes plain)
{
	static const uint8_t icv[AES_BLOCK];
	uint8_t *ciphered = arena_alloc(host->arena, plain.len);
	assert_int_equal(aes_cbc_encrypt(secret_bytes(&host->keys.dek), icv, plain, ciphered), ERR_NONE);
	return bytes_of(ciphered, plain.len);
}

struct bytes host_key_field(struct host *host, struct bytes key)
{
	struct builder b = builder_in(host->arena), padded = builder_in(host->arena);
	uint8_t check[AES_BLOCK];
	assert_int_equal(aes_ecb_encrypt(key, hex(host, "01010101010101010101010101010101"), check),
			 ERR_NONE);
	build_bytes(&padded, key);
	build_zeros(&padded, (AES_BLOCK - key.len % AES_BLOCK) % AES_BLOCK);
	build_u8(&b, 0x88);
	build_u8(&b, (uint8_t)(padded.len + 1));
	build_u8(&b, (uint8_t)key.len);
	build_bytes(&b, host_cipher(host, built(&padded)));
	build_lv(&b, bytes_of(check, 3));
	return built(&b);
}

/* ---- content ---- */

static void build_component(struct builder *b, uint8_t tag, struct bytes content)
{
	build_u8(b, tag);
	build_u16(b, (uint16_t)content.len);
	build_bytes(b, content);
}

struct bytes load_file_make(struct host *host, const char *package, const char *module, const char *import,
			    size_t filler)
{
	struct builder cap = builder_in(host->arena), file = builder_in(host->arena);
	struct bytes header = hex(host, "DECAFFED0102040001%02zX%s", strlen(package) / 2, package);
	struct bytes applet = hex(host, "01%02zX%s0000", strlen(module) / 2, module);
	struct bytes imports = import == NULL ? hex(host, "01000107A0000000620101")
					      : hex(host, "010001%02zX%s", strlen(import) / 2, import);
	struct builder method = builder_in(host->arena);
	build_zeros(&method, filler);
	build_component(&cap, 1, header);
	build_component(&cap, 4, imports);
	build_component(&cap, 3, applet);
	build_component(&cap, 7, built(&method));
	build_tlv(&file, 0xC4, built(&cap));
	return built(&file);
}

uint16_t host_load(struct host *host, const char *package, struct bytes load_file)
{
	uint16_t sw = host_command(host, "80E60200%02zX%02zX%s0000000000", strlen(package) / 2 + 5,
				   strlen(package) / 2, package);
	for (uint8_t block = 0; sw == 0x9000 && load_file.len > 0; block++) {
		struct bytes piece = bytes_first(load_file, 200);
		load_file = bytes_from(load_file, piece.len);
		sw = host_command(host, "80E8%02X%02X%02zX%s00", load_file.len == 0 ? 0x80 : 0x00, block,
				  piece.len, bytes_to_hex(host->arena, piece));
	}
	return sw;
}

/* INSTALL [for install and make selectable] without application parameters. */
static uint16_t install(struct host *host, const char *package, const char *module, const char *instance,
			const char *privileges)
{
	const char *fields[] = { package, module, instance, privileges, "C900", "" };
	struct builder b = builder_in(host->arena);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		build_lv(&b, hex(host, "%s", fields[i]));
	return host_command_bytes(host, 0xE6, 0x0C, 0x00, built(&b));
}

uint16_t host_install(struct host *host, const char *package, const char *module, const char *instance)
{
	return install(host, package, module, instance, "00");
}

void host_make_security_domain(struct host *host, const char *aid, const char *privileges)
{
	assert_int_equal(install(host, MASK_FILE, MASK_MODULE, aid, privileges), 0x9000);
	host_login(host, aid, LEVEL_MAC);
	assert_int_equal(host_command(host, "80F0400F%02zX%s", strlen(aid) / 2, aid), 0x9000);
	host->has_session = false;
}
