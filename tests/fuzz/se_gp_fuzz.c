/* Everything that a card says about itself; the first byte chooses what. */
#include "fuzz.h"
#include "gp/gp.h"
#include "gp/gp_json.h"

static void fuzz_registry(struct bytes data, struct arena *arena)
{
	struct registry registry;

	if (registry_parse(data, arena, &registry, NULL) == ERR_NONE)
		json_decref(registry_json(arena, &registry, REGISTRY_APPLICATION, PART_ALL));
}

static void fuzz_keys(struct bytes data, struct arena *arena)
{
	struct key_information keys;

	if (key_information_parse(data, arena, &keys, NULL) == ERR_NONE)
		json_decref(key_information_json(&keys));
}

static void fuzz_card_data(struct bytes data, struct arena *arena)
{
	struct card_data card;

	if (card_data_parse(data, arena, &card, NULL) == ERR_NONE)
		json_decref(card_data_json(arena, &card));
}

static void fuzz_capability(struct bytes data, struct arena *arena)
{
	struct card_capability capability;

	if (card_capability_parse(data, arena, &capability, NULL) == ERR_NONE)
		json_decref(card_capability_json(arena, &capability));
}

static void fuzz_others(struct bytes data, struct arena *arena)
{
	struct cplc cplc;
	struct card_resources resources;

	if (cplc_parse(data, &cplc, NULL) == ERR_NONE)
		json_decref(cplc_json(arena, &cplc));
	if (card_resources_parse(data, &resources, NULL) == ERR_NONE)
		json_decref(card_resources_json(&resources));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static void (*const parsers[])(struct bytes data, struct arena * arena) = {
		fuzz_registry, fuzz_keys, fuzz_card_data, fuzz_capability, fuzz_others,
	};
	struct arena *arena = arena_create(4 << 20);
	const size_t count = sizeof(parsers) / sizeof(parsers[0]);

	require(arena != NULL);
	if (len > 0)
		parsers[at[0] % count](bytes_from(bytes_of(at, len), 1), arena);
	arena_free(arena);
	return 0;
}
