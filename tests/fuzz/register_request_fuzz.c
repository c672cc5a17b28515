/* Lines of Uri-Query, an empty line, the payload; as a Register and as an Update. */
#include "fuzz.h"

#include <string.h>

#include "register_request.h"

#define MAX_QUERIES 16

static void parse(struct bytes input, bool is_update)
{
	struct arena *arena = arena_create(16 << 20);
	struct bytes queries[MAX_QUERIES];
	struct register_request request;
	size_t count = 0;

	while (count < MAX_QUERIES && input.len > 0) {
		const uint8_t *end = memchr(input.at, '\n', input.len);
		struct bytes line = end == NULL ? input : bytes_first(input, (size_t)(end - input.at));

		input = bytes_from(input, line.len + 1);
		if (line.len == 0)
			break;
		queries[count++] = line;
	}
	if (register_request_parse(arena, queries, count, input, is_update, &request, NULL) == ERR_NONE) {
		require(is_update || request.object_count > 0);
		require(request.binding.len > 0 && request.version.len > 0);
		for (size_t i = 1; i < request.object_count; i++) {
			const struct registered_object *before = &request.objects[i - 1],
						       *object = &request.objects[i];

			require(before->object < object->object ||
				(before->object == object->object && before->instance < object->instance));
		}
	}
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	parse(bytes_of(at, len), false);
	parse(bytes_of(at, len), true);
	return 0;
}
