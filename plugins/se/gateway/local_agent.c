/* GlobalPlatform/SERAM 2.0.0, HTTP REST binding: two endpoints, POST, JSON. A session is named by both sides;
 * where no key says who it is, the name of the session is the endpoint name. [ours] */
#include "gateway/local_agent.h"

#include <stdio.h>
#include <strings.h>

#include <cardea/tlv.h>

#include "gateway/query.h"
#include "gp/apdu.h"
#include "seram/script.h"
#include "seram/seram2.h"

#define PATH_HANDSHAKE  "/gp/seram/handshake"
#define PATH_MANAGEMENT "/gp/seram/remoteManagement"
#define MAX_APDUS       SERAM2_MAX_APDUS
#define IDLE_DELAY_MS   1000            /* the binding's own, where requests are not held */
#define NAME_FORMAT     "//se-id/%s/%s" /* [ours] of what 2.0.0 names by type and id */
#define SW_NOT_SELECTED 0x6A82

/* ---- C-APDUs and R-APDUs ---- */

static enum err select_command(struct arena *arena, const char *target, struct bytes *ret_apdu)
{
	char hex[2 * 16 + 1] = "";
	size_t digits = 0;
	struct builder b = builder_in(arena);
	struct bytes aid;

	if (strncmp(target, "//aid/", 6) != 0)
		return ERR_MALFORMED;
	for (const char *at = target + 6; *at != '\0'; at++) {
		if (*at == '/')
			continue;
		if (digits + 1 == sizeof(hex))
			return ERR_MALFORMED;
		hex[digits++] = *at;
	}
	enum err err = bytes_from_hex(arena, hex, &aid);
	if (err != ERR_NONE)
		return err;
	build_bytes(&b, bytes_of("\x00\xA4\x04\x00", 4));
	build_u8(&b, (uint8_t)aid.len);
	build_bytes(&b, aid);
	build_u8(&b, 0);
	return builder_bytes(&b, ret_apdu);
}

enum err local_agent_commands(struct arena *arena, struct bytes script, const char *target,
			      const struct bytes **ret_apdus, size_t *ret_count)
{
	struct bytes *apdus = arena_alloc_array(arena, MAX_APDUS, sizeof(*apdus));
	struct script_template template;
	size_t count = 0;
	enum err err = apdus == NULL ? ERR_NOMEM : script_open(script, &template, NULL);

	if (err == ERR_NONE && target != NULL)
		err = select_command(arena, target, &apdus[count++]);
	if (err != ERR_NONE)
		return err;
	struct reader r = reader_of(template.elements);
	while (reader_left(&r) > 0) {
		uint32_t tag;
		struct bytes value;

		if (!read_tlv(&r, &tag, &value))
			return ERR_MALFORMED;
		if (tag != TAG_COMMAND)
			return ERR_UNSUPPORTED;
		if (count == MAX_APDUS)
			return ERR_LIMIT;
		apdus[count++] = value;
	}
	*ret_apdus = apdus;
	*ret_count = count;
	return ERR_NONE;
}

static uint16_t status_word(struct bytes apdu)
{
	struct reader r = reader_of(bytes_from(apdu, apdu.len - 2));

	return read_u16(&r);
}

/* What SELECT was answered; nothing at all when the agent's interface did it. */
static int64_t selection_status(struct bytes apdu)
{
	const uint16_t sw = apdu.len < 2 ? 0x9000 : status_word(apdu);

	if (sw == SW_NOT_SELECTED)
		return SERAM_STATUS_UNKNOWN_APPLICATION;
	return sw == 0x9000 || (sw >> 8 >= 0x61 && sw >> 8 <= 0x63)
		       ? SERAM_STATUS_OK
		       : SERAM_STATUS_TEMPORARILY_UNAVAILABLE_APPLICATION;
}

enum err local_agent_response(struct arena *arena, const struct bytes *apdus, size_t count, bool had_select,
			      struct bytes *ret_response, int64_t *ret_status)
{
	struct builder b = builder_in(arena);
	size_t i = had_select && count > 0 ? 1 : 0;
	int64_t status = i > 0 ? selection_status(apdus[0]) : SERAM_STATUS_OK;

	build_u8(&b, TAG_RESPONSE_SCRIPT_INDEFINITE);
	build_u8(&b, 0x80);
	for (; i < count && status == SERAM_STATUS_OK && apdus[i].len >= 2; i++) {
		size_t mark = build_open(&b, TAG_RESPONSE);

		build_bytes(&b, apdus[i]);
		build_close(&b, mark);
	}
	if (i < count && status == SERAM_STATUS_OK) /* not transmitted, and so none after it */
		status = SERAM_STATUS_TEMPORARILY_UNAVAILABLE_APPLICATION;
	build_u16(&b, 0);
	*ret_status = status;
	return builder_bytes(&b, ret_response);
}

/* ---- what is answered ---- */

static enum err fill(struct agent *agent, struct seram2_order *order, struct seram2_command *commands,
		     size_t count, struct arena *arena, struct reply *reply)
{
	struct fault fault = { 0 };

	order->commands = agent->has_started ? &commands[1] : commands;
	order->command_count = agent->has_started ? count - 1 : count;
	agent->has_started = agent->has_started || count > 1;
	if (count == 1) /* nothing but the start, which has to wait for something */
		order->command_count = 0;
	reply->status = 200;
	reply->fields[0] = (struct cardea_http_field){ "Content-Type", SERAM2_FORMAT };
	reply->field_count = 1;
	return seram2_order_build(arena, order, &reply->body, &fault);
}

/* "//se-id/eSE/8900" as type and id. */
static enum err name_element(const struct element *element, struct arena *arena,
			     struct seram2_element *ret_element)
{
	struct reader r = reader_of(bytes_from(bytes_of_text(element->identifier), strlen("//se-id/")));
	const uint8_t *slash = reader_left(&r) == 0 ? NULL : memchr(r.at, '/', reader_left(&r));
	struct bytes type = read_bytes(&r, slash != NULL ? (size_t)(slash - r.at) : 0);

	(void)read_if(&r, '/');
	struct bytes id = read_rest(&r);
	*ret_element = (struct seram2_element){ .type = arena_strndup(arena, (const char *)type.at, type.len),
						.id = arena_strndup(arena, (const char *)id.at, id.len) };
	return ret_element->type == NULL || ret_element->id == NULL ? ERR_NOMEM : ERR_NONE;
}

static enum err give(struct agent *agent, size_t i, struct arena *arena, struct reply *ret_reply)
{
	const struct element *element = &agent->elements[i];
	const bool needs_select = !agent->has_started || !element->is_channel_open || agent->given != i;
	struct seram2_command commands[2] = { { .kind = SERAM2_START }, { .kind = SERAM2_APDUS } };
	struct seram2_order order = { .has_element = true };
	enum err err = name_element(element, arena, &order.element);

	if (err == ERR_NONE)
		err = local_agent_commands(arena, element_script(element),
					   needs_select ? element->target : NULL, &commands[1].apdus,
					   &commands[1].apdu_count);
	if (err == ERR_NONE)
		err = fill(agent, &order, commands, 2, arena, ret_reply);
	if (err != ERR_NONE)
		return err;
	agent->had_select = needs_select;
	ret_reply->is_confidential = element->is_confidential;
	ret_reply->text = arena_printf(arena, "200: Order with %zu C-APDUs", commands[1].apdu_count);
	return ret_reply->text == NULL ? ERR_NOMEM : ERR_NONE;
}

static enum err ask_again(struct agent *agent, struct arena *arena, struct reply *ret_reply)
{
	struct seram2_command start = { .kind = SERAM2_START };
	struct seram2_order order = { .delay_ms = agent->gateway->settings.hold_ms > 0 ? 0 : IDLE_DELAY_MS };

	ret_reply->text = "200: Order without a command";
	return fill(agent, &order, &start, 1, arena, ret_reply);
}

static enum err end(struct agent *agent, struct arena *arena, struct reply *ret_reply)
{
	struct seram2_command commands[2] = { { .kind = SERAM2_START }, { .kind = SERAM2_STOP } };
	struct seram2_order order = { 0 };

	ret_reply->text = "200: Order to stop";
	return fill(agent, &order, commands, 2, arena, ret_reply);
}

static const struct dialect local_agent_dialect = { "SERAM 2.0.0", give, ask_again, end };

/* ---- reading ---- */

struct message {
	const struct cardea_http_request *request;
	const char *endpoint, *session_id;
	unsigned status; /* of a refusal */
};

static enum err bad(struct message *message, unsigned status, struct fault *fault, const char *reason)
{
	message->status = status;
	return fault_set(fault, ERR_MALFORMED, "%s", reason);
}

static bool is_json(const struct cardea_http_request *request)
{
	for (size_t i = 0; i < request->field_count; i++) {
		if (strcasecmp(request->fields[i].name, "Content-Type") == 0)
			return strncasecmp(request->fields[i].value, SERAM2_FORMAT, strlen(SERAM2_FORMAT)) ==
			       0;
	}
	return false;
}

static enum err identify(struct message *message, struct fault *fault)
{
	const struct cardea_http_request *request = message->request;
	const struct bytes session = query_value(request->query, "sessionId");

	if (strcmp(request->method, "POST") != 0)
		return bad(message, 405, fault, "an agent sends POST");
	if (session.len == 0 || session.len >= AGENT_TEXT_SIZE || !bytes_are_utf8(session))
		return bad(message, 400, fault, "sessionId is missing or no short text");
	if (!is_json(request))
		return bad(message, 415, fault, "Content-Type is not " SERAM2_FORMAT);
	message->session_id = arena_strndup(request->arena, (const char *)session.at, session.len);
	message->endpoint = request->endpoint[0] != '\0' ? request->endpoint : message->session_id;
	return message->session_id == NULL ? bad(message, 503, fault, "no memory for the request") : ERR_NONE;
}

/* ---- Handshake ---- */

static enum err take_elements(struct message *message, struct agent *agent, const struct seram2_offer *offer,
			      struct fault *fault)
{
	for (size_t i = 0; i < agent->element_count; i++)
		agent->elements[i].is_listed = false;
	for (size_t i = 0; i < offer->element_count; i++) {
		const char *name = arena_printf(message->request->arena, NAME_FORMAT, offer->elements[i].type,
						offer->elements[i].id);
		size_t at;

		if (name == NULL || !element_name_is_valid(bytes_of_text(name)))
			return bad(message, 400, fault,
				   "secureElements: a seId is too long or no plain text");
		at = agent_element(agent, bytes_of_text(name));
		if (at == AGENT_MAX_ELEMENTS)
			return bad(message, 400, fault, "secureElements: too many");
		agent->elements[at].is_listed = true;
	}
	return offer->element_count > 0 ? ERR_NONE
					: bad(message, 400, fault, "secureElements: there is none");
}

static enum err begin(struct message *message, struct agent *agent, struct reply *ret_reply,
		      struct fault *fault)
{
	const struct cardea_http_request *request = message->request;
	struct seram2_choice choice = { 0 };
	struct seram2_offer offer;
	enum err err = seram2_offer_parse(request->body, request->arena, &offer, fault);

	message->status = 400;
	if (err == ERR_NONE) {
		err = seram2_choose(&offer, &choice, fault);
		message->status = 406;
	}
	if (err == ERR_NONE)
		err = take_elements(message, agent, &offer, fault);
	if (err != ERR_NONE)
		return err;
	snprintf(agent->protocol, AGENT_TEXT_SIZE, "%s2.0.0", SERAM_PROTOCOL_FAMILY);
	snprintf(agent->identifier, AGENT_TEXT_SIZE, "%s", message->endpoint);
	snprintf(agent->session_id, AGENT_TEXT_SIZE, "%s", message->session_id);
	agent->has_started = false;
	*ret_reply = (struct reply){ .status = 200,
				     .fields = { { "Content-Type", SERAM2_FORMAT } },
				     .field_count = 1,
				     .text = "200: Handshake Response" };
	if (agent_begin(agent) != ERR_NONE ||
	    seram2_choice_build(request->arena, &choice, &ret_reply->body) != ERR_NONE)
		return bad(message, 503, fault, "no session can begin now");
	return ERR_NONE;
}

static void shake_hands(struct gateway *gateway, struct message *message, struct fault *fault)
{
	const struct turn turn = { .request = message->request,
				   .dialect = &local_agent_dialect,
				   .is_new = true,
				   .text = "POST: Handshake Command" };
	struct agent *agent = agent_find(gateway, message->endpoint);
	const bool is_known = agent != NULL;
	struct reply reply;
	enum err err = is_known ? ERR_NONE : agent_make(gateway, message->endpoint, &agent);

	message->status = 503;
	if (err == ERR_NONE) {
		err = begin(message, agent, &reply, fault);
		if (err == ERR_NONE)
			err = agent_greet(agent, &turn, &reply, fault);
		else if (!is_known)
			agents_forget(agent);
	}
	if (err != ERR_NONE)
		refuse(gateway, message->endpoint, message->request->id, message->status,
		       fault->text[0] != '\0' ? fault->text : "as many agents are known as may be");
}

/* ---- Report ---- */

static int64_t status_of(enum seram2_status status)
{
	static const int64_t statuses[SERAM2_STATUSES] = {
		[SERAM2_PROCESSED] = SERAM_STATUS_OK,
		[SERAM2_UNAVAILABLE_SE] = SERAM_STATUS_UNAVAILABLE_SE,
		[SERAM2_UNKNOWN_FAILURE] = SERAM_STATUS_TEMPORARILY_UNAVAILABLE_APPLICATION,
		[SERAM2_UNGRANTED_ACCESS] = SERAM_STATUS_SECURITY_ERROR,
	};

	return statuses[status];
}

/* The Order that is out asks for one response. */
static enum err take_response(struct message *message, struct agent *agent,
			      const struct seram2_report *report, struct fault *fault)
{
	struct element *element = &agent->elements[agent->given];
	struct bytes response = bytes_of(NULL, 0);
	int64_t status = status_of(report->status), of_response = SERAM_STATUS_OK;
	enum err err = ERR_NONE;

	if (report->response_count > 1)
		return bad(message, 400, fault, "ramResponses: more than the Order had seRamCommands");
	if (report->response_count == 1)
		err = local_agent_response(message->request->arena, report->responses[0].apdus,
					   report->responses[0].apdu_count, agent->had_select, &response,
					   &of_response);
	else if (status == SERAM_STATUS_OK)
		status = SERAM_STATUS_TEMPORARILY_UNAVAILABLE_APPLICATION;
	if (status == SERAM_STATUS_OK)
		status = of_response;
	if (err == ERR_NONE)
		err = element_report(element, element->request_id, status, response);
	return err == ERR_NONE ? ERR_NONE : bad(message, 503, fault, "no memory for the response");
}

static enum err take_report(struct message *message, struct agent *agent, struct turn *turn,
			    struct fault *fault)
{
	const struct cardea_http_request *request = message->request;
	const struct element *element = &agent->elements[agent->given];
	const bool is_out = element->state == SERAM_RUNNING && !element->is_due;
	struct seram2_report report;
	enum err err = seram2_report_parse(request->body, request->arena, &report, fault);

	message->status = 400;
	if (err != ERR_NONE)
		return err;
	turn->text = arena_printf(request->arena, "POST: Report %s, %zu responses",
				  seram2_status_text(report.status), report.response_count);
	if (turn->text == NULL)
		return bad(message, 503, fault, "no memory for the request");
	if (!is_out)
		return ERR_NONE;
	if (report.status == SERAM2_POLLING) { /* it has lost the Order, or whatever it knew */
		agent_break(agent);
		turn->is_new = true;
		return ERR_NONE;
	}
	turn->is_report = true;
	turn->element = agent->given;
	return take_response(message, agent, &report, fault);
}

static void manage(struct gateway *gateway, struct message *message, struct fault *fault)
{
	struct agent *agent = agent_find(gateway, message->endpoint);
	struct turn turn = { .request = message->request, .dialect = &local_agent_dialect };
	enum err err;

	if (agent == NULL || agent->session[0] == '\0' || agent->dialect != &local_agent_dialect ||
	    strcmp(agent->session_id, message->session_id) != 0) {
		refuse(gateway, NULL, message->request->id, 404, "sessionId: there is no such session");
		return;
	}
	err = take_report(message, agent, &turn, fault);
	if (err == ERR_NONE) {
		message->status = 503;
		err = agent_take_turn(agent, &turn, fault);
	}
	if (err != ERR_NONE)
		refuse(gateway, message->endpoint, message->request->id, message->status, fault->text);
}

/* ---- both ---- */

static bool ends_with(const char *path, const char *end)
{
	const size_t len = strlen(path), end_len = strlen(end);

	return len >= end_len && strcmp(path + len - end_len, end) == 0;
}

bool local_agent_is_asked(const char *path)
{
	return ends_with(path, PATH_HANDSHAKE) || ends_with(path, PATH_MANAGEMENT);
}

void local_agent_serve(struct gateway *gateway, const struct cardea_http_request *request)
{
	struct message message = { .request = request };
	struct fault fault = { 0 };
	enum err err = identify(&message, &fault);

	if (err != ERR_NONE)
		refuse(gateway, NULL, request->id, message.status, fault.text);
	else if (request->endpoint[0] == '\0' &&
		 gateway->server->needs_credential(gateway->host, message.endpoint))
		refuse(gateway, NULL, request->id, 403,
		       "sessionId: this device has to come with its credential");
	else if (ends_with(request->path, PATH_HANDSHAKE))
		shake_hands(gateway, &message, &fault);
	else
		manage(gateway, &message, &fault);
}
