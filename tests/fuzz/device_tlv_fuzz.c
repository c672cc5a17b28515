/* The first byte chooses the level of the request path; what was read is written and read again, and is the
 * same. */
#include "fuzz.h"

#include "format.h"

/* Values keep the bytes that they came in. */
static void make_opaque(struct records *records)
{
	for (size_t i = 0; i < records->count; i++)
		if (records->at[i].value.kind == KIND_TLV_BYTES)
			records->at[i].value.kind = KIND_OPAQUE;
}

static void require_equal(const struct records *a, const struct records *b)
{
	require(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		require(path_equal(a->at[i].path, b->at[i].path));
		require(value_equal(a->at[i].value, b->at[i].value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(0);
	struct records records = records_in(arena), again = records_in(arena);
	struct builder b = builder_in(arena);
	struct path base = { { 3, 0, 6, 0 }, len == 0 ? 0 : at[0] % 5 };
	struct bytes payload = bytes_from(bytes_of(at, len), 1), written;
	struct fault fault = { .kind = ERR_NONE };

	if (tlv_read(payload, base, &records, &fault) == ERR_NONE && base.depth < 4) {
		make_opaque(&records);
		require(tlv_write(&records, base, &b) == ERR_NONE);
		require(builder_bytes(&b, &written) == ERR_NONE);
		require(tlv_read(written, base, &again, NULL) == ERR_NONE);
		make_opaque(&again);
		require_equal(&records, &again);
	}
	arena_free(arena);
	return 0;
}
