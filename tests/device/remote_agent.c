#include "remote_agent.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "admin_agent.h"
#include "local_agent.h"

#define PATIENCE_MS 40000
#define TURN_BYTES  (4u << 20)
#define SERAM2_PATH "/gp/seram"

/* ---- the server ---- */

enum err remote_agent_ask(struct remote_agent *remote, struct bytes message,
			  struct http_response *ret_response, struct fault *fault)
{
	misbehave_before_request(&remote->misbehaviour);
	return http_client_ask(remote->client, message, remote->arena, ret_response, fault);
}

bool remote_agent_may_pass(enum err err)
{
	return err == ERR_UNAVAILABLE || err == ERR_TIMEOUT;
}

/* ---- scripts ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum err remote_agent_start(struct agent *element, const struct remote_script *script, struct fault *fault)
{
	const struct agent_write write = {
		.has_target = script->target.len > 0,
		.target = script->target,
		.has_body_format = true,
		.body_format = script->format,
		.has_request_id = true,
		.request_id = element->record.request_id + 1,
		.has_report_required = true,
		.is_report_required = script->is_report_required,
		.has_stop_on_error = true,
		.is_stop_on_error = script->format != BODY_ORDER,
		.has_request = true,
		.request = script->script,
	};
	enum err err = agent_check_write(element, &write, fault);

	if (err == ERR_NONE)
		err = agent_write(element, &write);
	return err == ERR_NONE ? agent_run(element, now_ms()) : err;
}

void remote_agent_pause(int64_t ms)
{
	if (ms > 0)
		poll(NULL, 0, ms < 1000 ? (int)ms : 1000);
}

void remote_agent_finish(struct remote_agent *remote, const struct agent *element)
{
	while (element->record.state == AGENT_RUNNING && !remote->is_over()) {
		const int64_t due_ms = device_step(remote->device, now_ms());

		if (due_ms >= 0 && element->record.state == AGENT_RUNNING)
			remote_agent_pause(due_ms - now_ms());
	}
}

enum err remote_agent_end_session(struct remote_agent *remote)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; i < remote->device->agent_count && err == ERR_NONE; i++)
		err = agent_end_session(&remote->device->agents[i]);
	puts("session over");
	fflush(stdout);
	return err;
}

/* ---- begin ---- */

/* "https://host:port/path?query" */
static enum err read_uri(struct remote_agent *remote, const char *uri, bool *ret_is_secure,
			 struct fault *fault)
{
	const char *const scheme = strncmp(uri, "https://", 8) == 0 ? "https" : "http";
	char rest[REMOTE_URI_SIZE];
	size_t path_at;

	*ret_is_secure = strcmp(scheme, "https") == 0;
	if (!*ret_is_secure && strncmp(uri, "http://", 7) != 0)
		return fault_set(fault, ERR_MALFORMED, "%s is neither http:// nor https://", uri);
	snprintf(rest, sizeof(rest), "%s", uri + strlen(scheme) + 3);
	path_at = strcspn(rest, "/");
	snprintf(remote->path, REMOTE_URI_SIZE, "%s", rest[path_at] != '\0' ? &rest[path_at] : "/");
	rest[path_at] = '\0';
	char *colon = strrchr(rest, ':');
	snprintf(remote->port, sizeof(remote->port), "%s",
		 colon != NULL    ? colon + 1
		 : *ret_is_secure ? "443"
				  : "80");
	if (colon != NULL)
		*colon = '\0';
	if (strlen(rest) >= sizeof(remote->host))
		return fault_set(fault, ERR_MALFORMED, "%s: the name of the host is too long", uri);
	memcpy(remote->host, rest, strlen(rest) + 1);
	snprintf(remote->origin, REMOTE_URI_SIZE, "%s://%s:%s", scheme, remote->host, remote->port);
	return ERR_NONE;
}

enum err remote_agent_go_to(struct remote_agent *remote, const char *uri, struct fault *fault)
{
	const struct options *options = remote->options;
	bool is_secure;
	enum err err = read_uri(remote, uri, &is_secure, fault);

	if (err != ERR_NONE)
		return err;
	const struct http_client_settings settings = {
		.host = remote->host,
		.port = remote->port,
		.is_secure = is_secure,
		.psk_identity = options->psk_identity != NULL ? options->psk_identity : options->endpoint,
		.psk_key = options->psk_key.len > 0 ? &options->psk_key : NULL,
		.trust_store = options->trust_store,
		.patience_ms = PATIENCE_MS,
		.is_over = remote->is_over,
	};
	http_client_free(remote->client);
	remote->client = NULL;
	return http_client_create(&settings, &remote->client, fault);
}

static enum err begin(struct remote_agent *remote, struct fault *fault)
{
	const struct options *options = remote->options;
	enum err err = device_open(options, &remote->misbehaviour, options->endpoint, &remote->device, fault);

	return err == ERR_NONE ? remote_agent_go_to(remote, options->gateway, fault) : err;
}

static enum err converse(struct remote_agent *remote, struct fault *fault)
{
	const bool is_seram2 = strncmp(remote->path, SERAM2_PATH, strlen(SERAM2_PATH)) == 0;

	printf("gateway endpoint=%s\n", remote->device->endpoint);
	fflush(stdout);
	return is_seram2 ? local_agent_converse(remote, fault) : admin_agent_converse(remote, fault);
}

enum err remote_agent_run(const struct options *options, bool (*is_over)(void), struct fault *fault)
{
	struct remote_agent remote = { .options = options,
				       .is_over = is_over,
				       .arena = arena_create(TURN_BYTES) };
	enum err err = remote.arena == NULL ? ERR_NOMEM : ERR_NONE;

	remote.misbehaviour = misbehaviour_of(options);
	if (err == ERR_NONE)
		err = begin(&remote, fault);
	if (err == ERR_NONE)
		err = converse(&remote, fault);
	http_client_free(remote.client);
	device_close(remote.device);
	arena_free(remote.arena);
	return err;
}
