/* HTTP for plugins that are gateways (cardea/gateway.h): a server for each listener that they asked for. */
#ifndef CARDEA_API_PLUGIN_HTTP_H
#define CARDEA_API_PLUGIN_HTTP_H

#include <cardea/error.h>

struct api;
struct plugin_http;

/* Listens on all of them, or on none. */
MUST_CHECK enum err plugin_http_create(struct api *api, struct plugin_http **ret_http, struct fault *fault);
void plugin_http_free(struct plugin_http *http);        /* accepts NULL */
/* "se http://127.0.0.1:8081": the i-th with the plugin's name; NULL after the last. */
const char *plugin_http_listening(const struct plugin_http *http, size_t i);

#endif
