/* The server's side of cardea/gateway.h: what plugins want to listen on, and the devices that they present. */
#ifndef CARDEA_JOBS_PLUGIN_GATEWAY_H
#define CARDEA_JOBS_PLUGIN_GATEWAY_H

#include <cardea/gateway.h>

struct credentials;
struct orchestrator;
struct plugin_gateway;
struct registry;

#define GATEWAY_MAX_LISTENERS 8

struct gateway_listener {
	const char *plugin_name;
	struct cardea_http_listener asked;
};

MUST_CHECK enum err plugin_gateway_create(struct plugin_gateway **ret_gateway);
void plugin_gateway_free(struct plugin_gateway *gateway);       /* accepts NULL */
extern const struct cardea_gateway_api plugin_gateway_calls;    /* the service */

/* Once they exist, and with NULL before they end. */
void plugin_gateway_connect(struct plugin_gateway *gateway, struct registry *registry, struct orchestrator *orchestrator,
                            const struct credentials *credentials);

/* Row by row, for whoever serves HTTP; NULL after the last. He takes the answers; `answer` NULL: no more. */
const struct gateway_listener *plugin_gateway_listener(const struct plugin_gateway *gateway, size_t i);
typedef void gateway_answer(void *self, uint64_t id, const struct cardea_http_answer *answer);
void plugin_gateway_served_by(struct plugin_gateway *gateway, gateway_answer *answer, void *self);

#endif
