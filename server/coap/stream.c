#include "stream.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#include "block.h"
#include "stream_state.h"

#define READS_PER_TURN 4 /* then others have their turn */

/* ---- its end ---- */

void stream_break(struct stream *stream)
{
	stream->is_broken = true;
	loop_start_timer(stream_endpoint(stream)->loop, &stream->soon, 0);
}

void stream_leave_beginning(struct stream *stream)
{
	if (stream->has_csm)
		return;
	DL_DELETE(stream->all->beginning, stream);
	stream->all->beginning_count--;
}

void stream_end(struct stream *stream)
{
	if (stream == NULL)
		return;
	struct endpoint *endpoint = stream_endpoint(stream);
	const struct endpoint_handlers *handlers = &endpoint->handlers;
	const struct coap_address from = peer_key_address(&stream->peer->route.key);
	const bool was_open = stream->has_csm;

	if (stream_is_open(stream))
		stream_say_release(stream);
	stream_leave_beginning(stream);
	stream->is_broken = true;
	loop_stop_timer(endpoint->loop, &stream->input);
	loop_stop_timer(endpoint->loop, &stream->output);
	loop_stop_timer(endpoint->loop, &stream->soon);
	loop_unwatch(stream->watch);
	close(stream->fd);
	if (was_open && !endpoint->is_closing && handlers->lost != NULL)
		handlers->lost(handlers->self, &from, stream_name(stream));
	channel_free(stream->channel);
	body_clear(endpoint, &stream->in);
	body_clear(endpoint, &stream->out);
	stream->all->count--;
	stream->peer->stream = NULL;
	free(stream);
}

/* ---- the socket ---- */

/* False: the stream is no more. */
static bool receive(struct stream *stream, struct bytes bytes)
{
	if (stream->is_ending)
		return true; /* it is read until the device has closed, so that our last word is not lost */
	if (stream->channel == NULL)
		return stream_take(stream, bytes);
	return channel_receive(stream->channel, bytes);
}

/* The device is done, or at an end with its credential or its patience. */
static bool has_left(const struct stream *stream)
{
	return stream->is_released && stream->peer->pending_count == 0 && stream->peer->exchanges == NULL &&
	       !stream_has_unsent(stream);
}

/* After something has come or is served: what waits leaves. */
static void settle(struct stream *stream)
{
	stream_pay_pong(stream);
	stream->is_receiving = false;
	stream_flush(stream);
	if (has_left(stream) && !stream->is_ending)
		stream_stop_talking(stream);
	if (stream->has_stopped && !stream_is_waiting(stream))
		loop_start_timer(stream_endpoint(stream)->loop, &stream->soon, 0);
	stream_watch(stream);
}

static void stream_ready(void *self, uint32_t events)
{
	struct stream *stream = self;
	struct streams *all = stream->all;

	if ((events & EPOLLOUT) != 0)
		stream_flush(stream);
	stream->is_receiving = true;
	for (int i = 0; i < READS_PER_TURN && !stream->is_broken; i++) {
		if (stream_is_waiting(stream) && (events & (EPOLLERR | EPOLLHUP)) == 0)
			break;
		ssize_t count = read(stream->fd, all->in, sizeof(all->in));
		if (count < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (count <= 0 || stream_is_waiting(stream)) {
			stream->is_broken = true; /* nobody hears a good-bye */
			endpoint_remove_peer(stream->peer);
			return;
		}
		if (!receive(stream, bytes_of(all->in, (size_t)count)))
			return;
		if ((size_t)count < sizeof(all->in))
			break;
	}
	settle(stream);
}

/* ---- timers ---- */

static void input_due(void *self)
{
	struct stream *stream = self;

	if (stream->is_ending)
		stream_break(stream);
	else if (stream->has_csm)
		stream_abort(stream, 0, "a message takes too long");
	else if (stream->channel == NULL)
		stream_abort(stream, 0, "no CSM has come");
	else
		stream_break(stream);
}

static void output_due(void *self)
{
	stream_break(self);
}

static void soon_due(void *self)
{
	struct stream *stream = self;

	if (stream->is_broken) {
		endpoint_remove_peer(stream->peer);
		return;
	}
	stream_pay_pong(stream);
	stream->is_receiving = true;
	if (stream_take(stream, bytes_of(NULL, 0)))
		settle(stream);
}

void stream_go_on(struct stream *stream)
{
	if (stream->owes_pong || stream->is_released || stream->has_stopped ||
	    (stream->watched & EPOLLIN) == 0)
		loop_start_timer(stream_endpoint(stream)->loop, &stream->soon, 0);
}

/* ---- its beginning ---- */

void stream_begin_messages(struct stream *stream)
{
	stream_send_signal(stream, &(struct signal){
					   .code = SIGNAL_CSM,
					   .has_max_bytes = true,
					   .max_bytes = (uint32_t)stream_message_max(stream),
					   .has_block_wise = true,
				   });
}

static void set_options(int fd)
{
	const int is_on = 1;
	const unsigned unheard_ms = STREAM_STALLED_MS;

	/* Wishes: without them it is slower to answer, or to see that the device has gone. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &is_on, sizeof(is_on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof(unheard_ms));
}

/* As with half-open connections: who is quick gets through whatever others leave behind. */
static void make_room(struct streams *all)
{
	struct stream *oldest = all->beginning;

	if (all->beginning_count < all->endpoint->handshakes_max)
		return;
	all->endpoint->counts.refused++;
	endpoint_remove_peer(oldest->peer);
}

static enum err open_channel(struct streams *all, struct stream *stream)
{
	if (!stream->peer->route.key.is_secure)
		return ERR_NONE;
	return channel_open(all->tls, stream, &stream->channel);
}

static enum err start(struct streams *all, const struct route *from, struct stream *stream)
{
	struct endpoint *endpoint = all->endpoint;
	struct peer *old = peers_find(&endpoint->peers, &from->key);

	if (old != NULL)
		endpoint_remove_peer(old); /* from an address of theirs to two of ours, or not noticed yet */
	stream->peer = endpoint_peer(endpoint, from);
	if (stream->peer == NULL)
		return ERR_LIMIT;
	enum err err = open_channel(all, stream);
	if (err == ERR_NONE)
		err = loop_watch(endpoint->loop, stream->fd, EPOLLIN, stream_ready, stream, &stream->watch);
	if (err != ERR_NONE) {
		channel_free(stream->channel);
		endpoint_remove_peer(stream->peer);
	}
	return err;
}

void streams_accept(void *self, int take_fd, const struct route *from)
{
	struct streams *all = self;
	struct endpoint *endpoint = all->endpoint;
	struct stream *stream = NULL;

	make_room(all);
	if (all->count < endpoint->settings.max_connections)
		stream = calloc(1, sizeof(*stream));
	if (stream != NULL) {
		stream->all = all;
		stream->fd = take_fd;
		stream->watched = EPOLLIN;
		stream->max_bytes = SIGNAL_BASE_MAX_BYTES;
		stream->input = timer_of(input_due, stream);
		stream->output = timer_of(output_due, stream);
		stream->soon = timer_of(soon_due, stream);
	}
	if (stream == NULL || start(all, from, stream) != ERR_NONE) {
		endpoint->counts.refused++;
		close(take_fd);
		free(stream);
		return;
	}
	stream->peer->stream = stream;
	set_options(take_fd);
	DL_APPEND(all->beginning, stream);
	all->beginning_count++;
	all->count++;
	loop_start_timer(endpoint->loop, &stream->input, endpoint->stream_begin_ms);
	if (stream->channel == NULL)
		stream_begin_messages(stream);
}

/* ---- what others ask ---- */

struct peer *stream_peer(const struct stream *stream)
{
	return stream->peer;
}

bool stream_is_open(const struct stream *stream)
{
	return stream != NULL && stream->has_csm && !stream->is_ending && !stream->is_broken &&
	       !stream->is_released;
}

const char *stream_name(const struct stream *stream)
{
	return stream->channel != NULL ? channel_name(stream->channel) : "";
}

/* A ninth is for options, as in the base value, which leaves 1024 of 1152 (RFC 7252 4.6). */
size_t stream_payload_max(const struct stream *stream)
{
	const size_t own = stream_message_max(stream);
	const size_t max = stream->max_bytes < own ? stream->max_bytes : own;
	const size_t options = max / 9 < STREAM_OPTION_BYTES ? max / 9 : STREAM_OPTION_BYTES;

	return max - options;
}

bool stream_is_delivered(const struct stream *stream)
{
	int unacknowledged;

	return !stream_has_unsent(stream) && ioctl(stream->fd, SIOCOUTQ, &unacknowledged) == 0 &&
	       unacknowledged == 0;
}

/* ---- all of them ---- */

enum err streams_create(struct endpoint *endpoint, bool has_tls, struct streams **ret_streams,
			struct fault *fault)
{
	struct streams *streams = calloc(1, sizeof(*streams));
	enum err err = ERR_NONE;

	if (streams == NULL)
		return fault_set(fault, ERR_NOMEM, "no memory for connections");
	streams->endpoint = endpoint;
	if (has_tls)
		err = tls_create(endpoint, &streams->tls, fault);
	if (err != ERR_NONE) {
		streams_free(streams);
		return err;
	}
	*ret_streams = streams;
	return ERR_NONE;
}

void streams_free(struct streams *streams)
{
	if (streams == NULL)
		return;
	tls_free(streams->tls);
	free(streams->message.at);
	free(streams);
}

size_t streams_count(const struct streams *streams)
{
	return streams->count;
}
