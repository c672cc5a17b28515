/* Access control of the device: what object 2 gives to each of two servers, and what it does not. */
#include "access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "misbehave.h"

#define FIRST  101
#define SECOND 102

struct desk {
	struct options options;
	struct misbehaviour misbehaviour;
	struct device *device;
	struct arena *arena;
	struct answer answer;
};

/* ---- what a bootstrap server has written ---- */

static void set(struct desk *desk, struct path path, struct value value)
{
	assert_int_equal(values_set(&desk->device->values, path, value), ERR_NONE);
}

static void give_account(struct desk *desk, uint16_t instance, int id)
{
	const struct bytes none = bytes_of(NULL, 0);

	set(desk, RESOURCE_PATH(0, instance + 1, 0), STRING_VALUE("coap://127.0.0.1"));
	set(desk, RESOURCE_PATH(0, instance + 1, 1), BOOLEAN_VALUE(false));
	set(desk, RESOURCE_PATH(0, instance + 1, 2), INTEGER_VALUE(3));
	set(desk, RESOURCE_PATH(0, instance + 1, 3), OPAQUE_VALUE(none));
	set(desk, RESOURCE_PATH(0, instance + 1, 4), OPAQUE_VALUE(none));
	set(desk, RESOURCE_PATH(0, instance + 1, 5), OPAQUE_VALUE(none));
	set(desk, RESOURCE_PATH(0, instance + 1, 10), INTEGER_VALUE(id));
	set(desk, RESOURCE_PATH(1, instance, 0), INTEGER_VALUE(id));
	set(desk, RESOURCE_PATH(1, instance, 1), INTEGER_VALUE(60));
	set(desk, RESOURCE_PATH(1, instance, 6), BOOLEAN_VALUE(true));
	set(desk, RESOURCE_PATH(1, instance, 7), STRING_VALUE("U"));
	assert_int_equal(servers_find(desk->device), ERR_NONE);
}

static void give_owner(struct desk *desk, uint16_t access, int object, int instance, int owner)
{
	set(desk, RESOURCE_PATH(2, access, 0), INTEGER_VALUE(object));
	set(desk, RESOURCE_PATH(2, access, 1), INTEGER_VALUE(instance));
	set(desk, RESOURCE_PATH(2, access, 3), INTEGER_VALUE(owner));
}

static void give_rights(struct desk *desk, uint16_t access, uint16_t id, int rights)
{
	set(desk, path_append(RESOURCE_PATH(2, access, 2), id), INTEGER_VALUE(rights));
}

static int set_up(void **state)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	char *words[] = { "cardea-device", "--bootstrap=coap://127.0.0.1", "--se-count=0", NULL };
	bool wants_help;

	assert_non_null(desk);
	desk->arena = arena_create(0);
	assert_int_equal(options_parse(3, words, &desk->options, &wants_help, NULL), ERR_NONE);
	desk->misbehaviour = misbehaviour_of(&desk->options);
	assert_int_equal(device_open(&desk->options, &desk->misbehaviour, "dev", &desk->device, NULL),
			 ERR_NONE);
	give_account(desk, 0, FIRST);
	*state = desk;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *desk = *state;

	device_close(desk->device);
	arena_free(desk->arena);
	free(desk);
	return 0;
}

/* ---- asking ---- */

static enum answer_code ask(struct desk *desk, uint16_t who, enum method method, const char *path,
			    const char *payload)
{
	const struct bytes pmin = bytes_of_text("pmin=5");
	bool attaches = payload != NULL && strcmp(payload, "pmin=5") == 0;
	struct fault fault = { .kind = ERR_NONE };
	struct request request = {
		.method = method,
		.content_format = payload == NULL || attaches ? FORMAT_NONE : FORMAT_SENML_JSON,
		.accept = method == METHOD_FETCH ? FORMAT_SENML_JSON : FORMAT_NONE,
		.payload = payload == NULL || attaches ? bytes_of(NULL, 0) : bytes_of_text(payload),
		.queries = &pmin,
		.query_count = attaches,
	};

	request.is_path_known = path_parse(bytes_of_text(path), &request.path) == ERR_NONE;
	desk->device->servers.served = server_by_id(desk->device, who);
	desk->device->servers.served->minor_version = 2;
	objects_dispatch(desk->device, &request, desk->arena, &desk->answer, &fault);
	return desk->answer.code;
}

#define OFFSET    "[{\"n\":\"/3/0/14\",\"vs\":\"+01:00\"}]"
#define PORTFOLIO "[{\"n\":\"/16/3/0/0\",\"vs\":\"x\"}]"

/* ---- claims ---- */

static void the_only_server_may_everything(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(ask(desk, FIRST, METHOD_GET, "/3/0/0", NULL), CONTENT);
	assert_int_equal(ask(desk, FIRST, METHOD_PUT, "/3/0/14", OFFSET), CHANGED);
	assert_int_equal(ask(desk, FIRST, METHOD_POST, "/16", PORTFOLIO), CREATED);
	assert_int_equal(instances_with_values(desk->device, 2, (uint16_t[INSTANCES_MAX]){ 0 }), 0);
}

static void each_operation_needs_its_right(void **state)
{
	static const struct {
		enum method method;
		const char *path, *payload;
		enum access_right right;
		enum answer_code code;
	} rows[] = {
		{ METHOD_GET, "/3/0", NULL, ACCESS_READ, CONTENT },
		{ METHOD_GET, "/3", NULL, ACCESS_READ, CONTENT },
		{ METHOD_PUT, "/3/0", "pmin=5", ACCESS_READ, CHANGED },
		{ METHOD_PUT, "/3/0/14", OFFSET, ACCESS_WRITE, CHANGED },
		{ METHOD_POST, "/3/0", OFFSET, ACCESS_WRITE, CHANGED },
		{ METHOD_IPATCH, "/", OFFSET, ACCESS_WRITE, CHANGED },
		{ METHOD_POST, "/3/0/12", NULL, ACCESS_EXECUTE, CHANGED },
		{ METHOD_DELETE, "/3/0", NULL, ACCESS_DELETE, METHOD_NOT_ALLOWED },
	};
	struct desk *desk = *state;

	give_account(desk, 1, SECOND);
	give_owner(desk, 0, 3, 0, FIRST);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		give_rights(desk, 0, SECOND, ACCESS_ALL & ~(int)rows[i].right);
		assert_int_equal(ask(desk, SECOND, rows[i].method, rows[i].path, rows[i].payload),
				 UNAUTHORIZED);
		give_rights(desk, 0, SECOND, (int)rows[i].right);
		assert_int_equal(ask(desk, SECOND, rows[i].method, rows[i].path, rows[i].payload),
				 rows[i].code);
	}
}

static void owner_entry_default_and_nothing(void **state)
{
	struct desk *desk = *state;

	give_account(desk, 1, SECOND);
	assert_int_equal(ask(desk, FIRST, METHOD_GET, "/3/0", NULL),
			 UNAUTHORIZED); /* object 2 knows nothing of it */
	give_owner(desk, 0, 3, 0, FIRST);
	assert_int_equal(ask(desk, FIRST, METHOD_PUT, "/3/0/14", OFFSET), CHANGED);
	assert_int_equal(ask(desk, SECOND, METHOD_GET, "/3/0", NULL), UNAUTHORIZED);
	give_rights(desk, 0, 0, ACCESS_READ); /* for whoever has no entry, which the owner does not need */
	assert_int_equal(ask(desk, SECOND, METHOD_GET, "/3/0", NULL), CONTENT);
	assert_int_equal(ask(desk, SECOND, METHOD_PUT, "/3/0/14", OFFSET), UNAUTHORIZED);
	assert_int_equal(ask(desk, FIRST, METHOD_PUT, "/3/0/14", OFFSET), CHANGED);
	give_rights(desk, 0, FIRST, 0); /* an entry counts for the owner too */
	assert_int_equal(ask(desk, FIRST, METHOD_GET, "/3/0", NULL), UNAUTHORIZED);
}

static void an_object_is_read_as_far_as_allowed(void **state)
{
	struct desk *desk = *state;

	give_account(desk, 1, SECOND);
	give_owner(desk, 0, 1, 0, FIRST);
	give_owner(desk, 1, 1, 1, SECOND);
	assert_int_equal(ask(desk, SECOND, METHOD_GET, "/1", NULL), CONTENT);
	assert_int_equal(ask(desk, SECOND, METHOD_GET, "/1/0/0", NULL), UNAUTHORIZED);
	assert_int_equal(ask(desk, SECOND, METHOD_FETCH, "/", "[{\"n\":\"/1/0/0\"},{\"n\":\"/1/1/0\"}]"),
			 CONTENT);
	assert_null(memmem(desk->answer.payload.at, desk->answer.payload.len, "101", 3));
	assert_non_null(memmem(desk->answer.payload.at, desk->answer.payload.len, "102", 3));
}

static void whoever_creates_an_instance_owns_it(void **state)
{
	struct desk *desk = *state;

	give_account(desk, 1, SECOND);
	assert_int_equal(ask(desk, SECOND, METHOD_POST, "/16", PORTFOLIO), UNAUTHORIZED);
	give_owner(desk, 7, 16, ID_NONE, ID_NONE);
	give_rights(desk, 7, SECOND, ACCESS_CREATE);
	assert_int_equal(ask(desk, FIRST, METHOD_POST, "/16", PORTFOLIO), UNAUTHORIZED);
	assert_int_equal(ask(desk, SECOND, METHOD_POST, "/16", PORTFOLIO), CREATED);
	assert_int_equal(device_stored_integer(desk->device, RESOURCE_PATH(2, 0, 0), -1), 16);
	assert_int_equal(device_stored_integer(desk->device, RESOURCE_PATH(2, 0, 1), -1), 3);
	assert_int_equal(device_stored_integer(desk->device, RESOURCE_PATH(2, 0, 3), -1), SECOND);
	assert_int_equal(ask(desk, FIRST, METHOD_GET, "/16/3", NULL), UNAUTHORIZED);
	assert_int_equal(ask(desk, FIRST, METHOD_DELETE, "/16/3", NULL), UNAUTHORIZED);
	assert_int_equal(ask(desk, SECOND, METHOD_GET, "/16/3", NULL), CONTENT);
	assert_int_equal(ask(desk, SECOND, METHOD_DELETE, "/16/3", NULL), DELETED);
	assert_false(instance_exists(desk->device, &object_access_control, 0));
}

static void only_the_owner_gives_rights(void **state)
{
	struct desk *desk = *state;

	give_account(desk, 1, SECOND);
	give_owner(desk, 0, 3, 0, FIRST);
	assert_int_equal(ask(desk, SECOND, METHOD_GET, "/2/0", NULL), CONTENT);
	assert_int_equal(ask(desk, SECOND, METHOD_PUT, "/2/0/2/102", "[{\"n\":\"/2/0/2/102\",\"v\":1}]"),
			 UNAUTHORIZED);
	assert_int_equal(ask(desk, FIRST, METHOD_PUT, "/2/0/2/102", "[{\"n\":\"/2/0/2/102\",\"v\":32}]"),
			 BAD_REQUEST);
	assert_int_equal(ask(desk, FIRST, METHOD_PUT, "/2/0/2/102", "[{\"n\":\"/2/0/2/102\",\"v\":1}]"),
			 CHANGED);
	assert_int_equal(ask(desk, SECOND, METHOD_GET, "/3/0", NULL), CONTENT);
	assert_int_equal(ask(desk, FIRST, METHOD_PUT, "/2/0/3", "[{\"n\":\"/2/0/3\",\"v\":103}]"),
			 BAD_REQUEST);
	assert_int_equal(ask(desk, FIRST, METHOD_PUT, "/2/0/3", "[{\"n\":\"/2/0/3\",\"v\":102}]"), CHANGED);
	assert_int_equal(ask(desk, FIRST, METHOD_PUT, "/2/0/3", "[{\"n\":\"/2/0/3\",\"v\":101}]"),
			 UNAUTHORIZED);
	assert_int_equal(ask(desk, FIRST, METHOD_DELETE, "/2/0", NULL), UNAUTHORIZED);
	assert_int_equal(ask(desk, FIRST, METHOD_POST, "/2", "[{\"n\":\"/2/5/0\",\"v\":3}]"), UNAUTHORIZED);
}

#define desk_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		desk_test(the_only_server_may_everything),
		desk_test(each_operation_needs_its_right),
		desk_test(owner_entry_default_and_nothing),
		desk_test(an_object_is_read_as_far_as_allowed),
		desk_test(whoever_creates_an_instance_owns_it),
		desk_test(only_the_owner_gives_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
