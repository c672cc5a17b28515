#include "fleet.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "log.h"

#define LINES_PER_TRANSPORT 64 /* libcoap walks all sessions of a context on every step */
#define START_EVERY_MS      50

struct member {
	struct client *client; /* NULL: not started yet */
	char *psk_identity;
};

struct fleet {
	struct loop *loop;
	struct soon_list soon_list;
	const struct options *options;
	struct misbehaviour misbehaviour;
	struct line_settings line_settings;
	char *host;
	struct member *members;
	size_t member_count, started;
	struct transport **transports;
	size_t transport_count;
	struct timer start_timer;
	bool is_ending;
};

/* ---- where the server is ---- */

struct server_name {
	char *host, *port;
	bool is_secure, is_numeric;
};

static enum err split_server(const char *uri, struct arena *arena, struct server_name *ret_name,
			     struct fault *fault)
{
	struct server_name name = { .is_secure = strncmp(uri, "coaps", 5) == 0 };
	const char *at = strstr(uri, "://") + 3, *end = at + strcspn(at, "/"), *host_end, *port;

	if (*at == '[') {
		at++;
		host_end = at + strcspn(at, "]");
		port = *host_end == ']' ? host_end + 1 : end;
	} else {
		host_end = port = at + strcspn(at, ":/");
	}
	if (host_end == at || host_end > end || port > end)
		return fault_set(fault, ERR_MALFORMED, "\"%s\" has no host", uri);
	name.host = arena_strndup(arena, at, (size_t)(host_end - at));
	name.port = *port == ':' ? arena_strndup(arena, port + 1, (size_t)(end - port - 1))
				 : arena_strdup(arena, name.is_secure ? "5684" : "5683");
	if (name.host == NULL || name.port == NULL)
		return ERR_NOMEM;
	*ret_name = name;
	return ERR_NONE;
}

static enum err find_server(struct fleet *fleet, struct fault *fault)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *found = NULL;
	struct arena *arena = arena_create(65536);
	struct server_name name = { .host = NULL };
	enum err err = arena == NULL ? ERR_NOMEM : split_server(fleet->options->server, arena, &name, fault);
	int status;

	if (err == ERR_NONE) {
		hints.ai_flags = AI_NUMERICHOST;
		status = getaddrinfo(name.host, name.port, &hints, &found);
		if (status != 0) {
			hints.ai_flags = 0;
			status = getaddrinfo(name.host, name.port, &hints, &found);
			fleet->host = strdup(name.host);
		}
		if (status != 0)
			err = fault_set(fault, ERR_NOT_FOUND, "%s: %s", fleet->options->server,
					gai_strerror(status));
	}
	if (err == ERR_NONE) {
		memcpy(&fleet->line_settings.server.at, found->ai_addr, found->ai_addrlen);
		fleet->line_settings.server.len = found->ai_addrlen;
		fleet->line_settings.is_secure = name.is_secure;
		fleet->line_settings.host = fleet->host;
		freeaddrinfo(found);
	}
	arena_free(arena);
	return err;
}

/* ---- members ---- */

static char *member_name(const char *name, size_t index, bool is_fleet)
{
	char *text;

	if (!is_fleet)
		return strdup(name);
	return asprintf(&text, "%s-%06zu", name, index + 1) < 0 ? NULL : text;
}

static enum err transport_for(struct fleet *fleet, size_t index, struct transport **ret_transport)
{
	size_t wanted = index / LINES_PER_TRANSPORT;
	enum err err = ERR_NONE;

	if (wanted == fleet->transport_count) {
		err = transport_create(fleet->loop, &fleet->soon_list, &fleet->transports[wanted]);
		if (err != ERR_NONE)
			return err;
		fleet->transport_count++;
	}
	*ret_transport = fleet->transports[wanted];
	return err;
}

static enum err start_member(struct fleet *fleet, size_t index, struct fault *fault)
{
	const struct options *options = fleet->options;
	struct member *member = &fleet->members[index];
	struct line_settings settings = fleet->line_settings;
	bool is_fleet = options->device_count > 0;
	char *endpoint = member_name(options->endpoint, index, is_fleet);
	struct transport *transport;
	struct device *device;
	enum err err = ERR_NOMEM;

	member->psk_identity = member_name(options->psk_identity, index, is_fleet);
	settings.psk_identity = member->psk_identity;
	if (endpoint != NULL && member->psk_identity != NULL)
		err = transport_for(fleet, index, &transport);
	if (err == ERR_NONE)
		err = device_open(options, &fleet->misbehaviour, endpoint, &device, fault);
	if (err == ERR_NONE)
		err = client_create(fleet->loop, &fleet->soon_list, transport, &settings, device,
				    &member->client);
	free(endpoint);
	return err;
}

static void start_some(void *self)
{
	struct fleet *fleet = self;
	size_t batch = 1 + fleet->options->start_rate * START_EVERY_MS / 1000;

	while (batch-- > 0 && fleet->started < fleet->member_count && !fleet->is_ending) {
		struct fault fault = { .kind = ERR_NONE };
		if (start_member(fleet, fleet->started, &fault) != ERR_NONE)
			log_error("device.failed", "number=%zu reason=\"%s\"", fleet->started + 1,
				  fault.text);
		fleet->started++;
	}
	if (fleet->started < fleet->member_count)
		loop_start_timer(fleet->loop, &fleet->start_timer, START_EVERY_MS);
}

/* ---- begin and end ---- */

enum err fleet_create(struct loop *loop, const struct options *options, struct fleet **ret_fleet,
		      struct fault *fault)
{
	struct fleet *fleet = calloc(1, sizeof(*fleet));
	enum err err = ERR_NOMEM;

	if (fleet == NULL)
		return ERR_NOMEM;
	fleet->loop = loop;
	fleet->options = options;
	fleet->misbehaviour = misbehaviour_of(options);
	fleet->line_settings.psk_key = secret_bytes(&options->psk_key);
	fleet->line_settings.ack_timeout_ms = options->ack_timeout_ms;
	fleet->start_timer = timer_of(start_some, fleet);
	fleet->member_count = options->device_count > 0 ? options->device_count : 1;
	fleet->members = calloc(fleet->member_count, sizeof(*fleet->members));
	fleet->transports = calloc(fleet->member_count / LINES_PER_TRANSPORT + 1, sizeof(struct transport *));
	soon_start(&fleet->soon_list);
	if (fleet->members != NULL && fleet->transports != NULL)
		err = find_server(fleet, fault);
	if (err == ERR_NONE && options->device_count == 0)
		err = start_member(fleet, fleet->started++, fault);
	if (err != ERR_NONE) {
		fleet_free(fleet);
		return err;
	}
	if (options->device_count > 0)
		start_some(fleet);
	*ret_fleet = fleet;
	return ERR_NONE;
}

void fleet_free(struct fleet *fleet)
{
	if (fleet == NULL)
		return;
	loop_stop_timer(fleet->loop, &fleet->start_timer);
	for (size_t i = 0; fleet->members != NULL && i < fleet->member_count; i++) {
		client_free(fleet->members[i].client);
		free(fleet->members[i].psk_identity);
	}
	for (size_t i = 0; i < fleet->transport_count; i++)
		transport_free(fleet->transports[i]);
	free(fleet->members);
	free(fleet->transports);
	free(fleet->host);
	free(fleet);
}

enum err fleet_turn(struct fleet *fleet, int timeout_ms)
{
	bool is_busy = soon_run(&fleet->soon_list);

	return loop_turn(fleet->loop, is_busy ? 0 : timeout_ms);
}

void fleet_end(struct fleet *fleet)
{
	fleet->is_ending = true;
	for (size_t i = 0; i < fleet->started; i++)
		if (fleet->members[i].client != NULL)
			client_end(fleet->members[i].client);
}

bool fleet_is_gone(const struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->started; i++)
		if (fleet->members[i].client != NULL && fleet->members[i].client->state != CLIENT_GONE)
			return false;
	return fleet->is_ending || fleet->started == fleet->member_count;
}
