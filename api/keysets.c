/* /devices/{ep}/keysets and /keysets: which keys the security domains of a device have, and from which the
 * keys of many devices are derived. Values go in and never come out. */
#include "keyset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_parts.h"
#include "handlers.h"
#include "keyset_certificates.h"
#include "keyset_packets.h"
#include "keyset_signatures.h"
#include "keyset_symmetric.h"
#include "loop.h"
#include "reply.h"

#define MAX_VERSION 127
#define MAX_DEVICES 255

static json_t *row_json(struct http_request *request, const struct keyset_row *row)
{
	json_t *item = json_pack("{s:s, s:s, s:i, s:o, s:o}", "kind", row->kind, "aidHex", row->aid,
				 "version", row->version, "checkValues", json_text(row->check_values),
				 "createdAt", json_time(row->created_ms));
	if (row->is_fleet)
		json_object_set_new(item, "devices", json_string(row->endpoint));
	if (symmetric_kind_find(row->kind) != NULL && keyset_symmetric_show(request, row, item) != ERR_NONE)
		json_object_set_new(item, "isDamaged", json_true());
	return item;
}

static void add_rows(struct http_request *request, const struct keyset_row *rows, size_t count, json_t *items)
{
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, row_json(request, &rows[i]));
}

/* Its own, then those of its fleets. */
static enum err read_list(struct http_request *request, struct fault *fault)
{
	struct store *store = request->api->parts.store;
	struct keyset_row *own, *fleet;
	size_t own_count, fleet_count;
	enum err err = store_read_keysets(store, request->arena, request->endpoint, &own, &own_count);
	if (err == ERR_NONE)
		err = store_read_fleet_keysets(store, request->arena, request->endpoint, &fleet,
					       &fleet_count);
	if (err != ERR_NONE)
		return err;
	json_t *items = json_array();
	add_rows(request, own, own_count, items);
	add_rows(request, fleet, fleet_count, items);
	http_reply_list(request, items, NULL);
	return ERR_NONE;
}

void keysets_list(struct http_request *request)
{
	http_defer(request, read_list);
}

static enum err read_fleet_list(struct http_request *request, struct fault *fault)
{
	struct keyset_row *rows;
	size_t count;
	enum err err =
		store_read_fleet_keysets(request->api->parts.store, request->arena, NULL, &rows, &count);
	if (err != ERR_NONE)
		return err;
	json_t *items = json_array();
	add_rows(request, rows, count, items);
	http_reply_list(request, items, NULL);
	return ERR_NONE;
}

void fleet_keysets_list(struct http_request *request)
{
	http_defer(request, read_fleet_list);
}

/* ---- which one ---- */

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
	if (symmetric_kind_find(kind) != NULL || keyset_is_document(kind))
		return ERR_NONE;
	return fault_set(fault, ERR_MALFORMED,
			 "kind: must be one of scp02, scp03, " KIND_SCP11 ", " KIND_SCP80 ", %s",
			 keyset_signature_kinds());
}

/* An endpoint name, or the beginning of names and a '*'. */
static enum err read_devices(const char *devices, struct fault *fault)
{
	const char *star = devices == NULL ? NULL : strchr(devices, '*');
	if (devices == NULL || devices[0] == 0 || strlen(devices) > MAX_DEVICES ||
	    (star != NULL && star[1] != 0))
		return fault_set(fault, ERR_MALFORMED,
				 "devices: an endpoint name, or the beginning of names with a * behind it");
	return ERR_NONE;
}

/* ---- storing ---- */

static enum err check_document(struct http_request *request, const json_t *body, struct keyset_row *row,
			       struct fault *fault)
{
	if (keyset_is_signature(row->kind))
		return keyset_signatures_check(request->arena, row->kind, body, &row->check_values, fault);
	if (strcmp(row->kind, KIND_SCP80) == 0)
		return keyset_packets_check(request->arena, body, &row->check_values, fault);
	return keyset_certificates_check(request->arena, body, &row->check_values, fault);
}

/* A key set that is a document. */
static enum err read_document(struct http_request *request, const json_t *body, struct keyset_row *row,
			      struct fault *fault)
{
	enum err err = check_document(request, body, row, fault);
	char *text = err == ERR_NONE ? json_dumps(body, JSON_COMPACT) : NULL;
	if (err != ERR_NONE)
		return err;
	if (text == NULL)
		return ERR_NOMEM;
	const struct bytes document = bytes_of_text(text);
	err = keyset_seal_document(request->api->parts.vault, request->arena, row, document, &row->sealed);
	wipe(text, document.len);
	free(text);
	return err;
}

static enum err read_row(struct http_request *request, const json_t *body, struct keyset_row *row,
			 struct fault *fault)
{
	json_int_t version = 0;
	const char *kind;
	enum err err = body_text(body, "kind", 24, &kind, fault);
	if (err == ERR_NONE)
		err = read_kind(kind, fault);
	if (err == ERR_NONE)
		err = read_aid(request, json_string_value(json_object_get(body, "aidHex")), &row->aid, fault);
	if (err == ERR_NONE)
		err = body_number(body, "version", 1, MAX_VERSION, &version, fault);
	if (err != ERR_NONE)
		return err;
	row->version = (uint8_t)version;
	row->kind = arena_strdup(request->arena, kind);
	if (row->kind == NULL)
		return ERR_NOMEM;
	return keyset_is_document(row->kind) ? read_document(request, body, row, fault)
					     : keyset_symmetric_read(request, body, row, fault);
}

/* On a worker: a token may be asked. */
static enum err read_request(struct http_request *request, struct fault *fault)
{
	struct keyset_row *row = request->own;
	json_t *body = NULL;
	enum err err = http_body_object(request, &body, fault);
	const char *devices = json_string_value(json_object_get(body, "devices"));
	if (err == ERR_NONE && row->is_fleet)
		err = read_devices(devices, fault);
	else if (err == ERR_NONE && json_object_get(body, "devices") != NULL)
		err = fault_set(fault, ERR_MALFORMED, "devices: belongs to /keysets");
	if (err == ERR_NONE && row->is_fleet) {
		row->endpoint = arena_strdup(request->arena, devices);
		json_object_del(body, "devices");
		err = row->endpoint != NULL ? ERR_NONE : ERR_NOMEM;
	}
	if (err == ERR_NONE)
		err = read_row(request, body, row, fault);
	json_decref(body);
	return err;
}

static void store_row(struct http_request *request)
{
	struct keyset_row *row = request->own;
	row->created_ms = loop_wall_ms(request->api->parts.loop);
	enum err err = store_put_keyset(request->api->parts.store, row, http_when_done(request));
	if (err != ERR_NONE)
		http_reply_err(request, err);
}

static void put(struct http_request *request, bool is_fleet)
{
	struct keyset_row *row = arena_alloc(request->arena, sizeof *row);
	if (row == NULL) {
		http_reply_err(request, ERR_NOMEM);
		return;
	}
	*row = (struct keyset_row){ .endpoint = request->endpoint, .is_fleet = is_fleet };
	request->own = row;
	http_defer_then(request, read_request, store_row);
}

void keyset_put(struct http_request *request)
{
	put(request, false);
}

void fleet_keyset_put(struct http_request *request)
{
	put(request, true);
}

static void remove_one(struct http_request *request, struct keyset_row *row)
{
	struct fault fault = { .kind = ERR_NONE };
	uint64_t version = 0;
	row->kind = http_query(request, "kind");
	enum err err = row->is_fleet ? read_devices(row->endpoint, &fault) : ERR_NONE;
	if (err == ERR_NONE)
		err = read_kind(row->kind != NULL ? row->kind : "", &fault);
	if (err == ERR_NONE)
		err = read_aid(request, http_query(request, "aidHex"), &row->aid, &fault);
	if (err == ERR_NONE)
		err = http_query_number(request, "version", 0, MAX_VERSION, &version, &fault);
	if (err == ERR_NONE && version == 0)
		err = fault_set(&fault, ERR_MALFORMED, "version: 1 to %d", MAX_VERSION);
	row->version = (uint8_t)version;
	if (err == ERR_NONE)
		err = store_remove_keyset(request->api->parts.store, row, http_when_done(request));
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}

void keyset_delete(struct http_request *request)
{
	remove_one(request, &(struct keyset_row){ .endpoint = request->endpoint });
}

void fleet_keyset_delete(struct http_request *request)
{
	remove_one(request,
		   &(struct keyset_row){ .endpoint = http_query(request, "devices"), .is_fleet = true });
}
