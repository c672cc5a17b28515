#include "fleet.h"

#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "log.h"
#include "place.h"

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
	struct place place;
	const char *psk_identity;
	struct member *members;
	size_t member_count, started;
	struct transport **transports;
	size_t transport_count;
	struct timer start_timer;
	bool is_ending;
};

/* ---- where the server is ---- */

/* With a bootstrap server that is the one that the command line names; the others it tells us. */
static enum err find_server(struct fleet *fleet, struct fault *fault)
{
	const struct options *options = fleet->options;
	bool has_bootstrap = options->bootstrap != NULL;
	enum err err = place_find(has_bootstrap ? options->bootstrap : options->server, &fleet->place, fault);

	if (err != ERR_NONE)
		return err;
	fleet->line_settings.server = fleet->place.address;
	fleet->line_settings.is_secure = fleet->place.is_secure;
	fleet->line_settings.is_stream = fleet->place.is_stream;
	fleet->line_settings.host = fleet->place.host;
	fleet->line_settings.psk_key =
		secret_bytes(has_bootstrap ? &options->bootstrap_key : &options->psk_key);
	err = x509_read(options, &fleet->line_settings.x509, fault);
	if (err != ERR_NONE)
		return err;
	fleet->line_settings.x509.name = fleet->place.name;
	fleet->psk_identity = has_bootstrap ? options->bootstrap_identity : options->psk_identity;
	return ERR_NONE;
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

	member->psk_identity = member_name(fleet->psk_identity, index, is_fleet);
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
	place_clear(&fleet->place);
	x509_clear(&fleet->line_settings.x509);
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
