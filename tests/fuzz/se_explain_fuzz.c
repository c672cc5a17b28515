/* Everything that a person may ask the plugin to explain: the name of a kind, a line feed, the bytes. */
#include <cardea/plugin.h>

#include "fuzz.h"

static const struct cardea_explainer *kind_of(struct bytes name)
{
	const struct cardea_explainer *row = cardea_plugin.explainers;

	while (row->name != NULL && !bytes_equal_text(name, row->name))
		row++;
	return row->name != NULL ? row : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const uint8_t *end = len > 0 ? memchr(at, '\n', len) : NULL;
	const struct cardea_explainer *explainer =
		end != NULL ? kind_of(bytes_of(at, (size_t)(end - at))) : NULL;
	struct arena *arena = arena_create(4 << 20);
	struct builder text = builder_in(arena);
	struct fault fault = { .kind = ERR_NONE };

	require(arena != NULL);
	if (explainer != NULL) {
		const struct bytes content = bytes_from(bytes_of(at, len), (size_t)(end - at) + 1);
		enum err err = explainer->explain(content, &text, &fault);
		require(err == ERR_NONE || err == ERR_NOMEM || fault.text[0] != 0);
		require(text.bad || bytes_are_utf8(bytes_of(text.at, text.len)));
	}
	arena_free(arena);
	return 0;
}
