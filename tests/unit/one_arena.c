#include "one_arena.h"

struct arena *arena;

int open_arena(void **state)
{
	arena = arena_create(64 << 20);
	return arena == NULL;
}

int close_arena(void **state)
{
	arena_free(arena);
	return 0;
}

struct bytes hex(const char *text)
{
	struct bytes bytes;

	assert_int_equal(bytes_from_hex(arena, text, &bytes), ERR_NONE);
	return bytes;
}
