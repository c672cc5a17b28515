/* SERAM over HTTP (RAM over HTTP, Amendment B) for agents that do not speak LwM2M: each appears as a device with object
 * 30401, so that every operation of this plugin reaches it as any other.
 *
 *   gateway.c       settings, listeners, which form of the protocol a request has
 *   admin.c         SERAM 1.0.1 and Amendment B
 *   local_agent.c   SERAM 2.0.0
 *   conversation.c  what is said with an agent, in any form
 *   element.c       one secure element as an instance of the object */
#ifndef SE_GATEWAY_H
#define SE_GATEWAY_H

#include <cardea/plugin.h>

struct gateway;

/* By the member "gateway" of the plugin's configuration; *ret_gateway is NULL when nothing is to be listened on.
 * ERR_MALFORMED is logged with its reason. */
MUST_CHECK enum err gateway_open(const struct cardea_host_api *api, cardea_host *host, const char *config,
				 struct gateway **ret_gateway);
void gateway_close(struct gateway *gateway); /* accepts NULL */

#endif
