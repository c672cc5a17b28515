/* Messages on the wire (RFC 7252 3): libcoap parses and encodes the options, this side decides which may appear.
 *
 * libcoap's coap_pdu_t would copy every message twice and gives no public way to its bytes, so its option codec
 * (coap_opt_parse, coap_opt_encode) works right on ours; the fuzz target compares the result with coap_pdu_parse. */
#ifndef CARDEA_COAP_PDU_H
#define CARDEA_COAP_PDU_H

#include "coap.h"
#include "frame.h"

enum pdu_type { PDU_CON, PDU_NON, PDU_ACK, PDU_RST };

#define OPTION_OSCORE 9               /* RFC 8613 2; libcoap 4.3.1 does not know it */

#define PDU_HEADER_SIZE 4
#define PDU_TOKEN_MAX 8
#define PDU_ETAG_MAX 8
#define PDU_ECHO_MAX 40

#define BLOCK_SIZE_EXPONENT_MAX 6       /* 1024 bytes */

/* RFC 7959 2.2 */
struct pdu_block {
	bool is_present, has_more;
	bool is_bert;                   /* any number of blocks of 1024 bytes in one message (RFC 8323 6): streams only */
	uint8_t size_exponent;          /* 0 to BLOCK_SIZE_EXPONENT_MAX: 16 to 1024 bytes */
	uint32_t number;
};

static inline uint32_t block_bytes(uint8_t size_exponent)
{
	return UINT32_C(16) << size_exponent;
}
/* Whether a payload of this length may come with the block option. */
static inline bool block_fits(const struct pdu_block *block, size_t len)
{
	const size_t size = block_bytes(block->size_exponent);

	if (block->is_bert)
		return !block->has_more || (len > 0 && len % size == 0);
	return block->has_more ? len == size : len <= size;
}

/* What is not in struct coap_message: the business of the layers in this folder. */
struct pdu {
	enum pdu_type type;
	uint8_t code;
	uint16_t mid;
	uint8_t token_len, etag_len, request_tag_len, echo_len;
	uint8_t token[PDU_TOKEN_MAX], etag[PDU_ETAG_MAX], request_tag[PDU_ETAG_MAX], echo[PDU_ECHO_MAX];
	struct pdu_block block1, block2;
	bool has_oscore, has_size1, has_size2;
	struct bytes oscore;            /* value of the option, in the datagram; never written */
	uint32_t size1, size2;
};

enum pdu_verdict {
	PDU_GOOD,
	PDU_IGNORE,             /* no CoAP, or not of a version that we may answer */
	PDU_FORMAT_ERROR,       /* RST to a confirmable one (RFC 7252 4.2) */
	PDU_BAD_OPTION,         /* 4.02 (RFC 7252 5.4.1) */
	PDU_PROXY,              /* 5.05 */
};

static inline bool pdu_is_request(const struct pdu *pdu)
{
	return pdu->code != 0 && pdu->code >> 5 == 0;
}
static inline bool pdu_is_response(const struct pdu *pdu)
{
	return pdu->code >> 5 >= 2 && pdu->code >> 5 <= 5;
}

/* type, code, mid and token are valid unless the verdict is PDU_IGNORE; the rest, and *ret_message, only when it is
 * PDU_GOOD. The message points into the datagram. */
enum pdu_verdict pdu_read(struct bytes datagram, struct pdu *ret_pdu, struct coap_message *ret_message);

/* The same for a whole message of a stream (RFC 8323 3.2), which becomes one of type NON with message id 0. Whatever is
 * wrong with it is a format error. */
enum pdu_verdict pdu_read_frame(const struct frame *frame, struct pdu *ret_pdu, struct coap_message *ret_message);

/* Writes `pdu` with the options of `message` (NULL: none of its own) and `payload`. The type, code and message id are
 * the pdu's. 0 when it does not fit in `size`. */
size_t pdu_write(const struct pdu *pdu, const struct coap_message *message, struct bytes payload, uint8_t *ret_at,
                 size_t size);

#endif
