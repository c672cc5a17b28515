#include "gateway/conversation.h"

#include <stdio.h>
#include <stdlib.h>

#include <cardea/crypto.h>

/* ---- finding ---- */

struct agent *agent_find(const struct gateway *gateway, const char *endpoint)
{
	struct agent *agent;

	HASH_FIND_STR(gateway->agents, endpoint, agent);
	return agent;
}

enum err agent_make(struct gateway *gateway, const char *endpoint, struct agent **ret_agent)
{
	struct agent *agent;

	if (HASH_COUNT(gateway->agents) >= gateway->settings.max_agents)
		return ERR_LIMIT;
	agent = calloc(1, sizeof(*agent));
	if (agent == NULL)
		return ERR_NOMEM;
	agent->gateway = gateway;
	snprintf(agent->endpoint, sizeof(agent->endpoint), "%s", endpoint);
	HASH_ADD_STR(gateway->agents, endpoint, agent);
	if (agent->hh.tbl == NULL) {
		free(agent);
		return ERR_NOMEM;
	}
	*ret_agent = agent;
	return ERR_NONE;
}

static void agent_free(struct agent *agent)
{
	for (size_t i = 0; i < agent->element_count; i++)
		element_wipe(&agent->elements[i]);
	HASH_DEL(agent->gateway->agents, agent);
	free(agent);
}

void agents_forget(struct agent *agent)
{
	agent_free(agent);
}

void agents_free(struct gateway *gateway)
{
	struct agent *agent, *next;

	HASH_ITER (hh, gateway->agents, agent, next)
		agent_free(agent);
}

size_t agent_element(struct agent *agent, struct bytes name)
{
	struct element *element;

	for (size_t i = 0; i < agent->element_count; i++) {
		if (element_is_named(&agent->elements[i], name))
			return i;
	}
	if (agent->element_count == AGENT_MAX_ELEMENTS)
		return AGENT_MAX_ELEMENTS;
	element = &agent->elements[agent->element_count];
	*element = (struct element){ .is_report_required = true };
	snprintf(element->identifier, sizeof(element->identifier), "%.*s", (int)name.len,
		 (const char *)name.at);
	return agent->element_count++;
}

/* ---- traces ---- */

static void trace(const struct gateway *gateway, const char *endpoint, const char *direction,
		  const char *text, struct bytes raw)
{
	gateway->server->trace(gateway->host, endpoint, CARDEA_LAYER_HTTP, direction, text, raw);
}

static void build_fields(struct builder *b, const struct cardea_http_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		build_printf(b, "%s: %s\r\n", fields[i].name, fields[i].value);
	build_text(b, "\r\n");
}

static void trace_request(const struct agent *agent, const struct turn *turn)
{
	const struct cardea_http_request *request = turn->request;
	struct builder b = builder_in(request->arena);
	struct bytes raw;

	build_printf(&b, "%s %s%s%s HTTP/1.1\r\n", request->method, request->path,
		     request->query[0] != '\0' ? "?" : "", request->query);
	build_fields(&b, request->fields, request->field_count);
	build_bytes(&b, request->body);
	if (builder_bytes(&b, &raw) == ERR_NONE)
		trace(agent->gateway, agent->endpoint, "answer", turn->text, raw);
}

static void trace_reply(const struct agent *agent, const struct reply *reply)
{
	struct builder b = builder_in(agent->gateway->arena);
	struct bytes raw;

	build_printf(&b, "HTTP/1.1 %u\r\n", reply->status);
	if (!reply->is_confidential)
		build_printf(&b, "Content-Length: %zu\r\n", reply->body.len);
	build_fields(&b, reply->fields, reply->field_count);
	if (!reply->is_confidential)
		build_bytes(&b, reply->body);
	if (builder_bytes(&b, &raw) == ERR_NONE)
		trace(agent->gateway, agent->endpoint, "command", reply->text, raw);
}

/* ---- answering ---- */

static void send_reply(struct agent *agent, const struct reply *reply)
{
	const struct cardea_http_answer answer = {
		.status = reply->status,
		.fields = reply->fields,
		.field_count = reply->field_count,
		.body = reply->body,
	};
	const uint64_t held = agent->held;

	trace_reply(agent, reply);
	agent->held = 0;
	agent->gateway->server->answer_http(agent->gateway->host, held, &answer);
}

void refuse(struct gateway *gateway, const char *endpoint, uint64_t id, unsigned status, const char *reason)
{
	const struct cardea_http_field type = { "Content-Type", "text/plain;charset=utf-8" };
	const struct cardea_http_field post[] = { type, { "Allow", "POST" } };
	const struct cardea_http_answer answer = { status, post, status == 405 ? 2 : 1,
						   bytes_of_text(reason) };
	char text[256];

	gateway->api->log(gateway->host, CARDEA_LOG_INFO, "gateway.refused",
			  "endpoint=%s status=%u reason=\"%s\"", endpoint != NULL ? endpoint : "", status,
			  reason);
	if (endpoint != NULL) {
		snprintf(text, sizeof(text), "refused with %u: %s", status, reason);
		trace(gateway, endpoint, "command", text, bytes_of(NULL, 0));
	}
	gateway->server->answer_http(gateway->host, id, &answer);
}

/* The element with a script to give; element_count: none. */
static size_t due_element(const struct agent *agent)
{
	size_t i = 0;

	while (i < agent->element_count && !agent->elements[i].is_due)
		i++;
	return i;
}

static void end_session(struct agent *agent)
{
	agent->session[0] = '\0';
	agent->asked[0] = '\0';
	agent_break(agent);
	agent->gateway->server->set_awake(agent->gateway->host, agent->endpoint, false);
}

static void refuse_held(struct agent *agent, unsigned status, const char *reason)
{
	const uint64_t held = agent->held;

	agent->held = 0;
	refuse(agent->gateway, agent->endpoint, held, status, reason);
}

/* It cannot be said in the agent's form of the protocol; the job hears of it as if the agent had refused it,
 * and the agent is asked to come again. */
static void refuse_script(struct agent *agent, size_t i, enum err reason)
{
	struct gateway *gateway = agent->gateway;
	struct element *element = &agent->elements[i];
	char text[128];

	snprintf(text, sizeof(text), "the script cannot be given in %s: %s", agent->dialect->name,
		 err_name(reason));
	trace(gateway, agent->endpoint, "command", text, bytes_of(NULL, 0));
	if (element_report(element, element->request_id, SERAM_STATUS_SCRIPT_FORMAT_ERROR,
			   bytes_of(NULL, 0)) != ERR_NONE)
		element_break(element);
	refuse_held(agent, 503, text);
	gateway->server->changed(gateway->host, agent->endpoint,
				 LWM2M_RESOURCE(SERAM_OBJECT, (uint16_t)i, SERAM_AGENT_STATE));
}

/* Says what there is to say; else the request stays held. */
static void serve(struct agent *agent, bool must_answer)
{
	struct gateway *gateway = agent->gateway;
	const size_t element = due_element(agent);
	const bool is_over = !gateway->server->has_job(gateway->host, agent->endpoint);
	struct reply reply = { .status = 204, .text = "" };
	enum err err;

	if (agent->held == 0 || (element == agent->element_count && !is_over && !must_answer))
		return;
	arena_reset(gateway->arena);
	if (element < agent->element_count)
		err = agent->dialect->give(agent, element, gateway->arena, &reply);
	else if (is_over)
		err = agent->dialect->end(agent, gateway->arena, &reply);
	else
		err = agent->dialect->ask_again(agent, gateway->arena, &reply);
	if (err != ERR_NONE && element < agent->element_count) {
		refuse_script(agent, element, err);
		return;
	}
	if (err != ERR_NONE) {
		refuse_held(agent, 500, err_name(err));
		return;
	}
	if (element < agent->element_count) {
		element_given(&agent->elements[element]);
		agent->given = element;
		memcpy(agent->asked, agent->asking, sizeof(agent->asked));
	}
	send_reply(agent, &reply);
	if (element == agent->element_count && is_over)
		end_session(agent);
}

/* ---- a turn ---- */

enum err agent_begin(struct agent *agent)
{
	uint64_t random;
	enum err err = random_bytes((uint8_t *)&random, sizeof(random));

	if (err != ERR_NONE)
		return err;
	snprintf(agent->session, sizeof(agent->session), "%016llx", (unsigned long long)random);
	agent->asked[0] = '\0';
	agent_break(agent);
	return ERR_NONE;
}

void agent_break(struct agent *agent)
{
	for (size_t i = 0; i < agent->element_count; i++)
		element_break(&agent->elements[i]);
}

static void print_uri(const struct cardea_http_request *request, char to[static 2 * AGENT_TEXT_SIZE])
{
	snprintf(to, 2 * AGENT_TEXT_SIZE, "%s?%s", request->path, request->query);
}

void agent_repeat(struct agent *agent, const struct cardea_http_request *request)
{
	struct element *element = &agent->elements[agent->given];
	char uri[2 * AGENT_TEXT_SIZE];

	print_uri(request, uri);
	if (strcmp(uri, agent->asked) == 0 && element->state == SERAM_RUNNING)
		element->is_due = true;
}

static enum err present(struct agent *agent, struct arena *arena, struct fault *fault)
{
	const struct gateway *gateway = agent->gateway;
	struct cardea_presented device = {
		.endpoint = agent->endpoint,
		.lifetime_s = gateway->settings.lifetime_s,
		.ask = agents_ask,
		.idle = agents_idle,
		.gone = agents_gone,
		.self = agent->gateway,
	};
	struct builder links = builder_in(arena);
	struct bytes text;

	for (size_t i = 0; i < agent->element_count; i++)
		build_printf(&links, "%s</%d/%zu>", i > 0 ? "," : "", SERAM_OBJECT, i);
	build_u8(&links, 0);
	if (builder_bytes(&links, &text) != ERR_NONE)
		return ERR_NOMEM;
	device.links = (const char *)text.at;
	agent->presented = agent->element_count;
	return gateway->server->present(gateway->host, &device, fault);
}

/* An agent that asks now and then, and for which there is nothing to do, is no news. */
static bool must_present(const struct agent *agent, const struct turn *turn)
{
	const struct gateway *gateway = agent->gateway;

	return agent->presented != agent->element_count ||
	       (turn->is_new && gateway->server->has_job(gateway->host, agent->endpoint));
}

/* One request of it is held at a time: the older one will not be answered by anything else. */
static void hold(struct agent *agent, const struct turn *turn)
{
	const struct cardea_http_request *request = turn->request;
	const uint64_t older = agent->held;

	agent->held = request->id;
	agent->heard_ms = request->now_ms;
	agent->held_until_ms = request->now_ms + agent->gateway->settings.hold_ms;
	agent->dialect = turn->dialect;
	print_uri(request, agent->asking);
	if (older != 0)
		refuse(agent->gateway, agent->endpoint, older, 409,
		       "another request of this agent came after it");
}

/* It is there, and its jobs may go on. */
static enum err appear(struct agent *agent, const struct turn *turn, struct fault *fault)
{
	const struct gateway *gateway = agent->gateway;
	enum err err = ERR_NONE;

	if (must_present(agent, turn))
		err = present(agent, turn->request->arena, fault);
	else
		gateway->server->set_awake(gateway->host, agent->endpoint, true);
	return err;
}

enum err agent_greet(struct agent *agent, const struct turn *turn, const struct reply *reply,
		     struct fault *fault)
{
	trace_request(agent, turn);
	hold(agent, turn);
	arena_reset(agent->gateway->arena);
	send_reply(agent, reply);
	return appear(agent, turn, fault);
}

enum err agent_take_turn(struct agent *agent, const struct turn *turn, struct fault *fault)
{
	struct gateway *gateway = agent->gateway;
	const struct cardea_gateway_api *server = gateway->server;
	char endpoint[AGENT_ENDPOINT_SIZE];
	enum err err;

	memcpy(endpoint, agent->endpoint, sizeof(endpoint));
	trace_request(agent, turn);
	hold(agent, turn);
	err = appear(agent, turn, fault);
	if (err != ERR_NONE) {
		agent->held = 0;
		return err;
	}
	if (turn->is_report)
		server->changed(gateway->host, endpoint,
				LWM2M_RESOURCE(SERAM_OBJECT, (uint16_t)turn->element, SERAM_AGENT_STATE));
	agent = agent_find(gateway, endpoint);
	if (agent != NULL)
		serve(agent, false);
	return ERR_NONE;
}

/* ---- what the server calls ---- */

static struct element_terms terms_of(const struct agent *agent)
{
	return (struct element_terms){
		.protocol = agent->protocol,
		.agent_identifier = agent->identifier,
		.body_format = body_of(agent->dialect->form)->format,
		.max_request_bytes = agent->gateway->settings.max_request_bytes,
		.max_response_bytes = agent->gateway->settings.max_response_bytes,
	};
}

uint8_t agents_ask(void *self, const char *endpoint, const struct cardea_ask *ask,
		   struct lwm2m_records *ret_records)
{
	struct agent *agent = agent_find(self, endpoint);
	uint8_t code;

	if (agent == NULL || ask->path.object != SERAM_OBJECT || ask->path.depth < 2 ||
	    ask->path.instance >= agent->element_count)
		return 0x84; /* 4.04 */
	const struct element_terms terms = terms_of(agent);
	code = element_ask(&agent->elements[ask->path.instance], ask->path.instance, &terms, ask,
			   ret_records);
	if (ask->operation == LWM2M_EXECUTE)
		serve(agent, false);
	return code;
}

void agents_idle(void *self, const char *endpoint)
{
	struct agent *agent = agent_find(self, endpoint);

	if (agent != NULL)
		serve(agent, false);
}

void agents_gone(void *self, const char *endpoint)
{
	struct agent *agent = agent_find(self, endpoint);

	if (agent == NULL)
		return;
	if (agent->held != 0)
		refuse(agent->gateway, NULL, agent->held, 409, "the device is no longer served here");
	agent_free(agent);
}

void agents_dropped(void *self, uint64_t id)
{
	const struct gateway *gateway = self;
	struct agent *agent, *next;

	HASH_ITER (hh, gateway->agents, agent, next) {
		if (agent->held == id)
			agent->held = 0;
	}
}

void agents_tick(void *self, int64_t now_ms)
{
	const struct gateway *gateway = self;
	struct agent *agent, *next;

	HASH_ITER (hh, gateway->agents, agent, next) {
		if (agent->held != 0 && now_ms >= agent->held_until_ms)
			serve(agent, true);
		else if (agent->held == 0 && agent->session[0] != '\0' &&
			 now_ms - agent->heard_ms >= (int64_t)gateway->settings.session_timeout_ms)
			end_session(agent);
	}
}
