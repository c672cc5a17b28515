/* Response scripts of an admin agent. */
#include "fuzz.h"
#include "seram/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(1 << 20);
	struct script_response response;

	require(arena != NULL);
	if (script_response_parse(bytes_of(at, len), arena, &response, NULL) == ERR_NONE) {
		require(response.response_count <= len);
		for (size_t i = 0; i < response.response_count; i++)
			require(response.responses[i].data.len < len);
		(void)script_refusal_text(&response);
	}
	arena_free(arena);
	return 0;
}
