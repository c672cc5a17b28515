#include "plugin_host.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "plugin_module.h"
#include "schema.h"

#define MAX_PLUGINS   32
#define MAX_SERVICES  64
#define LOG_TEXT_SIZE 512

struct plugin {
	struct plugin_module module;
	const struct cardea_plugin *table; /* the module's */
	void *self;
	struct cardea_host { /* the server as this plugin sees it */
		struct plugin_host *host;
		const char *plugin_name;
	} view;
};

struct service {
	const char *name;
	const void *table;
};

struct plugin_host {
	struct cardea_host_api api;
	struct plugin_gateway *gateway;
	struct plugin plugins[MAX_PLUGINS + 1]; /* one more for that which is refused */
	size_t plugin_count;
	struct service services[MAX_SERVICES];
	size_t service_count;
	struct loaded_operation *operations;
	size_t operation_count;
	struct loaded_package_kind *kinds;
	size_t kind_count;
};

/* ---- services, and logs ---- */

struct plugin_gateway *plugin_host_gateway_of(const struct plugin_host *host)
{
	return host->gateway;
}

struct plugin_gateway *plugin_host_gateway(const cardea_host *view)
{
	return view->host->gateway;
}

const char *plugin_host_view_name(const cardea_host *view)
{
	return view->plugin_name;
}

static enum err find_service(cardea_host *view, const char *name, const void **ret_table)
{
	const struct plugin_host *host = view->host;
	for (size_t i = 0; i < host->service_count; i++) {
		if (strcmp(host->services[i].name, name) == 0) {
			*ret_table = host->services[i].table;
			return ERR_NONE;
		}
	}
	return ERR_NOT_FOUND;
}

static enum err offer_service(cardea_host *view, const char *name, const void *table)
{
	struct plugin_host *host = view->host;
	const void *other;
	if (find_service(view, name, &other) == ERR_NONE)
		return ERR_CONFLICT;
	if (host->service_count == MAX_SERVICES)
		return ERR_LIMIT;
	host->services[host->service_count++] = (struct service){ name, table };
	return ERR_NONE;
}

static void log_line(cardea_host *view, int level, const char *event, const char *format, ...)
{
	static const enum log_level levels[] = { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
	char text[LOG_TEXT_SIZE];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	log_write(levels[level & 3], event, "plugin=%s %s", view->plugin_name, text);
}

/* ---- loading ---- */

static enum err check_operation(const struct plugin_host *host, const struct cardea_operation *operation,
				struct fault *fault)
{
	if (operation->summary == NULL || operation->params_schema == NULL || operation->step == NULL)
		return fault_set(fault, ERR_MALFORMED,
				 "operation %s: summary, params_schema or step is missing", operation->name);
	if (plugin_host_operation(host, operation->name) != NULL)
		return fault_set(fault, ERR_CONFLICT, "operation %s exists already", operation->name);
	json_error_t error;
	json_t *schema = json_loads(operation->params_schema, 0, &error);
	if (schema == NULL)
		return fault_set(fault, ERR_MALFORMED, "operation %s: its schema is not JSON: %s",
				 operation->name, error.text);
	struct fault reason = { .kind = ERR_NONE };
	enum err err = schema_verify(schema, &reason);
	json_decref(schema);
	return err == ERR_NONE ? ERR_NONE
			       : fault_set(fault, err, "operation %s: %s", operation->name, reason.text);
}

static enum err add_operations(struct plugin_host *host, const struct plugin *plugin, struct fault *fault)
{
	for (const struct cardea_operation *row = plugin->table->operations; row != NULL && row->name != NULL;
	     row++) {
		enum err err = check_operation(host, row, fault);
		if (err != ERR_NONE)
			return err;
		struct loaded_operation *grown =
			realloc(host->operations, (host->operation_count + 1) * sizeof *grown);
		if (grown == NULL)
			return ERR_NOMEM;
		host->operations = grown;
		grown[host->operation_count++] =
			(struct loaded_operation){ row, plugin->table, plugin->self };
	}
	return ERR_NONE;
}

static enum err add_package_kinds(struct plugin_host *host, const struct plugin *plugin, struct fault *fault)
{
	for (const struct cardea_package_kind *row = plugin->table->packages;
	     row != NULL && row->name != NULL; row++) {
		if (plugin_host_package_kind(host, row->name) != NULL)
			return fault_set(fault, ERR_CONFLICT, "package kind %s exists already", row->name);
		struct loaded_package_kind *grown =
			realloc(host->kinds, (host->kind_count + 1) * sizeof *grown);
		if (grown == NULL)
			return ERR_NOMEM;
		host->kinds = grown;
		grown[host->kind_count++] = (struct loaded_package_kind){ row, plugin->table, plugin->self };
	}
	return ERR_NONE;
}

static enum err add_objects(const struct plugin *plugin, struct model *model, struct fault *fault)
{
	for (const char *const *ddf = plugin->table->objects; ddf != NULL && *ddf != NULL; ddf++) {
		enum err err = model_add_ddf(model, bytes_of_text(*ddf), fault);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

static enum err open_plugin(struct plugin_host *host, struct plugin *plugin, const json_t *config,
			    struct fault *fault)
{
	const json_t *section = json_object_get(config, plugin->table->name);
	char *text = section != NULL ? json_dumps(section, 0) : strdup("{}");
	if (text == NULL)
		return ERR_NOMEM;
	plugin->view = (struct cardea_host){ host, plugin->table->name };
	enum err err = plugin->table->open(&host->api, &plugin->view, text, &plugin->self);
	free(text);
	return err == ERR_NONE ? ERR_NONE : fault_set(fault, err, "it does not open: %s", err_name(err));
}

static enum err check_is_new(const struct plugin_host *host, const char *name, struct fault *fault)
{
	if (host->plugin_count == MAX_PLUGINS)
		return fault_set(fault, ERR_LIMIT, "more than %d plugins", MAX_PLUGINS);
	for (size_t i = 0; i < host->plugin_count; i++)
		if (strcmp(host->plugins[i].table->name, name) == 0)
			return fault_set(fault, ERR_CONFLICT, "a plugin %s is loaded already", name);
	return ERR_NONE;
}

struct loading {
	struct plugin_host *host;
	const json_t *config;
	struct model *model;
};

static enum err take_module(void *self, const struct plugin_module *module, struct fault *fault)
{
	const struct loading *loading = self;
	struct plugin_host *host = loading->host;
	struct plugin *plugin = &host->plugins[host->plugin_count];
	enum err err = check_is_new(host, module->table->name, fault);
	*plugin = (struct plugin){ .module = *module, .table = module->table };
	if (err == ERR_NONE)
		err = open_plugin(host, plugin, loading->config, fault);
	if (err != ERR_NONE) {
		plugin_module_close(&plugin->module);
		return err;
	}
	host->plugin_count++;
	err = add_objects(plugin, loading->model, fault);
	if (err == ERR_NONE)
		err = add_operations(host, plugin, fault);
	if (err == ERR_NONE)
		err = add_package_kinds(host, plugin, fault);
	return err;
}

enum err plugin_host_create(const char *plugin_dir, const char *config_text, struct model *model,
			    const struct cardea_host_api *step_calls, struct plugin_host **ret_host,
			    struct fault *fault)
{
	json_error_t error;
	json_t *config = json_loads(config_text[0] != 0 ? config_text : "{}", 0, &error);
	if (!json_is_object(config)) {
		json_decref(config);
		return fault_set(fault, ERR_MALFORMED, "plugin configuration: not a JSON object");
	}
	struct plugin_host *host = calloc(1, sizeof *host);
	if (host == NULL) {
		json_decref(config);
		return ERR_NOMEM;
	}
	host->api = *step_calls;
	host->api.size = sizeof host->api;
	host->api.offer = offer_service;
	host->api.find = find_service;
	host->api.log = log_line;
	host->services[host->service_count++] =
		(struct service){ CARDEA_GATEWAY_SERVICE, &plugin_gateway_calls };
	struct loading loading = { host, config, model };
	enum err err = plugin_gateway_create(&host->gateway);
	if (err == ERR_NONE)
		err = plugin_module_open_all(plugin_dir, take_module, &loading, fault);
	json_decref(config);
	if (err != ERR_NONE) {
		plugin_host_free(host);
		return err;
	}
	*ret_host = host;
	return ERR_NONE;
}

void plugin_host_free(struct plugin_host *host)
{
	if (host == NULL)
		return;
	while (host->plugin_count > 0) {
		struct plugin *plugin = &host->plugins[--host->plugin_count];
		plugin->table->close(plugin->self);
		plugin_module_close(&plugin->module);
	}
	plugin_gateway_free(host->gateway);
	free(host->operations);
	free(host->kinds);
	free(host);
}

/* ---- what is loaded ---- */

const struct loaded_operation *plugin_host_operation(const struct plugin_host *host, const char *name)
{
	for (size_t i = 0; i < host->operation_count; i++)
		if (strcmp(host->operations[i].operation->name, name) == 0)
			return &host->operations[i];
	return NULL;
}

const struct loaded_package_kind *plugin_host_package_kind(const struct plugin_host *host, const char *name)
{
	for (size_t i = 0; i < host->kind_count; i++)
		if (strcmp(host->kinds[i].kind->name, name) == 0)
			return &host->kinds[i];
	return NULL;
}

static const struct cardea_explainer *explainer_of(const struct cardea_plugin *table, const char *line)
{
	const struct cardea_explainer *row = table->explainers;

	for (; row != NULL && row->name != NULL; row++) {
		if (row->trace_lines != NULL && text_has_word(row->trace_lines, line))
			return row;
	}
	return NULL;
}

const struct cardea_explainer *plugin_host_trace_explainer(const struct plugin_host *host, const char *layer,
							   const char *direction)
{
	const struct cardea_explainer *explainer = NULL;
	char line[64];

	if (snprintf(line, sizeof line, "%s/%s", layer, direction) >= (int)sizeof line)
		return NULL;
	for (size_t i = 0; i < host->plugin_count && explainer == NULL; i++)
		explainer = explainer_of(host->plugins[i].table, line);
	return explainer;
}

const struct loaded_operation *plugin_host_operation_at(const struct plugin_host *host, size_t i)
{
	return i < host->operation_count ? &host->operations[i] : NULL;
}

const struct loaded_package_kind *plugin_host_package_kind_at(const struct plugin_host *host, size_t i)
{
	return i < host->kind_count ? &host->kinds[i] : NULL;
}
