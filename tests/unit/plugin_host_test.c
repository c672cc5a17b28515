/* Loads real shared objects: the example plugin, and one that is wrong in the way that its build says. */
#include "plugin_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A folder with links to the given files, in that order. */
/* Nothing here takes a step. */
static const struct cardea_host_api no_calls;

static char *folder_of(const char *const *files)
{
	char *folder = strdup("/tmp/cardea-plugins-XXXXXX");
	assert_non_null(folder);
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; files[i] != NULL; i++) {
		char link[256];
		snprintf(link, sizeof link, "%s/%zu.so", folder, i);
		assert_int_equal(symlink(files[i], link), 0);
	}
	return folder;
}

static void folder_remove(char *folder, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char link[256];
		snprintf(link, sizeof link, "%s/%zu.so", folder, i);
		unlink(link);
	}
	rmdir(folder);
	free(folder);
}

static void assert_refused(const char *file, enum err expected, const char *expected_text)
{
	const char *const files[] = { file, NULL };
	char *folder = folder_of(files);
	struct model *model;
	struct plugin_host *host;
	struct fault fault = { .kind = ERR_NONE };
	assert_int_equal(model_create(&model), ERR_NONE);
	assert_int_equal(plugin_host_create(folder, "", model, &no_calls, &host, &fault), expected);
	assert_string_equal(fault.text, expected_text);
	model_free(model);
	folder_remove(folder, 1);
}

static void loads_the_example(void **state)
{
	const char *const files[] = { EXAMPLE_PLUGIN, NULL };
	char *folder = folder_of(files);
	struct model *model;
	struct plugin_host *host;
	struct fault fault = { .kind = ERR_NONE };
	assert_int_equal(model_create(&model), ERR_NONE);
	assert_int_equal(plugin_host_create(folder, "{\"example\": {}}", model, &no_calls, &host, &fault),
			 ERR_NONE);
	const struct loaded_operation *loaded = plugin_host_operation(host, "example.identify");
	assert_non_null(loaded);
	assert_string_equal(loaded->plugin->name, "example");
	assert_ptr_equal(plugin_host_operation_at(host, 0), loaded);
	assert_null(plugin_host_operation_at(host, 1));
	assert_null(plugin_host_operation(host, "example.other"));
	plugin_host_free(host);
	model_free(model);
	folder_remove(folder, 1);
}

static void refuses_two_plugins_of_one_name(void **state)
{
	const char *const files[] = { EXAMPLE_PLUGIN, EXAMPLE_PLUGIN, NULL };
	char *folder = folder_of(files);
	struct model *model;
	struct plugin_host *host;
	struct fault fault = { .kind = ERR_NONE };
	assert_int_equal(model_create(&model), ERR_NONE);
	assert_int_equal(plugin_host_create(folder, "", model, &no_calls, &host, &fault), ERR_CONFLICT);
	assert_string_equal(fault.text, "plugin 1.so: a plugin example is loaded already");
	model_free(model);
	folder_remove(folder, 2);
}

static void refuses_what_it_cannot_trust(void **state)
{
	assert_refused(BAD_PLUGINS "/bad_abi.so", ERR_UNSUPPORTED,
		       "plugin 0.so: it is built for plugin ABI 99, this server has 4");
	assert_refused(BAD_PLUGINS "/bad_schema.so", ERR_UNSUPPORTED,
		       "plugin 0.so: operation bad.operation: schema : keyword oneOf is not supported");
	assert_refused(BAD_PLUGINS "/bad_open.so", ERR_IO, "plugin 0.so: it does not open: io");
}

static void refuses_a_folder_or_configuration_that_is_not_one(void **state)
{
	struct model *model;
	struct plugin_host *host;
	struct fault fault = { .kind = ERR_NONE };
	assert_int_equal(model_create(&model), ERR_NONE);
	assert_int_equal(plugin_host_create("/nowhere", "", model, &no_calls, &host, &fault), ERR_NOT_FOUND);
	fault.kind = ERR_NONE;
	assert_int_equal(plugin_host_create("/tmp", "[]", model, &no_calls, &host, &fault), ERR_MALFORMED);
	model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_the_example),
		cmocka_unit_test(refuses_two_plugins_of_one_name),
		cmocka_unit_test(refuses_what_it_cannot_trust),
		cmocka_unit_test(refuses_a_folder_or_configuration_that_is_not_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
