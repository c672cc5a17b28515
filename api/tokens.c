#include "tokens.h"

#include <cardea/crypto.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uthash.h>

#include "api_parts.h"
#include "config.h"
#include "handlers.h"
#include "log.h"
#include "loop.h"
#include "reply.h"
#include "store.h"

#define TOKEN_BYTES  32
#define TOKEN_PREFIX "cardea_" /* lets secret scanners find a leaked one */
#define MAX_NAME     128
#define READ_BYTES   (16u << 20)

struct token {
	uint64_t id;
	uint8_t hash[SHA256_SIZE];
	enum scope scope;
	int64_t created_ms, expires_ms; /* 0: never */
	char name[MAX_NAME];
	bool is_durable;
	uint64_t request; /* that waits for it to be durable */
	char *text;       /* the token itself, until it was told */
	UT_hash_handle hh;
};

struct token_table {
	struct api *api;
	struct token *by_hash;
	uint64_t last_id;
};

static void token_free(struct token_table *tokens, struct token *token)
{
	HASH_DEL(tokens->by_hash, token);
	if (token->text != NULL)
		wipe(token->text, strlen(token->text));
	free(token->text);
	free(token);
}

static struct token *token_by_id(struct token_table *tokens, uint64_t id)
{
	struct token *token, *next;
	HASH_ITER (hh, tokens->by_hash, token, next)
		if (token->id == id)
			return token;
	return NULL;
}

/* ---- checking ---- */

enum err token_check(struct http_request *request, enum scope *ret_granted, struct fault *fault)
{
	struct token_table *tokens = request->api->tokens;
	const char *header = http_header(request, "Authorization");
	uint8_t hash[SHA256_SIZE];
	struct token *token;
	if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0)
		return fault_set(fault, ERR_DENIED, "Authorization: a bearer token is needed");
	if (sha256(bytes_of_text(header + 7), hash) != ERR_NONE)
		return fault_set(fault, ERR_DENIED, "Authorization: the token cannot be checked");
	HASH_FIND(hh, tokens->by_hash, hash, sizeof hash, token);
	if (token == NULL || !token->is_durable)
		return fault_set(fault, ERR_DENIED, "Authorization: the token is not known");
	if (token->expires_ms != 0 && token->expires_ms <= loop_wall_ms(request->api->parts.loop))
		return fault_set(fault, ERR_DENIED, "Authorization: the token has expired");
	request->caller = token->id;
	*ret_granted = token->scope;
	return ERR_NONE;
}

/* ---- making ---- */

/* A new token in the table, not yet stored; its text is in it. */
static enum err token_make(struct token_table *tokens, const char *name, enum scope scope, int64_t expires_ms,
			   struct token **ret_token)
{
	uint8_t random[TOKEN_BYTES];
	struct token *token = calloc(1, sizeof *token);
	struct arena *arena = arena_create(4096);
	enum err err = token != NULL && arena != NULL ? random_bytes(random, sizeof random) : ERR_NOMEM;
	const char *encoded =
		err == ERR_NONE ? bytes_to_base64url(arena, bytes_of(random, sizeof random)) : NULL;
	wipe(random, sizeof random);
	if (encoded == NULL || asprintf(&token->text, "%s%s", TOKEN_PREFIX, encoded) < 0)
		err = err != ERR_NONE ? err : ERR_NOMEM;
	else
		err = sha256(bytes_of_text(token->text), token->hash);
	arena_free(arena);
	if (err != ERR_NONE) {
		if (token != NULL)
			free(token->text);
		free(token);
		return err;
	}
	token->id = ++tokens->last_id;
	token->scope = scope;
	token->created_ms = loop_wall_ms(tokens->api->parts.loop);
	token->expires_ms = expires_ms;
	snprintf(token->name, sizeof token->name, "%s", name);
	HASH_ADD(hh, tokens->by_hash, hash, sizeof token->hash, token);
	*ret_token = token;
	return ERR_NONE;
}

static enum err token_store(struct token_table *tokens, const struct token *token, struct store_done done)
{
	const struct token_row row = { .id = token->id,
				       .name = token->name,
				       .scopes = scope_name(token->scope),
				       .hash = bytes_of(token->hash, sizeof token->hash),
				       .created_ms = token->created_ms,
				       .expires_ms = token->expires_ms };
	return store_put_token(tokens->api->parts.store, &row, done);
}

static enum err write_admin_file(const char *data_dir, const char *text, struct fault *fault)
{
	char path[4096], next[4096];
	snprintf(path, sizeof path, "%s/admin.token", data_dir);
	snprintf(next, sizeof next, "%s/admin.token.new", data_dir);
	int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t len = strlen(text);
	bool written =
		fd >= 0 && write(fd, text, len) == (ssize_t)len && write(fd, "\n", 1) == 1 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	if (!written || rename(next, path) != 0)
		return fault_set(fault, ERR_IO, "%s cannot be written: %s", path, strerror(errno));
	log_info("token.admin_created", "file=%s", path);
	return ERR_NONE;
}

static void admin_stored(void *self, uint64_t id, enum err result)
{
	if (result != ERR_NONE)
		log_error("token.not_stored", "id=%llu error=%s", (unsigned long long)id, err_name(result));
}

/* The file is written first: a token that is stored but that nobody knows would lock everybody out. It is good at
 * once, because a server that starts without any token makes a new one. */
static enum err make_admin(struct token_table *tokens, struct fault *fault)
{
	struct token *token;
	enum err err = token_make(tokens, "admin", SCOPE_ADMIN, 0, &token);
	if (err != ERR_NONE)
		return err;
	token->is_durable = true;
	err = write_admin_file(tokens->api->parts.config->data_dir, token->text, fault);
	if (err == ERR_NONE)
		err = token_store(tokens, token, (struct store_done){ admin_stored, NULL, token->id });
	return err;
}

static enum err token_restore(struct token_table *tokens, const struct token_row *row)
{
	struct token *token = calloc(1, sizeof *token);
	if (token == NULL)
		return ERR_NOMEM;
	if (row->hash.len != SHA256_SIZE || scope_of(row->scopes, &token->scope) != ERR_NONE) {
		free(token);
		return ERR_MALFORMED;
	}
	token->id = row->id;
	memcpy(token->hash, row->hash.at, SHA256_SIZE);
	token->created_ms = row->created_ms;
	token->expires_ms = row->expires_ms;
	token->is_durable = true;
	snprintf(token->name, sizeof token->name, "%s", row->name);
	HASH_ADD(hh, tokens->by_hash, hash, sizeof token->hash, token);
	return ERR_NONE;
}

static enum err restore_all(struct token_table *tokens)
{
	struct store *store = tokens->api->parts.store;
	struct arena *arena = arena_create(READ_BYTES);
	struct token_row *rows;
	size_t count = 0;
	enum err err = arena != NULL ? store_read_tokens(store, arena, &rows, &count) : ERR_NOMEM;
	for (size_t i = 0; i < count && err == ERR_NONE; i++)
		err = token_restore(tokens, &rows[i]);
	arena_free(arena);
	return err == ERR_NONE ? store_last_token_id(store, &tokens->last_id) : err;
}

enum err tokens_create(struct api *api, struct token_table **ret_tokens, struct fault *fault)
{
	struct token_table *tokens = calloc(1, sizeof *tokens);
	if (tokens == NULL)
		return ERR_NOMEM;
	tokens->api = api;
	enum err err = restore_all(tokens);
	if (err == ERR_NONE && tokens->by_hash == NULL)
		err = make_admin(tokens, fault);
	if (err != ERR_NONE) {
		tokens_free(tokens);
		return fault_set(fault, err, "tokens: %s", err_name(err));
	}
	*ret_tokens = tokens;
	return ERR_NONE;
}

void tokens_free(struct token_table *tokens)
{
	if (tokens == NULL)
		return;
	while (tokens->by_hash != NULL)
		token_free(tokens, tokens->by_hash);
	free(tokens);
}

/* ---- REST ---- */

static json_t *token_json(const struct token *token)
{
	json_t *json =
		json_pack("{s:o, s:s, s:s, s:o}", "id", json_id(token->id), "name", token->name, "scope",
			  scope_name(token->scope), "createdAt", json_time(token->created_ms));
	if (json != NULL && token->expires_ms != 0)
		json_object_set_new(json, "expiresAt", json_time(token->expires_ms));
	return json;
}

void tokens_list(struct http_request *request)
{
	json_t *items = json_array();
	struct token *token, *next;
	HASH_ITER (hh, request->api->tokens->by_hash, token, next)
		json_array_append_new(items, token_json(token));
	http_reply_list(request, items, NULL);
}

static void created(void *self, uint64_t id, enum err result)
{
	struct token_table *tokens = self;
	struct token *token = token_by_id(tokens, id);
	if (token == NULL)
		return;
	struct http_request *request = http_find(tokens->api->http, token->request);
	if (result != ERR_NONE) {
		if (request != NULL)
			http_reply_err(request, result);
		token_free(tokens, token);
		return;
	}
	token->is_durable = true;
	if (request != NULL) {
		json_t *json = token_json(token);
		if (json != NULL)
			json_object_set_new(json, "token", json_string(token->text));
		http_reply_created(request, "/api/v1/tokens", id, json);
	}
	wipe(token->text, strlen(token->text));
	free(token->text);
	token->text = NULL;
}

void token_post(struct http_request *request)
{
	struct token_table *tokens = request->api->tokens;
	struct fault fault = { .kind = ERR_NONE };
	json_t *body = NULL;
	const char *name, *scope_text;
	json_int_t lifetime_s = 0;
	enum scope scope = SCOPE_NONE;
	struct token *token;
	enum err err = http_body_object(request, &body, &fault);
	if (err == ERR_NONE)
		err = body_text(body, "name", MAX_NAME - 1, &name, &fault);
	if (err == ERR_NONE)
		err = body_text(body, "scope", 16, &scope_text, &fault);
	if (err == ERR_NONE && scope_of(scope_text, &scope) != ERR_NONE)
		err = fault_set(&fault, ERR_MALFORMED, "scope: one of read, write, admin");
	if (err == ERR_NONE && json_object_get(body, "lifetime") != NULL)
		err = body_number(body, "lifetime", 1, INT32_MAX, &lifetime_s, &fault);
	if (err == ERR_NONE)
		err = token_make(tokens, name, scope,
				 lifetime_s == 0 ? 0
						 : loop_wall_ms(request->api->parts.loop) + 1000 * lifetime_s,
				 &token);
	if (err == ERR_NONE) {
		token->request = request->id;
		err = token_store(tokens, token, (struct store_done){ created, tokens, token->id });
		if (err != ERR_NONE)
			token_free(tokens, token);
	}
	json_decref(body);
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}

void token_delete(struct http_request *request)
{
	struct token_table *tokens = request->api->tokens;
	struct fault fault = { .kind = ERR_NONE };
	uint64_t id;
	enum err err = item_id(request, &id, &fault);
	struct token *token = err == ERR_NONE ? token_by_id(tokens, id) : NULL;
	if (err == ERR_NONE && token == NULL)
		err = fault_set(&fault, ERR_NOT_FOUND, "token %s: there is none", request->item);
	if (err == ERR_NONE)
		err = store_remove_token(request->api->parts.store, id, http_when_done(request));
	if (err != ERR_NONE) {
		http_reply_fault_or(request, &fault, err);
		return;
	}
	token_free(tokens, token); /* void at once, whatever the store says later */
}
