#include "buffer.h"

#include <stdlib.h>

enum err buffer_set(struct buffer *buffer, struct bytes bytes)
{
	uint8_t *at = malloc(bytes.len + 1);

	if (at == NULL)
		return ERR_NOMEM;
	if (bytes.len > 0)
		memcpy(at, bytes.at, bytes.len);
	at[bytes.len] = 0;
	free(buffer->at);
	buffer->at = at;
	buffer->len = bytes.len;
	return ERR_NONE;
}

void buffer_clear(struct buffer *buffer)
{
	free(buffer->at);
	buffer->at = NULL;
	buffer->len = 0;
}
