/* The registration of one device (LwM2M Core TS 1.1, 6.2): register, update, de-register, try again; and what
 * the device does while it is registered. */
#ifndef DEVICE_CLIENT_H
#define DEVICE_CLIENT_H

#include "bootstrap.h"
#include "device.h"
#include "download.h"
#include "place.h"
#include "relay.h"
#include "soon.h"
#include "transport.h"

enum client_state {
	CLIENT_RESTING, /* until due: not registered */
	CLIENT_REGISTERING,
	CLIENT_REGISTERED,
	CLIENT_UPDATING,
	CLIENT_REPORTING, /* a Send is under way */
	CLIENT_DEREGISTERING,
	CLIENT_DISABLED,      /* as RESTING, by the server's order */
	CLIENT_ASKING,        /* the bootstrap server, for a bootstrap */
	CLIENT_BOOTSTRAPPING, /* until due: it writes what it likes */
	CLIENT_GONE,          /* de-registered for good */
};

struct client {
	struct loop *loop;
	struct transport *transport;
	struct device *device; /* owned */
	struct line_settings line_settings; /* to the server of the command line */
	struct place place;                 /* of the one that the bootstrap server told us */
	struct bootstrap bootstrap;
	struct line *line;
	struct relay *relay; /* NULL: the line talks to the server directly */
	struct address relay_to;
	struct address line_to; /* the server at the end of the line, behind the relay */
	struct download download;

	enum client_state state;
	bool is_ending;
	bool is_lost;        /* the line broke; seen at the next step */
	uint8_t answer_code; /* to the request under way; 0: none yet */
	int64_t due_ms;      /* next attempt or update */
	uint32_t failures;   /* in a row */
	char location[128];
	int64_t heard_ms; /* last datagram worth staying awake for */
	int64_t live_ms, report_ms;
	bool is_asleep;
	struct soon_list *soon_list;
	struct soon soon;
	struct timer timer;
};

/* Takes the device. The client works by its timer and `soon_list` from now on. ERR_IO, ERR_NOMEM; the device
 * is closed then too. */
MUST_CHECK enum err client_create(struct loop *loop, struct soon_list *soon_list, struct transport *transport,
				  const struct line_settings *line_settings, struct device *take_device,
				  struct client **ret_client);
void client_free(struct client *client); /* accepts NULL; without a word to the server */

/* De-registers; the client is CLIENT_GONE when that is done, has failed, or takes too long. Called again: at
 * once. */
void client_end(struct client *client);

#endif
