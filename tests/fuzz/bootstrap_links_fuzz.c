/* Whatever a device says that it has, the account of its bootstrap server is not written over. */
#include "fuzz.h"

#include "bootstrap_plan.h"

static void check(struct bootstrap_found found, struct bootstrap_plan plan)
{
	for (size_t i = 0; i < plan.count; i++) {
		for (size_t j = 0; j < found.count; j++) {
			const struct bootstrap_instance *instance = &found.at[j];

			require(plan.steps[i].kind != BOOTSTRAP_WRITE || plan.steps[i].path.object != 0 ||
				instance->object != 0 || instance->short_server_id != 0 ||
				plan.steps[i].path.instance != instance->instance);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static const struct lwm2m_path everything = { .depth = 0 };
	static const struct bootstrap_server servers[] = {
		{ .short_server_id = 1, .uri = "coap://a", .binding = "U", .mode = SECURITY_NOSEC },
		{ .short_server_id = 7, .uri = "coap://b", .binding = "U", .mode = SECURITY_NOSEC },
	};
	struct bootstrap_configuration configuration = { .servers = servers,
							 .server_count = 2,
							 .deletes = &everything };
	struct arena *arena = arena_create(16 << 20);
	struct bootstrap_found found;
	struct bootstrap_plan plan;

	if (bootstrap_found_read(arena, bytes_of(at, len), &found, NULL) == ERR_NONE) {
		for (configuration.delete_count = 0; configuration.delete_count <= 1;
		     configuration.delete_count++) {
			require(bootstrap_plan_make(arena, &configuration, found, NULL, &plan) == ERR_NONE);
			check(found, plan);
		}
	}
	arena_free(arena);
	return 0;
}
