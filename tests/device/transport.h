/* CoAP over libcoap's client stack: a transport is one libcoap context in our loop and carries the lines of
 * some devices; a line is one device's session with the server. Nothing outside of transport.c knows libcoap.
 */
#ifndef DEVICE_TRANSPORT_H
#define DEVICE_TRANSPORT_H

#include <sys/socket.h>

#include "loop.h"
#include "objects.h"
#include "observe.h"
#include "soon.h"
#include "x509.h"

struct transport;
struct line;

struct address {
	struct sockaddr_storage at;
	socklen_t len;
};

struct line_settings {
	struct address server;
	bool is_secure;   /* DTLS or TLS, with a certificate if there is one, else with a pre-shared key */
	bool is_stream;   /* TCP, and TLS on it */
	const char *host; /* for SNI; NULL for a numeric address */
	const char *psk_identity;
	struct bytes psk_key;
	struct x509_settings x509;
	uint32_t ack_timeout_ms;
};

/* What comes from the server. None of them may close the line. */
struct line_events {
	void (*request)(void *arg, const struct request *request, struct arena *arena,
			struct answer *ret_answer);
	void (*answered)(void *arg, uint8_t code, const char *location); /* to line_send; "/rd/7" or "" */
	void (*lost)(void *arg, const char *reason); /* line_send has no answer, or the session broke */
	void (*notification_lost)(void *arg, struct bytes token, bool is_refused); /* Reset, or no answer */
	void (*fetched)(void *arg, uint8_t code, struct bytes content); /* to line_fetch; code 0: no answer */
};

MUST_CHECK enum err transport_create(struct loop *loop, struct soon_list *soon_list,
				     struct transport **ret_transport);
void transport_free(struct transport *transport); /* accepts NULL; its lines are closed before */

/* ERR_UNAVAILABLE when no socket or session can be had, ERR_NOMEM. */
MUST_CHECK enum err line_open(struct transport *transport, const struct line_settings *settings,
			      const struct line_events *events, void *arg, struct line **ret_line);
void line_close(struct line *line); /* accepts NULL; says good-bye in DTLS */

/* A request of the device; one at a time. `path` and the queries hold no escapes; the format counts with a payload. ERR_UNAVAILABLE, ERR_NOMEM.
 */
MUST_CHECK enum err line_send(struct line *line, enum method method, const char *path,
			      const char *const *queries, size_t query_count, uint16_t format,
			      struct bytes payload);

/* A GET of the whole content at `path`, in the format `accept` (FORMAT_NONE: whichever), beside what line_send does; one at a time, a new one replaces it.
 * ERR_UNAVAILABLE, ERR_NOMEM. */
MUST_CHECK enum err line_fetch(struct line *line, const char *path, const char *const *queries,
			       size_t query_count, uint16_t accept);

MUST_CHECK enum err line_notify(struct line *line, const struct notification *notification);

/* The address that the device has on this line, as text. */
void line_local_address(const struct line *line, char *ret_text, size_t size);

#endif
