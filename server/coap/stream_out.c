/* What leaves on a connection, and its last words. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "block.h"
#include "log.h"
#include "stream_state.h"

void stream_watch(struct stream *stream)
{
	uint32_t wanted = stream_is_waiting(stream) ? 0 : EPOLLIN;

	if (stream_has_unsent(stream))
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

void stream_flush(struct stream *stream)
{
	struct loop *loop = stream_endpoint(stream)->loop;
	bool has_moved = false;

	while (stream_has_unsent(stream) && !stream->is_broken) {
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
	if (!stream_has_unsent(stream))
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
	const size_t max =
		stream->out_sent + PENDING_PER_PEER * (stream_message_max(stream) + STREAM_OPTION_BYTES);
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
	stream_flush(stream);
	stream_watch(stream);
}

struct room stream_begin(struct stream *stream, size_t payload_len)
{
	struct streams *all = stream->all;
	const size_t size = FRAME_HEADER_MAX + STREAM_OPTION_BYTES + payload_len;

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

void stream_send_signal(struct stream *stream, const struct signal *signal)
{
	uint8_t at[SIGNAL_BYTES_MAX];

	send_bytes(stream, bytes_of(at, signal_write(signal, at)));
}

void stream_say_release(struct stream *stream)
{
	stream_send_signal(stream, &(struct signal){ .code = SIGNAL_RELEASE });
	if (stream->channel != NULL)
		channel_close(stream->channel);
	stream_flush(stream);
}

/* The last word: no answer follows. */
void stream_stop_talking(struct stream *stream)
{
	if (stream->channel != NULL)
		channel_close(stream->channel);
	stream->is_ending = true;
	loop_start_timer(stream_endpoint(stream)->loop, &stream->input, STREAM_LINGER_MS);
	stream_flush(stream);
	stream_watch(stream);
}

void stream_abort(struct stream *stream, uint16_t bad_option, const char *reason)
{
	char from[COAP_ADDRESS_TEXT_SIZE];
	const struct coap_address address = peer_key_address(&stream->peer->route.key);

	log_info("connection.aborted", "from=%s identity=%s reason=%s", coap_address_print(&address, from),
		 stream_name(stream), reason);
	stream_endpoint(stream)->counts.malformed++;
	stream_send_signal(stream, &(struct signal){
					   .code = SIGNAL_ABORT,
					   .has_bad_option = bad_option != 0,
					   .bad_option = bad_option,
					   .text = bytes_of_text(reason),
				   });
	stream_stop_talking(stream);
}
