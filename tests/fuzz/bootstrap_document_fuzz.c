/* A configuration that is accepted is shown without keys, and can be planned. */
#include "fuzz.h"

#include <string.h>

#include "bootstrap_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(16 << 20);
	const struct bootstrap_key generated = { .identity = "id", .key = { .len = 16 } };
	struct bootstrap_configuration configuration;
	struct bootstrap_plan plan;
	struct fault fault = { .kind = ERR_NONE };
	struct model *model;
	const char *document;

	require(model_create(&model) == ERR_NONE);
	if (bootstrap_configuration_read(arena, model, bytes_of(at, len), false, &configuration, &document,
					 &fault) == ERR_NONE) {
		require(strstr(document, "\"keyHex\"") == NULL);
		require(configuration.server_count > 0);
		require(bootstrap_plan_make(arena, &configuration, bootstrap_found_unknown(), &generated,
					    &plan) == ERR_NONE);
		require(plan.steps[plan.count - 1].kind == BOOTSTRAP_FINISH);
	} else {
		require(fault.text[0] != 0);
	}
	model_free(model);
	arena_free(arena);
	return 0;
}
