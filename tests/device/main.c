/* cardea-device: the reference LwM2M device. It composes and reads every message by itself, sharing no LwM2M
 * code with the server, so that the two meet as independent implementations. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "fleet.h"
#include "libcoap.h"
#include "log.h"
#include "remote_agent.h"

#define SIGNAL_LATENCY_MS 200 /* for one that arrives just before the loop waits */

static volatile sig_atomic_t times_told_to_end;

static void tell_to_end(int signal_number)
{
	times_told_to_end++;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = tell_to_end };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* A fleet needs a socket or three for each device. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void pass_on_log(coap_log_t level, const char *message)
{
	log_debug("libcoap", "message=\"%.*s\"", (int)strcspn(message, "\n"), message);
}

static bool is_told_to_end(void)
{
	return times_told_to_end > 0;
}

static enum err run(const struct options *options, struct fault *fault)
{
	struct loop *loop = NULL;
	struct fleet *fleet = NULL;
	sig_atomic_t times_ended = 0;
	enum err err = loop_create(&loop);

	if (err == ERR_NONE)
		err = fleet_create(loop, options, &fleet, fault);
	while (err == ERR_NONE && !fleet_is_gone(fleet)) {
		if (times_told_to_end > times_ended) {
			times_ended++;
			fleet_end(fleet);
		}
		err = fleet_turn(fleet, SIGNAL_LATENCY_MS);
	}
	fleet_free(fleet);
	loop_free(loop);
	return err;
}

int main(int argc, char **argv)
{
	struct fault fault = { .kind = ERR_NONE };
	struct options options;
	bool wants_help;
	enum err err = options_parse(argc, argv, &options, &wants_help, &fault);

	if (err != ERR_NONE) {
		fprintf(stderr, "cardea-device: %s\n", fault.text);
		return 2;
	}
	if (wants_help) {
		options_print_help();
		return 0;
	}
	log_set_level((enum log_level)options.log_level);
	catch_signals();
	raise_file_limit();
	coap_startup();
	coap_set_log_handler(pass_on_log);
	coap_set_log_level(options.log_level == LOG_DEBUG ? LOG_WARNING : LOG_EMERG);
	err = options.gateway != NULL ? remote_agent_run(&options, is_told_to_end, &fault)
				      : run(&options, &fault);
	coap_cleanup();
	secret_wipe(&options.psk_key);
	secret_wipe(&options.bootstrap_key);
	wipe(&options.smartcard_keys, sizeof(options.smartcard_keys));
	if (err != ERR_NONE)
		fprintf(stderr, "cardea-device: %s\n", fault.text[0] != '\0' ? fault.text : err_name(err));
	return err == ERR_NONE ? 0 : 1;
}
