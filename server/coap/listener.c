#include "listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"

#define BACKLOG          1024
#define ACCEPTS_PER_TURN 64 /* then others have their turn */
#define NO_DESCRIPTORS_MS                                                                                    \
	1000 /* [ours] how long to leave connections alone when there is no descriptor for one */

struct listener {
	struct loop *loop;
	struct watch *watch;
	struct timer timer;
	struct coap_address bound;
	int fd;
	listener_accepted *accepted;
	void *self;
};

static void listen_again(void *self)
{
	struct listener *listener = self;

	if (loop_watch_events(listener->watch, EPOLLIN) != ERR_NONE)
		loop_start_timer(listener->loop, &listener->timer, NO_DESCRIPTORS_MS);
}

/* The kernel keeps who waits; without a pause it would tell of them in each turn. */
static void pause_accepting(struct listener *listener)
{
	log_warn("connection.not_accepted", "reason=%s", strerror(errno));
	if (loop_watch_events(listener->watch, 0) == ERR_NONE)
		loop_start_timer(listener->loop, &listener->timer, NO_DESCRIPTORS_MS);
}

static struct route route_of(const struct listener *listener, int fd, const struct coap_address *from)
{
	struct route route = { .key = peer_key_of(from) };
	struct peer_key local = { 0 };
	struct coap_address ours = { 0 };
	socklen_t size = sizeof(ours.v6);

	route.key.socket = listener->bound.socket;
	route.key.is_secure = listener->bound.is_secure;
	route.key.is_stream = listener->bound.is_stream;
	if (getsockname(fd, &ours.any, &size) == 0) {
		peer_key_from_sockaddr(&ours.any, &local);
		route.local = local.ip;
	}
	return route;
}

static void listener_ready(void *self, uint32_t events)
{
	struct listener *listener = self;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct coap_address from = { 0 };
		socklen_t size = sizeof(from.v6);
		int fd = accept4(listener->fd, &from.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			const struct route route = route_of(listener, fd, &from);
			listener->accepted(listener->self, fd, &route);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			pause_accepting(listener);
			return;
		} else if (errno == EAGAIN) {
			return;
		} /* else the connection has ended already: the next one */
	}
}

/* SO_REUSEADDR lets a server start again while connections of the last one fade; two listeners still exclude
 * each other. */
static enum err open_and_bind(struct listener *listener)
{
	struct coap_address *bound = &listener->bound;
	const int is_on = 1, is_off = 0;
	socklen_t size = address_size(bound);

	listener->fd = socket(bound->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0 ||
	    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &is_on, sizeof(is_on)) != 0 ||
	    (bound->any.sa_family == AF_INET6 &&
	     setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &is_off, sizeof(is_off)) != 0))
		return ERR_IO;
	if (bind(listener->fd, &bound->any, size) != 0 || listen(listener->fd, BACKLOG) != 0)
		return errno == EADDRINUSE ? ERR_CONFLICT : ERR_IO;
	size = sizeof(bound->v6);
	return getsockname(listener->fd, &bound->any, &size) == 0 ? ERR_NONE : ERR_IO;
}

enum err listener_open(struct loop *loop, const struct coap_address *listen, listener_accepted *accepted,
		       void *self, struct listener **ret_listener, struct fault *fault)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	char text[COAP_ADDRESS_TEXT_SIZE];

	if (listener == NULL)
		return fault_set(fault, ERR_NOMEM, "no memory for a socket");
	listener->loop = loop;
	listener->timer = timer_of(listen_again, listener);
	listener->bound = address_to_listen_at(listen);
	listener->accepted = accepted;
	listener->self = self;
	enum err err = open_and_bind(listener);
	if (err == ERR_NONE)
		err = loop_watch(loop, listener->fd, EPOLLIN, listener_ready, listener, &listener->watch);
	if (err != ERR_NONE) {
		err = fault_set(fault, err, "%s: %s", coap_address_print(listen, text), strerror(errno));
		listener_close(listener);
		return err;
	}
	*ret_listener = listener;
	return ERR_NONE;
}

void listener_close(struct listener *listener)
{
	if (listener == NULL)
		return;
	loop_stop_timer(listener->loop, &listener->timer);
	loop_unwatch(listener->watch);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener);
}

struct coap_address listener_bound(const struct listener *listener)
{
	return listener->bound;
}
