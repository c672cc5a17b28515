/* What the reference device reads of an HTTP server. */
#include "fuzz.h"

#include "http_response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_create(4u << 20);
	struct http_response response;

	if (arena != NULL && http_response_parse(bytes_of(data, size), arena, &response, NULL) == ERR_NONE) {
		require(response.size <= size);
		require(response.status < 1000);
	}
	arena_free(arena);
	return 0;
}
