#include "keyset_certificates.h"

#include <cardea/crypto_ec.h>

#define MAX_CERTIFICATES     4
#define MAX_CERTIFICATE      2048
#define MAX_CERTIFICATES_HEX (2 * MAX_CERTIFICATE)

static const char *const variants[] = { "11a", "11b", "11c" };

static enum err check_variants(const json_t *body, bool *ret_needs_own_key, struct fault *fault)
{
	const json_t *list = json_object_get(body, "variants");
	bool needs_own_key = false;

	if (json_array_size(list) == 0)
		return fault_set(fault, ERR_MALFORMED, "variants: a list of 11a, 11b, 11c");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		size_t v = 0;
		while (text != NULL && v < 3 && strcmp(variants[v], text) != 0)
			v++;
		if (text == NULL || v == 3)
			return fault_set(fault, ERR_MALFORMED, "variants[%zu]: must be 11a, 11b or 11c", i);
		needs_own_key = needs_own_key || v != 1;
	}
	*ret_needs_own_key = needs_own_key;
	return ERR_NONE;
}

static enum err check_private(struct arena *arena, const json_t *body, const char *name, enum ec_curve curve,
			      struct ec_point *ret_public, struct fault *fault)
{
	const char *hex;
	struct bytes private;
	enum err err = body_text(body, name, 2 * EC_SIZE_MAX, &hex, fault);
	if (err != ERR_NONE)
		return err;
	if (bytes_from_hex(arena, hex, &private) != ERR_NONE ||
	    ec_public_of(curve, private, ret_public) != ERR_NONE)
		return fault_set(fault, ERR_MALFORMED, "%s: a private key of %s, %zu bytes in hexadecimal",
				 name, ec_curve_name(curve), ec_size(curve));
	wipe((void *)(uintptr_t) private.at, private.len);
	return ERR_NONE;
}

/* That they are signed, and by whom, is for the card to judge. */
static enum err check_certificates(struct arena *arena, const json_t *body, const char *name,
				   struct fault *fault)
{
	const json_t *list = json_object_get(body, name);
	const size_t count = json_array_size(list);

	if (count == 0 || count > MAX_CERTIFICATES)
		return fault_set(fault, ERR_MALFORMED, "%s: a list of 1 to %d certificates", name,
				 MAX_CERTIFICATES);
	for (size_t i = 0; i < count; i++) {
		const char *hex = json_string_value(json_array_get(list, i));
		struct bytes certificate = { 0 };
		bool is_good = hex != NULL && strlen(hex) <= MAX_CERTIFICATES_HEX &&
			       bytes_from_hex(arena, hex, &certificate) == ERR_NONE && certificate.len > 2;
		bool is_gp = is_good && certificate.at[0] == 0x7F && certificate.at[1] == 0x21;
		bool is_x509 = is_good && certificate.at[0] == 0x30;
		if (!is_gp && !is_x509)
			return fault_set(
				fault, ERR_MALFORMED,
				"%s[%zu]: a certificate of GlobalPlatform (7F21) or X.509 in hexadecimal",
				name, i);
	}
	return ERR_NONE;
}

static enum err check_point(struct arena *arena, const json_t *body, const char *name, enum ec_curve curve,
			    struct fault *fault)
{
	const char *hex;
	struct bytes point;
	enum err err = body_text(body, name, 2 * (1 + 2 * EC_SIZE_MAX), &hex, fault);
	if (err != ERR_NONE)
		return err;
	if (bytes_from_hex(arena, hex, &point) != ERR_NONE || ec_check_public(curve, point) != ERR_NONE)
		return fault_set(fault, ERR_MALFORMED,
				 "%s: an uncompressed point (04...) of %s in hexadecimal", name,
				 ec_curve_name(curve));
	return ERR_NONE;
}

/* What se.put-keys brings to the card: it may be there already. */
static enum err check_card_side(struct arena *arena, const json_t *body, enum ec_curve curve,
				struct fault *fault)
{
	const json_t *authority = json_object_get(body, "authorityPublicKeyHex"),
		     *private = json_object_get(body, "cardPrivateKeyHex"),
		     *certificates = json_object_get(body, "cardCertificatesHex");
	struct ec_point public;
	enum err err = ERR_NONE;
	if (authority != NULL)
		err = check_point(arena, body, "authorityPublicKeyHex", curve, fault);
	if (err == ERR_NONE && private != NULL)
		err = check_private(arena, body, "cardPrivateKeyHex", curve, &public, fault);
	if (err == ERR_NONE && certificates != NULL)
		err = check_certificates(arena, body, "cardCertificatesHex", fault);
	if (err == ERR_NONE && (private == NULL) != (certificates == NULL))
		err = fault_set(fault, ERR_MALFORMED, "cardPrivateKeyHex, cardCertificatesHex: go together");
	return err;
}

static enum err check_numbers(const json_t *body, struct fault *fault)
{
	static const struct {
		const char *name;
		json_int_t min, max;
	} rows[] = { { "authorityKeyVersion", 0, 127 },
		     { "authorityKeyId", 0, 127 },
		     { "sessionKeyBytes", 16, 32 } };
	json_int_t number;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (json_object_get(body, rows[i].name) == NULL)
			continue;
		enum err err = body_number(body, rows[i].name, rows[i].min, rows[i].max, &number, fault);
		if (err != ERR_NONE)
			return err;
		if (rows[i].min == 16 && number % 8 != 0)
			return fault_set(fault, ERR_MALFORMED, "sessionKeyBytes: 16, 24 or 32");
	}
	return ERR_NONE;
}

#define MAX_HOST_ID 16

static enum err check_host_id(struct arena *arena, const json_t *body, struct fault *fault)
{
	const json_t *value = json_object_get(body, "hostIdHex");
	struct bytes id;

	if (value != NULL &&
	    (!json_is_string(value) || bytes_from_hex(arena, json_string_value(value), &id) != ERR_NONE ||
	     id.len == 0 || id.len > MAX_HOST_ID))
		return fault_set(fault, ERR_MALFORMED, "hostIdHex: 1 to %d bytes in hexadecimal",
				 MAX_HOST_ID);
	return ERR_NONE;
}

/* Our public key is shown by the beginning of its digest; what only the card proves, by that of its
 * authority. */
static enum err show(struct arena *arena, enum ec_curve curve, const struct ec_point *public,
		     const char **ret_check_values)
{
	uint8_t digest[SHA256_SIZE];
	enum err err = sha256(ec_point_bytes(public), digest);
	const char *hex = err == ERR_NONE ? bytes_to_hex(arena, bytes_of(digest, 4)) : NULL;
	const char *text = hex == NULL ? NULL
				       : arena_printf(arena, "{\"curve\":\"%s\",\"publicKeySha256\":\"%s\"}",
						      ec_curve_name(curve), hex);
	if (err == ERR_NONE && text == NULL)
		err = ERR_NOMEM;
	if (err == ERR_NONE)
		*ret_check_values = text;
	return err;
}

enum err keyset_certificates_check(struct arena *arena, const json_t *body, const char **ret_check_values,
				   struct fault *fault)
{
	static const char *const members[] = { "kind",
					       "aidHex",
					       "version",
					       "curve",
					       "variants",
					       "privateKeyHex",
					       "certificatesHex",
					       "cardAuthorityPublicKeyHex",
					       "authorityKeyVersion",
					       "authorityKeyId",
					       "sessionKeyBytes",
					       "authorityPublicKeyHex",
					       "cardPrivateKeyHex",
					       "cardCertificatesHex",
					       "hostIdHex",
					       NULL };
	const char *name;
	bool needs_own_key = false;
	enum ec_curve curve = EC_P256;
	struct ec_point public = { 0 };
	enum err err = body_members(body, members, fault);
	if (err == ERR_NONE)
		err = body_text(body, "curve", 32, &name, fault);
	if (err == ERR_NONE && ec_curve_find(name, &curve) != ERR_NONE)
		err = fault_set(fault, ERR_MALFORMED,
				"curve: secp256r1, secp384r1, secp521r1, brainpoolP256r1, brainpoolP384r1 or "
				"brainpoolP512r1");
	if (err == ERR_NONE)
		err = check_variants(body, &needs_own_key, fault);
	if (err == ERR_NONE)
		err = check_point(arena, body, "cardAuthorityPublicKeyHex", curve, fault);
	if (err == ERR_NONE && needs_own_key)
		err = check_private(arena, body, "privateKeyHex", curve, &public, fault);
	if (err == ERR_NONE && needs_own_key)
		err = check_certificates(arena, body, "certificatesHex", fault);
	if (err == ERR_NONE)
		err = check_card_side(arena, body, curve, fault);
	if (err == ERR_NONE)
		err = check_numbers(body, fault);
	if (err == ERR_NONE)
		err = check_host_id(arena, body, fault);
	if (err == ERR_NONE)
		err = show(arena, curve, &public, ret_check_values);
	return err;
}
