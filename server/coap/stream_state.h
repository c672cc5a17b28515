/* One connection as its parts see it: stream.c, stream_in.c and stream_out.c. */
#ifndef CARDEA_COAP_STREAM_STATE_H
#define CARDEA_COAP_STREAM_STATE_H

#include "message.h"
#include "signaling.h"
#include "stream.h"
#include "tls.h"

#define STREAM_READ_BYTES 65536
#define STREAM_OPTION_BYTES 2048        /* of a message, at most */

struct streams {
	struct endpoint *endpoint;
	struct tls *tls;          /* NULL without */
	struct stream *beginning; /* not open yet, the oldest first */
	size_t beginning_count, count;
	struct body message; /* that is built, with room for its header in front */
	uint8_t in[STREAM_READ_BYTES];
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

static inline struct endpoint *stream_endpoint(const struct stream *stream)
{
	return stream->all->endpoint;
}
/* In either direction. */
static inline size_t stream_message_max(const struct stream *stream)
{
	return stream_endpoint(stream)->settings.max_body_bytes;
}
static inline bool stream_has_unsent(const struct stream *stream)
{
	return stream->out_sent < stream->out.len;
}
/* What comes is not served, and soon not read, until something has left or has been answered. */
static inline bool stream_is_waiting(const struct stream *stream)
{
	return stream->owes_pong || stream->peer->pending_count == PENDING_PER_PEER ||
	       stream->out.len - stream->out_sent > STREAM_UNSENT_BYTES;
}

/* It is open now, or will never be. */
void stream_leave_beginning(struct stream *stream);

/* ---- stream_out.c ---- */

/* What the kernel takes of what waits. */
void stream_flush(struct stream *stream);
/* For what the socket is watched now. */
void stream_watch(struct stream *stream);
void stream_send_signal(struct stream *stream, const struct signal *signal);
void stream_say_release(struct stream *stream);
/* Says why, and ends; `bad_option` 0: none of a CSM. */
void stream_abort(struct stream *stream, uint16_t bad_option, const char *reason);

/* ---- stream_in.c ---- */

/* The Pong that has waited for the answers. */
void stream_pay_pong(struct stream *stream);

#endif
