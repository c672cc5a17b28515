#include <stdlib.h>
#include <string.h>

#include "api_parts.h"
#include "handlers.h"
#include "package.h"
#include "reply.h"

#define PACKAGES_PATH "/api/v1/packages"

static json_t *package_json(const struct package_row *row)
{
	return json_pack("{s:o, s:s, s:s, s:I, s:s, s:o, s:o}", "id", json_id(row->id), "kind", row->kind,
			 "name", row->name, "size", (json_int_t)row->size, "sha256Hex", row->sha256,
			 "description", json_text(row->description), "createdAt", json_time(row->created_ms));
}

/* ---- upload: the request's own is the upload while it is under way ---- */

static enum err begin_upload(struct http_request *request, struct package_upload **ret_upload,
			     struct fault *fault)
{
	const char *kind = http_query(request, "kind"), *name = http_query(request, "name");
	if (kind == NULL)
		return fault_set(fault, ERR_MALFORMED, "kind: is required in the query");
	return package_upload_begin(request->api->parts.packages, kind, name != NULL ? name : "", ret_upload,
				    fault);
}

bool package_add_body(struct http_request *request, struct bytes part, size_t *ret_taken)
{
	struct fault fault = { .kind = ERR_NONE };
	struct package_upload *upload = request->own;
	enum err err = upload == NULL ? begin_upload(request, &upload, &fault) : ERR_NONE;
	request->own = upload;
	if (err == ERR_NONE)
		err = package_upload_add(upload, part, ret_taken, &fault);
	if (err == ERR_NONE)
		return true;
	package_drop(request);
	http_reply_fault_or(request, &fault, err);
	return false;
}

void package_drop(struct http_request *request)
{
	package_upload_abort(request->own);
	request->own = NULL;
}

static enum err read_added(struct http_request *request, struct fault *fault)
{
	struct package_row row;
	uint64_t id = (uint64_t)(uintptr_t)request->own;
	request->own = NULL;
	enum err err = store_read_package(request->api->parts.store, request->arena, id, &row);
	if (err == ERR_NONE)
		http_reply_created(request, PACKAGES_PATH, id, package_json(&row));
	return err;
}

static void package_added(void *self, uint64_t id, const struct fault *fault)
{
	http_made(self, id, fault, read_added);
}

void package_post(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	struct package_upload *upload = request->own;
	struct http_waiting *waiting = http_wait(request);
	enum err err = waiting == NULL  ? ERR_NOMEM
		       : upload == NULL ? begin_upload(request, &upload, &fault)
					: ERR_NONE;
	if (err == ERR_NONE)
		err = package_upload_end(upload, package_added, waiting);
	request->own = NULL;
	if (err == ERR_NONE)
		return;
	package_upload_abort(upload);
	free(waiting);
	http_reply_fault_or(request, &fault, err);
}

/* ---- what is there ---- */

static enum err read_list(struct http_request *request, struct fault *fault)
{
	struct page page;
	struct package_row *rows;
	size_t count;
	enum err err = page_of(request, &page, fault);
	if (err == ERR_NONE)
		err = store_read_packages(request->api->parts.store, request->arena,
					  http_query(request, "kind"), page.before, page.limit, &rows,
					  &count);
	if (err != ERR_NONE)
		return err;
	json_t *items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, package_json(&rows[i]));
	http_reply_list(request, items, page_next(request, &page, count, count > 0 ? rows[count - 1].id : 0));
	return ERR_NONE;
}

void packages_list(struct http_request *request)
{
	http_defer(request, read_list);
}

static enum err read_package(const struct http_request *request, struct package_row *ret_row,
			     struct fault *fault)
{
	uint64_t id;
	enum err err = item_id(request, &id, fault);
	if (err == ERR_NONE)
		err = store_read_package(request->api->parts.store, request->arena, id, ret_row);
	return err == ERR_NOT_FOUND ? fault_set(fault, err, "package %s: there is none", request->item) : err;
}

static enum err read_one(struct http_request *request, struct fault *fault)
{
	struct package_row row;
	enum err err = read_package(request, &row, fault);
	if (err == ERR_NONE)
		http_reply_json(request, 200, package_json(&row));
	return err;
}

void package_get(struct http_request *request)
{
	http_defer(request, read_one);
}

static enum err read_content(struct http_request *request, struct fault *fault)
{
	struct package_row row;
	struct bytes content = { 0 };
	struct arena *arena = arena_create(0);
	enum err err = arena != NULL ? read_package(request, &row, fault) : ERR_NOMEM;
	if (err == ERR_NONE)
		err = package_read(request->api->parts.packages, arena, row.id, &content);
	if (err == ERR_NONE)
		http_reply_bytes(request, 200, "application/octet-stream", content);
	arena_free(arena);
	return err;
}

void package_content(struct http_request *request)
{
	http_defer(request, read_content);
}

void package_delete(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	uint64_t id;
	enum err err = item_id(request, &id, &fault);
	if (err == ERR_NONE)
		err = store_remove_package(request->api->parts.store, id, http_when_done(request));
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}
