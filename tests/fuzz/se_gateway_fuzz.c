/* What comes to the gateway beside HTTP itself: queries, names of secure elements, scripts and R-APDUs that change their
 * form. The first byte chooses. */
#include "fuzz.h"

#include "gateway/element.h"
#include "gateway/local_agent.h"
#include "gateway/query.h"
#include "seram/script.h"

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

static void read_script(struct bytes bytes, struct arena *arena)
{
	const struct bytes *apdus;
	size_t count;

	if (local_agent_commands(arena, bytes, "//aid/A000000151/000000", &apdus, &count) == ERR_NONE)
		require(count >= 1);
}

/* The R-APDUs, each behind its length; what was made of them is a script's response. */
static void read_answers(struct bytes bytes, struct arena *arena)
{
	struct reader r = reader_of(bytes);
	struct bytes answers[16], response;
	struct script_response parsed;
	size_t count = 0;
	int64_t status;

	while (reader_left(&r) > 0 && count < 16)
		answers[count++] = read_bytes(&r, read_u8(&r));
	if (local_agent_response(arena, answers, count, count > 1, &response, &status) == ERR_NONE)
		require(script_response_parse(response, arena, &parsed, NULL) == ERR_NONE &&
			parsed.response_count <= count);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static void (*const parsers[])(struct bytes bytes, struct arena * arena) = {
		read_query,
		read_name,
		read_script,
		read_answers,
	};
	struct arena *arena = arena_create(1 << 20);
	struct reader r = reader_of(bytes_of(at, len));
	const size_t which = read_u8(&r) % (sizeof(parsers) / sizeof(parsers[0]));

	if (arena != NULL)
		parsers[which](read_rest(&r), arena);
	arena_free(arena);
	return 0;
}
