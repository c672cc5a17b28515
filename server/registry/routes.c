/* LwM2M Transport TS 1.1, 6.4.1 and 6.4.4: what arrives at the server */
#include "routes.h"

#include "file.h"
#include "notification.h"
#include "registration.h"
#include "reply.h"

struct route {
	const char *first; /* segment of the path; the second one, if there is one, is a location */
	size_t segments;
	uint8_t method;
	void (*serve)(struct registry *registry, const struct coap_request *request);
};

/* clang-format off */
static const struct route routes[] = {
	{ "rd", 2, COAP_POST,   registration_update },
	{ "rd", 1, COAP_POST,   registration_register },
	{ "rd", 2, COAP_DELETE, registration_deregister },
	{ "dp", 1, COAP_POST,   notification_receive_send },
	{ "files", 2, COAP_GET, file_fetch },
};
/* clang-format on */

void routes_serve(void *self, const struct coap_request *request)
{
	const struct coap_message *message = request->message;
	bool is_known_path = false;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct route *route = &routes[i];

		if (message->path_count != route->segments ||
		    !bytes_equal_text(message->path[0], route->first))
			continue;
		is_known_path = true;
		if (message->code == route->method) {
			route->serve(self, request);
			return;
		}
	}
	reply_code(self, request->reply, is_known_path ? COAP_CODE(4, 5) : COAP_CODE(4, 4));
}
