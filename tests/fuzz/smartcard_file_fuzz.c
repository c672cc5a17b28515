/* Whatever file a card may hold is refused or can be written again, no longer than it was, and reads as the
 * same then. */
#include "fuzz.h"

#include "smartcard_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(64 << 20);
	struct smartcard_file file, again;
	struct bytes written;

	if (smartcard_file_read(arena, NULL, bytes_of(at, len), &file, NULL) == ERR_NONE) {
		require(file.size + 4 + file.padding.len == len);
		if (smartcard_file_write(arena, NULL, file.objects, file.count, &written, NULL) == ERR_NONE) {
			require(written.len <= file.size + 4);
			require(smartcard_file_read(arena, NULL, written, &again, NULL) == ERR_NONE);
			require(again.count == file.count);
			for (size_t i = 0; i < file.count; i++)
				require(again.objects[i].object == file.objects[i].object &&
					again.objects[i].records.count == file.objects[i].records.count);
		}
	}
	arena_free(arena);
	return 0;
}
