#include "uplink.h"

#include "client.h"
#include "misbehave.h"
#include "place.h"

static enum err insert_relay(struct uplink *uplink, const struct client *client,
			     struct line_settings *settings)
{
	const struct device *device = client->device;
	enum err err = ERR_NONE;

	/* Of datagrams; a connection sleeps and suffers as the system lets it. */
	if (settings->is_stream ||
	    (!device->options->is_queue_mode && !misbehave_with_datagrams(device->options)))
		return ERR_NONE;
	if (uplink->relay == NULL || !is_same_address(&uplink->relay_to, &settings->server)) {
		relay_free(uplink->relay);
		uplink->relay = NULL;
		err = relay_create(client->loop, device->misbehaviour, &settings->server, &uplink->relay);
	}
	if (err != ERR_NONE)
		return err;
	uplink->relay_to = settings->server;
	settings->server = relay_address(uplink->relay);
	return ERR_NONE;
}

enum err uplink_open(struct uplink *uplink, const struct client *client, const struct line_settings *to,
		     const struct line_events *events, void *arg)
{
	struct line_settings settings = *to;
	enum err err;

	uplink_close(uplink);
	uplink->server = settings.server;
	err = insert_relay(uplink, client, &settings);
	return err == ERR_NONE ? line_open(client->transport, &settings, events, arg, &uplink->line) : err;
}

void uplink_close(struct uplink *uplink)
{
	line_close(uplink->line);
	uplink->line = NULL;
}

void uplink_free(struct uplink *uplink)
{
	uplink_close(uplink);
	relay_free(uplink->relay);
	uplink->relay = NULL;
}

void uplink_switch(const struct uplink *uplink, bool is_on)
{
	if (uplink->relay != NULL)
		relay_switch(uplink->relay, is_on);
}
