#include "registration.h"

#include <stdio.h>
#include <stdlib.h>

#include "account.h"
#include "client.h"
#include "log.h"
#include "misbehave.h"
#include "register.h"
#include "report.h"
#include "retry.h"

#define LEAVE_WITHIN_MS 5000
#define STEP_BYTES_MAX  (1 << 20)

/* Whatever is done in the name of a server begins with this. */
static struct device *serve(struct registration *registration)
{
	struct device *device = registration->client->device;

	device->servers.served = registration->server;
	return device;
}

/* ---- what the server wants ---- */

static void on_request(void *arg, const struct request *request, struct arena *arena,
		       struct answer *ret_answer)
{
	struct registration *registration = arg;
	struct fault fault = { .kind = ERR_NONE };

	client_begin_request(registration->client);
	objects_dispatch(serve(registration), request, arena, ret_answer, &fault);
	client_end_request(registration->client, request, arena, ret_answer, &fault);
}

static void on_answered(void *arg, uint8_t code, const char *location)
{
	struct registration *registration = arg;

	registration->answer_code = code;
	if (code == CREATED)
		snprintf(registration->location, sizeof(registration->location), "%s", location);
	client_heard(registration->client);
}

static void on_lost(void *arg, const char *reason)
{
	struct registration *registration = arg;

	if (!registration->is_lost)
		log_warn("line.lost", "endpoint=%s server=%u reason=\"%s\"",
			 registration->client->device->endpoint, registration->server->short_id, reason);
	registration->is_lost = true;
	client_soon(registration->client);
}

static void on_notification_lost(void *arg, struct bytes token, bool is_refused)
{
	struct device *device = serve(arg);

	if (is_refused) {
		observe_cancel(device, token); /* a Reset means the server wants no more of it */
		return;
	}
	observe_lost(device, token);
	on_lost(arg, "a notification was not acknowledged");
}

static void on_fetched(void *arg, uint8_t code, struct bytes content)
{
	struct registration *registration = arg;

	download_answered(registration->client, code, content);
}

static const struct line_events events = { on_request, on_answered, on_lost, on_notification_lost,
					   on_fetched };

/* ---- what the device says ---- */

static void drop_line(struct registration *registration)
{
	download_lose_line(registration->client, registration->uplink.line);
	uplink_close(&registration->uplink);
	registration->is_lost = false;
	registration->answer_code = 0;
}

/* Where to register: what a bootstrap server said, else what the command line said. */
static enum err find_line(struct registration *registration, struct line_settings *ret_settings)
{
	struct client *client = registration->client;
	struct line_settings settings = client->line_settings;
	struct fault fault = { .kind = ERR_NONE };
	struct account account;
	enum err err = account_find(client->device, registration->server->instance, &account);

	if (err == ERR_NONE && account.uri != NULL) {
		place_clear(&registration->place);
		err = place_find(account.uri, &registration->place, &fault);
		if (err == ERR_NONE)
			account_fill_line(&account, &registration->place, &settings);
	}
	if (err == ERR_NONE)
		*ret_settings = settings;
	return err;
}

static enum err send_register(struct registration *registration)
{
	struct device *device = serve(registration);
	struct line_settings settings;
	enum err err = find_line(registration, &settings);

	drop_line(registration);
	if (err == ERR_NONE)
		err = uplink_open(&registration->uplink, registration->client, &settings, &events,
				  registration);
	if (err != ERR_NONE)
		return err;
	registration->server->wants_update = false; /* a registration tells it all */
	line_local_address(registration->uplink.line, device->local_address, sizeof(device->local_address));
	return register_send(registration->uplink.line, device);
}

/* Scripts wait for these lines. */
static void announce(const struct registration *registration, const char *what)
{
	printf("%s endpoint=%s location=%s server=%u\n", what, registration->client->device->endpoint,
	       registration->location, registration->server->short_id);
	fflush(stdout);
}

/* ---- the state machine ---- */

enum event {
	DUE,      /* the time has come */
	ACCEPTED, /* 2.xx to what was sent */
	REFUSED,  /* anything else */
	LOST,     /* no answer, or the line broke */
	WANTED,   /* the device or its server wants an update */
	REPORTED, /* there is something to Send */
	ENDING,   /* the device wants to leave, for good or for a while */
};

typedef enum registration_state (*action)(struct registration *registration);

static enum registration_state rest(struct registration *registration)
{
	struct client *client = registration->client;

	registration->failures++;
	registration->due_ms = client_now_ms(client) +
			       retry_delay_ms(client->device, registration->server, registration->failures);
	drop_line(registration);
	return client->is_ending ? REGISTRATION_GONE : REGISTRATION_RESTING;
}

/* The account is none any more. */
static enum registration_state stop(struct registration *registration)
{
	registration->due_ms = -1;
	drop_line(registration);
	return REGISTRATION_RESTING;
}

static enum registration_state begin(struct registration *registration)
{
	client_wake(registration->client);
	if (registration->client->is_ending)
		return REGISTRATION_GONE;
	if (registration->has_begun && client_card_has_changed(registration->client))
		return stop(registration);
	registration->has_begun = true;
	observe_cancel_all(serve(registration)); /* a new registration knows no observations */
	return send_register(registration) == ERR_NONE ? REGISTRATION_REGISTERING : rest(registration);
}

/* Back at work: the next update is due well before the lifetime is over, or at the next wake-up. */
static enum registration_state settle(struct registration *registration)
{
	const struct device *device = serve(registration);
	uint32_t lifetime = register_lifetime_s(device);
	int64_t period_ms = lifetime == 0 ? -1 : (int64_t)lifetime * 1000 / 10 * 8;

	if (device->options->is_queue_mode && (period_ms < 0 || device->options->wake_every_ms < period_ms))
		period_ms = device->options->wake_every_ms;
	registration->failures = 0;
	registration->due_ms = period_ms < 0 ? -1 : client_now_ms(registration->client) + period_ms;
	return REGISTERED;
}

static enum registration_state registered(struct registration *registration)
{
	announce(registration, "registered");
	return settle(registration);
}

static enum registration_state updated(struct registration *registration)
{
	announce(registration, "updated");
	return settle(registration);
}

/* 6.2.1: the server does not speak this version. The one before may do. */
static bool steps_down(struct registration *registration)
{
	if (registration->answer_code != PRECONDITION_FAILED || registration->server->minor_version == 0)
		return false;
	registration->server->minor_version--;
	log_info("version.stepped_down", "endpoint=%s server=%u version=1.%u",
		 registration->client->device->endpoint, registration->server->short_id,
		 registration->server->minor_version);
	return true;
}

static enum registration_state register_refused(struct registration *registration)
{
	if (steps_down(registration))
		return begin(registration);
	log_error("registration.refused", "endpoint=%s server=%u code=%d.%02d",
		  registration->client->device->endpoint, registration->server->short_id,
		  registration->answer_code >> 5, registration->answer_code & 0x1F);
	return rest(registration);
}

static enum registration_state update(struct registration *registration)
{
	client_wake(registration->client);
	if (client_card_has_changed(registration->client))
		return stop(registration);
	return update_send(registration->uplink.line, serve(registration), registration->location) == ERR_NONE
		       ? REGISTRATION_UPDATING
		       : begin(registration);
}

static enum registration_state report(struct registration *registration)
{
	return report_send(registration->uplink.line, serve(registration)) == ERR_NONE
		       ? REGISTRATION_REPORTING
		       : begin(registration);
}

static enum registration_state reported(struct registration *registration)
{
	return REGISTERED;
}

static enum registration_state report_refused(struct registration *registration)
{
	log_warn("send.refused", "endpoint=%s server=%u code=%d.%02d", registration->client->device->endpoint,
		 registration->server->short_id, registration->answer_code >> 5,
		 registration->answer_code & 0x1F);
	return REGISTERED;
}

static enum registration_state leave(struct registration *registration)
{
	client_wake(registration->client);
	if (deregister_send(registration->uplink.line, registration->location) != ERR_NONE)
		return registration->client->is_ending ? REGISTRATION_GONE : rest(registration);
	registration->due_ms = client_now_ms(registration->client) + LEAVE_WITHIN_MS;
	return REGISTRATION_LEAVING;
}

static enum registration_state left(struct registration *registration)
{
	struct device *device = serve(registration);
	int64_t timeout_s =
		device_stored_integer(device, RESOURCE_PATH(1, registration->server->instance, 5), 86400);

	announce(registration, "deregistered");
	drop_line(registration);
	observe_cancel_all(device);
	registration->due_ms = client_now_ms(registration->client) + timeout_s * 1000;
	return registration->client->is_ending ? REGISTRATION_GONE : REGISTRATION_DISABLED;
}

static enum registration_state gone(struct registration *registration)
{
	drop_line(registration);
	return REGISTRATION_GONE;
}

/* clang-format off */
static const struct transition {
	enum registration_state in;
	enum event on;
	action then;            /* answers the state that it ends in */
} transitions[] = {
	{ REGISTRATION_RESTING,     DUE,      begin            },
	{ REGISTRATION_RESTING,     ENDING,   gone             },
	{ REGISTRATION_DISABLED,    DUE,      begin            },
	{ REGISTRATION_DISABLED,    ENDING,   gone             },
	{ REGISTRATION_REGISTERING, ENDING,   gone             },
	{ REGISTRATION_REGISTERING, ACCEPTED, registered       },
	{ REGISTRATION_REGISTERING, REFUSED,  register_refused },
	{ REGISTRATION_REGISTERING, LOST,     rest             },
	{ REGISTERED,               DUE,      update           },
	{ REGISTERED,               WANTED,   update           },
	{ REGISTERED,               ENDING,   leave            },
	{ REGISTERED,               LOST,     begin            },
	{ REGISTERED,               REPORTED, report           },
	{ REGISTRATION_REPORTING,   ENDING,   leave            },
	{ REGISTRATION_REPORTING,   ACCEPTED, reported         },
	{ REGISTRATION_REPORTING,   REFUSED,  report_refused   },
	{ REGISTRATION_REPORTING,   LOST,     begin            },
	{ REGISTRATION_UPDATING,    ENDING,   leave            },
	{ REGISTRATION_UPDATING,    ACCEPTED, updated          },
	{ REGISTRATION_UPDATING,    REFUSED,  begin            }, /* 4.04: the server has forgotten us */
	{ REGISTRATION_UPDATING,    LOST,     begin            },
	{ REGISTRATION_LEAVING,     DUE,      left             }, /* it takes too long */
	{ REGISTRATION_LEAVING,     ACCEPTED, left             },
	{ REGISTRATION_LEAVING,     REFUSED,  left             },
	{ REGISTRATION_LEAVING,     LOST,     left             },
};
/* clang-format on */

static void advance(struct registration *registration, enum event event)
{
	for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++) {
		if (transitions[i].in == registration->state && transitions[i].on == event) {
			registration->state = transitions[i].then(registration);
			return;
		}
	}
}

/* ---- one step ---- */

static void take_answer(struct registration *registration)
{
	uint8_t code = registration->answer_code;

	if (registration->is_lost) {
		registration->is_lost = false;
		advance(registration, LOST);
	} else if (code != 0) {
		advance(registration, code >> 5 == 2 ? ACCEPTED : REFUSED);
		registration->answer_code = 0;
	}
}

static void grant_wishes(struct registration *registration)
{
	struct server *server = registration->server;

	if (registration->state != REGISTERED)
		return;
	if (server->wants_disable)
		advance(registration, ENDING);
	else if (server->wants_update)
		advance(registration, WANTED);
	server->wants_disable = server->wants_update = false;
}

bool registration_waits(const struct registration *registration)
{
	return registration->state == REGISTRATION_REGISTERING ||
	       registration->state == REGISTRATION_UPDATING || registration->state == REGISTRATION_REPORTING;
}

/* For one that comes first. */
static bool has_to_wait(const struct registration *registration)
{
	return registration->state == REGISTRATION_RESTING &&
	       !client_lets_begin(registration->client, registration);
}

int64_t registration_step(struct registration *registration, int64_t now_ms)
{
	take_answer(registration);
	if (registration->client->is_ending)
		advance(registration, ENDING);
	grant_wishes(registration);
	if (has_to_wait(registration))
		return -1;
	if (!registration_waits(registration) && registration->due_ms >= 0 && registration->due_ms <= now_ms)
		advance(registration, DUE);
	if (registration->is_lost)
		return now_ms;
	return registration_waits(registration) || registration->state == REGISTRATION_GONE
		       ? -1
		       : registration->due_ms;
}

/* ---- notifications and Send ---- */

/* An answer that is an error is the last one of its observation. */
static enum err send_notification(struct registration *registration, struct arena *arena,
				  struct notification *notification)
{
	struct device *device = serve(registration);
	enum err err;

	client_heard(registration->client);
	misbehave_answer(device->misbehaviour, arena, &notification->answer);
	err = line_notify(registration->uplink.line, notification);
	if (notification->answer.code != CONTENT)
		observe_cancel(device, notification->token);
	return err;
}

static int64_t notify(struct registration *registration)
{
	struct notification notification;
	struct device *device = serve(registration);
	struct arena *arena;
	int64_t next_ms = -1;

	if (registration->server->observations.first == NULL)
		return -1;
	arena = arena_create(STEP_BYTES_MAX);
	while (arena != NULL && observe_next(device, arena, &notification, &next_ms)) {
		if (send_notification(registration, arena, &notification) != ERR_NONE) {
			on_lost(registration, "a notification could not be sent");
			break;
		}
		arena_reset(arena);
	}
	arena_free(arena);
	return next_ms;
}

/* While the device is muted it only looks whether it still is. */
static int64_t report_next(struct registration *registration, int64_t now_ms)
{
	const struct device *device = serve(registration);
	int64_t period_ms = device->options->send_every_ms;

	if (period_ms == 0)
		return -1;
	if (now_ms >= registration->report_ms) {
		registration->report_ms = now_ms + period_ms;
		if (!report_is_muted(device))
			advance(registration, REPORTED);
	}
	return registration->report_ms;
}

int64_t registration_tell(struct registration *registration, int64_t now_ms)
{
	int64_t next_ms, report_ms;

	if (registration->state != REGISTERED || registration->is_lost)
		return -1;
	next_ms = notify(registration);
	report_ms = registration->is_lost ? -1 : report_next(registration, now_ms);
	return next_ms < 0 || (report_ms >= 0 && report_ms < next_ms) ? report_ms : next_ms;
}

/* ---- begin and end ---- */

enum err registration_create(struct client *client, struct server *server,
			     struct registration **ret_registration)
{
	struct registration *registration = calloc(1, sizeof(*registration));

	if (registration == NULL)
		return ERR_NOMEM;
	registration->client = client;
	registration->server = server;
	registration->due_ms = client_now_ms(client) + retry_initial_delay_ms(client->device, server);
	*ret_registration = registration;
	return ERR_NONE;
}

void registration_free(struct registration *registration)
{
	if (registration == NULL)
		return;
	drop_line(registration);
	uplink_free(&registration->uplink);
	place_clear(&registration->place);
	free(registration);
}
