/* Cards that are made from what the bootstrap server would write, read again as a device would. */
#include "bootstrap_smartcard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pkcs15.h"
#include "smartcard_file.h"

struct bench {
	struct arena *arena;
	struct model *model;
	struct bootstrap_card_settings settings;
	struct bootstrap_card card;
	struct fault fault;
};

static int open_bench(void **state)
{
	static struct bench bench;

	bench = (struct bench){
		.arena = arena_create(0),
		.settings = { .is_opaque = true,
			      .directory_id = SMARTCARD_EF_DODF,
			      .file_id = SMARTCARD_EF_FILE },
	};
	*state = &bench;
	return model_create(&bench.model) != ERR_NONE ||
	       model_add_folder(bench.model, "server/lwm2m/objects", NULL) != ERR_NONE;
}

static int close_bench(void **state)
{
	struct bench *bench = *state;

	model_free(bench->model);
	arena_free(bench->arena);
	return 0;
}

/* The document is of one endpoint; NULL: there is none. */
static enum err make(struct bench *bench, const char *json)
{
	struct bootstrap_configuration configuration;
	const char *shown;

	bench->fault = (struct fault){ 0 };
	if (json != NULL)
		assert_int_equal(bootstrap_configuration_read(bench->arena, bench->model, bytes_of_text(json),
							      false, &configuration, &shown, &bench->fault),
				 ERR_NONE);
	return bootstrap_card_make(bench->arena, bench->model, json == NULL ? NULL : &configuration,
				   &bench->settings, &bench->card, &bench->fault);
}

static struct smartcard_file file_of(struct bench *bench)
{
	struct smartcard_file file;

	assert_int_equal(smartcard_file_read(bench->arena, bench->model, bench->card.file, &file, NULL),
			 ERR_NONE);
	return file;
}

static const struct lwm2m_value *value_at(const struct smartcard_file *file, size_t i, struct lwm2m_path path)
{
	const struct lwm2m_record *record = lwm2m_find(file->objects[i].records, path);

	assert_non_null(record);
	return &record->value;
}

#define PSK                                                                                                  \
	"{\"servers\": [{\"shortServerId\": 101, \"uri\": \"coaps://dm.example.org\", \"lifetime\": 43200,"  \
	" \"security\": {\"mode\": \"psk\", \"identity\": \"lamp\","                                         \
	" \"keyHex\": \"101112131415161718191A1B1C1D1E1F\"}}]}"
#define GENERATED                                                                                            \
	"{\"servers\": [{\"shortServerId\": 101, \"uri\": \"coaps://dm.example.org\","                       \
	" \"security\": {\"mode\": \"psk\", \"generate\": true}}]}"
#define NOSEC                                                                                                \
	"{\"servers\": [{\"shortServerId\": 1, \"uri\": \"coap://y\", \"security\": {\"mode\": "             \
	"\"nosec\"}}],"                                                                                      \
	" \"acl\": [{\"object\": 3, \"instance\": 0, \"owner\": 1, \"rights\": {\"1\": 15}}]}"

static void an_account_stands_in_objects_0_and_1(void **state)
{
	struct bench *bench = *state;
	struct smartcard_file file;

	assert_int_equal(make(bench, PSK), ERR_NONE);
	file = file_of(bench);
	assert_int_equal(file.count, 2);
	assert_true(bytes_equal_text(value_at(&file, 0, LWM2M_RESOURCE(0, 0, 3))->bytes, "lamp"));
	assert_int_equal(value_at(&file, 0, LWM2M_RESOURCE(0, 0, 5))->bytes.len, 16);
	assert_int_equal(value_at(&file, 0, LWM2M_RESOURCE(0, 0, 10))->integer, 101);
	assert_int_equal(value_at(&file, 1, LWM2M_RESOURCE(1, 0, 1))->integer, 43200);
}

static void the_bootstrap_server_is_the_first_account(void **state)
{
	struct bench *bench = *state;
	struct secret key = { .len = 16 };
	struct smartcard_file file;

	bench->settings.bootstrap_uri = "coaps://bs.example.org";
	bench->settings.bootstrap_identity = "bs-lamp";
	bench->settings.bootstrap_key = &key;
	assert_int_equal(make(bench, PSK), ERR_NONE);
	file = file_of(bench);
	assert_true(value_at(&file, 0, LWM2M_RESOURCE(0, 0, 1))->boolean);
	assert_true(bytes_equal_text(value_at(&file, 0, LWM2M_RESOURCE(0, 0, 3))->bytes, "bs-lamp"));
	assert_null(lwm2m_find(file.objects[0].records, LWM2M_RESOURCE(0, 0, 10)));
	assert_false(value_at(&file, 0, LWM2M_RESOURCE(0, 1, 1))->boolean);

	assert_int_equal(make(bench, NULL), ERR_NONE);
	assert_int_equal(file_of(bench).count, 1);

	bench->settings.bootstrap_key = NULL; /* without one there is no security */
	assert_int_equal(make(bench, NULL), ERR_MALFORMED);
	assert_memory_equal(bench->fault.text, "bootstrapServer", 15);
}

static void objects_stand_in_the_order_of_their_ids(void **state)
{
	struct bench *bench = *state;
	struct smartcard_file file;

	assert_int_equal(make(bench, NOSEC), ERR_NONE);
	file = file_of(bench);
	assert_int_equal(file.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(file.objects[i].object, i);
}

static void a_key_of_each_bootstrap_is_on_no_card(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(make(bench, GENERATED), ERR_CONFLICT);
	assert_non_null(strstr(bench->fault.text, "servers[0].security.generate"));
}

static void the_directories_lead_to_the_file(void **state)
{
	struct bench *bench = *state;
	static const uint8_t file_id[] = { 0x6F, 0x01 };
	struct pkcs15_directories directories;
	struct pkcs15_application application;
	struct pkcs15_object object;

	bench->settings.file_id = 0x6F01;
	bench->settings.is_private = true;
	assert_int_equal(make(bench, PSK), ERR_NONE);
	assert_int_equal(pkcs15_application_read(bench->card.dir, &application, NULL), ERR_NONE);
	assert_true(bytes_equal(application.aid, pkcs15_aid));
	assert_int_equal(pkcs15_directories_read(bench->arena, bench->card.odf, &directories, NULL),
			 ERR_NONE);
	assert_int_equal(directories.count, 1);
	assert_int_equal(pkcs15_object_read(bench->card.dodf, &object, NULL), ERR_NONE);
	assert_true(bytes_equal(object.path, bytes_of(file_id, 2)) && object.is_private && object.is_opaque);
}

static void no_two_files_have_one_identifier(void **state)
{
	struct bench *bench = *state;

	bench->settings.file_id = SMARTCARD_EF_DODF;
	assert_int_equal(make(bench, PSK), ERR_MALFORMED);
	bench->settings.file_id = SMARTCARD_EF_ODF;
	assert_int_equal(make(bench, PSK), ERR_MALFORMED);
}

static void what_is_shown_has_no_keys(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(make(bench, PSK), ERR_NONE);
	assert_null(lwm2m_find(bench->card.shown, LWM2M_RESOURCE(0, 0, 5)));
	assert_non_null(lwm2m_find(bench->card.shown, LWM2M_RESOURCE(0, 0, 3)));
	assert_int_equal(bench->card.warning_count, 1); /* that anybody can read them from the card */
	bench->settings.is_private = true;
	assert_int_equal(make(bench, PSK), ERR_NONE);
	assert_int_equal(bench->card.warning_count, 0);
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(an_account_stands_in_objects_0_and_1),
		BENCH(the_bootstrap_server_is_the_first_account),
		BENCH(objects_stand_in_the_order_of_their_ids),
		BENCH(a_key_of_each_bootstrap_is_on_no_card),
		BENCH(the_directories_lead_to_the_file),
		BENCH(no_two_files_have_one_identifier),
		BENCH(what_is_shown_has_no_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
