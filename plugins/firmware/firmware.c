/* The firmware plugin: updates the firmware of a device through object 5. */
#include <cardea/plugin.h>

#include <stdlib.h>

#include "operations.h"

/* Made from schemas/. */
extern const char update_schema[], cancel_schema[];

static enum cardea_result update_step(void *self, const struct cardea_step *step, cardea_out *out)
{
	return task_run(self, step, out, update_body);
}

static enum cardea_result cancel_step(void *self, const struct cardea_step *step, cardea_out *out)
{
	return task_run(self, step, out, cancel_body);
}

/* What is in it only its device knows. But one 0 byte is how a device is told to forget a package. */
static enum err inspect(void *self, struct bytes content, struct arena *arena, const char **ret_json,
			struct fault *fault)
{
	uint8_t digest[SHA256_SIZE];
	const char *json;

	if (content.len == 0)
		return fault_set(fault, ERR_MALFORMED, "a firmware package is not empty");
	if (content.len == 1 && content.at[0] == 0)
		return fault_set(fault, ERR_MALFORMED,
				 "a single 0 byte is no firmware package: it means none");
	enum err err = sha256(content, digest);
	if (err != ERR_NONE)
		return err;
	const char *hex = bytes_to_hex(arena, bytes_of(digest, sizeof(digest)));
	if (hex == NULL)
		return ERR_NOMEM;
	json = arena_printf(arena, "{\"sizeBytes\":%zu,\"sha256Hex\":\"%s\"}", content.len, hex);
	if (json == NULL)
		return ERR_NOMEM;
	*ret_json = json;
	return ERR_NONE;
}

static enum err firmware_open(const struct cardea_host_api *api, cardea_host *host, const char *config,
			      void **ret_self)
{
	struct firmware_plugin *plugin = malloc(sizeof(*plugin));

	if (plugin == NULL)
		return ERR_NOMEM;
	*plugin = (struct firmware_plugin){ api, host };
	*ret_self = plugin;
	return ERR_NONE;
}

static const struct cardea_operation operations[] = {
	{ "firmware.update", "Updates the firmware, until the device reports the new version", update_schema,
	  update_step, NULL },
	{ "firmware.cancel", "Makes a device forget a package that it fetches or holds", cancel_schema,
	  cancel_step, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

static const struct cardea_package_kind packages[] = {
	{ "firmware", "Firmware of a device, in whatever form it wants", inspect },
	{ NULL, NULL, NULL },
};

extern const struct cardea_plugin cardea_plugin;
__attribute__((visibility("default"))) const struct cardea_plugin cardea_plugin = {
	.abi = CARDEA_PLUGIN_ABI,
	.size = sizeof(struct cardea_plugin),
	.name = "firmware",
	.summary = "Firmware updates through object 5",
	.operations = operations,
	.packages = packages,
	.open = firmware_open,
	.close = free,
};
