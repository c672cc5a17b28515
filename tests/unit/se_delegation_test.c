/* Delegated management as the operations do it: tokens made, kept and sent, receipts verified, DAP blocks,
 * ciphered load files, against the simulated card and with everything that may break on the way. */
#include "se_lab.h"

#include <stdio.h>
#include <string.h>

#include "../e2e/cap_file.h"
#include "one_arena.h"
#include "rsa_keys.h"

#define PACKAGE  "D07002CA44900101"
#define APPLET   "D07002CA4490010101"
#define DELEGATE "A000000151DE01"
#define VERIFIER "A000000151DA01"
#define OWNER    "A000000151C101"

#define TOKEN_KEY   "000102030405060708090A0B0C0D0E0F"
#define RECEIPT_KEY "101112131415161718191A1B1C1D1E1F"
#define DAP_KEY     "202122232425262728292A2B2C2D2E2F"
#define CIPHER_KEY  "303132333435363738393A3B3C3D3E3F"
#define EC_KEY      TOKEN_KEY RECEIPT_KEY

#define BY_DELEGATE "\"securityDomainAidHex\":\"" DELEGATE "\""
#define INSTALL     "{\"package\":\"1\"," BY_DELEGATE "}"
#define DELETE      "{\"aidHex\":\"" PACKAGE "\",\"related\":true," BY_DELEGATE "}"

enum kind { AES_KEYS, EC_KEYS, RSA_TOKEN_KEY };

static struct card_domain domains[3];
static struct card_extra_key extra_keys[4];
static struct card_settings settings;

static struct card_aid aid_of(const char *text)
{
	struct bytes bytes = hex(text);
	struct card_aid aid = { .len = bytes.len };

	memcpy(aid.at, bytes.at, bytes.len);
	return aid;
}

static void add_domain(const char *aid, uint32_t privileges)
{
	domains[settings.domain_count++] =
		(struct card_domain){ .aid = aid_of(aid), .privileges = privileges };
}

static struct card_extra_key *add_key(const char *domain, uint8_t version, uint8_t type, const char *value)
{
	struct card_extra_key *key = &extra_keys[settings.extra_key_count++];

	*key = (struct card_extra_key){ .version = version, .id = 1 };
	if (domain != NULL)
		key->domain = aid_of(domain);
	key->components[0].type = type;
	key->components[0].value = hex(value);
	return key;
}

static const char *public_point(void)
{
	struct ec_point point;

	assert_int_equal(ec_public_of(EC_P256, hex(EC_KEY), &point), ERR_NONE);
	return bytes_to_hex(arena, ec_point_bytes(&point));
}

static void add_ec_key(uint8_t version, uint8_t type, const char *value)
{
	struct card_extra_key *key = add_key(NULL, version, type, value);

	key->components[1].type = 0xF0;
	key->components[1].value = hex("00");
}

static void add_rsa_key(uint8_t version)
{
	/* SubjectPublicKeyInfo of 1024 bits: the modulus from byte 29 on, then 02 03 and the exponent */
	struct bytes der = hex(rsa_public_1024);
	struct card_extra_key *key = add_key(NULL, version, 0xA1, "00");

	key->components[0].value = bytes_first(bytes_from(der, 29), 128);
	key->components[1].type = 0xA0;
	key->components[1].value = bytes_from(der, der.len - 3);
}

static void begin_settings(void)
{
	settings = card_settings_default();
	settings.domains = domains;
	settings.extra_keys = extra_keys;
}

static void add_document(struct lab *lab, const char *kind, const char *aid, const char *json)
{
	lab->job.documents[lab->job.document_count++] = (struct lab_document){ kind, hex(aid), json };
}

/* A card with a delegate, and an operator who has the other sides of the issuer's keys. */
static void open_delegated(struct lab *lab, enum kind kind)
{
	begin_settings();
	add_domain(DELEGATE, 0xA08000);
	switch (kind) {
	case AES_KEYS:
		add_key(NULL, 0x70, 0x88, TOKEN_KEY);
		break;
	case EC_KEYS:
		add_ec_key(0x70, 0xB0, public_point());
		break;
	case RSA_TOKEN_KEY:
		add_rsa_key(0x70);
		break;
	}
	if (kind == EC_KEYS)
		add_ec_key(0x71, 0xB1, EC_KEY);
	else
		add_key(NULL, 0x71, 0x88, RECEIPT_KEY);
	lab_open(lab, &settings);
	add_document(lab, "token", "",
		     kind == AES_KEYS ? "{\"algorithm\":\"aes\",\"keyHex\":\"" TOKEN_KEY "\"}"
		     : kind == EC_KEYS
			     ? "{\"algorithm\":\"ec\",\"curve\":\"P-256\",\"privateKeyHex\":\"" EC_KEY "\"}"
			     : arena_printf(arena, "{\"algorithm\":\"rsa\",\"privateKeyHex\":\"%s\"}",
					    rsa_private_1024));
	add_document(
		lab, "receipt", "",
		kind == EC_KEYS
			? arena_printf(arena,
				       "{\"algorithm\":\"ec\",\"curve\":\"P-256\",\"publicKeyHex\":\"%s\"}",
				       public_point())
			: "{\"algorithm\":\"aes\",\"keyHex\":\"" RECEIPT_KEY "\"}");
}

static struct bytes make_package(struct lab *lab)
{
	struct cap_order order = { .package_aid = lab_hex(lab, PACKAGE),
				   .applets = { lab_hex(lab, APPLET) },
				   .applet_count = 1,
				   .major = 1,
				   .code_bytes = 900 };
	struct bytes file;

	assert_int_equal(cap_build_zip(lab->job.arena, &order, &file), ERR_NONE);
	return file;
}

static void install(struct lab *lab, const char *params)
{
	lab_run(lab, "se.install", params, make_package(lab));
}

static void run(struct lab *lab, const char *operation, const char *params)
{
	lab_run(lab, operation, params, bytes_of(NULL, 0));
}

static const json_t *receipt(const struct lab *lab, size_t index)
{
	const json_t *found = json_array_get(json_object_get(lab->job.reported, "receipts"), index);

	assert_non_null(found);
	return found;
}

static void assert_receipt(const struct lab *lab, size_t index, const char *of, int counter)
{
	const json_t *found = receipt(lab, index);

	assert_string_equal(json_string_value(json_object_get(found, "of")), of);
	assert_int_equal(json_integer_value(json_object_get(found, "counter")), counter);
	assert_string_equal(json_string_value(json_object_get(found, "uniqueDataHex")),
			    "42600001CA4DEA0000000001");
	assert_true(json_is_true(json_object_get(found, "isVerified")));
}

static size_t receipt_count(const struct lab *lab)
{
	return json_array_size(json_object_get(lab->job.reported, "receipts"));
}

/* ---- tokens and receipts ---- */

/* A card without such keys, which get there by a job each. */
static void keys_that_were_put_on_the_card_verify_and_sign(void **state)
{
	const char *const tokens[] = {
		"{\"version\":112,\"algorithm\":\"aes\",\"keyHex\":\"" TOKEN_KEY "\"}",
		"{\"version\":112,\"algorithm\":\"ec\",\"curve\":\"P-256\",\"privateKeyHex\":\"" EC_KEY "\"}",
		arena_printf(arena, "{\"version\":112,\"algorithm\":\"rsa\",\"privateKeyHex\":\"%s\"}",
			     rsa_private_1024),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct lab lab;
		begin_settings();
		add_domain(DELEGATE, 0xA08000);
		lab_open(&lab, &settings);
		add_document(&lab, "token", "", tokens[i]);
		add_document(&lab, "receipt", "",
			     "{\"version\":113,\"algorithm\":\"aes\",\"keyHex\":\"" RECEIPT_KEY "\"}");
		run(&lab, "se.put-keys", "{\"kind\":\"token\",\"newKeyVersion\":112}");
		lab_assert_done(&lab);
		run(&lab, "se.put-keys", "{\"kind\":\"receipt\",\"newKeyVersion\":113}");
		lab_assert_done(&lab);
		install(&lab, INSTALL);
		lab_assert_done(&lab);
		assert_receipt(&lab, 1, "install", 2);
		run(&lab, "se.put-keys", "{\"kind\":\"token\",\"newKeyVersion\":112}");
		lab_assert_failed(&lab, ERR_CONFLICT, "on the card already");
		run(&lab, "se.put-keys",
		    "{\"kind\":\"token\",\"newKeyVersion\":112,\"replaceKeyVersion\":112}");
		lab_assert_done(&lab);
		run(&lab, "se.put-keys", "{\"kind\":\"dap\",\"newKeyVersion\":115}");
		lab_assert_failed(&lab, ERR_NOT_FOUND, "dap key 73 is not stored");
		add_document(&lab, "dap", "",
			     arena_printf(arena,
					  "{\"version\":115,\"algorithm\":\"rsa\",\"privateKeyHex\":\"%s\"}",
					  rsa_private_2048));
		run(&lab, "se.put-keys", "{\"kind\":\"dap\",\"newKeyVersion\":115}");
		lab_assert_failed(&lab, ERR_LIMIT, "does not fit one command");
		lab_close(&lab);
	}
}

static void a_delegate_installs_and_deletes_with_tokens_of_any_kind(void **state)
{
	for (unsigned kind = AES_KEYS; kind <= RSA_TOKEN_KEY; kind++) {
		struct lab lab;
		open_delegated(&lab, (enum kind)kind);
		install(&lab, INSTALL);
		lab_assert_done(&lab);
		assert_int_equal(receipt_count(&lab), 2);
		assert_receipt(&lab, 0, "load", 1);
		assert_receipt(&lab, 1, "install", 2);
		assert_true(lab_has(&lab, APPLET));
		install(&lab, INSTALL);
		lab_assert_done(&lab);
		assert_int_equal(receipt_count(&lab), 0); /* nothing was done */
		run(&lab, "se.delete", DELETE);
		lab_assert_done(&lab);
		assert_receipt(&lab, 0, "change", 3);
		assert_false(lab_has(&lab, PACKAGE));
		lab_close(&lab);
	}
}

/* Which token MANAGE ELF UPGRADE would take is not known. */
static void a_delegate_does_not_upgrade(void **state)
{
	struct lab lab;

	open_delegated(&lab, AES_KEYS);
	install(&lab, INSTALL);
	lab_assert_done(&lab);
	lab_run(&lab, "se.upgrade", INSTALL, make_package(&lab));
	lab_assert_failed(&lab, ERR_CONFLICT, "6985");
	assert_true(lab_has(&lab, APPLET));
	lab_close(&lab);
}

static void the_issuer_needs_no_token(void **state)
{
	struct lab lab;

	open_delegated(&lab, AES_KEYS);
	install(&lab, "{\"package\":\"1\"}");
	lab_assert_done(&lab);
	assert_null(json_object_get(lab.job.reported, "receipts"));
	lab_close(&lab);
}

static void an_installation_not_yet_selectable_gets_a_token_of_its_own(void **state)
{
	struct lab lab;

	open_delegated(&lab, AES_KEYS);
	install(&lab, "{\"package\":\"1\",\"makeSelectable\":false," BY_DELEGATE "}");
	lab_assert_done(&lab);
	install(&lab, INSTALL);
	lab_assert_done(&lab);
	assert_int_equal(receipt_count(&lab), 1);
	assert_receipt(&lab, 0, "make-selectable", 3);
	lab_close(&lab);
}

static void each_of_several_applications_has_its_token(void **state)
{
	struct lab lab;

	open_delegated(&lab, EC_KEYS);
	install(&lab, "{\"package\":\"1\",\"applications\":[{\"instanceAidHex\":\"" APPLET "\"},"
		      "{\"instanceAidHex\":\"" APPLET "02\",\"makeSelectable\":false}]," BY_DELEGATE "}");
	lab_assert_done(&lab);
	assert_int_equal(receipt_count(&lab), 3);
	assert_receipt(&lab, 1, "install", 2);
	assert_receipt(&lab, 2, "install", 3);
	assert_true(lab_has(&lab, APPLET "02"));
	lab_close(&lab);
}

static void a_token_may_have_an_identifier(void **state)
{
	struct lab lab;

	open_delegated(&lab, AES_KEYS);
	install(&lab, "{\"package\":\"1\",\"tokenIdentifierHex\":\"0102\"," BY_DELEGATE "}");
	lab_assert_done(&lab);
	const char *signed_hex = json_string_value(json_object_get(receipt(&lab, 1), "signedHex"));
	assert_non_null(strstr(signed_hex, "42600001CA4DEA0000000001020102"));
	lab_close(&lab);
}

static void without_a_token_key_the_operator_learns_what_to_sign(void **state)
{
	struct lab lab;

	open_delegated(&lab, AES_KEYS);
	lab.job.documents[0].kind = "none";
	run(&lab, "se.delete", "{\"aidHex\":\"" PACKAGE "\"," BY_DELEGATE "}");
	lab_assert_done(&lab); /* there is nothing to delete */
	install(&lab, INSTALL);
	lab_assert_failed(&lab, ERR_NOT_FOUND, "a token is needed");
	assert_int_equal(
		strncmp(json_string_value(json_object_get(lab.job.reported, "tokenInputHex")), "0200", 4), 0);
	assert_false(lab_has(&lab, PACKAGE));
	lab_close(&lab);
}

static void a_token_of_others_is_carried_as_it_is(void **state)
{
	static const uint8_t input[] = { 0x00, 0x80, 0x0A, 0x4F, 0x08, 0xD0, 0x70,
					 0x02, 0xCA, 0x44, 0x90, 0x01, 0x01 };
	struct bytes data = bytes_of(input, sizeof(input));
	uint8_t token[AES_BLOCK];
	struct lab lab;

	open_delegated(&lab, AES_KEYS);
	install(&lab, INSTALL);
	lab_assert_done(&lab);
	lab.job.documents[0].kind = "none"; /* no token key here */
	assert_int_equal(aes_cmac(hex(TOKEN_KEY), &data, 1, token), ERR_NONE);
	for (int is_right = 0; is_right < 2; is_right++) {
		token[0] ^= 1;
		run(&lab, "se.delete",
		    arena_printf(arena,
				 "{\"aidHex\":\"" PACKAGE
				 "\",\"related\":true,\"tokenHex\":\"%s\"," BY_DELEGATE "}",
				 bytes_to_hex(arena, bytes_of(token, sizeof(token)))));
		token[0] ^= is_right == 0 ? 0 : 1;
		if (is_right == 0)
			lab_assert_failed(&lab, ERR_DENIED, "6982");
	}
	lab_assert_done(&lab);
	assert_receipt(&lab, 0, "change", 3);
	lab_close(&lab);
}

static void a_wrong_receipt_never_is_success(void **state)
{
	struct lab lab;

	open_delegated(&lab, AES_KEYS);
	card_misbehave(lab.agent.card, &(struct card_misbehaviour){ .has_wrong_receipt = true });
	install(&lab, INSTALL);
	lab_assert_failed(&lab, ERR_DENIED,
			  "the receipt of the card (load) does not verify; the change itself is on the card");
	assert_true(lab_has(&lab, APPLET));
	card_misbehave(lab.agent.card, &(struct card_misbehaviour){ 0 });
	lab.job.documents[1].json =
		"{\"algorithm\":\"aes\",\"keyHex\":\"" TOKEN_KEY "\"}"; /* of somebody else */
	run(&lab, "se.delete", DELETE);
	lab_assert_failed(&lab, ERR_DENIED, "does not verify");
	lab_close(&lab);
}

static void the_counter_of_receipts_must_rise_from_job_to_job(void **state)
{
	struct lab lab;

	open_delegated(&lab, AES_KEYS);
	install(&lab, INSTALL);
	lab_assert_done(&lab);
	const json_t *known =
		json_object_get(json_object_get(lab.job.known, "receipts"), "42600001CA4DEA0000000001");
	assert_int_equal(json_integer_value(json_object_get(known, "counter")), 2);
	card_misbehave(lab.agent.card, &(struct card_misbehaviour){ .repeats_receipts = true });
	run(&lab, "se.delete", DELETE);
	lab_assert_failed(&lab, ERR_DENIED, "does not rise");
	assert_false(lab_has(&lab, PACKAGE));
	lab_close(&lab);
}

static void receipts_may_be_required(void **state)
{
	struct lab lab;

	open_delegated(&lab, AES_KEYS);
	lab.job.documents[1].kind = "none";
	install(&lab, INSTALL);
	lab_assert_done(&lab);
	assert_false(json_is_true(json_object_get(receipt(&lab, 0), "isVerified")));
	run(&lab, "se.delete",
	    "{\"aidHex\":\"" PACKAGE "\",\"related\":true,\"requireReceipts\":true," BY_DELEGATE "}");
	lab_assert_failed(&lab, ERR_DENIED, "no key of kind receipt");
	lab_close(&lab);
}

/* Every other change of content goes the same way, and each receipt signs what was before and is now. */
static void a_delegate_makes_moves_and_updates_with_tokens_of_any_kind(void **state)
{
	static const struct {
		const char *operation, *params;
	} rows[] = {
		{ "se.update-registry", "{\"aidHex\":\"" APPLET "\",\"privileges\":[\"cvm-management\"],"
					"\"implicitSelection\":[\"contact:1\"],"
					"\"tokenIdentifierHex\":\"0102\"," BY_DELEGATE "}" },
		{ "se.update-registry", "{\"aidHex\":\"" APPLET "\",\"privileges\":[\"global-service\"],"
					"\"globalServicesHex\":\"8211\",\"toSecurityDomainAidHex\":\"" OWNER
					"\"," BY_DELEGATE "}" },
		{ "se.create-domain", "{\"aidHex\":\"A000000151C202\"," BY_DELEGATE "}" },
		{ "se.extradite",
		  "{\"aidHex\":\"" PACKAGE "\",\"toSecurityDomainAidHex\":\"" OWNER "\"," BY_DELEGATE "}" },
	};

	for (unsigned kind = AES_KEYS; kind <= RSA_TOKEN_KEY; kind++) {
		struct lab lab;
		open_delegated(&lab, (enum kind)kind);
		install(&lab, INSTALL);
		lab_assert_done(&lab);
		/* a home below the delegate, personalized with the keys that it inherits */
		run(&lab, "se.create-domain", "{\"aidHex\":\"" OWNER "\"," BY_DELEGATE "}");
		lab_assert_done(&lab);
		run(&lab, "se.set-state",
		    "{\"state\":\"personalized\",\"securityDomainAidHex\":\"" OWNER "\"}");
		lab_assert_done(&lab);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			run(&lab, rows[i].operation, rows[i].params);
			lab_assert_done(&lab);
			assert_int_equal(receipt_count(&lab), 1);
			assert_true(json_is_true(json_object_get(receipt(&lab, 0), "isVerified")));
		}
		lab_close(&lab);
	}
}

static void open_delegated_by_ec(struct lab *lab)
{
	open_delegated(lab, EC_KEYS);
}

static void install_delegated(struct lab *lab)
{
	install(lab, INSTALL);
}

static void assert_installed(struct lab *lab)
{
	lab_assert_done(lab);
	assert_true(lab_has(lab, APPLET));
}

static void delegated_work_survives_a_break_at_every_request(void **state)
{
	lab_break_everywhere(open_delegated_by_ec, install_delegated, assert_installed);
}

static void delegated_work_survives_a_power_cut_in_every_command(void **state)
{
	unsigned commands = 1;

	for (unsigned cut = 1; cut <= commands; cut++) {
		struct lab lab;
		open_delegated(&lab, EC_KEYS);
		lab.agent.cut_after = cut;
		install(&lab, INSTALL);
		commands = lab.agent.commands;
		lab_assert_done(&lab);
		assert_true(lab_has(&lab, APPLET));
		lab_close(&lab);
	}
}

static void a_receipt_that_was_lost_is_missed_where_it_is_required(void **state)
{
	unsigned missed = 0, commands = 1;

	for (unsigned cut = 1; cut <= commands; cut++) {
		struct lab lab;
		open_delegated(&lab, AES_KEYS);
		install(&lab, INSTALL);
		lab.agent.commands = 0;
		lab.agent.cut_after = cut;
		run(&lab, "se.delete",
		    "{\"aidHex\":\"" PACKAGE "\",\"related\":true,\"requireReceipts\":true," BY_DELEGATE "}");
		commands = lab.agent.commands;
		if (lab.job.result != CARDEA_DONE) {
			lab_assert_failed(&lab, ERR_NOT_FOUND, "not all of its receipts have come");
			missed++;
		} else {
			assert_receipt(&lab, 0, "change", 3);
		}
		assert_false(lab_has(&lab, PACKAGE));
		lab_close(&lab);
	}
	assert_int_equal(missed, 1);
}

static void a_failed_installation_is_taken_back_with_a_token(void **state)
{
	struct lab lab;

	open_delegated(&lab, AES_KEYS);
	install(&lab, "{\"package\":\"1\",\"privileges\":[\"security-domain\"]," BY_DELEGATE "}");
	lab_assert_failed(&lab, ERR_MALFORMED, "6A80");
	assert_false(lab_has(&lab, PACKAGE));
	lab_close(&lab);
}

/* ---- DAP blocks ---- */

static void open_with_verifier(struct lab *lab)
{
	begin_settings();
	add_domain(VERIFIER, 0xC18000);
	add_key(VERIFIER, 0x73, 0x88, DAP_KEY DAP_KEY);
	lab_open(lab, &settings);
	add_document(lab, "dap", VERIFIER,
		     "{\"algorithm\":\"aes\",\"aidHex\":\"" VERIFIER "\",\"keyHex\":\"" DAP_KEY DAP_KEY
		     "\"}");
}

static void a_load_file_is_signed_for_those_who_want_it(void **state)
{
	struct lab lab;

	open_with_verifier(&lab);
	install(&lab, "{\"package\":\"1\"}");
	lab_assert_failed(&lab, ERR_CONFLICT, "6985");
	install(&lab, "{\"package\":\"1\",\"dapDomainsHex\":[\"" OWNER "\"]}");
	lab_assert_failed(&lab, ERR_NOT_FOUND, "no key of kind dap is stored for security domain " OWNER);
	install(&lab,
		"{\"package\":\"1\",\"dapDomainsHex\":[\"" VERIFIER "\"],\"loadFileHash\":\"sha-256\"}");
	lab_assert_failed(&lab, ERR_CONFLICT, "6985"); /* too weak for a key of 256 bits */
	install(&lab, "{\"package\":\"1\",\"dapDomainsHex\":[\"" VERIFIER "\"]}");
	lab_assert_done(&lab);
	assert_true(lab_has(&lab, APPLET));
	lab_close(&lab);
}

/* A ready load file, with what is put before its block. */
static struct bytes ready(struct lab *lab, struct bytes before, struct bytes *ret_block)
{
	struct cap_order order = { .package_aid = lab_hex(lab, PACKAGE),
				   .applets = { lab_hex(lab, APPLET) },
				   .applet_count = 1,
				   .major = 1,
				   .code_bytes = 300 };
	struct builder b = builder_in(lab->job.arena);
	struct bytes file;

	assert_int_equal(cap_build_ijc(lab->job.arena, &order, ret_block), ERR_NONE);
	build_bytes(&b, before);
	build_u8(&b, 0xC4);
	build_u8(&b, 0x82);
	build_u16(&b, (uint16_t)ret_block->len);
	build_bytes(&b, *ret_block);
	assert_int_equal(builder_bytes(&b, &file), ERR_NONE);
	return file;
}

static void a_dap_block_of_the_package_is_carried_and_checked(void **state)
{
	for (int is_wrong = 0; is_wrong < 2; is_wrong++) {
		struct lab lab;
		struct bytes block;
		uint8_t digest[DIGEST_SIZE_MAX], mac[AES_BLOCK];
		open_with_verifier(&lab);
		ready(&lab, bytes_of(NULL, 0), &block);
		assert_int_equal(digest_of(DIGEST_SHA512, block, digest), ERR_NONE);
		const struct bytes hash = bytes_of(digest, 64);
		assert_int_equal(aes_cmac(hex(DAP_KEY DAP_KEY), &hash, 1, mac), ERR_NONE);
		mac[3] ^= is_wrong;
		struct bytes dap = hex(arena_printf(arena, "E21B4F07" VERIFIER "C310%s",
						    bytes_to_hex(arena, bytes_of(mac, sizeof(mac)))));
		lab_run(&lab, "se.install", "{\"package\":\"1\",\"loadFileHash\":\"sha-512\"}",
			ready(&lab, dap, &block));
		if (is_wrong == 0) {
			lab_assert_done(&lab);
		} else {
			lab_assert_failed(&lab, ERR_DENIED,
					  "the DAP block of the package for " VERIFIER " does not verify");
			assert_int_equal(agent_count(&lab.agent, 0xE6), 0);
		}
		lab_close(&lab);
	}
}

/* ---- ciphered load files ---- */

static void a_load_file_is_ciphered_where_a_key_for_it_is_stored(void **state)
{
	struct lab lab;

	begin_settings();
	add_domain(OWNER, 0x80C040);
	add_key(OWNER, 0x75, 0x88, CIPHER_KEY);
	lab_open(&lab, &settings);
	add_document(&lab, "load-file-cipher", OWNER,
		     "{\"algorithm\":\"aes\",\"aidHex\":\"" OWNER "\",\"keyHex\":\"" CIPHER_KEY "\"}");
	install(&lab, "{\"package\":\"1\",\"mayCipher\":false,\"loadIntoAidHex\":\"" OWNER "\"}");
	lab_assert_failed(&lab, ERR_CONFLICT, "6985");
	install(&lab, "{\"package\":\"1\",\"loadIntoAidHex\":\"" OWNER "\"}");
	lab_assert_done(&lab);
	assert_true(lab_has(&lab, APPLET));
	lab_close(&lab);
}

static void a_package_that_is_ciphered_already_is_described_by_the_operator(void **state)
{
	static const uint8_t icv[AES_BLOCK];
	struct lab lab;
	struct bytes block, plain;
	uint8_t digest[SHA256_SIZE];
	struct builder b = builder_in(arena), file = builder_in(arena);

	begin_settings();
	add_domain(OWNER, 0x80C040);
	add_key(OWNER, 0x75, 0x88, CIPHER_KEY);
	lab_open(&lab, &settings);
	ready(&lab, bytes_of(NULL, 0), &block);
	assert_int_equal(sha256(block, digest), ERR_NONE);
	build_bytes(&b, block);
	build_u8(&b, 0x80);
	build_zeros(&b, (16 - b.len % 16) % 16);
	assert_int_equal(builder_bytes(&b, &plain), ERR_NONE);
	uint8_t *at = arena_alloc(arena, plain.len);
	assert_int_equal(aes_cbc_encrypt(hex(CIPHER_KEY), icv, plain, at), ERR_NONE);
	build_bytes(&file, hex("D482"));
	build_u16(&file, (uint16_t)plain.len);
	build_bytes(&file, bytes_of(at, plain.len));
	struct bytes content;
	assert_int_equal(builder_bytes(&file, &content), ERR_NONE);
	lab_run(&lab, "se.install", "{\"package\":\"1\"}", content);
	lab_assert_failed(&lab, ERR_MALFORMED, "loadFileAidHex must tell");
	lab_run(&lab, "se.install",
		arena_printf(arena,
			     "{\"package\":\"1\",\"loadIntoAidHex\":\"" OWNER
			     "\",\"loadFileAidHex\":\"" PACKAGE "\",\"moduleAidHex\":\"" APPLET
			     "\",\"loadFileHashHex\":\"%s\"}",
			     bytes_to_hex(arena, bytes_of(digest, sizeof(digest)))),
		content);
	lab_assert_done(&lab);
	assert_true(lab_has(&lab, APPLET));
	lab_close(&lab);
}

#define CLAIM(test) cmocka_unit_test_setup_teardown(test, open_arena, close_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(a_delegate_installs_and_deletes_with_tokens_of_any_kind),
		CLAIM(keys_that_were_put_on_the_card_verify_and_sign),
		CLAIM(a_delegate_does_not_upgrade),
		CLAIM(the_issuer_needs_no_token),
		CLAIM(an_installation_not_yet_selectable_gets_a_token_of_its_own),
		CLAIM(each_of_several_applications_has_its_token),
		CLAIM(a_token_may_have_an_identifier),
		CLAIM(without_a_token_key_the_operator_learns_what_to_sign),
		CLAIM(a_token_of_others_is_carried_as_it_is),
		CLAIM(a_wrong_receipt_never_is_success),
		CLAIM(the_counter_of_receipts_must_rise_from_job_to_job),
		CLAIM(receipts_may_be_required),
		CLAIM(a_delegate_makes_moves_and_updates_with_tokens_of_any_kind),
		CLAIM(delegated_work_survives_a_break_at_every_request),
		CLAIM(delegated_work_survives_a_power_cut_in_every_command),
		CLAIM(a_receipt_that_was_lost_is_missed_where_it_is_required),
		CLAIM(a_failed_installation_is_taken_back_with_a_token),
		CLAIM(a_load_file_is_signed_for_those_who_want_it),
		CLAIM(a_dap_block_of_the_package_is_carried_and_checked),
		CLAIM(a_load_file_is_ciphered_where_a_key_for_it_is_stored),
		CLAIM(a_package_that_is_ciphered_already_is_described_by_the_operator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
