/* Sequence numbers that outlive the process (RFC 8613 7.2.1 and appendix B.1.1). Ours are reserved in the store ahead of
 * their use, so that a crash skips some and repeats none. Those of the other side are written behind: what the store
 * says is old is old, what it does not know has to show that it is new. One per sender key, whoever has that key. */
#ifndef CARDEA_COAP_OSCORE_NUMBERS_H
#define CARDEA_COAP_OSCORE_NUMBERS_H

#include "oscore_context.h"

#define OSCORE_RESERVE       1024       /* [ours] numbers at once */
#define OSCORE_RECEIVED_STEP 32         /* [ours] */

struct store;
struct oscore_numbers;

/* Reads what the store has and reserves more: at the start, since reading may block. */
MUST_CHECK enum err oscore_numbers_create(struct store *store, struct oscore_numbers **ret_numbers, struct fault *fault);
/* After store_finish: it may still be told of writes until then. Accepts NULL. */
void oscore_numbers_free(struct oscore_numbers *numbers);

/* The key will be used: begins to reserve numbers for it. ERR_NOMEM, and what a write may answer. */
MUST_CHECK enum err oscore_numbers_expect(struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE]);
/* The next number. ERR_UNAVAILABLE: none is durable yet, or none is left at all. */
MUST_CHECK enum err oscore_numbers_take(struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE],
                                        uint64_t *ret_number);

/* Whether one could be taken now. */
bool oscore_numbers_are_ready(const struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE]);
/* Whether there will never be one again: the device has to renew the context. */
bool oscore_numbers_are_spent(const struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE]);

/* ---- numbers of the other side ---- */

/* The lower end of the replay window: numbers below are old ones, whatever was forgotten since. 0: nothing is known. */
uint64_t oscore_numbers_received(const struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE]);
/* The window of the key ends before `next` now. Written every OSCORE_RECEIVED_STEP numbers, and when the server ends. */
void oscore_numbers_note_received(struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE],
                                  uint64_t next);
/* Writes what was noted since. Before store_finish. */
void oscore_numbers_flush(struct oscore_numbers *numbers);

/* ---- keys whose place others have taken (appendix B.2) ---- */

/* The ID context that makes the successor of a key; empty: it has none. Borrowed until the loop's next turn. */
struct bytes oscore_numbers_renewed(const struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE]);
/* The successor, made by this ID context, takes the key's place, and that of an earlier one, as soon as that is durable.
 * ERR_UNAVAILABLE: another is about to, or the key has no numbers yet. ERR_NOMEM, and what a write may answer. */
MUST_CHECK enum err oscore_numbers_renew(struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE],
                                         const uint8_t successor[OSCORE_PRINT_SIZE], struct bytes id_context);

enum oscore_past {
	OSCORE_PAST_UNKNOWN,            /* nothing durable says that the key was ever used: wait until something does */
	OSCORE_PAST_HERE,               /* with this key nothing was received before */
	OSCORE_PAST_ELSEWHERE,          /* something was, by an earlier process or before its window was forgotten */
};
/* For whoever begins to look for replays; who asks later is told ELSEWHERE. */
enum oscore_past oscore_numbers_begin_window(struct oscore_numbers *numbers, const uint8_t print[OSCORE_PRINT_SIZE]);

#endif
