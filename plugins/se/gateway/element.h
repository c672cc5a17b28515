/* One secure element behind an agent that speaks HTTP, as an instance of object 30401: what is written to it and run
 * becomes the next script of the agent, what the agent reports becomes its response. */
#ifndef SE_GATEWAY_ELEMENT_H
#define SE_GATEWAY_ELEMENT_H

#include <cardea/gateway.h>

#include "seram/seram_table.h"

#define ELEMENT_NAME_SIZE 128 /* of an SE identifier, with its 0 */

struct element {
	char identifier[ELEMENT_NAME_SIZE]; /* "//se-id/CUD/0123"; "" while it is not known */
	bool is_listed;                     /* by the agent, in this session */
	char target[64];
	uint32_t request_id, stored_id;
	uint8_t *request; /* the script; owned */
	size_t request_len;
	bool is_confidential, is_report_required;
	enum seram_agent_state state;
	bool is_due; /* Run was executed, and the agent does not have the script yet */
	int64_t status;
	uint32_t response_id;
	uint8_t *response; /* owned */
	size_t response_len;
	bool was_interrupted, is_channel_open;
};

/* What all elements of an agent share. */
struct element_terms {
	const char *protocol, *agent_identifier;
	uint32_t max_request_bytes, max_response_bytes;
	int64_t body_format; /* resource 10, the one that it takes */
};

/* Answers with a CoAP code; `ret_records` lie in the arena, with copies of what they point to. */
uint8_t element_ask(struct element *element, uint16_t instance, const struct element_terms *terms,
		    const struct cardea_ask *ask, struct lwm2m_records *ret_records);
void element_wipe(struct element *element);

static inline struct bytes element_script(const struct element *element)
{
	return bytes_of(element->request, element->request_len);
}

/* The agent has the script from now on. */
void element_given(struct element *element);
/* The report on the script of `id`, which was given before. ERR_NOMEM. */
MUST_CHECK enum err element_report(struct element *element, uint32_t id, int64_t status, struct bytes response);
/* The agent began anew: its channel is closed, and whether a script that it was given has run is not known. */
void element_break(struct element *element);

/* "//se-id/<type>/<value>" (SERAM 1.0.1 as restated). */
bool element_name_is_valid(struct bytes name);
bool element_is_named(const struct element *element, struct bytes name);

#endif
