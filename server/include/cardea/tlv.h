/* BER-TLV as smart cards use it (ISO/IEC 7816-4 5.2.2) and DER lengths; tags of up to three bytes, definite
 * lengths of up to three bytes after the first. */
#ifndef CARDEA_TLV_H
#define CARDEA_TLV_H

#include "bytes.h"

/* Reads one TLV. The tag keeps its bytes: 4F, 9F70, BF21. False at the end of the reader and on a fault; the
 * two differ in r->bad. Lengths may be longer than needed, as real cards send them. */
bool read_tlv(struct reader *r, uint32_t *ret_tag, struct bytes *ret_value);

/* As read_tlv, but a length that is not the shortest (DER, X.690 10.1) is a fault. */
bool read_der(struct reader *r, uint32_t *ret_tag, struct bytes *ret_value);

/* A BER length alone, as fields of GlobalPlatform commands have it. */
size_t read_ber_length(struct reader *r);

/* The first element `tag` directly inside `bytes`. ERR_NOT_FOUND, ERR_MALFORMED when the elements before it are
 * broken. */
MUST_CHECK enum err tlv_find(struct bytes bytes, uint32_t tag, struct bytes *ret_value);

/* Element with a known value. */
void build_tlv(struct builder *b, uint32_t tag, struct bytes value);
void build_tlv_u8(struct builder *b, uint32_t tag, uint8_t value);
void build_ber_length(struct builder *b, size_t length);

/* Element whose content follows: build_close gives it the shortest length that fits. Pairs nest. */
size_t build_open(struct builder *b, uint32_t tag);
void build_close(struct builder *b, size_t mark);

/* LV: the length in one byte, then the value. More than 255 bytes marks the builder bad. */
void build_lv(struct builder *b, struct bytes value);
struct bytes read_lv(struct reader *r);

#endif
