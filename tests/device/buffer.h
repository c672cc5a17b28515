/* Bytes that outlive the message they came in. */
#ifndef DEVICE_BUFFER_H
#define DEVICE_BUFFER_H

#include <cardea/bytes.h>

struct buffer {
	uint8_t *at;
	size_t len;
};

static inline struct bytes buffer_bytes(const struct buffer *buffer)
{
	return bytes_of(buffer->at, buffer->len);
}

/* Replaces the content with a copy, which a 0 byte follows that is not counted. ERR_NOMEM leaves it as it
 * was. */
MUST_CHECK enum err buffer_set(struct buffer *buffer, struct bytes bytes);
void buffer_clear(struct buffer *buffer);

#endif
