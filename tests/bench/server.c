/* All of cardead, and what asks its devices: reading and observing begin here, inside the process, so that
 * they measure the server and its devices, and not a client of REST.
 *
 *   bench_server OPTIONS-OF-CARDEAD...
 *
 * The endpoint names are urn:imei:<15 digits>, from 0 on. Each line of standard input is a command:
 *
 *   keys COUNT                   the key 0123456789abcdef for as many devices, in memory
 *   observe DEVICES              /3/0/9 of each, once
 *   read DEVICES MILLISECONDS    /3/0/9 of one after the other, 64 at a time
 *
 * The first is answered by a line "keys=COUNT", the others by "answered=N failed=N us=N" when they have
 * ended. So does the program with its standard input. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "credentials.h"
#include "log.h"
#include "loop.h"
#include "operation.h"
#include "server.h"

#define WINDOW  64
#define KEY     "0123456789abcdef"
#define BATTERY LWM2M_RESOURCE(3, 0, 9)

struct driver {
	struct server *server;
	enum lwm2m_operation operation;
	uint32_t devices, next, under_way;
	uint64_t begun_us, until_us; /* until 0: each device once */
	uint64_t answered, failed;
};

static uint64_t now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static bool goes_on(const struct driver *driver)
{
	return driver->until_us > 0 ? now_us() < driver->until_us : driver->next < driver->devices;
}

static void answered(void *self, uint64_t id, const struct operation_answer *answer);

static void start_next(struct driver *driver)
{
	const struct operation_request request = {
		.operation = driver->operation,
		.path = BATTERY,
		.payload_format = FORMAT_NONE,
		.accept = FORMAT_NONE,
	};
	struct fault fault = { 0 };
	char endpoint[32];

	snprintf(endpoint, sizeof(endpoint), "urn:imei:%015" PRIu32, driver->next++ % driver->devices);
	if (operation_start(server_registry(driver->server), endpoint, &request, answered, driver, 0,
			    &fault) == ERR_NONE) {
		driver->under_way++;
		return;
	}
	if (driver->failed++ == 0)
		fprintf(stderr, "bench_server: %s: %s\n", endpoint, fault.text);
}

static void fill_window(struct driver *driver)
{
	while (driver->under_way < WINDOW && driver->failed == 0 && goes_on(driver))
		start_next(driver);
	if (driver->under_way > 0)
		return;
	printf("answered=%" PRIu64 " failed=%" PRIu64 " us=%" PRIu64 "\n", driver->answered, driver->failed,
	       now_us() - driver->begun_us);
	fflush(stdout);
}

static void answered(void *self, uint64_t id, const struct operation_answer *answer)
{
	struct driver *driver = self;

	driver->under_way--;
	if (answer->fault.kind == ERR_NONE && answer->code == COAP_CODE(2, 5))
		driver->answered++;
	else if (driver->failed++ == 0)
		fprintf(stderr, "bench_server: %u.%02u %s\n", answer->code >> 5, answer->code & 31u,
			answer->fault.text);
	fill_window(driver);
}

static void drive(struct driver *driver, enum lwm2m_operation operation, uint32_t devices,
		  uint32_t milliseconds)
{
	const uint64_t begun_us = now_us();

	*driver = (struct driver){
		.server = driver->server,
		.operation = operation,
		.devices = devices,
		.begun_us = begun_us,
		.until_us = milliseconds > 0 ? begun_us + UINT64_C(1000) * milliseconds : 0,
	};
	fill_window(driver);
}

static void put_keys(struct server *server, uint32_t count)
{
	char name[32];
	struct secret key;
	enum err err = secret_from(bytes_of_text(KEY), &key);

	for (uint32_t i = 0; i < count && err == ERR_NONE; i++) {
		snprintf(name, sizeof(name), "urn:imei:%015" PRIu32, i);
		err = credentials_put_psk(server_credentials(server), name, name, &key);
	}
	printf(err == ERR_NONE ? "keys=%" PRIu32 "\n" : "failed=%" PRIu32 "\n", count);
	fflush(stdout);
}

/* A command comes as one write to the pipe. */
static void on_command(void *self, uint32_t events)
{
	struct driver *driver = self;
	char line[80], name[16];
	uint32_t devices = 0, milliseconds = 0;
	ssize_t len = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (len <= 0) {
		server_stop(driver->server);
		return;
	}
	line[len] = 0;
	if (sscanf(line, "%15s %" SCNu32 " %" SCNu32, name, &devices, &milliseconds) < 2 || devices == 0) {
		fprintf(stderr, "bench_server: not a command: %s", line);
		server_stop(driver->server);
	} else if (strcmp(name, "keys") == 0) {
		put_keys(driver->server, devices);
	} else {
		drive(driver, strcmp(name, "observe") == 0 ? LWM2M_OBSERVE : LWM2M_READ, devices,
		      milliseconds);
	}
}

static enum err serve(const struct config *config, struct fault *fault)
{
	struct driver driver = { 0 };
	struct watch *watch = NULL;
	enum err err = server_start(config, &driver.server, fault);

	if (err == ERR_NONE)
		err = loop_watch(server_loop(driver.server), STDIN_FILENO, EPOLLIN, on_command, &driver,
				 &watch);
	if (err == ERR_NONE) {
		server_print_addresses(driver.server, stdout);
		puts("ready");
		fflush(stdout);
		err = server_run(driver.server);
	}
	loop_unwatch(watch);
	server_free(driver.server);
	return err;
}

int main(int argc, char **argv)
{
	struct config config = { 0 };
	struct fault fault = { 0 };
	enum err err = config_load(argc, argv, &config, &fault);

	log_set_level(LOG_ERROR);
	if (err == ERR_NONE)
		err = serve(&config, &fault);
	if (err != ERR_NONE)
		fprintf(stderr, "bench_server: %s\n", fault.text);
	config_free(&config);
	return err == ERR_NONE ? EXIT_SUCCESS : EXIT_FAILURE;
}
