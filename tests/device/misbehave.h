/* Everything that this device does wrong on request: datagrams that get lost or broken, sudden reboots,
 * nonsense. One seed gives the same misfortunes again. */
#ifndef DEVICE_MISBEHAVE_H
#define DEVICE_MISBEHAVE_H

#include "objects.h"
#include "options.h"

struct misbehaviour {
	const struct options *options;
	uint64_t dice;
	uint32_t apdus, requests; /* counted for all devices of this process together */
};

struct misbehaviour misbehaviour_of(const struct options *options);

/* Whether the network needs the relay at all. */
bool misbehave_with_datagrams(const struct options *options);

struct datagram_fate {
	bool is_dropped, is_doubled;
	int64_t delay_ms;
};

/* Rolls the dice for one datagram; a corrupted one gets one bit flipped. */
struct datagram_fate misbehave_datagram(struct misbehaviour *misbehaviour, uint8_t *at, size_t len);

/* Does not return when it is time to reboot: the process ends with status REBOOT_STATUS, or becomes a new one
 * with the same arguments and without the order to reboot. */
#define REBOOT_STATUS 86
void misbehave_at_apdu(struct misbehaviour *misbehaviour, enum agent_moment moment);
void misbehave_before_request(struct misbehaviour *misbehaviour);
void misbehave_after_request(struct misbehaviour *misbehaviour);

/* Replaces the payload of an answer by random bytes, when that is asked for. */
void misbehave_answer(struct misbehaviour *misbehaviour, struct arena *arena, struct answer *answer);

#endif
