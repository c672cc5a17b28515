/* Uploaded load files: CAP, IJC, or ready. */
#include "fuzz.h"
#include "package/load_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(16 << 20);
	struct load_file file;

	require(arena != NULL);
	if (load_file_parse(bytes_of(at, len), arena, &file, NULL) == ERR_NONE) {
		require(file.aid.len >= 5 && file.aid.len <= 16);
		require(file.applet_count <= LOAD_FILE_MAX_APPLETS);
		require(file.block.len < file.content.len);
	}
	arena_free(arena);
	return 0;
}
