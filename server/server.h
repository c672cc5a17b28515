/* struct server owns every part; server_start lists them in order. Nothing is global: a test may start two. */
#ifndef CARDEA_SERVER_H
#define CARDEA_SERVER_H

#include <stdio.h>

#include "config.h"

struct server;
struct credentials;
struct registry;

/* Starts every part, or none. ERR_* with the part and reason in `fault`. */
MUST_CHECK enum err server_start(const struct config *config, struct server **ret_server, struct fault *fault);
/* Runs until server_stop (safe in a signal handler). */
MUST_CHECK enum err server_run(struct server *server);
void server_stop(struct server *server);
void server_free(struct server *server);        /* accepts NULL */

/* The addresses as bound, a line each: "listening coap://127.0.0.1:5683", "bootstrap coaps://...". */
void server_print_addresses(const struct server *server, FILE *to);
/* Parts of a running server, for programs that drive it from its own loop. */
struct loop *server_loop(const struct server *server);
struct registry *server_registry(const struct server *server);
struct credentials *server_credentials(const struct server *server);

#endif
