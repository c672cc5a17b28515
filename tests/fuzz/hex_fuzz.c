/* A text that was taken says the same when its bytes are written again. */
#include "fuzz.h"

#include <strings.h>

#include <cardea/bytes.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(0);
	char *text = arena_strndup(arena, (const char *)at, len);
	struct bytes bytes;

	if (bytes_from_hex(arena, text, &bytes) == ERR_NONE)
		require(strcasecmp(bytes_to_hex(arena, bytes), text) == 0);
	arena_free(arena);
	return 0;
}
