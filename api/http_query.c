/* What a request says: headers, query, body. */
#include "http_exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cardea/gateway.h>

const char *http_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->exchange->connection, MHD_HEADER_KIND, name);
}

struct header_list {
	struct cardea_http_field *fields;
	size_t count, max;
	bool is_cut;
};

static enum MHD_Result add_header(void *self, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct header_list *list = self;
	list->is_cut = list->count == list->max;
	if (list->is_cut)
		return MHD_NO;
	list->fields[list->count++] = (struct cardea_http_field){ name, value != NULL ? value : "" };
	return MHD_YES;
}

bool http_headers(const struct http_request *request, size_t max, struct cardea_http_field *ret_fields,
		  size_t *ret_count)
{
	struct header_list list = { .fields = ret_fields, .max = max };
	MHD_get_connection_values(request->exchange->connection, MHD_HEADER_KIND, add_header, &list);
	*ret_count = list.count;
	return !list.is_cut;
}

const void *http_context(const struct http_request *request)
{
	return request->exchange->server->settings.context;
}

const char *http_query(const struct http_request *request, const char *name)
{
	const char *raw =
		MHD_lookup_connection_value(request->exchange->connection, MHD_GET_ARGUMENT_KIND, name);
	char *copy = raw != NULL ? arena_strdup(request->arena, raw) : NULL;
	if (copy != NULL)
		MHD_http_unescape(copy);
	return copy;
}

enum err http_query_number(const struct http_request *request, const char *name, uint64_t fallback,
			   uint64_t max, uint64_t *ret_number, struct fault *fault)
{
	const char *text = http_query(request, name);
	char *end;
	if (text == NULL) {
		*ret_number = fallback;
		return ERR_NONE;
	}
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != 0)
		return fault_set(fault, ERR_MALFORMED, "%s: not a number", name);
	if (errno != 0 || number > max)
		return fault_set(fault, ERR_MALFORMED, "%s: at most %llu", name, (unsigned long long)max);
	*ret_number = number;
	return ERR_NONE;
}

struct query_check {
	const char *names, *unknown;
};

static enum MHD_Result check_name(void *self, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct query_check *check = self;

	if (text_has_word(check->names, name))
		return MHD_YES;
	check->unknown = name;
	return MHD_NO;
}

enum err http_check_query(const struct http_request *request, const char *names, struct fault *fault)
{
	struct query_check check = { .names = names };

	MHD_get_connection_values(request->exchange->connection, MHD_GET_ARGUMENT_KIND, check_name, &check);
	if (check.unknown == NULL)
		return ERR_NONE;
	return fault_set(fault, ERR_MALFORMED, "%s: no parameter of this request; it takes %s", check.unknown,
			 names[0] != 0 ? names : "none");
}

struct query_text {
	const struct http_request *request;
	const char *const *without;
	struct builder *builder;
};

static enum MHD_Result add_query(void *self, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct query_text *query = self;
	for (size_t i = 0; query->without[i] != NULL; i++)
		if (strcmp(query->without[i], name) == 0)
			return MHD_YES;
	char *text = value != NULL ? arena_printf(query->request->arena, "%s=%s", name, value)
				   : arena_strdup(query->request->arena, name);
	if (text == NULL)
		return MHD_NO;
	MHD_http_unescape(text);
	if (query->builder->len > 0)
		build_u8(query->builder, '&');
	build_text(query->builder, text);
	return MHD_YES;
}

void http_build_query(const struct http_request *request, const char *const *without, struct builder *b)
{
	struct query_text query = { request, without, b };
	MHD_get_connection_values(request->exchange->connection, MHD_GET_ARGUMENT_KIND, add_query, &query);
}

enum err http_body_object(const struct http_request *request, json_t **ret_object, struct fault *fault)
{
	json_error_t error;
	const char *type = http_header(request, "Content-Type");
	if (type == NULL || strncasecmp(type, "application/json", 16) != 0)
		return fault_set(fault, ERR_UNSUPPORTED, "Content-Type: application/json is needed");
	json_t *object =
		json_loadb((const char *)request->body.at, request->body.len, JSON_REJECT_DUPLICATES, &error);
	if (object == NULL)
		return fault_set(fault, ERR_MALFORMED, "body: line %d column %d: %s", error.line,
				 error.column, error.text);
	if (!json_is_object(object)) {
		json_decref(object);
		return fault_set(fault, ERR_MALFORMED, "body: not a JSON object");
	}
	*ret_object = object;
	return ERR_NONE;
}
