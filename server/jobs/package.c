#include "package.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "events.h"
#include "log.h"
#include "loop.h"
#include "plugin_host.h"
#include "vault.h"
#include "work.h"

#define CHUNK_BYTES  (64u << 10)
#define KEY_BYTES    32
#define NAME_BYTES   256
#define CONTEXT_SIZE 48
#define INSPECT_ROOM (16u << 20) /* what a plugin may allocate while it inspects, beside the content */

struct packages {
	struct packages_parts parts;
	uint64_t last_id;
};

struct package_upload {
	struct packages *packages;
	const struct loaded_package_kind *kind;
	uint64_t id, size;
	char name[NAME_BYTES];
	struct secret key; /* of the content */
	struct arena *arena;
	uint8_t *pending; /* the chunk being filled, in the clear */
	size_t pending_len;
	uint32_t chunk_count;

	/* once it ended */
	void (*done)(void *self, uint64_t id, const struct fault *fault);
	void *self;
	struct package_row row;
	struct fault fault;
};

static const char *key_context(uint64_t id, char to[static CONTEXT_SIZE])
{
	snprintf(to, CONTEXT_SIZE, "package/%llu", (unsigned long long)id);
	return to;
}

static const char *chunk_context(uint64_t id, uint32_t index, char to[static CONTEXT_SIZE])
{
	snprintf(to, CONTEXT_SIZE, "package/%llu/%u", (unsigned long long)id, index);
	return to;
}

enum err packages_create(const struct packages_parts *parts, struct packages **ret_packages)
{
	struct packages *packages = calloc(1, sizeof *packages);
	if (packages == NULL)
		return ERR_NOMEM;
	packages->parts = *parts;
	enum err err = store_last_package_id(parts->store, &packages->last_id);
	if (err != ERR_NONE) {
		free(packages);
		return err;
	}
	*ret_packages = packages;
	return ERR_NONE;
}

void packages_free(struct packages *packages)
{
	free(packages);
}

/* ---- upload ---- */

static void upload_free(struct package_upload *upload)
{
	secret_wipe(&upload->key);
	if (upload->pending != NULL)
		wipe(upload->pending, CHUNK_BYTES);
	free(upload->pending);
	arena_free(upload->arena);
	free(upload);
}

enum err package_upload_begin(struct packages *packages, const char *kind, const char *name,
			      struct package_upload **ret_upload, struct fault *fault)
{
	const struct loaded_package_kind *loaded = plugin_host_package_kind(packages->parts.plugins, kind);
	if (loaded == NULL)
		return fault_set(fault, ERR_NOT_FOUND, "kind: no plugin takes packages of kind %s", kind);
	if (strlen(name) >= NAME_BYTES)
		return fault_set(fault, ERR_LIMIT, "name: longer than %d bytes", NAME_BYTES - 1);
	struct package_upload *upload = calloc(1, sizeof *upload);
	if (upload == NULL)
		return ERR_NOMEM;
	*upload =
		(struct package_upload){ .packages = packages, .kind = loaded, .id = packages->last_id + 1 };
	memcpy(upload->name, name, strlen(name) + 1);
	upload->pending = malloc(CHUNK_BYTES);
	upload->arena = arena_create(0);
	upload->key.len = KEY_BYTES;
	enum err err = upload->pending != NULL && upload->arena != NULL
			       ? random_bytes(upload->key.at, KEY_BYTES)
			       : ERR_NOMEM;
	if (err != ERR_NONE) {
		upload_free(upload);
		return err;
	}
	packages->last_id++;
	*ret_upload = upload;
	return ERR_NONE;
}

static enum err flush(struct package_upload *upload)
{
	char context[CONTEXT_SIZE];
	size_t sealed_len = upload->pending_len + SEAL_OVERHEAD;
	uint8_t *sealed = malloc(sealed_len);
	if (sealed == NULL)
		return ERR_NOMEM;
	enum err err = aes_gcm_seal(secret_bytes(&upload->key),
				    bytes_of_text(chunk_context(upload->id, upload->chunk_count, context)),
				    bytes_of(upload->pending, upload->pending_len), sealed);
	if (err == ERR_NONE)
		err = store_put_package_chunk(upload->packages->parts.store, upload->id, upload->chunk_count,
					      bytes_of(sealed, sealed_len), (struct store_done){ 0 });
	free(sealed);
	if (err != ERR_NONE)
		return err;
	upload->chunk_count++;
	upload->pending_len = 0;
	return ERR_NONE;
}

enum err package_upload_add(struct package_upload *upload, struct bytes chunk, size_t *ret_taken,
			    struct fault *fault)
{
	struct reader r = reader_of(chunk);
	if (chunk.len > upload->packages->parts.max_package_bytes - upload->size)
		return fault_set(fault, ERR_LIMIT, "a package may have %u bytes",
				 upload->packages->parts.max_package_bytes);
	while (reader_left(&r) > 0) {
		enum err err = upload->pending_len == CHUNK_BYTES ? flush(upload) : ERR_NONE;
		if (err == ERR_UNAVAILABLE)
			break;
		if (err != ERR_NONE)
			return err;
		size_t room = CHUNK_BYTES - upload->pending_len;
		struct bytes part = read_bytes(&r, reader_left(&r) < room ? reader_left(&r) : room);
		memcpy(upload->pending + upload->pending_len, part.at, part.len);
		upload->pending_len += part.len;
		upload->size += part.len;
	}
	*ret_taken = chunk.len - reader_left(&r);
	return ERR_NONE;
}

static void remove_chunks(const struct package_upload *upload)
{
	enum err err =
		store_remove_package(upload->packages->parts.store, upload->id, (struct store_done){ 0 });
	if (err != ERR_NONE) /* the store removes it when it is opened next */
		log_warn("package.left_over", "id=%llu error=%s", (unsigned long long)upload->id,
			 err_name(err));
}

void package_upload_abort(struct package_upload *upload)
{
	if (upload == NULL)
		return;
	if (upload->chunk_count > 0)
		remove_chunks(upload);
	upload_free(upload);
}

/* ---- content ---- */

static enum err open_chunk(const struct secret *key, uint64_t id, uint32_t index, struct bytes sealed,
			   struct builder *content)
{
	char context[CONTEXT_SIZE];
	if (sealed.len < SEAL_OVERHEAD)
		return ERR_MALFORMED;
	size_t at = content->len;
	build_zeros(content, sealed.len - SEAL_OVERHEAD);
	if (content->bad)
		return ERR_NOMEM;
	return aes_gcm_open(secret_bytes(key), bytes_of_text(chunk_context(id, index, context)), sealed,
			    content->at + at);
}

/* `size` bytes from the chunks of the store. */
static enum err read_content(struct store *store, struct arena *arena, uint64_t id, uint64_t size,
			     const struct secret *key, struct bytes *ret_content)
{
	struct arena *chunk_arena = arena_create(2 * CHUNK_BYTES);
	uint8_t *room = arena_alloc(arena, size + 1);
	struct builder content = { .arena = arena, .at = room, .capacity = size + 1, .bad = room == NULL };
	struct bytes sealed;
	enum err err = chunk_arena != NULL ? ERR_NONE : ERR_NOMEM;
	for (uint32_t index = 0; err == ERR_NONE && content.len < size; index++) {
		arena_reset(chunk_arena);
		err = store_read_package_chunk(store, chunk_arena, id, index, &sealed);
		if (err == ERR_NONE)
			err = open_chunk(key, id, index, sealed, &content);
	}
	arena_free(chunk_arena);
	return err == ERR_NONE ? builder_bytes(&content, ret_content) : err;
}

enum err package_read(struct packages *packages, struct arena *arena, uint64_t id, struct bytes *ret_content)
{
	char context[CONTEXT_SIZE];
	struct package_row row;
	struct bytes key_bytes;
	struct secret key;
	enum err err = store_read_package(packages->parts.store, arena, id, &row);
	if (err == ERR_NONE)
		err = vault_open_sealed(packages->parts.vault, arena, key_context(id, context),
					row.sealed_key, &key_bytes);
	if (err != ERR_NONE)
		return err;
	err = secret_from(key_bytes, &key);
	wipe((void *)(uintptr_t)key_bytes.at, key_bytes.len);
	if (err == ERR_NONE)
		err = read_content(packages->parts.store, arena, id, row.size, &key, ret_content);
	secret_wipe(&key);
	return err;
}

/* ---- the end of an upload ---- */

static enum err describe(struct package_upload *upload, struct bytes content)
{
	uint8_t digest[SHA256_SIZE];
	char context[CONTEXT_SIZE];
	struct package_row *row = &upload->row;
	const char *json = NULL;
	enum err err = upload->kind->kind->inspect(upload->kind->self, content, upload->arena, &json,
						   &upload->fault);
	if (err == ERR_NONE)
		err = sha256(content, digest);
	if (err != ERR_NONE)
		return err;
	*row = (struct package_row){ .id = upload->id,
				     .kind = upload->kind->kind->name,
				     .name = upload->name,
				     .size = upload->size,
				     .sha256 = bytes_to_hex(upload->arena, bytes_of(digest, sizeof digest)),
				     .description = json };
	if (row->sha256 == NULL)
		return ERR_NOMEM;
	return vault_seal(upload->packages->parts.vault, upload->arena, key_context(upload->id, context),
			  secret_bytes(&upload->key), &row->sealed_key);
}

/* On a worker, after all chunks are durable. */
static enum err inspect(void *arg)
{
	struct package_upload *upload = arg;
	struct bytes content = { 0 };
	struct arena *arena = arena_create(upload->size + INSPECT_ROOM);
	if (arena == NULL)
		return ERR_NOMEM;
	enum err err = read_content(upload->packages->parts.store, arena, upload->id, upload->size,
				    &upload->key, &content);
	if (err == ERR_NONE)
		err = describe(upload, content);
	if (content.len > 0)
		wipe((void *)(uintptr_t)content.at, content.len);
	arena_free(arena);
	return err;
}

static void finish(struct package_upload *upload, enum err result)
{
	if (result != ERR_NONE) {
		fault_set(&upload->fault, result, "%s", err_name(result));
		remove_chunks(upload);
	}
	upload->done(upload->self, result == ERR_NONE ? upload->id : 0, &upload->fault);
	upload_free(upload);
}

static void publish(const struct package_upload *upload)
{
	char id[24];
	snprintf(id, sizeof id, "%llu", (unsigned long long)upload->id);
	json_t *event = json_pack("{s:s, s:s, s:s, s:I}", "id", id, "kind", upload->row.kind, "name",
				  upload->name, "size", (json_int_t)upload->size);
	char *text = event != NULL ? json_dumps(event, JSON_COMPACT) : NULL;
	if (text != NULL)
		events_publish(upload->packages->parts.events, upload->row.created_ms, "package.added", text);
	free(text);
	json_decref(event);
	log_info("package.added", "id=%s kind=%s size=%llu", id, upload->row.kind,
		 (unsigned long long)upload->size);
}

static void completed(void *self, uint64_t id, enum err result)
{
	struct package_upload *upload = self;
	if (result == ERR_NONE)
		publish(upload);
	finish(upload, result);
}

static void inspected(void *arg, enum err result)
{
	struct package_upload *upload = arg;
	if (result == ERR_NONE) {
		upload->row.created_ms = loop_wall_ms(upload->packages->parts.loop);
		result = store_complete_package(upload->packages->parts.store, &upload->row,
						(struct store_done){ completed, upload, upload->id });
	}
	if (result != ERR_NONE)
		finish(upload, result);
}

static void chunks_stored(void *self, uint64_t id, enum err result)
{
	struct package_upload *upload = self;
	if (result == ERR_NONE)
		result = work_submit(upload->packages->parts.workers, inspect, inspected, upload);
	if (result != ERR_NONE)
		finish(upload, result);
}

enum err package_upload_end(struct package_upload *take_upload,
			    void (*done)(void *self, uint64_t id, const struct fault *fault), void *self)
{
	enum err err = take_upload->pending_len > 0 ? flush(take_upload) : ERR_NONE;
	if (err != ERR_NONE)
		return err;
	take_upload->done = done;
	take_upload->self = self;
	return store_sync(take_upload->packages->parts.store,
			  (struct store_done){ chunks_stored, take_upload, 0 });
}
