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
#include "log.h"
#include "message.h"
#include "signaling.h"
#include "tls.h"

#define READ_BYTES     65536
#define READS_PER_TURN 4    /* then others have their turn */
#define OPTION_BYTES   2048 /* of a message, at most */

struct streams {
	struct endpoint *endpoint;
	struct tls *tls;          /* NULL without */
	struct stream *beginning; /* not open yet, the oldest first */
	size_t beginning_count, count;
	struct body message; /* that is built, with room for its header in front */
	uint8_t in[READ_BYTES];
};

struct stream {
	struct stream *prev, *next; /* while it begins */
	struct streams *all;
	struct peer *peer;
	struct channel *channel; /* NULL without TLS */
	struct watch *watch;
	int fd;
	uint32_t watched;
	struct timer input;  /* the CSM or the rest of a message is due; after our last word: the end */
	struct timer output; /* the device should have taken something */
	struct timer soon;   /* goes on with what has come, or ends */
	struct body in, out; /* a part of a message, or what has to wait; what the kernel did not take yet */
	size_t out_sent, wanted;    /* of `out`; length of the message that has begun, 0: not known */
	uint32_t max_bytes;         /* of a message, as the device says */
	bool has_csm, is_receiving; /* receiving: what is sent leaves at its end */
	bool has_stopped;           /* messages that have come wait until others are served */
	bool is_released;           /* the device wants to leave */
	bool is_ending, is_broken;  /* ending: our last word is said */
	bool owes_pong;             /* when all requests so far have been answered */
	uint8_t pong_token_len, pong_token[PDU_TOKEN_MAX];
};

struct peer *stream_peer(const struct stream *stream)
{
	return stream->peer;
}

static struct endpoint *stream_endpoint(const struct stream *stream)
{
	return stream->all->endpoint;
}

static size_t max_message_bytes(const struct stream *stream)
{
	return stream_endpoint(stream)->settings.max_body_bytes;
}

/* ---- its end ---- */

void stream_break(struct stream *stream)
{
	stream->is_broken = true;
	loop_start_timer(stream_endpoint(stream)->loop, &stream->soon, 0);
}

static void leave_beginning(struct stream *stream)
{
	if (stream->has_csm)
		return;
	DL_DELETE(stream->all->beginning, stream);
	stream->all->beginning_count--;
}

static void say_release(struct stream *stream);

void stream_end(struct stream *stream)
{
	if (stream == NULL)
		return;
	struct endpoint *endpoint = stream_endpoint(stream);
	const struct endpoint_handlers *handlers = &endpoint->handlers;
	const struct coap_address from = peer_key_address(&stream->peer->route.key);
	const bool was_open = stream->has_csm;

	if (stream_is_open(stream))
		say_release(stream);
	leave_beginning(stream);
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

/* ---- sending ---- */

static bool has_unsent(const struct stream *stream)
{
	return stream->out_sent < stream->out.len;
}

static bool is_waiting(const struct stream *stream)
{
	return stream->owes_pong || stream->peer->pending_count == PENDING_PER_PEER ||
	       stream->out.len - stream->out_sent > STREAM_UNSENT_BYTES;
}

static void watch_what_matters(struct stream *stream)
{
	uint32_t wanted = is_waiting(stream) ? 0 : EPOLLIN;

	if (has_unsent(stream))
		wanted |= EPOLLOUT;
	if (wanted == stream->watched || stream->is_broken)
		return;
	if (loop_watch_events(stream->watch, wanted) == ERR_NONE)
		stream->watched = wanted;
	else
		stream_break(stream);
}

/* After our last word nothing more is written; the device reads it and closes, or does not. */
static void stream_flushed(struct stream *stream)
{
	struct endpoint *endpoint = stream_endpoint(stream);

	body_clear(endpoint, &stream->out);
	stream->out_sent = 0;
	loop_stop_timer(endpoint->loop, &stream->output);
	if (stream->is_ending)
		(void)shutdown(stream->fd, SHUT_WR);
}

static void flush(struct stream *stream)
{
	struct loop *loop = stream_endpoint(stream)->loop;
	bool has_moved = false;

	while (has_unsent(stream) && !stream->is_broken) {
		ssize_t count = send(stream->fd, stream->out.at + stream->out_sent,
				     stream->out.len - stream->out_sent, MSG_NOSIGNAL);
		if (count > 0) {
			stream->out_sent += (size_t)count;
			has_moved = true;
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			stream_break(stream);
		}
	}
	if (!has_unsent(stream))
		stream_flushed(stream);
	else if (has_moved || !timer_runs(&stream->output))
		loop_start_timer(loop, &stream->output, stream_endpoint(stream)->stream_stalled_ms);
}

/* What is to be sent beyond the bound belongs to a device that does not read what it has asked for. */
void stream_queue(struct stream *stream, struct bytes bytes)
{
	struct endpoint *endpoint = stream_endpoint(stream);
	struct body *out = &stream->out;

	if (stream->is_broken)
		return;
	if (stream->out_sent > out->len / 2) {
		memmove(out->at, out->at + stream->out_sent, out->len - stream->out_sent);
		out->len -= stream->out_sent;
		stream->out_sent = 0;
	}
	const size_t max = stream->out_sent + PENDING_PER_PEER * (max_message_bytes(stream) + OPTION_BYTES);
	if (body_append_up_to(endpoint, out, bytes, max) != ERR_NONE)
		stream_break(stream);
}

/* Whole messages. */
static void send_bytes(struct stream *stream, struct bytes bytes)
{
	if (stream->is_broken || stream->is_ending)
		return;
	if (stream->channel != NULL)
		channel_send(stream->channel, bytes);
	else
		stream_queue(stream, bytes);
	if (stream->is_receiving)
		return;
	flush(stream);
	watch_what_matters(stream);
}

struct room stream_begin(struct stream *stream, size_t payload_len)
{
	struct streams *all = stream->all;
	const size_t size = FRAME_HEADER_MAX + OPTION_BYTES + payload_len;

	if (all->message.capacity < size) {
		uint8_t *at = realloc(all->message.at, size);
		if (at == NULL)
			return (struct room){ 0 };
		all->message.at = at;
		all->message.capacity = size;
	}
	const size_t spare = FRAME_HEADER_MAX - PDU_HEADER_SIZE;
	return (struct room){ all->message.at + spare, size - spare };
}

/* The header of a datagram becomes that of a frame, which ends where it ends. */
void stream_finish(struct stream *stream, size_t len)
{
	uint8_t *at = stream->all->message.at, header[FRAME_HEADER_MAX];
	const uint8_t *datagram = at + FRAME_HEADER_MAX - PDU_HEADER_SIZE;
	const uint8_t token_len = datagram[0] & 15;
	const size_t header_len =
		frame_write_header(datagram[1], token_len, len - PDU_HEADER_SIZE - token_len, header);

	at += FRAME_HEADER_MAX - header_len;
	memcpy(at, header, header_len);
	send_bytes(stream, bytes_of(at, header_len + len - PDU_HEADER_SIZE));
}

static void send_signal(struct stream *stream, const struct signal *signal)
{
	uint8_t at[SIGNAL_BYTES_MAX];

	send_bytes(stream, bytes_of(at, signal_write(signal, at)));
}

static void say_release(struct stream *stream)
{
	send_signal(stream, &(struct signal){ .code = SIGNAL_RELEASE });
	if (stream->channel != NULL)
		channel_close(stream->channel);
	flush(stream);
}

/* The last word: no answer follows. */
static void stop_talking(struct stream *stream)
{
	if (stream->channel != NULL)
		channel_close(stream->channel);
	stream->is_ending = true;
	loop_start_timer(stream_endpoint(stream)->loop, &stream->input, STREAM_LINGER_MS);
	flush(stream);
	watch_what_matters(stream);
}

void stream_fail(struct stream *stream)
{
	stop_talking(stream);
}

static void stream_abort(struct stream *stream, uint16_t bad_option, const char *reason)
{
	char from[COAP_ADDRESS_TEXT_SIZE];
	const struct coap_address address = peer_key_address(&stream->peer->route.key);

	log_info("connection.aborted", "from=%s identity=%s reason=%s", coap_address_print(&address, from),
		 stream_name(stream), reason);
	stream_endpoint(stream)->counts.malformed++;
	send_signal(stream, &(struct signal){
				    .code = SIGNAL_ABORT,
				    .has_bad_option = bad_option != 0,
				    .bad_option = bad_option,
				    .text = bytes_of_text(reason),
			    });
	stop_talking(stream);
}

/* ---- what the device says about the connection ---- */

static void device_is_here(struct stream *stream)
{
	const struct endpoint_handlers *handlers = &stream_endpoint(stream)->handlers;
	const struct coap_address address = peer_key_address(&stream->peer->route.key);
	const char *name = stream_name(stream);

	stream->peer->is_verified = true;
	if (name[0] == 0)
		return;
	if (handlers->moved != NULL)
		handlers->moved(handlers->self, name, &address);
	if (handlers->renewed != NULL)
		handlers->renewed(handlers->self, name);
}

static void take_csm(struct stream *stream, const struct signal *signal)
{
	const bool is_first = !stream->has_csm;

	if (signal->has_max_bytes)
		stream->max_bytes = signal->max_bytes;
	if (!is_first)
		return;
	leave_beginning(stream);
	stream->has_csm = true;
	loop_stop_timer(stream_endpoint(stream)->loop, &stream->input);
	device_is_here(stream);
}

static void take_ping(struct stream *stream, const struct signal *signal)
{
	struct signal pong = { .code = SIGNAL_PONG, .token = signal->token };

	if (signal->has_custody && stream->peer->pending_count > 0) {
		stream->owes_pong = true;
		stream->pong_token_len = (uint8_t)signal->token.len;
		memcpy(stream->pong_token, signal->token.at, signal->token.len);
		return;
	}
	pong.has_custody = signal->has_custody;
	send_signal(stream, &pong);
}

static void pay_pong(struct stream *stream)
{
	if (!stream->owes_pong || stream->peer->pending_count > 0)
		return;
	stream->owes_pong = false;
	send_signal(stream, &(struct signal){
				    .code = SIGNAL_PONG,
				    .token = bytes_of(stream->pong_token, stream->pong_token_len),
				    .has_custody = true,
			    });
}

static void take_release(struct stream *stream, const struct signal *signal)
{
	stream->is_released = true;
}

static void take_abort(struct stream *stream, const struct signal *signal)
{
	const struct coap_address address = peer_key_address(&stream->peer->route.key);
	char from[COAP_ADDRESS_TEXT_SIZE];

	log_info("connection.aborted_by_device", "from=%s identity=%s option=%u",
		 coap_address_print(&address, from), stream_name(stream), signal->bad_option);
	stream_break(stream);
}

static void take_nothing(struct stream *stream, const struct signal *signal)
{
}

static void signal_arrived(struct stream *stream, const struct frame *frame)
{
	static void (*const takers[])(struct stream *, const struct signal *) = {
		[SIGNAL_CSM - SIGNAL_CSM] = take_csm,      [SIGNAL_PING - SIGNAL_CSM] = take_ping,
		[SIGNAL_PONG - SIGNAL_CSM] = take_nothing, [SIGNAL_RELEASE - SIGNAL_CSM] = take_release,
		[SIGNAL_ABORT - SIGNAL_CSM] = take_abort,
	};
	struct signal signal;
	uint16_t bad_option = 0;

	switch (signal_read(frame, &signal, &bad_option)) {
	case SIGNAL_GOOD:
		takers[signal.code - SIGNAL_CSM](stream, &signal);
		break;
	case SIGNAL_BAD_OPTION: /* only of a CSM there is a word for it (RFC 8323 5.6) */
		stream_abort(stream, frame->code == SIGNAL_CSM ? bad_option : 0,
			     "a critical option of a signaling message is not known");
		break;
	case SIGNAL_MALFORMED:
		stream_abort(stream, 0, "a signaling message is malformed");
		break;
	case SIGNAL_UNKNOWN:
		stream_abort(stream, 0, "a signaling message has an unknown code");
		break;
	}
}

/* ---- messages ---- */

static void message_arrived(struct stream *stream, const struct frame *frame)
{
	stream_endpoint(stream)->counts.received++;
	if (stream->channel != NULL && !channel_is_allowed(stream->channel))
		stream_break(stream); /* its credential is gone */
	else if (!stream->has_csm && frame->code != SIGNAL_CSM)
		stream_abort(stream, 0, "the first message is not a CSM");
	else if (is_signal(frame->code))
		signal_arrived(stream, frame);
	else if (frame->code != 0 && !message_receive_frame(stream->peer, frame))
		stream_abort(stream, 0, "a message is malformed");
}

static const char *refusal_of(enum frame_verdict verdict)
{
	return verdict == FRAME_TOO_LONG ? "a message is longer than Max-Message-Size"
					 : "a token is longer than 8 bytes";
}

/* All that are whole, as long as they are served; *rest is what is left. False: the stream is no more. */
static bool take_messages(struct stream *stream, struct bytes *rest)
{
	struct endpoint *endpoint = stream_endpoint(stream);
	const uint64_t handle = stream->peer->handle;
	const size_t max = max_message_bytes(stream);

	while (rest->len > 0 && !is_waiting(stream) && !stream->is_ending && !stream->is_broken) {
		struct frame frame;
		enum frame_verdict verdict = frame_read(*rest, max, &frame);

		if (verdict == FRAME_INCOMPLETE) {
			stream->wanted = frame.len;
			break;
		}
		if (verdict != FRAME_WHOLE) {
			stream_abort(stream, 0, refusal_of(verdict));
			break;
		}
		*rest = bytes_from(*rest, frame.len);
		endpoint_touch_peer(stream->peer, &stream->peer->route);
		if (stream->has_csm)
			loop_stop_timer(endpoint->loop, &stream->input);
		message_arrived(stream, &frame);
		if (peers_by_handle(&endpoint->peers, handle) == NULL)
			return false;
	}
	stream->has_stopped = rest->len > 0 && is_waiting(stream);
	return true;
}

/* Who begins a message has to end it: parts of many would take all memory. */
static void await_rest(struct stream *stream)
{
	struct loop *loop = stream_endpoint(stream)->loop;
	const int64_t more_ms = (int64_t)stream->wanted * 1000 / STREAM_MIN_BYTES_PER_S;

	if (!stream->has_csm || stream->is_ending)
		return;
	if (stream->in.len == 0 || is_waiting(stream))
		loop_stop_timer(loop, &stream->input);
	else if (!timer_runs(&stream->input))
		loop_start_timer(loop, &stream->input, stream_endpoint(stream)->stream_message_ms + more_ms);
}

/* What has come is not the stream's while its messages are looked at: one of them may end it. */
bool stream_take(struct stream *stream, struct bytes bytes)
{
	struct endpoint *endpoint = stream_endpoint(stream);
	const size_t max = max_message_bytes(stream) + READ_BYTES;
	struct body body = stream->in;
	struct bytes rest = bytes;
	enum err err = ERR_NONE;

	if (stream->is_ending || stream->is_broken)
		return true;
	stream->in = (struct body){ 0 };
	if (body.len > 0) {
		err = body_append_up_to(endpoint, &body, bytes, max);
		rest = bytes_of(body.at, body.len);
	}
	if (err == ERR_NONE && !take_messages(stream, &rest)) {
		body_clear(endpoint, &body);
		return false;
	}
	if (err == ERR_NONE && rest.len > 0 && rest.len == body.len) {
		stream->in = body;
		body = (struct body){ 0 };
	} else if (err == ERR_NONE && rest.len > 0) {
		err = body_append_up_to(endpoint, &stream->in, rest, max);
	}
	body_clear(endpoint, &body);
	if (err != ERR_NONE)
		stream_break(stream);
	await_rest(stream);
	return true;
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
	       !has_unsent(stream);
}

/* After something has come or is served: what waits leaves. */
static void settle(struct stream *stream)
{
	pay_pong(stream);
	stream->is_receiving = false;
	flush(stream);
	if (has_left(stream) && !stream->is_ending)
		stop_talking(stream);
	if (stream->has_stopped && !is_waiting(stream))
		loop_start_timer(stream_endpoint(stream)->loop, &stream->soon, 0);
	watch_what_matters(stream);
}

static void stream_ready(void *self, uint32_t events)
{
	struct stream *stream = self;
	struct streams *all = stream->all;

	if ((events & EPOLLOUT) != 0)
		flush(stream);
	stream->is_receiving = true;
	for (int i = 0; i < READS_PER_TURN && !stream->is_broken; i++) {
		if (is_waiting(stream) && (events & (EPOLLERR | EPOLLHUP)) == 0)
			break;
		ssize_t count = read(stream->fd, all->in, sizeof(all->in));
		if (count < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (count <= 0 || is_waiting(stream)) {
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
	pay_pong(stream);
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
	send_signal(stream, &(struct signal){
				    .code = SIGNAL_CSM,
				    .has_max_bytes = true,
				    .max_bytes = (uint32_t)max_message_bytes(stream),
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
	const size_t own = max_message_bytes(stream);
	const size_t max = stream->max_bytes < own ? stream->max_bytes : own;
	const size_t options = max / 9 < OPTION_BYTES ? max / 9 : OPTION_BYTES;

	return max - options;
}

bool stream_is_delivered(const struct stream *stream)
{
	int unacknowledged;

	return !has_unsent(stream) && ioctl(stream->fd, SIOCOUTQ, &unacknowledged) == 0 &&
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
