#include "oscore_numbers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "store.h"

static const uint8_t a[OSCORE_PRINT_SIZE] = "a", b[OSCORE_PRINT_SIZE] = "b";

struct bench {
	struct store *store;
	struct oscore_numbers *numbers;
};

static int begin(void **state)
{
	static struct bench bench;

	*state = &bench;
	return store_open("", STORE_INLINE, NULL, &bench.store, NULL) != ERR_NONE ||
	       oscore_numbers_create(bench.store, &bench.numbers, NULL) != ERR_NONE;
}

static int end(void **state)
{
	struct bench *bench = *state;

	oscore_numbers_free(bench->numbers);
	store_close(bench->store);
	return 0;
}

/* The process ends with no word to anybody, and another one begins. */
static void crash(struct bench *bench)
{
	oscore_numbers_free(bench->numbers);
	assert_int_equal(oscore_numbers_create(bench->store, &bench->numbers, NULL), ERR_NONE);
}

static uint64_t take(struct bench *bench, const uint8_t *print)
{
	uint64_t number;

	assert_int_equal(oscore_numbers_take(bench->numbers, print, &number), ERR_NONE);
	return number;
}

/* What the store says: every number below may have been used. */
static uint64_t reserved(struct bench *bench)
{
	struct arena *arena = arena_create(0);
	struct oscore_number_row *rows;
	size_t count;

	assert_int_equal(store_read_oscore_numbers(bench->store, arena, &rows, &count), ERR_NONE);
	assert_int_equal(count, 1);
	const uint64_t number = rows[0].reserved;
	arena_free(arena);
	return number;
}

static void counts_up_from_zero(void **state)
{
	assert_int_equal(oscore_numbers_expect(((struct bench *)*state)->numbers, a), ERR_NONE);
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(take(*state, a), i);
}

static void a_key_that_nobody_expects_has_no_numbers(void **state)
{
	struct bench *bench = *state;
	uint64_t number;

	assert_false(oscore_numbers_are_ready(bench->numbers, a));
	assert_int_equal(oscore_numbers_take(bench->numbers, a, &number), ERR_UNAVAILABLE);
	assert_int_equal(oscore_numbers_expect(bench->numbers, a), ERR_NONE);
	assert_true(oscore_numbers_are_ready(bench->numbers, a));
}

static void the_store_is_always_ahead(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(oscore_numbers_expect(bench->numbers, a), ERR_NONE);
	for (unsigned i = 0; i < 3 * OSCORE_RESERVE; i++)
		assert_true(take(bench, a) < reserved(bench));
}

static void a_crash_repeats_no_number(void **state)
{
	struct bench *bench = *state;
	uint64_t last = 0;

	assert_int_equal(oscore_numbers_expect(bench->numbers, a), ERR_NONE);
	for (unsigned i = 0; i < 5; i++) {
		for (unsigned j = 0; j < OSCORE_RESERVE / 3; j++)
			last = take(bench, a);
		crash(bench);
		assert_true(take(bench, a) > last);
	}
}

static void keys_do_not_share_numbers(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(oscore_numbers_expect(bench->numbers, a), ERR_NONE);
	assert_int_equal(oscore_numbers_expect(bench->numbers, b), ERR_NONE);
	assert_int_equal(take(bench, a), 0);
	assert_int_equal(take(bench, b), 0);
	assert_int_equal(oscore_numbers_expect(bench->numbers, a), ERR_NONE); /* again: nothing begins anew */
	assert_int_equal(take(bench, a), 1);
}

static void only_the_first_window_of_a_new_key_begins_empty(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(oscore_numbers_begin_window(bench->numbers, a), OSCORE_PAST_UNKNOWN);
	assert_int_equal(oscore_numbers_expect(bench->numbers, a), ERR_NONE);
	assert_int_equal(oscore_numbers_begin_window(bench->numbers, a), OSCORE_PAST_HERE);
	assert_int_equal(oscore_numbers_begin_window(bench->numbers, a), OSCORE_PAST_ELSEWHERE);
	assert_int_equal(oscore_numbers_expect(bench->numbers, b), ERR_NONE);
	crash(bench);
	assert_int_equal(oscore_numbers_begin_window(bench->numbers, b), OSCORE_PAST_ELSEWHERE);
}

static const uint8_t c[OSCORE_PRINT_SIZE] = "c";

static void a_successor_outlives_a_crash(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(oscore_numbers_renew(bench->numbers, a, b, bytes_of_text("first")), ERR_UNAVAILABLE);
	assert_int_equal(oscore_numbers_expect(bench->numbers, a), ERR_NONE);
	assert_int_equal(oscore_numbers_renewed(bench->numbers, a).len, 0);
	assert_int_equal(oscore_numbers_renew(bench->numbers, a, b, bytes_of_text("first")), ERR_NONE);
	crash(bench);
	assert_true(bytes_equal_text(oscore_numbers_renewed(bench->numbers, a), "first"));
	assert_true(take(bench, b) >= OSCORE_RESERVE);
}

static void of_earlier_successors_nothing_is_kept(void **state)
{
	struct bench *bench = *state;
	uint64_t number;

	assert_int_equal(oscore_numbers_expect(bench->numbers, a), ERR_NONE);
	assert_int_equal(oscore_numbers_renew(bench->numbers, a, b, bytes_of_text("first")), ERR_NONE);
	(void)take(bench, b);
	assert_int_equal(oscore_numbers_renew(bench->numbers, a, c, bytes_of_text("second")), ERR_NONE);
	assert_int_equal(oscore_numbers_take(bench->numbers, b, &number), ERR_UNAVAILABLE);
	crash(bench);
	assert_true(bytes_equal_text(oscore_numbers_renewed(bench->numbers, a), "second"));
	assert_false(oscore_numbers_are_ready(bench->numbers, b));
	assert_true(oscore_numbers_are_ready(bench->numbers, c));
	assert_true(oscore_numbers_are_ready(bench->numbers, a)); /* the credential's own stays */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counts_up_from_zero),          TEST(a_key_that_nobody_expects_has_no_numbers),
		TEST(the_store_is_always_ahead),    TEST(a_crash_repeats_no_number),
		TEST(keys_do_not_share_numbers),    TEST(only_the_first_window_of_a_new_key_begins_empty),
		TEST(a_successor_outlives_a_crash), TEST(of_earlier_successors_nothing_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
