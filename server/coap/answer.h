/* What a peer's last messages were answered with, for their duplicates (RFC 7252 4.2). A stream has none. */
#ifndef CARDEA_COAP_ANSWER_H
#define CARDEA_COAP_ANSWER_H

#include "endpoint.h"

/* NULL: no message with this id has come as long as a duplicate of it may arrive. */
struct answer *answer_find(struct peer *peer, uint16_t mid);
/* A message has come; its answer, if it gets one, follows by answer_store. */
void answer_expect(struct peer *peer, uint16_t mid);
void answer_store(struct peer *peer, uint16_t mid, struct bytes bytes);
static inline struct bytes answer_bytes(const struct answer *answer)
{
	return bytes_of(answer->len > ANSWER_INLINE ? answer->elsewhere : answer->here, answer->len);
}

void answers_forget_expired(struct peer *peer);
void answers_forget(struct peer *peer);

#endif
