/* An order that is taken holds whole C-APDUs; one that is refused has a reason. */
#include "fuzz.h"

#include "order.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(1 << 22);
	struct fault fault = { .kind = ERR_NONE };
	struct script script;
	enum err err = order_parse(arena, bytes_of(at, len), &script, &fault);

	for (size_t i = 0; err == ERR_NONE && i < script.count; i++) {
		require(script.commands[i].tag != SCRIPT_COMMAND_APDU || script.commands[i].value.len >= 4);
		require(script.commands[i].list <= script.list_count);
	}
	require(err == ERR_NONE || err == ERR_NOMEM || fault.text[0] != '\0');
	arena_free(arena);
	return 0;
}
