/* What a card tells of a file when it is selected, and paths of files. */
#include "fuzz.h"
#include "gp/file_commands.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(1 << 20);
	struct file_parameters file;
	struct file_path path;
	struct command command;
	struct bytes text;

	require(arena != NULL);
	if (file_parameters_parse(bytes_of(at, len), &file, NULL) == ERR_NONE) {
		require(file.structure < FILE_STRUCTURE_COUNT);
		require(file.record_size == 0 || file.size % file.record_size == 0);
		require(file.access.len + file.name.len <= len);
	}
	if (bytes_copy(arena, bytes_of(at, len), &text) == ERR_NONE &&
	    file_path_parse((const char *)text.at, &path) == ERR_NONE) {
		require(path.count > 0 && path.count <= FILE_MAX_PATH);
		require(file_select(arena, &path, true, &command) == ERR_NONE);
		require(command.data.len <= 2 * path.count);
	}
	arena_free(arena);
	return 0;
}
