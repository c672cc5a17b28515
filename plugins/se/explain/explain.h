/* Explains bytes of a smart card to a person: a line per field, indented by depth, as far as they can be read. */
#ifndef SE_EXPLAIN_H
#define SE_EXPLAIN_H

#include <cardea/plugin.h>

#include "gp/apdu.h"

struct explanation {
	struct builder *text;
	struct fault *fault;
	int depth;
};

/* A line at the current depth; the line feed is added. */
void explain_line(struct explanation *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "name  HEX (n bytes)"; long values go on in further lines. */
void explain_bytes(struct explanation *e, const char *name, struct bytes value);

/* As explain_bytes, with the name of each privilege (GPCS 6.6.1). */
void explain_privileges(struct explanation *e, const char *name, struct bytes value);

/* The elements of `data`, which lies in the template `parent` (0: at the top). ERR_MALFORMED. */
MUST_CHECK enum err explain_elements(struct explanation *e, struct bytes data, uint32_t parent);

/* ERR_MALFORMED. */
MUST_CHECK enum err explain_command(struct explanation *e, struct bytes apdu);
MUST_CHECK enum err explain_response(struct explanation *e, struct bytes apdu);
/* What INSTALL carries: its length-prefixed fields. ERR_MALFORMED. */
MUST_CHECK enum err explain_install(struct explanation *e, const struct command *command);

/* An Order or a Report of SERAM 2.0.0. ERR_MALFORMED, ERR_UNSUPPORTED, ERR_LIMIT. */
MUST_CHECK enum err explain_seram2(struct explanation *e, struct bytes json);

/* As cardea_explainer wants them. */
MUST_CHECK enum err explain_apdu(struct bytes content, struct builder *text, struct fault *fault);
MUST_CHECK enum err explain_command_apdu(struct bytes content, struct builder *text, struct fault *fault);
MUST_CHECK enum err explain_response_apdu(struct bytes content, struct builder *text, struct fault *fault);
MUST_CHECK enum err explain_tlv(struct bytes content, struct builder *text, struct fault *fault);
/* A script at the current depth. ERR_MALFORMED. */
MUST_CHECK enum err explain_script_at(struct explanation *e, struct bytes content);

MUST_CHECK enum err explain_scp80(struct bytes content, struct builder *text, struct fault *fault);
MUST_CHECK enum err explain_script(struct bytes content, struct builder *text, struct fault *fault);
MUST_CHECK enum err explain_http(struct bytes content, struct builder *text, struct fault *fault);
MUST_CHECK enum err explain_session_parameters(struct bytes content, struct builder *text, struct fault *fault);
MUST_CHECK enum err explain_cap(struct bytes content, struct builder *text, struct fault *fault);

#endif
