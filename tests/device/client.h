/* One device and its servers: a registration with each, and the bootstrap that tells it which they are (LwM2M
 * Core TS 1.1, 6.1 and 6.2); and what the device does by itself. */
#ifndef DEVICE_CLIENT_H
#define DEVICE_CLIENT_H

#include "bootstrap.h"
#include "device.h"
#include "download.h"
#include "registration.h"
#include "soon.h"
#include "transport.h"
#include "uplink.h"

enum client_state {
	CLIENT_WORKING,       /* the registrations go their way */
	CLIENT_HOLDING,       /* until due: a bootstrap is needed, but not yet */
	CLIENT_FETCHING,      /* a Bootstrap-Pack */
	CLIENT_ASKING,        /* the bootstrap server, for a bootstrap */
	CLIENT_BOOTSTRAPPING, /* until due: it writes what it likes */
	CLIENT_SETTLING,      /* until due: its Finish may come again */
	CLIENT_RESTING,       /* until due: the bootstrap has failed */
	CLIENT_GONE,
};

struct client {
	struct loop *loop;
	struct transport *transport;
	struct device *device;              /* owned */
	struct line_settings line_settings; /* to the server of the command line */
	struct registration *registrations[SERVERS_MAX];
	size_t registration_count;
	struct bootstrap bootstrap;
	struct uplink uplink; /* to the bootstrap server */
	struct place place;   /* of it */
	struct download download;

	enum client_state state;
	bool is_ending;
	bool is_lost;        /* the line to the bootstrap server broke; seen at the next step */
	uint8_t answer_code; /* of the bootstrap server; 0: none yet */
	int64_t due_ms;      /* what is next outside of CLIENT_WORKING */
	uint32_t failures;   /* of bootstraps, in a row */
	bool has_held_off;   /* before the bootstrap that is to come */
	int64_t purge_ms;    /* when the account of the bootstrap server ends; -1: never */
	int64_t heard_ms;    /* last datagram worth staying awake for */
	int64_t live_ms;
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
void client_free(struct client *client); /* accepts NULL; without a word to the servers */

/* De-registers; the client is CLIENT_GONE when that is done, has failed, or takes too long. Called again: at
 * once. */
void client_end(struct client *client);

/* ---- for its registrations ---- */

int64_t client_now_ms(const struct client *client);
void client_soon(struct client *client);  /* a step is to follow */
void client_heard(struct client *client); /* and the device stays awake for a while */
void client_wake(struct client *client);

/* Before a Register or Update: the card is read. True when the accounts are others now: all begins anew. */
bool client_card_has_changed(struct client *client);

/* Whether those that come before it have been tried, and none of them blocks it. */
bool client_lets_begin(const struct client *client, const struct registration *registration);

/* Around what a request of a server does. */
void client_begin_request(struct client *client);
void client_end_request(struct client *client, const struct request *request, struct arena *arena,
			struct answer *answer, const struct fault *fault);

#endif
