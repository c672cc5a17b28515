/* GlobalPlatform/SERAM 2.0.0, HTTP REST binding: two endpoints, POST, JSON. A session is named by both sides;
 * where no key says who it is, the name of the session is the endpoint name. [ours] */
#include "gateway/local_agent.h"

#include <stdio.h>
#include <strings.h>

#include "gateway/query.h"
#include "seram/seram2.h"

#define PATH_HANDSHAKE  "/gp/seram/handshake"
#define PATH_MANAGEMENT "/gp/seram/remoteManagement"
#define IDLE_DELAY_MS   1000            /* the binding's own, where requests are not held */
#define NAME_FORMAT     "//se-id/%s/%s" /* [ours] of what 2.0.0 names by type and id */

/* ---- what is answered ---- */

/* The first command of a session is to start, which a later one is not to say again. */
static enum err fill(struct agent *agent, struct seram2_order *order, struct arena *arena,
		     struct reply *reply)
{
	const bool begins = order->command_count > 0 && order->commands[0].kind == SERAM2_START;
	struct seram2_command *commands =
		arena_alloc_array(arena, order->command_count + 1, sizeof(*commands));
	struct fault fault = { 0 };

	if (commands == NULL)
		return ERR_NOMEM;
	commands[0] = (struct seram2_command){ .kind = SERAM2_START };
	for (size_t i = 0; i < order->command_count; i++)
		commands[i + 1] = order->commands[i];
	if (order->command_count > 0 && !begins && !agent->has_started) {
		order->commands = commands;
		order->command_count++;
	} else if (begins && agent->has_started) {
		order->commands = &commands[2];
		order->command_count--;
	}
	agent->has_started = agent->has_started || order->command_count > 0;
	*reply = (struct reply){ .status = 200,
				 .fields = { { "Content-Type", SERAM2_FORMAT } },
				 .field_count = 1 };
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
	struct fault fault = { 0 };
	struct seram2_order order;
	enum err err = seram2_order_parse(element_script(element), arena, &order, &fault);

	if (err == ERR_NONE)
		err = name_element(element, arena, &order.element);
	if (err != ERR_NONE)
		return err;
	order.delay_ms = 0;
	order.has_element = true;
	err = fill(agent, &order, arena, ret_reply);
	ret_reply->is_confidential = element->is_confidential;
	ret_reply->text = arena_printf(arena, "200: Order of %zu bytes", ret_reply->body.len);
	return err == ERR_NONE && ret_reply->text == NULL ? ERR_NOMEM : err;
}

static enum err ask_again(struct agent *agent, struct arena *arena, struct reply *ret_reply)
{
	struct seram2_order order = { .delay_ms = agent->gateway->settings.hold_ms > 0 ? 0 : IDLE_DELAY_MS };
	enum err err = fill(agent, &order, arena, ret_reply);

	ret_reply->text = "200: Order without a command";
	return err;
}

static enum err end(struct agent *agent, struct arena *arena, struct reply *ret_reply)
{
	const struct seram2_command stop = { .kind = SERAM2_STOP };
	struct seram2_order order = { .commands = &stop, .command_count = 1 };
	enum err err = fill(agent, &order, arena, ret_reply);

	ret_reply->text = "200: Order to stop";
	return err;
}

static const struct dialect local_agent_dialect = { "SERAM 2.0.0", BODY_ORDER, give, ask_again, end };

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
	snprintf(agent->protocol, AGENT_TEXT_SIZE, "%s", SERAM2_PROTOCOL_FAMILY SERAM2_VERSION);
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

static enum err take_report(struct message *message, struct agent *agent, struct turn *turn,
			    struct fault *fault)
{
	const struct cardea_http_request *request = message->request;
	struct element *element = &agent->elements[agent->given];
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
	if (element_report(element, element->request_id, SERAM_STATUS_OK, request->body) != ERR_NONE)
		return bad(message, 503, fault, "no memory for the response");
	element->is_channel_open = report.status == SERAM2_PROCESSED;
	turn->is_report = true;
	turn->element = agent->given;
	return ERR_NONE;
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
