/* The Secure Element plugin: GlobalPlatform content management over SERAM over LwM2M (LwM2M-SCS-7). */
#include <cardea/plugin.h>

#include <stdlib.h>

#include "channel/key_memory.h"
#include "engine/engine.h"
#include "explain/explain.h"
#include "gateway/gateway.h"
#include "operations/carry.h"
#include "operations/operations.h"
#include "package/load_file.h"

/* Made from objects/ and schemas/. */
extern const char se_object_30401[], audit_schema[], install_schema[], delete_schema[], ensure_schema[],
	put_keys_schema[], store_data_schema[], script_schema[], set_state_schema[], create_domain_schema[],
	extradite_schema[], update_registry_schema[], delete_keys_schema[], rotate_keys_schema[],
	files_schema[], get_data_schema[], upgrade_schema[];

/* ---- packages ---- */

static json_t *describe(struct arena *arena, const struct load_file *file)
{
	const char *aid = bytes_to_hex(arena, file->aid);
	json_t *applets = json_array();

	for (size_t i = 0; i < file->applet_count; i++)
		json_array_append_new(applets, json_string(bytes_to_hex(arena, file->applets[i])));
	return json_pack("{s:s, s:s, s:o, s:o, s:I, s:b}", "form", load_file_form_text(file->form), "aidHex",
			 aid != NULL ? aid : "", "version", json_sprintf("%u.%u", file->major, file->minor),
			 "appletAidsHex", applets, "loadFileBytes", (json_int_t)file->content.len, "isSigned",
			 file->is_signed);
}

static enum err inspect(void *self, struct bytes content, struct arena *arena, const char **ret_json,
			struct fault *fault)
{
	struct load_file file;
	enum err err = load_file_parse(content, arena, &file, fault);

	if (err != ERR_NONE)
		return err;
	json_t *description = describe(arena, &file);
	char *text = description == NULL ? NULL : json_dumps(description, JSON_COMPACT);
	const char *copy = text == NULL ? NULL : arena_strdup(arena, text);
	free(text);
	json_decref(description);
	if (copy == NULL)
		return ERR_NOMEM;
	*ret_json = copy;
	return ERR_NONE;
}

/* ---- the plugin ---- */

/* More failures in a row than any card allows are no limit. */
#define MAX_FAILURES 255

/* {"maxFailedAuthentications": 2} */
static enum err read_config(const char *config, uint32_t *ret_max_failures)
{
	json_int_t max_failures = KEY_MEMORY_DEFAULT_LIMIT;
	json_t *json = json_loads(config, 0, NULL), *gateway;
	const bool is_valid =
		json_unpack_ex(json, NULL, JSON_STRICT, "{s?I, s?o}", "maxFailedAuthentications",
			       &max_failures, "gateway", &gateway) == 0 &&
		max_failures >= 1 && max_failures <= MAX_FAILURES;

	json_decref(json);
	if (!is_valid)
		return ERR_MALFORMED;
	*ret_max_failures = (uint32_t)max_failures;
	return ERR_NONE;
}

static enum err se_open(const struct cardea_host_api *api, cardea_host *host, const char *config,
			void **ret_self)
{
	struct se_plugin *plugin;
	uint32_t max_failures;
	enum err err = read_config(config, &max_failures);

	if (err != ERR_NONE) {
		api->log(host, CARDEA_LOG_ERROR, "se.config",
			 "maxFailedAuthentications is a number from 1 to %d; the other member is gateway",
			 MAX_FAILURES);
		return err;
	}
	plugin = malloc(sizeof(*plugin));
	if (plugin == NULL)
		return ERR_NOMEM;
	*plugin = (struct se_plugin){ .api = api, .host = host, .max_failures = max_failures };
	plugin->channel = carry_service(plugin);
	err = api->offer(host, CARDEA_SE_CHANNEL, &plugin->channel);
	if (err == ERR_NONE)
		err = gateway_open(api, host, config, &plugin->gateway);
	if (err != ERR_NONE) {
		free(plugin);
		return err;
	}
	*ret_self = plugin;
	return ERR_NONE;
}

static void se_close(void *self)
{
	struct se_plugin *plugin = self;

	if (plugin != NULL)
		gateway_close(plugin->gateway);
	free(plugin);
}

static const char *const objects[] = { se_object_30401, NULL };

/* clang-format off */
static const struct cardea_operation operations[] = {
	{ "se.audit", "Reads what is on a secure element", audit_schema, engine_step, &audit_operation },
	{ "se.install", "Loads a load file and installs an application from it", install_schema, engine_step,
	  &install_operation },
	{ "se.delete", "Deletes a load file or an application", delete_schema, engine_step, &delete_operation },
	{ "se.ensure", "Makes true which load files and applications are on a secure element, and which are not", ensure_schema,
	  engine_step, &ensure_operation },
	{ "se.upgrade", "Exchanges a load file for another version; its applications keep their data", upgrade_schema,
	  engine_step, &upgrade_operation },
	{ "se.put-keys", "Puts a stored key set on a secure element and proves it", put_keys_schema, engine_step,
	  &put_keys_operation },
	{ "se.files", "Reads, changes, makes and deletes files of a UICC", files_schema, engine_step, &files_operation },
	{ "se.store-data", "Gives personalization data to an application", store_data_schema, engine_step,
	  &store_data_operation },
	{ "se.script", "Runs commands on an application as they are", script_schema, engine_step, &script_operation },
	{ "se.set-state", "Sets the life cycle state of an application or of the card", set_state_schema, engine_step,
	  &set_state_operation },
	{ "se.create-domain", "Makes a security domain", create_domain_schema, engine_step,
	  &create_domain_operation },
	{ "se.extradite", "Brings an application or a load file under another security domain", extradite_schema, engine_step,
	  &extradite_operation },
	{ "se.update-registry", "Changes privileges, implicit selection, services or restrictions", update_registry_schema, engine_step,
	  &update_registry_operation },
	{ "se.delete-keys", "Deletes keys of a security domain", delete_keys_schema, engine_step,
	  &delete_keys_operation },
	{ "se.rotate-keys", "Puts a stored key set in the place of another, which goes once the new one is proven", rotate_keys_schema, engine_step,
	  &rotate_keys_operation },
	{ "se.get-data", "Reads a data object of a security domain", get_data_schema, engine_step,
	  &get_data_operation },
	{ NULL, NULL, NULL, NULL, NULL },
};
/* clang-format on */

static const struct cardea_package_kind packages[] = {
	{ "se-load-file", "Java Card CAP file or GlobalPlatform load file", inspect },
	{ NULL, NULL, NULL },
};

static const struct cardea_explainer explainers[] = {
	{ "apdu", "A command or an answer of a smart card", explain_apdu, NULL },
	{ "c-apdu", "A command to a smart card", explain_command_apdu, "apdu/command gp/command" },
	{ "r-apdu", "An answer of a smart card", explain_response_apdu, "apdu/answer gp/answer" },
	{ "script", "A remote command script (TS 102 226), an Order or a Report (SERAM 2.0.0)",
	  explain_script, NULL },
	{ "http", "A message of remote administration over HTTP", explain_http, "http/command http/answer" },
	{ "trigger", "What tells a card to open an administration session over HTTP",
	  explain_session_parameters, NULL },
	{ "tlv", "Data objects of a GlobalPlatform card", explain_tlv, NULL },
	{ "cap", "A load file: Java Card CAP or GlobalPlatform", explain_cap, NULL },
	{ "scp80", "A secured packet (TS 102 225) of either direction", explain_scp80,
	  "scp80/command scp80/answer" },
	{ NULL, NULL, NULL, NULL },
};

extern const struct cardea_plugin cardea_plugin;
__attribute__((visibility("default"))) const struct cardea_plugin cardea_plugin = {
	.abi = CARDEA_PLUGIN_ABI,
	.size = sizeof(struct cardea_plugin),
	.name = "se",
	.summary = "Secure elements: GlobalPlatform over SERAM",
	.objects = objects,
	.operations = operations,
	.packages = packages,
	.explainers = explainers,
	.open = se_open,
	.close = se_close,
	.takes_keys_in_tokens = true,
};
