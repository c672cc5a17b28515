/* LwM2M CBOR: what was read is written, in the order of its paths, and reads the same again. */
#include "fuzz.h"

#include "format.h"

static void check(struct bytes payload, struct path base)
{
	struct arena *arena = arena_create(0);
	struct records records = records_in(arena), again = records_in(arena);
	struct builder b = builder_in(arena);

	if (tree_read(payload, base, &records, NULL) == ERR_NONE) {
		require(tree_write(&records, base, &b) == ERR_NONE);
		require(tree_read(bytes_of(b.at, b.len), base, &again, NULL) == ERR_NONE);
		require(records.count == again.count);
		for (size_t i = 0; i < records.count; i++) {
			const struct value *value = records_find(&again, records.at[i].path);

			require(value != NULL && value_equal(*value, records.at[i].value));
		}
	}
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	check(bytes_of(at, len), (struct path){ .depth = 0 });
	check(bytes_of(at, len), OBJECT_PATH(2));
	return 0;
}
