#include "client.h"

#include <stdio.h>
#include <stdlib.h>

#include "account.h"
#include "log.h"
#include "misbehave.h"
#include "register.h"
#include "report.h"

#define RETRY_DOUBLINGS_MAX 6
#define LEAVE_WITHIN_MS     5000
#define STEP_BYTES_MAX      (1 << 20)
#define REGISTRATIONS_TRIED 5 /* in vain, before a bootstrap */

/* ---- what the server wants ---- */

static void on_request(void *arg, const struct request *request, struct arena *arena,
		       struct answer *ret_answer)
{
	struct client *client = arg;
	struct device *device = client->device;
	struct fault fault = { .kind = ERR_NONE };
	struct builder b = builder_in(arena);

	misbehave_before_request(device->misbehaviour);
	device->now_ms = client->heard_ms = loop_now_ms(client->loop);
	if (client->state == CLIENT_ASKING || client->state == CLIENT_BOOTSTRAPPING)
		bootstrap_dispatch(&client->bootstrap, device, request, arena, ret_answer, &fault);
	else if (client->state == CLIENT_RESTING) /* the bootstrap server, after its Finish */
		*ret_answer = (struct answer){ .code = UNAUTHORIZED, .format = FORMAT_NONE };
	else
		objects_dispatch(device, request, arena, ret_answer, &fault);
	misbehave_answer(device->misbehaviour, arena, ret_answer);
	misbehave_after_request(device->misbehaviour);

	build_path(&b, request->path);
	build_u8(&b, 0);
	log_debug("request.answered", "endpoint=%s method=%d path=%s code=%d.%02d reason=%s",
		  device->endpoint, request->method, b.bad ? "?" : (const char *)b.at, ret_answer->code >> 5,
		  ret_answer->code & 0x1F, fault.text);
	soon_add(client->soon_list, &client->soon);
}

static void on_answered(void *arg, uint8_t code, const char *location)
{
	struct client *client = arg;

	client->answer_code = code;
	client->heard_ms = loop_now_ms(client->loop);
	if (code == CREATED)
		snprintf(client->location, sizeof(client->location), "%s", location);
	soon_add(client->soon_list, &client->soon);
}

static void on_lost(void *arg, const char *reason)
{
	struct client *client = arg;

	if (!client->is_lost)
		log_warn("line.lost", "endpoint=%s reason=\"%s\"", client->device->endpoint, reason);
	client->is_lost = true;
	soon_add(client->soon_list, &client->soon);
}

static void on_notification_lost(void *arg, struct bytes token, bool is_refused)
{
	struct client *client = arg;

	if (is_refused) {
		observe_cancel(client->device, token); /* a Reset means the server wants no more of it */
		return;
	}
	observe_lost(client->device, token);
	on_lost(client, "a notification was not acknowledged");
}

static void on_fetched(void *arg, uint8_t code, struct bytes content)
{
	download_answered(arg, code, content);
}

static const struct line_events events = { on_request, on_answered, on_lost, on_notification_lost,
					   on_fetched };

/* ---- what the device says ---- */

static void drop_line(struct client *client)
{
	download_lose_line(client);
	line_close(client->line);
	client->line = NULL;
	client->is_lost = false;
	client->answer_code = 0;
}

/* The radio between the line and where it leads, when there is to be one. */
static enum err insert_relay(struct client *client, struct line_settings *settings)
{
	const struct device *device = client->device;
	enum err err = ERR_NONE;

	if (!device->options->is_queue_mode && !misbehave_with_datagrams(device->options))
		return ERR_NONE;
	if (client->relay == NULL || !is_same_address(&client->relay_to, &settings->server)) {
		relay_free(client->relay);
		client->relay = NULL;
		err = relay_create(client->loop, device->misbehaviour, &settings->server, &client->relay);
	}
	if (err != ERR_NONE)
		return err;
	client->relay_to = settings->server;
	settings->server = relay_address(client->relay);
	return ERR_NONE;
}

static enum err open_line(struct client *client, const struct line_settings *to)
{
	struct line_settings settings = *to;
	enum err err;

	drop_line(client);
	client->line_to = settings.server;
	err = insert_relay(client, &settings);
	return err == ERR_NONE ? line_open(client->transport, &settings, &events, client, &client->line)
			       : err;
}

/* Where to register: with a bootstrap server what it said, else what the command line said. */
static enum err find_account(struct client *client, struct line_settings *ret_settings)
{
	struct line_settings settings = client->line_settings;
	struct fault fault = { .kind = ERR_NONE };
	struct account account;
	enum err err = ERR_NONE;

	if (client->device->options->bootstrap != NULL) {
		err = account_find(client->device, &account);
		place_clear(&client->place);
		if (err == ERR_NONE)
			err = place_find(account.uri, &client->place, &fault);
		if (err != ERR_NONE)
			return err;
		client->device->server_instance = account.server_instance;
		settings.server = client->place.address;
		settings.is_secure = client->place.is_secure;
		settings.host = client->place.host;
		settings.psk_identity = account.psk_identity;
		settings.psk_key = account.psk_key;
	}
	*ret_settings = settings;
	return ERR_NONE;
}

static enum err send_register(struct client *client)
{
	struct line_settings settings;
	enum err err = find_account(client, &settings);

	if (err == ERR_NONE)
		err = open_line(client, &settings);

	if (err != ERR_NONE)
		return err;
	line_local_address(client->line, client->device->local_address,
			   sizeof(client->device->local_address));
	return register_send(client->line, client->device);
}

/* ---- sleep ---- */

static bool sleeps(const struct client *client)
{
	return client->device->options->is_queue_mode;
}

static void wake(struct client *client)
{
	client->heard_ms = loop_now_ms(client->loop);
	if (!client->is_asleep)
		return;
	client->is_asleep = false;
	relay_switch(client->relay, true);
	log_debug("device.awake", "endpoint=%s", client->device->endpoint);
}

static void fall_asleep(struct client *client)
{
	client->is_asleep = true;
	relay_switch(client->relay, false);
	log_debug("device.asleep", "endpoint=%s", client->device->endpoint);
}

/* ---- the state machine ---- */

enum event {
	DUE,      /* the time has come */
	ACCEPTED, /* 2.xx to what was sent */
	REFUSED,  /* anything else */
	LOST,     /* no answer, or the line broke */
	WANTED,   /* the device or its server wants an update */
	REPORTED, /* there is something to Send */
	TOLD,     /* to bootstrap anew */
	FINISHED, /* the bootstrap server has */
	ENDING,   /* the device wants to leave, for good or for a while */
};

typedef enum client_state (*action)(struct client *client);

static enum client_state rest(struct client *client)
{
	const struct options *options = client->device->options;
	uint32_t doublings = client->failures < RETRY_DOUBLINGS_MAX ? client->failures : RETRY_DOUBLINGS_MAX;

	client->failures++;
	client->due_ms = loop_now_ms(client->loop) + ((int64_t)options->retry_ms << doublings);
	drop_line(client);
	return client->is_ending ? CLIENT_GONE : CLIENT_RESTING;
}

static enum client_state ask(struct client *client)
{
	enum err err = open_line(client, &client->line_settings);

	wake(client);
	observe_cancel_all(client->device);
	if (err == ERR_NONE)
		err = bootstrap_begin(&client->bootstrap, client->line, client->device);
	return err == ERR_NONE ? CLIENT_ASKING : rest(client);
}

/* Without an account, and now and then when it leads nowhere (/1/x/16). */
static bool needs_bootstrap(const struct client *client)
{
	struct account account;

	return client->device->options->bootstrap != NULL &&
	       (account_find(client->device, &account) != ERR_NONE ||
		client->failures % (REGISTRATIONS_TRIED + 1) == REGISTRATIONS_TRIED);
}

static enum client_state begin(struct client *client)
{
	wake(client);
	if (client->is_ending)
		return CLIENT_GONE;
	if (needs_bootstrap(client))
		return ask(client);
	observe_cancel_all(client->device); /* a new registration knows no observations */
	if (send_register(client) != ERR_NONE)
		return rest(client);
	return CLIENT_REGISTERING;
}

/* Back at work: the next update is due well before the lifetime is over, or at the next wake-up. */
static enum client_state settle(struct client *client)
{
	const struct options *options = client->device->options;
	uint32_t lifetime = register_lifetime_s(client->device);
	int64_t period_ms = lifetime == 0 ? -1 : (int64_t)lifetime * 1000 / 10 * 8;

	if (sleeps(client) && (period_ms < 0 || options->wake_every_ms < period_ms))
		period_ms = options->wake_every_ms;
	client->failures = 0;
	client->due_ms = period_ms < 0 ? -1 : loop_now_ms(client->loop) + period_ms;
	return CLIENT_REGISTERED;
}

static enum client_state registered(struct client *client)
{
	printf("registered endpoint=%s location=%s\n", client->device->endpoint, client->location);
	fflush(stdout);
	return settle(client);
}

static enum client_state updated(struct client *client)
{
	printf("updated endpoint=%s location=%s\n", client->device->endpoint, client->location);
	fflush(stdout);
	return settle(client);
}

static enum client_state register_refused(struct client *client)
{
	log_error("registration.refused", "endpoint=%s code=%d.%02d", client->device->endpoint,
		  client->answer_code >> 5, client->answer_code & 0x1F);
	return rest(client);
}

static enum client_state update(struct client *client)
{
	wake(client);
	if (update_send(client->line, client->device, client->location) != ERR_NONE)
		return begin(client);
	return CLIENT_UPDATING;
}

static enum client_state report(struct client *client)
{
	return report_send(client->line, client->device) == ERR_NONE ? CLIENT_REPORTING : begin(client);
}

static enum client_state reported(struct client *client)
{
	return CLIENT_REGISTERED;
}

static enum client_state report_refused(struct client *client)
{
	log_warn("send.refused", "endpoint=%s code=%d.%02d", client->device->endpoint, client->answer_code >> 5,
		 client->answer_code & 0x1F);
	return CLIENT_REGISTERED;
}

static enum client_state leave(struct client *client)
{
	wake(client);
	if (deregister_send(client->line, client->location) != ERR_NONE)
		return client->is_ending ? CLIENT_GONE : rest(client);
	client->due_ms = loop_now_ms(client->loop) + LEAVE_WITHIN_MS;
	return CLIENT_DEREGISTERING;
}

static enum client_state left(struct client *client)
{
	int64_t timeout_s = device_stored_integer(
		client->device, RESOURCE_PATH(1, client->device->server_instance, 5), 86400);

	printf("deregistered endpoint=%s\n", client->device->endpoint);
	fflush(stdout);
	drop_line(client);
	observe_cancel_all(client->device);
	client->due_ms = loop_now_ms(client->loop) + timeout_s * 1000;
	return client->is_ending ? CLIENT_GONE : CLIENT_DISABLED;
}

static enum client_state let_write(struct client *client)
{
	client->due_ms = loop_now_ms(client->loop) + BOOTSTRAP_DEADLINE_MS;
	return CLIENT_BOOTSTRAPPING;
}

static enum client_state abandon(struct client *client)
{
	log_error("bootstrap.failed", "endpoint=%s code=%d.%02d", client->device->endpoint,
		  client->answer_code >> 5, client->answer_code & 0x1F);
	bootstrap_abandon(&client->bootstrap, client->device);
	return rest(client);
}

/* The line stays for a while: a Finish whose answer is lost comes again, and is answered again. */
static enum client_state bootstrapped(struct client *client)
{
	uint32_t ack_timeout_ms = client->device->options->ack_timeout_ms;

	if (bootstrap_keep(&client->bootstrap, client->device) != ERR_NONE)
		return abandon(client);
	printf("bootstrapped endpoint=%s\n", client->device->endpoint);
	fflush(stdout);
	client->failures = 0;
	client->due_ms = loop_now_ms(client->loop) + ack_timeout_ms * 3 / 2; /* RFC 7252, 4.8 */
	return CLIENT_RESTING;
}

static enum client_state gone(struct client *client)
{
	drop_line(client);
	return CLIENT_GONE;
}

/* clang-format off */
static const struct transition {
	enum client_state in;
	enum event on;
	action then;            /* answers the state that it ends in */
} transitions[] = {
	{ CLIENT_RESTING,       DUE,      begin            },
	{ CLIENT_RESTING,       ENDING,   gone             },
	{ CLIENT_DISABLED,      DUE,      begin            },
	{ CLIENT_DISABLED,      ENDING,   gone             },
	{ CLIENT_REGISTERING,   ENDING,   gone             },
	{ CLIENT_REGISTERING,   ACCEPTED, registered       },
	{ CLIENT_REGISTERING,   REFUSED,  register_refused },
	{ CLIENT_REGISTERING,   LOST,     rest             },
	{ CLIENT_REGISTERED,    DUE,      update           },
	{ CLIENT_REGISTERED,    WANTED,   update           },
	{ CLIENT_REGISTERED,    ENDING,   leave            },
	{ CLIENT_REGISTERED,    LOST,     begin            },
	{ CLIENT_REGISTERED,    TOLD,     ask              },
	{ CLIENT_REGISTERED,    REPORTED, report           },
	{ CLIENT_REPORTING,     ENDING,   leave            },
	{ CLIENT_REPORTING,     ACCEPTED, reported         },
	{ CLIENT_REPORTING,     REFUSED,  report_refused   },
	{ CLIENT_REPORTING,     LOST,     begin            },
	{ CLIENT_UPDATING,      ENDING,   leave            },
	{ CLIENT_UPDATING,      ACCEPTED, updated          },
	{ CLIENT_UPDATING,      REFUSED,  begin            },     /* 4.04: the server has forgotten us */
	{ CLIENT_UPDATING,      LOST,     begin            },
	{ CLIENT_ASKING,        ENDING,   gone             },
	{ CLIENT_ASKING,        ACCEPTED, let_write        },
	{ CLIENT_ASKING,        REFUSED,  abandon          },
	{ CLIENT_ASKING,        LOST,     abandon          },
	{ CLIENT_BOOTSTRAPPING, ENDING,   gone             },
	{ CLIENT_BOOTSTRAPPING, FINISHED, bootstrapped     },
	{ CLIENT_BOOTSTRAPPING, DUE,      abandon          },     /* it takes too long */
	{ CLIENT_BOOTSTRAPPING, LOST,     abandon          },
	{ CLIENT_DEREGISTERING, DUE,      left             },     /* it takes too long */
	{ CLIENT_DEREGISTERING, ACCEPTED, left             },
	{ CLIENT_DEREGISTERING, REFUSED,  left             },
	{ CLIENT_DEREGISTERING, LOST,     left             },
};
/* clang-format on */

static void advance(struct client *client, enum event event)
{
	for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++) {
		if (transitions[i].in == client->state && transitions[i].on == event) {
			client->state = transitions[i].then(client);
			return;
		}
	}
}

/* ---- one step ---- */

static void take_answer(struct client *client)
{
	uint8_t code = client->answer_code;

	if (client->is_lost) {
		client->is_lost = false;
		advance(client, LOST);
	} else if (code != 0) {
		advance(client, code >> 5 == 2 ? ACCEPTED : REFUSED);
		client->answer_code = 0;
	}
}

static void reboot(struct client *client)
{
	struct fault fault = { .kind = ERR_NONE };

	log_info("device.reboot", "endpoint=%s", client->device->endpoint);
	download_end(client);
	drop_line(client);
	if (device_reboot(client->device, &fault) != ERR_NONE) {
		log_error("device.dead", "endpoint=%s reason=\"%s\"", client->device->endpoint, fault.text);
		client->is_ending = true;
	}
	client->state = CLIENT_RESTING;
	client->due_ms = loop_now_ms(client->loop);
}

static void grant_wish(struct client *client)
{
	enum device_wish wish = client->device->wish;

	if (client->state != CLIENT_REGISTERED)
		return;
	client->device->wish = WISH_NONE;
	if (wish == WISH_REBOOT)
		reboot(client);
	else if (wish == WISH_DISABLE)
		advance(client, ENDING);
	else if (wish == WISH_UPDATE)
		advance(client, WANTED);
	else if (wish == WISH_BOOTSTRAP)
		advance(client, TOLD);
}

/* An answer that is an error is the last one of its observation. */
static enum err send_notification(struct client *client, struct arena *arena,
				  struct notification *notification)
{
	enum err err;

	client->heard_ms = loop_now_ms(client->loop);
	misbehave_answer(client->device->misbehaviour, arena, &notification->answer);
	err = line_notify(client->line, notification);
	if (notification->answer.code != CONTENT)
		observe_cancel(client->device, notification->token);
	return err;
}

static int64_t notify(struct client *client)
{
	struct notification notification;
	struct arena *arena;
	int64_t next_ms = -1;

	if (client->device->observations.first == NULL)
		return -1;
	arena = arena_create(STEP_BYTES_MAX);
	while (arena != NULL && observe_next(client->device, arena, &notification, &next_ms)) {
		if (send_notification(client, arena, &notification) != ERR_NONE) {
			on_lost(client, "a notification could not be sent");
			break;
		}
		arena_reset(arena);
	}
	arena_free(arena);
	return next_ms;
}

static int64_t live(struct client *client, int64_t now_ms)
{
	int64_t period_ms = client->device->options->live_every_ms;

	if (period_ms == 0)
		return -1;
	if (now_ms >= client->live_ms) {
		device_live(client->device);
		client->live_ms = now_ms + period_ms;
	}
	return client->live_ms;
}

/* While the device is muted it only looks whether it still is. */
static int64_t report_next(struct client *client, int64_t now_ms)
{
	int64_t period_ms = client->device->options->send_every_ms;

	if (period_ms == 0 || client->state != CLIENT_REGISTERED || client->is_asleep)
		return -1;
	if (now_ms >= client->report_ms) {
		client->report_ms = now_ms + period_ms;
		if (!report_is_muted(client->device))
			advance(client, REPORTED);
	}
	return client->report_ms;
}

static void sooner(int64_t *next_ms, int64_t at_ms)
{
	if (at_ms >= 0 && (*next_ms < 0 || at_ms < *next_ms))
		*next_ms = at_ms;
}

static bool has_business(const struct client *client)
{
	if (client->device->firmware.fetch != 0)
		return true;
	for (size_t i = 0; i < client->device->agent_count; i++)
		if (client->device->agents[i].run != NULL)
			return true;
	return false;
}

/* When the device may sleep; -1 when it does not, or does already. */
static int64_t sleep_ms(const struct client *client)
{
	if (!sleeps(client) || client->is_asleep || client->state != CLIENT_REGISTERED ||
	    has_business(client))
		return -1;
	return client->heard_ms + client->device->options->awake_ms;
}

/* What the device does by itself; answers when it wants to go on, -1: not before something happens. */
static int64_t work(struct client *client, int64_t now_ms)
{
	int64_t next_ms = device_step(client->device, now_ms);

	sooner(&next_ms, live(client, now_ms));
	if (client->state == CLIENT_REGISTERED && !client->is_asleep && !client->is_lost) {
		sooner(&next_ms, download_step(client, now_ms));
		sooner(&next_ms, notify(client));
	}
	if (!client->is_lost)
		sooner(&next_ms, report_next(client, now_ms));
	if (sleep_ms(client) >= 0 && sleep_ms(client) <= now_ms)
		fall_asleep(client);
	sooner(&next_ms, sleep_ms(client));
	return next_ms;
}

static bool waits_for_answer(const struct client *client)
{
	return client->state == CLIENT_REGISTERING || client->state == CLIENT_UPDATING ||
	       client->state == CLIENT_REPORTING || client->state == CLIENT_ASKING;
}

static void step(void *self)
{
	struct client *client = self;
	int64_t now_ms = loop_now_ms(client->loop), next_ms;

	take_answer(client);
	if (client->bootstrap.is_finished)
		advance(client, FINISHED);
	if (client->is_ending)
		advance(client, ENDING);
	grant_wish(client);
	if (!waits_for_answer(client) && client->due_ms >= 0 && client->due_ms <= now_ms)
		advance(client, DUE);
	if (client->state == CLIENT_GONE)
		return;
	next_ms = work(client, now_ms);
	if (!waits_for_answer(client))
		sooner(&next_ms, client->due_ms);
	if (client->is_lost || (client->device->wish != WISH_NONE && client->state == CLIENT_REGISTERED))
		next_ms = now_ms;
	if (next_ms > now_ms)
		loop_start_timer(client->loop, &client->timer, next_ms - now_ms);
	else if (next_ms >= 0)
		soon_add(client->soon_list, &client->soon);
}

/* ---- begin and end ---- */

enum err client_create(struct loop *loop, struct soon_list *soon_list, struct transport *transport,
		       const struct line_settings *line_settings, struct device *take_device,
		       struct client **ret_client)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL) {
		device_close(take_device);
		return ERR_NOMEM;
	}
	client->loop = loop;
	client->transport = transport;
	client->device = take_device;
	client->line_settings = *line_settings;
	client->due_ms = loop_now_ms(loop);
	client->timer = timer_of(step, client);
	client->soon = soon_of(step, client);
	client->soon_list = soon_list;
	soon_add(client->soon_list, &client->soon);
	*ret_client = client;
	return ERR_NONE;
}

void client_free(struct client *client)
{
	if (client == NULL)
		return;
	loop_stop_timer(client->loop, &client->timer);
	soon_cancel(client->soon_list, &client->soon);
	download_end(client);
	line_close(client->line);
	relay_free(client->relay);
	bootstrap_abandon(&client->bootstrap, client->device);
	place_clear(&client->place);
	device_close(client->device);
	free(client);
}

void client_end(struct client *client)
{
	if (client->is_ending)
		client->state = CLIENT_GONE;
	client->is_ending = true;
	soon_add(client->soon_list, &client->soon);
}
