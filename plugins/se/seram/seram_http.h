/* The HTTP messages of remote administration: Amendment B of GlobalPlatform (a card is the client, also called SCP81)
 * and SERAM, which adds to it. What an agent posts is read, what the server answers is built. */
#ifndef SE_SERAM_HTTP_H
#define SE_SERAM_HTTP_H

#include <cardea/gateway.h>

#define SERAM_HTTP_MAX_HEADERS 32

struct http_field {
	struct bytes name, value; /* without the blanks around it */
};

/* A message as it is on the wire: start line, header fields, body. */
struct http_message {
	struct bytes start_line;
	struct http_field fields[SERAM_HTTP_MAX_HEADERS];
	size_t field_count;
	struct bytes body; /* of Content-Length or put together from its chunks */
};

/* ERR_MALFORMED says what; ERR_LIMIT for more than 32 header fields; ERR_UNAVAILABLE while the message is not whole. */
MUST_CHECK enum err http_message_parse(struct bytes wire, struct arena *arena, struct http_message *ret_message,
				       struct fault *fault);
/* Names are compared without case. Empty bytes at NULL when it is not there. */
struct bytes http_field_value(const struct http_message *message, const char *name);

/* What an agent says. */
struct admin_request {
	struct bytes path;              /* and query, as the last Next-URI said */
	struct bytes protocol, from;
	struct bytes se_list, targeted_se; /* SERAM only; empty in Amendment B */
	bool has_status;
	int64_t status; /* enum seram_script_status; an unknown one is the largest of them */
	bool is_resuming;
	struct bytes response; /* TS 102 226 template; empty without one */
};
/* ERR_MALFORMED names the field; ERR_UNSUPPORTED: the body is of another type. */
MUST_CHECK enum err admin_request_read(const struct http_message *message, struct admin_request *ret_request,
				       struct fault *fault);

/* What the server answers: with a script 200, without 204; without a next URI the session ends. */
struct admin_answer {
	const char *protocol;
	const char *next_uri;    /* NULL: none */
	const char *target;      /* "//aid/A000000151/000000"; NULL: the security domain that is connected */
	const char *targeted_se; /* SERAM only; NULL in Amendment B */
	struct bytes script;
};
#define ADMIN_ANSWER_FIELDS 5
/* The header fields but Content-Length. ERR_MALFORMED: a URI without query, which real cards refuse, or a line break in a value. */
MUST_CHECK enum err admin_answer_fields(const struct admin_answer *answer,
				        struct cardea_http_field ret_fields[static ADMIN_ANSWER_FIELDS], size_t *ret_count,
				        struct fault *fault);
/* The same as a whole message. */
MUST_CHECK enum err admin_answer_build(struct arena *arena, const struct admin_answer *answer, struct bytes *ret_wire,
				       struct fault *fault);

#endif
