#include "register.h"

#include <inttypes.h>

#define MESSAGE_BYTES_MAX 65536
#define QUERIES_MAX       5

uint32_t register_lifetime_s(const struct device *device)
{
	return (uint32_t)device_stored_integer(device, RESOURCE_PATH(1, device->servers.served->instance, 1),
					       device->options->lifetime_s);
}

/* Sends to `path` with the queries, of which none may be NULL, and the list of all instances. */
static enum err send_with_links(struct line *line, struct device *device, const char *path,
				struct arena *arena, const char *const *queries, size_t count)
{
	struct builder links = builder_in(arena);
	struct bytes payload;
	enum err err;

	for (size_t i = 0; i < count; i++)
		if (queries[i] == NULL)
			return ERR_NOMEM;
	build_register_links(&links, device);
	err = builder_bytes(&links, &payload);
	return err == ERR_NONE ? line_send(line, METHOD_POST, path, queries, count, FORMAT_LINK, payload)
			       : err;
}

/* Queue mode is the device's own choice, which 1.0 has in the binding. */
static const char *binding_of(const struct device *device)
{
	const struct value *binding =
		values_get(&device->values, RESOURCE_PATH(1, device->servers.served->instance, 7));

	if (device->options->is_queue_mode && device_minor_version(device) == 0)
		return "UQ";
	return binding == NULL ? "U" : (const char *)binding->bytes.at;
}

enum err register_send(struct line *line, struct device *device)
{
	const struct options *options = device->options;
	struct arena *arena = arena_create(MESSAGE_BYTES_MAX);
	const char *queries[QUERIES_MAX];
	size_t count = 0;
	enum err err;

	if (arena == NULL)
		return ERR_NOMEM;
	queries[count++] = arena_printf(arena, "ep=%s", device->endpoint);
	queries[count++] = arena_printf(arena, "lt=%" PRIu32, register_lifetime_s(device));
	queries[count++] = arena_printf(arena, "lwm2m=1.%u", device_minor_version(device));
	queries[count++] = arena_printf(arena, "b=%s", binding_of(device));
	if (options->is_queue_mode && device_minor_version(device) > 0)
		queries[count++] = arena_strdup(arena, "Q");
	err = send_with_links(line, device, "/rd", arena, queries, count);
	arena_free(arena);
	return err;
}

/* The lifetime and the whole list of instances: what may have changed. */
enum err update_send(struct line *line, struct device *device, const char *location)
{
	struct arena *arena = arena_create(MESSAGE_BYTES_MAX);
	const char *queries[1];
	enum err err;

	if (arena == NULL)
		return ERR_NOMEM;
	queries[0] = arena_printf(arena, "lt=%" PRIu32, register_lifetime_s(device));
	err = send_with_links(line, device, location, arena, queries, 1);
	arena_free(arena);
	return err;
}

enum err deregister_send(struct line *line, const char *location)
{
	return line_send(line, METHOD_DELETE, location, NULL, 0, FORMAT_NONE, bytes_of(NULL, 0));
}
