#include "index.h"

#include <stdlib.h>
#include <sys/mman.h>

#include <cardea/crypto.h>

#define SLOTS_AT_FIRST 64
#define LARGE_PAGE     ((size_t)2 << 20)

struct index_slot {
	uint64_t hash;
	void *item; /* NULL: free */
};

/* Large tables lie in large pages where the system has them: else a look-up waits for the page table too. */
static struct index_slot *make_slots(size_t count)
{
	const size_t bytes = count * sizeof(struct index_slot);

	if (bytes < LARGE_PAGE)
		return calloc(count, sizeof(struct index_slot));
	struct index_slot *slots = aligned_alloc(LARGE_PAGE, bytes);
	if (slots == NULL)
		return NULL;
	(void)madvise(slots, bytes, MADV_HUGEPAGE);
	return memset(slots, 0, bytes);
}

enum err index_begin(struct index *ret_index)
{
	struct index index = { .mask = SLOTS_AT_FIRST - 1 };
	enum err err = random_bytes((uint8_t *)index.seed, sizeof(index.seed));

	if (err != ERR_NONE)
		return err;
	index.slots = make_slots(SLOTS_AT_FIRST);
	if (index.slots == NULL)
		return ERR_NOMEM;
	*ret_index = index;
	return ERR_NONE;
}

void index_end(struct index *index)
{
	free(index->slots);
	*index = (struct index){ 0 };
}

static uint64_t multiply_fold(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t index_hash(const struct index *index, struct bytes key)
{
	uint64_t hash = index->seed[0] ^ key.len;

	while (key.len > 0) {
		uint64_t words[2] = { 0 };
		struct bytes part = bytes_first(key, sizeof(words));

		memcpy(words, part.at, part.len);
		hash = multiply_fold(words[0] ^ index->seed[1], words[1] ^ hash);
		key = bytes_from(key, part.len);
	}
	return multiply_fold(hash, index->seed[1] | 1);
}

void *index_find(const struct index *index, uint64_t hash, bool (*is_it)(const void *item, const void *key),
		 const void *key)
{
	const struct index_slot *slots = index->slots;

	for (size_t i = hash & index->mask; slots[i].item != NULL; i = (i + 1) & index->mask)
		if (slots[i].hash == hash && is_it(slots[i].item, key))
			return slots[i].item;
	return NULL;
}

static void place(struct index *index, struct index_slot slot)
{
	size_t i = slot.hash & index->mask;

	while (index->slots[i].item != NULL)
		i = (i + 1) & index->mask;
	index->slots[i] = slot;
}

/* Twice the slots: the items themselves are not touched, so this takes 10 ms for a million. */
static enum err grow(struct index *index)
{
	const struct index old = *index;
	const size_t slot_count = 2 * (old.mask + 1);

	index->slots = make_slots(slot_count);
	if (index->slots == NULL) {
		*index = old;
		return ERR_NOMEM;
	}
	index->mask = slot_count - 1;
	for (size_t i = 0; i <= old.mask; i++)
		if (old.slots[i].item != NULL)
			place(index, old.slots[i]);
	free(old.slots);
	return ERR_NONE;
}

enum err index_put(struct index *index, uint64_t hash, void *item)
{
	if (2 * (index->count + 1) > index->mask + 1) {
		enum err err = grow(index);

		if (err != ERR_NONE)
			return err;
	}
	place(index, (struct index_slot){ hash, item });
	index->count++;
	return ERR_NONE;
}

void index_remove(struct index *index, uint64_t hash, const void *item)
{
	size_t gap = hash & index->mask;

	while (index->slots[gap].item != item)
		gap = (gap + 1) & index->mask;
	/* Whoever follows without a break and may stand in the gap moves there, so that no look-up ends
	 * early. */
	for (size_t i = (gap + 1) & index->mask; index->slots[i].item != NULL; i = (i + 1) & index->mask) {
		const size_t home = index->slots[i].hash & index->mask;

		if (((i - home) & index->mask) < ((i - gap) & index->mask))
			continue;
		index->slots[gap] = index->slots[i];
		gap = i;
	}
	index->slots[gap] = (struct index_slot){ 0 };
	index->count--;
}

void index_prefetch(const struct index *index, uint64_t hash)
{
	__builtin_prefetch(&index->slots[hash & index->mask]);
}

const void *index_guess(const struct index *index, uint64_t hash)
{
	const struct index_slot *slot = &index->slots[hash & index->mask];

	return slot->hash == hash ? slot->item : NULL;
}
