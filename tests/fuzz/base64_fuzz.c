/* A text that was taken says the same when its bytes are written again. */
#include "fuzz.h"

#include <cardea/bytes.h>

static char in_standard_alphabet(char c)
{
	return c == '-' ? '+' : c == '_' ? '/' : c;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(0);
	struct bytes bytes;

	if (bytes_from_base64(arena, bytes_of(at, len), &bytes) == ERR_NONE) {
		const char *again = bytes_to_base64(arena, bytes);
		size_t again_len = strlen(again);

		require(len <= again_len);
		for (size_t i = 0; i < again_len; i++)
			require(i < len ? in_standard_alphabet((char)at[i]) == again[i] : again[i] == '=');
	}
	arena_free(arena);
	return 0;
}
