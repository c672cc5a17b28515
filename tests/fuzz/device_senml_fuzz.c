/* A SenML CBOR pack and one CBOR value: what was read is written and read again, and is the same. */
#include "fuzz.h"

#include "format.h"

static void check(struct bytes payload, struct path base,
		  enum err (*read)(struct bytes, struct path, struct records *, struct fault *),
		  enum err (*write)(const struct records *, struct path, struct builder *))
{
	struct arena *arena = arena_create(0);
	struct records records = records_in(arena), again = records_in(arena);
	struct builder b = builder_in(arena);
	struct fault fault = { .kind = ERR_NONE };
	struct bytes written;

	if (read(payload, base, &records, &fault) == ERR_NONE) {
		require(write(&records, base, &b) == ERR_NONE);
		require(builder_bytes(&b, &written) == ERR_NONE);
		require(read(written, base, &again, NULL) == ERR_NONE);
		require(records.count == again.count);
		for (size_t i = 0; i < records.count; i++) {
			require(path_equal(records.at[i].path, again.at[i].path));
			require(value_equal(records.at[i].value, again.at[i].value));
		}
	}
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct path root = { .depth = 0 };

	check(bytes_of(at, len), root, senml_read, senml_write);
	check(bytes_of(at, len), RESOURCE_PATH(3, 0, 0), cbor_read, cbor_write);
	return 0;
}
