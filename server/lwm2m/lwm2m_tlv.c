/* LwM2M Core TS 1.1, 7.4.3: the type byte says how wide identifier and length are; a length up to 7 is in it.
 */
#include "lwm2m_tlv.h"

#define KIND_SHIFT         6
#define WIDE_ID            0x20
#define LENGTH_WIDTH_SHIFT 3
#define LENGTH_WIDTH_MASK  3
#define SHORT_LENGTH_MASK  7

bool read_lwm2m_tlv_head(struct reader *r, struct lwm2m_tlv *ret_tlv)
{
	struct lwm2m_tlv tlv = { .value = { NULL, 0 } };
	size_t length_width;
	uint8_t type;

	if (reader_left(r) == 0)
		return false;
	type = read_u8(r);
	tlv.kind = (enum lwm2m_tlv_kind)(type >> KIND_SHIFT);
	tlv.id = (uint16_t)read_uint(r, type & WIDE_ID ? 2 : 1);
	length_width = type >> LENGTH_WIDTH_SHIFT & LENGTH_WIDTH_MASK;
	tlv.value.len = length_width == 0 ? type & SHORT_LENGTH_MASK : (size_t)read_uint(r, length_width);
	if (r->bad)
		return false;
	*ret_tlv = tlv;
	return true;
}

bool read_lwm2m_tlv(struct reader *r, struct lwm2m_tlv *ret_tlv)
{
	struct lwm2m_tlv tlv;

	if (!read_lwm2m_tlv_head(r, &tlv))
		return false;
	tlv.value = read_bytes(r, tlv.value.len);
	if (r->bad)
		return false;
	*ret_tlv = tlv;
	return true;
}

static unsigned width_of(size_t length)
{
	unsigned width = 0;

	if (length <= SHORT_LENGTH_MASK)
		return 0;
	for (; length > 0; length >>= 8)
		width++;
	return width;
}

void build_lwm2m_tlv(struct builder *b, enum lwm2m_tlv_kind kind, uint16_t id, struct bytes value)
{
	unsigned width = width_of(value.len);
	unsigned type = (unsigned)kind << KIND_SHIFT | width << LENGTH_WIDTH_SHIFT;

	if (value.len > LWM2M_TLV_MAX_LENGTH) {
		b->bad = true;
		return;
	}
	if (id > UINT8_MAX)
		type |= WIDE_ID;
	if (width == 0)
		type |= (unsigned)value.len;
	build_u8(b, (uint8_t)type);
	build_uint(b, id, id > UINT8_MAX ? 2 : 1);
	build_uint(b, width == 0 ? 0 : value.len, width);
	build_bytes(b, value);
}
