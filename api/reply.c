#include "reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "api_parts.h"

#define PAGE_LIMIT     100
#define PAGE_MAX_LIMIT 1000

json_t *json_id(uint64_t id)
{
	return json_sprintf("%llu", (unsigned long long)id);
}

json_t *json_time(int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[40];
	if (gmtime_r(&seconds, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return json_null();
	return json_sprintf("%s.%03dZ", text, (int)(ms % 1000));
}

json_t *json_text(const char *json)
{
	json_t *value = json[0] != 0 ? json_loads(json, JSON_DECODE_ANY, NULL) : NULL;
	return value != NULL ? value : json_null();
}

void http_reply_list(struct http_request *request, json_t *take_items, const char *next)
{
	json_t *cursor = next != NULL ? json_string(next) : json_null();
	http_reply_json(request, 200, json_pack("{s:o, s:o}", "items", take_items, "next", cursor));
}

void http_reply_created(struct http_request *request, const char *collection, uint64_t id, json_t *take_json)
{
	char location[128];
	snprintf(location, sizeof location, "%s/%llu", collection, (unsigned long long)id);
	http_add_header(request, "Location", location);
	http_reply_json(request, 201, take_json);
}

void http_reply_err(struct http_request *request, enum err err)
{
	struct fault fault = { .kind = err };
	http_reply_fault(request, &fault);
}

void http_reply_fault_or(struct http_request *request, struct fault *fault, enum err err)
{
	fault_set(fault, err, "%s", err_name(err));
	http_reply_fault(request, fault);
}

static void store_is_done(void *self, uint64_t id, enum err result)
{
	struct api *api = self;
	struct http_request *request = http_find(api->http, id);
	if (request == NULL)
		return;
	if (result == ERR_NONE)
		http_reply_empty(request, 204);
	else
		http_reply_err(request, result);
}

struct store_done http_when_done(struct http_request *request)
{
	return (struct store_done){ store_is_done, request->api, request->id };
}

struct http_waiting {
	struct api *api;
	uint64_t request;
};

struct http_waiting *http_wait(const struct http_request *request)
{
	struct http_waiting *waiting = malloc(sizeof *waiting);
	if (waiting != NULL)
		*waiting = (struct http_waiting){ request->api, request->id };
	return waiting;
}

void http_made(struct http_waiting *take_waiting, uint64_t id, const struct fault *fault,
	       enum err (*read)(struct http_request *request, struct fault *fault))
{
	struct http_request *request = http_find(take_waiting->api->http, take_waiting->request);
	free(take_waiting);
	if (request == NULL)
		return;
	if (fault->kind != ERR_NONE) {
		http_reply_fault(request, fault);
		return;
	}
	request->own = (void *)(uintptr_t)id;
	http_defer(request, read);
}

enum err item_id(const struct http_request *request, uint64_t *ret_id, struct fault *fault)
{
	char *end;
	errno = 0;
	unsigned long long id = strtoull(request->item, &end, 10);
	if (request->item[0] < '0' || request->item[0] > '9' || *end != 0 || errno != 0)
		return fault_set(fault, ERR_NOT_FOUND, "%s: no such id", request->item);
	*ret_id = id;
	return ERR_NONE;
}

enum err page_limit(const struct http_request *request, uint64_t *ret_limit, struct fault *fault)
{
	uint64_t limit;
	enum err err = http_query_number(request, "limit", PAGE_LIMIT, PAGE_MAX_LIMIT, &limit, fault);
	if (err == ERR_NONE && limit == 0)
		err = fault_set(fault, ERR_MALFORMED, "limit: at least 1");
	if (err == ERR_NONE)
		*ret_limit = limit;
	return err;
}

enum err page_of(const struct http_request *request, struct page *ret_page, struct fault *fault)
{
	struct page page;
	enum err err = page_limit(request, &page.limit, fault);
	if (err == ERR_NONE)
		err = http_query_number(request, "cursor", 0, INT64_MAX, &page.before, fault);
	if (err == ERR_NONE)
		*ret_page = page;
	return err;
}

const char *page_next(const struct http_request *request, const struct page *page, size_t count,
		      uint64_t last_id)
{
	if (count < page->limit)
		return NULL;
	return arena_printf(request->arena, "%llu", (unsigned long long)last_id);
}

enum err body_text(const json_t *body, const char *name, size_t max_len, const char **ret_text,
		   struct fault *fault)
{
	const json_t *member = json_object_get(body, name);
	if (!json_is_string(member))
		return fault_set(fault, ERR_MALFORMED, "%s: %s", name,
				 member == NULL ? "is required" : "must be a string");
	size_t len = json_string_length(member);
	if (len == 0 || len > max_len || strlen(json_string_value(member)) != len)
		return fault_set(fault, ERR_MALFORMED, "%s: 1 to %zu characters, none of them 0", name,
				 max_len);
	*ret_text = json_string_value(member);
	return ERR_NONE;
}

enum err body_number(const json_t *body, const char *name, json_int_t min, json_int_t max,
		     json_int_t *ret_number, struct fault *fault)
{
	const json_t *member = json_object_get(body, name);
	if (!json_is_integer(member))
		return fault_set(fault, ERR_MALFORMED, "%s: %s", name,
				 member == NULL ? "is required" : "must be an integer");
	json_int_t number = json_integer_value(member);
	if (number < min || number > max)
		return fault_set(fault, ERR_MALFORMED, "%s: %lld to %lld", name, (long long)min,
				 (long long)max);
	*ret_number = number;
	return ERR_NONE;
}

enum err body_members(const json_t *body, const char *const *names, struct fault *fault)
{
	const char *member;
	json_t *value;
	json_object_foreach ((json_t *)body, member, value) {
		size_t i = 0;
		while (names[i] != NULL && strcmp(names[i], member) != 0)
			i++;
		if (names[i] == NULL)
			return fault_set(fault, ERR_MALFORMED, "%s: no such member", member);
	}
	return ERR_NONE;
}
