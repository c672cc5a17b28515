/* SERAM 1.0.1 as restated (GPC Amendment B with several secure elements behind one agent) */
#include "admin_agent.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "log.h"
#include "state.h"

#define PROTOCOL      "globalplatform-remote-admin/1.1.1"
#define SCRIPT_TYPE   "application/vnd.globalplatform.card-content-mgt;version="
#define RESPONSE_TYPE "application/vnd.globalplatform.card-content-mgt-response;version=1.0"
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
	struct remote_agent *remote;

	/* of the session, kept over a power cut */
	char used[REMOTE_URI_SIZE]; /* the last URI that was asked; "": there is no session */
	char next[REMOTE_URI_SIZE]; /* where the report goes; "": it is not wanted */
	size_t element;             /* which has the script; NOBODY: none */
	bool is_resuming;
};

/* ---- what is kept ---- */

static const char *state_path(struct admin_agent *agent)
{
	return agent->remote->device->folder == NULL
		       ? NULL
		       : arena_printf(agent->remote->arena, "%s/session", agent->remote->device->folder);
}

static enum err keep(struct admin_agent *agent)
{
	const char *path = state_path(agent);
	const char *text = arena_printf(agent->remote->arena, "%zu\n%s\n%s\n%s\n", agent->element,
					agent->remote->origin, agent->used, agent->next);

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
	enum err err = path == NULL ? ERR_NOT_FOUND : state_read(path, agent->remote->arena, &content);

	agent->element = NOBODY;
	if (err == ERR_NOT_FOUND)
		return ERR_NONE;
	if (err != ERR_NONE)
		return err;
	struct reader r = reader_of(content);
	struct bytes element = next_line(&r), origin = next_line(&r), used = next_line(&r),
		     next = next_line(&r);
	if (element.len != 1 || element.at[0] < '0' || element.at[0] > '0' + NOBODY ||
	    used.len >= REMOTE_URI_SIZE || next.len >= REMOTE_URI_SIZE || !reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "%s is damaged", path);
	agent->element = (size_t)(element.at[0] - '0');
	snprintf(agent->used, REMOTE_URI_SIZE, "%.*s", (int)used.len, (const char *)used.at);
	snprintf(agent->next, REMOTE_URI_SIZE, "%.*s", (int)next.len, (const char *)next.at);
	agent->is_resuming = agent->used[0] != '\0';
	if (!agent->is_resuming || bytes_equal_text(origin, agent->remote->origin))
		return ERR_NONE;
	const char *uri =
		arena_printf(agent->remote->arena, "%.*s/?", (int)origin.len, (const char *)origin.at);
	return uri == NULL ? ERR_NOMEM : remote_agent_go_to(agent->remote, uri, fault);
}

/* ---- asking ---- */

static const char *element_list(struct admin_agent *agent)
{
	struct builder b = builder_in(agent->remote->arena);
	struct bytes text;

	for (size_t i = 0; i < agent->remote->device->agent_count; i++)
		build_printf(&b, "%s%s", i > 0 ? ";" : "", agent->remote->device->agents[i].identifier);
	build_u8(&b, 0);
	return builder_bytes(&b, &text) == ERR_NONE ? (const char *)text.at : NULL;
}

/* The report on a script that has ended; NULL: there is none, or it was interrupted. */
static const struct agent *reporting(const struct admin_agent *agent)
{
	const struct agent *element = agent->element < agent->remote->device->agent_count
					      ? &agent->remote->device->agents[agent->element]
					      : NULL;

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
	struct builder b = builder_in(agent->remote->arena);

	if (list == NULL)
		return ERR_NOMEM;
	build_printf(&b,
		     "POST %s HTTP/1.1\r\nHost: %s:%s\r\nX-Admin-Protocol: " PROTOCOL
		     "\r\nX-Admin-From: %s\r\n",
		     uri, agent->remote->host, agent->remote->port, agent->remote->device->endpoint);
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

	while (i < agent->remote->device->agent_count &&
	       !bytes_equal_text(name, agent->remote->device->agents[i].identifier))
		i++;
	return i < agent->remote->device->agent_count ? i : NOBODY;
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
	if (next.at != NULL && (next.len >= REMOTE_URI_SIZE || memchr(next.at, '?', next.len) == NULL))
		return breach(fault, "X-Admin-Next-URI has no query");
	if (next.at != NULL && next.at[0] != '/' && (response->status != 204 || !begins_with(next, "http")))
		return breach(fault,
			      "X-Admin-Next-URI is neither a path nor, without a script, another server");
	return response->status == 200 ? check_script(agent, response, fault) : ERR_NONE;
}

/* ---- scripts ---- */

static enum err start_script(struct admin_agent *agent, const struct http_response *response,
			     struct fault *fault)
{
	const struct remote_script script = {
		.format = BODY_TEMPLATES,
		.target = http_response_field(response, "X-Admin-Targeted-Application"),
		.script = response->body,
		.is_report_required = agent->next[0] != '\0',
	};

	return remote_agent_start(&agent->remote->device->agents[agent->element], &script, fault);
}

/* A new dialog of the same session, with another server. */
static enum err follow(struct admin_agent *agent, struct fault *fault)
{
	enum err err = remote_agent_go_to(agent->remote, agent->next, fault);

	agent->used[0] = '\0';
	snprintf(agent->next, REMOTE_URI_SIZE, "%s", agent->remote->path);
	return err;
}

static enum err take_answer(struct admin_agent *agent, const struct http_response *response, const char *uri,
			    struct fault *fault)
{
	const struct bytes next = http_response_field(response, "X-Admin-Next-URI");
	enum err err = check_answer(agent, response, fault);

	if (err != ERR_NONE)
		return err;
	if (agent->element != NOBODY)
		err = agent_clear_response(&agent->remote->device->agents[agent->element], NULL);
	snprintf(agent->used, REMOTE_URI_SIZE, "%s", uri);
	snprintf(agent->next, REMOTE_URI_SIZE, "%.*s", (int)next.len, (const char *)next.at);
	agent->element = response->status == 200
				 ? element_named(agent, http_response_field(response, "X-Admin-Targeted-SE"))
				 : NOBODY;
	agent->is_resuming = false;
	if (err == ERR_NONE && response->status == 200)
		err = start_script(agent, response, fault);
	else if (err == ERR_NONE && agent->next[0] == 'h')
		err = follow(agent, fault);
	return err == ERR_NONE ? keep(agent) : err;
}

/* ---- sessions ---- */

static enum err end_session(struct admin_agent *agent, struct fault *fault)
{
	enum err err = remote_agent_end_session(agent->remote);

	if (err == ERR_NONE)
		err = remote_agent_go_to(agent->remote, agent->remote->options->gateway, fault);

	agent->used[0] = agent->next[0] = '\0';
	agent->element = NOBODY;
	agent->is_resuming = false;
	return err == ERR_NONE ? keep(agent) : err;
}

/* A script that was interrupted cannot be reported: the URI before it is asked again. */
static const char *uri_to_ask(const struct admin_agent *agent)
{
	if (agent->used[0] == '\0')
		return agent->remote->path;
	if (agent->element == NOBODY)
		return agent->is_resuming || agent->next[0] == '\0' ? agent->used : agent->next;
	return reporting(agent) != NULL ? agent->next : agent->used;
}

static enum err ask(struct admin_agent *agent, struct fault *fault)
{
	const char *asked = uri_to_ask(agent);
	const bool is_first = strcmp(asked, agent->remote->path) == 0;
	char uri[REMOTE_URI_SIZE];
	struct http_response response;
	struct bytes message;
	enum err err;

	snprintf(uri, sizeof(uri), "%s", asked);
	arena_reset(agent->remote->arena);
	err = build_request(agent, uri, is_first, &message);
	if (err != ERR_NONE)
		return err;
	log_debug("admin.asks", "uri=%s resuming=%d reporting=%d", uri, agent->is_resuming,
		  reporting(agent) != NULL);
	err = remote_agent_ask(agent->remote, message, &response, fault);
	if (err != ERR_NONE)
		return err;
	err = take_answer(agent, &response, uri, fault);
	misbehave_after_request(&agent->remote->misbehaviour);
	if (err != ERR_NONE)
		return err;
	if (agent->element != NOBODY)
		remote_agent_finish(agent->remote, &agent->remote->device->agents[agent->element]);
	return ERR_NONE;
}

static enum err converse(struct admin_agent *agent, struct fault *fault)
{
	enum err err = ERR_NONE;

	while (err == ERR_NONE && !agent->remote->is_over()) {
		struct fault reason = { .kind = ERR_NONE };

		err = ask(agent, &reason);
		if (remote_agent_may_pass(err)) {
			log_info("admin.interrupted", "reason=%s", reason.text);
			agent->is_resuming = agent->used[0] != '\0';
			remote_agent_pause(agent->remote->options->retry_ms);
			err = ERR_NONE;
		} else if (err == ERR_NONE && agent->next[0] == '\0') {
			err = end_session(agent, fault);
			remote_agent_pause(agent->remote->options->retry_ms);
		} else if (err != ERR_NONE) {
			fault_set(fault, err, "%s", reason.text);
		}
	}
	return err;
}

enum err admin_agent_converse(struct remote_agent *remote, struct fault *fault)
{
	struct admin_agent agent = { .remote = remote };
	enum err err = recall(&agent, fault);

	return err == ERR_NONE ? converse(&agent, fault) : err;
}
