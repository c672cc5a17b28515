/* /devices/{ep}/queue: the requests that wait for a device, and what has become of them. */
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_parts.h"
#include "deferred.h"
#include "handlers.h"
#include "reply.h"

static json_t *item_json(const struct deferred_row *row)
{
	return json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "id", json_id(row->id),
			 "endpoint", row->endpoint, "operation", row->operation, "path", row->path,
			 "priority", row->is_urgent ? "high" : "normal", "state", row->state, "answer",
			 json_text(row->answer), "createdAt", json_time(row->created_ms), "expiresAt",
			 json_time(row->expires_ms), "endedAt",
			 row->ended_ms != 0 ? json_time(row->ended_ms) : json_null());
}

/* ---- ordering ---- */

struct waiting { /* for a request to be durable */
	struct api *api;
	uint64_t request, item;
};

static enum err read_made(struct http_request *request, struct fault *fault)
{
	const uint64_t *id = request->own;
	struct deferred_row row;
	char *location = arena_printf(request->arena, "/api/v1/devices/%s/queue/%llu", request->endpoint,
				      (unsigned long long)*id);
	enum err err = location == NULL
			       ? ERR_NOMEM
			       : store_read_deferred(request->api->parts.store, request->arena, *id, &row);
	if (err != ERR_NONE)
		return err;
	http_add_header(request, "Location", location);
	http_reply_json(request, 202, item_json(&row));
	return ERR_NONE;
}

static void made(void *self, uint64_t id, enum err result)
{
	struct waiting *waiting = self;
	struct http_request *request = http_find(waiting->api->http, waiting->request);
	uint64_t *item = request != NULL ? arena_alloc(request->arena, sizeof *item) : NULL;
	if (request != NULL && (result != ERR_NONE || item == NULL)) {
		http_reply_err(request, result != ERR_NONE ? result : ERR_NOMEM);
	} else if (request != NULL) {
		*item = waiting->item;
		request->own = item;
		http_defer(request, read_made);
	}
	free(waiting);
}

bool queue_is_wanted(const struct http_request *request)
{
	return http_query(request, "queue") != NULL;
}

static enum err priority_of(const struct http_request *request, bool *ret_is_urgent, struct fault *fault)
{
	const char *priority = http_query(request, "priority");
	if (priority != NULL && strcmp(priority, "high") != 0 && strcmp(priority, "normal") != 0)
		return fault_set(fault, ERR_MALFORMED, "priority: high or normal");
	*ret_is_urgent = priority != NULL && strcmp(priority, "high") == 0;
	return ERR_NONE;
}

enum err queue_start(struct http_request *request, const struct operation_request *operation,
		     struct fault *fault)
{
	struct deferred_order order = { .endpoint = request->endpoint, .request = operation };
	uint64_t wait_s;
	enum err err = http_query_number(request, "queue", 0, DEFERRED_MAX_WAIT_S, &wait_s, fault);
	if (err == ERR_NONE && wait_s == 0)
		err = fault_set(fault, ERR_MALFORMED, "queue: for 1 to %u seconds", DEFERRED_MAX_WAIT_S);
	if (err == ERR_NONE)
		err = priority_of(request, &order.is_urgent, fault);
	if (err != ERR_NONE)
		return err;
	order.wait_s = (uint32_t)wait_s;
	struct waiting *waiting = malloc(sizeof *waiting);
	if (waiting == NULL)
		return ERR_NOMEM;
	*waiting = (struct waiting){ request->api, request->id, 0 };
	err = deferred_add(request->api->parts.deferred, &order, &waiting->item,
			   (struct store_done){ .call = made, .self = waiting }, fault);
	if (err != ERR_NONE)
		free(waiting);
	return err;
}

/* ---- looking ---- */

static enum err read_list(struct http_request *request, struct fault *fault)
{
	struct page page;
	struct deferred_row *rows;
	size_t count;
	enum err err = page_of(request, &page, fault);
	if (err == ERR_NONE)
		err = store_read_deferreds(request->api->parts.store, request->arena, request->endpoint,
					   page.before, page.limit, &rows, &count);
	if (err != ERR_NONE)
		return err;
	json_t *items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, item_json(&rows[i]));
	http_reply_list(request, items, page_next(request, &page, count, count > 0 ? rows[count - 1].id : 0));
	return ERR_NONE;
}

void queue_list(struct http_request *request)
{
	http_defer(request, read_list);
}

static enum err read_item(const struct http_request *request, struct deferred_row *ret_row,
			  struct fault *fault)
{
	uint64_t id;
	enum err err = item_id(request, &id, fault);
	if (err == ERR_NONE)
		err = store_read_deferred(request->api->parts.store, request->arena, id, ret_row);
	if (err == ERR_NONE && strcmp(ret_row->endpoint, request->endpoint) != 0)
		err = ERR_NOT_FOUND;
	return err == ERR_NOT_FOUND
		       ? fault_set(fault, err, "request %s: there is none for this device", request->item)
		       : err;
}

static enum err read_one(struct http_request *request, struct fault *fault)
{
	struct deferred_row row;
	enum err err = read_item(request, &row, fault);
	if (err == ERR_NONE)
		http_reply_json(request, 200, item_json(&row));
	return err;
}

void queue_get(struct http_request *request)
{
	http_defer(request, read_one);
}

/* ---- cancelling ---- */

static enum err explain_not_waiting(struct http_request *request, struct fault *fault)
{
	struct deferred_row row;
	enum err err = read_item(request, &row, fault);
	return err == ERR_NONE ? fault_set(fault, ERR_CONFLICT, "request %s is %s", request->item, row.state)
			       : err;
}

void queue_delete(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	uint64_t id;
	enum err err = item_id(request, &id, &fault);
	if (err == ERR_NONE)
		err = deferred_cancel(request->api->parts.deferred, request->endpoint, id,
				      http_when_done(request), &fault);
	if (err == ERR_NOT_FOUND)
		http_defer(request, explain_not_waiting);
	else if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}
