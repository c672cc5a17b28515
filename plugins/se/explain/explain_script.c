/* ETSI TS 102 226, 5.2: a script of either direction, with each command or answer in it; or a message of
 * SERAM 2.0.0 */
#include <cardea/tlv.h>

#include "explain/explain.h"
#include "seram/script.h"
#include "seram/seram_table.h"

struct element_row {
	bool is_response; /* the direction in which the tag has this meaning */
	uint32_t tag;
	const char *name;
};

static const struct element_row element_rows[] = {
	{ false, TAG_IMMEDIATE_ACTION, "immediate action" },
	{ false, TAG_ERROR_ACTION, "error action" },
	{ false, TAG_CHAINING, "script chaining" },
	{ true, TAG_EXECUTED_COUNT, "executed commands" },
	{ true, TAG_IMMEDIATE_ACTION, "immediate action response" },
	{ true, TAG_CHAINING, "script chaining response" },
	{ true, TAG_BAD_FORMAT, "bad format" },
};

struct value_row {
	uint32_t tag;
	uint8_t value;
	const char *text;
};

static const struct value_row value_rows[] = {
	{ TAG_CHAINING, SCRIPT_CHAIN_FIRST, "first of a chain" },
	{ TAG_CHAINING, SCRIPT_CHAIN_FIRST_KEPT, "first of a chain that a reset of the card does not end" },
	{ TAG_CHAINING, SCRIPT_CHAIN_NEXT, "further one of a chain" },
	{ TAG_CHAINING, SCRIPT_CHAIN_LAST, "last of a chain" },
	{ TAG_IMMEDIATE_ACTION, SCRIPT_PROACTIVE_SESSION, "proactive session" },
	{ TAG_IMMEDIATE_ACTION, SCRIPT_EARLY_RESPONSE, "early response" },
};

/* What a command's element asks for, where that is known. */
static void explain_action(struct explanation *e, uint32_t tag, struct bytes value)
{
	if (tag == TAG_ERROR_ACTION && value.len == 0)
		explain_line(e, "  nothing is done, the script goes on");
	for (size_t i = 0; i < sizeof(value_rows) / sizeof(value_rows[0]); i++) {
		if (value_rows[i].tag == tag && value.len == 1 && value.at[0] == value_rows[i].value)
			explain_line(e, "  %s", value_rows[i].text);
	}
}

static void explain_other(struct explanation *e, bool is_response, uint32_t tag, struct bytes value)
{
	const char *name = "unknown element";

	for (size_t i = 0; i < sizeof(element_rows) / sizeof(element_rows[0]); i++) {
		if (element_rows[i].is_response == is_response && element_rows[i].tag == tag)
			name = element_rows[i].name;
	}
	explain_bytes(e, name, value);
	if (!is_response)
		explain_action(e, tag, value);
}

static enum err explain_script_elements(struct explanation *e, const struct script_template *template)
{
	struct reader r = reader_of(template->elements);
	unsigned number = 0;
	enum err err = ERR_NONE;
	uint32_t tag;
	struct bytes value;

	while (err == ERR_NONE && read_tlv(&r, &tag, &value)) {
		if (tag == TAG_COMMAND && !template->is_response) {
			explain_line(e, "command %u", ++number);
			e->depth++;
			err = explain_command(e, value);
			e->depth--;
		} else if (tag == TAG_RESPONSE && template->is_response) {
			explain_line(e, "answer %u", ++number);
			e->depth++;
			err = explain_response(e, value);
			e->depth--;
		} else {
			explain_other(e, template->is_response, tag, value);
		}
	}
	if (err == ERR_NONE && r.bad)
		err = fault_set(e->fault, ERR_MALFORMED, "the last element does not end inside the script");
	return err;
}

/* Why the script was refused, when the response says so. */
static void explain_refusal(struct explanation *e, struct bytes content)
{
	struct script_response response;

	if (script_response_parse(content, e->text->arena, &response, NULL) != ERR_NONE)
		return;
	const char *text = script_refusal_text(&response);
	if (text != NULL)
		explain_line(e, "refused: %s", text);
}

enum err explain_script_at(struct explanation *e, struct bytes content)
{
	struct script_template template;
	enum err err = script_open(content, &template, e->fault);

	if (err != ERR_NONE)
		return err;
	explain_line(e, "%s script of %s length, %zu bytes", template.is_response ? "response" : "command",
		     template.is_indefinite ? "indefinite" : "definite", content.len);
	e->depth++;
	err = explain_script_elements(e, &template);
	if (template.is_response)
		explain_refusal(e, content);
	e->depth--;
	return err;
}

enum err explain_script(struct bytes content, struct builder *text, struct fault *fault)
{
	struct explanation e = { .text = text, .fault = fault };

	return content.len > 0 && content.at[0] == '{' ? explain_seram2(&e, content)
						       : explain_script_at(&e, content);
}
