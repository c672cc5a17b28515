/* Items of one size that never move, found by a handle that turns void when its item is given back. */
#ifndef CARDEA_COAP_SLAB_H
#define CARDEA_COAP_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct slab {
	size_t item_bytes;              /* a multiple of what the processor fetches at once */
	uint32_t max, made, used;       /* items: at most, ever made, in use */
	uint32_t free_first;            /* index + 1, 0: none */
	uint8_t **chunks;
};

/* Memory comes with use, in chunks, and stays until slab_end. */
struct slab slab_of(size_t item_size, uint32_t max);
void slab_end(struct slab *slab);

/* A zeroed item. NULL when `max` are in use or there is no memory. */
void *slab_take(struct slab *slab, uint64_t *ret_handle);
void slab_give(struct slab *slab, uint64_t handle);

/* NULL when the item has been given back; handles are never 0. */
void *slab_find(const struct slab *slab, uint64_t handle);

/* The low half of a handle, for tables that store 32 bits; the item must be in use. */
static inline uint32_t slab_index(uint64_t handle)
{
	return (uint32_t)handle;
}
void *slab_at(const struct slab *slab, uint32_t index);

/* For a walk over all items in use: the first one at or after *index, which becomes its index. NULL at the end. */
void *slab_next(const struct slab *slab, uint32_t *index);

#endif
