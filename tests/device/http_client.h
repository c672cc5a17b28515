/* One HTTP/1.1 connection of a client over TCP, TLS with certificates, or TLS with a pre-shared key. It blocks. */
#ifndef DEVICE_HTTP_CLIENT_H
#define DEVICE_HTTP_CLIENT_H

#include <cardea/crypto.h>

#include "http_response.h"

struct http_client;

struct http_client_settings {           /* borrowed */
	const char *host, *port;
	bool is_secure;
	const char *psk_identity;       /* with a key: TLS with that, and no certificates */
	const struct secret *psk_key;   /* NULL: certificates */
	const char *trust_store;        /* file with the authorities of the server's; NULL: those of the system */
	uint32_t patience_ms;           /* for an answer */
	bool (*is_over)(void);          /* asked when a signal interrupts */
};

MUST_CHECK enum err http_client_create(const struct http_client_settings *settings, struct http_client **ret_client,
				       struct fault *fault);
void http_client_free(struct http_client *client);      /* accepts NULL */

/* Sends a whole message and waits for its response; connects first when that is needed. After an error the connection is
 * closed. ERR_UNAVAILABLE: no connection; ERR_TIMEOUT; ERR_MALFORMED. */
MUST_CHECK enum err http_client_ask(struct http_client *client, struct bytes message, struct arena *arena,
				    struct http_response *ret_response, struct fault *fault);

#endif
