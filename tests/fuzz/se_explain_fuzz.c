/* Everything that a person may ask the plugin to explain; the first byte chooses the kind. */
#include <cardea/plugin.h>

#include "fuzz.h"

#define KINDS 7

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(4 << 20);
	struct builder text = builder_in(arena);
	struct fault fault = { .kind = ERR_NONE };

	require(arena != NULL);
	if (len > 0) {
		const struct cardea_explainer *explainer = &cardea_plugin.explainers[at[0] % KINDS];
		enum err err = explainer->explain(bytes_of(at + 1, len - 1), &text, &fault);
		require(err == ERR_NONE || err == ERR_NOMEM || fault.text[0] != 0);
		require(text.bad || bytes_are_utf8(bytes_of(text.at, text.len)));
	}
	arena_free(arena);
	return 0;
}
