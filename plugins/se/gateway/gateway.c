#include "gateway/gateway.h"

#include <jansson.h>
#include <stdlib.h>

#include "gateway/admin.h"
#include "gateway/conversation.h"
#include "gateway/local_agent.h"

#define MAX_ANSWER_BYTES (1u << 20)

/* ---- settings ---- */

/* clang-format off */
static const struct number_setting {
	const char *name;
	size_t offset;
	uint32_t fallback, min, max, factor;
} number_settings[] = {
	{ "maxRequestBytes",  offsetof(struct gateway_settings, max_request_bytes),  2048,  64,   65535,     1 },
	{ "maxResponseBytes", offsetof(struct gateway_settings, max_response_bytes), 16384, 264,  1 << 20,   1 },
	{ "holdSeconds",             offsetof(struct gateway_settings, hold_ms),            15,    0,    30,        1000 },
	{ "sessionTimeoutSeconds",  offsetof(struct gateway_settings, session_timeout_ms), 300,   1,    86400,     1000 },
	{ "lifetimeSeconds",         offsetof(struct gateway_settings, lifetime_s),         86400, 1,    INT32_MAX, 1 },
	{ "maxAgents",         offsetof(struct gateway_settings, max_agents),         10000, 1,    10000000,  1 },
};

static const struct listen_setting {
	const char *name;
	bool has_certificate, takes_psk;
} listen_settings[] = {
	{ "httpListen",  false, false },
	{ "httpsListen", true,  false },
	{ "pskListen",   false, true  },
};

static const char *const text_settings[] = { "tlsCert", "tlsKey", "nextServer" };
/* clang-format on */

static enum err refuse_setting(const struct gateway *gateway, const char *name, const char *reason)
{
	gateway->api->log(gateway->host, CARDEA_LOG_ERROR, "gateway.settings",
			  "name=gateway.%s reason=\"%s\"", name, reason);
	return ERR_MALFORMED;
}

static bool is_setting(const char *name)
{
	for (size_t i = 0; i < sizeof(number_settings) / sizeof(number_settings[0]); i++) {
		if (strcmp(number_settings[i].name, name) == 0)
			return true;
	}
	for (size_t i = 0; i < sizeof(listen_settings) / sizeof(listen_settings[0]); i++) {
		if (strcmp(listen_settings[i].name, name) == 0)
			return true;
	}
	for (size_t i = 0; i < sizeof(text_settings) / sizeof(text_settings[0]); i++) {
		if (strcmp(text_settings[i], name) == 0)
			return true;
	}
	return false;
}

static enum err read_number(struct gateway *gateway, const json_t *section,
			    const struct number_setting *setting)
{
	const json_t *value = json_object_get(section, setting->name);
	const json_int_t number = value != NULL ? json_integer_value(value) : setting->fallback;
	const uint32_t scaled = (uint32_t)number * setting->factor;

	if ((value != NULL && !json_is_integer(value)) || number < setting->min || number > setting->max)
		return refuse_setting(gateway, setting->name, "no number, or out of range");
	memcpy((uint8_t *)&gateway->settings + setting->offset, &scaled, sizeof(scaled));
	return ERR_NONE;
}

static const char *text_of(const json_t *section, const char *name)
{
	const char *text = json_string_value(json_object_get(section, name));

	return text != NULL ? text : "";
}

/* It becomes a Next-URI, which cards refuse without a query. */
static enum err read_next_server(struct gateway *gateway, const json_t *section)
{
	const char *text = text_of(section, "nextServer");
	const bool is_uri = strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;

	if (text[0] != '\0' && (!is_uri || strchr(text, '?') == NULL || strpbrk(text, " \r\n") != NULL))
		return refuse_setting(gateway, "nextServer", "no http:// or https:// URI with a query");
	gateway->settings.next_server = strdup(text);
	return gateway->settings.next_server == NULL ? ERR_NOMEM : ERR_NONE;
}

static enum err read_settings(struct gateway *gateway, json_t *section)
{
	enum err err = ERR_NONE;
	const char *name;
	json_t *value;

	json_object_foreach (section, name, value) {
		if (!is_setting(name))
			return refuse_setting(gateway, name, "there is no such setting");
	}
	for (size_t i = 0; i < sizeof(number_settings) / sizeof(number_settings[0]) && err == ERR_NONE; i++)
		err = read_number(gateway, section, &number_settings[i]);
	return err == ERR_NONE ? read_next_server(gateway, section) : err;
}

/* ---- requests ---- */

static void serve(void *self, const struct cardea_http_request *request)
{
	if (local_agent_is_asked(request->path))
		local_agent_serve(self, request);
	else
		admin_serve(self, request);
}

static enum err listen_on(struct gateway *gateway, const json_t *section,
			  const struct listen_setting *setting)
{
	const char *cert = text_of(section, "tlsCert"), *key = text_of(section, "tlsKey");
	const struct cardea_http_listener listener = {
		.listen = text_of(section, setting->name),
		.tls_cert = setting->has_certificate ? cert : "",
		.tls_key = setting->has_certificate ? key : "",
		.takes_psk = setting->takes_psk,
		.max_body_bytes = gateway->settings.max_response_bytes,
		.request = serve,
		.dropped = agents_dropped,
		.tick = agents_tick,
		.self = gateway,
	};

	if (listener.listen[0] == '\0')
		return ERR_NONE;
	if (setting->has_certificate && (cert[0] == '\0' || key[0] == '\0'))
		return refuse_setting(gateway, setting->name, "it needs tlsCert and tlsKey");
	return gateway->server->listen_http(gateway->host, &listener);
}

/* ---- begin and end ---- */

static enum err begin(struct gateway *gateway, json_t *section)
{
	const void *table;
	enum err err = read_settings(gateway, section);

	if (err == ERR_NONE)
		err = gateway->api->find(gateway->host, CARDEA_GATEWAY_SERVICE, &table);
	if (err == ERR_NONE)
		gateway->server = table;
	if (err == ERR_NONE && gateway->server->size < sizeof(struct cardea_gateway_api))
		err = ERR_UNSUPPORTED;
	gateway->arena = arena_create(MAX_ANSWER_BYTES);
	if (err == ERR_NONE && gateway->arena == NULL)
		err = ERR_NOMEM;
	for (size_t i = 0; i < sizeof(listen_settings) / sizeof(listen_settings[0]) && err == ERR_NONE; i++)
		err = listen_on(gateway, section, &listen_settings[i]);
	return err;
}

enum err gateway_open(const struct cardea_host_api *api, cardea_host *host, const char *config,
		      struct gateway **ret_gateway)
{
	json_t *json = json_loads(config, 0, NULL), *section = json_object_get(json, "gateway");
	struct gateway *gateway = section != NULL ? calloc(1, sizeof(*gateway)) : NULL;
	enum err err = section != NULL && gateway == NULL ? ERR_NOMEM : ERR_NONE;

	if (gateway != NULL) {
		gateway->api = api;
		gateway->host = host;
		err = begin(gateway, section);
	}
	json_decref(json);
	if (err != ERR_NONE) {
		gateway_close(gateway);
		return err;
	}
	*ret_gateway = gateway;
	return ERR_NONE;
}

void gateway_close(struct gateway *gateway)
{
	if (gateway == NULL)
		return;
	agents_free(gateway);
	arena_free(gateway->arena);
	free(gateway->settings.next_server);
	free(gateway);
}
