/* Plugins as files: shared objects that export `cardea_plugin` (cardea/plugin.h). */
#ifndef CARDEA_JOBS_PLUGIN_MODULE_H
#define CARDEA_JOBS_PLUGIN_MODULE_H

#include <cardea/plugin.h>

struct plugin_module {
	void *library;
	const struct cardea_plugin *table;      /* of our ABI, with all that it must have */
};

/* ERR_IO: it cannot be loaded; ERR_UNSUPPORTED: another ABI; ERR_MALFORMED: no plugin, or not whole. */
MUST_CHECK enum err plugin_module_open(const char *path, struct plugin_module *ret_module, struct fault *fault);
void plugin_module_close(struct plugin_module *module);

/* Opens every *.so of the folder in the order of their names and hands it to `take`, whose it is from then on, also
 * when it fails. The first failure ends it, with the file's name in `fault`. ERR_NOT_FOUND: no such folder. */
typedef enum err plugin_module_take(void *self, const struct plugin_module *module, struct fault *fault);
MUST_CHECK enum err plugin_module_open_all(const char *folder, plugin_module_take *take, void *self,
                                           struct fault *fault);

#endif
