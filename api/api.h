/* REST over libmicrohttpd (design: the paths of version 1). Runs on the loop; what may block goes to the workers. */
#ifndef CARDEA_API_API_H
#define CARDEA_API_API_H

#include <cardea/error.h>

struct api;
struct config;
struct credentials;
struct deferred;
struct events;
struct loop;
struct model;
struct orchestrator;
struct oscore_numbers;
struct packages;
struct plugin_host;
struct registry;
struct store;
struct token;
struct vault;
struct work_pool;
struct endpoint;

struct api_parts {                              /* all borrowed */
	const struct config *config;
	struct loop *loop;
	struct store *store;
	struct vault *vault;
	struct token *token;                    /* NULL: none */
	struct model *model;
	struct events *events;
	struct oscore_numbers *oscore_numbers;
	struct credentials *credentials, *bootstrap_credentials;
	struct endpoint *endpoint;
	struct registry *registry;
	struct deferred *deferred;
	struct orchestrator *orchestrator;
	struct packages *packages;
	struct plugin_host *plugins;
	struct work_pool *workers;
};

/* Listens on config->http_listen. ERR_CONFLICT when the address is taken. */
MUST_CHECK enum err api_create(const struct api_parts *parts, struct api **ret_api, struct fault *fault);
void api_free(struct api *api);                         /* accepts NULL */
const char *api_listening(const struct api *api);       /* "http://127.0.0.1:8080" as bound */
/* The i-th that a plugin listens on, "se http://127.0.0.1:8081"; NULL after the last. */
const char *api_plugin_listening(const struct api *api, size_t i);

#endif
