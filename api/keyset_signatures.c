#include "keyset_signatures.h"

#include <cardea/crypto_ec.h>
#include <cardea/crypto_rsa.h>

#define MAX_DER     4096
#define MAX_DER_HEX (2 * MAX_DER)

/* What we do with the key; the card does the opposite. */
enum use { SIGNS, VERIFIES, CIPHERS };

static const struct kind_row {
	const char *name;
	enum use use;
} kinds[] = {
	{ "token", SIGNS },
	{ "receipt", VERIFIES },
	{ "dap", SIGNS },
	{ "load-file-cipher", CIPHERS },
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static const struct kind_row *kind_find(const char *name)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	}
	return NULL;
}

bool keyset_is_signature(const char *kind)
{
	return kind_find(kind) != NULL;
}

const char *keyset_signature_kinds(void)
{
	return "token, receipt, dap, load-file-cipher";
}

/* ---- algorithms ---- */

struct reading {
	struct arena *arena;
	const json_t *body;
	enum use use;
	struct fault *fault;
	const char *shown; /* member of the check values, and its value */
	struct bytes shown_value;
};

static enum err read_member(const struct reading *reading, const char *name, size_t max_hex,
			    struct bytes *ret_value)
{
	const char *hex;
	enum err err = body_text(reading->body, name, max_hex, &hex, reading->fault);

	if (err == ERR_NONE && bytes_from_hex(reading->arena, hex, ret_value) != ERR_NONE)
		return fault_set(reading->fault, ERR_MALFORMED, "%s: not hexadecimal", name);
	return err;
}

static enum err show(struct reading *reading, const char *name, struct bytes value)
{
	reading->shown = name;
	return bytes_copy(reading->arena, value, &reading->shown_value);
}

/* GPCS B.6 */
static enum err read_des(struct reading *reading)
{
	static const uint8_t zeros[DES_BLOCK];
	uint8_t check[DES_BLOCK];
	struct bytes key;
	enum err err = read_member(reading, "keyHex", 2 * SECRET_MAX, &key);

	if (err != ERR_NONE)
		return err;
	if (key.len != 16)
		return fault_set(reading->fault, ERR_MALFORMED, "keyHex: a DES key of 16 bytes");
	err = des3_ecb_encrypt(key, bytes_of(zeros, sizeof(zeros)), check);
	wipe((void *)(uintptr_t)key.at, key.len);
	return err == ERR_NONE ? show(reading, "key", bytes_of(check, 3)) : err;
}

static enum err read_aes(struct reading *reading)
{
	uint8_t ones[AES_BLOCK], check[AES_BLOCK];
	struct bytes key;
	enum err err = read_member(reading, "keyHex", 2 * SECRET_MAX, &key);

	if (err != ERR_NONE)
		return err;
	memset(ones, 1, sizeof(ones));
	err = aes_ecb_encrypt(key, bytes_of(ones, sizeof(ones)), check);
	wipe((void *)(uintptr_t)key.at, key.len);
	if (err == ERR_MALFORMED)
		return fault_set(reading->fault, err, "keyHex: an AES key of 16, 24 or 32 bytes");
	return err == ERR_NONE ? show(reading, "key", bytes_of(check, 3)) : err;
}

static enum err show_public(struct reading *reading, struct bytes public)
{
	uint8_t digest[SHA256_SIZE];
	enum err err = sha256(public, digest);

	return err == ERR_NONE ? show(reading, "publicKeySha256", bytes_of(digest, 4)) : err;
}

static enum err read_rsa(struct reading *reading)
{
	const bool is_private = reading->use == SIGNS;
	const char *name = is_private ? "privateKeyHex" : "publicKeyHex";
	struct rsa_public public;
	struct bytes der;
	enum err err = read_member(reading, name, MAX_DER_HEX, &der);

	if (err != ERR_NONE)
		return err;
	err = is_private ? rsa_public_of(der, &public) : rsa_public_read(der, &public);
	if (is_private)
		wipe((void *)(uintptr_t)der.at, der.len);
	if (err != ERR_NONE)
		return fault_set(reading->fault, ERR_MALFORMED,
				 "%s: %s of 1024 to 4096 bits in DER, in hexadecimal", name,
				 is_private ? "an RSA key (PKCS #8 or #1)" : "a public RSA key");
	return show_public(reading, bytes_of(public.modulus, public.modulus_len));
}

static enum err read_ec(struct reading *reading)
{
	const bool is_private = reading->use == SIGNS;
	const char *name, *member = is_private ? "privateKeyHex" : "publicKeyHex";
	enum ec_curve curve;
	struct ec_point point;
	struct bytes key;
	enum err err = body_text(reading->body, "curve", 32, &name, reading->fault);

	if (err == ERR_NONE && ec_curve_find(name, &curve) != ERR_NONE)
		return fault_set(
			reading->fault, ERR_MALFORMED,
			"curve: secp256r1, secp384r1, secp521r1, brainpoolP256r1, brainpoolP384r1 or "
			"brainpoolP512r1");
	if (err == ERR_NONE)
		err = read_member(reading, member, 2 * sizeof(point.at), &key);
	if (err != ERR_NONE)
		return err;
	if (!is_private) {
		if (ec_check_public(curve, key) != ERR_NONE)
			return fault_set(reading->fault, ERR_MALFORMED,
					 "%s: an uncompressed point (04...) of %s", member,
					 ec_curve_name(curve));
		return show_public(reading, key);
	}
	err = ec_public_of(curve, key, &point);
	wipe((void *)(uintptr_t)key.at, key.len);
	if (err != ERR_NONE)
		return fault_set(reading->fault, ERR_MALFORMED, "%s: a private key of %s, %zu bytes", member,
				 ec_curve_name(curve), ec_size(curve));
	return show_public(reading, ec_point_bytes(&point));
}

static const struct algorithm_row {
	const char *name;
	bool may_cipher;
	enum err (*read)(struct reading *reading);
} algorithms[] = {
	{ "des", true, read_des },
	{ "aes", true, read_aes },
	{ "rsa", false, read_rsa },
	{ "ec", false, read_ec },
};

static enum err read_algorithm(struct reading *reading, const char *name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		const struct algorithm_row *row = &algorithms[i];
		if (strcmp(row->name, name) == 0 && (row->may_cipher || reading->use != CIPHERS))
			return row->read(reading);
	}
	return fault_set(reading->fault, ERR_MALFORMED, "algorithm: must be %s",
			 reading->use == CIPHERS ? "des or aes" : "des, aes, rsa or ec");
}

enum err keyset_signatures_check(struct arena *arena, const char *kind, const json_t *body,
				 const char **ret_check_values, struct fault *fault)
{
	static const char *const members[] = { "kind",          "aidHex",       "version",
					       "algorithm",     "curve",        "keyHex",
					       "privateKeyHex", "publicKeyHex", NULL };
	struct reading reading = {
		.arena = arena, .body = body, .use = kind_find(kind)->use, .fault = fault
	};
	const char *algorithm;
	enum err err = body_members(body, members, fault);

	if (err == ERR_NONE)
		err = body_text(body, "algorithm", 8, &algorithm, fault);
	if (err == ERR_NONE)
		err = read_algorithm(&reading, algorithm);
	if (err != ERR_NONE)
		return err;
	*ret_check_values = arena_printf(arena, "{\"algorithm\":\"%s\",\"%s\":\"%s\"}", algorithm,
					 reading.shown, bytes_to_hex(arena, reading.shown_value));
	return *ret_check_values != NULL ? ERR_NONE : ERR_NOMEM;
}
