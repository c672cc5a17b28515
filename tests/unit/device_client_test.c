/* The whole device over real sockets, against a server that shares no code with it but libcoap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "device_support.h"

#define NO_KEY bytes_of(NULL, 0)

static struct bytes hex(struct world *world, const char *text)
{
	struct bytes bytes;

	assert_int_equal(bytes_from_hex(world->server.arena, text, &bytes), ERR_NONE);
	return bytes;
}

static void start(struct world *world, const char *words)
{
	world_start(world, AF_INET, NO_KEY, words);
	assert_true(world_until(world, has_registered, 1));
}

#define assert_payload(world, reply, text) assert_true(bytes_equal((reply).payload, hex(world, text)))
#define assert_text(reply, text)           assert_true(bytes_equal_text((reply).payload, text))

/* ---- registration ---- */

static void registers_with_its_objects(void **state)
{
	struct world world;

	start(&world, "--endpoint dev --lifetime 300");
	assert_string_equal(world.server.queries, "ep=dev&lt=300&lwm2m=1.1&b=U");
	assert_string_equal(world.server.links,
			    "</>;rt=\"oma.lwm2m\";ct=\"60 112 11542\",</1>;ver=1.1,</1/0>,</3>;ver=1.1,"
			    "</3/0>,</4/0>,</5/0>,</16>,</30401/0>");
	world_stop(&world);
}

static void registers_as_version_1_0_in_queue_mode(void **state)
{
	struct world world;

	start(&world, "--endpoint dev --version 1.0 --queue-mode");
	assert_string_equal(world.server.queries, "ep=dev&lt=86400&lwm2m=1.0&b=UQ");
	assert_non_null(strstr(world.server.links, "ct=11542,</1/0>,"));
	world_stop(&world);
}

static void registers_over_dtls_and_ipv6(void **state)
{
	struct world world;
	const uint8_t key[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

	world_start(&world, AF_INET6, bytes_of(key, sizeof(key)),
		    "--endpoint device --psk-key 0102030405060708090A0B0C0D0E0F10");
	assert_true(world_until(&world, has_registered, 1));
	assert_int_equal(world_ask(&world, request_get("/3/0/0", FORMAT_TEXT)).code, CONTENT);
	world_stop(&world);
}

static void tries_again_when_refused(void **state)
{
	struct world world;

	world_start(&world, AF_INET, NO_KEY, "--retry-ms 20");
	world.server.refuse_with = 0x83;
	assert_true(world_until(&world, has_registered, 1));
	assert_int_equal(world.server.refused_registrations, 1);
	world_stop(&world);
}

static void registers_anew_when_the_server_forgot_it(void **state)
{
	struct world world;

	start(&world, "--retry-ms 20");
	world.server.refuse_with = NOT_FOUND;
	assert_int_equal(world_ask(&world, request_execute("/1/0/8", NULL)).code, CHANGED);
	assert_true(world_until(&world, has_registered, 2));
	assert_int_equal(world.server.updates, 0);
	world_stop(&world);
}

static void updates_with_a_written_lifetime(void **state)
{
	struct world world;

	start(&world, "--endpoint dev");
	assert_int_equal(world_ask(&world, request_text(METHOD_PUT, "/1/0/1", "77")).code, CHANGED);
	assert_true(world_until(&world, has_updated, 1));
	assert_string_equal(world.server.queries, "lt=77");
	world_stop(&world);
}

static void updates_before_its_lifetime_is_over(void **state)
{
	struct world world;

	start(&world, "--lifetime 1");
	assert_true(world_until(&world, has_updated, 2));
	assert_int_equal(world.server.registrations, 1);
	world_stop(&world);
}

static void deregisters_at_the_end(void **state)
{
	struct world world;

	start(&world, "");
	fleet_end(world.fleet);
	assert_true(world_until(&world, has_deregistered, 1));
	world_linger(&world, 50);
	assert_true(fleet_is_gone(world.fleet));
	world_stop(&world);
}

static void comes_back_after_it_was_disabled(void **state)
{
	struct world world;

	start(&world, "");
	assert_int_equal(world_ask(&world, request_text(METHOD_PUT, "/1/0/5", "0")).code, CHANGED);
	assert_int_equal(world_ask(&world, request_execute("/1/0/4", NULL)).code, CHANGED);
	assert_true(world_until(&world, has_deregistered, 1));
	assert_true(world_until(&world, has_registered, 2));
	world_stop(&world);
}

static void reboots_on_request(void **state)
{
	struct world world;

	start(&world, "");
	assert_int_equal(world_ask(&world, request_execute("/3/0/4", NULL)).code, CHANGED);
	assert_true(world_until(&world, has_registered, 2));
	assert_int_equal(world.server.deregistrations, 0);
	world_stop(&world);
}

static void starts_a_whole_fleet(void **state)
{
	struct world world;

	world_start(&world, AF_INET, NO_KEY, "--fleet 100 --rate 2000 --endpoint many");
	assert_true(world_until(&world, has_registered, 100));
	world_stop(&world);
}

static void gets_through_a_bad_network(void **state)
{
	struct world world;

	start(&world, "--drop 15 --duplicate 20 --delay-ms 10 --ack-timeout-ms 100 --retry-ms 50 --seed 7");
	for (int i = 0; i < 5; i++)
		assert_int_equal(world_ask(&world, request_get("/3/0/0", FORMAT_TEXT)).code, CONTENT);
	world_stop(&world);
}

static void hears_nothing_while_it_sleeps(void **state)
{
	struct test_request request = request_get("/3/0/0", FORMAT_TEXT);
	struct world world;

	start(&world, "--queue-mode --awake-ms 100 --wake-every-ms 700 --endpoint dev");
	assert_non_null(strstr(world.server.queries, "&Q"));
	world_linger(&world, 250);
	request.is_non_confirmable = true; /* or a retransmission would come when the device is awake again */
	world_tell(&world, request);
	world_linger(&world, 200);
	assert_int_equal(world.server.reply.code, 0);
	assert_true(world_until(&world, has_updated, 1));
	assert_int_equal(world_ask(&world, request_get("/3/0/0", FORMAT_TEXT)).code, CONTENT);
	world_stop(&world);
}

/* ---- requests ---- */

static void reads_what_is_asked_in_the_format_asked(void **state)
{
	struct world world;
	struct reply reply;

	start(&world, "--endpoint dev");
	reply = world_ask(&world, request_get("/3/0/0", FORMAT_TEXT));
	assert_int_equal(reply.format, FORMAT_TEXT);
	assert_text(reply, "Cardea");
	reply = world_ask(&world, request_get("/3/0/6", FORMAT_TLV));
	assert_int_equal(reply.format, FORMAT_TLV);
	assert_payload(&world, reply,
		       "8606"
		       "410001"
		       "410105");
	reply = world_ask(&world, request_get("/3/0/9", FORMAT_NONE));
	assert_int_equal(reply.format, FORMAT_SENML_CBOR);
	assert_payload(&world, reply,
		       "81A2"
		       "21662F332F302F39"
		       "021864");
	reply = world_ask(&world, request_get("/3/0/9", FORMAT_CBOR));
	assert_payload(&world, reply, "1864");
	world_stop(&world);
}

static void takes_large_bodies_in_blocks(void **state)
{
	struct world world;
	uint8_t package[5000];

	memset(package, 0x5A, sizeof(package));
	start(&world, "");
	assert_int_equal(world_ask(&world, request_write(METHOD_PUT, "/5/0/0", FORMAT_OPAQUE,
							 bytes_of(package, sizeof(package))))
				 .code,
			 CHANGED);
	assert_text(world_ask(&world, request_get("/5/0/3", FORMAT_TEXT)), "2");
	assert_text(world_ask(&world, request_get("/5/0/7", FORMAT_TEXT)), "3cad4dac");
	world_stop(&world);
}

/* Eight portfolios with 255 characters each: more than two blocks. */
static void gives_large_bodies_in_blocks(void **state)
{
	struct world world;
	struct reply reply;
	char text[256];

	start(&world, "");
	memset(text, 'x', 255);
	text[255] = '\0';
	for (int i = 0; i < 8; i++) {
		struct builder b = builder_in(world.server.arena);

		build_bytes(&b, hex(&world, "89000102"
					    "4800FF"));
		b.at[1] = 0; /* resource 0, multiple */
		build_text(&b, text);
		b.at[0] = 0x90; /* its length needs two bytes */
		assert_int_equal(world_ask(&world, request_write(METHOD_POST, "/16", FORMAT_TLV,
								 bytes_of(b.at, b.len)))
					 .code,
				 CREATED);
	}
	reply = world_ask(&world, request_get("/16", FORMAT_TLV));
	assert_int_equal(reply.code, CONTENT);
	assert_true(reply.payload.len > 8 * 255);
	world_stop(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_with_its_objects),
		cmocka_unit_test(registers_as_version_1_0_in_queue_mode),
		cmocka_unit_test(registers_over_dtls_and_ipv6),
		cmocka_unit_test(tries_again_when_refused),
		cmocka_unit_test(registers_anew_when_the_server_forgot_it),
		cmocka_unit_test(updates_with_a_written_lifetime),
		cmocka_unit_test(updates_before_its_lifetime_is_over),
		cmocka_unit_test(deregisters_at_the_end),
		cmocka_unit_test(comes_back_after_it_was_disabled),
		cmocka_unit_test(reboots_on_request),
		cmocka_unit_test(starts_a_whole_fleet),
		cmocka_unit_test(gets_through_a_bad_network),
		cmocka_unit_test(hears_nothing_while_it_sleeps),
		cmocka_unit_test(reads_what_is_asked_in_the_format_asked),
		cmocka_unit_test(takes_large_bodies_in_blocks),
		cmocka_unit_test(gives_large_bodies_in_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
