/* What was read as DER is built again byte by byte; a BER reader may accept more, never less. */
#include "fuzz.h"

#include <cardea/tlv.h>

static void read_all(struct bytes bytes, unsigned nesting)
{
	struct reader ber = reader_of(bytes), der = reader_of(bytes);
	struct bytes value;
	uint32_t tag;

	while (read_tlv(&ber, &tag, &value)) {
		struct bytes found;

		require(tlv_find(bytes, tag, &found) == ERR_NONE);
		if (nesting < 8)
			read_all(value, nesting + 1);
	}
	while (read_der(&der, &tag, &value))
		continue;
	require(!ber.bad || der.bad);
}

static void rebuild(struct bytes bytes)
{
	struct arena *arena = arena_create(0);
	struct reader r = reader_of(bytes);
	struct builder b = builder_in(arena);
	struct bytes value, built;
	uint32_t tag;

	while (read_der(&r, &tag, &value)) {
		size_t mark = build_open(&b, tag);

		build_bytes(&b, value);
		build_close(&b, mark);
	}
	require(builder_bytes(&b, &built) == ERR_NONE);
	require(r.bad || bytes_equal(built, bytes));
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct reader lv = reader_of(bytes_of(at, len));

	read_all(bytes_of(at, len), 0);
	rebuild(bytes_of(at, len));
	while (reader_left(&lv) > 0)
		read_lv(&lv);
	return 0;
}
