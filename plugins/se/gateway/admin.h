/* An agent that speaks SERAM 1.0.1 over HTTP, or a card that speaks Amendment B. */
#ifndef SE_GATEWAY_ADMIN_H
#define SE_GATEWAY_ADMIN_H

#include "gateway/conversation.h"

void admin_serve(struct gateway *gateway, const struct cardea_http_request *request);

#endif
