/* Delegated management at the card: tokens, receipts, DAP blocks and ciphered load files, and what is
 * refused. */
#include "card_support.h"

#include <cardea/crypto_rsa.h>
#include <cardea/tlv.h>

#include "chip.h"
#include "rsa_keys.h"

#define PACKAGE  "D0D1D2D3D4D501"
#define MODULE   "D0D1D2D3D4D50101"
#define INSTANCE "D0D1D2D3D4D5010100"
#define DELEGATE "A0000001515350AA01"
#define VERIFIER "A0000001515350AA02"

#define TOKEN_KEY   "000102030405060708090A0B0C0D0E0F"
#define RECEIPT_KEY "101112131415161718191A1B1C1D1E1F"
#define DAP_KEY     "202122232425262728292A2B2C2D2E2F"
#define CIPHER_KEY  "303132333435363738393A3B3C3D3E3F"
#define UNIQUE_DATA "42600001CA4DEA0000000001"

#define DELEGATED    0xA08000
#define DAP_MANDATED 0xC18000
#define DAP_OWN      0xC0C000
#define CIPHERED     0x80C040

static struct card_domain domains[2];
static struct card_extra_key extra_keys[4];

static void add_domain(struct host *host, const char *aid, uint32_t privileges)
{
	struct card_domain *domain = &domains[host->settings.domain_count++];
	*domain = (struct card_domain){ .privileges = privileges };
	assert_true(aid_read(hex(host, "%s", aid), &domain->aid));
	host->settings.domains = domains;
}

static struct card_extra_key *add_key(struct host *host, const char *aid, uint8_t version, uint8_t type,
				      const char *value)
{
	struct card_extra_key *key = &extra_keys[host->settings.extra_key_count++];
	*key = (struct card_extra_key){ .version = version, .id = 1 };
	if (aid != NULL)
		assert_true(aid_read(hex(host, "%s", aid), &key->domain));
	key->components[0].type = type;
	key->components[0].value = hex(host, "%s", value);
	host->settings.extra_keys = extra_keys;
	return key;
}

/* A card with a delegate, whose issuer verifies AES tokens and makes AES receipts. */
static struct host *delegated(void **state)
{
	struct host *host = *state;
	add_domain(host, DELEGATE, DELEGATED);
	add_key(host, NULL, 0x70, KEY_TYPE_AES, TOKEN_KEY);
	add_key(host, NULL, 0x71, KEY_TYPE_AES, RECEIPT_KEY);
	host_reopen(host);
	host_login(host, DELEGATE, LEVEL_MAC);
	return host;
}

static struct bytes built(const struct builder *b)
{
	struct bytes bytes;
	assert_int_equal(builder_bytes(b, &bytes), ERR_NONE);
	return bytes;
}

static struct bytes mac_of(struct host *host, const char *key, struct bytes data)
{
	uint8_t mac[AES_BLOCK];
	struct bytes copy;
	assert_int_equal(aes_cmac(hex(host, "%s", key), &data, 1, mac), ERR_NONE);
	assert_int_equal(bytes_copy(host->arena, bytes_of(mac, sizeof(mac)), &copy), ERR_NONE);
	return copy;
}

static struct bytes token_input(struct host *host, uint8_t p1, uint8_t p2, struct bytes fields)
{
	struct builder b = builder_in(host->arena);
	build_u8(&b, p1);
	build_u8(&b, p2);
	build_u8(&b, (uint8_t)fields.len);
	build_bytes(&b, fields);
	return built(&b);
}

/* INSTALL with this token; empty: none. */
static uint16_t install_with(struct host *host, uint8_t p1, struct bytes fields, struct bytes token)
{
	struct builder b = builder_in(host->arena);
	build_bytes(&b, fields);
	build_ber_length(&b, token.len);
	build_bytes(&b, token);
	return host_command_bytes(host, 0xE6, p1, 0x00, built(&b));
}

static uint16_t install(struct host *host, uint8_t p1, const char *fields)
{
	struct bytes bytes = hex(host, "%s", fields);
	return install_with(host, p1, bytes, mac_of(host, TOKEN_KEY, token_input(host, p1, 0, bytes)));
}

static uint16_t delete (struct host *host, uint8_t p2, const char *fields)
{
	struct builder b = builder_in(host->arena);
	struct bytes bytes = hex(host, "%s", fields);
	build_bytes(&b, bytes);
	build_tlv(&b, 0x9E, mac_of(host, TOKEN_KEY, token_input(host, 0, p2, bytes)));
	return host_command_bytes(host, 0xE4, 0x00, p2, built(&b));
}

/* The fields of INSTALL [for load] with a digest of the load file data block in `file`. */
static const char *load_fields(struct host *host, struct bytes file, enum digest digest, const char *owner)
{
	uint8_t hash[DIGEST_SIZE_MAX];
	struct reader r = reader_of(file);
	struct bytes block;
	uint32_t tag;
	assert_true(read_tlv(&r, &tag, &block));
	assert_int_equal(digest_of(digest, block, hash), ERR_NONE);
	return arena_printf(host->arena, "07" PACKAGE "%02zX%s%02zX%s00", strlen(owner) / 2, owner,
			    digest_size(digest),
			    bytes_to_hex(host->arena, bytes_of(hash, digest_size(digest))));
}

static uint16_t load_blocks(struct host *host, struct bytes file)
{
	uint16_t sw = 0x9000;
	for (uint8_t block = 0; sw == 0x9000 && file.len > 0; block++) {
		struct bytes piece = bytes_first(file, 200);
		file = bytes_from(file, piece.len);
		sw = host_command(host, "80E8%02X%02X%02zX%s00", file.len == 0 ? 0x80 : 0x00, block,
				  piece.len, bytes_to_hex(host->arena, piece));
	}
	return sw;
}

static struct bytes a_file(struct host *host)
{
	return load_file_make(host, PACKAGE, MODULE, NULL, 300);
}

static uint16_t load(struct host *host)
{
	struct bytes file = a_file(host);
	uint16_t sw = install(host, 0x02, load_fields(host, file, DIGEST_SHA256, ""));
	return sw == 0x9000 ? load_blocks(host, file) : sw;
}

static bool is_there(struct host *host, const char *aid)
{
	return card_find(host->card, hex(host, "%s", aid), NULL);
}

/* The answer is the confirmation with this counter and a receipt over it and `subject`. */
static void assert_receipt(struct host *host, unsigned counter, const char *subject)
{
	struct bytes data = hex(host, "02%04X0C" UNIQUE_DATA, counter),
		     input = hex(host, "02%04X0C" UNIQUE_DATA "%s", counter, subject);
	struct builder b = builder_in(host->arena);
	build_u8(&b, (uint8_t)(1 + AES_BLOCK + data.len));
	build_lv(&b, mac_of(host, RECEIPT_KEY, input));
	build_bytes(&b, data);
	assert_string_equal(bytes_to_hex(host->arena, host->data), bytes_to_hex(host->arena, built(&b)));
}

/* ---- tokens and receipts ---- */

static void every_delegated_change_has_a_token_and_a_receipt(void **state)
{
	struct host *host = delegated(state);
	assert_int_equal(load(host), 0x9000);
	assert_receipt(host, 1, "07" PACKAGE "09" DELEGATE);
	assert_int_equal(install(host, 0x04, "07" PACKAGE "08" MODULE "09" INSTANCE "010002C900"), 0x9000);
	assert_receipt(host, 2, "07" PACKAGE "09" INSTANCE);
	assert_int_equal(install(host, 0x08, "000009" INSTANCE "010000"), 0x9000);
	assert_receipt(host, 3, "07" PACKAGE "09" INSTANCE);
	assert_int_equal(install(host, 0x40,
				 "000009" INSTANCE "0100"
				 "05EF03CF0102"),
			 0x9000);
	assert_receipt(host, 4,
		       "0009" INSTANCE "00"
		       "0100"
		       "05EF03CF0102");
	assert_int_equal(install(host, 0x10, "09" DELEGATE "0009" INSTANCE "0000"), 0x9000);
	assert_receipt(host, 5, "09" DELEGATE "09" INSTANCE "09" DELEGATE);
	assert_int_equal(delete (host, 0x00, "4F09" INSTANCE), 0x9000);
	assert_receipt(host, 6, "09" INSTANCE);
	assert_int_equal(delete (host, 0x80, "4F07" PACKAGE), 0x9000);
	assert_receipt(host, 7, "07" PACKAGE);
	assert_false(is_there(host, PACKAGE));
}

static void the_identifier_of_a_token_comes_back(void **state)
{
	struct host *host = delegated(state);
	assert_int_equal(load(host), 0x9000);
	assert_int_equal(install(host, 0x0C, "07" PACKAGE "08" MODULE "09" INSTANCE "010007C900B60393017A"),
			 0x9000);
	assert_hex(host, bytes_from(host->data, host->data.len - 2), "017A");
	assert_int_equal(delete (host, 0x00, "4F09" INSTANCE "B60493021234"), 0x9000);
	assert_hex(host, bytes_from(host->data, host->data.len - 3), "021234");
}

static void a_change_without_a_right_token_is_refused(void **state)
{
	struct host *host = delegated(state);
	struct bytes file = a_file(host), none = { NULL, 0 };
	struct bytes fields = hex(host, "%s", load_fields(host, file, DIGEST_SHA256, ""));
	struct bytes token = mac_of(host, TOKEN_KEY, token_input(host, 0x02, 0, fields));
	assert_int_equal(install_with(host, 0x02, fields, none), 0x6985);
	assert_int_equal(install_with(host, 0x02, fields, mac_of(host, RECEIPT_KEY, fields)), 0x6982);
	assert_int_equal(install_with(host, 0x02, fields, bytes_first(token, 15)), 0x6982);
	/* a token is for one command: not for another kind, nor for other fields */
	struct bytes of_another = mac_of(host, TOKEN_KEY, token_input(host, 0x04, 0, fields));
	assert_int_equal(install_with(host, 0x02, fields, of_another), 0x6982);
	assert_int_equal(install_with(host, 0x02, hex(host, "07D0D1D2D3D4D502000000"), token), 0x6982);
	/* without a digest the token says nothing about the code (C.2) */
	assert_int_equal(install(host, 0x02, "07" PACKAGE "000000"), 0x6A80);
	assert_int_equal(install(host, 0x02, "07" PACKAGE "0014000102030405060708090A0B0C0D0E0F1011121300"),
			 0x6A80);
	assert_int_equal(load(host), 0x9000);
	assert_int_equal(host_call(host, "80E40080", "4F07" PACKAGE), 0x6985);
	assert_int_equal(host_call(host, "80E40080", "4F07" PACKAGE "9E10" TOKEN_KEY), 0x6982);
	assert_int_equal(host_call(host, "80E40080", "4F07" PACKAGE "9E00"), 0x6A80);
	/* which verifier is meant */
	assert_int_equal(delete (host, 0x80, "4F07" PACKAGE "B6044202AABB"), 0x6A80);
	assert_int_equal(delete (host, 0x80, "4F07" PACKAGE "B606420442600001"), 0x9000);
	/* what its provider does by himself takes no token */
	host_login(host, ISD_AID, LEVEL_MAC);
	assert_int_equal(load(host), 0x6A80);
}

static void a_load_file_must_be_the_one_of_the_token(void **state)
{
	struct host *host = delegated(state);
	struct bytes other = load_file_make(host, PACKAGE, MODULE, NULL, 301);
	assert_int_equal(install(host, 0x02, load_fields(host, a_file(host), DIGEST_SHA256, "")), 0x9000);
	assert_int_equal(load_blocks(host, other), 0x6A80);
	assert_false(is_there(host, PACKAGE));
}

static void without_its_keys_nothing_is_delegated(void **state)
{
	struct host *host = *state;
	add_domain(host, DELEGATE, DELEGATED);
	host_reopen(host);
	host_login(host, DELEGATE, LEVEL_MAC);
	assert_int_equal(load(host), 0x6985);
	add_key(host, NULL, 0x70, KEY_TYPE_AES, TOKEN_KEY); /* and none for receipts */
	host_reopen(host);
	host_login(host, DELEGATE, LEVEL_MAC);
	assert_int_equal(load(host), 0x6985);
}

static void another_may_verify_tokens_and_make_receipts(void **state)
{
	struct host *host = *state;
	add_domain(host, DELEGATE, DELEGATED);
	add_domain(host, VERIFIER, 0x80A080);
	add_key(host, VERIFIER, 0x70, KEY_TYPE_AES, TOKEN_KEY);
	add_key(host, VERIFIER, 0x71, KEY_TYPE_AES, RECEIPT_KEY);
	host_reopen(host);
	host_login(host, DELEGATE, LEVEL_MAC);
	assert_int_equal(load(host), 0x9000);
	struct bytes end = bytes_from(host->data, host->data.len - 4);
	assert_hex(host, end, "02000100"); /* it has no unique data of its own */
}

static void the_counter_of_receipts_outlives_the_power_and_never_wraps(void **state)
{
	struct host *host = delegated(state);
	assert_int_equal(load(host), 0x9000);
	assert_int_equal(card_reset(host->card), ERR_NONE);
	host_login(host, DELEGATE, LEVEL_MAC);
	assert_int_equal(delete (host, 0x80, "4F07" PACKAGE), 0x9000);
	assert_receipt(host, 2, "07" PACKAGE);
	registry_isd(&host->card->registry)->confirmation_counter = UINT16_MAX - 1;
	assert_int_equal(state_commit(host->card), SW_SUCCESS);
	assert_int_equal(load(host), 0x9000);
	assert_receipt(host, UINT16_MAX, "07" PACKAGE "09" DELEGATE);
	assert_int_equal(delete (host, 0x80, "4F07" PACKAGE), 0x6985);
	assert_true(is_there(host, PACKAGE));
}

static void the_power_goes_before_or_after_a_change_and_its_receipt(void **state)
{
	struct host *host = delegated(state);
	assert_int_equal(load(host), 0x9000);
	card_cut_power_after(host->card, 1);
	struct bytes response;
	struct builder b = builder_in(host->arena);
	struct bytes fields = hex(host, "4F07" PACKAGE);
	build_bytes(&b, hex(host, "80E40080%02zX", fields.len + 18));
	build_bytes(&b, fields);
	build_tlv(&b, 0x9E, mac_of(host, TOKEN_KEY, token_input(host, 0, 0x80, fields)));
	assert_int_equal(card_transmit(host->card, host->arena, host_wrap(host, built(&b)), &response),
			 ERR_UNAVAILABLE);
	assert_int_equal(card_reset(host->card), ERR_NONE);
	host_login(host, DELEGATE, LEVEL_MAC);
	assert_true(is_there(host, PACKAGE));
	assert_int_equal(delete (host, 0x80, "4F07" PACKAGE), 0x9000);
	assert_receipt(host, 2, "07" PACKAGE); /* the lost one was not counted */
}

/* ---- kinds of keys ---- */

static void assert_load_with(struct host *host, struct bytes (*sign)(struct host *host, struct bytes input))
{
	struct bytes file = a_file(host);
	struct bytes fields = hex(host, "%s", load_fields(host, file, DIGEST_SHA256, ""));
	struct bytes token = sign(host, token_input(host, 0x02, 0, fields));
	add_domain(host, DELEGATE, DELEGATED);
	host_reopen(host);
	host_login(host, DELEGATE, LEVEL_MAC);
	assert_int_equal(install_with(host, 0x02, fields, token), 0x9000);
	assert_int_equal(load_blocks(host, file), 0x9000);
	((uint8_t *)(uintptr_t)token.at)[7] ^= 0x10;
	assert_int_equal(install_with(host, 0x02, fields, token), 0x6982);
}

static struct bytes copy(struct host *host, const uint8_t *at, size_t len)
{
	struct bytes bytes;
	assert_int_equal(bytes_copy(host->arena, bytes_of(at, len), &bytes), ERR_NONE);
	return bytes;
}

static struct bytes sign_des(struct host *host, struct bytes input)
{
	static const uint8_t icv[DES_BLOCK];
	struct builder b = builder_in(host->arena);
	uint8_t mac[DES_BLOCK];
	build_bytes(&b, input);
	build_u8(&b, 0x80);
	build_zeros(&b, (8 - b.len % 8) % 8);
	assert_int_equal(des_retail_mac(hex(host, TOKEN_KEY), icv, built(&b), mac), ERR_NONE);
	return copy(host, mac, sizeof(mac));
}

static struct bytes sign_short_rsa(struct host *host, struct bytes input)
{
	uint8_t signature[RSA_SIZE_MAX];
	assert_int_equal(rsa_sign(RSA_PKCS1_SHA1, hex(host, rsa_private_1024), input, signature), ERR_NONE);
	return copy(host, signature, 128);
}

static struct bytes sign_long_rsa(struct host *host, struct bytes input)
{
	uint8_t signature[RSA_SIZE_MAX];
	assert_int_equal(rsa_sign(RSA_PSS_SHA256, hex(host, rsa_private_2048), input, signature), ERR_NONE);
	return copy(host, signature, 256);
}

static struct bytes sign_ec(struct host *host, struct bytes input)
{
	uint8_t signature[2 * EC_SIZE_MAX];
	assert_int_equal(ec_sign(EC_P256, DIGEST_SHA256, hex(host, TOKEN_KEY RECEIPT_KEY), input, signature),
			 ERR_NONE);
	return copy(host, signature, 64);
}

static void add_rsa_key(struct host *host, const char *public_der)
{
	struct rsa_public public;
	assert_int_equal(rsa_public_read(hex(host, "%s", public_der), &public), ERR_NONE);
	struct card_extra_key *key =
		add_key(host, NULL, 0x70, 0xA1,
			bytes_to_hex(host->arena, bytes_of(public.modulus, public.modulus_len)));
	key->components[1].type = 0xA0;
	key->components[1].value = copy(host, public.exponent, public.exponent_len);
}

static void tokens_by_des(void **state)
{
	add_key(*state, NULL, 0x70, KEY_TYPE_DES, TOKEN_KEY);
	add_key(*state, NULL, 0x71, KEY_TYPE_AES, RECEIPT_KEY);
	assert_load_with(*state, sign_des);
}

static void tokens_by_short_rsa_keys(void **state)
{
	add_rsa_key(*state, rsa_public_1024);
	add_key(*state, NULL, 0x71, KEY_TYPE_DES, RECEIPT_KEY);
	assert_load_with(*state, sign_short_rsa);
}

static void tokens_by_long_rsa_keys(void **state)
{
	add_rsa_key(*state, rsa_public_2048);
	add_key(*state, NULL, 0x71, KEY_TYPE_AES, RECEIPT_KEY);
	assert_load_with(*state, sign_long_rsa);
}

static void tokens_and_receipts_by_elliptic_curves(void **state)
{
	struct host *host = *state;
	struct ec_point point;
	assert_int_equal(ec_public_of(EC_P256, hex(host, TOKEN_KEY RECEIPT_KEY), &point), ERR_NONE);
	struct card_extra_key *key = add_key(host, NULL, 0x70, KEY_TYPE_ECC_PUBLIC,
					     bytes_to_hex(host->arena, ec_point_bytes(&point)));
	key->components[1].type = KEY_TYPE_PARAMETER_REFERENCE;
	key->components[1].value = hex(host, "00");
	key = add_key(host, NULL, 0x71, 0xB1, TOKEN_KEY RECEIPT_KEY);
	key->components[1].type = KEY_TYPE_PARAMETER_REFERENCE;
	key->components[1].value = hex(host, "00");
	assert_load_with(host, sign_ec);
}

/* ---- DAP blocks ---- */

static struct bytes with_dap(struct host *host, const char *domain, struct bytes hash, const char *key,
			     struct bytes file)
{
	struct builder b = builder_in(host->arena);
	size_t mark = build_open(&b, 0xE2);
	build_tlv(&b, 0x4F, hex(host, "%s", domain));
	build_tlv(&b, 0xC3, mac_of(host, key, hash));
	build_close(&b, mark);
	build_bytes(&b, file);
	return built(&b);
}

static struct bytes hash_of(struct host *host, struct bytes file, enum digest digest)
{
	uint8_t hash[DIGEST_SIZE_MAX];
	struct reader r = reader_of(file);
	struct bytes block;
	uint32_t tag;
	assert_true(read_tlv(&r, &tag, &block));
	assert_int_equal(digest_of(digest, block, hash), ERR_NONE);
	return copy(host, hash, digest_size(digest));
}

/* By the security domain that is logged in, without a token. */
static uint16_t load_plainly(struct host *host, const char *fields, struct bytes file)
{
	uint16_t sw = install_with(host, 0x02, hex(host, "%s", fields), bytes_of(NULL, 0));
	return sw == 0x9000 ? load_blocks(host, file) : sw;
}

static void a_mandated_dap_is_asked_of_every_load_file(void **state)
{
	struct host *host = *state;
	add_domain(host, VERIFIER, DAP_MANDATED);
	add_key(host, VERIFIER, 0x73, KEY_TYPE_AES, DAP_KEY);
	host_reopen(host);
	host_login(host, ISD_AID, LEVEL_MAC);
	struct bytes file = a_file(host), hash = hash_of(host, file, DIGEST_SHA256);
	const char *fields = load_fields(host, file, DIGEST_SHA256, "");
	assert_int_equal(load_plainly(host, fields, file), 0x6985);
	assert_int_equal(load_plainly(host, fields, with_dap(host, VERIFIER, hash, TOKEN_KEY, file)), 0x6982);
	assert_int_equal(load_plainly(host, fields, with_dap(host, ISD_AID, hash, DAP_KEY, file)), 0x6985);
	struct bytes good = with_dap(host, VERIFIER, hash, DAP_KEY, file);
	assert_int_equal(load_plainly(host, "07" PACKAGE "000000", good), 0x6985); /* no digest to sign */
	assert_int_equal(
		load_plainly(host, fields, with_dap(host, "A0000001515350AA09", hash, DAP_KEY, good)),
		0x6985);
	assert_int_equal(load_plainly(host,
				      load_fields(host, load_file_make(host, PACKAGE, MODULE, NULL, 9),
						  DIGEST_SHA256, ""),
				      good),
			 0x6982);
	assert_int_equal(load_plainly(host, fields, good), 0x9000);
	assert_hex(host, host->data, "00");
	assert_true(is_there(host, PACKAGE));
}

static void the_digest_is_as_strong_as_the_key_that_signs_it(void **state)
{
	struct host *host = *state;
	add_domain(host, VERIFIER, DAP_MANDATED);
	add_key(host, VERIFIER, 0x73, KEY_TYPE_AES, DAP_KEY DAP_KEY);
	host_reopen(host);
	host_login(host, ISD_AID, LEVEL_MAC);
	struct bytes file = a_file(host);
	struct bytes weak = with_dap(host, VERIFIER, hash_of(host, file, DIGEST_SHA384), DAP_KEY DAP_KEY,
				     file),
		     strong = with_dap(host, VERIFIER, hash_of(host, file, DIGEST_SHA512), DAP_KEY DAP_KEY,
				       file);
	assert_int_equal(load_plainly(host, load_fields(host, file, DIGEST_SHA384, ""), weak), 0x6985);
	assert_int_equal(load_plainly(host, load_fields(host, file, DIGEST_SHA512, ""), strong), 0x9000);
}

static void a_security_domain_verifies_its_own_load_files(void **state)
{
	struct host *host = *state;
	add_domain(host, VERIFIER, DAP_OWN);
	add_key(host, VERIFIER, 0x73, KEY_TYPE_AES, DAP_KEY);
	host_reopen(host);
	host_login(host, ISD_AID, LEVEL_MAC);
	struct bytes file = a_file(host);
	struct bytes good = with_dap(host, VERIFIER, hash_of(host, file, DIGEST_SHA256), DAP_KEY, file);
	assert_int_equal(load_plainly(host, load_fields(host, file, DIGEST_SHA256, ""), file), 0x9000);
	assert_int_equal(host_call(host, "80E40000", "4F07" PACKAGE), 0x9000);
	assert_int_equal(load_plainly(host, load_fields(host, file, DIGEST_SHA256, VERIFIER), file), 0x6985);
	assert_int_equal(load_plainly(host, load_fields(host, file, DIGEST_SHA256, VERIFIER), good), 0x9000);
}

/* ---- ciphered load files ---- */

static struct bytes ciphered(struct host *host, struct bytes file, const char *icv_hex)
{
	static const uint8_t zero_icv[AES_BLOCK];
	struct builder padded = builder_in(host->arena), b = builder_in(host->arena);
	struct reader r = reader_of(file);
	struct bytes block, icv = hex(host, "%s", icv_hex);
	uint32_t tag;
	assert_true(read_tlv(&r, &tag, &block));
	build_bytes(&padded, block);
	build_u8(&padded, 0x80);
	build_zeros(&padded, (AES_BLOCK - padded.len % AES_BLOCK) % AES_BLOCK);
	uint8_t *at = arena_alloc(host->arena, padded.len);
	assert_int_equal(
		aes_cbc_encrypt(hex(host, CIPHER_KEY), icv.len > 0 ? icv.at : zero_icv, built(&padded), at),
		ERR_NONE);
	if (icv.len > 0)
		build_tlv(&b, 0xD3, icv);
	build_tlv(&b, 0xD4, bytes_of(at, padded.len));
	return built(&b);
}

static void a_security_domain_may_want_its_load_files_ciphered(void **state)
{
	struct host *host = *state;
	add_domain(host, VERIFIER, CIPHERED);
	add_key(host, VERIFIER, 0x75, KEY_TYPE_AES, CIPHER_KEY);
	host_reopen(host);
	host_login(host, ISD_AID, LEVEL_MAC);
	struct bytes file = a_file(host);
	const char *fields = load_fields(host, file, DIGEST_SHA256, VERIFIER);
	assert_int_equal(load_plainly(host, fields, file), 0x6985);
	assert_int_equal(load_plainly(host, "07" PACKAGE "09" VERIFIER "0000", ciphered(host, file, "")),
			 0x6985);
	assert_int_equal(
		load_plainly(host, load_fields(host, file, DIGEST_SHA256, ""), ciphered(host, file, "")),
		0x6985);
	struct bytes broken = ciphered(host, file, "");
	assert_int_equal(load_plainly(host, fields, bytes_first(broken, broken.len)), 0x9000);
	assert_int_equal(host_call(host, "80E40000", "4F07" PACKAGE), 0x9000);
	((uint8_t *)(uintptr_t)broken.at)[broken.len - 1] ^= 1;
	assert_int_equal(load_plainly(host, fields, broken), 0x6A80);
	assert_int_equal(load_plainly(host, fields, ciphered(host, file, TOKEN_KEY)), 0x9000);
	assert_true(is_there(host, PACKAGE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(every_delegated_change_has_a_token_and_a_receipt),
		CLAIM(the_identifier_of_a_token_comes_back),
		CLAIM(a_change_without_a_right_token_is_refused),
		CLAIM(a_load_file_must_be_the_one_of_the_token),
		CLAIM(without_its_keys_nothing_is_delegated),
		CLAIM(another_may_verify_tokens_and_make_receipts),
		CLAIM(the_counter_of_receipts_outlives_the_power_and_never_wraps),
		CLAIM(the_power_goes_before_or_after_a_change_and_its_receipt),
		CLAIM(tokens_by_des),
		CLAIM(tokens_by_short_rsa_keys),
		CLAIM(tokens_by_long_rsa_keys),
		CLAIM(tokens_and_receipts_by_elliptic_curves),
		CLAIM(a_mandated_dap_is_asked_of_every_load_file),
		CLAIM(the_digest_is_as_strong_as_the_key_that_signs_it),
		CLAIM(a_security_domain_verifies_its_own_load_files),
		CLAIM(a_security_domain_may_want_its_load_files_ciphered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
