/* Reading item by item and skipping agree about what is well formed. */
#include "fuzz.h"

#include <cardea/cbor.h>

#define MAX_ITEMS 65536

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(16 << 20);
	struct reader heads = reader_of(bytes_of(at, len)), whole = heads;
	struct cbor_item item;
	size_t count = 0;

	while (count < MAX_ITEMS && read_cbor(&heads, arena, &item)) {
		require(item.kind != CBOR_TEXT || bytes_are_utf8(item.bytes));
		require(item.kind != CBOR_ARRAY || item.count == CBOR_INDEFINITE || item.count <= len);
		count++;
	}
	while (reader_left(&whole) > 0 && skip_cbor(&whole, arena))
		continue;
	require(!reader_done(&whole) || count == MAX_ITEMS || reader_done(&heads));
	arena_free(arena);
	return 0;
}
