/* server/coap alone: registrations are answered 2.01, their updates 2.04, and nothing is kept. What cardead
 * takes more than this is the registry's.
 *
 *   bench_endpoint PORT [COAPS_PORT]         any urn:imei:<15 digits> below 100,000 with the key
 * 0123456789abcdef
 *
 * Prints its counts when it is ended by SIGTERM. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "coap.h"
#include "credentials.h"
#include "loop.h"

#define IDENTITIES 100000

static struct endpoint *endpoint;
static struct loop *loop;

static void on_request(void *self, const struct coap_request *request)
{
	struct coap_message response = {
		.code = COAP_CODE(2, 4),
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
	};

	if (request->message->path_count == 1) {
		response.code = COAP_CODE(2, 1);
		response.path[0] = bytes_of_text("rd");
		response.path[1] = bytes_of_text("x");
		response.path_count = 2;
	}
	endpoint_reply(endpoint, request->reply, &response);
}

static void on_signal(int number)
{
	loop_stop(loop);
}

static struct credentials *make_credentials(void)
{
	struct credentials *credentials;
	struct secret key;
	char name[64];

	if (credentials_create(&credentials) != ERR_NONE ||
	    secret_from(bytes_of_text("0123456789abcdef"), &key) != ERR_NONE)
		return NULL;
	for (int i = 0; i < IDENTITIES; i++) {
		snprintf(name, sizeof(name), "urn:imei:%015d", i);
		if (credentials_put_psk(credentials, name, name, &key) != ERR_NONE)
			return NULL;
	}
	return credentials;
}

int main(int argc, char **argv)
{
	char listen[64], listen_secure[64] = "";
	const struct endpoint_handlers handlers = { .request = on_request };
	struct endpoint_settings settings = {
		.coap_listen = listen,
		.coaps_listen = listen_secure,
		.ack_timeout_ms = 2000,
		.max_retransmit = 4,
		.block_size = 1024,
		.max_body_bytes = 1 << 20,
		.max_peers = 1 << 20,
	};
	struct fault fault = { 0 };

	if (argc < 2) {
		fprintf(stderr, "usage: %s PORT [COAPS_PORT]\n", argv[0]);
		return EXIT_FAILURE;
	}
	snprintf(listen, sizeof(listen), "127.0.0.1:%s", argv[1]);
	if (argc > 2) {
		snprintf(listen_secure, sizeof(listen_secure), "127.0.0.1:%s", argv[2]);
		settings.credentials = make_credentials();
	}
	if (loop_create(&loop) != ERR_NONE ||
	    endpoint_create(loop, &settings, &handlers, &endpoint, &fault) != ERR_NONE) {
		fprintf(stderr, "%s\n", fault.text);
		return EXIT_FAILURE;
	}
	signal(SIGTERM, on_signal);
	puts("ready");
	fflush(stdout);
	enum err err = loop_run(loop);
	const struct endpoint_counts counts = endpoint_counts(endpoint);
	fprintf(stderr, "received %lu, sent %lu, duplicates %lu, peers %zu, sessions %zu\n",
		(unsigned long)counts.received, (unsigned long)counts.sent, (unsigned long)counts.duplicates,
		counts.peers, counts.sessions);
	endpoint_free(endpoint);
	loop_free(loop);
	credentials_free((struct credentials *)settings.credentials);
	return err == ERR_NONE ? EXIT_SUCCESS : EXIT_FAILURE;
}
