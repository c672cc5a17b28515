/* Loads plugins; the server's side of cardea/plugin.h. */
#ifndef CARDEA_JOBS_PLUGIN_HOST_H
#define CARDEA_JOBS_PLUGIN_HOST_H

#include <cardea/plugin.h>

#include "model.h"
#include "plugin_gateway.h"

struct plugin_host;

struct loaded_operation {
	const struct cardea_operation *operation;
	const struct cardea_plugin *plugin;
	void *self;                             /* the plugin's */
};

struct loaded_package_kind {
	const struct cardea_package_kind *kind;
	const struct cardea_plugin *plugin;
	void *self;
};

/* Loads every *.so of the folder in the order of their names; `config` is a JSON object with one member per plugin. A
 * plugin of another ABI, with a name or operation that exists, or with a schema that we cannot check is refused: the
 * host does not start, and `fault` says why. Adds the plugins' object definitions to the model. `step_calls` has the members of
 * the host's table that belong to a step; it is copied. */
MUST_CHECK enum err plugin_host_create(const char *plugin_dir, const char *config, struct model *model,
                                       const struct cardea_host_api *step_calls, struct plugin_host **ret_host,
                                       struct fault *fault);
void plugin_host_free(struct plugin_host *host);        /* accepts NULL */

/* What plugins want of the server beside steps: of the host, and as one plugin sees it, with that plugin's name. */
struct plugin_gateway *plugin_host_gateway_of(const struct plugin_host *host);
struct plugin_gateway *plugin_host_gateway(const cardea_host *view);
const char *plugin_host_view_name(const cardea_host *view);

/* NULL when there is none. */
const struct loaded_operation *plugin_host_operation(const struct plugin_host *host, const char *name);
const struct loaded_package_kind *plugin_host_package_kind(const struct plugin_host *host, const char *name);
/* Of the bytes in such a line of a trace; NULL when nobody explains them. */
const struct cardea_explainer *plugin_host_trace_explainer(const struct plugin_host *host, const char *layer,
                                                           const char *direction);
/* Row by row; NULL after the last. */
const struct loaded_operation *plugin_host_operation_at(const struct plugin_host *host, size_t i);
const struct loaded_package_kind *plugin_host_package_kind_at(const struct plugin_host *host, size_t i);

#endif
