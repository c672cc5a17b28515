/* A device that loses its power at the worst moment, in a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "device_support.h"
#include "misbehave.h"

static char folder[] = "/tmp/device-restart-XXXXXX";

static int make_folder(void **state)
{
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static struct bytes hex(struct world *world, const char *text)
{
	struct bytes bytes;

	assert_int_equal(bytes_from_hex(world->server.arena, text, &bytes), ERR_NONE);
	return bytes;
}

static void start(struct world *world, const char *words)
{
	char *all =
		arena_printf(world->server.arena, "--state %s --retry-ms 50 --log error %s", folder, words);

	world->server.registrations = 0;
	world_fork(world, all);
	assert_true(world_until(world, has_registered, 1));
}

static long number(struct world *world, const char *path)
{
	struct reply reply = world_ask(world, request_get(path, FORMAT_TEXT));

	assert_int_equal(reply.code, CONTENT);
	return strtol(arena_strndup(world->server.arena, (const char *)reply.payload.at, reply.payload.len),
		      NULL, 10);
}

static void write_script(struct world *world, const char *id_and_script)
{
	char *text = arena_printf(world->server.arena,
				  "C806172F2F6169642F413030303030303135312F303030303030%s", id_and_script);

	assert_int_equal(
		world_ask(world, request_write(METHOD_POST, "/30401/0", FORMAT_TLV, hex(world, text))).code,
		CHANGED);
}

/* Three commands that the card answers with 9000. */
#define THREE_COMMANDS                                                                                       \
	"C80917"                                                                                             \
	"AA15"                                                                                               \
	"220580CA004200"                                                                                     \
	"220580CA004500"                                                                                     \
	"220580CA004200"

static void wait_until_rested(struct world *world)
{
	while (number(world, "/30401/0/15") == 3)
		world_linger(world, 5);
}

/* Runs the script of three into a reboot and starts again. */
static void run_into_reboot(struct world *world, const char *when)
{
	world_start_server(world, AF_INET, bytes_of(NULL, 0));
	start(world, arena_printf(world->server.arena, "--reboot-at %s", when));
	write_script(world, "C10701" THREE_COMMANDS);
	world_tell(world, request_execute("/30401/0/17", NULL));
	assert_int_equal(world_wait_for_death(world), REBOOT_STATUS);
	start(world, "");
}

static void assert_interrupted(const char *when, long executed)
{
	struct world world;

	run_into_reboot(&world, when);
	assert_int_equal(number(&world, "/30401/0/15"), 5);
	assert_int_equal(number(&world, "/30401/0/16"), 1);
	assert_int_equal(number(&world, "/30401/0/14"), 1);
	assert_int_equal(number(&world, "/30401/0/18"), executed);
	assert_int_equal(number(&world, "/30401/0/27"), 0);
	write_script(&world, "C10702" THREE_COMMANDS);
	assert_int_equal(world_ask(&world, request_execute("/30401/0/17", NULL)).code, CHANGED);
	wait_until_rested(&world);
	assert_int_equal(number(&world, "/30401/0/15"), 4);
	assert_int_equal(number(&world, "/30401/0/18"), 3);
	world_stop(&world);
}

static void is_interrupted_before_a_command(void **state)
{
	assert_interrupted("before-apdu:2", 1);
}

static void is_interrupted_after_a_command_nobody_heard_of(void **state)
{
	assert_interrupted("apdu:2", 1);
}

static void is_interrupted_after_a_recorded_answer(void **state)
{
	assert_interrupted("after-record:2", 2);
}

static void has_its_response_after_the_last_answer(void **state)
{
	struct world world;

	run_into_reboot(&world, "after-record:3");
	assert_int_equal(number(&world, "/30401/0/15"), 4);
	assert_int_equal(number(&world, "/30401/0/13"), 1);
	assert_int_equal(number(&world, "/30401/0/18"), 3);
	world_stop(&world);
}

static void knows_what_it_did_not_get_to_answer(void **state)
{
	struct world world;

	/* the second request after the start is Run: it is obeyed, and the answer lost */
	run_into_reboot(&world, "request:2");
	assert_int_equal(number(&world, "/30401/0/15"), 5);
	assert_int_equal(number(&world, "/30401/0/18"), 0);
	world_stop(&world);
}

static void knows_nothing_of_what_it_did_not_look_at(void **state)
{
	struct world world;

	run_into_reboot(&world, "before-request:2");
	assert_int_equal(number(&world, "/30401/0/15"), 2);
	assert_int_equal(world_ask(&world, request_execute("/30401/0/17", NULL)).code, CHANGED);
	wait_until_rested(&world);
	assert_int_equal(number(&world, "/30401/0/15"), 4);
	world_stop(&world);
}

static void survives_a_kill_at_any_time(void **state)
{
	struct world world;
	long id = 1;

	world_start_server(&world, AF_INET, bytes_of(NULL, 0));
	for (int i = 0; i < 12; i++) {
		start(&world, "--apdu-delay-ms 3");
		id = number(&world, "/30401/0/14") + 1;
		write_script(&world, arena_printf(world.server.arena, "C107%02lX" THREE_COMMANDS, id));
		world_tell(&world, request_execute("/30401/0/17", NULL));
		world_linger(&world, i);
		world_kill(&world);
	}
	start(&world, "");
	write_script(&world, arena_printf(world.server.arena, "C107%02lX" THREE_COMMANDS, id + 1));
	assert_int_equal(world_ask(&world, request_execute("/30401/0/17", NULL)).code, CHANGED);
	wait_until_rested(&world);
	assert_int_equal(number(&world, "/30401/0/18"), 3);
	world_stop(&world);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_interrupted_before_a_command),
		TEST(is_interrupted_after_a_command_nobody_heard_of),
		TEST(is_interrupted_after_a_recorded_answer),
		TEST(has_its_response_after_the_last_answer),
		TEST(knows_what_it_did_not_get_to_answer),
		TEST(knows_nothing_of_what_it_did_not_look_at),
		TEST(survives_a_kill_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
