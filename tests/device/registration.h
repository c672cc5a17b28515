/* The registration with one server (LwM2M Core TS 1.1, 6.2): register, update, de-register, try again; and what
 * is said to that server while it lasts. */
#ifndef DEVICE_REGISTRATION_H
#define DEVICE_REGISTRATION_H

#include "device.h"
#include "place.h"
#include "uplink.h"

struct client;

enum registration_state {
	REGISTRATION_RESTING, /* until due: not registered */
	REGISTRATION_REGISTERING,
	REGISTERED,
	REGISTRATION_UPDATING,
	REGISTRATION_REPORTING, /* a Send is under way */
	REGISTRATION_LEAVING,
	REGISTRATION_DISABLED, /* as RESTING, by the server's order */
	REGISTRATION_GONE,     /* de-registered for good */
};

struct registration {
	struct client *client; /* whose it is */
	struct server *server; /* of the device */
	struct uplink uplink;
	struct place place; /* of a server that a bootstrap server told us */

	enum registration_state state;
	bool has_begun;      /* for the first time: the card was read just before */
	bool is_lost;        /* the line broke; seen at the next step */
	uint8_t answer_code; /* to the request under way; 0: none yet */
	int64_t due_ms;      /* next attempt or update */
	uint32_t failures;   /* in a row */
	char location[128];
	int64_t report_ms;
};

/* It begins at the next step. ERR_NOMEM. */
MUST_CHECK enum err registration_create(struct client *client, struct server *server,
					struct registration **ret_registration);
void registration_free(struct registration *registration); /* accepts NULL; without a word to the server */

/* Takes what has come, and does what is due or wanted. Answers when to call again, -1: not before something
 * happens. */
int64_t registration_step(struct registration *registration, int64_t now_ms);

/* What the server observes and has it sent; answers as above. */
int64_t registration_tell(struct registration *registration, int64_t now_ms);

bool registration_waits(const struct registration *registration); /* for an answer */

#endif
