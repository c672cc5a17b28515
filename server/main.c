/* cardead: arguments, configuration, start, stop. Leaves with 0 after SIGTERM or SIGINT, with 1 when it
 * cannot start or go on, with 2 when it was called wrongly. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "loop.h"
#include "server.h"

enum { LEFT_WELL = 0, FAILED = 1, CALLED_WRONGLY = 2 };

static const char *const level_names[] = {
	[LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"
};

static void set_log_level(const char *name)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(level_names[i], name) == 0)
			log_set_level((enum log_level)i);
	}
}

/* Before any thread is started, so that all of them leave these signals alone. */
static int open_signals(void)
{
	sigset_t signals;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
		return -1;
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Each connection takes one; what may be had without asking anybody is taken. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warn("server.descriptors", "reason=the limit cannot be raised");
}

static void on_signal(void *self, uint32_t events)
{
	log_info("server.stopping", "reason=signal");
	server_stop(self);
}

static int serve(const struct config *config)
{
	int signals = open_signals();
	struct server *server = NULL;
	struct watch *watch = NULL;
	struct fault fault = { 0 };
	enum err err = ERR_IO;

	raise_descriptor_limit();
	if (signals >= 0)
		err = server_start(config, &server, &fault);
	if (err == ERR_NONE)
		err = loop_watch(server_loop(server), signals, EPOLLIN, on_signal, server, &watch);
	if (err == ERR_NONE) {
		server_print_addresses(server, stdout);
		puts("ready");
		fflush(stdout);
		err = server_run(server);
	}
	if (err != ERR_NONE)
		log_error("server.failed", "error=%s reason=%s", err_name(err), fault.text);
	loop_unwatch(watch);
	server_free(server);
	if (signals >= 0)
		close(signals);
	return err == ERR_NONE ? LEFT_WELL : FAILED;
}

int main(int argc, char **argv)
{
	struct config config = { 0 };
	struct fault fault = { 0 };
	int status = LEFT_WELL;

	if (config_load(argc, argv, &config, &fault) != ERR_NONE) {
		fprintf(stderr, "cardead: %s\n", fault.text);
		return CALLED_WRONGLY;
	}
	set_log_level(config.log_level);
	if (config.show_help)
		config_print_help(stdout);
	else if (config.show_version)
		puts("cardead " CARDEA_VERSION);
	else
		status = serve(&config);
	config_free(&config);
	return status;
}
