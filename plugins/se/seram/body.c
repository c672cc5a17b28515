/* TS 102 226 templates, SERAM 2.0.0 messages, single APDUs: object 30401, Body Format 0, 1 and 2 */
#include "seram/body.h"

#include "seram/seram2.h"
#include "seram/seram_table.h"

/* ---- scripts ---- */

static size_t script_overhead(struct bytes select_aid)
{
	(void)select_aid;
	return SCRIPT_OVERHEAD;
}

static size_t script_answer_size(size_t answer_bytes)
{
	return script_command_size(answer_bytes);
}

static enum err build_script(struct arena *arena, const struct body_request *request, struct bytes *ret_body,
			     struct fault *fault)
{
	return script_build(arena, request->commands, request->count, request->actions, request->action_count,
			    true, ret_body, fault);
}

static enum err build_definite(struct arena *arena, const struct body_request *request,
			       struct bytes *ret_body, struct fault *fault)
{
	return script_build(arena, request->commands, request->count, request->actions, request->action_count,
			    false, ret_body, fault);
}

static enum err parse_script(struct bytes body, const struct body_request *request, struct arena *arena,
			     struct body_response *ret_response, struct fault *fault)
{
	struct script_response script;
	enum err err = script_response_parse(body, arena, &script, fault);

	(void)request;
	if (err == ERR_NONE)
		*ret_response = (struct body_response){
			.responses = script.responses,
			.count = script.response_count,
			.refusal = script_refusal_text(&script),
			.is_length_refused = script.response_count == 0 && script.has_bad_format &&
					     script.bad_format == SCRIPT_LENGTH_NOT_FOUND,
			.status = SERAM_STATUS_OK,
		};
	return err;
}

/* ---- SERAM 2.0.0 ---- */

/* Braces, names, two commands' types and a list, with a delay of 0. */
#define ORDER_OVERHEAD  160
#define REPORT_OVERHEAD 192 /* with a message of the agent */
#define QUOTES          3   /* and a comma */

static size_t order_overhead(struct bytes select_aid)
{
	return ORDER_OVERHEAD + (select_aid.len == 0 ? 0 : QUOTES + 2 * (select_aid.len + 6));
}

static size_t order_text_size(size_t bytes)
{
	return QUOTES + 2 * bytes;
}

static enum err build_select(struct arena *arena, struct bytes aid, struct bytes *ret_select)
{
	const struct command select = {
		.ins = INS_SELECT, .p1 = 0x04, .data = aid, .has_le = true
	}; /* by name, first or only occurrence */
	struct builder b = builder_in(arena);

	build_command(&b, &select);
	return builder_bytes(&b, ret_select);
}

/* A session starts with each selection: an agent that was restarted in between knows of none [ours]. */
static enum err build_order(struct arena *arena, const struct body_request *request, struct bytes *ret_body,
			    struct fault *fault)
{
	const size_t selects = request->select_aid.len > 0;
	struct bytes *apdus = arena_alloc_array(arena, request->count + 1, sizeof(*apdus));
	enum err err = apdus == NULL ? ERR_NOMEM : ERR_NONE;

	if (request->action_count > 0)
		return fault_set(fault, ERR_UNSUPPORTED, "SERAM 2.0.0 has no actions and no chaining");
	if (err == ERR_NONE && selects)
		err = build_select(arena, request->select_aid, &apdus[0]);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < request->count; i++)
		apdus[selects + i] = request->commands[i];
	const struct seram2_command commands[] = {
		{ .kind = SERAM2_START },
		{ .kind = SERAM2_APDUS, .apdus = apdus, .apdu_count = selects + request->count },
	};
	const struct seram2_order order = {
		.commands = selects ? commands : &commands[1],
		.command_count = 1 + selects,
	};
	return seram2_order_build(arena, &order, ret_body, fault);
}

/* Without an answer the agent opened the channel by its own means. A warning is no refusal. */
static bool is_selected(struct bytes answer, int64_t *ret_status)
{
	struct response response;

	if (answer.len == 0 || response_parse(answer, &response, NULL) != ERR_NONE || sw_is_done(response.sw))
		return true;
	*ret_status = response.sw == SW_NOT_FOUND ? SERAM_STATUS_UNKNOWN_APPLICATION
						  : SERAM_STATUS_TEMPORARILY_UNAVAILABLE_APPLICATION;
	return false;
}

/* Up to the first C-APDU without an answer: nothing behind it may have one. */
static enum err take_answers(struct bytes const *apdus, size_t count, struct response *responses,
			     struct body_response *response, struct fault *fault)
{
	size_t answered = 0;

	while (answered < count && apdus[answered].len > 0) {
		enum err err = response_parse(apdus[answered], &responses[answered], fault);
		if (err != ERR_NONE)
			return err;
		answered++;
	}
	for (size_t i = answered; i < count; i++) {
		if (apdus[i].len > 0)
			return fault_set(fault, ERR_MALFORMED,
					 "command %zu has an answer, the one before it has none", i + 1);
	}
	response->responses = responses;
	response->count = answered;
	return ERR_NONE;
}

static int64_t status_of(enum seram2_status status)
{
	static const enum seram_script_status statuses[SERAM2_STATUSES] = {
		[SERAM2_POLLING] = SERAM_STATUS_OK,
		[SERAM2_PROCESSED] = SERAM_STATUS_OK,
		[SERAM2_UNAVAILABLE_SE] = SERAM_STATUS_UNAVAILABLE_SE,
		[SERAM2_UNKNOWN_FAILURE] = SERAM_STATUS_TEMPORARILY_UNAVAILABLE_APPLICATION,
		[SERAM2_UNGRANTED_ACCESS] = SERAM_STATUS_SECURITY_ERROR,
	};

	return statuses[status];
}

static enum err parse_report(struct bytes body, const struct body_request *request, struct arena *arena,
			     struct body_response *ret_response, struct fault *fault)
{
	const size_t selects = request->select_aid.len > 0;
	struct seram2_report report;
	struct body_response response = { 0 };
	enum err err = seram2_report_parse(body, arena, &report, fault);

	if (err != ERR_NONE)
		return err;
	if (report.response_count > 1)
		return fault_set(fault, ERR_MALFORMED, "%zu responses to one command", report.response_count);
	response.status = status_of(report.status);
	response.error_text = report.error_text;
	const struct bytes *apdus = report.response_count > 0 ? report.responses[0].apdus : NULL;
	const size_t count = report.response_count > 0 ? report.responses[0].apdu_count : 0;
	struct response *responses = arena_alloc_array(arena, count + 1, sizeof(*responses));
	if (responses == NULL)
		return ERR_NOMEM;
	if (count > selects && (selects == 0 || is_selected(apdus[0], &response.status)))
		err = take_answers(&apdus[selects], count - selects, responses, &response, fault);
	else if (count > 0 && selects > 0)
		is_selected(apdus[0], &response.status);
	if (err == ERR_NONE)
		*ret_response = response;
	return err;
}

/* ---- single commands ---- */

static size_t no_overhead(struct bytes select_aid)
{
	(void)select_aid;
	return 0;
}

static size_t same_size(size_t bytes)
{
	return bytes;
}

static enum err build_apdu(struct arena *arena, const struct body_request *request, struct bytes *ret_body,
			   struct fault *fault)
{
	struct command command;

	(void)arena;
	if (request->count != 1 || request->action_count > 0)
		return fault_set(fault, ERR_UNSUPPORTED, "a raw body carries one command and nothing else");
	enum err err = command_parse(request->commands[0], &command, fault);
	if (err == ERR_NONE)
		*ret_body = request->commands[0];
	return err;
}

static enum err parse_apdu(struct bytes body, const struct body_request *request, struct arena *arena,
			   struct body_response *ret_response, struct fault *fault)
{
	struct response *response = arena_alloc(arena, sizeof(*response));

	(void)request;
	if (response == NULL)
		return ERR_NOMEM;
	enum err err = response_parse(body, response, fault);
	if (err == ERR_NONE)
		*ret_response = (struct body_response){ .responses = response,
							.count = 1,
							.status = SERAM_STATUS_OK };
	return err;
}

/* ---- the table ---- */

static const struct body bodies[BODY_FORM_COUNT] = {
	[BODY_SCRIPT] = { "ts102226", 0, false, SIZE_MAX, SERAM_RESPONSE_OVERHEAD, script_overhead,
			  script_command_size, script_answer_size, build_script, parse_script },
	[BODY_SCRIPT_DEFINITE] = { "ts102226-definite", 0, false, SIZE_MAX, SERAM_RESPONSE_OVERHEAD,
				   script_overhead, script_command_size, script_answer_size, build_definite,
				   parse_script },
	[BODY_ORDER] = { "seram2", 1, true, SERAM2_MAX_APDUS - 1, REPORT_OVERHEAD, order_overhead,
			 order_text_size, order_text_size, build_order, parse_report },
	[BODY_APDU] = { "raw", 2, false, 1, 0, no_overhead, same_size, same_size, build_apdu, parse_apdu },
};

const struct body *body_of(enum body_form form)
{
	return &bodies[form];
}
