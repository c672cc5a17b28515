#include "plugin_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_parts.h"
#include "loop.h"
#include "plugin_gateway.h"
#include "plugin_host.h"
#include "routes.h"

#define MAX_FIELDS 64
#define TICK_MS    1000

struct plugin_server {
	const struct gateway_listener *listener;
	struct plugin_http *all;
	struct http_server *http;
	char listening[160];
};

struct plugin_http {
	struct api *api;
	struct plugin_server servers[GATEWAY_MAX_LISTENERS];
	size_t count;
	struct timer tick;
};

/* ---- a request's id says which server it came to ---- */

static uint64_t id_of(const struct plugin_server *server, const struct http_request *request)
{
	return request->id * GATEWAY_MAX_LISTENERS + (uint64_t)(server - server->all->servers);
}

static struct http_request *find(const struct plugin_http *http, uint64_t id)
{
	size_t i = id % GATEWAY_MAX_LISTENERS;

	return i < http->count ? http_find(http->servers[i].http, id / GATEWAY_MAX_LISTENERS) : NULL;
}

/* ---- requests ---- */

static bool begin(struct http_request *request)
{
	return true;
}

static bool streams(const struct http_request *request)
{
	return false;
}

static void handle(struct http_request *request)
{
	const struct plugin_server *server = http_context(request);
	const struct cardea_http_listener *asked = &server->listener->asked;
	struct cardea_http_field *fields = arena_alloc_array(request->arena, MAX_FIELDS, sizeof *fields);
	struct cardea_http_request told = {
		.id = id_of(server, request),
		.method = http_method_name(request->method),
		.path = request->path,
		.fields = fields,
		.body = request->body,
		.endpoint = http_psk_endpoint(request),
		.now_ms = loop_wall_ms(request->api->parts.loop),
		.arena = request->arena,
	};
	struct builder query = builder_in(request->arena);
	struct bytes text;
	struct fault fault = { .kind = ERR_NONE };

	http_build_query(request, (const char *const[]){ NULL }, &query);
	build_u8(&query, 0);
	if (fields == NULL || builder_bytes(&query, &text) != ERR_NONE)
		fault_set(&fault, ERR_NOMEM, "no memory for the request");
	else if (!http_headers(request, MAX_FIELDS, fields, &told.field_count))
		fault_set(&fault, ERR_LIMIT, "more than %d header fields", MAX_FIELDS);
	if (told.endpoint == NULL)
		fault_set(&fault, ERR_DENIED, "the pre-shared key is no longer valid");
	if (fault.kind != ERR_NONE) {
		http_reply_fault(request, &fault);
		return;
	}
	told.query = (const char *)text.at;
	asked->request(asked->self, &told);
}

static void drop(struct http_request *request)
{
	const struct plugin_server *server = http_context(request);
	const struct cardea_http_listener *asked = &server->listener->asked;

	asked->dropped(asked->self, id_of(server, request));
}

static void answer(void *self, uint64_t id, const struct cardea_http_answer *given)
{
	struct http_request *request = find(self, id);
	const char *type = "application/octet-stream";

	if (request == NULL)
		return;
	for (size_t i = 0; i < given->field_count; i++) {
		if (strcasecmp(given->fields[i].name, "Content-Type") == 0)
			type = given->fields[i].value;
		else
			http_add_header(request, given->fields[i].name, given->fields[i].value);
	}
	if (given->body.len > 0)
		http_reply_bytes(request, given->status, type, given->body);
	else
		http_reply_empty(request, given->status);
}

static void tick(void *self)
{
	struct plugin_http *http = self;
	struct loop *loop = http->api->parts.loop;

	for (size_t i = 0; i < http->count; i++) {
		const struct cardea_http_listener *asked = &http->servers[i].listener->asked;

		asked->tick(asked->self, loop_wall_ms(loop));
	}
	loop_start_timer(loop, &http->tick, TICK_MS);
}

/* ---- begin and end ---- */

static enum err open_server(struct plugin_http *http, const struct gateway_listener *listener,
			    struct fault *fault)
{
	static const struct http_callbacks callbacks = { begin, streams, NULL, handle, drop };
	struct plugin_server *server = &http->servers[http->count];
	const struct api_parts *parts = &http->api->parts;
	const struct http_settings settings = {
		.name = listener->plugin_name,
		.listen = listener->asked.listen,
		.tls_cert = listener->asked.tls_cert,
		.tls_key = listener->asked.tls_key,
		.keys = listener->asked.takes_psk ? parts->credentials : NULL,
		.max_body_bytes = listener->asked.max_body_bytes,
		.context = server,
	};
	enum err err;

	*server = (struct plugin_server){ .listener = listener, .all = http };
	err = http_server_create(parts->loop, parts->workers, &settings, &callbacks, http->api, &server->http,
				 fault);
	if (err != ERR_NONE)
		return err;
	snprintf(server->listening, sizeof server->listening, "%s %s", listener->plugin_name,
		 http_listening(server->http));
	http->count++;
	return ERR_NONE;
}

enum err plugin_http_create(struct api *api, struct plugin_http **ret_http, struct fault *fault)
{
	struct plugin_gateway *gateway = plugin_host_gateway_of(api->parts.plugins);
	struct plugin_http *http = calloc(1, sizeof *http);
	const struct gateway_listener *listener;
	enum err err = ERR_NONE;

	if (http == NULL)
		return ERR_NOMEM;
	http->api = api;
	http->tick = timer_of(tick, http);
	for (size_t i = 0; err == ERR_NONE && (listener = plugin_gateway_listener(gateway, i)) != NULL; i++)
		err = open_server(http, listener, fault);
	if (err != ERR_NONE) {
		plugin_http_free(http);
		return err;
	}
	plugin_gateway_served_by(gateway, answer, http);
	if (http->count > 0)
		loop_start_timer(api->parts.loop, &http->tick, TICK_MS);
	*ret_http = http;
	return ERR_NONE;
}

void plugin_http_free(struct plugin_http *http)
{
	if (http == NULL)
		return;
	plugin_gateway_served_by(plugin_host_gateway_of(http->api->parts.plugins), NULL, NULL);
	loop_stop_timer(http->api->parts.loop, &http->tick);
	while (http->count > 0)
		http_server_free(http->servers[--http->count].http);
	free(http);
}

const char *plugin_http_listening(const struct plugin_http *http, size_t i)
{
	return i < http->count ? http->servers[i].listening : NULL;
}
