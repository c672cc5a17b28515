#include "model_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OBJECT(id, version, name)                                                                                \
	"<Object ObjectType=\"MODefinition\"><Name>" name "</Name><Description1></Description1><ObjectID>" id    \
	"</ObjectID><ObjectURN>urn:oma:lwm2m:x:" id "</ObjectURN><ObjectVersion>" version "</ObjectVersion>"     \
	"<MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Resources></Resources>"    \
	"<Description2></Description2></Object>"
#define DDF(objects) "<LWM2M>" objects "</LWM2M>"

static char folder[] = "/tmp/cardea-models-XXXXXX";

static int set_up(void **state)
{
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	return mkdtemp(folder) == NULL;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "objects/30000-1.0.xml", "objects/30000-1.1.xml", "objects", "" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		if (remove(path) != 0 && i + 1 == sizeof names / sizeof names[0])
			return 1;
	}
	return 0;
}

static enum err keep(const char *text)
{
	struct fault fault = { .kind = ERR_NONE };
	return model_file_keep(folder, bytes_of_text(text), &fault);
}

static const char *kept_name(const char *version)
{
	static char name[32];
	struct model *model;
	struct fault fault = { .kind = ERR_NONE };
	assert_int_equal(model_create(&model), ERR_NONE);
	assert_int_equal(model_add_kept(model, folder, &fault), ERR_NONE);
	const struct object_model *object = model_object(model, 30000, version);
	snprintf(name, sizeof name, "%s", object != NULL ? object->name : "");
	model_free(model);
	return name;
}

static void knows_each_version_again(void **state)
{
	assert_string_equal(kept_name(NULL), "");
	assert_int_equal(keep(DDF(OBJECT("30000", "1.0", "old"))), ERR_NONE);
	assert_int_equal(keep(DDF(OBJECT("30000", "1.1", "new"))), ERR_NONE);
	assert_string_equal(kept_name("1.0"), "old");
	assert_string_equal(kept_name(NULL), "new");
}

static void a_later_text_of_a_version_replaces_it(void **state)
{
	assert_int_equal(keep(DDF(OBJECT("30000", "1.0", "first"))), ERR_NONE);
	assert_int_equal(keep(DDF(OBJECT("30000", "1.0", "second"))), ERR_NONE);
	assert_string_equal(kept_name("1.0"), "second");
}

static void keeps_nothing_of_what_it_refuses(void **state)
{
	assert_int_equal(keep("<LWM2M>"), ERR_MALFORMED);
	assert_int_equal(keep(DDF("")), ERR_MALFORMED);
	assert_int_equal(keep(DDF(OBJECT("30000", "1.0", "a") OBJECT("30001", "1.0", "b"))), ERR_UNSUPPORTED);
	assert_string_equal(kept_name(NULL), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(knows_each_version_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_later_text_of_a_version_replaces_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_nothing_of_what_it_refuses, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
