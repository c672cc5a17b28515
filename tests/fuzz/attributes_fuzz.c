/* What is read is written, and read again as the same. */
#include "fuzz.h"

#include "attributes.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(1 << 20);
	struct attributes attributes, again;
	struct bytes query;

	if (attributes_parse(bytes_of(at, len), &attributes, NULL) == ERR_NONE) {
		enum err err = attributes_check(&attributes, LWM2M_RESOURCE(3, 0, 9), NULL);

		require(err == ERR_NONE || err == ERR_MALFORMED);
		require(attributes_print(arena, &attributes, &query) == ERR_NONE);
		require(attributes_parse(query, &again, NULL) == ERR_NONE);
		for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
			require(again.at[i].present == attributes.at[i].present);
			require(again.at[i].unset == attributes.at[i].unset);
			require(again.at[i].value == attributes.at[i].value);
		}
	}
	arena_free(arena);
	return 0;
}
