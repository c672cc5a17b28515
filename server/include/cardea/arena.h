/* Memory that lives as long as one message, request or step: allocate freely, reset once, free nothing. */
#ifndef CARDEA_ARENA_H
#define CARDEA_ARENA_H

#include <stddef.h>

struct arena;

/* An arena that grows in blocks and refuses to hold more than `max_bytes` in all (0: no bound). NULL when there
 * is no memory. */
struct arena *arena_create(size_t max_bytes);
void arena_free(struct arena *arena);           /* accepts NULL */

/* Wipes and forgets everything allocated, keeps the first block for the next message. */
void arena_reset(struct arena *arena);

/* Zeroed memory aligned for any type; NULL when the bound or the memory is exhausted. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);        /* refuses count * size overflow */

/* More room for the allocation `at` of `old_size` bytes (NULL: none yet): in place when it is the latest, else moved.
 * NULL as above; the old one stays valid then. What is new in it is zeroed. */
void *arena_grow(struct arena *arena, void *at, size_t old_size, size_t new_size);

/* Copies that end with a 0 byte; NULL as above. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For tests and limits. */
size_t arena_used(const struct arena *arena);

#endif
