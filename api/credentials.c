/* /credentials: the pre-shared keys of the devices. In force as soon as they are durable; never shown. */
#include "credentials.h"

#include <stdlib.h>
#include <string.h>

#include "api_parts.h"
#include "credential_rows.h"
#include "handlers.h"
#include "loop.h"
#include "reply.h"

#define MAX_IDENTITY  128
#define MIN_KEY_BYTES 16

static json_t *credential_json(const struct credential_row *row)
{
	return json_pack("{s:s, s:s, s:s, s:o}", "endpoint", row->endpoint, "kind", row->kind, "identity",
			 row->identity, "createdAt", json_time(row->created_ms));
}

static enum err read_list(struct http_request *request, struct fault *fault)
{
	struct credential_row *rows;
	size_t count;
	enum err err = store_read_credentials(request->api->parts.store, request->arena, &rows, &count);
	if (err != ERR_NONE)
		return err;
	json_t *items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, credential_json(&rows[i]));
	http_reply_list(request, items, NULL);
	return ERR_NONE;
}

void credentials_list(struct http_request *request)
{
	http_defer(request, read_list);
}

static enum err read_one(struct http_request *request, struct fault *fault)
{
	struct credential_row *rows;
	size_t count;
	enum err err = store_read_credentials(request->api->parts.store, request->arena, &rows, &count);
	for (size_t i = 0; err == ERR_NONE && i < count; i++) {
		if (strcmp(rows[i].endpoint, request->endpoint) == 0) {
			http_reply_json(request, 200, credential_json(&rows[i]));
			return ERR_NONE;
		}
	}
	return err == ERR_NONE
		       ? fault_set(fault, ERR_NOT_FOUND, "credential of %s: there is none", request->endpoint)
		       : err;
}

void credential_get(struct http_request *request)
{
	http_defer(request, read_one);
}

/* ---- setting ---- */

struct change { /* in memory once it is durable */
	struct api *api;
	uint64_t request;
	char *endpoint, *identity;
	struct secret key;
};

static void change_free(struct change *change)
{
	free(change->endpoint);
	free(change->identity);
	secret_wipe(&change->key);
	free(change);
}

static void change_stored(void *self, uint64_t id, enum err result)
{
	struct change *change = self;
	struct credentials *credentials = change->api->parts.credentials;
	struct http_request *request = http_find(change->api->http, change->request);
	if (result == ERR_NONE && change->identity != NULL)
		result = credentials_put_psk(credentials, change->endpoint, change->identity, &change->key);
	else if (result == ERR_NONE)
		credentials_remove(credentials, change->endpoint);
	change_free(change);
	if (request == NULL)
		return;
	if (result == ERR_NONE)
		http_reply_empty(request, 204);
	else
		http_reply_err(request, result);
}

static struct change *change_create(struct http_request *request, const char *identity)
{
	struct change *change = calloc(1, sizeof *change);
	if (change == NULL)
		return NULL;
	change->api = request->api;
	change->request = request->id;
	change->endpoint = strdup(request->endpoint);
	change->identity = identity != NULL ? strdup(identity) : NULL;
	if (change->endpoint == NULL || (identity != NULL && change->identity == NULL)) {
		change_free(change);
		return NULL;
	}
	return change;
}

static enum err read_key(struct http_request *request, const json_t *body, struct secret *ret_key,
			 struct fault *fault)
{
	const char *hex;
	struct bytes key;
	enum err err = body_text(body, "keyHex", 2 * SECRET_MAX, &hex, fault);
	if (err != ERR_NONE)
		return err;
	if (bytes_from_hex(request->arena, hex, &key) != ERR_NONE || key.len < MIN_KEY_BYTES)
		return fault_set(fault, ERR_MALFORMED, "keyHex: %d to %d bytes in hexadecimal", MIN_KEY_BYTES,
				 SECRET_MAX);
	return secret_from(key, ret_key);
}

static enum err put(struct http_request *request, const json_t *body, struct fault *fault)
{
	static const char *const members[] = { "kind", "identity", "keyHex", NULL };
	struct credential_row row = { .endpoint = request->endpoint,
				      .created_ms = loop_wall_ms(request->api->parts.loop) };
	enum err err = body_members(body, members, fault);
	if (err == ERR_NONE)
		err = body_text(body, "kind", 16, &row.kind, fault);
	if (err == ERR_NONE && strcmp(row.kind, CREDENTIAL_PSK) != 0)
		err = fault_set(fault, ERR_MALFORMED, "kind: must be " CREDENTIAL_PSK);
	if (err == ERR_NONE)
		err = body_text(body, "identity", MAX_IDENTITY, &row.identity, fault);
	if (err != ERR_NONE)
		return err;
	struct change *change = change_create(request, row.identity);
	if (change == NULL)
		return ERR_NOMEM;
	err = read_key(request, body, &change->key, fault);
	if (err == ERR_NONE)
		err = credential_seal(request->api->parts.vault, request->arena, &row, &change->key,
				      &row.sealed);
	if (err == ERR_NONE)
		err = store_put_credential(request->api->parts.store, &row,
					   (struct store_done){ change_stored, change, 0 });
	if (err != ERR_NONE)
		change_free(change);
	return err;
}

void credential_put(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	json_t *body = NULL;
	enum err err = http_body_object(request, &body, &fault);
	if (err == ERR_NONE)
		err = put(request, body, &fault);
	json_decref(body);
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}

void credential_delete(struct http_request *request)
{
	struct change *change = change_create(request, NULL);
	enum err err = change != NULL
			       ? store_remove_credential(request->api->parts.store, request->endpoint,
							 (struct store_done){ change_stored, change, 0 })
			       : ERR_NOMEM;
	if (err == ERR_NONE)
		return;
	if (change != NULL)
		change_free(change);
	http_reply_err(request, err);
}
