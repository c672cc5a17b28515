/* SERAM 2.0.0: an Order or a Report, with each command or answer in it */
#include "explain/explain.h"
#include "seram/seram2.h"

static enum err explain_list(struct explanation *e, const struct bytes *apdus, size_t count, const char *what,
			     enum err (*explain)(struct explanation *e, struct bytes apdu))
{
	enum err err = ERR_NONE;

	for (size_t i = 0; i < count && err == ERR_NONE; i++) {
		explain_line(e, "%s %zu", what, i + 1);
		e->depth++;
		if (apdus[i].len == 0)
			explain_line(e, "none");
		else
			err = explain(e, apdus[i]);
		e->depth--;
	}
	return err;
}

static enum err explain_order(struct explanation *e, const struct seram2_order *order)
{
	enum err err = ERR_NONE;

	explain_line(e, "Order of SERAM 2.0.0, the next request after %u ms", order->delay_ms);
	e->depth++;
	if (order->has_element)
		explain_line(e, "secure element  %s %s%s%s", order->element.type, order->element.id,
			     order->element.extra != NULL ? ", " : "",
			     order->element.extra != NULL ? order->element.extra : "");
	for (size_t i = 0; i < order->command_count && err == ERR_NONE; i++) {
		const struct seram2_command *command = &order->commands[i];
		explain_line(e, "%s%s%s", seram2_command_text(command->kind),
			     command->notification != NULL ? "  " : "",
			     command->notification != NULL ? command->notification : "");
		e->depth++;
		err = explain_list(e, command->apdus, command->apdu_count, "command", explain_command);
		e->depth--;
	}
	return err;
}

static enum err explain_report(struct explanation *e, const struct seram2_report *report)
{
	enum err err = ERR_NONE;

	explain_line(e, "Report of SERAM 2.0.0: %s", seram2_status_text(report->status));
	e->depth++;
	if (report->has_executed)
		explain_line(e, "executed commands  %u", report->executed);
	if (report->error_text != NULL)
		explain_line(e, "error  %s", report->error_text);
	for (size_t i = 0; i < report->response_count && err == ERR_NONE; i++) {
		explain_line(e, "response %zu", i + 1);
		e->depth++;
		err = explain_list(e, report->responses[i].apdus, report->responses[i].apdu_count, "answer",
				   explain_response);
		e->depth--;
	}
	return err;
}

/* A Report has a status; what has none is an Order, if anything. */
enum err explain_seram2(struct explanation *e, struct bytes json)
{
	struct arena *arena = e->text->arena;
	struct seram2_report report;
	struct seram2_order order;

	if (seram2_report_parse(json, arena, &report, NULL) == ERR_NONE)
		return explain_report(e, &report);
	enum err err = seram2_order_parse(json, arena, &order, e->fault);
	return err == ERR_NONE ? explain_order(e, &order) : err;
}
