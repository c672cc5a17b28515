/* Blocks in a list, the newest first; an allocation moves the fill mark of the newest. Memory comes zeroed
 * from calloc and is wiped when it is given back, so an allocation needs no memset and the keys and plain
 * texts of one message do not outlive it. Under AddressSanitizer everything past an allocation is poisoned,
 * so that a read past its end is found as it would be with malloc. */
#include <cardea/arena.h>

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER 1
#endif

#ifdef HAS_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size)   ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define FIRST_BLOCK_BYTES   4096
#define LARGEST_BLOCK_BYTES 65536 /* larger ones only for a single allocation that needs it */
#define ALIGNMENT           alignof(max_align_t)

struct block {
	struct block *older;
	size_t size, used;
	alignas(max_align_t) unsigned char at[];
};

struct arena {
	struct block *newest; /* NULL until the first allocation */
	size_t max_bytes, used;
};

struct arena *arena_create(size_t max_bytes)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena != NULL)
		arena->max_bytes = max_bytes;
	return arena;
}

static void block_wipe(struct block *block)
{
	ASAN_UNPOISON_MEMORY_REGION(block->at, block->size);
	explicit_bzero(block->at, block->used);
	block->used = 0;
}

void arena_reset(struct arena *arena)
{
	struct block *block = arena->newest;

	arena->used = 0;
	if (block == NULL)
		return;
	while (block->older != NULL) {
		struct block *older = block->older;

		block_wipe(block);
		free(block);
		block = older;
	}
	block_wipe(block);
	ASAN_POISON_MEMORY_REGION(block->at, block->size);
	arena->newest = block;
}

void arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	arena_reset(arena);
	if (arena->newest != NULL)
		ASAN_UNPOISON_MEMORY_REGION(arena->newest->at, arena->newest->size);
	free(arena->newest);
	free(arena);
}

static bool add_block(struct arena *arena, size_t needed)
{
	size_t size = arena->newest == NULL ? FIRST_BLOCK_BYTES : arena->newest->size * 2;
	struct block *block;

	if (size > LARGEST_BLOCK_BYTES)
		size = LARGEST_BLOCK_BYTES;
	if (size < needed)
		size = needed;
	block = calloc(1, sizeof(*block) + size);
	if (block == NULL)
		return false;
	block->size = size;
	block->older = arena->newest;
	arena->newest = block;
	ASAN_POISON_MEMORY_REGION(block->at, block->size);
	return true;
}

/* What an allocation takes from its block; 0 when that is more than there can be. */
static size_t padded(size_t size)
{
	if (size > PTRDIFF_MAX / 2)
		return 0;
	return size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static bool has_room_for(const struct arena *arena, size_t more)
{
	return arena->max_bytes == 0 || more <= arena->max_bytes - arena->used;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size_t taken = padded(size);
	struct block *block;
	void *at;

	if (taken == 0 || !has_room_for(arena, taken))
		return NULL;
	block = arena->newest;
	if (block == NULL || taken > block->size - block->used) {
		if (!add_block(arena, taken))
			return NULL;
		block = arena->newest;
	}
	at = block->at + block->used;
	block->used += taken;
	arena->used += taken;
	ASAN_UNPOISON_MEMORY_REGION(at, size);
	return at;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return arena_alloc(arena, total);
}

void *arena_grow(struct arena *arena, void *at, size_t old_size, size_t new_size)
{
	struct block *block = arena->newest;
	size_t old_taken = padded(old_size);
	size_t new_taken = padded(new_size);
	void *moved;

	assert(new_size >= old_size);
	if (at == NULL)
		return arena_alloc(arena, new_size);
	if (new_taken == 0)
		return NULL;
	if ((unsigned char *)at + old_taken == block->at + block->used &&
	    new_taken - old_taken <= block->size - block->used &&
	    has_room_for(arena, new_taken - old_taken)) {
		block->used += new_taken - old_taken;
		arena->used += new_taken - old_taken;
		ASAN_UNPOISON_MEMORY_REGION(at, new_size);
		return at;
	}
	moved = arena_alloc(arena, new_size);
	if (moved != NULL)
		memcpy(moved, at, old_size);
	return moved;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
	size_t size = length > 0 ? strnlen(text, length) : 0;
	char *copy = arena_alloc(arena, size + 1);

	if (copy != NULL && size > 0)
		memcpy(copy, text, size);
	return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0)
		return NULL;
	text = arena_alloc(arena, (size_t)length + 1);
	if (text == NULL)
		return NULL;
	va_start(arguments, format);
	vsnprintf(text, (size_t)length + 1, format, arguments);
	va_end(arguments);
	return text;
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}
