/* What is read is written and read again as the same; whatever is read strictly is read tolerantly as well.
 */
#include "fuzz.h"

#include "link.h"

static void require_same(const struct links *a, const struct links *b)
{
	require(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		require(bytes_equal(a->at[i].target, b->at[i].target));
		require(a->at[i].attribute_count == b->at[i].attribute_count);
		for (size_t k = 0; k < a->at[i].attribute_count; k++) {
			const struct link_attribute *first = &a->at[i].attributes[k],
						    *second = &b->at[i].attributes[k];

			require(bytes_equal(first->name, second->name) &&
				bytes_equal(first->value, second->value));
			require(first->has_value == second->has_value && first->quoted == second->quoted);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(16 << 20);
	struct links tolerant, strict, again;
	struct bytes text = bytes_of(at, len), written;
	enum err tolerantly = link_parse(arena, text, true, &tolerant, NULL);
	enum err strictly = link_parse(arena, text, false, &strict, NULL);

	if (strictly == ERR_NONE) {
		require(tolerantly == ERR_NONE);
		require_same(&strict, &tolerant);
	}
	if (tolerantly == ERR_NONE) {
		require(link_print(arena, tolerant, &written) == ERR_NONE);
		require(link_parse(arena, written, false, &again, NULL) == ERR_NONE);
		require_same(&tolerant, &again);
	}
	arena_free(arena);
	return 0;
}
