/* SERAM 1.0.1 as restated, over HTTP: what an agent posts, and what it is answered
 *
 * A Next-URI of ours says which session, which secure element and which request it continues. So a report is
 * understood also after a restart of the server, and one that comes twice is told from a new one. */
#include "gateway/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "gateway/query.h"
#include "seram/seram.h"
#include "seram/seram_http.h"

#define MAX_REQUEST_ID (UINT32_MAX - 1)

/* One POST, read. */
struct post {
	const struct cardea_http_request *request;
	struct http_message message;
	struct admin_request said;
	const char *endpoint;
	unsigned status; /* of a refusal */
};

/* What a Next-URI of ours says. */
struct place {
	bool is_ours;
	uint32_t se, request;
};

static enum err bad(struct post *post, unsigned status, struct fault *fault, const char *reason)
{
	post->status = status;
	return fault_set(fault, ERR_MALFORMED, "%s", reason);
}

/* ---- what is answered ---- */

static enum err fill(const struct admin_answer *answer, const char *text, struct reply *reply)
{
	struct fault fault = { 0 };

	if (text == NULL)
		return ERR_NOMEM;
	*reply = (struct reply){ .status = answer->script.len > 0 ? 200 : 204,
				 .body = answer->script,
				 .text = text };
	return admin_answer_fields(answer, reply->fields, &reply->field_count, &fault);
}

static enum err give(struct agent *agent, size_t i, struct arena *arena, struct reply *ret_reply)
{
	const struct element *element = &agent->elements[i];
	const char *next = arena_printf(arena, "%s?session=%s&se=%zu&request=%" PRIu32, agent->path,
					agent->session, i, element->request_id);
	const struct admin_answer answer = {
		.protocol = agent->protocol,
		.next_uri = element->is_report_required ? next : NULL,
		.target = element->target,
		.targeted_se = agent->names_elements ? element->identifier : NULL,
		.script = element_script(element),
	};
	enum err err = next == NULL ? ERR_NOMEM
				    : fill(&answer,
					   arena_printf(arena, "200: script of %zu bytes for %s",
							answer.script.len, element->target),
					   ret_reply);

	if (err == ERR_NONE)
		ret_reply->is_confidential = element->is_confidential;
	return err;
}

static enum err ask_again(struct agent *agent, struct arena *arena, struct reply *ret_reply)
{
	const char *next = arena_printf(arena, "%s?session=%s", agent->path, agent->session);
	const struct admin_answer answer = { .protocol = agent->protocol, .next_uri = next };

	return next == NULL ? ERR_NOMEM : fill(&answer, "204: ask again", ret_reply);
}

static enum err end(struct agent *agent, struct arena *arena, struct reply *ret_reply)
{
	const char *next = agent->gateway->settings.next_server;
	const struct admin_answer answer = { .protocol = agent->protocol,
					     .next_uri = next[0] != '\0' ? next : NULL };

	return fill(&answer, next[0] != '\0' ? "204: another server has more" : "204: the session is over",
		    ret_reply);
}

static const struct dialect admin_dialect = { "SERAM 1.0.1", BODY_SCRIPT, give, ask_again, end };

/* ---- reading ---- */

static enum err read_message(struct post *post, struct fault *fault)
{
	const struct cardea_http_request *request = post->request;
	const char *line = arena_printf(request->arena, "%s %s%s%s HTTP/1.1", request->method, request->path,
					request->query[0] != '\0' ? "?" : "", request->query);

	if (line == NULL)
		return bad(post, 503, fault, "no memory for the request");
	if (strcmp(request->method, "POST") != 0)
		return bad(post, 405, fault, "an agent sends POST");
	if (request->field_count > SERAM_HTTP_MAX_HEADERS)
		return bad(post, 400, fault, "too many header fields");
	post->message = (struct http_message){ .start_line = bytes_of_text(line), .body = request->body };
	for (size_t i = 0; i < request->field_count; i++)
		post->message.fields[post->message.field_count++] =
			(struct http_field){ bytes_of_text(request->fields[i].name),
					     bytes_of_text(request->fields[i].value) };
	enum err err = admin_request_read(&post->message, &post->said, fault);
	if (err != ERR_NONE)
		post->status = err == ERR_UNSUPPORTED ? 415 : 400;
	return err;
}

static bool is_short_text(struct bytes text)
{
	return text.len > 0 && text.len < AGENT_TEXT_SIZE && bytes_are_utf8(text);
}

static enum err check_fields(struct post *post, struct fault *fault)
{
	const struct admin_request *said = &post->said;
	const bool is_known_by_key = post->request->endpoint[0] != '\0';

	if (said->protocol.at == NULL)
		return bad(post, 400, fault, "X-Admin-Protocol is missing");
	if (!is_short_text(said->protocol))
		return bad(post, 400, fault, "X-Admin-Protocol is no short text");
	if (said->from.at == NULL && !is_known_by_key)
		return bad(post, 400, fault, "X-Admin-From is missing");
	if (said->from.at != NULL && !is_short_text(said->from))
		return bad(post, 400, fault, "X-Admin-From is no short text");
	if (strlen(post->request->path) >= AGENT_TEXT_SIZE)
		return bad(post, 414, fault, "the path of the URI is too long");
	if (said->response.len > 0 && !said->has_status)
		return bad(post, 400, fault, "X-Admin-Script-Status is missing beside a script response");
	if (said->targeted_se.at != NULL && !element_name_is_valid(said->targeted_se))
		return bad(post, 400, fault, "X-Admin-Targeted-SE is not //se-id/<type>/<value>");
	return ERR_NONE;
}

/* Who it is: a key proves it, and then X-Admin-From is only what it calls itself. */
static enum err identify(struct post *post, struct fault *fault)
{
	post->endpoint = post->request->endpoint;
	if (post->endpoint[0] == '\0')
		post->endpoint = arena_strndup(post->request->arena, (const char *)post->said.from.at,
					       post->said.from.len);
	if (post->endpoint == NULL)
		return bad(post, 503, fault, "no memory for the request");
	return ERR_NONE;
}

/* ---- the secure elements that an agent names ---- */

static struct bytes next_name(struct reader *r)
{
	const uint8_t *end = memchr(r->at, ';', reader_left(r));
	struct bytes name = read_bytes(r, end != NULL ? (size_t)(end - r->at) : reader_left(r));

	(void)read_if(r, ';');
	while (name.len > 0 && name.at[0] == ' ')
		name = bytes_from(name, 1);
	while (name.len > 0 && name.at[name.len - 1] == ' ')
		name = bytes_first(name, name.len - 1);
	return name;
}

static enum err take_list(struct post *post, struct agent *agent, struct fault *fault)
{
	struct reader check = reader_of(post->said.se_list), r = check;

	while (reader_left(&check) > 0) {
		if (!element_name_is_valid(next_name(&check)))
			return bad(post, 400, fault,
				   "X-Admin-SE-List has what is not //se-id/<type>/<value>");
	}
	for (size_t i = 0; i < agent->element_count; i++)
		agent->elements[i].is_listed = false;
	while (reader_left(&r) > 0) {
		const size_t i = agent_element(agent, next_name(&r));

		if (i == AGENT_MAX_ELEMENTS)
			return bad(post, 400, fault, "X-Admin-SE-List has too many secure elements");
		agent->elements[i].is_listed = true;
	}
	agent->names_elements = true;
	return ERR_NONE;
}

static bool is_amendment_b(const struct post *post)
{
	return bytes_equal_text(post->said.protocol, SERAM_PROTOCOL_FAMILY "1.0");
}

/* A session that this server does not know goes on: the report names the one element that matters. */
static enum err take_targeted(struct post *post, struct agent *agent, uint32_t se, struct fault *fault)
{
	if (se >= AGENT_MAX_ELEMENTS)
		return bad(post, 400, fault, "the URI is none of ours");
	while (agent->element_count <= se)
		agent->elements[agent->element_count++] = (struct element){ .is_report_required = true };
	snprintf(agent->elements[se].identifier, ELEMENT_NAME_SIZE, "%.*s", (int)post->said.targeted_se.len,
		 (const char *)post->said.targeted_se.at);
	agent->elements[se].is_listed = true;
	agent->names_elements = true;
	return ERR_NONE;
}

/* The secure elements of a session that begins. */
static enum err take_elements(struct post *post, struct agent *agent, const struct place *place,
			      struct fault *fault)
{
	if (post->said.se_list.at != NULL)
		return take_list(post, agent, fault);
	if (post->said.has_status && place->is_ours && post->said.targeted_se.at != NULL)
		return take_targeted(post, agent, place->se, fault);
	if (is_amendment_b(post)) { /* a card is one by itself, and does not name itself */
		agent->elements[agent_element(agent, bytes_of(NULL, 0))].is_listed = true;
		agent->names_elements = false;
		return ERR_NONE;
	}
	if (post->said.is_resuming && agent->element_count > 0)
		return ERR_NONE;
	return bad(post, 400, fault, "X-Admin-SE-List is missing in the first request of a session");
}

static void copy_text(char to[static AGENT_TEXT_SIZE], struct bytes text)
{
	snprintf(to, AGENT_TEXT_SIZE, "%.*s", (int)text.len, (const char *)text.at);
}

static enum err begin(struct post *post, struct agent *agent, const struct place *place, struct fault *fault)
{
	enum err err = take_elements(post, agent, place, fault);

	if (err != ERR_NONE)
		return err;
	copy_text(agent->protocol, post->said.protocol);
	copy_text(agent->identifier,
		  post->said.from.at != NULL ? post->said.from : bytes_of_text(post->endpoint));
	copy_text(agent->path, bytes_of_text(post->request->path));
	return agent_begin(agent) == ERR_NONE ? ERR_NONE : bad(post, 503, fault, "no session can begin now");
}

/* ---- reports ---- */

static enum err check_report(struct post *post, const struct agent *agent, const struct place *place,
			     struct fault *fault)
{
	if (!place->is_ours || place->se >= agent->element_count)
		return bad(post, 409, fault, "X-Admin-Script-Status: the URI names no script of this server");
	if (post->said.targeted_se.at == NULL && post->said.response.len > 0 && agent->names_elements)
		return bad(post, 400, fault, "X-Admin-Targeted-SE is missing beside a script response");
	if (post->said.targeted_se.at != NULL &&
	    !element_is_named(&agent->elements[place->se], post->said.targeted_se))
		return bad(post, 409, fault,
			   "X-Admin-Targeted-SE is not the secure element that the script was for");
	return ERR_NONE;
}

static enum err take_report(struct post *post, struct agent *agent, const struct place *place, bool begins,
			    struct turn *turn, struct fault *fault)
{
	struct element *element;
	enum err err = check_report(post, agent, place, fault);

	if (err != ERR_NONE)
		return err;
	element = &agent->elements[place->se];
	if (element->response_id == place->request)
		return ERR_NONE; /* once more */
	if (place->request < element->response_id ||
	    (!begins &&
	     (element->state != SERAM_RUNNING || element->is_due || element->request_id != place->request)))
		return bad(post, 409, fault, "X-Admin-Script-Status: no script is waited for under this URI");
	if (element_report(element, place->request, post->said.status, post->said.response) != ERR_NONE)
		return bad(post, 503, fault, "no memory for the response");
	turn->is_report = true;
	turn->element = place->se;
	return ERR_NONE;
}

/* ---- one POST ---- */

static const char *describe(const struct post *post)
{
	const struct admin_request *said = &post->said;
	struct arena *arena = post->request->arena;
	const char *resumes = said->is_resuming ? ", resumes" : "";
	const char *text = NULL;

	if (said->has_status)
		text = arena_printf(arena, "POST: the script ended with %s, response of %zu bytes%s",
				    seram_status_row(said->status)->spelling, said->response.len, resumes);
	else if (said->se_list.at != NULL)
		text = arena_printf(arena, "POST: first request, with %.*s%s", (int)said->se_list.len,
				    (const char *)said->se_list.at, resumes);
	return text != NULL ? text : said->is_resuming ? "POST: resumes" : "POST: asks for a script";
}

static enum err take(struct post *post, struct agent *agent, struct turn *turn, struct fault *fault)
{
	const struct cardea_http_request *request = post->request;
	const size_t element_count = agent->element_count;
	struct place place = {
		.is_ours = query_number(request->query, "se", AGENT_MAX_ELEMENTS - 1, &place.se) &&
			   query_number(request->query, "request", MAX_REQUEST_ID, &place.request)
	};
	const bool begins = agent->session[0] == '\0' ||
			    !bytes_equal_text(query_value(request->query, "session"), agent->session);
	enum err err = ERR_NONE;

	if (begins)
		err = begin(post, agent, &place, fault);
	else if (post->said.se_list.at != NULL)
		err = take_list(post, agent, fault);
	if (err == ERR_NONE && post->said.has_status)
		err = take_report(post, agent, &place, begins, turn, fault);
	if (err != ERR_NONE)
		return err;
	turn->is_new = begins || post->said.is_resuming || agent->element_count != element_count;
	if (post->said.is_resuming)
		agent_break(agent);
	else if (!turn->is_report)
		agent_repeat(agent, request);
	return ERR_NONE;
}

static void converse(struct gateway *gateway, struct post *post, struct fault *fault)
{
	struct turn turn = { .request = post->request, .dialect = &admin_dialect, .text = describe(post) };
	struct agent *agent = agent_find(gateway, post->endpoint);
	const bool is_known = agent != NULL;
	enum err err = is_known ? ERR_NONE : agent_make(gateway, post->endpoint, &agent);

	if (err != ERR_NONE) {
		refuse(gateway, post->endpoint, post->request->id, 503, "as many agents are known as may be");
		return;
	}
	err = take(post, agent, &turn, fault);
	if (err == ERR_NONE)
		err = agent_take_turn(agent, &turn, fault);
	else if (!is_known)
		agents_forget(agent);
	if (err != ERR_NONE)
		refuse(gateway, post->endpoint, post->request->id,
		       post->status != 0     ? post->status
		       : err == ERR_CONFLICT ? 409
					     : 503,
		       fault->text);
}

void admin_serve(struct gateway *gateway, const struct cardea_http_request *request)
{
	struct post post = { .request = request };
	struct fault fault = { 0 };
	enum err err = read_message(&post, &fault);

	if (err == ERR_NONE)
		err = check_fields(&post, &fault);
	if (err == ERR_NONE)
		err = identify(&post, &fault);
	if (err != ERR_NONE)
		refuse(gateway, NULL, request->id, post.status, fault.text);
	else if (request->endpoint[0] == '\0' &&
		 gateway->server->needs_credential(gateway->host, post.endpoint))
		refuse(gateway, NULL, request->id, 403,
		       "X-Admin-From: this device has to come with its credential");
	else
		converse(gateway, &post, &fault);
}
