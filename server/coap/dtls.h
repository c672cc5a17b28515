/* DTLS 1.2 with devices (RFC 6347; LwM2M Transport TS 1.1, 5.2), by OpenSSL: pre-shared keys and certificates, the cookie
 * before any state, resumption, and a known identity accepted from a new address.
 *
 *   dtls.c          which session a datagram belongs to; new ones, and old ones replaced
 *   session.c       one session: its handshake, its records, its end
 *   dtls_context.c  what all have in common: suites, cookies
 *   identity.c      whose session it is, by its key or certificate; and of a ticket
 *
 * A session lives on its peer. While a new handshake of the same address is under way the old session goes on; it is
 * replaced when the handshake has completed, so that a spoofed ClientHello cannot end it. */
#ifndef CARDEA_COAP_DTLS_H
#define CARDEA_COAP_DTLS_H

#include "address.h"

struct dtls;
struct endpoint;
struct peer;
struct session;

MUST_CHECK enum err dtls_create(struct endpoint *endpoint, struct dtls **ret_dtls, struct fault *fault);
void dtls_free(struct dtls *dtls);              /* the sessions have gone before; accepts NULL */
size_t dtls_session_count(const struct dtls *dtls);

/* A datagram of a coaps socket; what it carries goes on to message_receive. `peer` NULL: unknown. */
void dtls_receive(struct endpoint *endpoint, const struct route *from, struct peer *peer, struct bytes datagram);

/* Whether messages may be sent: the handshake is complete and nobody has closed it. Accepts NULL. */
bool session_is_open(const struct session *session);
/* Drops what cannot be sent: the layers above repeat. */
void session_send(struct session *session, struct bytes message);
const char *session_name(const struct session *session);        /* endpoint name of its credential; "" before it is open */
uint32_t session_idle_s(const struct session *session);         /* how long it may be silent */
/* Says close_notify where that makes sense, and frees it. Accepts NULL. */
void dtls_end_session(struct session *session);

#endif
