/* TLS 1.2 and 1.3 with devices (RFC 8323 8.2; LwM2M Transport TS 1.1, 5.2), by OpenSSL: between the bytes of a socket and
 * those of a stream. The keys are those of DTLS, and who has which is decided there (dtls_context.c). */
#ifndef CARDEA_COAP_TLS_H
#define CARDEA_COAP_TLS_H

#include <cardea/bytes.h>
#include <cardea/error.h>

struct channel;
struct endpoint;
struct stream;
struct tls;

MUST_CHECK enum err tls_create(struct endpoint *endpoint, struct tls **ret_tls, struct fault *fault);
void tls_free(struct tls *tls);                         /* the channels have gone before; accepts NULL */

MUST_CHECK enum err channel_open(struct tls *tls, struct stream *stream, struct channel **ret_channel);
void channel_free(struct channel *channel);             /* accepts NULL */

/* Bytes from the socket; what is in them goes to stream_take. False: the stream is no more. */
bool channel_receive(struct channel *channel, struct bytes bytes);
void channel_send(struct channel *channel, struct bytes bytes);         /* goes to stream_queue */
void channel_close(struct channel *channel);            /* close_notify */
const char *channel_name(const struct channel *channel);        /* endpoint name of its credential; "" before it is known */
/* Whether the key that it was made with still is the device's. */
bool channel_is_allowed(struct channel *channel);

#endif
