/* Connections with devices (RFC 8323): CoAP over TCP, and over TLS.
 *
 *   listener.c    takes connections
 *   stream.c      one connection: its socket, its bounds and its end
 *   stream_in.c   messages of the device, and what it says about the connection; stream_out.c: ours
 *   tls.c         what is between both when it is secure
 *   frame.c       one message; signaling.c: one about the connection itself
 *
 * A connection lives on its peer, which is there from the first byte on and leaves with it. It is open for requests and
 * answers once the device has said its capabilities and settings (CSM). Nobody repeats, acknowledges or resets anything:
 * whatever is sent arrives, or the connection breaks. What a device sends faster than it is served waits in the kernel. */
#ifndef CARDEA_COAP_STREAM_H
#define CARDEA_COAP_STREAM_H

#include "endpoint.h"

#define STREAM_BEGIN_MS 30000           /* [ours] until the device has said its CSM */
#define STREAM_MESSAGE_MS 30000         /* [ours] for a message, and ... */
#define STREAM_MIN_BYTES_PER_S 1024     /* [ours] ... more for a long one */
#define STREAM_STALLED_MS 93000         /* without taking a byte: MAX_TRANSMIT_WAIT of RFC 7252 */
#define STREAM_LINGER_MS 2000           /* [ours] until a device has read why we leave it */
#define STREAM_UNSENT_BYTES 65536       /* [ours] with more a device is not listened to until it has read some */

struct streams;
struct stream;

/* ERR_NOMEM; with TLS whatever OpenSSL does not like. */
MUST_CHECK enum err streams_create(struct endpoint *endpoint, bool has_tls, struct streams **ret_streams,
                                   struct fault *fault);
void streams_free(struct streams *streams);     /* its connections have gone before; accepts NULL */
size_t streams_count(const struct streams *streams);
/* From the listener. */
void streams_accept(void *streams, int take_fd, const struct route *from);

/* Whether requests may be sent. Accepts NULL. */
bool stream_is_open(const struct stream *stream);
const char *stream_name(const struct stream *stream);   /* endpoint name of its credential; "" without */
/* See endpoint_begin, endpoint_end and endpoint_payload_max. */
struct room stream_begin(struct stream *stream, size_t payload_len);
void stream_finish(struct stream *stream, size_t len);
size_t stream_payload_max(const struct stream *stream);
/* Whether the device has acknowledged all that was sent. */
bool stream_is_delivered(const struct stream *stream);
/* A request of the device has been answered. */
void stream_go_on(struct stream *stream);
/* Says good-bye and closes: the peer goes. Accepts NULL. */
void stream_end(struct stream *stream);

/* ---- from tls.c ---- */

/* The handshake is complete. */
void stream_begin_messages(struct stream *stream);
/* Bytes of messages have come. False: the stream is no more. */
bool stream_take(struct stream *stream, struct bytes bytes);
/* Bytes for the socket. */
void stream_queue(struct stream *stream, struct bytes bytes);
struct peer *stream_peer(const struct stream *stream);
/* Ends after what waits has left, which is the last word. */
void stream_stop_talking(struct stream *stream);
/* Ends without a word, in a later turn. */
void stream_break(struct stream *stream);

#endif
