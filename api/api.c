/* From the head of a request to its route: token, scope, then the handler. */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_parts.h"
#include "config.h"
#include "handlers.h"
#include "log.h"
#include "plugin_http.h"
#include "reply.h"
#include "routes.h"
#include "tokens.h"

/* Where the body comes in parts, and what has to be released when a request does not end well. */
static const struct {
	void (*handle)(struct http_request *request);
	bool (*add_body)(struct http_request *request, struct bytes part, size_t *ret_taken);
	void (*drop)(struct http_request *request);
} special[] = {
	{ package_post, package_add_body, package_drop },
	{ events_stream, NULL, events_drop },
};

static size_t special_of(const struct http_request *request)
{
	size_t i = 0;
	while (i < sizeof special / sizeof special[0] && special[i].handle != request->route->handle)
		i++;
	return i;
}

static bool streams(const struct http_request *request)
{
	size_t i = special_of(request);
	return i < sizeof special / sizeof special[0] && special[i].add_body != NULL;
}

static bool add_body(struct http_request *request, struct bytes part, size_t *ret_taken)
{
	return special[special_of(request)].add_body(request, part, ret_taken);
}

static void drop(struct http_request *request)
{
	size_t i = special_of(request);
	if (i < sizeof special / sizeof special[0])
		special[i].drop(request);
}

static void refuse_path(struct http_request *request, unsigned allowed)
{
	char list[64] = "";
	struct fault fault = { .kind = ERR_NONE };
	if (allowed == 0) {
		fault_set(&fault, ERR_NOT_FOUND, "path: no such resource");
		http_reply_fault(request, &fault);
		return;
	}
	for (unsigned method = 0; method < HTTP_METHOD_COUNT; method++)
		if ((allowed & 1u << method) != 0)
			snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s",
				 list[0] != 0 ? ", " : "", http_method_name(method));
	http_add_header(request, "Allow", list);
	http_reply_problem(request, 405, "method-not-allowed", "method: not for this resource");
}

static bool check_caller(struct http_request *request)
{
	enum scope granted, needed = request->route->scope;
	struct fault fault = { .kind = ERR_NONE };
	if (needed == SCOPE_NONE || request->api->parts.config->http_no_auth)
		return true;
	if (token_check(request, &granted, &fault) != ERR_NONE) {
		http_add_header(request, "WWW-Authenticate", "Bearer");
		http_reply_problem(request, 401, "unauthenticated", fault.text);
		return false;
	}
	if (granted >= needed)
		return true;
	fault_set(&fault, ERR_DENIED, "the token's scope is %s, %s is needed", scope_name(granted),
		  scope_name(needed));
	http_reply_fault(request, &fault);
	return false;
}

static bool check_query(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	enum err err = http_check_query(request, request->route->queries, &fault);

	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
	return err == ERR_NONE;
}

static bool begin(struct http_request *request)
{
	unsigned allowed;
	if (!route_find(request, &allowed)) {
		refuse_path(request, allowed);
		return false;
	}
	return check_caller(request) && check_query(request);
}

static void handle(struct http_request *request)
{
	log_debug("http.request", "id=%llu operation=%s caller=%llu", (unsigned long long)request->id,
		  request->route->operation_id, (unsigned long long)request->caller);
	request->route->handle(request);
}

enum err api_create(const struct api_parts *parts, struct api **ret_api, struct fault *fault)
{
	struct api *api = calloc(1, sizeof *api);
	if (api == NULL)
		return ERR_NOMEM;
	api->parts = *parts;
	const struct http_settings settings = {
		.name = "http_listen",
		.listen = parts->config->http_listen,
		.tls_cert = parts->config->http_tls_cert,
		.tls_key = parts->config->http_tls_key,
		.max_body_bytes = parts->config->max_body_bytes,
		.max_stream_bytes = parts->config->max_package_bytes,
	};
	static const struct http_callbacks callbacks = { begin, streams, add_body, handle, drop };
	enum err err = tokens_create(api, &api->tokens, fault);
	if (err == ERR_NONE)
		err = http_server_create(parts->loop, parts->workers, &settings, &callbacks, api, &api->http,
					 fault);
	if (err == ERR_NONE)
		err = plugin_http_create(api, &api->plugin_http, fault);
	if (err != ERR_NONE) {
		api_free(api);
		return err;
	}
	*ret_api = api;
	return ERR_NONE;
}

void api_free(struct api *api)
{
	if (api == NULL)
		return;
	plugin_http_free(api->plugin_http);
	http_server_free(api->http);
	tokens_free(api->tokens);
	free(api);
}

const char *api_listening(const struct api *api)
{
	return http_listening(api->http);
}

const char *api_plugin_listening(const struct api *api, size_t i)
{
	return plugin_http_listening(api->plugin_http, i);
}
