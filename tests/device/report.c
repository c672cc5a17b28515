#include "report.h"

#define MUTE_SEND        23
#define REPORT_BYTES_MAX 65536

bool report_is_muted(const struct device *device)
{
	const struct value *muted =
		values_get(&device->values, RESOURCE_PATH(1, device->servers.served->instance, MUTE_SEND));

	return device_minor_version(device) == 0 || muted == NULL || muted->boolean;
}

/* TLV cannot name objects. */
static uint16_t report_format(const struct device *device)
{
	uint16_t preferred = device_format(device);

	return preferred == FORMAT_TLV ? FORMAT_SENML_CBOR : preferred;
}

static enum err make(struct device *device, struct arena *arena, struct bytes *ret_payload)
{
	const struct path told[] = { RESOURCE_PATH(3, 0, 9), RESOURCE_PATH(4, 0, 2) };
	const struct format *format = format_find(report_format(device), device_minor_version(device));
	struct records records = records_in(arena);
	struct builder b = builder_in(arena);
	enum err err;

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		if (objects_read(device, told[i], &records) != ANSWER_NONE)
			return ERR_INTERNAL;
	err = format->write(&records, (struct path){ .depth = 0 }, &b);
	return err == ERR_NONE ? builder_bytes(&b, ret_payload) : err;
}

enum err report_send(struct line *line, struct device *device)
{
	struct arena *arena = arena_create(REPORT_BYTES_MAX);
	struct bytes payload;
	enum err err = arena == NULL ? ERR_NOMEM : make(device, arena, &payload);

	if (err == ERR_NONE)
		err = line_send(line, METHOD_POST, "/dp", NULL, 0, report_format(device), payload);
	arena_free(arena);
	return err;
}
