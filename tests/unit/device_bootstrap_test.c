/* The bootstrap interface of the device: what a bootstrap server may do, and when a Finish is accepted. */
#include "bootstrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "account.h"
#include "misbehave.h"

struct desk {
	struct options options;
	struct misbehaviour misbehaviour;
	struct device *device;
	struct bootstrap bootstrap;
	struct arena *arena;
	struct answer answer;
	struct fault fault;
};

static int set_up(void **state)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	char *words[] = { "cardea-device", "--bootstrap=coap://127.0.0.1", "--se-count=0", NULL };
	bool wants_help;

	assert_non_null(desk);
	desk->arena = arena_create(0);
	assert_int_equal(options_parse(3, words, &desk->options, &wants_help, &desk->fault), ERR_NONE);
	desk->misbehaviour = misbehaviour_of(&desk->options);
	if (device_open(&desk->options, &desk->misbehaviour, "dev", &desk->device, &desk->fault) != ERR_NONE)
		fail_msg("%s", desk->fault.text);
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

static enum answer_code ask(struct desk *desk, struct request request, const char *path)
{
	request.is_bootstrap_path = strcmp(path, "/bs") == 0;
	request.is_path_known = path_parse(bytes_of_text(path), &request.path) == ERR_NONE;
	desk->fault = (struct fault){ .kind = ERR_NONE };
	bootstrap_dispatch(&desk->bootstrap, desk->device, &request, desk->arena, &desk->answer,
			   &desk->fault);
	return desk->answer.code;
}

static enum answer_code get(struct desk *desk, const char *path, uint16_t accept)
{
	return ask(desk,
		   (struct request){ .method = METHOD_GET, .content_format = FORMAT_NONE, .accept = accept },
		   path);
}

static enum answer_code put(struct desk *desk, const char *path, uint16_t format, const char *hex)
{
	struct request request = { .method = METHOD_PUT, .content_format = format, .accept = FORMAT_NONE };

	assert_int_equal(bytes_from_hex(desk->arena, hex, &request.payload), ERR_NONE);
	return ask(desk, request, path);
}

static enum answer_code plain(struct desk *desk, enum method method, const char *path)
{
	return ask(desk,
		   (struct request){ .method = method, .content_format = FORMAT_NONE, .accept = FORMAT_NONE },
		   path);
}

/* URI coap://a, mode 3, the server id 7 */
#define SECURITY_TLV                                                                                         \
	"C800"                                                                                               \
	"08"                                                                                                 \
	"636F61703A2F2F61"                                                                                   \
	"C10100"                                                                                             \
	"C10203"                                                                                             \
	"C003"                                                                                               \
	"C004"                                                                                               \
	"C005"                                                                                               \
	"C10A07"
/* server id 7, lifetime 60, storing, binding U */
#define SERVER_TLV                                                                                           \
	"C10007"                                                                                             \
	"C1013C"                                                                                             \
	"C10601"                                                                                             \
	"C10755"

static void write_account(struct desk *desk)
{
	assert_int_equal(put(desk, "/0/1", FORMAT_TLV, SECURITY_TLV), CHANGED);
	assert_int_equal(put(desk, "/1/0", FORMAT_TLV, SERVER_TLV), CHANGED);
}

static void expect_payload(const struct desk *desk, const char *text)
{
	if (!bytes_equal_text(desk->answer.payload, text))
		fail_msg("%.*s", (int)desk->answer.payload.len, (const char *)desk->answer.payload.at);
}

static void expect_inconsistent(struct desk *desk, const char *reason)
{
	assert_int_equal(plain(desk, METHOD_POST, "/bs"), NOT_ACCEPTABLE);
	assert_false(desk->bootstrap.is_finished);
	if (strstr(desk->fault.text, reason) == NULL)
		fail_msg("%s", desk->fault.text);
}

/* ---- claims ---- */

static void an_account_that_was_written_is_found(void **state)
{
	struct desk *desk = *state;
	struct account account;

	assert_int_equal(account_find(desk->device, 0, &account), ERR_NOT_FOUND);
	write_account(desk);
	assert_int_equal(plain(desk, METHOD_POST, "/bs"), CHANGED);
	assert_true(desk->bootstrap.is_finished);
	assert_int_equal(account_find(desk->device, 0, &account), ERR_NONE);
	assert_string_equal(account.uri, "coap://a");
	assert_int_equal(account.mode, SECURITY_NOSEC);
	assert_int_equal(account.server_instance, 0);
}

/* the same with the server id 8 */
static void write_second_account(struct desk *desk)
{
	assert_int_equal(put(desk, "/0/2", FORMAT_TLV, SECURITY_TLV), CHANGED);
	assert_int_equal(put(desk, "/0/2/10", FORMAT_TEXT, "38"), CHANGED);
	assert_int_equal(put(desk, "/1/5", FORMAT_TLV, SERVER_TLV), CHANGED);
	assert_int_equal(put(desk, "/1/5/0", FORMAT_TEXT, "38"), CHANGED);
}

static void every_account_is_a_server_of_its_own(void **state)
{
	struct desk *desk = *state;

	write_account(desk);
	write_second_account(desk);
	assert_int_equal(plain(desk, METHOD_POST, "/bs"), CHANGED);
	assert_int_equal(servers_find(desk->device), ERR_NONE);
	assert_int_equal(desk->device->servers.count, 2);
	assert_int_equal(server_by_id(desk->device, 7)->instance, 0);
	assert_int_equal(server_by_id(desk->device, 8)->instance, 5);
	assert_ptr_equal(server_by_instance(desk->device, 5), server_by_id(desk->device, 8));
	assert_null(server_by_id(desk->device, 9));

	/* Each has asked for its own. */
	assert_int_equal(object_server.execute(desk->device, 5, 8, &(struct arguments){ .has = { false } }),
			 CHANGED);
	assert_true(server_by_id(desk->device, 8)->wants_update);
	assert_false(server_by_id(desk->device, 7)->wants_update);
	assert_int_equal(object_server.execute(desk->device, 0, 4, &(struct arguments){ .has = { false } }),
			 CHANGED);
	assert_true(server_by_id(desk->device, 7)->wants_disable);
	assert_false(server_by_id(desk->device, 8)->wants_disable);
}

static void two_accounts_of_one_server_are_inconsistent(void **state)
{
	struct desk *desk = *state;

	write_account(desk);
	assert_int_equal(put(desk, "/0/2", FORMAT_TLV, SECURITY_TLV), CHANGED);
	expect_inconsistent(desk, "/0/2/10");
}

static void discover_tells_whose_an_instance_is(void **state)
{
	struct desk *desk = *state;

	write_account(desk);
	assert_int_equal(get(desk, "/", FORMAT_LINK), CONTENT);
	expect_payload(
		desk,
		"</>;lwm2m=1.1,</0/0>,</0/1>;ssid=7;uri=\"coap://a\",</1/0>;ssid=7,</3/0>,</4/0>,</5/0>");
	assert_int_equal(get(desk, "/1", FORMAT_LINK), CONTENT);
	expect_payload(desk, "</>;lwm2m=1.1,</1/0>;ssid=7");
	assert_int_equal(get(desk, "/99", FORMAT_LINK), NOT_FOUND);
	assert_int_equal(get(desk, "/1/0", FORMAT_LINK), BAD_REQUEST);
}

static void delete_leaves_the_account_of_the_bootstrap_server(void **state)
{
	struct desk *desk = *state;

	write_account(desk);
	assert_int_equal(plain(desk, METHOD_DELETE, "/0/0"), DELETED);
	assert_int_equal(plain(desk, METHOD_DELETE, "/3/0"), DELETED);
	assert_int_equal(plain(desk, METHOD_DELETE, "/1/0/1"), BAD_REQUEST);
	assert_int_equal(get(desk, "/", FORMAT_LINK), CONTENT);
	assert_non_null(memmem(desk->answer.payload.at, desk->answer.payload.len, "</0/1>;ssid=7", 13));
	assert_int_equal(plain(desk, METHOD_DELETE, "/"), DELETED);
	assert_int_equal(get(desk, "/", FORMAT_LINK), CONTENT);
	expect_payload(desk, "</>;lwm2m=1.1,</0/0>,</3/0>,</4/0>,</5/0>");
}

static void reads_servers_and_no_keys(void **state)
{
	struct desk *desk = *state;

	write_account(desk);
	assert_int_equal(get(desk, "/1/0/1", FORMAT_TEXT), CONTENT);
	expect_payload(desk, "60");
	assert_int_equal(get(desk, "/0/1", FORMAT_TLV), METHOD_NOT_ALLOWED);
	assert_int_equal(get(desk, "/3/0", FORMAT_TLV), METHOD_NOT_ALLOWED);
}

static void the_bootstrap_server_may_change_its_own_account(void **state)
{
	struct desk *desk = *state;
	struct account account;

	assert_int_equal(account_fill_bootstrap(desk->device, &(struct line_settings){ .psk_identity = "" }),
			 ERR_NONE);
	write_account(desk);
	assert_int_equal(plain(desk, METHOD_DELETE, "/0/0"), BAD_REQUEST);
	assert_int_equal(plain(desk, METHOD_DELETE, "/0"), DELETED);
	assert_int_equal(put(desk, "/0/0/0", FORMAT_TEXT, "636F6170733A2F2F62"), CHANGED); /* coaps://b */
	assert_int_equal(put(desk, "/0/0/2", FORMAT_TEXT, "30"), CHANGED);
	assert_int_equal(put(desk, "/0/1", FORMAT_TLV, SECURITY_TLV), CHANGED);
	expect_inconsistent(desk, "/0/0: identity or key is empty");
	assert_int_equal(put(desk, "/0/0/3", FORMAT_OPAQUE, "6E6577"), CHANGED);
	assert_int_equal(put(desk, "/0/0/5", FORMAT_OPAQUE, "000102030405060708090A0B0C0D0E0F"), CHANGED);
	assert_int_equal(plain(desk, METHOD_POST, "/bs"), CHANGED);
	assert_int_equal(account_find_bootstrap(desk->device, &account), ERR_NONE);
	assert_string_equal(account.uri, "coaps://b");
	assert_string_equal(account.psk_identity, "new");
	assert_int_equal(account.psk_key.len, 16);
	/* What the command line says comes once. */
	assert_int_equal(account_fill_bootstrap(desk->device,
						&(struct line_settings){ .psk_identity = "old",
									 .psk_key = bytes_of("key", 3) }),
			 ERR_NONE);
	assert_int_equal(account_find_bootstrap(desk->device, &account), ERR_NONE);
	assert_string_equal(account.psk_identity, "new");
}

/* A Write replaces the instance, and may come twice. */
static void a_write_that_is_repeated_writes_the_same(void **state)
{
	struct desk *desk = *state;

	write_account(desk);
	write_account(desk);
	assert_int_equal(put(desk, "/1/0", FORMAT_TLV,
			     "C10007"
			     "C10105"),
			 CHANGED);
	assert_int_equal(get(desk, "/1/0/1", FORMAT_TEXT), CONTENT);
	expect_payload(desk, "5");
	assert_int_equal(get(desk, "/1/0/7", FORMAT_TEXT), NOT_FOUND);
	/* An object with two instances at once. */
	assert_int_equal(put(desk, "/1", FORMAT_TLV,
			     "0303"
			     "C10009"
			     "0304"
			     "C1000A"),
			 CHANGED);
	assert_int_equal(get(desk, "/1/4/0", FORMAT_TEXT), CONTENT);
	expect_payload(desk, "10");
}

static void refuses_what_it_does_not_have(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(put(desk, "/0/0", FORMAT_TLV, SECURITY_TLV), BAD_REQUEST);
	assert_int_equal(put(desk, "/9/0", FORMAT_TLV, "C10003"), BAD_REQUEST);
	assert_int_equal(put(desk, "/2/0/2/7", FORMAT_TEXT, "3332"), BAD_REQUEST); /* rights of 32 */
	assert_int_equal(put(desk, "/3/1", FORMAT_TLV, "C20E2B31"), BAD_REQUEST);
	assert_int_equal(put(desk, "/3/0", FORMAT_TLV, "C10041"), BAD_REQUEST); /* the manufacturer */
	assert_int_equal(put(desk, "/1/0", FORMAT_TLV,
			     "C3010102"
			     "03"),
			 BAD_REQUEST);
	assert_int_equal(put(desk, "/1/0", 999, SERVER_TLV), UNSUPPORTED_FORMAT);
	assert_int_equal(put(desk, "/1/0", FORMAT_TLV, ""), BAD_REQUEST);
	assert_int_equal(plain(desk, METHOD_POST, "/1/0/8"), METHOD_NOT_ALLOWED);
	assert_int_equal(plain(desk, METHOD_GET, "/bs"), METHOD_NOT_ALLOWED);
	assert_int_equal(plain(desk, METHOD_GET, "/x"), NOT_FOUND);
}

static void an_inconsistent_configuration_is_not_accepted(void **state)
{
	struct desk *desk = *state;

	expect_inconsistent(desk, "no account");
	assert_int_equal(put(desk, "/0/1", FORMAT_TLV, SECURITY_TLV), CHANGED);
	expect_inconsistent(desk, "no instance of object 1");
	assert_int_equal(put(desk, "/1/0", FORMAT_TLV, "C10008"), CHANGED);
	expect_inconsistent(desk, "no instance of object 1");
	assert_int_equal(put(desk, "/1/0", FORMAT_TLV, "C10007"), CHANGED);
	expect_inconsistent(desk, "/1/0/1 is missing");
	assert_int_equal(put(desk, "/1/0", FORMAT_TLV, SERVER_TLV), CHANGED);
	assert_int_equal(put(desk, "/0/1/2", FORMAT_TEXT, "30"), CHANGED);
	expect_inconsistent(desk, "do not fit");
	assert_int_equal(put(desk, "/0/1/2", FORMAT_TEXT, "31"), CHANGED);
	expect_inconsistent(desk, "only PSK, X.509 and NoSec");
	assert_int_equal(put(desk, "/0/1/2", FORMAT_TEXT, "33"), CHANGED);
	assert_int_equal(put(desk, "/0/1/1", FORMAT_TEXT, "31"), CHANGED);
	expect_inconsistent(desk, "second bootstrap server");
	assert_int_equal(put(desk, "/0/1/1", FORMAT_TEXT, "30"), CHANGED);
	assert_int_equal(plain(desk, METHOD_POST, "/bs"), CHANGED);
}

/* URI coaps://a, mode 2, certificate 01 02, key 03, matching type 1, usage 2 */
#define CERTIFIED_TLV                                                                                        \
	"C80009"                                                                                             \
	"636F6170733A2F2F61"                                                                                 \
	"C10100"                                                                                             \
	"C10202"                                                                                             \
	"C2030102"                                                                                           \
	"C10503"                                                                                             \
	"C10A07"                                                                                             \
	"C10D01"                                                                                             \
	"C10F02"

static void an_account_may_have_certificates(void **state)
{
	struct desk *desk = *state;
	struct account account;

	assert_int_equal(put(desk, "/1/0", FORMAT_TLV, SERVER_TLV), CHANGED);
	assert_int_equal(put(desk, "/0/1", FORMAT_TLV, CERTIFIED_TLV "C004"), CHANGED);
	expect_inconsistent(desk, "/0/1/4: no certificate of the server");
	assert_int_equal(put(desk, "/0/1", FORMAT_TLV, CERTIFIED_TLV "C20404AA"), CHANGED);
	assert_int_equal(plain(desk, METHOD_POST, "/bs"), CHANGED);
	assert_int_equal(account_find(desk->device, 0, &account), ERR_NONE);
	assert_int_equal(account.mode, SECURITY_X509);
	assert_true(bytes_equal_text(account.x509.certificate, "\x01\x02"));
	assert_true(bytes_equal_text(account.x509.key, "\x03"));
	assert_true(bytes_equal_text(account.x509.server, "\x04\xAA"));
	assert_int_equal(account.x509.matching, 1);
	assert_int_equal(account.x509.usage, USAGE_TRUST_ANCHOR);
	assert_null(account.x509.name);
	assert_int_equal(put(desk, "/0/1/14", FORMAT_TEXT, "61"), CHANGED);
	assert_int_equal(account_find(desk->device, 0, &account), ERR_NONE);
	assert_string_equal(account.x509.name, "a");
	assert_int_equal(put(desk, "/0/1/15", FORMAT_TEXT, "34"), BAD_REQUEST); /* there are four usages */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_account_that_was_written_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_account_is_a_server_of_its_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_accounts_of_one_server_are_inconsistent, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_account_may_have_certificates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(discover_tells_whose_an_instance_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(delete_leaves_the_account_of_the_bootstrap_server, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_bootstrap_server_may_change_its_own_account, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(reads_servers_and_no_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_write_that_is_repeated_writes_the_same, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_what_it_does_not_have, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_inconsistent_configuration_is_not_accepted, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
