/* What is fresh in a new security context (RFC 8613, appendix B.2), and that it is: the server's R2. Nothing is kept of
 * contexts that are only offered (B.2.1): R2 says by itself that it is of this process, for this key and for the context
 * that the device had then. So no number of first messages, replayed or made up, takes memory or drives out a run, and all
 * that was offered is void once one was taken. Pure. */
#ifndef CARDEA_COAP_OSCORE_RENEWAL_H
#define CARDEA_COAP_OSCORE_RENEWAL_H

#include "oscore_context.h"

#define OSCORE_R2_SIZE 16               /* a nonce, and as much of its HMAC */
#define OSCORE_R_MIN   8                /* R1 and R3, which the device makes; [ours], the least that B.2 thinks of */
#define OSCORE_R_MAX   (OSCORE_ID_CONTEXT_MAX - 2 * OSCORE_R2_SIZE)     /* so that R2 || R3 may be an ID1 later */

struct oscore_renewal {
	uint8_t key[SHA256_SIZE];       /* of this process alone */
};

MUST_CHECK enum err oscore_renewal_begin(struct oscore_renewal *renewal);

/* The ID context in a kid context: a byte string of CBOR with nothing behind it. False: it is none, or of no length that
 * can be. */
bool oscore_renewal_read(struct bytes kid_context, struct arena *arena, struct bytes *ret_id_context);
MUST_CHECK enum err oscore_renewal_write(struct bytes id_context, struct arena *arena, struct bytes *ret_kid_context);

/* What an offer is good for. */
struct oscore_renewal_subject {
	const struct oscore_keys *base; /* of the credential */
	struct bytes id_context;        /* of the context in force; empty: that of the credential */
};

MUST_CHECK enum err oscore_renewal_offer(const struct oscore_renewal *renewal,
                                         const struct oscore_renewal_subject *subject, uint8_t ret_r2[OSCORE_R2_SIZE]);
/* Whether an ID context begins with an R2 that we offered, and has an R3 behind it. */
bool oscore_renewal_is_offered(const struct oscore_renewal *renewal, const struct oscore_renewal_subject *subject,
                               struct bytes id_context);

#endif
