#include "tolerated.h"

#include <stdlib.h>

#include "json_text.h"
#include "log.h"

/* Once for each device and rule: a device that never sends a Content-Format would fill every log. */
static void tell(struct registry *registry, const struct device_entry *entry, enum tolerance rule)
{
	const struct json_member members[] = {
		{ "endpoint", entry->device.endpoint, NULL },
		{ "rule", tolerance_name(rule), NULL },
		{ "relaxed", tolerance_text(rule), NULL },
	};
	struct builder b = builder_in(registry->event_arena);
	struct bytes json;

	log_info("tolerance.applied", "endpoint=%s rule=%s", entry->device.endpoint, tolerance_name(rule));
	arena_reset(registry->event_arena);
	build_json_object(&b, members, sizeof(members) / sizeof(members[0]));
	build_u8(&b, 0);
	if (builder_bytes(&b, &json) == ERR_NONE)
		events_publish(registry->parts.events, loop_wall_ms(registry->parts.loop),
			       "tolerance.applied", (const char *)json.at);
}

void tolerated(struct registry *registry, struct device_entry *entry, uint32_t rules)
{
	/* Most devices need none. Without memory it is told once more next time. */
	if (rules != 0 && entry->tolerated == NULL)
		entry->tolerated = calloc(TOLERANCE_COUNT, sizeof(*entry->tolerated));
	for (enum tolerance rule = 0; rules != 0; rule++, rules >>= 1) {
		if ((rules & 1) == 0)
			continue;
		if (entry->tolerated == NULL || entry->tolerated[rule] == 0)
			tell(registry, entry, rule);
		if (entry->tolerated != NULL && entry->tolerated[rule] < UINT16_MAX)
			entry->tolerated[rule]++;
	}
}

uint32_t registry_tolerated(const struct registry *registry, const char *endpoint, enum tolerance rule)
{
	const struct device_entry *entry = registry_entry(registry, endpoint);

	return entry == NULL || entry->tolerated == NULL ? 0 : entry->tolerated[rule];
}
