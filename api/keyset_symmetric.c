#include "keyset_symmetric.h"

#include <stdio.h>

#include "api_parts.h"
#include "key_body.h"
#include "keyset.h"
#include "token.h"
#include "transport_keys.h"

#define MAX_WRAPPED_HEX (2 * (SECRET_MAX + 8))
#define MAX_NAME        48

struct symmetric_kind {
	const char *name;
	bool is_des;
	size_t sizes[3];
	const char *sizes_text;
};

static const struct symmetric_kind kinds[] = {
	{ "scp02", true, { 16, 16, 16 }, "DES keys of 16 bytes" },
	{ "scp03", false, { 16, 24, 32 }, "AES keys of 16, 24 or 32 bytes" },
};

static const char *const schemes[] = { "none", "emv", "visa2", "visa", "kdf3" };

static const char *const roles[] = { "enc", "mac", "dek" };
enum { ROLES = 3 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct symmetric_kind *symmetric_kind_find(const char *kind)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (strcmp(kinds[i].name, kind) == 0)
			return &kinds[i];
	}
	return NULL;
}

/* ---- one key ---- */

struct reading {
	struct http_request *request;
	const json_t *body;
	const struct symmetric_kind *kind;
	struct fault *fault;
};

static enum err read_clear(const struct reading *reading, const char *name, struct key *ret_key)
{
	return body_key(reading->request, reading->body, name, ret_key, reading->fault);
}

static enum err read_wrapped(const struct reading *reading, const char *name, struct key *ret_key)
{
	const char *hex, *transport;
	struct bytes wrapped;
	struct key under;
	struct secret secret;
	enum err err = body_text(reading->body, name, MAX_WRAPPED_HEX, &hex, reading->fault);
	if (err == ERR_NONE)
		err = body_text(reading->body, "transportKey", MAX_NAME, &transport, reading->fault);
	if (err != ERR_NONE)
		return err;
	if (bytes_from_hex(reading->request->arena, hex, &wrapped) != ERR_NONE)
		return fault_set(reading->fault, ERR_MALFORMED, "%s: not hexadecimal", name);
	err = transport_key_find(reading->request, transport, &under, reading->fault);
	if (err != ERR_NONE)
		return err;
	err = key_unwrap(&under, wrapped, &secret);
	key_wipe(&under);
	if (err == ERR_DENIED || err == ERR_MALFORMED)
		return fault_set(reading->fault, ERR_MALFORMED,
				 "%s: not wrapped (RFC 3394, RFC 5649) under the transport key \"%s\"", name,
				 transport);
	if (err != ERR_NONE)
		return fault_set(reading->fault, err, "%s: the transport key \"%s\" cannot be used: %s", name,
				 transport, err_name(err));
	*ret_key = key_of(&secret);
	secret_wipe(&secret);
	return ERR_NONE;
}

static enum err read_label(const struct reading *reading, const char *name, struct key *ret_key)
{
	struct token *token = reading->request->api->parts.token;
	const char *label;
	bool is_aes;
	size_t size;
	struct fault reason = { .kind = ERR_NONE };
	enum err err = body_text(reading->body, name, KEY_LABEL_SIZE - 1, &label, reading->fault);
	if (err == ERR_NONE)
		err = token_find(token, label, &is_aes, &size, &reason);
	if (err != ERR_NONE)
		return fault_set(reading->fault, err, "%s: %s", name, reason.text);
	if (is_aes == reading->kind->is_des)
		return fault_set(reading->fault, ERR_MALFORMED, "%s: \"%s\" is a key for %s", name, label,
				 is_aes ? "AES" : "DES");
	*ret_key = token_key(token, label, size);
	return ERR_NONE;
}

/* How a key may come. */
static const struct {
	const char *ending;
	enum err (*read)(const struct reading *reading, const char *name, struct key *ret_key);
} forms[] = {
	{ "Hex", read_clear },
	{ "WrappedHex", read_wrapped },
	{ "Label", read_label },
};

static enum err read_key(const struct reading *reading, const char *role, struct key *ret_key)
{
	char name[MAX_NAME], chosen[MAX_NAME];
	size_t form = 0, count = 0;
	for (size_t i = 0; i < COUNT(forms); i++) {
		snprintf(name, sizeof name, "%s%s", role, forms[i].ending);
		if (json_object_get(reading->body, name) == NULL)
			continue;
		memcpy(chosen, name, sizeof chosen);
		form = i;
		count++;
	}
	if (count != 1)
		return fault_set(reading->fault, ERR_MALFORMED, "%sHex: %s", role,
				 count == 0 ? "is required, or the key wrapped, or its label in the token"
					    : "the key is given more than once");
	enum err err = forms[form].read(reading, chosen, ret_key);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < COUNT(reading->kind->sizes); i++) {
		if (reading->kind->sizes[i] == ret_key->size)
			return ERR_NONE;
	}
	key_wipe(ret_key);
	return fault_set(reading->fault, ERR_MALFORMED, "%s: %s", chosen, reading->kind->sizes_text);
}

/* ---- check values ---- */

/* A key that came in the clear may do without; one that was wrapped has nothing else that tells a mistake. */
static enum err verify_check_value(const struct reading *reading, const char *role, const char *actual)
{
	const json_t *values = json_object_get(reading->body, "checkValues");
	const json_t *value = json_object_get(values, role);
	char wrapped[MAX_NAME];
	snprintf(wrapped, sizeof wrapped, "%sWrappedHex", role);
	if (values != NULL && !json_is_object(values))
		return fault_set(reading->fault, ERR_MALFORMED, "checkValues: must be an object");
	if (value == NULL && json_object_get(reading->body, wrapped) != NULL)
		return fault_set(reading->fault, ERR_MALFORMED,
				 "checkValues.%s: is required with a wrapped key", role);
	if (value == NULL)
		return ERR_NONE;
	if (!json_is_string(value) || json_string_length(value) != 6)
		return fault_set(reading->fault, ERR_MALFORMED, "checkValues.%s: 6 hexadecimal digits", role);
	if (strcasecmp(json_string_value(value), actual) != 0)
		return fault_set(reading->fault, ERR_MALFORMED,
				 "checkValues.%s: that of the key is %s, not %s", role, actual,
				 json_string_value(value));
	return ERR_NONE;
}

static enum err check_values(const struct reading *reading, const struct key *const keys[ROLES],
			     const char **ret_json)
{
	char texts[ROLES][7];
	for (size_t i = 0; i < ROLES; i++) {
		enum err err = key_check_text(keys[i], reading->kind->is_des, texts[i]);
		if (err != ERR_NONE)
			return fault_set(reading->fault, err, "%sLabel: the token cannot use the key: %s",
					 roles[i], err_name(err));
		err = verify_check_value(reading, roles[i], texts[i]);
		if (err != ERR_NONE)
			return err;
	}
	*ret_json = arena_printf(reading->request->arena, "{\"enc\":\"%s\",\"mac\":\"%s\",\"dek\":\"%s\"}",
				 texts[0], texts[1], texts[2]);
	return *ret_json != NULL ? ERR_NONE : ERR_NOMEM;
}

/* ---- the set ---- */

static enum err read_diversification(const struct reading *reading, const char **ret_scheme)
{
	const json_t *member = json_object_get(reading->body, "diversification");
	*ret_scheme = schemes[0];
	if (member == NULL)
		return ERR_NONE;
	for (size_t i = 0; json_is_string(member) && i < COUNT(schemes); i++) {
		if (strcmp(json_string_value(member), schemes[i]) != 0)
			continue;
		*ret_scheme = schemes[i];
		return ERR_NONE;
	}
	return fault_set(reading->fault, ERR_MALFORMED,
			 "diversification: must be none, emv, visa2, visa or kdf3");
}

static enum err read_keys(const struct reading *reading, struct cardea_keyset *keyset,
			  const char **ret_check_values)
{
	struct key *const keys[ROLES] = { &keyset->enc, &keyset->mac, &keyset->dek };
	for (size_t i = 0; i < ROLES; i++) {
		enum err err = read_key(reading, roles[i], keys[i]);
		if (err != ERR_NONE)
			return err;
	}
	if (keys[0]->size != keys[1]->size || keys[0]->size != keys[2]->size)
		return fault_set(reading->fault, ERR_MALFORMED,
				 "encHex, macHex, dekHex: must have the same length");
	const struct key *const shown[ROLES] = { keys[0], keys[1], keys[2] };
	return check_values(reading, shown, ret_check_values);
}

enum err keyset_symmetric_read(struct http_request *request, const json_t *body, struct keyset_row *row,
			       struct fault *fault)
{
	static const char *const members[] = {
		"kind",          "aidHex",        "version",     "diversification",
		"encHex",        "macHex",        "dekHex",      "encWrappedHex",
		"macWrappedHex", "dekWrappedHex", "encLabel",    "macLabel",
		"dekLabel",      "transportKey",  "checkValues", NULL,
	};
	const struct reading reading = { request, body, symmetric_kind_find(row->kind), fault };
	struct cardea_keyset keyset = { .version = row->version };
	enum err err = body_members(body, members, fault);
	if (err == ERR_NONE)
		err = read_diversification(&reading, &keyset.diversification);
	if (err == ERR_NONE)
		err = read_keys(&reading, &keyset, &row->check_values);
	if (err == ERR_NONE)
		err = keyset_seal(request->api->parts.vault, request->arena, row, &keyset, &row->sealed);
	keyset_wipe(&keyset);
	return err;
}

enum err keyset_symmetric_show(struct http_request *request, const struct keyset_row *row, json_t *item)
{
	const struct api_parts *parts = &request->api->parts;
	struct cardea_keyset keyset;
	enum err err = keyset_open(parts->vault, parts->token, request->arena, row, &keyset);
	if (err != ERR_NONE)
		return err;
	const struct key *const keys[ROLES] = { &keyset.enc, &keyset.mac, &keyset.dek };
	json_object_set_new(item, "diversification", json_string(keyset.diversification));
	for (size_t i = 0; i < ROLES; i++) {
		char name[MAX_NAME];
		snprintf(name, sizeof name, "%sLabel", roles[i]);
		if (!key_is_visible(keys[i]))
			json_object_set_new(item, name, json_string(keys[i]->label));
	}
	keyset_wipe(&keyset);
	return ERR_NONE;
}
