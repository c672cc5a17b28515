#include "relay.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define DATAGRAM_MAX 2048
#define DELAYED_MAX  1024

struct delayed {
	struct relay *relay;
	struct timer timer;
	bool is_upstream;
	struct delayed *next;
	size_t len;
	uint8_t at[];
};

struct relay {
	struct loop *loop;
	struct misbehaviour *misbehaviour;
	int inner, outer; /* towards the line, towards the server */
	struct watch *inner_watch, *outer_watch;
	struct address line; /* where the line last sent from */
	bool is_on;
	struct delayed *delayed;
	size_t delayed_count;
};

static void pass_on(struct relay *relay, bool is_upstream, const uint8_t *at, size_t len)
{
	ssize_t sent;

	if (!relay->is_on)
		return;
	if (is_upstream)
		sent = send(relay->outer, at, len, MSG_DONTWAIT);
	else
		sent = sendto(relay->inner, at, len, MSG_DONTWAIT, (const struct sockaddr *)&relay->line.at,
			      relay->line.len);
	if (sent < 0)
		return; /* as lost as any other datagram */
}

static void release_delayed(void *self)
{
	struct delayed *delayed = self, **link;
	struct relay *relay = delayed->relay;

	for (link = &relay->delayed; *link != delayed;)
		link = &(*link)->next;
	*link = delayed->next;
	relay->delayed_count--;
	pass_on(relay, delayed->is_upstream, delayed->at, delayed->len);
	free(delayed);
}

static void delay(struct relay *relay, bool is_upstream, const uint8_t *at, size_t len, int64_t delay_ms)
{
	struct delayed *delayed =
		relay->delayed_count < DELAYED_MAX ? calloc(1, sizeof(*delayed) + len) : NULL;

	if (delayed == NULL)
		return;
	delayed->relay = relay;
	delayed->is_upstream = is_upstream;
	delayed->len = len;
	memcpy(delayed->at, at, len);
	delayed->timer = timer_of(release_delayed, delayed);
	delayed->next = relay->delayed;
	relay->delayed = delayed;
	relay->delayed_count++;
	loop_start_timer(relay->loop, &delayed->timer, delay_ms);
}

static void meet_fate(struct relay *relay, bool is_upstream, uint8_t *at, size_t len)
{
	struct datagram_fate fate = misbehave_datagram(relay->misbehaviour, at, len);

	if (fate.is_dropped || !relay->is_on)
		return;
	for (int copies = fate.is_doubled ? 2 : 1; copies > 0; copies--) {
		if (fate.delay_ms > 0)
			delay(relay, is_upstream, at, len, fate.delay_ms);
		else
			pass_on(relay, is_upstream, at, len);
	}
}

static void from_line(void *self, uint32_t events)
{
	struct relay *relay = self;
	uint8_t datagram[DATAGRAM_MAX];
	struct address from = { .len = sizeof(from.at) };
	ssize_t len;

	while ((len = recvfrom(relay->inner, datagram, sizeof(datagram), MSG_DONTWAIT,
			       (struct sockaddr *)&from.at, &from.len)) >= 0) {
		relay->line = from;
		meet_fate(relay, true, datagram, (size_t)len);
	}
}

static void from_server(void *self, uint32_t events)
{
	struct relay *relay = self;
	uint8_t datagram[DATAGRAM_MAX];
	ssize_t len;

	while ((len = recv(relay->outer, datagram, sizeof(datagram), MSG_DONTWAIT)) >= 0)
		meet_fate(relay, false, datagram, (size_t)len);
}

static struct address loopback(int family)
{
	struct address address = { .len = family == AF_INET6 ? sizeof(struct sockaddr_in6)
							     : sizeof(struct sockaddr_in) };

	if (family == AF_INET6)
		*(struct sockaddr_in6 *)&address.at =
			(struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	else
		*(struct sockaddr_in *)&address.at =
			(struct sockaddr_in){ .sin_family = AF_INET,
					      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return address;
}

enum err relay_create(struct loop *loop, struct misbehaviour *misbehaviour, const struct address *server,
		      struct relay **ret_relay)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	int family = server->at.ss_family;
	struct address inner = loopback(family);
	enum err err = ERR_IO;

	if (relay == NULL)
		return ERR_NOMEM;
	*relay = (struct relay){
		.loop = loop, .misbehaviour = misbehaviour, .inner = -1, .outer = -1, .is_on = true
	};
	relay->inner = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	relay->outer = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (relay->inner >= 0 && relay->outer >= 0 &&
	    bind(relay->inner, (const struct sockaddr *)&inner.at, inner.len) == 0 &&
	    connect(relay->outer, (const struct sockaddr *)&server->at, server->len) == 0)
		err = loop_watch(loop, relay->inner, EPOLLIN, from_line, relay, &relay->inner_watch);
	if (err == ERR_NONE)
		err = loop_watch(loop, relay->outer, EPOLLIN, from_server, relay, &relay->outer_watch);
	if (err != ERR_NONE) {
		relay_free(relay);
		return err;
	}
	*ret_relay = relay;
	return ERR_NONE;
}

void relay_free(struct relay *relay)
{
	if (relay == NULL)
		return;
	while (relay->delayed != NULL) {
		struct delayed *gone = relay->delayed;
		relay->delayed = gone->next;
		loop_stop_timer(relay->loop, &gone->timer);
		free(gone);
	}
	loop_unwatch(relay->inner_watch);
	loop_unwatch(relay->outer_watch);
	if (relay->inner >= 0)
		close(relay->inner);
	if (relay->outer >= 0)
		close(relay->outer);
	free(relay);
}

struct address relay_address(const struct relay *relay)
{
	struct address address = { .len = sizeof(address.at) };

	getsockname(relay->inner, (struct sockaddr *)&address.at, &address.len);
	return address;
}

void relay_switch(struct relay *relay, bool is_on)
{
	if (is_on && !relay->is_on) { /* what came while the radio was off is gone */
		from_line(relay, 0);
		from_server(relay, 0);
	}
	relay->is_on = is_on;
}
