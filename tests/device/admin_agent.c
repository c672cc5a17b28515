/* SERAM 1.0.1 as restated (GPC Amendment B with several secure elements behind one agent) */
#include "admin_agent.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "device.h"
#include "http_client.h"
#include "log.h"
#include "misbehave.h"
#include "state.h"

#define PROTOCOL      "globalplatform-remote-admin/1.1.1"
#define SCRIPT_TYPE   "application/vnd.globalplatform.card-content-mgt;version="
#define RESPONSE_TYPE "application/vnd.globalplatform.card-content-mgt-response;version=1.0"
#define PATIENCE_MS   40000
#define TURN_BYTES    (4u << 20)
#define URI_SIZE      512
#define NOBODY        SECURE_ELEMENTS_MAX

static const char *const status_texts[] = {
	[SCRIPT_OK] = "ok",
	[SCRIPT_UNKNOWN_APPLICATION] = "unknown-application",
	[SCRIPT_NOT_A_SECURITY_DOMAIN] = "not-a-security-domain",
	[SCRIPT_SECURITY_ERROR] = "security-error",
	[SCRIPT_UNAVAILABLE_SE] = "unavailable-se",
	[SCRIPT_TEMPORARILY_UNAVAILABLE] = "temporarily-unavailable-application",
	[SCRIPT_FORMAT_ERROR] = "script-format-error",
};

struct admin_agent {
	const struct options *options;
	bool (*is_over)(void);
	struct misbehaviour misbehaviour;
	struct device *device;
	struct http_client *client;
	struct arena *arena; /* of one request */
	char host[256], port[8], initial[URI_SIZE];

	/* of the session, kept over a power cut */
	char used[URI_SIZE]; /* the last URI that was asked; "": there is no session */
	char next[URI_SIZE]; /* where the report goes; "": it is not wanted */
	size_t element;      /* which has the script; NOBODY: none */
	bool is_resuming;
};

/* ---- what is kept ---- */

static const char *state_path(struct admin_agent *agent)
{
	return agent->device->folder == NULL
		       ? NULL
		       : arena_printf(agent->arena, "%s/session", agent->device->folder);
}

static enum err keep(struct admin_agent *agent)
{
	const char *path = state_path(agent);
	const char *text =
		arena_printf(agent->arena, "%zu\n%s\n%s\n", agent->element, agent->used, agent->next);

	if (text == NULL)
		return ERR_NOMEM;
	return path == NULL ? ERR_NONE : state_write(path, bytes_of_text(text));
}

static struct bytes next_line(struct reader *r)
{
	const uint8_t *end = reader_left(r) == 0 ? NULL : memchr(r->at, '\n', reader_left(r));
	struct bytes line = read_bytes(r, end == NULL ? reader_left(r) : (size_t)(end - r->at));

	(void)read_if(r, '\n');
	return line;
}

static enum err recall(struct admin_agent *agent, struct fault *fault)
{
	const char *path = state_path(agent);
	struct bytes content;
	enum err err = path == NULL ? ERR_NOT_FOUND : state_read(path, agent->arena, &content);

	agent->element = NOBODY;
	if (err == ERR_NOT_FOUND)
		return ERR_NONE;
	if (err != ERR_NONE)
		return err;
	struct reader r = reader_of(content);
	struct bytes element = next_line(&r), used = next_line(&r), next = next_line(&r);
	if (element.len != 1 || element.at[0] < '0' || element.at[0] > '0' + NOBODY || used.len >= URI_SIZE ||
	    next.len >= URI_SIZE || !reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "%s is damaged", path);
	agent->element = (size_t)(element.at[0] - '0');
	snprintf(agent->used, URI_SIZE, "%.*s", (int)used.len, (const char *)used.at);
	snprintf(agent->next, URI_SIZE, "%.*s", (int)next.len, (const char *)next.at);
	agent->is_resuming = agent->used[0] != '\0';
	return ERR_NONE;
}

/* ---- asking ---- */

static const char *element_list(struct admin_agent *agent)
{
	struct builder b = builder_in(agent->arena);
	struct bytes text;

	for (size_t i = 0; i < agent->device->agent_count; i++)
		build_printf(&b, "%s%s", i > 0 ? ";" : "", agent->device->agents[i].identifier);
	build_u8(&b, 0);
	return builder_bytes(&b, &text) == ERR_NONE ? (const char *)text.at : NULL;
}

/* The report on a script that has ended; NULL: there is none, or it was interrupted. */
static const struct agent *reporting(const struct admin_agent *agent)
{
	const struct agent *element =
		agent->element < agent->device->agent_count ? &agent->device->agents[agent->element] : NULL;

	return element != NULL && element->record.state == AGENT_READY ? element : NULL;
}

/* Real cards send their bodies in chunks. */
static void build_report(struct builder *b, const struct agent *element)
{
	const struct bytes response = agent_response(element);

	build_printf(b, "X-Admin-Script-Status: %s\r\n", status_texts[element->record.status]);
	if (response.len == 0) {
		build_text(b, "Content-Length: 0\r\n\r\n");
		return;
	}
	build_printf(b,
		     "X-Admin-Targeted-SE: %s\r\nContent-Type: " RESPONSE_TYPE
		     "\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
		     element->identifier, response.len);
	build_bytes(b, response);
	build_text(b, "\r\n0\r\n\r\n");
}

static enum err build_request(struct admin_agent *agent, const char *uri, bool is_first,
			      struct bytes *ret_message)
{
	const struct agent *element = reporting(agent);
	const char *list = element_list(agent);
	struct builder b = builder_in(agent->arena);

	if (list == NULL)
		return ERR_NOMEM;
	build_printf(&b,
		     "POST %s HTTP/1.1\r\nHost: %s:%s\r\nX-Admin-Protocol: " PROTOCOL
		     "\r\nX-Admin-From: %s\r\n",
		     uri, agent->host, agent->port, agent->device->endpoint);
	if (is_first)
		build_printf(&b, "X-Admin-SE-List: %s\r\n", list);
	if (agent->is_resuming)
		build_text(&b, "X-Admin-Resume: true\r\n");
	if (element != NULL)
		build_report(&b, element);
	else
		build_text(&b, "Content-Length: 0\r\n\r\n");
	return builder_bytes(&b, ret_message);
}

/* ---- what the server answers ---- */

static enum err breach(struct fault *fault, const char *what)
{
	return fault_set(fault, ERR_MALFORMED, "the server's answer: %s", what);
}

static bool begins_with(struct bytes text, const char *beginning)
{
	return text.len >= strlen(beginning) &&
	       strncasecmp((const char *)text.at, beginning, strlen(beginning)) == 0;
}

static size_t element_named(const struct admin_agent *agent, struct bytes name)
{
	size_t i = 0;

	while (i < agent->device->agent_count && !bytes_equal_text(name, agent->device->agents[i].identifier))
		i++;
	return i < agent->device->agent_count ? i : NOBODY;
}

static enum err check_script(const struct admin_agent *agent, const struct http_response *response,
			     struct fault *fault)
{
	if (!begins_with(http_response_field(response, "Content-Type"), SCRIPT_TYPE))
		return breach(fault, "Content-Type is not that of a script");
	if (element_named(agent, http_response_field(response, "X-Admin-Targeted-SE")) == NOBODY)
		return breach(fault, "X-Admin-Targeted-SE is none of ours");
	if (!begins_with(http_response_field(response, "X-Admin-Targeted-Application"), "//aid/"))
		return breach(fault, "X-Admin-Targeted-Application is not //aid/<RID>/<PIX>");
	if (response->body.len == 0)
		return breach(fault, "200 without a script");
	return ERR_NONE;
}

static enum err check_answer(const struct admin_agent *agent, const struct http_response *response,
			     struct fault *fault)
{
	const struct bytes next = http_response_field(response, "X-Admin-Next-URI");

	if (response->status != 200 && response->status != 204)
		return fault_set(fault,
				 response->status >= 500 || response->status == 409 ? ERR_UNAVAILABLE
										    : ERR_DENIED,
				 "the server answers %u: %.*s", response->status, (int)response->body.len,
				 (const char *)response->body.at);
	if (!begins_with(http_response_field(response, "X-Admin-Protocol"), "globalplatform-remote-admin/"))
		return breach(fault, "X-Admin-Protocol is missing");
	if (next.at != NULL &&
	    (next.len >= URI_SIZE || memchr(next.at, '?', next.len) == NULL || next.at[0] != '/'))
		return breach(fault, "X-Admin-Next-URI is no path with a query");
	return response->status == 200 ? check_script(agent, response, fault) : ERR_NONE;
}

/* ---- scripts ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum err start_script(struct admin_agent *agent, const struct http_response *response,
			     struct fault *fault)
{
	struct agent *element = &agent->device->agents[agent->element];
	const struct agent_write write = {
		.has_target = true,
		.target = http_response_field(response, "X-Admin-Targeted-Application"),
		.has_request_id = true,
		.request_id = element->record.request_id + 1,
		.has_report_required = true,
		.is_report_required = agent->next[0] != '\0',
		.has_request = true,
		.request = response->body,
	};
	enum err err = agent_check_write(element, &write, fault);

	if (err == ERR_NONE)
		err = agent_write(element, &write);
	if (err == ERR_NONE)
		err = agent_run(element, now_ms());
	return err;
}

static void pause_for(int64_t ms)
{
	if (ms > 0)
		poll(NULL, 0, ms < 1000 ? (int)ms : 1000);
}

static void run_script(struct admin_agent *agent)
{
	const struct agent *element = &agent->device->agents[agent->element];

	while (element->record.state == AGENT_RUNNING && !agent->is_over()) {
		const int64_t due_ms = device_step(agent->device, now_ms());

		if (due_ms >= 0 && element->record.state == AGENT_RUNNING)
			pause_for(due_ms - now_ms());
	}
}

static enum err take_answer(struct admin_agent *agent, const struct http_response *response, const char *uri,
			    struct fault *fault)
{
	const struct bytes next = http_response_field(response, "X-Admin-Next-URI");
	enum err err = check_answer(agent, response, fault);

	if (err != ERR_NONE)
		return err;
	if (agent->element != NOBODY)
		err = agent_clear_response(&agent->device->agents[agent->element], NULL);
	snprintf(agent->used, URI_SIZE, "%s", uri);
	snprintf(agent->next, URI_SIZE, "%.*s", (int)next.len, (const char *)next.at);
	agent->element = response->status == 200
				 ? element_named(agent, http_response_field(response, "X-Admin-Targeted-SE"))
				 : NOBODY;
	agent->is_resuming = false;
	if (err == ERR_NONE && response->status == 200)
		err = start_script(agent, response, fault);
	return err == ERR_NONE ? keep(agent) : err;
}

/* ---- sessions ---- */

static enum err end_session(struct admin_agent *agent)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; i < agent->device->agent_count && err == ERR_NONE; i++)
		err = agent_end_session(&agent->device->agents[i]);
	agent->used[0] = agent->next[0] = '\0';
	agent->element = NOBODY;
	agent->is_resuming = false;
	puts("session over");
	fflush(stdout);
	return err == ERR_NONE ? keep(agent) : err;
}

/* A script that was interrupted cannot be reported: the URI before it is asked again. */
static const char *uri_to_ask(const struct admin_agent *agent)
{
	if (agent->used[0] == '\0')
		return agent->initial;
	if (agent->element == NOBODY)
		return agent->is_resuming || agent->next[0] == '\0' ? agent->used : agent->next;
	return reporting(agent) != NULL ? agent->next : agent->used;
}

static enum err ask(struct admin_agent *agent, struct fault *fault)
{
	const char *asked = uri_to_ask(agent);
	const bool is_first = strcmp(asked, agent->initial) == 0;
	char uri[URI_SIZE];
	struct http_response response;
	struct bytes message;
	enum err err;

	snprintf(uri, sizeof(uri), "%s", asked);
	arena_reset(agent->arena);
	err = build_request(agent, uri, is_first, &message);
	if (err != ERR_NONE)
		return err;
	log_debug("admin.asks", "uri=%s resuming=%d reporting=%d", uri, agent->is_resuming,
		  reporting(agent) != NULL);
	misbehave_before_request(&agent->misbehaviour);
	err = http_client_ask(agent->client, message, agent->arena, &response, fault);
	if (err != ERR_NONE)
		return err;
	err = take_answer(agent, &response, uri, fault);
	misbehave_after_request(&agent->misbehaviour);
	if (err != ERR_NONE)
		return err;
	if (agent->element != NOBODY)
		run_script(agent);
	return ERR_NONE;
}

static bool may_pass(enum err err)
{
	return err == ERR_UNAVAILABLE || err == ERR_TIMEOUT;
}

static enum err converse(struct admin_agent *agent, struct fault *fault)
{
	enum err err = ERR_NONE;

	printf("gateway endpoint=%s\n", agent->device->endpoint);
	fflush(stdout);
	while (err == ERR_NONE && !agent->is_over()) {
		struct fault reason = { .kind = ERR_NONE };

		err = ask(agent, &reason);
		if (may_pass(err)) {
			log_info("admin.interrupted", "reason=%s", reason.text);
			agent->is_resuming = agent->used[0] != '\0';
			pause_for(agent->options->retry_ms);
			err = ERR_NONE;
		} else if (err == ERR_NONE && agent->next[0] == '\0') {
			err = end_session(agent);
			pause_for(agent->options->retry_ms);
		} else if (err != ERR_NONE) {
			fault_set(fault, err, "%s", reason.text);
		}
	}
	return err;
}

/* ---- begin ---- */

/* "https://host:port/path?query" */
static enum err read_uri(struct admin_agent *agent, bool *ret_is_secure, struct fault *fault)
{
	const char *uri = agent->options->gateway;
	char rest[URI_SIZE];
	size_t path_at;

	*ret_is_secure = strncmp(uri, "https://", 8) == 0;
	if (!*ret_is_secure && strncmp(uri, "http://", 7) != 0)
		return fault_set(fault, ERR_MALFORMED, "--gateway %s is neither http:// nor https://", uri);
	snprintf(rest, sizeof(rest), "%s", uri + (*ret_is_secure ? 8 : 7));
	path_at = strcspn(rest, "/");
	snprintf(agent->initial, URI_SIZE, "%s", rest[path_at] != '\0' ? &rest[path_at] : "/");
	rest[path_at] = '\0';
	char *colon = strrchr(rest, ':');
	snprintf(agent->port, sizeof(agent->port), "%s",
		 colon != NULL    ? colon + 1
		 : *ret_is_secure ? "443"
				  : "80");
	if (colon != NULL)
		*colon = '\0';
	if (strlen(rest) >= sizeof(agent->host))
		return fault_set(fault, ERR_MALFORMED, "--gateway: the name of the host is too long");
	memcpy(agent->host, rest, strlen(rest) + 1);
	return ERR_NONE;
}

static enum err begin(struct admin_agent *agent, struct fault *fault)
{
	const struct options *options = agent->options;
	bool is_secure;
	enum err err = read_uri(agent, &is_secure, fault);

	if (err == ERR_NONE)
		err = device_open(options, &agent->misbehaviour, options->endpoint, &agent->device, fault);
	if (err != ERR_NONE)
		return err;
	const struct http_client_settings settings = {
		.host = agent->host,
		.port = agent->port,
		.is_secure = is_secure,
		.psk_identity = options->psk_identity != NULL ? options->psk_identity : options->endpoint,
		.psk_key = options->psk_key.len > 0 ? &options->psk_key : NULL,
		.trust_store = options->trust_store,
		.patience_ms = PATIENCE_MS,
		.is_over = agent->is_over,
	};
	err = http_client_create(&settings, &agent->client, fault);
	return err == ERR_NONE ? recall(agent, fault) : err;
}

enum err admin_agent_run(const struct options *options, bool (*is_over)(void), struct fault *fault)
{
	struct admin_agent agent = { .options = options,
				     .is_over = is_over,
				     .arena = arena_create(TURN_BYTES) };
	enum err err = agent.arena == NULL ? ERR_NOMEM : ERR_NONE;

	agent.misbehaviour = misbehaviour_of(options);
	if (err == ERR_NONE)
		err = begin(&agent, fault);
	if (err == ERR_NONE)
		err = converse(&agent, fault);
	http_client_free(agent.client);
	device_close(agent.device);
	arena_free(agent.arena);
	return err;
}
