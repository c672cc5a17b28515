/* The bodies of requests and responses (resources 9 and 12): the same C-APDUs and answers in each format that agents
 * take. Everything above sees this and no format. */
#ifndef SE_BODY_H
#define SE_BODY_H

#include "gp/apdu.h"
#include "seram/script.h"

enum body_form {
	BODY_NONE,            /* not chosen yet */
	BODY_SCRIPT,          /* TS 102 226, indefinite length */
	BODY_SCRIPT_DEFINITE, /* the same, definite length */
	BODY_ORDER,           /* SERAM 2.0.0 Order and Report */
	BODY_APDU,            /* one command, its answer */
	BODY_FORM_COUNT
};

struct body_request {
	const struct bytes *commands;
	size_t count;
	struct bytes select_aid; /* what is to be selected first, where that is a command; empty: it is selected */
	const struct script_action *actions; /* of the forms that are scripts */
	size_t action_count;
};

struct body_response {
	const struct response *responses; /* to the first commands, in order */
	size_t count;
	const char *refusal; /* why the body itself was refused; NULL: it was not */
	bool is_length_refused; /* of a script: the form of its length, before anything ran */
	int64_t status;      /* what the body says of the run: enum seram_script_status */
	const char *error_text; /* NULL: none */
};

struct body {
	const char *name;
	uint8_t format; /* resource 10 */
	bool selects_by_command;
	size_t max_commands;
	size_t response_overhead; /* around all answers */

	/* How long it gets, at most: around all commands, with one command, with one answer and its status word. */
	size_t (*request_overhead)(struct bytes select_aid);
	size_t (*command_size)(size_t command_bytes);
	size_t (*answer_size)(size_t answer_bytes);

	/* ERR_MALFORMED names the command whose Lc does not fit; ERR_UNSUPPORTED for what it cannot carry. */
	enum err (*build)(struct arena *arena, const struct body_request *request, struct bytes *ret_body,
			  struct fault *fault);
	/* The response to this request. ERR_MALFORMED says where and why. */
	enum err (*parse)(struct bytes body, const struct body_request *request, struct arena *arena,
			  struct body_response *ret_response, struct fault *fault);
};

/* Not of BODY_NONE. */
const struct body *body_of(enum body_form form);

#endif
