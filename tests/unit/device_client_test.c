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
			    "</3/0>,</4/0>,</5>;ver=1.1,</5/0>,</16>,</30401/0>");
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

static void steps_down_to_a_version_that_the_server_speaks(void **state)
{
	struct world world;

	world_start(&world, AF_INET, NO_KEY, "--endpoint dev --version 1.2 --format lwm2m-cbor --queue-mode");
	world.server.refuse_with = PRECONDITION_FAILED;
	assert_true(world_until(&world, has_registered, 1));
	assert_int_equal(world.server.refused_registrations, 1);
	assert_string_equal(world.server.queries, "ep=dev&lt=86400&lwm2m=1.1&b=U&Q");
	assert_non_null(strstr(world.server.links, "ct=\"60 112 11542\""));
	assert_int_equal(world_ask(&world, request_get("/3/0", FORMAT_NONE)).format, FORMAT_SENML_CBOR);

	/* What it has found out lasts, and it goes on down if it must. */
	world.server.refuse_with = NOT_FOUND;
	assert_int_equal(world_ask(&world, request_execute("/1/0/8", NULL)).code, CHANGED);
	assert_true(world_until(&world, has_registered, 2));
	assert_string_equal(world.server.queries, "ep=dev&lt=86400&lwm2m=1.1&b=U&Q");
	world_stop(&world);
}

static void steps_down_to_1_0_and_no_further(void **state)
{
	struct world world;

	world_start(&world, AF_INET, NO_KEY, "--endpoint dev --queue-mode --retry-ms 20");
	world.server.refuse_with = PRECONDITION_FAILED;
	assert_true(world_until(&world, has_registered, 1));
	assert_string_equal(world.server.queries, "ep=dev&lt=86400&lwm2m=1.0&b=UQ");
	world_stop(&world);

	world_start(&world, AF_INET, NO_KEY, "--endpoint dev --version 1.0 --retry-ms 20");
	world.server.refuse_with = PRECONDITION_FAILED;
	assert_true(world_until(&world, has_registered, 1));
	assert_string_equal(world.server.queries, "ep=dev&lt=86400&lwm2m=1.0&b=U");
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

/* What it tried in vain before must not be retransmitted: the server would take it for a second start. */
static void registers_once_with_a_server_that_comes_late(void **state)
{
	struct world world;

	world_start(&world, AF_INET, NO_KEY, "--retry-ms 30 --ack-timeout-ms 1000");
	server_vanish(&world.server);
	world_linger(&world, 300);
	server_return(&world.server);
	assert_true(world_until(&world, has_registered, 1));
	world_linger(&world, 2000);
	assert_int_equal(world.server.registrations, 1);
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
	world_ask(&world, request_get("/3/0/0", FORMAT_TEXT)); /* it knows that it is registered */
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

	start(&world, "--drop 10 --duplicate 20 --delay-ms 10 --ack-timeout-ms 1000 --retry-ms 50 --seed 7");
	for (int i = 0; i < 5; i++)
		assert_int_equal(world_ask(&world, request_get("/3/0/0", FORMAT_TEXT)).code, CONTENT);
	world_stop(&world);
}

static void hears_nothing_while_it_sleeps(void **state)
{
	struct test_request request = request_get("/3/0/0", FORMAT_TEXT);
	struct world world;

	start(&world, "--queue-mode --awake-ms 100 --wake-every-ms 1500 --endpoint dev");
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
	static const char line[] = "VERSION 2.0.0\n";
	struct world world;
	uint8_t package[5000];

	memset(package, 0x5A, sizeof(package));
	memcpy(package, line, strlen(line));
	start(&world, "");
	assert_int_equal(world_ask(&world, request_write(METHOD_PUT, "/5/0/0", FORMAT_OPAQUE,
							 bytes_of(package, sizeof(package))))
				 .code,
			 CHANGED);
	assert_text(world_ask(&world, request_get("/5/0/3", FORMAT_TEXT)), "2");
	assert_text(world_ask(&world, request_get("/5/0/7", FORMAT_TEXT)), "2.0.0");
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

		build_bytes(&b, hex(&world, "90000102"
					    "4800FF"));
		build_text(&b, text);
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

static void executes_a_doubled_request_once(void **state)
{
	struct world world;

	start(&world, "--duplicate 100");
	assert_int_equal(
		world_ask(&world, request_write(METHOD_POST, "/16", FORMAT_TLV, hex(&world, "8300410078")))
			.code,
		CREATED);
	world_linger(&world, 100);
	assert_int_equal(world_ask(&world, request_get("/16", FORMAT_TLV)).code, CONTENT);
	assert_payload(&world, world.server.reply,
		       "0500"
		       "8300410078");
	world_stop(&world);
}

static void answers_nonsense_on_request(void **state)
{
	struct world world;

	start(&world, "--nonsense --seed 5");
	assert_int_equal(world_ask(&world, request_get("/3/0/0", FORMAT_TEXT)).code, CONTENT);
	assert_false(bytes_equal_text(world.server.reply.payload, "Cardea"));
	world_stop(&world);
}

/* ---- notifications ---- */

static void notifies_until_it_is_reset(void **state)
{
	struct world world;

	start(&world, "--live-every-ms 20");
	assert_int_equal(world_ask(&world, request_observe("/3/0/9", FORMAT_TEXT, 0, 7)).code, CONTENT);
	assert_true(world.server.reply.is_observed);
	assert_true(world_until(&world, has_notes, 3));
	assert_int_equal(world.server.notes[0].token[0], 7);
	assert_true(world.server.notes[0].sequence < world.server.notes[1].sequence);
	assert_true(world.server.notes[1].sequence < world.server.notes[2].sequence);
	world.server.refuses_notifications = true;
	world_linger(&world, 300);
	world.server.refuses_notifications = false;
	world.server.note_count = 0;
	world_linger(&world, 300);
	assert_int_equal(world.server.note_count, 0);
	world_stop(&world);
}

static void notifies_until_it_is_cancelled(void **state)
{
	struct world world;

	start(&world, "--live-every-ms 20");
	world_ask(&world, request_observe("/3/0/9", FORMAT_TEXT, 0, 7));
	assert_true(world_until(&world, has_notes, 1));
	assert_int_equal(world_ask(&world, request_observe("/3/0/9", FORMAT_TEXT, 1, 7)).code, CONTENT);
	world_linger(&world, 50);
	world.server.note_count = 0;
	world_linger(&world, 200);
	assert_int_equal(world.server.note_count, 0);
	world_stop(&world);
}

static void forgets_observations_when_it_registers_again(void **state)
{
	struct world world;

	start(&world, "--live-every-ms 20");
	world_ask(&world, request_observe("/3/0/9", FORMAT_TEXT, 0, 7));
	assert_int_equal(world_ask(&world, request_execute("/3/0/4", NULL)).code, CHANGED);
	assert_true(world_until(&world, has_registered, 2));
	world.server.note_count = 0;
	world_linger(&world, 200);
	assert_int_equal(world.server.note_count, 0);
	world_stop(&world);
}

/* ---- the secure element over the air ---- */

/* Target the issuer security domain, request `id`, with a script of `count` times GET DATA of an unknown tag
 * that go on after their errors: TLV of the whole instance, sent in blocks when it is long. */
static struct bytes script_write(struct world *world, uint8_t id, size_t count)
{
	struct builder b = builder_in(world->server.arena);
	size_t script_len = 4 + 7 * count;

	build_bytes(&b, hex(world, "C80617"));
	build_text(&b, "//aid/A000000151/000000");
	build_bytes(&b, hex(world, "C107"));
	build_u8(&b, id);
	build_bytes(&b, hex(world, "D009"));
	build_u16(&b, (uint16_t)script_len);
	build_bytes(&b, hex(world, "AA82"));
	build_u16(&b, (uint16_t)(7 * count));
	for (size_t i = 0; i < count; i++)
		build_bytes(&b, hex(world, "220580CA5F5000"));
	build_bytes(&b, hex(world, "C11600"));
	return bytes_of(b.at, b.len);
}

static bool is_ready(const struct world *world, size_t ignored)
{
	const struct test_server *server = &world->server;

	return server->note_count > 0 && bytes_equal_text(server->notes[server->note_count - 1].payload, "4");
}

static void run_script(struct world *world, uint8_t id, size_t count)
{
	struct bytes payload = script_write(world, id, count);

	world->server.note_count = 0;
	assert_int_equal(world_ask(world, request_write(METHOD_POST, "/30401/0", FORMAT_TLV, payload)).code,
			 CHANGED);
	assert_int_equal(world_ask(world, request_execute("/30401/0/17", NULL)).code, CHANGED);
	assert_true(world_until(world, is_ready, 0));
}

static void runs_a_long_script_and_gives_its_response(void **state)
{
	struct world world;
	struct reply reply;

	start(&world, "");
	world_ask(&world, request_observe("/30401/0/15", FORMAT_TEXT, 0, 7));
	run_script(&world, 1, 500);
	reply = world_ask(&world, request_get("/30401/0/12", FORMAT_OPAQUE));
	assert_int_equal(reply.code, CONTENT);
	assert_int_equal(reply.payload.len, 4 + 4 + 500 * 4);
	assert_text(world_ask(&world, request_get("/30401/0/18", FORMAT_TEXT)), "500");
	assert_int_equal(world_ask(&world, request_execute("/30401/0/19", "0='1'")).code, CHANGED);
	run_script(&world, 2, 1);
	assert_payload(&world, world_ask(&world, request_get("/30401/0/12", FORMAT_OPAQUE)),
		       "AB0780010123026A88");
	world_stop(&world);
}

static void notifies_of_the_whole_instance_in_blocks(void **state)
{
	struct world world;
	struct bytes last;

	start(&world, "");
	world_ask(&world, request_observe("/30401/0", FORMAT_TLV, 0, 7));
	assert_int_equal(world_ask(&world, request_write(METHOD_POST, "/30401/0", FORMAT_TLV,
							 script_write(&world, 1, 400)))
				 .code,
			 CHANGED);
	assert_true(world_until(&world, has_notes, 1));
	assert_int_equal(world_ask(&world, request_execute("/30401/0/17", NULL)).code, CHANGED);
	assert_true(world_until(&world, has_notes, 3));
	last = world.server.notes[world.server.note_count - 1].payload;
	assert_true(last.len > 1600);
	world_stop(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_with_its_objects),
		cmocka_unit_test(registers_as_version_1_0_in_queue_mode),
		cmocka_unit_test(steps_down_to_a_version_that_the_server_speaks),
		cmocka_unit_test(steps_down_to_1_0_and_no_further),
		cmocka_unit_test(registers_over_dtls_and_ipv6),
		cmocka_unit_test(tries_again_when_refused),
		cmocka_unit_test(registers_once_with_a_server_that_comes_late),
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
		cmocka_unit_test(executes_a_doubled_request_once),
		cmocka_unit_test(answers_nonsense_on_request),
		cmocka_unit_test(notifies_until_it_is_reset),
		cmocka_unit_test(notifies_until_it_is_cancelled),
		cmocka_unit_test(forgets_observations_when_it_registers_again),
		cmocka_unit_test(runs_a_long_script_and_gives_its_response),
		cmocka_unit_test(notifies_of_the_whole_instance_in_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
