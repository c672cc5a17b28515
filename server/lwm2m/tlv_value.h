/* Resource values as the TLV format has them (LwM2M Core TS 1.1, appendix C). */
#ifndef CARDEA_LWM2M_TLV_VALUE_H
#define CARDEA_LWM2M_TLV_VALUE_H

#include <cardea/lwm2m.h>

/* The value of `type` that the bytes are; texts and opaques borrow. Answers what they should have been, or
 * NULL. */
const char *tlv_value_read(enum lwm2m_type type, struct bytes bytes, struct lwm2m_value *ret_value);

/* In the shortest form that is exact. False for a type without value. */
bool build_tlv_value(struct builder *b, const struct lwm2m_value *value);

#endif
