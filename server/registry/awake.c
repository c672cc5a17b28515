/* LwM2M Core TS 1.1, 6.5: a device in queue mode listens for a while after each message that it sent, and is
 * silent until it sends the next. Any other device is taken to listen always, until it fails to answer. */
#include "awake.h"

#include "operation_queue.h"

void awake_mark(struct device_entry *entry)
{
	struct registry *registry = entry->registry;

	entry->device.seen_ms = loop_wall_ms(registry->parts.loop);
	entry->device.is_awake = true;
	entry->sleep_due_ms = TIME_NEVER;
	if (entry->device.is_queue_mode && entry->presenter.ask == NULL) {
		entry->sleep_due_ms = loop_now_ms(registry->parts.loop) + entry->device.awake_ms;
		registry_schedule(entry);
	}
}

void awake_tell(struct registry *registry, struct device_entry *entry)
{
	for (size_t i = 0; i < registry->listener_count; i++) {
		if (registry->listeners[i].awake != NULL)
			registry->listeners[i].awake(registry->listeners[i].self, &entry->device);
	}
	operation_queue_run(registry, entry);
}

void awake_begin(struct registry *registry, struct device_entry *entry)
{
	bool was_awake = entry->device.is_awake;

	if (entry->is_removed || !entry->is_acknowledged)
		return;
	awake_mark(entry);
	if (was_awake)
		operation_queue_run(registry, entry);
	else
		awake_tell(registry, entry);
}

void awake_end(struct registry *registry, struct device_entry *entry)
{
	entry->device.is_awake = false;
	entry->sleep_due_ms = TIME_NEVER;
	operation_queue_sleep(registry, entry);
}
