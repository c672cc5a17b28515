/* Documents of the bootstrap server: what is read, and what is refused by the name of its member. */
#include "bootstrap_configuration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct bench {
	struct arena *arena;
	struct model *model;
	struct bootstrap_configuration configuration;
	const char *document;
	struct fault fault;
};

static int open_bench(void **state)
{
	static struct bench bench;

	bench = (struct bench){ .arena = arena_create(0) };
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

/* In these documents ' stands for ". */
static enum err read_for(struct bench *bench, bool is_for_all, const char *text)
{
	char *json = arena_strdup(bench->arena, text);

	assert_non_null(json);
	for (char *at = json; *at != 0; at++)
		*at = *at == '\'' ? '"' : *at;
	bench->fault = (struct fault){ 0 };
	return bootstrap_configuration_read(bench->arena, bench->model, bytes_of_text(json), is_for_all,
					    &bench->configuration, &bench->document, &bench->fault);
}

static void expect_good(struct bench *bench, const char *text)
{
	if (read_for(bench, false, text) != ERR_NONE)
		fail_msg("%s: %s", text, bench->fault.text);
}

/* The fault begins with the member. */
static void expect_refusal(struct bench *bench, const char *text, const char *member)
{
	assert_int_not_equal(read_for(bench, false, text), ERR_NONE);
	if (strncmp(bench->fault.text, member, strlen(member)) != 0)
		fail_msg("%s: %s", text, bench->fault.text);
}

#define SERVER(id, uri, security, more)                                                                      \
	"{'shortServerId': " #id ", 'uri': '" uri "', 'security': {" security "}" more "}"
#define KEY      "'mode': 'psk', 'identity': 'me', 'keyHex': '000102030405060708090A0B0C0D0E0F'"
#define GENERATE "'mode': 'psk', 'generate': true"
#define NOSEC    "'mode': 'nosec'"
#define ONE      "'servers': [" SERVER(101, "coap://a", NOSEC, "") "]"

static void a_server_needs_little(void **state)
{
	struct bench *bench = *state;
	const struct bootstrap_server *server;

	expect_good(bench, "{" ONE "}");
	assert_int_equal(bench->configuration.server_count, 1);
	server = &bench->configuration.servers[0];
	assert_int_equal(server->short_server_id, 101);
	assert_string_equal(server->uri, "coap://a");
	assert_int_equal(server->lifetime_s, 86400);
	assert_string_equal(server->binding, "U");
	assert_true(server->is_storing);
	assert_int_equal(server->mode, SECURITY_NOSEC);
	/* Without a word about it everything is deleted first. */
	assert_int_equal(bench->configuration.delete_count, 1);
	assert_int_equal(bench->configuration.deletes[0].depth, 0);
	expect_good(bench, "{" ONE ", 'delete': []}");
	assert_int_equal(bench->configuration.delete_count, 0);
}

static void reads_all_members(void **state)
{
	struct bench *bench = *state;
	const struct bootstrap_configuration *read = &bench->configuration;

	expect_good(
		bench,
		"{'servers': [" SERVER(
			1, "coaps://h:5684", KEY ", 'resources': {'13': 1}",
			", 'lifetime': 60, 'binding': 'UQ', 'storing': false,"
			" 'resources': {'2': 10, '24': {'0': '11:0', '3': '11:1'}}") "],"
										     "'acl': [{'object': 3, "
										     "'instance': 0, "
										     "'owner': 1, 'rights': "
										     "{'1': 31, '0': 1}},"
										     "        {'object': 5, "
										     "'instance': 65535, "
										     "'owner': 65535, "
										     "'rights': {'1': 16}}],"
										     "'delete': ['/0', "
										     "'/1/5'], 'read': "
										     "['/1', '/2/0'],"
										     "'objects': [{'path': "
										     "'/11/0', 'resources': "
										     "{'0': 'internet', '2': "
										     "true}}]}");
	assert_int_equal(read->servers[0].key.len, 16);
	assert_int_equal(read->servers[0].key.at[15], 15);
	assert_string_equal(read->servers[0].identity, "me");
	assert_int_equal(read->servers[0].security.count, 1);
	assert_int_equal(read->servers[0].security.at[0].value.whole, 1);
	assert_int_equal(read->servers[0].server.count, 3);
	assert_int_equal(read->servers[0].server.at[2].path.resource_instance, 3);
	assert_int_equal(read->servers[0].server.at[2].value.link.instance, 1);
	assert_int_equal(read->access_count, 2);
	assert_int_equal(read->accesses[0].right_count, 2);
	assert_int_equal(read->accesses[0].rights[0].bits, 31);
	assert_int_equal(read->delete_count, 2);
	assert_int_equal(read->deletes[1].instance, 5);
	assert_int_equal(read->read_count, 2);
	assert_int_equal(read->objects[0].records.at[1].value.type, LWM2M_BOOLEAN);
}

static void a_document_that_is_shown_has_no_key(void **state)
{
	struct bench *bench = *state;

	expect_good(bench, "{'servers': [" SERVER(
				   1, "coaps://h", KEY ", 'resources': {'8': 'c2VjcmV0c2VjcmV0'}",
				   "") "],"
				       "'objects': [{'path': '/21/0', 'resources':"
				       " {'0': 'c2VjcmV0', '1': 'YWI=', '2': 'Y2Q=', '5': 'c2VjcmV0'}}]}");
	assert_null(strstr(bench->document, "0001"));
	assert_null(strstr(bench->document, "keyHex"));
	assert_null(strstr(bench->document, "c2Vj"));
	assert_non_null(strstr(bench->document, "\"identity\":\"me\""));
	assert_non_null(strstr(bench->document, "YWI="));
}

static void names_the_member_that_is_wrong(void **state)
{
	static const struct {
		const char *document, *member;
	} rows[] = {
		{ "{", "line 1" },
		{ "[]", "must be an object" },
		{ "{'servers': []}", "servers: must be a list of 1 to 8" },
		{ "{}", "servers: must be a list of 1 to 8" },
		{ "{" ONE ", 'colour': 1}", "has no member colour" },
		{ "{'servers': [1]}", "servers[0]: must be an object" },
		{ "{'servers': [{}]}", "servers[0].shortServerId: is required" },
		{ "{'servers': [" SERVER(0, "coap://a", NOSEC, "") "]}",
		  "servers[0].shortServerId: must be from 1" },
		{ "{'servers': [" SERVER(65535, "coap://a", NOSEC, "") "]}",
		  "servers[0].shortServerId: must be from 1" },
		{ "{'servers': [{'shortServerId': 1}]}", "servers[0].uri: is required" },
		{ "{'servers': [{'shortServerId': 1, 'uri': 'coap://a'}]}",
		  "servers[0].security: is required" },
		{ "{'servers': [" SERVER(1, "coap://a", "", "") "]}",
		  "servers[0].security.mode: is required" },
		{ "{'servers': [" SERVER(1, "coap://a", "'mode': 'rpk'", "") "]}",
		  "servers[0].security.mode: must" },
		{ "{'servers': [" SERVER(1, "coap://a", NOSEC ", 'keyHex': '00'", "") "]}",
		  "servers[0].security: has no member keyHex" },
		{ "{'servers': [" SERVER(1, "coap://a", NOSEC, ", 'lifetime': -1") "]}",
		  "servers[0].lifetime:" },
		{ "{'servers': [" SERVER(1, "coap://a", NOSEC, ", 'binding': 'UX'") "]}",
		  "servers[0].binding:" },
		{ "{'servers': [" SERVER(1, "coap://a", NOSEC, ", 'binding': 'UU'") "]}",
		  "servers[0].binding:" },
		{ "{'servers': [" SERVER(1, "coap://a", NOSEC, ", 'storing': 1") "]}",
		  "servers[0].storing:" },
		{ "{'servers': [" SERVER(1, "coap://a", NOSEC, ", 'resources': {'2': 'x'}") "]}",
		  "servers[0].resources.2:" },
		{ "{'servers': [" SERVER(1, "coap://a", NOSEC, ", 'resources': {'999': 1}") "]}",
		  "servers[0].resources.999:" },
		{ "{'servers': [" SERVER(1, "coap://a", NOSEC, ", 'resources': {'x': 1}") "]}",
		  "servers[0].resources.x:" },
		{ "{'servers': [" SERVER(1, "coap://a", NOSEC, ", 'resources': {'2': {'0': 1}}") "]}",
		  "servers[0].resources.2.0:" },
		{ "{'servers': [" SERVER(1, "coap://a", NOSEC, ", 'resources': {'1': 60}") "]}",
		  "servers[0].resources.1: is said by another member" },
		{ "{'servers': [" SERVER(1, "coap://a", NOSEC ", 'resources': {'1': true}", "") "]}",
		  "servers[0].security.resources.1: is said by another member" },
		/* URI and mode */
		{ "{'servers': [" SERVER(1, "coaps://a", NOSEC, "") "]}",
		  "servers[0].uri: coaps:// does not go" },
		{ "{'servers': [" SERVER(1, "coap://a", GENERATE, "") "]}",
		  "servers[0].uri: coap:// does not go" },
		{ "{'servers': [" SERVER(1, "http://a", NOSEC, "") "]}", "servers[0].uri: must begin" },
		{ "{'servers': [" SERVER(1, "coap://:5683", NOSEC, "") "]}", "servers[0].uri: has no host" },
		/* keys */
		{ "{'servers': [" SERVER(1, "coaps://a", "'mode': 'psk'", "") "]}",
		  "servers[0].security: needs" },
		{ "{'servers': [" SERVER(1, "coaps://a", KEY ", 'generate': true", "") "]}",
		  "servers[0].security: needs" },
		{ "{'servers': [" SERVER(1, "coaps://a", "'mode': 'psk', 'identity': 'x', 'keyHex': '00'",
					 "") "]}",
		  "servers[0].security.keyHex: must be 16 to 64 bytes" },
		{ "{'servers': [" SERVER(1, "coaps://a",
					 "'mode': 'psk', 'keyHex': '000102030405060708090A0B0C0D0E0F'",
					 "") "]}",
		  "servers[0].security.identity: is required" },
		/* between servers */
		{ "{'servers': [" SERVER(1, "coap://a", NOSEC, "") "," SERVER(1, "coap://b", NOSEC, "") "]}",
		  "servers[1].shortServerId:" },
		{ "{'servers': [" SERVER(1, "coaps://a", GENERATE, "") "," SERVER(2, "coaps://b", GENERATE,
										  "") "]}",
		  "servers[1].security.generate:" },
		{ "{'servers': [" SERVER(1, "coaps://a", KEY, "") "," SERVER(2, "coaps://b", KEY, "") "]}",
		  "servers[1].security.keyHex:" },
		/* access control */
		{ "{" ONE ", 'acl': [{'object': 3, 'instance': 0, 'owner': 7, 'rights': {'101': 1}}]}",
		  "acl[0].owner: no server" },
		{ "{" ONE ", 'acl': [{'object': 3, 'instance': 0, 'owner': 101, 'rights': {'7': 1}}]}",
		  "acl[0].rights: no server" },
		{ "{" ONE ", 'acl': [{'object': 3, 'instance': 0, 'owner': 101, 'rights': {'101': 32}}]}",
		  "acl[0].rights.101: must be from 0 to 31" },
		{ "{" ONE ", 'acl': [{'object': 3, 'instance': 65535, 'owner': 101, 'rights': {'101': 16}}]}",
		  "acl[0].owner: must be 65535" },
		{ "{" ONE
		  ", 'acl': [{'object': 3, 'instance': 65535, 'owner': 65535, 'rights': {'101': 1}}]}",
		  "acl[0].rights: must be 16" },
		{ "{" ONE ", 'acl': [{'object': 0, 'instance': 0, 'owner': 101, 'rights': {'101': 1}}]}",
		  "acl[0].object:" },
		{ "{" ONE ", 'acl': [{'object': 3, 'instance': 0, 'owner': 101, 'rights': {}}]}",
		  "acl[0].rights:" },
		/* the rest */
		{ "{" ONE ", 'delete': ['/1/0/1']}", "delete[0]:" },
		{ "{" ONE ", 'delete': ['x']}", "delete[0]: must be a path" },
		{ "{" ONE ", 'read': ['/0']}", "read[0]: must be /, object 1 or 2" },
		{ "{" ONE ", 'objects': [{'path': '/1/0', 'resources': {'2': 1}}]}",
		  "objects[0].path: object 1" },
		{ "{" ONE ", 'objects': [{'path': '/11', 'resources': {'2': 1}}]}",
		  "objects[0].path: must be" },
		{ "{" ONE ", 'objects': [{'path': '/11/0', 'resources': {}}]}", "objects[0].resources:" },
		{ "{" ONE ", 'objects': [{'path': '/11/0', 'resources': {'1': 'x'}},"
		  "{'path': '/11/0', 'resources': {'1': 'x'}}]}",
		  "objects[1].path:" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_refusal(*state, rows[i].document, rows[i].member);
}

/* What only one device can have is no default. */
static void a_default_generates_its_keys(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(read_for(bench, true, "{'servers': [" SERVER(1, "coaps://a", GENERATE, "") "]}"),
			 ERR_NONE);
	assert_int_equal(read_for(bench, true, "{'servers': [" SERVER(1, "coaps://a", KEY, "") "]}"),
			 ERR_MALFORMED);
	assert_non_null(strstr(bench->fault.text, "servers[0].security.keyHex"));
	assert_int_equal(
		read_for(bench, true,
			 "{'servers': [" SERVER(1, "coaps://a", GENERATE ", 'identity': 'x'", "") "]}"),
		ERR_MALFORMED);
	assert_non_null(strstr(bench->fault.text, "servers[0].security.identity"));
	expect_good(bench, "{'servers': [" SERVER(1, "coaps://a", GENERATE ", 'identity': 'x'", "") "]}");
}

static void the_key_of_the_bootstrap_server_is_no_other_ones(void **state)
{
	struct bench *bench = *state;
	struct secret key = { .len = 16 }, other = { .len = 16 };

	for (uint8_t i = 0; i < 16; i++)
		key.at[i] = i;
	expect_good(bench, "{'servers': [" SERVER(1, "coaps://a", KEY, "") "]}");
	assert_int_equal(bootstrap_configuration_check_key(&bench->configuration, &key, &bench->fault),
			 ERR_CONFLICT);
	assert_non_null(strstr(bench->fault.text, "servers[0].security.keyHex"));
	assert_int_equal(bootstrap_configuration_check_key(&bench->configuration, &other, NULL), ERR_NONE);
	assert_int_equal(bootstrap_configuration_check_key(&bench->configuration, NULL, NULL), ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_server_needs_little, open_bench, close_bench),
		cmocka_unit_test_setup_teardown(reads_all_members, open_bench, close_bench),
		cmocka_unit_test_setup_teardown(a_document_that_is_shown_has_no_key, open_bench, close_bench),
		cmocka_unit_test_setup_teardown(names_the_member_that_is_wrong, open_bench, close_bench),
		cmocka_unit_test_setup_teardown(a_default_generates_its_keys, open_bench, close_bench),
		cmocka_unit_test_setup_teardown(the_key_of_the_bootstrap_server_is_no_other_ones, open_bench,
						close_bench),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
