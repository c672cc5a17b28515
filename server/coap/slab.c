#include "slab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_ITEMS 256
#define CACHE_LINE  64

struct slab_header {
	uint32_t generation; /* odd while the item is in use */
	uint32_t next_free;
};

/* A chunk begins with the headers of its items, so that these are whole cache lines. */
#define HEADERS_BYTES (CHUNK_ITEMS * sizeof(struct slab_header))
_Static_assert(HEADERS_BYTES % CACHE_LINE == 0, "items begin at a cache line");

struct slab slab_of(size_t item_size, uint32_t max)
{
	size_t item_bytes = (item_size + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);

	return (struct slab){ .item_bytes = item_bytes, .max = max };
}

void slab_end(struct slab *slab)
{
	for (uint32_t i = 0; i * CHUNK_ITEMS < slab->made; i++)
		free(slab->chunks[i]);
	free(slab->chunks);
	*slab = slab_of(0, 0);
}

static struct slab_header *header_at(const struct slab *slab, uint32_t index)
{
	struct slab_header *headers = (void *)slab->chunks[index / CHUNK_ITEMS];

	return &headers[index % CHUNK_ITEMS];
}

void *slab_at(const struct slab *slab, uint32_t index)
{
	return &slab->chunks[index / CHUNK_ITEMS][HEADERS_BYTES + index % CHUNK_ITEMS * slab->item_bytes];
}

/* Makes the next index usable. */
static bool slab_grow(struct slab *slab)
{
	if (slab->made == slab->max)
		return false;
	if (slab->chunks == NULL) {
		slab->chunks = calloc(slab->max / CHUNK_ITEMS + 1, sizeof(*slab->chunks));
		if (slab->chunks == NULL)
			return false;
	}
	uint8_t **chunk = &slab->chunks[slab->made / CHUNK_ITEMS];
	if (*chunk == NULL)
		*chunk = aligned_alloc(CACHE_LINE, HEADERS_BYTES + CHUNK_ITEMS * slab->item_bytes);
	if (*chunk == NULL)
		return false;
	*header_at(slab, slab->made) = (struct slab_header){ .next_free = slab->free_first };
	slab->free_first = ++slab->made;
	return true;
}

void *slab_take(struct slab *slab, uint64_t *ret_handle)
{
	if (slab->free_first == 0 && !slab_grow(slab))
		return NULL;
	uint32_t index = slab->free_first - 1;
	struct slab_header *header = header_at(slab, index);
	slab->free_first = header->next_free;
	slab->used++;
	header->generation++;
	*ret_handle = (uint64_t)header->generation << 32 | index;
	return memset(slab_at(slab, index), 0, slab->item_bytes);
}

void *slab_find(const struct slab *slab, uint64_t handle)
{
	uint32_t index = slab_index(handle), generation = (uint32_t)(handle >> 32);
	if (index >= slab->made || generation % 2 == 0)
		return NULL;
	return header_at(slab, index)->generation == generation ? slab_at(slab, index) : NULL;
}

void slab_give(struct slab *slab, uint64_t handle)
{
	struct slab_header *header = header_at(slab, slab_index(handle));
	header->generation++;
	header->next_free = slab->free_first;
	slab->free_first = slab_index(handle) + 1;
	slab->used--;
}

void *slab_next(const struct slab *slab, uint32_t *index)
{
	for (; *index < slab->made; ++*index)
		if (header_at(slab, *index)->generation % 2 == 1)
			return slab_at(slab, *index);
	return NULL;
}
