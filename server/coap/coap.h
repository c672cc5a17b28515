/* CoAP between the server and its devices (RFC 7252, 7641, 7959): what the folders to the right see of it. */
#ifndef CARDEA_COAP_COAP_H
#define CARDEA_COAP_COAP_H

#include <netinet/in.h>

#include <cardea/arena.h>
#include <cardea/bytes.h>
#include <cardea/error.h>

#include "tolerance.h"

struct loop;
struct endpoint;
struct certificates;
struct credentials;
struct oscore_numbers;

/* Who a message came from or goes to. Compare with coap_address_equal. */
struct coap_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	uint8_t socket;                 /* index of the listening socket; answers and requests leave from the same one */
	bool is_secure;
	bool is_stream;                 /* a connection: it is reached by that one only */
};

#define COAP_ADDRESS_TEXT_SIZE 64       /* "[2001:db8::1%12]:5683" */

bool coap_address_equal(const struct coap_address *a, const struct coap_address *b);
const char *coap_address_print(const struct coap_address *address, char to[static COAP_ADDRESS_TEXT_SIZE]);
/* "coap", "coaps", "coap+tcp" or "coaps+tcp": what stands before "://" in its URI. */
const char *coap_address_scheme(const struct coap_address *address);
/* Reads what coap_address_print wrote, which is without socket, is_secure and is_stream: they are 0. ERR_MALFORMED. */
MUST_CHECK enum err coap_address_parse(const char *text, struct coap_address *ret_address);

#define COAP_MAX_SEGMENTS 16
#define COAP_MAX_QUERIES  32
#define COAP_NO_FORMAT    65535

enum coap_method { COAP_GET = 1, COAP_POST, COAP_PUT, COAP_DELETE, COAP_FETCH, COAP_PATCH, COAP_IPATCH };

#define COAP_CODE(class, detail) ((uint8_t)((class) << 5 | (detail)))

/* A whole message: blocks are put together and cut by the endpoint. As input its bytes are valid during the call. */
struct coap_message {
	uint8_t code;                           /* method or response code */
	struct bytes path[COAP_MAX_SEGMENTS];   /* Uri-Path; Location-Path of a response */
	size_t path_count;
	struct bytes query[COAP_MAX_QUERIES];   /* Uri-Query */
	size_t query_count;
	uint16_t content_format, accept;        /* COAP_NO_FORMAT when absent */
	bool has_observe;
	uint32_t observe;
	bool has_max_age;
	uint32_t max_age_s;
	struct bytes payload;
	/* Of an answer with a payload that its owner gives each time that it is asked, under this tag of 8 bytes: the endpoint
	 * keeps no copy and asks for each block anew. The owner knows who asks, so the blocks are not kept small. */
	struct bytes etag;
};

/* ---- requests from devices ---- */

struct coap_request {
	const struct coap_message *message;
	const struct coap_address *from;
	const char *identity;           /* endpoint name that the credential of the session or of OSCORE belongs to; "" without
	                                 * security */
	uint64_t reply;                 /* handle for endpoint_reply */
	struct arena *arena;            /* reset after the call */
};

struct endpoint_handlers {
	/* A request: answer now or later with endpoint_reply, exactly once (a lost peer makes the handle void). */
	void (*request)(void *self, const struct coap_request *request);
	/* A notification whose token no running exchange has, or an error that ends the observation. False: unknown, the
	 * endpoint answers RST. */
	bool (*notification)(void *self, const struct coap_address *from, const char *identity, uint64_t token,
	                     const struct coap_message *message);
	/* The request behind an observation, asked for when a notification is larger than one block and its rest has to be
	 * fetched: path, query, accept (and code and payload of a composite), valid during the call. False: unknown, the
	 * endpoint answers RST. May be NULL: such notifications are refused. */
	bool (*observed)(void *self, const struct coap_address *from, const char *identity, uint64_t token,
	                 struct coap_message *ret_request);
	/* A device of this identity has completed a handshake (DTLS, TLS) from an address other than the one known here: where
	 * to reach it from now on. */
	void (*moved)(void *self, const char *identity, const struct coap_address *to);
	/* The security context of a device (OSCORE) was made anew, as after a restart, or it has another connection (TLS):
	 * what it observes for us is lost. May be NULL. */
	void (*renewed)(void *self, const char *identity);
	/* The connection with this device has ended: it cannot be reached until it comes again. May be NULL. */
	void (*lost)(void *self, const struct coap_address *from, const char *identity);
	/* A rule of tolerance was applied to a message of this device. May be NULL. */
	void (*tolerated)(void *self, const struct coap_address *from, const char *identity, enum tolerance rule);
	void *self;
};

struct endpoint_settings {
	const char *coap_listen, *coaps_listen; /* comma lists of address:port, port 0 for any free one; "" for none */
	const char *tcp_listen, *tls_listen;    /* the same for connections; NULL is none too */
	const struct credentials *credentials;  /* borrowed; needed for coaps and TLS */
	const struct certificates *certificates;        /* borrowed; NULL: both with pre-shared keys only */
	struct oscore_numbers *oscore_numbers;  /* borrowed; NULL: no OSCORE */
	uint32_t ack_timeout_ms, max_retransmit;        /* RFC 7252 4.8 */
	uint32_t block_size;                    /* 16 to 1024 */
	uint32_t max_body_bytes;                /* of a message put together from blocks, else 4.13; of one on a connection */
	uint32_t max_peers;                     /* more: 5.03 with Max-Age to new ones */
	uint32_t max_connections;               /* more are closed at once */
	uint32_t connection_idle_s;             /* silent for so long: it is closed */
};

/* Binds all sockets or none: ERR_CONFLICT names the one that is taken. */
MUST_CHECK enum err endpoint_create(struct loop *loop, const struct endpoint_settings *settings,
                                    const struct endpoint_handlers *handlers, struct endpoint **ret_endpoint,
                                    struct fault *fault);
void endpoint_free(struct endpoint *endpoint);          /* open exchanges end with ERR_UNAVAILABLE; accepts NULL */
/* Text of the i-th socket as bound ("coap://127.0.0.1:5683"); NULL after the last. */
const char *endpoint_listening(const struct endpoint *endpoint, size_t i);

/* The address that a device speaks to, without a scope: what it can reach us at. ERR_UNAVAILABLE: none is known. */
MUST_CHECK enum err endpoint_local_address(const struct endpoint *endpoint, const struct coap_address *device,
                                           struct coap_address *ret_ours);

/* Answers a request; the response is copied, cut into blocks where needed, and remembered for duplicates. */
void endpoint_reply(struct endpoint *endpoint, uint64_t reply, const struct coap_message *response);

/* ---- requests to devices ---- */

struct exchange_result {
	enum err err;                           /* ERR_NONE: message is the response, whatever its code. ERR_TIMEOUT: no ACK or
	                                         * no response. ERR_UNAVAILABLE: no session with the device, or RST.
	                                         * ERR_LIMIT: a body above max_body_bytes. ERR_MALFORMED: blocks that do not
	                                         * fit together. ERR_NOMEM */
	const struct coap_message *message;     /* NULL unless ERR_NONE */
	uint64_t token;                         /* of the request */
	bool was_acknowledged;                  /* ERR_TIMEOUT: the device has the request, but does not answer it */
};

typedef void exchange_done(void *self, uint64_t id, const struct exchange_result *result);

/* Sends a confirmable request to the device that has come with this identity (as in struct coap_request), which without
 * DTLS means with OSCORE: ERR_UNAVAILABLE when it has no credential for that any more. At most one per device is under
 * way (NSTART 1), more wait in order, at most 16, then ERR_UNAVAILABLE. `done` is called exactly once, never before this returns, unless the exchange is cancelled.
 * A GET with Observe keeps its token afterwards: notifications go to `notification`. *ret_token may be NULL; it is the
 * token on the wire (8 bytes, big-endian), also when `token` was 0 and one was chosen. */
MUST_CHECK enum err exchange_start(struct endpoint *endpoint, const struct coap_address *to, const char *identity,
                                   const struct coap_message *request, uint64_t token, exchange_done *done, void *self,
                                   uint64_t id, uint64_t *ret_token);
/* No call any more for the exchange of this token. */
void exchange_cancel(struct endpoint *endpoint, uint64_t token);

struct endpoint_counts {
	uint64_t received, sent, malformed, duplicates, retransmissions, refused;
	size_t peers, sessions, connections;
};
struct endpoint_counts endpoint_counts(const struct endpoint *endpoint);

#endif
