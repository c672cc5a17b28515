/* ISO/IEC 7816-4 5.2.2 BER-TLV data objects; X.690 8.1.2 identifier and 8.1.3 length octets */
#include <cardea/tlv.h>

#define TAG_NUMBER_FOLLOWS 0x1F /* in the low bits of the first byte of a tag */
#define MORE_FOLLOWS       0x80 /* in the later bytes of a tag, and in the first byte of a length */
#define MAX_TAG_BYTES      3
#define MAX_LENGTH_BYTES   3
#define MAX_LENGTH         0xFFFFFF

static uint32_t read_tag(struct reader *r)
{
	uint32_t tag = read_u8(r);
	size_t count = 1;

	if ((tag & TAG_NUMBER_FOLLOWS) != TAG_NUMBER_FOLLOWS)
		return tag;
	do {
		if (++count > MAX_TAG_BYTES)
			r->bad = true;
		tag = tag << 8 | read_u8(r);
	} while (!r->bad && (tag & MORE_FOLLOWS) != 0);
	return tag;
}

static size_t read_length(struct reader *r, bool is_shortest_only)
{
	uint8_t first = read_u8(r);
	size_t count = first & ~MORE_FOLLOWS;
	size_t length;

	if ((first & MORE_FOLLOWS) == 0)
		return first;
	if (count == 0 || count > MAX_LENGTH_BYTES) /* 0 is the indefinite form, which cards do not use */
		r->bad = true;
	length = (size_t)read_uint(r, count);
	if (is_shortest_only && (length < 0x80 || length >> (8 * (count - 1)) == 0))
		r->bad = true;
	return r->bad ? 0 : length;
}

static bool read_element(struct reader *r, bool is_shortest_only, uint32_t *ret_tag, struct bytes *ret_value)
{
	struct bytes value;
	uint32_t tag;

	if (reader_left(r) == 0)
		return false;
	tag = read_tag(r);
	value = read_bytes(r, read_length(r, is_shortest_only));
	if (r->bad)
		return false;
	*ret_tag = tag;
	*ret_value = value;
	return true;
}

bool read_tlv(struct reader *r, uint32_t *ret_tag, struct bytes *ret_value)
{
	return read_element(r, false, ret_tag, ret_value);
}

bool read_der(struct reader *r, uint32_t *ret_tag, struct bytes *ret_value)
{
	return read_element(r, true, ret_tag, ret_value);
}

size_t read_ber_length(struct reader *r)
{
	return read_length(r, false);
}

enum err tlv_find(struct bytes bytes, uint32_t tag, struct bytes *ret_value)
{
	struct reader r = reader_of(bytes);
	struct bytes value;
	uint32_t found;

	while (read_tlv(&r, &found, &value)) {
		if (found == tag) {
			*ret_value = value;
			return ERR_NONE;
		}
	}
	return r.bad ? ERR_MALFORMED : ERR_NOT_FOUND;
}

struct bytes read_lv(struct reader *r)
{
	return read_bytes(r, read_u8(r));
}

static size_t width_of(uint32_t value)
{
	return value > 0xFFFF ? 3 : value > 0xFF ? 2 : 1;
}

void build_ber_length(struct builder *b, size_t length)
{
	if (length > MAX_LENGTH) {
		b->bad = true;
		return;
	}
	if (length >= 0x80)
		build_u8(b, (uint8_t)(MORE_FOLLOWS | width_of((uint32_t)length)));
	build_uint(b, length, width_of((uint32_t)length));
}

static void build_tag(struct builder *b, uint32_t tag)
{
	build_uint(b, tag, width_of(tag)); /* marks the builder bad when the tag has more than three bytes */
}

void build_tlv(struct builder *b, uint32_t tag, struct bytes value)
{
	build_tag(b, tag);
	build_ber_length(b, value.len);
	build_bytes(b, value);
}

void build_tlv_u8(struct builder *b, uint32_t tag, uint8_t value)
{
	build_tlv(b, tag, bytes_of(&value, 1));
}

size_t build_open(struct builder *b, uint32_t tag)
{
	build_tag(b, tag);
	return b->len;
}

/* The length is appended, then it and the content change places: only then is its width known. */
void build_close(struct builder *b, size_t mark)
{
	size_t content = b->len - mark;
	uint8_t length[1 + MAX_LENGTH_BYTES];
	size_t width;

	build_ber_length(b, content);
	if (b->bad)
		return;
	width = b->len - mark - content;
	memcpy(length, b->at + mark + content, width);
	memmove(b->at + mark + width, b->at + mark, content);
	memcpy(b->at + mark, length, width);
}

void build_lv(struct builder *b, struct bytes value)
{
	build_uint(b, value.len, 1);
	build_bytes(b, value);
}
