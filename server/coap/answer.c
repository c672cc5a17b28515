#include "answer.h"

#include <stdlib.h>

struct answer *answer_find(struct peer *peer, uint16_t mid)
{
	const uint32_t now_s = endpoint_now_s(peer->endpoint);

	if (peer->stream != NULL)
		return NULL; /* nothing comes twice, and the ids are ours */
	for (size_t i = 0; i < PEER_ANSWERS; i++) {
		struct answer *answer = &peer->answers[i];
		if (answer->at_s != 0 && answer->mid == mid && now_s - answer->at_s < EXCHANGE_LIFETIME_S)
			return answer;
	}
	return NULL;
}

static void answer_clear(struct answer *answer)
{
	if (answer->len > ANSWER_INLINE)
		free(answer->elsewhere);
	*answer = (struct answer){ 0 };
}

void answer_expect(struct peer *peer, uint16_t mid)
{
	struct answer *answer = &peer->answers[peer->next_answer];

	peer->next_answer = (uint8_t)((peer->next_answer + 1) % PEER_ANSWERS);
	answer_clear(answer);
	answer->at_s = endpoint_now_s(peer->endpoint);
	answer->mid = mid;
}

void answer_store(struct peer *peer, uint16_t mid, struct bytes bytes)
{
	struct answer *answer = answer_find(peer, mid);
	uint8_t *elsewhere = NULL;

	if (answer == NULL)
		return;
	if (bytes.len > ANSWER_INLINE) {
		elsewhere = malloc(bytes.len);
		if (elsewhere == NULL)
			return; /* a duplicate goes without an answer */
		memcpy(elsewhere, bytes.at, bytes.len);
	}
	if (answer->len > ANSWER_INLINE)
		free(answer->elsewhere);
	answer->len = (uint16_t)bytes.len;
	if (elsewhere != NULL)
		answer->elsewhere = elsewhere;
	else
		memcpy(answer->here, bytes.at, bytes.len);
}

void answers_forget_expired(struct peer *peer)
{
	const uint32_t now_s = endpoint_now_s(peer->endpoint);

	for (size_t i = 0; i < PEER_ANSWERS; i++)
		if (now_s - peer->answers[i].at_s >= EXCHANGE_LIFETIME_S)
			answer_clear(&peer->answers[i]);
}

void answers_forget(struct peer *peer)
{
	for (size_t i = 0; i < PEER_ANSWERS; i++)
		answer_clear(&peer->answers[i]);
}
