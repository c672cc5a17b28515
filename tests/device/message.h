/* CoAP messages: libcoap's options and payloads as our requests and answers, and back. */
#ifndef DEVICE_MESSAGE_H
#define DEVICE_MESSAGE_H

#include "libcoap.h"

#include "objects.h"

#define BLOCK_SZX    6 /* 1024 bytes */
#define LOCATION_MAX 128

/* The request borrows from `pdu` and lies in `arena`. False when there is more of something than we take. */
bool message_read_request(const coap_pdu_t *pdu, struct arena *arena, struct request *ret_request);

/* Code, options in their order, then the block of the payload that was asked for. `sequence` NULL: no
 * Observe. */
void message_fill_answer(coap_pdu_t *pdu, const struct answer *answer, const uint32_t *sequence, size_t at_once,
			 coap_block_t block);

/* The Location-Path of a Register answer, "/rd/7"; "" when there is none, or it is too long. */
void message_read_location(const coap_pdu_t *pdu, char ret_location[LOCATION_MAX]);

void message_add_number(coap_pdu_t *pdu, uint16_t option, uint32_t value);
void message_add_path(coap_pdu_t *pdu, uint16_t option, const char *path); /* "/rd/7" */

#endif
