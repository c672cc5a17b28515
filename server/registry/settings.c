#include "settings.h"

#include <stdlib.h>
#include <string.h>

struct device_settings {
	uint32_t awake_ms; /* 0: as the server has it */
	UT_hash_handle hh;
	char endpoint[];
};

static struct device_settings *find(const struct registry *registry, const char *endpoint)
{
	struct device_settings *settings;

	HASH_FIND_STR(registry->settings, endpoint, settings);
	return settings;
}

static struct device_settings *find_or_add(struct registry *registry, const char *endpoint)
{
	struct device_settings *settings = find(registry, endpoint);

	if (settings != NULL)
		return settings;
	settings = calloc(1, sizeof(*settings) + strlen(endpoint) + 1);
	if (settings == NULL)
		return NULL;
	memcpy(settings->endpoint, endpoint, strlen(endpoint) + 1);
	HASH_ADD_STR(registry->settings, endpoint, settings);
	if (settings->hh.tbl != NULL)
		return settings;
	free(settings);
	return NULL;
}

uint32_t settings_awake_ms(const struct registry *registry, const char *endpoint)
{
	const struct device_settings *settings = find(registry, endpoint);

	return settings != NULL && settings->awake_ms != 0 ? settings->awake_ms : registry->parts.awake_ms;
}

enum err registry_set_awake(struct registry *registry, const char *endpoint, uint32_t awake_ms,
			    struct store_done done)
{
	const struct device_settings_row row = { .endpoint = endpoint, .awake_ms = awake_ms };
	struct device_entry *entry = registry_entry(registry, endpoint);
	struct device_settings *settings;
	enum err err;

	if (entry == NULL)
		return ERR_NOT_FOUND;
	settings = find_or_add(registry, endpoint);
	if (settings == NULL)
		return ERR_NOMEM;
	err = store_put_device_settings(registry->parts.store, &row, done);
	if (err != ERR_NONE)
		return err;
	settings->awake_ms = awake_ms;
	entry->device.awake_ms = settings_awake_ms(registry, endpoint);
	return ERR_NONE;
}

struct loading {
	struct registry *registry;
	enum err err;
};

static bool load(void *self, const struct device_settings_row *row)
{
	struct loading *loading = self;
	struct device_settings *settings = find_or_add(loading->registry, row->endpoint);

	if (settings == NULL) {
		loading->err = ERR_NOMEM;
		return false;
	}
	settings->awake_ms = row->awake_ms;
	return true;
}

enum err settings_load(struct registry *registry)
{
	struct loading loading = { .registry = registry };
	enum err err = store_read_device_settings(registry->parts.store, load, &loading);

	return err != ERR_NONE ? err : loading.err;
}

void settings_free(struct registry *registry)
{
	struct device_settings *settings, *next;

	HASH_ITER (hh, registry->settings, settings, next) {
		HASH_DEL(registry->settings, settings);
		free(settings);
	}
}
