/* Resource values as CBOR (LwM2M Core TS 1.1, appendix C), which CBOR, SenML CBOR and LwM2M CBOR have in
 * common. */
#ifndef CARDEA_LWM2M_CBOR_VALUE_H
#define CARDEA_LWM2M_CBOR_VALUE_H

#include <cardea/cbor.h>
#include <cardea/lwm2m.h>

/* One whole item as a value: integers as INTEGER, UNSIGNED above 2^63 - 1; floats; a decimal fraction (tag 4)
 * as INTEGER where it is one; a time as number (tag 1) or text (tag 0); texts, bytes, booleans, null. One tag
 * may stand before it; one that we do not know says nothing. Texts and bytes borrow, or are in the arena when
 * they came in pieces. Answers what is wrong, or NULL. */
const char *read_cbor_value(struct reader *r, struct arena *arena, struct lwm2m_value *ret_value);

/* As above, but nothing else than a number. */
const char *read_cbor_number(struct reader *r, struct arena *arena, struct lwm2m_value *ret_value);

/* In the shortest form, without tags. NULL and NONE are null. */
void build_cbor_value(struct builder *b, const struct lwm2m_value *value);

#endif
