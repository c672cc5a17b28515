#include "frame.h"

#include "pdu.h"

/* The four bits of the length, or how many bytes of it follow and from where they count. */
static const struct length_class {
	uint8_t nibble, bytes;
	uint32_t first;
} length_classes[] = {
	{ 13, 1, 13 },
	{ 14, 2, 269 },
	{ 15, 4, 65805 },
};
#define CLASS_COUNT (sizeof(length_classes) / sizeof(length_classes[0]))

static uint64_t read_length(struct reader *r, uint8_t nibble)
{
	for (size_t i = 0; i < CLASS_COUNT; i++)
		if (length_classes[i].nibble == nibble)
			return read_uint(r, length_classes[i].bytes) + length_classes[i].first;
	return nibble;
}

enum frame_verdict frame_read(struct bytes stream, size_t max_bytes, struct frame *ret_frame)
{
	struct reader r = reader_of(stream);
	const uint8_t first = read_u8(&r), token_len = first & 15;
	struct frame frame = { 0 };

	if (!r.bad && token_len > PDU_TOKEN_MAX)
		return FRAME_MALFORMED;
	const uint64_t rest_len = read_length(&r, first >> 4);
	frame.code = read_u8(&r);
	if (!r.bad) {
		const uint64_t len = (uint64_t)(r.at - stream.at) + token_len + rest_len;
		if (len > max_bytes)
			return FRAME_TOO_LONG;
		frame.len = (size_t)len;
		frame.token = read_bytes(&r, token_len);
		frame.rest = read_bytes(&r, (size_t)rest_len);
	}
	*ret_frame = frame;
	return r.bad ? FRAME_INCOMPLETE : FRAME_WHOLE;
}

size_t frame_write_header(uint8_t code, uint8_t token_len, size_t rest_len,
			  uint8_t ret_at[static FRAME_HEADER_MAX])
{
	const struct length_class *wanted = NULL;
	size_t len = 1;

	for (size_t i = 0; i < CLASS_COUNT && rest_len >= length_classes[i].first; i++)
		wanted = &length_classes[i];
	ret_at[0] = (uint8_t)((wanted != NULL ? wanted->nibble : rest_len) << 4 | token_len);
	for (uint8_t i = wanted != NULL ? wanted->bytes : 0; i > 0; i--)
		ret_at[len++] = (uint8_t)((rest_len - wanted->first) >> (8 * (i - 1)));
	ret_at[len++] = code;
	return len;
}
