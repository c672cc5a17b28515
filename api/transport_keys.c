/* /transport-keys: keys under which others wrap the keys that they send us. Imported once, or in the token.
 */
#include "transport_keys.h"

#include <string.h>

#include "api_parts.h"
#include "handlers.h"
#include "key_body.h"
#include "keyset.h"
#include "loop.h"
#include "reply.h"
#include "token.h"

#define MAX_NAME 47

static enum err read_list(struct http_request *request, struct fault *fault)
{
	struct transport_key_row *rows;
	size_t count;
	enum err err = store_read_transport_keys(request->api->parts.store, request->arena, &rows, &count);
	if (err != ERR_NONE)
		return err;
	json_t *items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, json_pack("{s:s, s:s, s:o}", "name", rows[i].name, "checkValue",
						       rows[i].check_value, "createdAt",
						       json_time(rows[i].created_ms)));
	http_reply_list(request, items, NULL);
	return ERR_NONE;
}

void transport_keys_list(struct http_request *request)
{
	http_defer(request, read_list);
}

enum err transport_key_find(struct http_request *request, const char *name, struct key *ret_key,
			    struct fault *fault)
{
	const struct api_parts *parts = &request->api->parts;
	struct transport_key_row *rows;
	size_t count;
	enum err err = store_read_transport_keys(parts->store, request->arena, &rows, &count);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].name, name) == 0)
			return transport_key_open(parts->vault, parts->token, request->arena, &rows[i],
						  ret_key);
	}
	return fault_set(fault, ERR_NOT_FOUND, "transportKey: there is none of the name \"%s\"", name);
}

/* ---- storing ---- */

static enum err read_key(struct http_request *request, const json_t *body, struct key *ret_key,
			 struct fault *fault)
{
	struct token *token = request->api->parts.token;
	const bool has_label = json_object_get(body, "label") != NULL;
	const char *label;
	bool is_aes;
	size_t size;
	struct fault reason = { .kind = ERR_NONE };
	if (has_label && json_object_get(body, "keyHex") != NULL)
		return fault_set(fault, ERR_MALFORMED, "keyHex: the key is given more than once");
	if (!has_label)
		return body_key(request, body, "keyHex", ret_key, fault);
	enum err err = body_text(body, "label", KEY_LABEL_SIZE - 1, &label, fault);
	if (err == ERR_NONE)
		err = token_find(token, label, &is_aes, &size, &reason);
	if (err != ERR_NONE)
		return fault_set(fault, err, "label: %s", reason.text);
	if (!is_aes)
		return fault_set(fault, ERR_MALFORMED, "label: \"%s\" is a key for DES", label);
	*ret_key = token_key(token, label, size);
	return ERR_NONE;
}

/* Keys in the token may do nothing but unwrap: then they have no check value to show. */
static enum err show_check_value(struct http_request *request, const json_t *body, const struct key *key,
				 const char **ret_text, struct fault *fault)
{
	const char *wanted = json_string_value(json_object_get(body, "checkValue"));
	char text[7] = "";
	enum err err = key_check_text(key, false, text);
	if (err != ERR_NONE && (key_is_visible(key) || wanted != NULL))
		return fault_set(fault, err, "checkValue: cannot be computed: %s", err_name(err));
	if (json_object_get(body, "checkValue") != NULL && (wanted == NULL || strcasecmp(wanted, text) != 0))
		return fault_set(fault, ERR_MALFORMED, "checkValue: that of the key is %s", text);
	*ret_text = arena_strdup(request->arena, text);
	return *ret_text != NULL ? ERR_NONE : ERR_NOMEM;
}

static enum err read_body(struct http_request *request, const json_t *body, struct transport_key_row *row,
			  struct fault *fault)
{
	static const char *const members[] = { "name", "keyHex", "label", "checkValue", NULL };
	const char *name;
	struct key key = { .size = 0 };
	enum err err = body_members(body, members, fault);
	if (err == ERR_NONE)
		err = body_text(body, "name", MAX_NAME, &name, fault);
	if (err == ERR_NONE) {
		row->name = arena_strdup(request->arena, name);
		err = row->name != NULL ? read_key(request, body, &key, fault) : ERR_NOMEM;
	}
	if (err == ERR_NONE)
		err = show_check_value(request, body, &key, &row->check_value, fault);
	if (err == ERR_NONE)
		err = transport_key_seal(request->api->parts.vault, request->arena, row->name, &key,
					 &row->sealed);
	key_wipe(&key);
	return err;
}

static enum err read_request(struct http_request *request, struct fault *fault)
{
	struct transport_key_row *row = arena_alloc(request->arena, sizeof *row);
	json_t *body = NULL;
	enum err err = row != NULL ? http_body_object(request, &body, fault) : ERR_NOMEM;
	if (err == ERR_NONE)
		err = read_body(request, body, row, fault);
	json_decref(body);
	request->own = row;
	return err;
}

static void store_row(struct http_request *request)
{
	struct transport_key_row *row = request->own;
	row->created_ms = loop_wall_ms(request->api->parts.loop);
	enum err err = store_put_transport_key(request->api->parts.store, row, http_when_done(request));
	if (err != ERR_NONE)
		http_reply_err(request, err);
}

void transport_key_put(struct http_request *request)
{
	http_defer_then(request, read_request, store_row);
}

void transport_key_delete(struct http_request *request)
{
	const char *name = http_query(request, "name");
	struct fault fault = { .kind = ERR_NONE };
	enum err err = name != NULL ? ERR_NONE : fault_set(&fault, ERR_MALFORMED, "name: is required");
	if (err == ERR_NONE)
		err = store_remove_transport_key(request->api->parts.store, name, http_when_done(request));
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}
