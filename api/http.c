/* libmicrohttpd's daemon on our loop: it begins, runs when its descriptors are ready, and ends. */
#include "http_exchange.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"

#define MAX_CONNECTIONS 1024
#define IDLE_TIMEOUT_S  120
#define RUNS_A_TURN     64

/* ---- the daemon on our loop ---- */

/* libmicrohttpd reads one buffer a run, and says that it has more to do by a timeout of 0. */
static void run_daemon(void *self)
{
	struct http_server *server = self;
	MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
	enum MHD_Result has_timeout = MHD_YES;
	for (int i = 0; i < RUNS_A_TURN && has_timeout == MHD_YES && timeout_ms == 0; i++) {
		MHD_run(server->daemon);
		has_timeout = MHD_get_timeout(server->daemon, &timeout_ms);
	}
	if (has_timeout == MHD_YES)
		loop_start_timer(server->loop, &server->run, (int64_t)timeout_ms);
}

static void daemon_ready(void *self, uint32_t events)
{
	run_daemon(self);
}

static void woken(void *self, uint32_t events)
{
	struct http_server *server = self;
	uint64_t count;
	if (read(server->wake_fd, &count, sizeof count) == sizeof count)
		run_daemon(server);
}

/* A counter that is full wakes just as well. */
void http_wake(struct http_server *server)
{
	static const uint64_t one = 1;
	ssize_t written = write(server->wake_fd, &one, sizeof one);
	(void)written;
}

/* Path and arguments stay as sent: a segment may hold an escaped slash. */
static size_t keep_escapes(void *self, struct MHD_Connection *connection, char *text)
{
	return strlen(text);
}

/* ---- begin and end ---- */

static enum err parse_listen(const char *name, const char *listen, struct sockaddr_storage *ret_address, struct fault *fault)
{
	char host[64];
	const char *colon = strrchr(listen, ':');
	if (colon == NULL || (size_t)(colon - listen) >= sizeof host)
		return fault_set(fault, ERR_MALFORMED, "%s: %s is not address:port", name, listen);
	bool brackets = listen[0] == '[' && colon > listen && colon[-1] == ']';
	snprintf(host, sizeof host, "%.*s", (int)(colon - listen) - (brackets ? 2 : 0),
		 listen + (brackets ? 1 : 0));
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	if (getaddrinfo(host[0] != 0 ? host : NULL, colon + 1, &hints, &found) != 0)
		return fault_set(fault, ERR_MALFORMED, "%s: %s is not address:port", name, listen);
	memcpy(ret_address, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return ERR_NONE;
}

static void note_address(struct http_server *server)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof address;
	char host[64] = "", port[8] = "";
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_LISTEN_FD);
	if (getsockname(info->listen_fd, (struct sockaddr *)&address, &size) == 0)
		getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
			    NI_NUMERICHOST | NI_NUMERICSERV);
	bool is_v6 = address.ss_family == AF_INET6;
	snprintf(server->listening, sizeof server->listening, "%s://%s%s%s:%s",
		 http_tls_is_on(server) ? "https" : "http", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
		 port);
}

/* Mostly clients that have gone: not ours to complain about. */
static void __attribute__((format(printf, 2, 0)))
pass_on_log(void *self, const char *format, va_list arguments)
{
	char text[256];
	vsnprintf(text, sizeof text, format, arguments);
	log_debug("http.library", "message=\"%.*s\"", (int)strcspn(text, "\n"), text);
}

static enum err start_daemon(struct http_server *server, struct fault *fault)
{
	struct sockaddr_storage address = { 0 };
	enum err err = parse_listen(server->settings.name, server->settings.listen, &address, fault);
	if (err != ERR_NONE)
		return err;
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
			 (address.ss_family == AF_INET6 ? MHD_USE_DUAL_STACK : 0) |
			 (http_tls_is_on(server) ? MHD_USE_TLS : 0);
	struct MHD_OptionItem tls[HTTP_TLS_OPTIONS];
	http_tls_options(server, tls);
	server->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, http_on_request, server, MHD_OPTION_EXTERNAL_LOGGER, pass_on_log, NULL,
		MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, server,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, server, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
		MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	if (server->daemon == NULL)
		return fault_set(fault, ERR_CONFLICT, "%s: %s cannot be bound",
				 server->settings.name, server->settings.listen);
	note_address(server);
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	err = loop_watch(server->loop, info->epoll_fd, EPOLLIN, daemon_ready, server, &server->watch);
	return err == ERR_NONE ? loop_watch(server->loop, server->wake_fd, EPOLLIN, woken, server,
					    &server->wake_watch)
			       : err;
}

enum err http_server_create(struct loop *loop, struct work_pool *workers,
			    const struct http_settings *settings, const struct http_callbacks *callbacks,
			    struct api *api, struct http_server **ret_server, struct fault *fault)
{
	struct http_server *server = calloc(1, sizeof *server);
	if (server == NULL)
		return ERR_NOMEM;
	server->loop = loop;
	server->workers = workers;
	server->settings = *settings;
	server->callbacks = *callbacks;
	server->api = api;
	server->run = timer_of(run_daemon, server);
	server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	enum err err = server->wake_fd >= 0 ? http_tls_read(server, fault) : ERR_IO;
	if (err == ERR_NONE)
		err = start_daemon(server, fault);
	if (err != ERR_NONE) {
		http_server_free(server);
		return err;
	}
	*ret_server = server;
	return ERR_NONE;
}

void http_server_free(struct http_server *server)
{
	struct http_exchange *exchange, *next;
	if (server == NULL)
		return;
	HASH_ITER (hh, server->exchanges, exchange, next)
		http_resume(exchange);
	loop_stop_timer(server->loop, &server->run);
	loop_unwatch(server->watch);
	loop_unwatch(server->wake_watch);
	if (server->daemon != NULL)
		MHD_stop_daemon(server->daemon);
	if (server->wake_fd >= 0)
		close(server->wake_fd);
	free(server->certificate);
	free(server->key);
	free(server);
}

const char *http_listening(const struct http_server *server)
{
	return server->listening;
}
