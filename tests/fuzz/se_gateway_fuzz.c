/* What comes to the gateway beside HTTP itself: queries, names of secure elements. The first byte chooses. */
#include "fuzz.h"

#include "gateway/element.h"
#include "gateway/query.h"

static void read_query(struct bytes bytes, struct arena *arena)
{
	const char *query = arena_strndup(arena, (const char *)bytes.at, bytes.len);
	uint32_t number;

	if (query != NULL && query_number(query, "se", 15, &number))
		require(number <= 15 && query_value(query, "se").len > 0);
}

static void read_name(struct bytes bytes, struct arena *arena)
{
	struct element element = { .identifier = "//se-id/CUD/0123" };

	(void)arena;
	if (element_is_named(&element, bytes))
		require(element_name_is_valid(bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static void (*const parsers[])(struct bytes bytes, struct arena * arena) = {
		read_query,
		read_name,
	};
	struct arena *arena = arena_create(1 << 20);
	struct reader r = reader_of(bytes_of(at, len));
	const size_t which = read_u8(&r) % (sizeof(parsers) / sizeof(parsers[0]));

	if (arena != NULL)
		parsers[which](read_rest(&r), arena);
	arena_free(arena);
	return 0;
}
