/* What comes on a connection: what the device says about it (RFC 8323 5), and its messages. */
#include "block.h"
#include "log.h"
#include "stream_state.h"

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
	stream_leave_beginning(stream);
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
	stream_send_signal(stream, &pong);
}

void stream_pay_pong(struct stream *stream)
{
	if (!stream->owes_pong || stream->peer->pending_count > 0)
		return;
	stream->owes_pong = false;
	stream_send_signal(stream, &(struct signal){
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
	const size_t max = stream_message_max(stream);

	while (rest->len > 0 && !stream_is_waiting(stream) && !stream->is_ending && !stream->is_broken) {
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
	stream->has_stopped = rest->len > 0 && stream_is_waiting(stream);
	return true;
}

/* Who begins a message has to end it: parts of many would take all memory. */
static void await_rest(struct stream *stream)
{
	struct loop *loop = stream_endpoint(stream)->loop;
	const int64_t more_ms = (int64_t)stream->wanted * 1000 / STREAM_MIN_BYTES_PER_S;

	if (!stream->has_csm || stream->is_ending)
		return;
	if (stream->in.len == 0 || stream_is_waiting(stream))
		loop_stop_timer(loop, &stream->input);
	else if (!timer_runs(&stream->input))
		loop_start_timer(loop, &stream->input, stream_endpoint(stream)->stream_message_ms + more_ms);
}

/* What has come is not the stream's while its messages are looked at: one of them may end it. */
bool stream_take(struct stream *stream, struct bytes bytes)
{
	struct endpoint *endpoint = stream_endpoint(stream);
	const size_t max = stream_message_max(stream) + STREAM_READ_BYTES;
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
