/* The object 30401 as the server uses it: what its instance says, what is written to it. */
#ifndef SE_SERAM_H
#define SE_SERAM_H

#include <cardea/lwm2m.h>

#include "seram/seram_table.h"

/* One instance, read. Numbers that the agent does not tell have the defaults of the table. */
struct seram_instance {
	struct bytes identifier, agent, reader_name, error_text, atr;
	int64_t type;
	enum seram_se_state se_state;
	enum seram_agent_state agent_state;
	uint32_t request_id, response_id;
	struct bytes response;
	int64_t script_status;
	bool has_channel_state, is_channel_open;
	bool was_interrupted;
	uint32_t executed;
	uint32_t max_request_bytes, max_response_bytes;
	bool has_stop_on_error;
	bool speaks_scripts, speaks_seram2; /* as it announces; one that announces nothing speaks scripts */
	int64_t settings[SERAM_SETTINGS]; /* as it has them; -1 for a resource that it has not */
};

/* ERR_MALFORMED names the resource that is missing or out of range. */
MUST_CHECK enum err seram_instance_read(struct lwm2m_records records, uint16_t instance,
					struct seram_instance *ret_instance, struct fault *fault);

/* "//aid/A000000151/000000"; an empty AID stands for the basic channel. NULL when the arena is exhausted. */
const char *seram_target(struct arena *arena, struct bytes aid);

/* What is written together before Run. */
struct seram_request {
	uint32_t id;
	struct bytes target_aid, body;
	bool has_stop_on_error, stop_on_error;
	int64_t settings[SERAM_SETTINGS]; /* -1: not written */
};
MUST_CHECK enum err seram_request_records(struct arena *arena, uint16_t instance,
					  const struct seram_request *request,
					  struct lwm2m_records *ret_records);

#endif
