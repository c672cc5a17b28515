/* The TLV of LwM2M (Core TS 1.1, 7.4.3), not to be confused with BER: one element at a time. */
#ifndef CARDEA_LWM2M_LWM2M_TLV_H
#define CARDEA_LWM2M_LWM2M_TLV_H

#include <cardea/bytes.h>

/* Bits 7 and 6 of the first byte. */
enum lwm2m_tlv_kind {
	LWM2M_TLV_OBJECT_INSTANCE,   /* holds resources */
	LWM2M_TLV_RESOURCE_INSTANCE, /* holds a value */
	LWM2M_TLV_MULTIPLE_RESOURCE, /* holds resource instances */
	LWM2M_TLV_RESOURCE,          /* holds a value */
};

#define LWM2M_TLV_MAX_LENGTH 0xFFFFFF

struct lwm2m_tlv {
	enum lwm2m_tlv_kind kind;
	uint16_t id;
	struct bytes value;
};

/* Type, identifier and length of the next element, whose value follows: value.at is NULL, value.len what it says. As
 * below. */
bool read_lwm2m_tlv_head(struct reader *r, struct lwm2m_tlv *ret_tlv);

/* The next element. False at the end and on a fault; the two differ in r->bad. */
bool read_lwm2m_tlv(struct reader *r, struct lwm2m_tlv *ret_tlv);

/* In the shortest form. A value that is too long marks the builder bad. */
void build_lwm2m_tlv(struct builder *b, enum lwm2m_tlv_kind kind, uint16_t id, struct bytes value);

#endif
