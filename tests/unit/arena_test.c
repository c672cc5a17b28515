#include <cardea/arena.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool is_zero(const void *at, size_t len)
{
	const unsigned char *bytes = at;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

static void gives_zeroed_and_aligned_memory(void **state)
{
	struct arena *arena = arena_create(0);

	for (size_t size = 0; size < 300; size++) {
		void *at = arena_alloc(arena, size);

		assert_non_null(at);
		assert_int_equal((uintptr_t)at % _Alignof(max_align_t), 0);
		assert_true(is_zero(at, size));
		memset(at, 0xAA, size);
	}
	arena_free(arena);
}

static void allocations_do_not_overlap(void **state)
{
	enum { COUNT = 1000 };
	struct arena *arena = arena_create(0);
	unsigned *at[COUNT];

	for (unsigned i = 0; i < COUNT; i++) {
		at[i] = arena_alloc_array(arena, 10 + i % 50, sizeof(unsigned));
		for (unsigned k = 0; k < 10 + i % 50; k++)
			at[i][k] = i;
	}
	for (unsigned i = 0; i < COUNT; i++) {
		for (unsigned k = 0; k < 10 + i % 50; k++)
			assert_int_equal(at[i][k], i);
	}
	arena_free(arena);
}

static void refuses_more_than_its_bound(void **state)
{
	struct arena *arena = arena_create(1000);

	assert_null(arena_alloc(arena, 1001));
	assert_non_null(arena_alloc(arena, 900));
	assert_null(arena_alloc(arena, 200));
	assert_non_null(arena_alloc(arena, 50));
	arena_reset(arena);
	assert_non_null(arena_alloc(arena, 900));
	arena_free(arena);
}

static void refuses_sizes_that_overflow(void **state)
{
	struct arena *arena = arena_create(0);

	assert_null(arena_alloc(arena, SIZE_MAX));
	assert_null(arena_alloc_array(arena, SIZE_MAX / 2, 4));
	assert_null(arena_alloc_array(arena, SIZE_MAX, SIZE_MAX));
	assert_int_equal(arena_used(arena), 0);
	arena_free(arena);
}

static void reset_wipes_and_gives_the_same_memory_again(void **state)
{
	struct arena *arena = arena_create(0);
	char *first = arena_strdup(arena, "secret of one message");
	char *again;

	assert_non_null(arena_alloc(arena, 100000));
	arena_reset(arena);
	assert_int_equal(arena_used(arena), 0);
	again = arena_alloc(arena, 22);
	assert_ptr_equal(first, again);
	assert_true(is_zero(again, 22));
	arena_free(arena);
}

static void grows_the_latest_in_place_and_moves_others(void **state)
{
	struct arena *arena = arena_create(0);
	char *first = arena_strdup(arena, "first");
	char *second = arena_strdup(arena, "second");
	char *moved = arena_grow(arena, first, 6, 40);
	char *grown;

	assert_ptr_not_equal(moved, first);
	assert_string_equal(moved, "first");
	grown = arena_grow(arena, moved, 40, 4000);
	assert_ptr_equal(grown, moved);
	assert_true(is_zero(grown + 6, 4000 - 6));
	assert_string_equal(second, "second");
	grown = arena_grow(arena, moved, 4000, 9000); /* more than its block has */
	assert_ptr_not_equal(grown, moved);
	assert_string_equal(grown, "first");
	arena_free(arena);
}

static void growing_respects_the_bound(void **state)
{
	struct arena *arena = arena_create(256);
	char *at = arena_alloc(arena, 128);

	assert_null(arena_grow(arena, at, 128, 257));
	assert_ptr_equal(arena_grow(arena, at, 128, 256), at);
	assert_null(arena_alloc(arena, 1));
	arena_free(arena);
}

static void copies_and_prints_text(void **state)
{
	struct arena *arena = arena_create(0);

	assert_string_equal(arena_strndup(arena, "endpoint", 3), "end");
	assert_string_equal(arena_strndup(arena, "end", 10), "end");
	assert_string_equal(arena_printf(arena, "/%d/%s", 3, "0"), "/3/0");
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_zeroed_and_aligned_memory),
		cmocka_unit_test(allocations_do_not_overlap),
		cmocka_unit_test(refuses_more_than_its_bound),
		cmocka_unit_test(refuses_sizes_that_overflow),
		cmocka_unit_test(reset_wipes_and_gives_the_same_memory_again),
		cmocka_unit_test(grows_the_latest_in_place_and_moves_others),
		cmocka_unit_test(growing_respects_the_bound),
		cmocka_unit_test(copies_and_prints_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
