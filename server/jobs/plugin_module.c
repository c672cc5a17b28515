#include "plugin_module.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static enum err check_table(const struct cardea_plugin *table, struct fault *fault)
{
	if (table == NULL)
		return fault_set(fault, ERR_MALFORMED, "it has no symbol cardea_plugin");
	if (table->abi != CARDEA_PLUGIN_ABI || table->size < sizeof(struct cardea_plugin))
		return fault_set(fault, ERR_UNSUPPORTED, "it is built for plugin ABI %u, this server has %u",
				 table->abi, CARDEA_PLUGIN_ABI);
	if (table->name == NULL || table->summary == NULL || table->open == NULL || table->close == NULL)
		return fault_set(fault, ERR_MALFORMED, "name, summary, open or close is missing");
	return ERR_NONE;
}

enum err plugin_module_open(const char *path, struct plugin_module *ret_module, struct fault *fault)
{
	struct plugin_module module = { .library = dlopen(path, RTLD_NOW | RTLD_LOCAL) };

	if (module.library == NULL)
		return fault_set(fault, ERR_IO, "%s", dlerror());
	module.table = dlsym(module.library, "cardea_plugin");
	enum err err = check_table(module.table, fault);
	if (err != ERR_NONE) {
		dlclose(module.library);
		return err;
	}
	*ret_module = module;
	return ERR_NONE;
}

void plugin_module_close(struct plugin_module *module)
{
	dlclose(module->library);
	*module = (struct plugin_module){ NULL, NULL };
}

static int is_plugin_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0;
}

static enum err open_one(const char *path, plugin_module_take *take, void *self, struct fault *fault)
{
	struct plugin_module module;
	enum err err = plugin_module_open(path, &module, fault);

	return err == ERR_NONE ? take(self, &module, fault) : err;
}

enum err plugin_module_open_all(const char *folder, plugin_module_take *take, void *self, struct fault *fault)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_plugin_file, alphasort);
	enum err err = ERR_NONE;

	if (count < 0)
		return fault_set(fault, ERR_NOT_FOUND, "plugin folder %s cannot be read", folder);
	for (int i = 0; i < count; i++) {
		char path[4096];
		struct fault reason = { .kind = ERR_NONE };
		snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
		if (err == ERR_NONE && (err = open_one(path, take, self, &reason)) != ERR_NONE)
			fault_set(fault, err, "plugin %s: %s", entries[i]->d_name,
				  reason.text[0] != 0 ? reason.text : err_name(err));
		free(entries[i]);
	}
	free(entries);
	return err;
}
