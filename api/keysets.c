/* /devices/{ep}/keysets: which keys the security domains of a device have. Values go in and never come out.
 */
#include "keyset.h"

#include <stdio.h>
#include <string.h>

#include "api_parts.h"
#include "handlers.h"
#include "keyset_certificates.h"
#include "keyset_packets.h"
#include "keyset_signatures.h"
#include "loop.h"
#include "reply.h"
#include "vault.h"

#define KIND_SCP02  "scp02"
#define KIND_SCP03  "scp03"
#define SCP02_KEY   16
#define MAX_AID_HEX 32
#define MAX_VERSION 127

static enum err read_list(struct http_request *request, struct fault *fault)
{
	struct keyset_row *rows;
	size_t count;
	enum err err = store_read_keysets(request->api->parts.store, request->arena, request->endpoint, &rows,
					  &count);
	if (err != ERR_NONE)
		return err;
	json_t *items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, json_pack("{s:s, s:s, s:i, s:o, s:o}", "kind", rows[i].kind,
						       "aidHex", rows[i].aid, "version", rows[i].version,
						       "checkValues", json_text(rows[i].check_values),
						       "createdAt", json_time(rows[i].created_ms)));
	http_reply_list(request, items, NULL);
	return ERR_NONE;
}

void keysets_list(struct http_request *request)
{
	http_defer(request, read_list);
}

/* ---- storing ---- */

static enum err read_key(const struct http_request *request, const json_t *body, const char *name,
			 struct key *ret_key, struct fault *fault)
{
	const char *hex;
	struct bytes key;
	enum err err = body_text(body, name, 64, &hex, fault);
	if (err != ERR_NONE)
		return err;
	if (bytes_from_hex(request->arena, hex, &key) != ERR_NONE ||
	    (key.len != 16 && key.len != 24 && key.len != 32))
		return fault_set(fault, ERR_MALFORMED, "%s: an AES key of 16, 24 or 32 bytes in hexadecimal",
				 name);
	struct secret secret;
	err = secret_from(key, &secret);
	if (err == ERR_NONE)
		*ret_key = key_of(&secret);
	secret_wipe(&secret);
	wipe((void *)(uintptr_t)key.at, key.len);
	return err;
}

static enum err read_keys(const struct http_request *request, const json_t *body,
			  struct cardea_keyset *keyset, struct fault *fault)
{
	enum err err = read_key(request, body, "encHex", &keyset->enc, fault);
	if (err == ERR_NONE)
		err = read_key(request, body, "macHex", &keyset->mac, fault);
	if (err == ERR_NONE)
		err = read_key(request, body, "dekHex", &keyset->dek, fault);
	if (err == ERR_NONE && (keyset->enc.size != keyset->mac.size || keyset->enc.size != keyset->dek.size))
		err = fault_set(fault, ERR_MALFORMED, "encHex, macHex, dekHex: must have the same length");
	return err;
}

/* "" for the issuer's security domain; upper case, so that one domain has one name. */
static enum err read_aid(const struct http_request *request, const char *hex, const char **ret_aid,
			 struct fault *fault)
{
	struct bytes aid;
	if (hex == NULL || hex[0] == 0) {
		*ret_aid = "";
		return ERR_NONE;
	}
	if (bytes_from_hex(request->arena, hex, &aid) != ERR_NONE || aid.len < 5 || aid.len > 16)
		return fault_set(fault, ERR_MALFORMED, "aidHex: an AID of 5 to 16 bytes in hexadecimal");
	*ret_aid = bytes_to_hex(request->arena, aid);
	return *ret_aid != NULL ? ERR_NONE : ERR_NOMEM;
}

static enum err read_kind(const char *kind, struct fault *fault)
{
	static const char *const kinds[] = { KIND_SCP02, KIND_SCP03, KIND_SCP11, KIND_SCP80 };
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i]) == 0)
			return ERR_NONE;
	}
	if (keyset_is_signature(kind))
		return ERR_NONE;
	return fault_set(fault, ERR_MALFORMED,
			 "kind: must be one of " KIND_SCP02 ", " KIND_SCP03 ", " KIND_SCP11 ", " KIND_SCP80
			 ", %s",
			 keyset_signature_kinds());
}

/* GPCS B.6: the first three bytes of a block under the key: of 01 with AES, of zeros with DES. */
static enum err check_value(bool is_des, const struct key *key, struct builder *b)
{
	uint8_t block[AES_BLOCK], result[AES_BLOCK];
	memset(block, is_des ? 0 : 1, sizeof block);
	enum err err = key_encrypt(key, is_des ? CIPHER_DES3_ECB : CIPHER_AES_ECB, NULL,
				   bytes_of(block, is_des ? DES_BLOCK : AES_BLOCK), result);
	if (err == ERR_NONE)
		build_printf(b, "\"%02X%02X%02X\"", result[0], result[1], result[2]);
	return err;
}

static enum err check_values(struct arena *arena, bool is_des, const struct cardea_keyset *keyset,
			     const char **ret_json)
{
	struct builder b = builder_in(arena);
	struct bytes text;
	build_text(&b, "{\"enc\":");
	enum err err = check_value(is_des, &keyset->enc, &b);
	build_text(&b, ",\"mac\":");
	if (err == ERR_NONE)
		err = check_value(is_des, &keyset->mac, &b);
	build_text(&b, ",\"dek\":");
	if (err == ERR_NONE)
		err = check_value(is_des, &keyset->dek, &b);
	build_text(&b, "}");
	build_u8(&b, 0);
	if (err == ERR_NONE)
		err = builder_bytes(&b, &text);
	if (err == ERR_NONE)
		*ret_json = (const char *)text.at;
	return err;
}

/* The three keys of SCP02 or SCP03, into the row. */
static enum err read_symmetric(struct http_request *request, const json_t *body, struct keyset_row *row,
			       struct fault *fault)
{
	static const char *const members[] = {
		"kind", "aidHex", "version", "encHex", "macHex", "dekHex", NULL
	};
	const bool is_des = strcmp(row->kind, KIND_SCP02) == 0;
	struct cardea_keyset keyset = { .version = row->version };
	enum err err = body_members(body, members, fault);
	if (err == ERR_NONE)
		err = read_keys(request, body, &keyset, fault);
	if (err == ERR_NONE && is_des && keyset.enc.size != SCP02_KEY)
		err = fault_set(fault, ERR_MALFORMED, "encHex, macHex, dekHex: DES keys of 16 bytes");
	if (err == ERR_NONE)
		err = check_values(request->arena, is_des, &keyset, &row->check_values);
	if (err == ERR_NONE)
		err = keyset_seal(request->api->parts.vault, request->arena, row, &keyset, &row->sealed);
	keyset_wipe(&keyset);
	return err;
}

/* A key set that is a document. */
static enum err read_document(struct http_request *request, const json_t *body, struct keyset_row *row,
			      struct fault *fault)
{
	struct bytes document;
	enum err err;
	if (keyset_is_signature(row->kind))
		err = keyset_signatures_read(request->arena, row->kind, body, &document, &row->check_values,
					     fault);
	else if (strcmp(row->kind, KIND_SCP80) == 0)
		err = keyset_packets_read(request->arena, body, &document, &row->check_values, fault);
	else
		err = keyset_certificates_read(request->arena, body, &document, &row->check_values, fault);
	if (err != ERR_NONE)
		return err;
	err = keyset_seal_document(request->api->parts.vault, request->arena, row, document, &row->sealed);
	wipe((void *)(uintptr_t)document.at, document.len);
	return err;
}

static enum err store_keyset(struct http_request *request, const json_t *body, struct fault *fault)
{
	struct keyset_row row = { .endpoint = request->endpoint,
				  .created_ms = loop_wall_ms(request->api->parts.loop) };
	json_int_t version = 0;
	enum err err = body_text(body, "kind", 24, &row.kind, fault);
	if (err == ERR_NONE)
		err = read_kind(row.kind, fault);
	if (err == ERR_NONE)
		err = read_aid(request, json_string_value(json_object_get(body, "aidHex")), &row.aid, fault);
	if (err == ERR_NONE)
		err = body_number(body, "version", 1, MAX_VERSION, &version, fault);
	row.version = (uint8_t)version;
	if (err == ERR_NONE)
		err = keyset_is_document(row.kind) ? read_document(request, body, &row, fault)
						   : read_symmetric(request, body, &row, fault);
	if (err == ERR_NONE)
		err = store_put_keyset(request->api->parts.store, &row, http_when_done(request));
	return err;
}

void keyset_put(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	json_t *body = NULL;
	enum err err = http_body_object(request, &body, &fault);
	if (err == ERR_NONE)
		err = store_keyset(request, body, &fault);
	json_decref(body);
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}

void keyset_delete(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	const char *kind = http_query(request, "kind"), *aid;
	uint64_t version = 0;
	enum err err = read_kind(kind != NULL ? kind : "", &fault);
	if (err == ERR_NONE)
		err = read_aid(request, http_query(request, "aidHex"), &aid, &fault);
	if (err == ERR_NONE)
		err = http_query_number(request, "version", 0, MAX_VERSION, &version, &fault);
	if (err == ERR_NONE && version == 0)
		err = fault_set(&fault, ERR_MALFORMED, "version: 1 to %d", MAX_VERSION);
	if (err == ERR_NONE)
		err = store_remove_keyset(request->api->parts.store, request->endpoint, kind, aid,
					  (uint8_t)version, http_when_done(request));
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}
