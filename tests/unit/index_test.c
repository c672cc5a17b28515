#include "index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ITEMS 3000

struct item {
	char key[16];
	bool is_in;
};

static bool has_key(const void *item, const void *key)
{
	return strcmp(((const struct item *)item)->key, key) == 0;
}

static uint64_t hash_of(const struct index *index, const char *key)
{
	return index_hash(index, bytes_of_text(key));
}

static void items_are_found_while_others_come_and_go(void **state)
{
	static struct item items[ITEMS];
	struct index index;
	size_t count = 0;

	assert_int_equal(index_begin(&index), ERR_NONE);
	srand(1);
	for (int step = 0; step < 20 * ITEMS; step++) {
		struct item *item = &items[rand() % ITEMS];

		snprintf(item->key, sizeof(item->key), "key %d", (int)(item - items));
		uint64_t hash = hash_of(&index, item->key);
		assert_ptr_equal(index_find(&index, hash, has_key, item->key), item->is_in ? item : NULL);
		if (item->is_in)
			index_remove(&index, hash, item);
		else
			assert_int_equal(index_put(&index, hash, item), ERR_NONE);
		item->is_in = !item->is_in;
		count += item->is_in ? 1 : (size_t)-1;
		assert_int_equal(index.count, count);
	}
	for (int i = 0; i < ITEMS; i++)
		assert_ptr_equal(index_find(&index, hash_of(&index, items[i].key), has_key, items[i].key),
				 items[i].is_in ? &items[i] : NULL);
	index_end(&index);
}

/* So many that the slots take large pages. */
static void many_items_are_found(void **state)
{
	const int many = 100000;
	struct item *items = calloc((size_t)many, sizeof(*items));
	struct index index;

	assert_non_null(items);
	assert_int_equal(index_begin(&index), ERR_NONE);
	for (int i = 0; i < many; i++) {
		snprintf(items[i].key, sizeof(items[i].key), "key %d", i);
		assert_int_equal(index_put(&index, hash_of(&index, items[i].key), &items[i]), ERR_NONE);
	}
	for (int i = 0; i < many; i++)
		assert_ptr_equal(index_find(&index, hash_of(&index, items[i].key), has_key, items[i].key),
				 &items[i]);
	assert_null(index_find(&index, hash_of(&index, "key x"), has_key, "key x"));
	index_end(&index);
	free(items);
}

/* All at one place, over the end of the slots too. */
static void items_of_one_hash_are_told_apart(void **state)
{
	static struct item items[20];
	struct index index;
	const uint64_t hash = UINT64_MAX - 1;

	assert_int_equal(index_begin(&index), ERR_NONE);
	for (int i = 0; i < 20; i++) {
		snprintf(items[i].key, sizeof(items[i].key), "%d", i);
		assert_int_equal(index_put(&index, hash + (uint64_t)(i % 3), &items[i]), ERR_NONE);
	}
	for (int i = 0; i < 20; i += 2)
		index_remove(&index, hash + (uint64_t)(i % 3), &items[i]);
	for (int i = 0; i < 20; i++)
		assert_ptr_equal(index_find(&index, hash + (uint64_t)(i % 3), has_key, items[i].key),
				 i % 2 == 1 ? &items[i] : NULL);
	index_end(&index);
}

static void hash_depends_on_every_byte_and_on_the_length(void **state)
{
	uint8_t key[40] = { 0 };
	struct index index;

	assert_int_equal(index_begin(&index), ERR_NONE);
	const uint64_t hash = index_hash(&index, bytes_of(key, sizeof(key)));
	for (size_t i = 0; i < sizeof(key); i++) {
		key[i] = 1;
		assert_int_not_equal(index_hash(&index, bytes_of(key, sizeof(key))), hash);
		key[i] = 0;
		assert_int_not_equal(index_hash(&index, bytes_of(key, i)), hash);
	}
	assert_int_equal(index_hash(&index, bytes_of(key, sizeof(key))), hash);
	index_end(&index);
}

static void guess_is_right_or_nothing(void **state)
{
	struct item first = { .key = "a" }, second = { .key = "b" };
	struct index index;

	assert_int_equal(index_begin(&index), ERR_NONE);
	assert_null(index_guess(&index, 5));
	assert_int_equal(index_put(&index, 5, &first), ERR_NONE);
	assert_int_equal(index_put(&index, 5 + 64, &second), ERR_NONE);
	index_prefetch(&index, 5);
	assert_ptr_equal(index_guess(&index, 5), &first);
	assert_null(index_guess(&index, 5 + 64));
	index_end(&index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_are_found_while_others_come_and_go),
		cmocka_unit_test(many_items_are_found),
		cmocka_unit_test(items_of_one_hash_are_told_apart),
		cmocka_unit_test(hash_depends_on_every_byte_and_on_the_length),
		cmocka_unit_test(guess_is_right_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
