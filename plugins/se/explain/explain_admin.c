/* Remote administration over HTTP (GPC Amendment B, SERAM 1.0.1): its messages, and what tells a card to
 * begin. */
#include <ctype.h>

#include "explain/explain.h"
#include "seram/seram_http.h"
#include "seram/seram_parameters.h"

#define LONGEST_TEXT 160 /* else it does not fit a line */

static bool is_readable(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (iscntrl(text.at[i]))
			return false;
	}
	return text.len <= LONGEST_TEXT && bytes_are_utf8(text);
}

static void explain_text(struct explanation *e, const char *name, struct bytes text)
{
	if (is_readable(text))
		explain_line(e, "%s  %.*s", name, (int)text.len, (const char *)text.at);
	else
		explain_bytes(e, name, text);
}

static enum err explain_body(struct explanation *e, struct bytes body)
{
	enum err err;

	if (body.len == 0)
		return ERR_NONE;
	explain_line(e, "body of %zu bytes", body.len);
	err = body.at[0] == '{' ? explain_seram2(e, body) : explain_script_at(e, body);
	if (err == ERR_MALFORMED) { /* of another type: it says so itself */
		*e->fault = (struct fault){ .kind = ERR_NONE };
		explain_bytes(e, "bytes", body);
		err = ERR_NONE;
	}
	return err;
}

enum err explain_http(struct bytes content, struct builder *text, struct fault *fault)
{
	struct explanation e = { .text = text, .fault = fault };
	struct http_message message;
	enum err err = http_message_parse(content, text->arena, &message, fault);

	if (err == ERR_UNAVAILABLE)
		return fault_set(fault, ERR_MALFORMED, "the message is not whole");
	if (err != ERR_NONE)
		return err;
	explain_text(&e, "HTTP", message.start_line);
	e.depth++;
	for (size_t i = 0; i < message.field_count; i++) {
		const struct bytes name = message.fields[i].name;
		const char *text_of_name =
			is_readable(name) ? arena_strndup(text->arena, (const char *)name.at, name.len)
					  : "field";
		if (text_of_name == NULL)
			return ERR_NOMEM;
		explain_text(&e, text_of_name, message.fields[i].value);
	}
	return explain_body(&e, message.body);
}

enum err explain_session_parameters(struct bytes content, struct builder *text, struct fault *fault)
{
	struct explanation e = { .text = text, .fault = fault };
	struct session_parameters parameters;
	enum err err = session_parameters_parse(content, &parameters, fault);

	if (err != ERR_NONE)
		return err;
	explain_line(&e, "administration session parameters");
	e.depth++;
	if (parameters.connection.len > 0)
		explain_bytes(&e, "connection (OPEN CHANNEL)", parameters.connection);
	if (parameters.has_security) {
		explain_text(&e, "PSK identity", parameters.psk_identity);
		explain_line(&e, "key  version %02X identifier %02X", parameters.key_version,
			     parameters.key_id);
	}
	if (parameters.extended_security.len > 0)
		explain_bytes(&e, "extended security", parameters.extended_security);
	if (parameters.retry.len > 0)
		explain_bytes(&e, "retry policy", parameters.retry);
	if (parameters.has_http) {
		explain_text(&e, "host", parameters.host);
		explain_text(&e, "agent identifier", parameters.agent);
		explain_text(&e, "URI", parameters.uri);
	}
	if (parameters.dns.len > 0)
		explain_bytes(&e, "DNS", parameters.dns);
	return ERR_NONE;
}
