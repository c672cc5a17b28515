/* The formats of requests and responses that the agent takes (resource 10), behind one interface. */
#ifndef DEVICE_AGENT_BODY_H
#define DEVICE_AGENT_BODY_H

#include "agent.h"

struct agent_outcome {
	bool is_indefinite;
	size_t executed;      /* elements of the script */
	size_t lists;         /* of an order, that were executed */
	struct bytes answers; /* as build_answer made them */
	struct script_end end;
	enum script_status status;
	const char *error;
};

struct agent_body {
	const char *protocol;    /* that announces it; NULL: goes with any */
	bool selects_by_command; /* what a script selects is in it, and no target is */
	bool reports_always;     /* a script that did not run has a response too */
	/* ERR_MALFORMED; ret_end: what a response says of that. */
	enum err (*parse)(struct arena *arena, struct bytes request, struct script *ret_script,
			  struct script_end *ret_end, struct fault *fault);
	size_t (*answer_size)(size_t answer_bytes);
	void (*build_answer)(struct builder *answers, size_t list, struct bytes answer);
	void (*build_response)(struct builder *b, const struct agent_outcome *outcome);
};

/* NULL for a format that does not exist. */
const struct agent_body *agent_body_of(int64_t format);

#endif
