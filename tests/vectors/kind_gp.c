/* GlobalPlatform data objects, keys and command parts: the kind inside each vector says which. */
#include "kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cardea/tlv.h>

#include "channel/keys.h"
#include "channel/scp02.h"
#include "channel/scp03.h"
#include "gp/confirmation.h"
#include "gp/gp.h"
#include "gp/gp_commands.h"
#include "gp/token.h"

static bool hex_of(struct vector *v, const json_t *value, struct bytes *ret_bytes)
{
	return json_is_string(value) &&
	       bytes_from_hex(v->arena, json_string_value(value), ret_bytes) == ERR_NONE;
}

static const json_t *input_member(const struct vector *v, const char *member)
{
	return json_object_get(json_object_get(v->own, "input"), member);
}

static bool input_hex(struct vector *v, const char *member, struct bytes *ret_bytes)
{
	return hex_of(v, input_member(v, member), ret_bytes);
}

static bool input_key(struct vector *v, const char *member, struct key *ret_key)
{
	struct bytes bytes;
	struct secret secret;

	if (!input_hex(v, member, &bytes) || secret_from(bytes, &secret) != ERR_NONE)
		return false;
	*ret_key = key_of(&secret);
	return true;
}

/* Compares with a member of `expected`; one that is absent must be empty. */
static enum verdict compare(struct vector *v, const json_t *expected, const char *member, struct bytes actual)
{
	struct bytes bytes = { 0 };
	const json_t *value = json_object_get(expected, member);

	if (value != NULL && !hex_of(v, value, &bytes))
		return vector_fail(v, "expected %s is not hexadecimal", member);
	return vector_compare(v, member, actual, bytes);
}

struct member {
	const char *name;
	struct bytes actual;
};

static enum verdict compare_all(struct vector *v, const json_t *expected, const struct member *members,
				size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum verdict verdict = compare(v, expected, members[i].name, members[i].actual);
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

static bool is_integer(const json_t *expected, const char *member, uint64_t actual)
{
	const json_t *value = json_object_get(expected, member);

	return json_is_integer(value) && (uint64_t)json_integer_value(value) == actual;
}

/* ---- data objects ---- */

static enum verdict check_cplc(struct vector *v, struct bytes input, const json_t *expected)
{
	static const char *const names[CPLC_FIELDS] = {
		"ic_fabricator",
		"ic_type",
		"os_id",
		"os_release_date",
		"os_release_level",
		"ic_fabrication_date",
		"ic_serial_number",
		"ic_batch_identifier",
		"ic_module_fabricator",
		"ic_module_packaging_date",
		"icc_manufacturer",
		"ic_embedding_date",
		"pre_personalizer",
		"pre_perso_date",
		"pre_perso_equipment",
		"personalizer",
		"perso_date",
		"perso_equipment",
	};
	struct cplc cplc;
	struct fault fault = { 0 };

	if (cplc_parse(input, &cplc, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	for (size_t i = 0; i < CPLC_FIELDS; i++) {
		enum verdict verdict = compare(v, expected, names[i], cplc.fields[i]);
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

static enum verdict check_resources(struct vector *v, struct bytes input, const json_t *expected)
{
	struct card_resources resources;
	struct fault fault = { 0 };

	if (card_resources_parse(input, &resources, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	if (!is_integer(expected, "installed_applications", resources.applications) ||
	    !is_integer(expected, "free_non_volatile", resources.free_non_volatile_bytes) ||
	    !is_integer(expected, "free_volatile", resources.free_volatile_bytes))
		return vector_fail(v, "a number differs");
	return PASSED;
}

static enum verdict check_card_data(struct vector *v, struct bytes input, const json_t *expected)
{
	const json_t *protocols = json_object_get(expected, "scp");
	const char *version = json_string_value(json_object_get(expected, "gp_version"));
	struct card_data card;
	struct fault fault = { 0 };

	if (card_data_parse(input, v->arena, &card, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	if (version != NULL && (card.version == NULL || strcmp(card.version, version) != 0))
		return vector_fail(v, "gp_version is %s", card.version == NULL ? "absent" : card.version);
	if (card.protocol_count != json_array_size(protocols))
		return vector_fail(v, "%zu secure channel protocols", card.protocol_count);
	for (size_t i = 0; i < card.protocol_count; i++) {
		const json_t *row = json_array_get(protocols, i);
		struct bytes protocol, options;
		if (!hex_of(v, json_array_get(row, 0), &protocol) ||
		    !hex_of(v, json_array_get(row, 1), &options))
			return vector_fail(v, "expected scp is not a pair of texts");
		enum verdict verdict =
			vector_compare(v, "protocol", bytes_of(&card.protocols[i].protocol, 1), protocol);
		if (verdict == PASSED)
			verdict = vector_compare(v, "options", card.protocols[i].options, options);
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

static enum verdict check_capability(struct vector *v, struct bytes input, const json_t *expected)
{
	const json_t *protocols = json_object_get(expected, "scp");
	struct card_capability c;
	struct fault fault = { 0 };

	if (card_capability_parse(input, v->arena, &c, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	if (c.protocol_count != json_array_size(protocols))
		return vector_fail(v, "%zu secure channel protocols", c.protocol_count);
	for (size_t i = 0; i < c.protocol_count; i++) {
		const struct member members[] = { { "id", bytes_of(&c.protocols[i].protocol, 1) },
						  { "options", c.protocols[i].options } };
		enum verdict verdict = compare_all(v, json_array_get(protocols, i), members, 2);
		if (verdict != PASSED)
			return verdict;
	}
	const struct member members[] = {
		{ "ssd_privileges", c.domain_privileges },
		{ "app_privileges", c.application_privileges },
		{ "lfdbh", c.hashes },
		{ "lfdb_ciphers", c.load_file_ciphers },
		{ "token_ciphers", c.token_suites },
		{ "receipt_ciphers", c.receipt_suites },
		{ "dap_ciphers", c.dap_suites },
	};
	return compare_all(v, expected, members, sizeof(members) / sizeof(members[0]));
}

static enum verdict check_key_components(struct vector *v, const struct key_entry *key,
					 const json_t *expected)
{
	if (key->component_count != json_array_size(expected))
		return vector_fail(v, "%zu components of key %02X", key->component_count, key->id);
	for (size_t i = 0; i < key->component_count; i++) {
		const json_t *row = json_array_get(expected, i);
		const char *type = json_string_value(json_array_get(row, 0));
		const char *length = json_string_value(json_array_get(row, 1));
		if (type == NULL || strtoul(type, NULL, 16) != key->components[i].type || length == NULL ||
		    strtoul(length, NULL, 16) != key->components[i].length)
			return vector_fail(v, "component %zu of key %02X is %02X %02X", i, key->id,
					   key->components[i].type, key->components[i].length);
	}
	return PASSED;
}

static enum verdict check_key_information(struct vector *v, struct bytes input, const json_t *expected)
{
	struct key_information keys;
	struct fault fault = { 0 };

	if (key_information_parse(input, v->arena, &keys, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	if (keys.count != json_array_size(expected))
		return vector_fail(v, "%zu keys", keys.count);
	for (size_t i = 0; i < keys.count; i++) {
		const struct key_entry *key = &keys.entries[i];
		const json_t *row = json_array_get(expected, i);
		const struct member members[] = { { "kid", bytes_of(&key->id, 1) },
						  { "kvn", bytes_of(&key->version, 1) } };
		enum verdict verdict = compare_all(v, row, members, 2);
		if (verdict == PASSED)
			verdict = check_key_components(v, key, json_object_get(row, "components"));
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

static enum verdict check_modules(struct vector *v, const struct registry_entry *entry,
				  const json_t *expected)
{
	if (entry->module_count != json_array_size(expected))
		return vector_fail(v, "%zu modules", entry->module_count);
	for (size_t i = 0; i < entry->module_count; i++) {
		struct bytes module;
		if (!hex_of(v, json_array_get(expected, i), &module))
			return vector_fail(v, "an expected module is not hexadecimal");
		enum verdict verdict = vector_compare(v, "module", entry->modules[i], module);
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

static enum verdict check_registry(struct vector *v, struct bytes input, const json_t *expected)
{
	struct registry registry;
	struct fault fault = { 0 };

	if (registry_parse(input, v->arena, &registry, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	if (registry.count != json_array_size(expected))
		return vector_fail(v, "%zu entries", registry.count);
	for (size_t i = 0; i < registry.count; i++) {
		const struct registry_entry *entry = &registry.entries[i];
		const json_t *row = json_array_get(expected, i);
		const struct member members[] = {
			{ "aid", entry->aid },
			{ "life_cycle", entry->life_cycle },
			{ "privileges", entry->privileges },
			{ "elf", entry->load_file },
			{ "version", entry->version },
			{ "sd", entry->security_domain },
		};
		enum verdict verdict = compare_all(v, row, members, sizeof(members) / sizeof(members[0]));
		if (verdict == PASSED)
			verdict = check_modules(v, entry, json_object_get(row, "modules"));
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

static enum verdict check_confirmation(struct vector *v, struct bytes input, const json_t *expected)
{
	struct confirmation c;
	struct fault fault = { 0 };

	if (confirmation_parse(input, &c, &fault) != ERR_NONE)
		return vector_fail(v, "refused: %s", fault.text);
	if (!is_integer(expected, "counter", c.counter))
		return vector_fail(v, "counter is %u", c.counter);
	const struct member members[] = {
		{ "receipt", c.receipt },
		{ "sd_unique_data", c.unique_data },
		{ "token_identifier", c.token_identifier },
	};
	return compare_all(v, expected, members, sizeof(members) / sizeof(members[0]));
}

/* ---- keys ---- */

static enum verdict check_kcv(struct vector *v, struct bytes input, const json_t *expected,
			      enum key_type type)
{
	struct secret secret;
	struct bytes bytes;
	uint8_t kcv[KEY_CHECK_SIZE];

	if (!hex_of(v, expected, &bytes))
		return vector_fail(v, "expected is not hexadecimal");
	if (secret_from(input, &secret) != ERR_NONE)
		return vector_fail(v, "the key is too long");
	const struct key key = key_of(&secret);
	if (key_check_value(type, &key, kcv) != ERR_NONE)
		return vector_fail(v, "refused");
	return vector_compare(v, "check value", bytes_of(kcv, sizeof(kcv)), bytes);
}

static enum verdict check_aes_kcv(struct vector *v, struct bytes input, const json_t *expected)
{
	return check_kcv(v, input, expected, KEY_TYPE_AES);
}

static enum verdict check_des_kcv(struct vector *v, struct bytes input, const json_t *expected)
{
	return check_kcv(v, input, expected, KEY_TYPE_DES);
}

/* A key by its check value or by itself, as far as the vector tells them. */
static enum verdict compare_key(struct vector *v, const json_t *expected, const char *role,
				enum key_type type, const struct key *key)
{
	char member[32];
	uint8_t kcv[KEY_CHECK_SIZE];
	enum verdict verdict = PASSED;

	snprintf(member, sizeof(member), "%s_kcv", role);
	if (key_check_value(type, key, kcv) != ERR_NONE)
		return vector_fail(v, "%s cannot be computed", member);
	if (json_object_get(expected, member) != NULL)
		verdict = compare(v, expected, member, bytes_of(kcv, sizeof(kcv)));
	snprintf(member, sizeof(member), "%s_key", role);
	if (verdict == PASSED && json_object_get(expected, member) != NULL)
		verdict = compare(v, expected, member, secret_bytes(&key->secret));
	return verdict;
}

static enum verdict check_diversification(struct vector *v, struct bytes input, const json_t *expected)
{
	static const struct {
		enum key_role role;
		const char *name;
	} rows[] = { { KEY_ENC, "enc" }, { KEY_MAC, "mac" }, { KEY_DEK, "dek" } };
	const char *scheme = json_string_value(input_member(v, "scheme"));
	struct key master, key;
	struct bytes kdd;

	if (scheme == NULL || !input_key(v, "master", &master) || !input_hex(v, "kdd", &kdd))
		return vector_fail(v, "scheme, master or kdd is missing");
	for (size_t i = 0; i < 3; i++) {
		enum err err = key_diversify(scheme, &master, rows[i].role, kdd, &key);
		if (err != ERR_NONE)
			return vector_fail(v, "refused: %s", err_name(err));
		enum verdict verdict =
			compare_key(v, expected, rows[i].name,
				    strcmp(scheme, "kdf3") == 0 ? KEY_TYPE_AES : KEY_TYPE_DES, &key);
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

static enum verdict check_scp02_keys(struct vector *v, struct bytes input, const json_t *expected)
{
	static const struct {
		enum scp02_constant constant;
		const char *name;
	} rows[] = {
		{ SCP02_ENC, "enc" }, { SCP02_C_MAC, "mac" }, { SCP02_R_MAC, "rmac" }, { SCP02_DEK, "dek" }
	};
	struct secret secret = { .len = 0 };
	struct key base, key = { .size = 0 };
	struct bytes sequence;
	uint8_t encrypted[SECRET_MAX];

	if (!input_key(v, "base", &base) || !input_hex(v, "sequence", &sequence) || sequence.len != 2)
		return vector_fail(v, "base or sequence is missing");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t counter = (uint16_t)(sequence.at[0] << 8 | sequence.at[1]);
		if (scp02_session_key(&base, rows[i].constant, counter, &secret) != ERR_NONE)
			return vector_fail(v, "%s cannot be computed", rows[i].name);
		key = key_of(&secret);
		enum verdict verdict = compare_key(v, expected, rows[i].name, KEY_TYPE_DES, &key);
		if (verdict != PASSED)
			return verdict;
	}
	/* the last is the DEK, under which keys are sent */
	if (json_object_get(expected, "encrypted_base_key") == NULL)
		return PASSED;
	if (key_encrypt(&key, CIPHER_DES3_ECB, NULL, secret_bytes(&base.secret), encrypted) != ERR_NONE)
		return vector_fail(v, "the base key cannot be encrypted");
	return compare(v, expected, "encrypted_base_key", bytes_of(encrypted, base.size));
}

static enum verdict check_scp03_keys(struct vector *v, struct bytes input, const json_t *expected)
{
	static const struct {
		uint8_t constant;
		const char *name;
	} rows[] = { { SCP03_S_ENC, "enc" }, { SCP03_S_MAC, "mac" }, { SCP03_S_RMAC, "rmac" } };
	struct secret secret = { .len = 0 };
	struct key base;
	struct bytes context;

	if (!input_key(v, "base", &base) || !input_hex(v, "context", &context))
		return vector_fail(v, "base or context is missing");
	secret.len = base.size;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (scp03_derive(&base, rows[i].constant, (uint16_t)(base.size * 8), context, secret.at) !=
		    ERR_NONE)
			return vector_fail(v, "%s cannot be derived", rows[i].name);
		const struct key key = key_of(&secret);
		enum verdict verdict = compare_key(v, expected, rows[i].name, KEY_TYPE_AES, &key);
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

/* ---- parts of commands ---- */

static enum verdict compare_built(struct vector *v, enum err err, struct bytes actual, const json_t *expected)
{
	struct bytes bytes;

	if (err != ERR_NONE)
		return vector_fail(v, "refused: %s", err_name(err));
	if (!hex_of(v, expected, &bytes))
		return vector_fail(v, "expected is not hexadecimal");
	return vector_compare(v, "result", actual, bytes);
}

static enum verdict check_install_parameters(struct vector *v, struct bytes input, const json_t *expected)
{
	struct install_parameters parameters = {
		.volatile_bytes = (uint32_t)json_integer_value(input_member(v, "volatile")),
		.non_volatile_bytes = (uint32_t)json_integer_value(input_member(v, "non_volatile")),
	};
	struct bytes built = { 0 };

	if (input_member(v, "uicc_ca") != NULL && !input_hex(v, "uicc_ca", &parameters.uicc_access))
		return vector_fail(v, "uicc_ca is not hexadecimal");
	enum err err = install_parameters_build(v->arena, &parameters, &built);
	return compare_built(v, err, built, expected);
}

/* INSTALL [for extradition] without a token. */
static enum verdict check_token_input(struct vector *v, struct bytes input, const json_t *expected)
{
	const struct bytes nothing = { NULL, 0 };
	struct builder b = builder_in(v->arena);
	struct command command = { .ins = INS_INSTALL };
	struct bytes p1, p2, domain, application, built = { 0 };

	if (!input_hex(v, "p1", &p1) || p1.len != 1 || !input_hex(v, "p2", &p2) || p2.len != 1 ||
	    !input_hex(v, "sd_aid", &domain) || !input_hex(v, "app_aid", &application))
		return vector_fail(v, "p1, p2, sd_aid or app_aid is missing");
	const struct bytes fields[] = { domain, nothing, application, nothing, nothing, nothing };
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		build_lv(&b, fields[i]);
	command.p1 = p1.at[0];
	command.p2 = p2.at[0];
	enum err err = builder_bytes(&b, &command.data);
	if (err == ERR_NONE)
		err = token_input(v->arena, &command, &built);
	return compare_built(v, err, built, expected);
}

static enum verdict check_key_dgis(struct vector *v, struct bytes input, const json_t *expected)
{
	const json_t *rows = input_member(v, "keys");
	struct key *keys = arena_alloc_array(v->arena, json_array_size(rows) + 1, sizeof(*keys));
	struct key dek;
	struct secret secret;
	struct bytes kvn, kids, access, bytes, built = { 0 };

	if (keys == NULL || !input_key(v, "dek", &dek) || !input_hex(v, "kvn", &kvn) || kvn.len != 1 ||
	    !input_hex(v, "kids", &kids) || kids.len != json_array_size(rows) ||
	    !input_hex(v, "access", &access) || access.len != 1)
		return vector_fail(v, "keys, dek, kvn, kids or access is missing");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		if (!hex_of(v, json_array_get(rows, i), &bytes) || secret_from(bytes, &secret) != ERR_NONE)
			return vector_fail(v, "key %zu is not hexadecimal", i);
		keys[i] = key_of(&secret);
	}
	const struct dgi_key_order order = {
		.keys = keys,
		.ids = kids.at,
		.count = kids.len,
		.version = kvn.at[0],
		.access = access.at[0],
		.type = KEY_TYPE_AES,
		.cipher = &(struct key_cipher){ KEY_TYPE_AES, &dek },
	};
	enum err err = store_data_key_dgis(v->arena, &order, &built);
	return compare_built(v, err, built, expected);
}

static enum verdict check_padding(struct vector *v, struct bytes input, const json_t *expected)
{
	struct builder b = builder_in(v->arena);
	struct bytes built = { 0 };

	build_padded(&b, input, AES_BLOCK);
	enum err err = builder_bytes(&b, &built);
	return compare_built(v, err, built, expected);
}

/* ---- the kind inside ---- */

static const struct {
	const char *kind;
	enum verdict (*check)(struct vector *v, struct bytes input, const json_t *expected);
} rows[] = {
	{ "cplc", check_cplc },
	{ "ff21", check_resources },
	{ "card-data-66", check_card_data },
	{ "card-capability-67", check_capability },
	{ "key-info-e0", check_key_information },
	{ "registry-e3", check_registry },
	{ "confirmation", check_confirmation },
	{ "kcv-aes", check_aes_kcv },
	{ "kcv-des", check_des_kcv },
	{ "diversification", check_diversification },
	{ "scp02-session-keys", check_scp02_keys },
	{ "scp03-session-keys", check_scp03_keys },
	{ "install-parameters", check_install_parameters },
	{ "token-input", check_token_input },
	{ "store-data-key-dgi", check_key_dgis },
	{ "pad80-16", check_padding },
};

enum verdict check_gp_data(struct vector *v)
{
	const json_t *verified = json_object_get(v->own, "verified");
	const char *kind = vector_text(v, "kind", "");
	struct bytes input = { 0 };

	if (verified != NULL && !json_is_true(verified))
		return vector_skip(v, "not verified");
	if (json_is_string(json_object_get(v->own, "input")) && !vector_hex(v, "input", &input))
		return vector_fail(v, "input is not hexadecimal");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].kind, kind) == 0)
			return rows[i].check(v, input, json_object_get(v->own, "expected"));
	}
	return vector_fail(v, "unknown kind '%s' of data", kind);
}
