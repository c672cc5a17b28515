/* What is read is written, and read again as the same. */
#include "fuzz.h"

#include "arguments.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(1 << 20);
	struct arguments arguments, again;
	struct bytes text;

	if (arguments_parse(bytes_of(at, len), &arguments, NULL) == ERR_NONE) {
		require(arguments_print(arena, &arguments, &text) == ERR_NONE);
		require(text.len <= len);
		require(arguments_parse(text, &again, NULL) == ERR_NONE && again.count == arguments.count);
		for (size_t i = 0; i < again.count; i++) {
			require(again.at[i].digit == arguments.at[i].digit);
			require(bytes_equal(again.at[i].value, arguments.at[i].value));
		}
	}
	arena_free(arena);
	return 0;
}
