#include "agent_body.h"

#include "order.h"

/* ---- TS 102 226 templates ---- */

static enum err parse_template(struct arena *arena, struct bytes request, struct script *ret_script,
			       struct script_end *ret_end, struct fault *fault)
{
	enum script_bad_format bad_format = BAD_FORMAT_WRONG_LENGTH;
	enum err err = script_parse(arena, request, ret_script, &bad_format, fault);

	if (err == ERR_MALFORMED)
		*ret_end = SCRIPT_END_BAD_FORMAT((uint8_t)bad_format);
	return err;
}

static size_t same_size(size_t bytes)
{
	return bytes;
}

static void build_template_answer(struct builder *answers, size_t list, struct bytes answer)
{
	(void)list;
	build_script_answer(answers, answer);
}

static void build_template(struct builder *b, const struct agent_outcome *outcome)
{
	build_script_response(b, outcome->is_indefinite, outcome->executed, outcome->answers, outcome->end);
}

/* ---- SERAM 2.0.0 ---- */

static enum err parse_order(struct arena *arena, struct bytes request, struct script *ret_script,
			    struct script_end *ret_end, struct fault *fault)
{
	(void)ret_end;
	return order_parse(arena, request, ret_script, fault);
}

static size_t text_size(size_t bytes)
{
	return 2 * bytes + 3;
}

/* What the resource Script Status says, in the words of a Report. */
static enum report_status report_status_of(enum script_status status)
{
	switch (status) {
	case SCRIPT_NONE_YET:
	case SCRIPT_OK:
		return REPORT_PROCESSED;
	case SCRIPT_UNAVAILABLE_SE:
		return REPORT_UNAVAILABLE_SE;
	case SCRIPT_SECURITY_ERROR:
		return REPORT_UNGRANTED_ACCESS;
	default:
		return REPORT_UNKNOWN_FAILURE;
	}
}

static void build_order_report(struct builder *b, const struct agent_outcome *outcome)
{
	const struct report report = {
		.status = outcome->status == SCRIPT_OK && outcome->executed == 0
				  ? REPORT_POLLING
				  : report_status_of(outcome->status),
		.executed = outcome->lists,
		.error = outcome->error,
		.answers = outcome->answers,
	};

	build_report(b, &report);
}

/* ---- one command ---- */

static enum err parse_apdu(struct arena *arena, struct bytes request, struct script *ret_script,
			   struct script_end *ret_end, struct fault *fault)
{
	struct script_command *command = arena_alloc(arena, sizeof(*command));

	(void)ret_end;
	if (command == NULL)
		return ERR_NOMEM;
	if (!script_is_command_apdu(request))
		return fault_set(fault, ERR_MALFORMED, "not a C-APDU");
	*command = (struct script_command){ .tag = SCRIPT_COMMAND_APDU, .value = request };
	*ret_script = (struct script){ .commands = command, .count = 1 };
	return ERR_NONE;
}

static void build_apdu(struct builder *answers, size_t list, struct bytes answer)
{
	(void)list;
	build_bytes(answers, answer);
}

static void build_apdu_response(struct builder *b, const struct agent_outcome *outcome)
{
	build_bytes(b, outcome->answers);
}

/* ---- the table ---- */

static const struct agent_body bodies[] = {
	[BODY_TEMPLATES] = { AGENT_PROTOCOL_SCRIPTS, false, false, parse_template, same_size,
			     build_template_answer, build_template },
	[BODY_ORDER] = { AGENT_PROTOCOL_ORDERS, true, true, parse_order, text_size, build_order_answer,
			 build_order_report },
	[BODY_RAW_APDU] = { NULL, false, false, parse_apdu, same_size, build_apdu, build_apdu_response },
};

const struct agent_body *agent_body_of(int64_t format)
{
	return format >= 0 && (size_t)format < sizeof(bodies) / sizeof(bodies[0]) ? &bodies[format] : NULL;
}
