/* The blocks of one exchange (RFC 7959 2.3 to 2.7, 2.9): a payload that is sent in Block1, an answer that comes in
 * Block2. */
#ifndef CARDEA_COAP_EXCHANGE_BLOCKS_H
#define CARDEA_COAP_EXCHANGE_BLOCKS_H

#include "endpoint.h"

/* What an answer means for the exchange. */
enum step { STEP_GO_ON, STEP_LAST, STEP_BROKEN };

struct upload {
	struct bytes payload;
	size_t sent;                    /* as acknowledged by the device */
	size_t at_once;                 /* so much goes without blocks */
	uint8_t size_exponent;
};

/* The part of the payload that goes now, all of it when it is short, with its options in *pdu. */
struct bytes upload_next(const struct upload *upload, struct pdu *pdu);
enum step upload_step(struct upload *upload, const struct pdu *answer);

struct fetch {
	struct body body;               /* what has come */
	uint8_t size_exponent, restarts;
	bool is_bert;
	uint8_t etag_len, etag[PDU_ETAG_MAX];
	bool has_observe;
	uint32_t observe;               /* of the first block */
};

/* Whether the next message asks for a part of an answer, and no longer is the request itself. */
static inline bool fetch_is_under_way(const struct fetch *fetch)
{
	return fetch->body.len > 0 || fetch->restarts > 0;
}
/* Whether an answer is a block of a larger one. */
bool fetch_concerns(const struct fetch *fetch, const struct pdu *answer);
void fetch_next(const struct fetch *fetch, struct pdu *pdu);
/* `is_safe`: the method may be repeated when the body changes on the way. *ret_err is why it is broken. */
enum step fetch_step(struct endpoint *endpoint, struct fetch *fetch, bool is_safe, const struct pdu *answer,
                     const struct coap_message *message, enum err *ret_err);
/* The whole answer, from its last block. */
struct coap_message fetch_whole(const struct fetch *fetch, const struct coap_message *last);

#endif
