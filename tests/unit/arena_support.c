#include "arena_support.h"

int open_arena(void **state)
{
	*state = arena_create(256 << 20);
	return *state == NULL;
}

int close_arena(void **state)
{
	arena_free(*state);
	return 0;
}

struct bytes hex(struct arena *arena, const char *digits)
{
	char *packed = arena_alloc(arena, strlen(digits) + 1);
	size_t count = 0;
	struct bytes bytes;

	assert_non_null(packed);
	for (const char *at = digits; *at != 0; at++) {
		if (*at != ' ')
			packed[count++] = *at;
	}
	assert_int_equal(bytes_from_hex(arena, packed, &bytes), ERR_NONE);
	return bytes;
}

void assert_bytes(struct bytes actual, struct bytes expected)
{
	assert_int_equal(actual.len, expected.len);
	if (actual.len > 0)
		assert_memory_equal(actual.at, expected.at, actual.len);
}

void assert_text(struct bytes actual, const char *expected)
{
	assert_bytes(actual, bytes_of_text(expected));
}
