/* A script that is taken lies wholly within its bytes; one that is refused has a reason. */
#include "fuzz.h"

#include "script.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(0);
	enum script_bad_format bad_format = 0;
	struct fault fault = { .kind = ERR_NONE };
	struct script script;
	enum err err = script_parse(arena, bytes_of(at, len), &script, &bad_format, &fault);

	if (err == ERR_NONE) {
		for (size_t i = 0; i < script.count; i++) {
			struct bytes value = script.commands[i].value;
			require(value.len == 0 || (value.at > at && value.at + value.len <= at + len));
			require(script.commands[i].tag != SCRIPT_COMMAND_APDU || value.len >= 4);
		}
	} else {
		require(err == ERR_MALFORMED);
		require(bad_format >= BAD_FORMAT_UNKNOWN_TAG && bad_format <= BAD_FORMAT_LENGTH_NOT_FOUND);
		require(fault.text[0] != '\0');
	}
	arena_free(arena);
	return 0;
}
