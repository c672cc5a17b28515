/* The content of a DAP block: what is read is written the same. */
#include "fuzz.h"
#include "gp/dap.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(1 << 20);
	struct builder b = builder_in(arena);
	struct dap_block block;
	struct bytes built;

	require(arena != NULL);
	if (dap_block_parse(bytes_of(at, len), &block, NULL) == ERR_NONE) {
		require(block.domain.len <= 16 && block.signature.len > 0);
		build_dap_block(&b, &block);
		require(builder_bytes(&b, &built) == ERR_NONE && built.len <= len + 8);
	}
	arena_free(arena);
	return 0;
}
