/* GlobalPlatform/SERAM 2.0.0: its state machine and messages, strict as its schema */
#include "local_agent.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include <cardea/tlv.h>

#include "agent_run.h"
#include "log.h"

/* What the next Report says. */
struct report {
	const char *status;
	json_t *answers; /* listOfRAPDU; NULL: no command */
};

struct local_agent {
	struct remote_agent *remote;
	char session[128];
	size_t element;  /* that the C-APDUs are for */
	char target[64]; /* of the last SELECT; "": none */
	bool has_started, has_stopped;
	struct report report;
};

static enum err breach(struct fault *fault, const char *what)
{
	return fault_set(fault, ERR_MALFORMED, "the server's message: %s", what);
}

/* ---- asking ---- */

static enum err post(struct local_agent *agent, const char *what, json_t *take_body, json_t **ret_answer,
		     struct fault *fault)
{
	struct remote_agent *remote = agent->remote;
	char *text = json_dumps(take_body, JSON_COMPACT);
	struct builder b = builder_in(remote->arena);
	struct http_response response;
	struct bytes message;
	enum err err = text == NULL ? ERR_NOMEM : ERR_NONE;

	json_decref(take_body);
	if (err == ERR_NONE) {
		build_printf(&b,
			     "POST /gp/seram/%s?sessionId=%s HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: "
			     "application/json\r\n"
			     "Content-Length: %zu\r\n\r\n%s",
			     what, agent->session, remote->host, remote->port, strlen(text), text);
		err = builder_bytes(&b, &message);
	}
	free(text);
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
	*ret_answer =
		json_loadb((const char *)response.body.at, response.body.len, JSON_REJECT_DUPLICATES, NULL);
	return *ret_answer == NULL ? breach(fault, "not JSON") : ERR_NONE;
}

/* "//se-id/CUD/0102": the card's number. */
static const char *element_id(const struct agent *element)
{
	const char *slash = strrchr(element->identifier, '/');

	return slash != NULL ? slash + 1 : element->identifier;
}

static enum err shake_hands(struct local_agent *agent, struct fault *fault)
{
	const struct device *device = agent->remote->device;
	json_t *elements = json_array(), *answer;
	const char *transport, *format, *version;
	enum err err;

	for (size_t i = 0; i < device->agent_count; i++)
		json_array_append_new(elements, json_pack("{s:s, s:s}", "seType", "eSE", "seId",
							  element_id(&device->agents[i])));
	err = post(agent, "handshake", json_pack("{s:o}", "secureElements", elements), &answer, fault);
	if (err != ERR_NONE)
		return err;
	if (json_unpack(answer, "{s:s, s:s, s:s}", "chosenTransportProtocol", &transport, "chosenDataFormat",
			&format, "chosenVersion", &version) != 0)
		err = breach(fault, "a Handshake Response lacks what was chosen");
	else if (strcmp(transport, "HTTPS") != 0 || strcmp(format, "application/json") != 0 ||
		 strcmp(version, "2.0.0") != 0)
		err = breach(fault, "a Handshake Response chooses what was not offered");
	json_decref(answer);
	return err;
}

/* ---- commands ---- */

/* Of SELECT by name; empty bytes: another command. */
static struct bytes selected_aid(struct bytes apdu)
{
	struct reader r = reader_of(apdu);
	const bool is_select = read_u8(&r) <= 0x03 && read_u8(&r) == 0xA4 && read_u8(&r) == 0x04;

	(void)read_u8(&r);
	struct bytes aid = read_bytes(&r, read_u8(&r));
	return is_select && !r.bad ? aid : bytes_of(NULL, 0);
}

static enum err note_target(struct local_agent *agent, struct bytes aid, struct fault *fault)
{
	const char *hex = bytes_to_hex(agent->remote->arena, aid);

	if (hex == NULL)
		return ERR_NOMEM;
	if (aid.len < 5 || aid.len > 16)
		return breach(fault, "SELECT with something that is no AID");
	snprintf(agent->target, sizeof(agent->target), "//aid/%.10s/%s", hex, hex + 10);
	return ERR_NONE;
}

/* The C-APDUs as a script for the element; a SELECT is its matter and stands at the beginning only. */
static enum err make_script(struct local_agent *agent, const json_t *list, struct bytes *ret_script,
			    bool *ret_has_select, struct fault *fault)
{
	struct builder b = builder_in(agent->remote->arena);
	const json_t *item;
	size_t i;

	*ret_has_select = false;
	build_u16(&b, 0xAE80);
	json_array_foreach (list, i, item) {
		struct bytes apdu, aid;

		if (!json_is_string(item) ||
		    bytes_from_hex(agent->remote->arena, json_string_value(item), &apdu) != ERR_NONE)
			return breach(fault, "a C-APDU is not hexadecimal");
		aid = selected_aid(apdu);
		if (aid.len > 0 && i > 0)
			return breach(fault, "SELECT in the middle of the commands");
		if (aid.len > 0) {
			enum err err = note_target(agent, aid, fault);

			if (err != ERR_NONE)
				return err;
			*ret_has_select = true;
			agent_close_channel(&agent->remote->device->agents[agent->element]);
			continue;
		}
		build_tlv(&b, 0x22, apdu);
	}
	build_u16(&b, 0);
	return builder_bytes(&b, ret_script);
}

/* AF 80 { 23 R-APDU } 00 00; a C-APDU without an answer has an empty one. */
static json_t *read_answers(const struct agent *element, size_t count, bool has_select, struct arena *arena)
{
	struct reader r = reader_of(bytes_from(agent_response(element), 2));
	json_t *answers = json_array();
	uint32_t tag;
	struct bytes value;

	if (has_select) /* done by the interface, which tells no more than this */
		json_array_append_new(answers,
				      json_string(element->record.status == SCRIPT_UNKNOWN_APPLICATION ? "6A82" : ""));
	while (reader_left(&r) > 2 && read_tlv(&r, &tag, &value)) {
		if (tag == 0x23)
			json_array_append_new(answers, json_string(bytes_to_hex(arena, value)));
	}
	while (json_array_size(answers) < count)
		json_array_append_new(answers, json_string(""));
	return answers;
}

static const char *status_text(enum script_status status)
{
	switch (status) {
	case SCRIPT_OK:
	case SCRIPT_UNKNOWN_APPLICATION: /* SELECT was answered */
		return "PROCESSED";
	case SCRIPT_UNAVAILABLE_SE:
		return "UNAVAILABLE_SE";
	case SCRIPT_SECURITY_ERROR:
		return "UNGRANTED_ACCESS";
	default:
		return "UNKNOWN_FAILURE";
	}
}

static enum err do_commands(struct local_agent *agent, const json_t *list, struct fault *fault)
{
	struct agent *element = &agent->remote->device->agents[agent->element];
	struct bytes script;
	bool has_select;
	enum err err;

	if (!json_is_array(list) || json_array_size(list) == 0)
		return breach(fault, "seRamCommand without listOfCAPDU");
	err = make_script(agent, list, &script, &has_select, fault);
	if (err == ERR_NONE && agent->target[0] == '\0')
		err = breach(fault, "C-APDUs before any SELECT");
	if (err != ERR_NONE)
		return err;
	const struct remote_script run = { .target = bytes_of_text(agent->target),
					   .script = script,
					   .is_report_required = true,
					   .is_stop_on_error = false };
	err = remote_agent_start(element, &run, fault);
	if (err != ERR_NONE)
		return err;
	remote_agent_finish(agent->remote, element);
	json_decref(agent->report.answers);
	agent->report.answers =
		read_answers(element, json_array_size(list), has_select, agent->remote->arena);
	agent->report.status = status_text(element->record.status);
	return agent_clear_response(element, NULL);
}

static enum err choose_element(struct local_agent *agent, const json_t *chosen, struct fault *fault)
{
	const struct device *device = agent->remote->device;
	const char *type, *id;

	if (chosen == NULL)
		return ERR_NONE;
	if (json_unpack((json_t *)chosen, "{s:s, s:s}", "seType", &type, "seId", &id) != 0)
		return breach(fault, "chosenSecureElement lacks seType or seId");
	for (size_t i = 0; i < device->agent_count; i++) {
		if (strcmp(type, "eSE") != 0 || strcmp(id, element_id(&device->agents[i])) != 0)
			continue;
		if (i != agent->element)
			agent->target[0] = '\0';
		agent->element = i;
		return ERR_NONE;
	}
	return breach(fault, "chosenSecureElement is none of ours");
}

static enum err obey_one(struct local_agent *agent, const json_t *command, struct fault *fault)
{
	const char *type = json_string_value(json_object_get(command, "ramCommandType"));

	if (type == NULL)
		return breach(fault, "a command without ramCommandType");
	if (!agent->has_started) {
		agent->has_started = strcmp(type, "ramStartCommand") == 0;
		return agent->has_started ? ERR_NONE : breach(fault, "a command before ramStartCommand");
	}
	if (strcmp(type, "seRamCommand") == 0)
		return do_commands(agent, json_object_get(command, "listOfCAPDU"), fault);
	agent->has_stopped = strcmp(type, "ramStopCommand") == 0;
	return agent->has_stopped ? ERR_NONE
				  : breach(fault, "a command of a type that is none, or a second start");
}

static enum err obey(struct local_agent *agent, const json_t *order, struct fault *fault)
{
	const json_t *commands = json_object_get(order, "ramCommands"),
		     *delay = json_object_get(order, "delay"), *command;
	enum err err = choose_element(agent, json_object_get(order, "chosenSecureElement"), fault);
	size_t i;

	if (!json_is_integer(delay) || (commands != NULL && json_array_size(commands) == 0))
		return breach(fault, "an Order without delay, or with an empty list");
	json_array_foreach (commands, i, command) {
		if (err == ERR_NONE && !agent->has_stopped)
			err = obey_one(agent, command, fault);
	}
	if (err == ERR_NONE && !agent->has_stopped)
		remote_agent_pause(json_integer_value(delay));
	return err;
}

/* ---- sessions ---- */

static enum err report(struct local_agent *agent, struct fault *fault)
{
	const bool has_answers = agent->report.answers != NULL;
	json_t *order, *body = json_pack("{s:{s:s, s:i}}", "localAgentStatus", "localAgentStatusEnum",
					 has_answers ? agent->report.status : "POLLING",
					 "executedSeRamCommands", has_answers ? 1 : 0);
	enum err err;

	if (has_answers)
		json_object_set_new(body, "ramResponses",
				    json_pack("[{s:s, s:O}]", "ramResponseType", "seRamResponse",
					      "listOfRAPDU", agent->report.answers));
	arena_reset(agent->remote->arena);
	err = post(agent, "remoteManagement", body, &order, fault);
	if (err != ERR_NONE)
		return err;
	json_decref(agent->report.answers);
	agent->report.answers = NULL;
	err = obey(agent, order, fault);
	json_decref(order);
	misbehave_after_request(&agent->remote->misbehaviour);
	return err;
}

static enum err one_session(struct local_agent *agent, struct fault *fault)
{
	enum err err;

	agent->has_started = agent->has_stopped = false;
	agent->target[0] = '\0';
	arena_reset(agent->remote->arena);
	err = shake_hands(agent, fault);
	while (err == ERR_NONE && !agent->has_stopped && !agent->remote->is_over())
		err = report(agent, fault);
	json_decref(agent->report.answers);
	agent->report.answers = NULL;
	return err;
}

enum err local_agent_converse(struct remote_agent *remote, struct fault *fault)
{
	const char *session = strstr(remote->path, "sessionId=");
	struct local_agent agent = { .remote = remote };
	enum err err = ERR_NONE;

	snprintf(agent.session, sizeof(agent.session), "%s",
		 session != NULL ? session + strlen("sessionId=") : remote->device->endpoint);
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
