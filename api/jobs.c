#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_parts.h"
#include "capture.h"
#include "handlers.h"
#include "orchestrator.h"
#include "plugin_host.h"
#include "reply.h"

#define CAPTURE_MAX_LINES 200000
#define MAX_NAME          255
#define MAX_KEY           255
#define JOBS_PATH         "/api/v1/jobs"

void operations_list(struct http_request *request)
{
	json_t *items = json_array();
	const struct loaded_operation *loaded;
	for (size_t i = 0; (loaded = plugin_host_operation_at(request->api->parts.plugins, i)) != NULL; i++)
		json_array_append_new(items,
				      json_pack("{s:s, s:s, s:s, s:o}", "operation", loaded->operation->name,
						"plugin", loaded->plugin->name, "summary",
						loaded->operation->summary, "params",
						json_text(loaded->operation->params_schema)));
	http_reply_list(request, items, NULL);
}

static json_t *job_json(const struct job_row *row)
{
	return json_pack("{s:o, s:s, s:s, s:o, s:s, s:{s:I, s:I}, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "id",
			 json_id(row->id), "endpoint", row->endpoint, "operation", row->operation, "params",
			 json_text(row->params), "state", row->state, "progress", "done",
			 (json_int_t)row->progress_done, "total", (json_int_t)row->progress_total, "steps",
			 (int)row->steps, "interruptions", (int)row->attempts, "result",
			 json_text(row->result), "error", json_text(row->error), "createdAt",
			 json_time(row->created_ms), "updatedAt", json_time(row->updated_ms), "deadlineAt",
			 json_time(row->deadline_ms));
}

/* ---- making jobs ---- */

static enum err read_made(struct http_request *request, struct fault *fault)
{
	struct job_row row;
	char location[64];
	uint64_t id = (uint64_t)(uintptr_t)request->own;
	enum err err = store_read_job(request->api->parts.store, request->arena, id, &row);
	if (err != ERR_NONE)
		return err;
	snprintf(location, sizeof location, JOBS_PATH "/%llu", (unsigned long long)id);
	http_add_header(request, "Location", location);
	http_reply_json(request, 202, job_json(&row));
	return ERR_NONE;
}

static void job_made(void *self, uint64_t id, bool is_new, const struct fault *fault)
{
	http_made(self, id, fault, read_made);
}

static enum err order_job(struct http_request *request, const json_t *body, struct fault *fault)
{
	static const char *const members[] = { "operation", "params", NULL };
	const json_t *params = json_object_get(body, "params");
	const char *operation, *key = http_header(request, "Idempotency-Key");
	enum err err = body_members(body, members, fault);
	if (err == ERR_NONE)
		err = body_text(body, "operation", MAX_NAME, &operation, fault);
	if (err == ERR_NONE && params != NULL && !json_is_object(params))
		err = fault_set(fault, ERR_MALFORMED, "params: must be an object");
	if (err == ERR_NONE && key != NULL && (key[0] == 0 || strlen(key) > MAX_KEY))
		err = fault_set(fault, ERR_MALFORMED, "Idempotency-Key: 1 to %d characters", MAX_KEY);
	if (err != ERR_NONE)
		return err;
	char *text = params != NULL ? json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS) : strdup("{}");
	struct http_waiting *waiting = http_wait(request);
	const struct job_order order = { request->endpoint, operation, text, key != NULL ? key : "",
					 request->caller };
	err = text != NULL && waiting != NULL
		      ? job_create(request->api->parts.orchestrator, &order, job_made, waiting, fault)
		      : ERR_NOMEM;
	if (err != ERR_NONE)
		free(waiting);
	free(text);
	return err;
}

void job_post(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	json_t *body = NULL;
	enum err err = http_body_object(request, &body, &fault);
	if (err == ERR_NONE)
		err = order_job(request, body, &fault);
	json_decref(body);
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}

void job_retry_post(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	uint64_t id;
	enum err err = item_id(request, &id, &fault);
	struct http_waiting *waiting = err == ERR_NONE ? http_wait(request) : NULL;
	if (err == ERR_NONE)
		err = waiting != NULL ? job_retry(request->api->parts.orchestrator, id, request->caller,
						  job_made, waiting, &fault)
				      : ERR_NOMEM;
	if (err == ERR_NONE)
		return;
	free(waiting);
	http_reply_fault_or(request, &fault, err);
}

/* ---- looking at jobs ---- */

static enum err read_list(struct http_request *request, struct fault *fault)
{
	struct page page;
	struct job_row *rows;
	size_t count;
	enum err err = page_of(request, &page, fault);
	if (err != ERR_NONE)
		return err;
	const struct job_filter filter = { .endpoint = http_query(request, "endpoint"),
					   .state = http_query(request, "state"),
					   .before = page.before,
					   .limit = page.limit };
	err = store_read_jobs(request->api->parts.store, request->arena, &filter, &rows, &count);
	if (err != ERR_NONE)
		return err;
	json_t *items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, job_json(&rows[i]));
	http_reply_list(request, items, page_next(request, &page, count, count > 0 ? rows[count - 1].id : 0));
	return ERR_NONE;
}

void jobs_list(struct http_request *request)
{
	http_defer(request, read_list);
}

static enum err read_job(const struct http_request *request, struct job_row *ret_row, struct fault *fault)
{
	uint64_t id;
	enum err err = item_id(request, &id, fault);
	if (err == ERR_NONE)
		err = store_read_job(request->api->parts.store, request->arena, id, ret_row);
	return err == ERR_NOT_FOUND ? fault_set(fault, err, "job %s: there is none", request->item) : err;
}

static enum err read_one(struct http_request *request, struct fault *fault)
{
	struct job_row row;
	enum err err = read_job(request, &row, fault);
	if (err == ERR_NONE)
		http_reply_json(request, 200, job_json(&row));
	return err;
}

void job_get(struct http_request *request)
{
	http_defer(request, read_one);
}

/* ---- the trace ---- */

/* Line by line in the words of the plugin; as far as they go when the bytes are no whole ones. */
static json_t *explained_json(const struct http_request *request, const struct trace_row *line)
{
	const struct cardea_explainer *explainer =
		plugin_host_trace_explainer(request->api->parts.plugins, line->layer, line->direction);
	struct builder b = builder_in(request->arena);
	struct fault fault = { .kind = ERR_NONE };
	struct bytes text;
	if (explainer == NULL || line->raw.len == 0)
		return json_null();
	enum err err = explainer->explain(line->raw, &b, &fault);
	if (err != ERR_NONE)
		build_printf(&b, "%s\n", fault.text);
	if (builder_bytes(&b, &text) != ERR_NONE)
		return json_null();
	return json_stringn((const char *)text.at, text.len);
}

static json_t *trace_json(const struct http_request *request, const struct trace_row *line, bool is_explained)
{
	const char *hex = bytes_to_hex(request->arena, line->raw);
	json_t *json = json_pack("{s:I, s:i, s:o, s:s, s:s, s:s, s:s}", "number", (json_int_t)line->number, "step",
			 (int)line->step, "at", json_time(line->at_ms), "layer", line->layer, "direction",
			 line->direction, "text", line->text, "rawHex", hex != NULL ? hex : "");
	if (is_explained)
		json_object_set_new(json, "explained", explained_json(request, line));
	return json;
}

static enum err read_explain(const struct http_request *request, bool *ret_explain, struct fault *fault)
{
	const char *text = http_query(request, "explain");
	if (text != NULL && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return fault_set(fault, ERR_MALFORMED, "explain: true or false, not %.32s", text);
	*ret_explain = text != NULL && strcmp(text, "true") == 0;
	return ERR_NONE;
}

static enum err read_trace(struct http_request *request, struct fault *fault)
{
	struct page page;
	struct job_row job;
	struct trace_row *rows;
	size_t count;
	bool is_explained = false;
	enum err err = page_of(request, &page, fault);
	if (err == ERR_NONE)
		err = read_explain(request, &is_explained, fault);
	if (err == ERR_NONE)
		err = read_job(request, &job, fault);
	if (err == ERR_NONE)
		err = store_read_trace(request->api->parts.store, request->arena, job.id, page.before,
				       page.limit, &rows, &count);
	if (err != ERR_NONE)
		return err;
	json_t *items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, trace_json(request, &rows[i], is_explained));
	http_reply_list(request, items,
			page_next(request, &page, count, count > 0 ? rows[count - 1].number : 0));
	return ERR_NONE;
}

/* All of it at once: the answers to the first commands may be the last lines. */
static enum err read_capture(struct http_request *request, struct fault *fault)
{
	struct builder b = builder_in(request->arena);
	struct trace_row *rows;
	struct job_row job;
	struct bytes file;
	size_t count;
	enum err err = read_job(request, &job, fault);
	if (err == ERR_NONE)
		err = store_read_trace(request->api->parts.store, request->arena, job.id, 0,
				       CAPTURE_MAX_LINES, &rows, &count);
	if (err == ERR_NONE)
		err = capture_build(&b, &job, rows, count);
	if (err == ERR_NONE)
		err = builder_bytes(&b, &file);
	if (err == ERR_NOMEM)
		return fault_set(fault, ERR_LIMIT, "the trace is too large for a capture");
	if (err != ERR_NONE)
		return err;
	http_add_header(request, "Content-Disposition",
			arena_printf(request->arena, "attachment; filename=job-%s.pcapng", request->item));
	http_reply_bytes(request, 200, "application/x-pcapng", file);
	return ERR_NONE;
}

void job_trace(struct http_request *request)
{
	const char *format = http_query(request, "format");
	struct fault fault = { .kind = ERR_NONE };
	if (format == NULL || strcmp(format, "json") == 0) {
		http_defer(request, read_trace);
	} else if (strcmp(format, "pcapng") == 0) {
		http_defer(request, read_capture);
	} else {
		fault_set(&fault, ERR_MALFORMED, "format: json or pcapng, not %.32s", format);
		http_reply_fault(request, &fault);
	}
}

/* ---- cancelling ---- */

static enum err explain_not_cancelled(struct http_request *request, struct fault *fault)
{
	struct job_row row;
	enum err err = read_job(request, &row, fault);
	return err == ERR_NONE ? fault_set(fault, ERR_CONFLICT, "job %s is %s", request->item, row.state)
			       : err;
}

void job_delete(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	uint64_t id;
	enum err err = item_id(request, &id, &fault);
	if (err != ERR_NONE)
		http_reply_fault(request, &fault);
	else if (job_cancel(request->api->parts.orchestrator, id) == ERR_NONE)
		http_reply_empty(request, 202);
	else
		http_defer(request, explain_not_cancelled);
}
