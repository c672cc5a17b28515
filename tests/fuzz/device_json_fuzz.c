/* SenML JSON: what was read is written and read again, and is the same. */
#include "fuzz.h"

#include "format.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct path root = { .depth = 0 };
	struct arena *arena = arena_create(0);
	struct records records = records_in(arena), patch = records_in(arena), again = records_in(arena);
	struct builder b = builder_in(arena);
	enum err err = json_etch_read(bytes_of(at, len), root, &patch, NULL);

	require(err == ERR_NONE || err == ERR_MALFORMED);
	if (json_read(bytes_of(at, len), root, &records, NULL) == ERR_NONE &&
	    json_write(&records, root, &b) == ERR_NONE) { /* a sum may not be finite */
		require(json_read(bytes_of(b.at, b.len), root, &again, NULL) == ERR_NONE);
		require(records.count == again.count);
		for (size_t i = 0; i < records.count; i++) {
			require(path_equal(records.at[i].path, again.at[i].path));
			require(value_equal(records.at[i].value, again.at[i].value));
		}
	}
	arena_free(arena);
	return 0;
}
