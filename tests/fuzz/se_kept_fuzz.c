/* The state that an operation keeps between its steps. */
#include "fuzz.h"
#include "engine/kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(1 << 20);
	struct kept kept, again;
	struct bytes state;

	require(arena != NULL);
	if (kept_parse(bytes_of(at, len), &kept, NULL) == ERR_NONE) {
		require(kept_build(&kept, arena, &state) == ERR_NONE);
		require(kept_parse(state, &again, NULL) == ERR_NONE);
		require(kept.request_id == again.request_id && kept.ending == again.ending);
	}
	arena_free(arena);
	return 0;
}
