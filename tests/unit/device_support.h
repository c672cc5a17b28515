/* A LwM2M server as small as a test needs it, on libcoap's server stack, and a device in the same process. */
#ifndef DEVICE_SUPPORT_H
#define DEVICE_SUPPORT_H

#include <cardea/bytes.h>
#include <sys/socket.h>

#include "fleet.h"
#include "objects.h"

#define NOTES_MAX 64

struct note { /* a notification, or any other answer that nobody asked for at the time */
	uint8_t code;
	uint32_t sequence;
	uint8_t token[8];
	size_t token_len;
	struct bytes payload;
};

struct reply {
	uint8_t code; /* 0: none came */
	uint16_t format;
	struct bytes payload;
	bool is_observed;
	char location[64];
};

struct test_server {
	void *context, *session; /* coap_context_t and the coap_session_t that registered last */
	struct arena *arena;
	void *endpoint;
	struct sockaddr_storage address;
	uint16_t port;
	bool is_secure;
	char queries[256], links[2048]; /* of the last Register or Update, queries joined by & */
	size_t registrations, updates, deregistrations, refused_registrations;
	uint8_t refuse_with;        /* code for the next Register or Update; 0: accept */
	bool refuses_notifications; /* answers them with Reset */
	struct note notes[NOTES_MAX];
	size_t note_count;
	struct reply reply;
	uint8_t token[8];
	size_t token_len;
	uint8_t next_token;
};

/* `psk_key` empty: plain CoAP. The identity "device" is known, and "device-000001" and so on. */
void server_start(struct test_server *server, int family, struct bytes psk_key);
void server_stop(struct test_server *server);

/* Without a socket, before anybody registered; and back on the same port. */
void server_vanish(struct test_server *server);
void server_return(struct test_server *server);

struct test_request {
	enum method method;
	const char *path;  /* "/3/0" */
	const char *query; /* NULL, or one of them */
	uint16_t content_format, accept;
	int observe; /* -1: without the option */
	struct bytes payload;
	uint8_t token; /* 0: a new one */
	bool is_non_confirmable;
};

struct test_request request_get(const char *path, uint16_t accept);
struct test_request request_write(enum method method, const char *path, uint16_t format,
				  struct bytes payload);
struct test_request request_text(enum method method, const char *path, const char *text);
struct test_request request_execute(const char *path, const char *arguments); /* NULL: without any */
struct test_request request_observe(const char *path, uint16_t accept, int observe, uint8_t token);

/* One or more devices with their loop and this server; `words` are command line options, without --server. */
struct world {
	struct test_server server;
	struct loop *loop;
	struct fleet *fleet; /* NULL while the devices run in a child */
	int child;           /* process id, 0: none */
	struct options options;
	char uri[80];
	char *words[40];
};

void world_start(struct world *world, int family, struct bytes psk_key, const char *words);
void world_stop(struct world *world);

/* The server alone; then the devices in a process of their own, which may be killed. Options as above. */
void world_start_server(struct world *world, int family, struct bytes psk_key);
void world_fork(struct world *world, const char *words);
void world_kill(struct world *world);
int world_wait_for_death(struct world *world); /* serves on; answers the exit status */

/* Turns both sides until the claim holds. False after some seconds: the test then fails by its assertion. */
bool world_until(struct world *world, bool (*holds)(const struct world *world, size_t number), size_t number);
bool has_registered(const struct world *world, size_t times);
bool has_updated(const struct world *world, size_t times);
bool has_deregistered(const struct world *world, size_t times);
bool has_notes(const struct world *world, size_t count);

/* Turns both sides for a while in which nothing shall happen. */
void world_linger(struct world *world, int ms);

/* Sends to the device and turns until the reply is there. */
struct reply world_ask(struct world *world, struct test_request request);

/* Sends alone: world->server.reply has a code once the device has answered. */
void world_tell(struct world *world, struct test_request request);

#endif
