/* OSCORE with devices (RFC 8613; LwM2M Transport TS 1.1, 5.5): which context a message is of, and what of it is kept.
 *
 *   oscore_context.c       keys, nonces, replay window      pure
 *   oscore_message.c       one datagram to another          pure
 *   oscore_renewal.c       what is fresh in a new context   pure
 *   oscore_numbers.c       sequence numbers, durable ahead of their use; which key has taken the place of which
 *   oscore_state.c         contexts while they live
 *   oscore_observation.c   to which request of long ago a notification belongs
 *   oscore.c               whose a message is; requests and answers, opened and written
 *
 * A context lives from its first message on. The end of its replay window is stored, a little behind: after a restart
 * what is below is refused, and the first request above is answered with an Echo option; only a request that brings it
 * back is believed (appendix B.1.2). A device that has lost
 * its numbers gets a context with other keys (B.2, oscore_renewal.h), which takes the place of the credential's own for
 * good. */
#ifndef CARDEA_COAP_OSCORE_H
#define CARDEA_COAP_OSCORE_H

#include "pdu.h"

struct endpoint;
struct oscore;
struct oscore_numbers;

/* What ties an answer to its request. Zeroed: no OSCORE. */
struct oscore_binding {
	uint64_t context;               /* handle; 0: none. It is void once the credential has changed */
	uint64_t number;                /* Partial IV of the request */
	bool needs_number;              /* the answer may not use the nonce of its request: it would be the second one */
};

enum oscore_result {
	OSCORE_OPENED,
	OSCORE_IGNORED,                 /* as if the datagram had never come */
	OSCORE_REFUSED,
	OSCORE_CHALLENGED,              /* genuine, but it may be old: to be answered with 4.01 and the Echo, if there is one */
};

struct oscore_refusal {                         /* in the clear (RFC 8613 8.2) */
	uint8_t code;
	const char *text;
};

MUST_CHECK enum err oscore_create(struct endpoint *endpoint, struct oscore **ret_oscore);
void oscore_free(struct oscore *oscore);        /* accepts NULL */

/* Opens a request in place: *pdu, *message and *verdict become those of what was protected, valid until the next message
 * is opened. *ret_is_fresh: it has come now, not just for the first time. REFUSED: *ret_refusal. */
struct oscore_request_opened {
	enum oscore_result result;
	struct oscore_binding binding;
	bool is_fresh;
	const struct oscore_refusal *refusal;
	uint8_t echo_len, echo[PDU_ECHO_MAX];
};
struct oscore_request_opened oscore_open_request(struct endpoint *endpoint, struct bytes datagram, struct pdu *pdu,
                                                 struct coap_message *message, enum pdu_verdict *verdict);
/* The same for an answer to a request of ours, or a notification: OPENED or IGNORED. */
enum oscore_result oscore_open_answer(struct endpoint *endpoint, const struct oscore_binding *binding,
                                      struct bytes datagram, struct pdu *pdu, struct coap_message *message,
                                      enum pdu_verdict *verdict);

/* As pdu_write, protected when *binding (NULL: none) says so; a request takes the next sequence number, which *binding
 * remembers. ERR_LIMIT: it does not fit. ERR_UNAVAILABLE: the context has gone, or no number is to be had now. */
MUST_CHECK enum err oscore_write(struct endpoint *endpoint, struct oscore_binding *binding, const struct pdu *pdu,
                                 const struct coap_message *message, struct bytes payload, uint8_t *ret_at, size_t size,
                                 size_t *ret_len);

/* For requests to the device of an endpoint name. ERR_UNAVAILABLE: it has no credential for OSCORE. */
MUST_CHECK enum err oscore_bind(struct endpoint *endpoint, const char *name, struct oscore_binding *ret_binding);
/* The endpoint name of a binding; `otherwise` without OSCORE. Borrowed until the credentials change. */
const char *oscore_identity(struct endpoint *endpoint, const struct oscore_binding *binding, const char *otherwise);

/* ---- observations: their notifications are bound to a request of long ago ---- */

#define OSCORE_OBSERVATIONS_MAX 64      /* [ours] per device; the oldest makes room */

void oscore_observation_keep(struct endpoint *endpoint, uint64_t token, const struct oscore_binding *binding);
void oscore_observation_forget(struct endpoint *endpoint, uint64_t token);
/* REFUSED: no notification is expected for this token. */
enum oscore_result oscore_open_notification(struct endpoint *endpoint, uint64_t token, struct bytes datagram,
                                            struct pdu *pdu, struct coap_message *message, enum pdu_verdict *verdict,
                                            struct oscore_binding *ret_binding);

#endif
