/* Messages of SERAM 2.0.0 as the agent has to take and give them: an Order in, a Report out. Strict, as its schema
 * spells them; what only the published examples have is refused. */
#ifndef DEVICE_ORDER_H
#define DEVICE_ORDER_H

#include "script.h"

enum report_status {
	REPORT_POLLING,
	REPORT_PROCESSED,
	REPORT_UNAVAILABLE_SE,
	REPORT_UNKNOWN_FAILURE,
	REPORT_UNGRANTED_ACCESS,
};

/* As script_parse: commands of the order one after another, C-APDUs with the number of their list. */
MUST_CHECK enum err order_parse(struct arena *arena, struct bytes json, struct script *ret_script,
				struct fault *fault);

struct report {
	enum report_status status;
	size_t executed;     /* lists of C-APDUs */
	const char *error;   /* "": none */
	struct bytes answers; /* of build_order_answer, one after another */
};

/* One answer in the bytes that a report is made of; an empty one says that there is none. `list`: of which list. */
void build_order_answer(struct builder *b, size_t list, struct bytes answer);
void build_report(struct builder *b, const struct report *report);

#endif
