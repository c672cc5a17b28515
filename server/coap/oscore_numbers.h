/* Sender sequence numbers that outlive the process (RFC 8613 7.2.1 and appendix B.1.1): reserved in the store ahead of
 * their use, so that a crash skips some and repeats none. One per sender key, whoever has that key. */
#ifndef CARDEA_COAP_OSCORE_NUMBERS_H
#define CARDEA_COAP_OSCORE_NUMBERS_H

#include "oscore_context.h"

#define OSCORE_RESERVE 1024             /* [ours] numbers at once */

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
