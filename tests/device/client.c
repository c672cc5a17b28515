#include "client.h"

#include <stdio.h>
#include <stdlib.h>

#include "account.h"
#include "log.h"
#include "misbehave.h"
#include "retry.h"

#define RETRY_DOUBLINGS_MAX 6

/* ---- for the registrations ---- */

int64_t client_now_ms(const struct client *client)
{
	return loop_now_ms(client->loop);
}

void client_soon(struct client *client)
{
	soon_add(client->soon_list, &client->soon);
}

void client_heard(struct client *client)
{
	client->heard_ms = client_now_ms(client);
	client_soon(client);
}

static void switch_radio(const struct client *client, bool is_on)
{
	for (size_t i = 0; i < client->registration_count; i++)
		uplink_switch(&client->registrations[i]->uplink, is_on);
	log_debug(is_on ? "device.awake" : "device.asleep", "endpoint=%s", client->device->endpoint);
}

void client_wake(struct client *client)
{
	client->heard_ms = client_now_ms(client);
	if (!client->is_asleep)
		return;
	client->is_asleep = false;
	switch_radio(client, true);
}

/* It is registered, or not wanted for the time being. */
static bool is_done(const struct registration *registration)
{
	return registration->state != REGISTRATION_RESTING && registration->state != REGISTRATION_REGISTERING;
}

bool client_lets_begin(const struct client *client, const struct registration *registration)
{
	for (size_t i = 0; i < client->registration_count; i++) {
		const struct registration *other = client->registrations[i];

		if (is_done(other) || !retry_comes_first(client->device, other->server, registration->server))
			continue;
		if (other->failures == 0 || retry_blocks_others(client->device, other->server))
			return false;
	}
	return true;
}

void client_begin_request(struct client *client)
{
	misbehave_before_request(client->device->misbehaviour);
	client->device->now_ms = client->heard_ms = client_now_ms(client);
}

void client_end_request(struct client *client, const struct request *request, struct arena *arena,
			struct answer *answer, const struct fault *fault)
{
	struct builder b = builder_in(arena);

	misbehave_answer(client->device->misbehaviour, arena, answer);
	misbehave_after_request(client->device->misbehaviour);
	build_path(&b, request->path);
	build_u8(&b, 0);
	log_debug("request.answered", "endpoint=%s method=%d path=%s code=%d.%02d reason=%s",
		  client->device->endpoint, request->method, b.bad ? "?" : (const char *)b.at,
		  answer->code >> 5, answer->code & 0x1F, fault->text);
	client_soon(client);
}

bool client_card_has_changed(struct client *client)
{
	if (!smartcard_check(client->device))
		return false;
	client->device->wish = WISH_BEGIN;
	client_soon(client);
	return true;
}

static void end_registrations(struct client *client)
{
	while (client->registration_count > 0)
		registration_free(client->registrations[--client->registration_count]);
}

static enum err begin_registrations(struct client *client)
{
	struct servers *servers = &client->device->servers;
	enum err err = ERR_NONE;

	for (size_t i = 0; i < servers->count && err == ERR_NONE; i++) {
		err = registration_create(client, servers->at[i], &client->registrations[i]);
		client->registration_count += err == ERR_NONE;
	}
	return err;
}

/* ---- what the bootstrap server wants ---- */

static void on_request(void *arg, const struct request *request, struct arena *arena,
		       struct answer *ret_answer)
{
	struct client *client = arg;
	struct fault fault = { .kind = ERR_NONE };

	client_begin_request(client);
	if (client->state == CLIENT_SETTLING)
		*ret_answer = (struct answer){ .code = UNAUTHORIZED, .format = FORMAT_NONE };
	else
		bootstrap_dispatch(&client->bootstrap, client->device, request, arena, ret_answer, &fault);
	client_end_request(client, request, arena, ret_answer, &fault);
}

static void on_answered(void *arg, uint8_t code, const char *location)
{
	struct client *client = arg;

	client->answer_code = code;
	client_heard(client);
}

static void on_lost(void *arg, const char *reason)
{
	struct client *client = arg;

	if (!client->is_lost)
		log_warn("line.lost", "endpoint=%s server=bootstrap reason=\"%s\"", client->device->endpoint,
			 reason);
	client->is_lost = true;
	client_soon(client);
}

/* Nothing is observed in a bootstrap. */
static void on_notification_lost(void *arg, struct bytes token, bool is_refused)
{
}

/* The pack. */
static void on_fetched(void *arg, uint8_t code, struct bytes content)
{
	struct client *client = arg;
	struct fault fault = { .kind = ERR_NONE };

	if (client->state != CLIENT_FETCHING)
		return;
	if (bootstrap_take_pack(&client->bootstrap, client->device, code, content, &fault) != ERR_NONE) {
		log_warn("bootstrap.no_pack", "endpoint=%s reason=\"%s\"", client->device->endpoint,
			 fault.text);
		client->answer_code = BAD_REQUEST;
	}
	client_heard(client);
}

static const struct line_events events = { on_request, on_answered, on_lost, on_notification_lost,
					   on_fetched };

/* ---- the state machine ---- */

enum event {
	DUE,      /* the time has come */
	ACCEPTED, /* 2.xx to the Bootstrap-Request */
	REFUSED,  /* anything else */
	LOST,     /* no answer, or the line broke */
	TOLD,     /* to bootstrap anew */
	NEEDED,   /* a bootstrap, as no server is there */
	FINISHED, /* the bootstrap server has */
	ENDING,   /* the device wants to leave for good */
	ENDED,    /* no registration is left */
};

typedef enum client_state (*action)(struct client *client);

static void drop_line(struct client *client)
{
	uplink_close(&client->uplink);
	client->is_lost = false;
	client->answer_code = 0;
}

static enum client_state rest(struct client *client)
{
	const struct options *options = client->device->options;
	uint32_t doublings = client->failures < RETRY_DOUBLINGS_MAX ? client->failures : RETRY_DOUBLINGS_MAX;

	client->failures++;
	client->due_ms = client_now_ms(client) + ((int64_t)options->retry_ms << doublings);
	drop_line(client);
	return CLIENT_RESTING;
}

/* As its account says. */
static enum err find_bootstrap_server(struct client *client, struct line_settings *ret_settings)
{
	struct line_settings settings = client->line_settings;
	struct fault fault = { .kind = ERR_NONE };
	struct account account;
	enum err err = account_find_bootstrap(client->device, &account);

	if (err != ERR_NONE)
		return err;
	place_clear(&client->place);
	err = place_find(account.uri, &client->place, &fault);
	if (err != ERR_NONE)
		return err;
	account_fill_line(&account, &client->place, &settings);
	*ret_settings = settings;
	return ERR_NONE;
}

/* The line is open. */
static enum client_state ask_for_requests(struct client *client)
{
	enum err err = bootstrap_begin(&client->bootstrap, client->uplink.line, client->device);

	return err == ERR_NONE ? CLIENT_ASKING : rest(client);
}

static enum client_state ask(struct client *client)
{
	struct line_settings settings;
	enum err err;

	client_wake(client);
	download_end(client);
	end_registrations(client);
	servers_forget(client->device);
	drop_line(client);
	err = find_bootstrap_server(client, &settings);
	if (err == ERR_NONE)
		err = uplink_open(&client->uplink, client, &settings, &events, client);
	if (err == ERR_NONE && client->device->options->wants_pack) {
		err = bootstrap_begin_pack(&client->bootstrap, client->uplink.line, client->device);
		return err == ERR_NONE ? CLIENT_FETCHING : rest(client);
	}
	return err == ERR_NONE ? ask_for_requests(client) : rest(client);
}

/* The hold off time comes before a bootstrap that the device begins by itself, and before the first attempt
 * only. */
static enum client_state ask_in_time(struct client *client)
{
	uint32_t hold_off_s = account_hold_off_s(client->device);

	if (hold_off_s == 0 || client->has_held_off)
		return ask(client);
	client->has_held_off = true;
	client->due_ms = client_now_ms(client) + (int64_t)hold_off_s * 1000;
	download_end(client);
	end_registrations(client);
	servers_forget(client->device);
	log_info("bootstrap.held_off", "endpoint=%s seconds=%u", client->device->endpoint, hold_off_s);
	return CLIENT_HOLDING;
}

/* With the servers there are, or without any by way of a bootstrap. */
static enum client_state begin(struct client *client)
{
	drop_line(client);
	smartcard_check(client->device);
	if (account_fill_bootstrap(client->device, &client->line_settings) != ERR_NONE ||
	    servers_find(client->device) != ERR_NONE)
		return rest(client);
	if (client->device->servers.count == 0)
		return ask_in_time(client);
	if (begin_registrations(client) != ERR_NONE) {
		end_registrations(client);
		return rest(client);
	}
	return CLIENT_WORKING;
}

static enum client_state let_write(struct client *client)
{
	client->due_ms = client_now_ms(client) + BOOTSTRAP_DEADLINE_MS;
	return CLIENT_BOOTSTRAPPING;
}

static enum client_state abandon(struct client *client)
{
	log_error("bootstrap.failed", "endpoint=%s code=%d.%02d", client->device->endpoint,
		  client->answer_code >> 5, client->answer_code & 0x1F);
	bootstrap_abandon(&client->bootstrap, client->device);
	return rest(client);
}

/* The account of the bootstrap server ends so long after its work is done (/0/x/12). */
static void plan_purge(struct client *client)
{
	uint32_t timeout_s = account_timeout_s(client->device);

	client->purge_ms = timeout_s == 0 ? -1 : client_now_ms(client) + (int64_t)timeout_s * 1000;
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
	client->has_held_off = false;
	plan_purge(client);
	client->due_ms = client_now_ms(client) + ack_timeout_ms * 3 / 2; /* RFC 7252, 4.8 */
	return CLIENT_SETTLING;
}

static enum client_state gone(struct client *client)
{
	drop_line(client);
	end_registrations(client);
	return CLIENT_GONE;
}

/* clang-format off */
static const struct transition {
	enum client_state in;
	enum event on;
	action then;            /* answers the state that it ends in */
} transitions[] = {
	{ CLIENT_WORKING,       TOLD,     ask          },
	{ CLIENT_WORKING,       NEEDED,   ask_in_time  },
	{ CLIENT_WORKING,       ENDED,    gone         },
	{ CLIENT_HOLDING,       DUE,      ask          },
	{ CLIENT_HOLDING,       ENDING,   gone         },
	{ CLIENT_RESTING,       DUE,      begin        },
	{ CLIENT_RESTING,       ENDING,   gone         },
	{ CLIENT_FETCHING,      ENDING,   gone         },
	{ CLIENT_FETCHING,      FINISHED, bootstrapped },
	{ CLIENT_FETCHING,      REFUSED,  ask_for_requests },
	{ CLIENT_FETCHING,      LOST,     abandon      },
	{ CLIENT_ASKING,        ENDING,   gone         },
	{ CLIENT_ASKING,        ACCEPTED, let_write    },
	{ CLIENT_ASKING,        REFUSED,  abandon      },
	{ CLIENT_ASKING,        LOST,     abandon      },
	{ CLIENT_BOOTSTRAPPING, ENDING,   gone         },
	{ CLIENT_BOOTSTRAPPING, FINISHED, bootstrapped },
	{ CLIENT_BOOTSTRAPPING, DUE,      abandon      },       /* it takes too long */
	{ CLIENT_BOOTSTRAPPING, LOST,     abandon      },
	{ CLIENT_SETTLING,      DUE,      begin        },
	{ CLIENT_SETTLING,      ENDING,   gone         },
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

static void sooner(int64_t *next_ms, int64_t at_ms)
{
	if (at_ms >= 0 && (*next_ms < 0 || at_ms < *next_ms))
		*next_ms = at_ms;
}

/* What comes next comes from the servers. */
static bool has_no_hurry(const struct client *client)
{
	return client->state == CLIENT_WORKING || client->state == CLIENT_FETCHING ||
	       client->state == CLIENT_ASKING;
}

static void purge(struct client *client)
{
	client->purge_ms = -1;
	bootstrap_remove_account(client->device);
	if (device_save(client->device) != ERR_NONE)
		log_error("bootstrap.not_saved", "endpoint=%s", client->device->endpoint);
	log_info("bootstrap.account_ended", "endpoint=%s", client->device->endpoint);
}

/* Of the bootstrap; answers when it wants to go on. */
static int64_t step_bootstrap(struct client *client, int64_t now_ms)
{
	take_answer(client);
	if (client->bootstrap.is_finished)
		advance(client, FINISHED);
	if (client->is_ending)
		advance(client, ENDING);
	if (!has_no_hurry(client) && client->due_ms <= now_ms)
		advance(client, DUE);
	if (client->is_lost)
		return now_ms;
	return has_no_hurry(client) ? -1 : client->due_ms;
}

/* A server that could not be reached for a while, when no other is there either. */
static bool needs_bootstrap(const struct client *client)
{
	bool is_needed = false;

	for (size_t i = 0; i < client->registration_count; i++) {
		const struct registration *registration = client->registrations[i];

		if (is_done(registration))
			return false;
		is_needed |=
			registration->state == REGISTRATION_RESTING && registration->failures > 0 &&
			retry_wants_bootstrap(client->device, registration->server, registration->failures);
	}
	return is_needed && account_has_bootstrap(client->device);
}

static int64_t step_registrations(struct client *client, int64_t now_ms)
{
	int64_t next_ms = -1;
	size_t left = 0;

	for (size_t i = 0; i < client->registration_count; i++) {
		struct registration *registration = client->registrations[i];
		enum registration_state before = registration->state;

		sooner(&next_ms, registration_step(registration, now_ms));
		if (registration->state != before) /* others may have waited for it */
			client_soon(client);
		left += registration->state != REGISTRATION_GONE;
	}
	if (left == 0)
		advance(client, ENDED);
	else if (needs_bootstrap(client))
		advance(client, NEEDED);
	return next_ms;
}

static void reboot(struct client *client)
{
	struct fault fault = { .kind = ERR_NONE };

	log_info("device.reboot", "endpoint=%s", client->device->endpoint);
	download_end(client);
	end_registrations(client);
	if (device_reboot(client->device, &fault) != ERR_NONE) {
		log_error("device.dead", "endpoint=%s reason=\"%s\"", client->device->endpoint, fault.text);
		client->is_ending = true;
	}
	client_wake(client);
	client->state = begin(client);
}

static void begin_anew(struct client *client)
{
	download_end(client);
	end_registrations(client);
	client_wake(client);
	client->state = begin(client);
}

static void grant_wish(struct client *client)
{
	enum device_wish wish = client->device->wish;

	if (client->state != CLIENT_WORKING)
		return;
	client->device->wish = WISH_NONE;
	if (wish == WISH_REBOOT)
		reboot(client);
	else if (wish == WISH_BOOTSTRAP)
		advance(client, TOLD);
	else if (wish == WISH_BEGIN)
		begin_anew(client);
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

static bool has_business(const struct client *client)
{
	if (client->device->firmware.fetch != 0)
		return true;
	for (size_t i = 0; i < client->device->agent_count; i++)
		if (client->device->agents[i].run != NULL)
			return true;
	for (size_t i = 0; i < client->registration_count; i++)
		if (registration_waits(client->registrations[i]) ||
		    client->registrations[i]->state == REGISTRATION_LEAVING)
			return true;
	return false;
}

/* When the device may sleep; -1 when it does not, or does already. */
static int64_t sleep_ms(const struct client *client)
{
	if (!client->device->options->is_queue_mode || client->is_asleep || client->state != CLIENT_WORKING ||
	    has_business(client))
		return -1;
	return client->heard_ms + client->device->options->awake_ms;
}

static void fall_asleep(struct client *client)
{
	client->is_asleep = true;
	switch_radio(client, false);
}

/* What the device does by itself; answers when it wants to go on, -1: not before something happens. */
static int64_t work(struct client *client, int64_t now_ms)
{
	int64_t next_ms = device_step(client->device, now_ms);

	sooner(&next_ms, live(client, now_ms));
	if (client->state != CLIENT_WORKING)
		return next_ms;
	if (client->purge_ms >= 0 && client->purge_ms <= now_ms)
		purge(client);
	sooner(&next_ms, client->purge_ms);
	if (!client->is_asleep) {
		sooner(&next_ms, download_step(client, now_ms));
		for (size_t i = 0; i < client->registration_count; i++)
			sooner(&next_ms, registration_tell(client->registrations[i], now_ms));
	}
	if (sleep_ms(client) >= 0 && sleep_ms(client) <= now_ms)
		fall_asleep(client);
	sooner(&next_ms, sleep_ms(client));
	return next_ms;
}

static bool is_lost(const struct client *client)
{
	for (size_t i = 0; i < client->registration_count; i++)
		if (client->registrations[i]->is_lost)
			return true;
	return client->is_lost;
}

static void step(void *self)
{
	struct client *client = self;
	int64_t now_ms = client_now_ms(client), next_ms = step_bootstrap(client, now_ms);

	grant_wish(client);
	if (client->state == CLIENT_WORKING)
		sooner(&next_ms, step_registrations(client, now_ms));
	if (client->state == CLIENT_GONE)
		return;
	sooner(&next_ms, work(client, now_ms));
	if (is_lost(client) || (client->device->wish != WISH_NONE && client->state == CLIENT_WORKING))
		next_ms = now_ms;
	if (next_ms > now_ms)
		loop_start_timer(client->loop, &client->timer, next_ms - now_ms);
	else if (next_ms >= 0)
		client_soon(client);
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
	client->state = CLIENT_RESTING;
	client->due_ms = loop_now_ms(loop);
	client->timer = timer_of(step, client);
	client->soon = soon_of(step, client);
	client->soon_list = soon_list;
	if (account_move_bootstrap(client->device) != ERR_NONE) {
		client_free(client);
		return ERR_NOMEM;
	}
	plan_purge(client); /* after a restart it begins anew */
	client_soon(client);
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
	end_registrations(client);
	uplink_free(&client->uplink);
	place_clear(&client->place);
	bootstrap_abandon(&client->bootstrap, client->device);
	device_close(client->device);
	free(client);
}

void client_end(struct client *client)
{
	if (client->is_ending)
		client->state = CLIENT_GONE;
	client->is_ending = true;
	client_soon(client);
}
