#include "server.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define KEK "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"

/* A folder of its own, with configuration and KEK. */
struct place {
	char folder[32];
	struct config config;
};

static struct place place_open(void)
{
	struct place place = { .folder = "/tmp/cardea-test-XXXXXX" };
	char data_dir[128], model_dir[] = "--model-dir=server/lwm2m/objects", plugin_dir[128];
	char *arguments[] = { "cardead",
			      data_dir,
			      model_dir,
			      plugin_dir,
			      "--coap-listen=127.0.0.1:0",
			      "--coaps-listen=127.0.0.1:0",
			      "--http-listen=127.0.0.1:0",
			      "--log-level=error" };
	struct fault fault = { 0 };

	assert_non_null(mkdtemp(place.folder));
	snprintf(data_dir, sizeof(data_dir), "--data-dir=%s/data", place.folder);
	snprintf(plugin_dir, sizeof(plugin_dir), "--plugin-dir=%s", place.folder); /* has none */
	setenv("CARDEA_KEK", KEK, 1);
	if (config_load(sizeof(arguments) / sizeof(arguments[0]), arguments, &place.config, &fault) !=
	    ERR_NONE)
		fail_msg("%s", fault.text);
	return place;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
	return remove(path);
}

static void place_close(struct place *place)
{
	config_free(&place->config);
	assert_int_equal(nftw(place->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static struct server *start(const struct place *place)
{
	struct server *server;
	struct fault fault = { 0 };

	if (server_start(&place->config, &server, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	return server;
}

struct addresses {
	char text[512];
};

static struct addresses addresses(const struct server *server)
{
	struct addresses addresses = { "" };
	FILE *to = fmemopen(addresses.text, sizeof(addresses.text), "w");

	assert_non_null(to);
	server_print_addresses(server, to);
	fclose(to);
	return addresses;
}

static void two_servers_run_side_by_side(void **state)
{
	struct place places[2] = { place_open(), place_open() };
	struct server *servers[2] = { start(&places[0]), start(&places[1]) };

	for (size_t i = 0; i < 2; i++) {
		const struct addresses found = addresses(servers[i]);

		assert_non_null(strstr(found.text, "listening coap://127.0.0.1:"));
		assert_non_null(strstr(found.text, "listening coaps://127.0.0.1:"));
		assert_non_null(strstr(found.text, "listening http://127.0.0.1:"));
		assert_null(strstr(found.text, ":0\n")); /* as bound */
		server_stop(servers[i]);
		assert_int_equal(server_run(servers[i]), ERR_NONE);
	}
	for (size_t i = 0; i < 2; i++) {
		server_free(servers[i]);
		place_close(&places[i]);
	}
}

static void second_server_of_a_data_dir_is_refused(void **state)
{
	struct place place = place_open();
	struct server *server = start(&place), *second;
	struct fault fault = { 0 };

	assert_int_equal(server_start(&place.config, &second, &fault), ERR_CONFLICT);
	assert_true(fault.text[0] != 0);
	server_free(server);
	server_free(start(&place)); /* and may, when the first has gone */
	place_close(&place);
}

static void without_a_key_encryption_key_nothing_starts(void **state)
{
	struct place place = place_open();
	struct server *server;
	struct fault fault = { 0 };

	unsetenv("CARDEA_KEK");
	assert_int_equal(server_start(&place.config, &server, &fault), ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, "kek-file"));
	place_close(&place);
}

static void taken_address_is_named(void **state)
{
	struct place place = place_open(), other = place_open();
	struct server *server = start(&place), *second;
	struct fault fault = { 0 };
	struct addresses found = addresses(server);
	char *port = strstr(found.text, "coap://") + strlen("coap://");

	port[strcspn(port, "\n")] = 0;
	free(other.config.coap_listen);
	other.config.coap_listen = strdup(port);
	assert_int_equal(server_start(&other.config, &second, &fault), ERR_CONFLICT);
	assert_non_null(strstr(fault.text, port));
	server_free(server);
	place_close(&place);
	place_close(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_servers_run_side_by_side),
		cmocka_unit_test(second_server_of_a_data_dir_is_refused),
		cmocka_unit_test(without_a_key_encryption_key_nothing_starts),
		cmocka_unit_test(taken_address_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
