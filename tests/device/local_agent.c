/* GlobalPlatform/SERAM 2.0.0, HTTP REST binding: each Order is run by the agent of the secure element that it
 * chooses, whose response is the Report */
#include "local_agent.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "log.h"
#include "order.h"

#define SESSION_SIZE 128

struct local_agent {
	struct remote_agent *remote;
	char session[SESSION_SIZE];
	struct agent *element; /* that C-APDUs are for */
	bool has_started, has_stopped;
	bool has_report; /* the element has one, which goes with the next request */
};

static enum err breach(struct fault *fault, const char *what)
{
	return fault_set(fault, ERR_MALFORMED, "the server's message: %s", what);
}

/* ---- asking ---- */

static enum err post(struct local_agent *agent, const char *what, struct bytes body, struct bytes *ret_body,
		     struct fault *fault)
{
	struct remote_agent *remote = agent->remote;
	struct builder b = builder_in(remote->arena);
	struct http_response response;
	struct bytes message;
	enum err err;

	build_printf(
		&b,
		"POST /gp/seram/%s?sessionId=%s HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\n\r\n",
		what, agent->session, remote->host, remote->port, body.len);
	build_bytes(&b, body);
	err = builder_bytes(&b, &message);
	if (err == ERR_NONE)
		err = remote_agent_ask(remote, message, &response, fault);
	if (err != ERR_NONE)
		return err;
	if (response.status != 200)
		return fault_set(fault,
				 response.status >= 500 || response.status == 404 ? ERR_UNAVAILABLE
										  : ERR_DENIED,
				 "the server answers %u: %.*s", response.status, (int)response.body.len,
				 (const char *)response.body.at);
	*ret_body = response.body;
	return ERR_NONE;
}

/* "//se-id/CUD/0102": the card's number. */
static const char *element_id(const struct agent *element)
{
	const char *slash = strrchr(element->identifier, '/');

	return slash != NULL ? slash + 1 : element->identifier;
}

static enum err check_choice(struct bytes body, struct fault *fault)
{
	json_t *choice = json_loadb((const char *)body.at, body.len, JSON_REJECT_DUPLICATES, NULL);
	const char *transport, *format, *version;
	enum err err = ERR_NONE;

	if (json_unpack(choice, "{s:s, s:s, s:s}", "chosenTransportProtocol", &transport, "chosenDataFormat",
			&format, "chosenVersion", &version) != 0)
		err = breach(fault, "a Handshake Response lacks what was chosen");
	else if (strcmp(transport, "HTTPS") != 0 || strcmp(format, "application/json") != 0 ||
		 strcmp(version, "2.0.0") != 0)
		err = breach(fault, "a Handshake Response chooses what was not offered");
	json_decref(choice);
	return err;
}

static enum err shake_hands(struct local_agent *agent, struct fault *fault)
{
	struct device *device = agent->remote->device;
	struct builder b = builder_in(agent->remote->arena);
	struct bytes command, choice;
	enum err err;

	build_text(&b, "{\"secureElements\":[");
	for (size_t i = 0; i < device->agent_count; i++)
		build_printf(&b, "%s{\"seType\":\"eSE\",\"seId\":\"%s\"}", i > 0 ? "," : "",
			     element_id(&device->agents[i]));
	build_text(&b, "]}");
	err = builder_bytes(&b, &command);
	if (err == ERR_NONE)
		err = post(agent, "handshake", command, &choice, fault);
	return err == ERR_NONE ? check_choice(choice, fault) : err;
}

/* ---- orders ---- */

static enum err choose_element(struct local_agent *agent, const char *id, struct fault *fault)
{
	struct device *device = agent->remote->device;

	for (size_t i = 0; id != NULL && i < device->agent_count; i++) {
		if (strcmp(id, element_id(&device->agents[i])) == 0) {
			agent->element = &device->agents[i];
			return ERR_NONE;
		}
	}
	return id == NULL ? ERR_NONE : breach(fault, "chosenSecureElement is none of ours");
}

/* Start comes once and first, and nothing comes after stop. */
static enum err check_commands(struct local_agent *agent, const struct script *script, struct fault *fault)
{
	for (size_t i = 0; i < script->count; i++) {
		const enum script_tag tag = script->commands[i].tag;

		if (agent->has_stopped)
			return breach(fault, "a command after ramStopCommand");
		if ((tag == SCRIPT_START) == agent->has_started)
			return breach(fault, agent->has_started ? "a second ramStartCommand"
								: "a command before ramStartCommand");
		agent->has_started = true;
		agent->has_stopped = tag == SCRIPT_STOP;
		agent->has_report = agent->has_report || tag == SCRIPT_COMMAND_APDU;
	}
	return ERR_NONE;
}

static enum err read_delay(struct bytes order, int64_t *ret_delay_ms, struct fault *fault)
{
	json_t *root = json_loadb((const char *)order.at, order.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *delay = json_object_get(root, "delay");
	enum err err = json_is_integer(delay) ? ERR_NONE : breach(fault, "an Order without delay");

	if (err == ERR_NONE)
		*ret_delay_ms = json_integer_value(delay);
	json_decref(root);
	return err;
}

static enum err run_order(struct local_agent *agent, struct bytes order, struct fault *fault)
{
	const struct remote_script script = { .format = BODY_ORDER,
					      .script = order,
					      .is_report_required = true };
	enum err err = remote_agent_start(agent->element, &script, fault);

	if (err == ERR_NONE)
		remote_agent_finish(agent->remote, agent->element);
	return err;
}

static enum err obey(struct local_agent *agent, struct bytes order, struct fault *fault)
{
	struct script script;
	int64_t delay_ms = 0;
	enum err err = order_parse(agent->remote->arena, order, &script, fault);

	if (err == ERR_NONE)
		err = read_delay(order, &delay_ms, fault);
	if (err == ERR_NONE)
		err = choose_element(agent, script.element_id, fault);
	if (err == ERR_NONE)
		err = check_commands(agent, &script, fault);
	if (err == ERR_NONE && script.count > 0)
		err = run_order(agent, order, fault);
	if (err == ERR_NONE && !agent->has_stopped)
		remote_agent_pause(delay_ms);
	return err;
}

/* ---- sessions ---- */

static enum err report(struct local_agent *agent, struct fault *fault)
{
	static const char polling[] =
		"{\"localAgentStatus\":{\"localAgentStatusEnum\":\"POLLING\",\"executedSeRamCommands\":0}}";
	const struct bytes body = agent->has_report ? agent_response(agent->element) : bytes_of_text(polling);
	struct bytes order;
	enum err err;

	arena_reset(agent->remote->arena);
	err = post(agent, "remoteManagement", body, &order, fault);
	if (err == ERR_NONE && agent->has_report)
		err = agent_clear_response(agent->element, NULL);
	agent->has_report = false;
	if (err == ERR_NONE)
		err = obey(agent, order, fault);
	misbehave_after_request(&agent->remote->misbehaviour);
	return err;
}

static enum err one_session(struct local_agent *agent, struct fault *fault)
{
	enum err err;

	agent->has_started = agent->has_stopped = agent->has_report = false;
	agent->element = &agent->remote->device->agents[0];
	arena_reset(agent->remote->arena);
	err = shake_hands(agent, fault);
	while (err == ERR_NONE && !agent->has_stopped && !agent->remote->is_over())
		err = report(agent, fault);
	return err;
}

enum err local_agent_converse(struct remote_agent *remote, struct fault *fault)
{
	const char *session = strstr(remote->path, "sessionId=");
	struct local_agent agent = { .remote = remote };
	enum err err = ERR_NONE;

	snprintf(agent.session, sizeof(agent.session), "%s",
		 session != NULL ? session + strlen("sessionId=") : remote->device->endpoint);
	for (size_t i = 0; i < remote->device->agent_count; i++)
		remote->device->agents[i].settings.has_orders = true;
	while (err == ERR_NONE && !remote->is_over()) {
		struct fault reason = { .kind = ERR_NONE };

		err = one_session(&agent, &reason);
		if (remote_agent_may_pass(err))
			log_info("local_agent.interrupted", "reason=%s", reason.text);
		else if (err != ERR_NONE)
			fault_set(fault, err, "%s", reason.text);
		if (err == ERR_NONE || remote_agent_may_pass(err))
			err = remote_agent_end_session(remote);
		if (err == ERR_NONE)
			remote_agent_pause(remote->options->retry_ms);
	}
	return err;
}
