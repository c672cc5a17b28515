/* What an operation keeps between two steps. */
#ifndef FIRMWARE_KEPT_H
#define FIRMWARE_KEPT_H

#include "object.h"

#define KEPT_REASON_SIZE FAULT_TEXT_SIZE

enum phase { /* what was asked of the host last */
	     PHASE_BEGIN,
	     PHASE_OBJECT,  /* Read /5/0 */
	     PHASE_VERSION, /* Read /3/0/3 */
	     PHASE_OBSERVE_STATE,
	     PHASE_OBSERVE_RESULT,
	     PHASE_RESET,         /* an empty URI */
	     PHASE_RESET_PACKAGE, /* a package of one 0 byte, for devices that take no URI */
	     PHASE_SEVERITY,
	     PHASE_MAX_DEFER,
	     PHASE_DELIVER, /* the package, or where it is */
	     PHASE_EXECUTE, /* Update, or Cancel */
	     PHASE_WAIT,
	     PHASE_STOP, /* an empty URI before the job fails */
	     PHASE_COUNT,
};

enum delivery { DELIVERY_UNDECIDED, DELIVERY_PUSH, DELIVERY_PULL, DELIVERY_COUNT };

struct kept {
	enum phase phase;
	struct view view;
	char previous_version[VERSION_SIZE];
	int64_t deadline_ms;

	bool has_begun; /* something was asked of the device that changes it */
	bool is_observing, cannot_observe;
	bool is_reset;                            /* since the last delivery */
	bool severity_written, max_defer_written; /* to a device that has them, when the order says them */

	/* the delivery under way; `asked`: it may have arrived, `answered`: it has */
	enum delivery delivery;
	bool delivery_asked, delivery_answered;
	uint8_t deliveries;
	bool update_asked;
	uint8_t updates;
	uint8_t refusal; /* the code of the answer to the delivery or to the update, when it was no success */
	int64_t changed_ms; /* when the last of the two was answered */
	uint32_t poll_ms;

	enum err ending; /* of PHASE_STOP */
	char reason[KEPT_REASON_SIZE];
};

/* In the arena. ERR_NOMEM. */
MUST_CHECK enum err kept_build(const struct kept *kept, struct arena *arena, struct bytes *ret_state);
/* ERR_MALFORMED: not written by this version of the plugin. */
MUST_CHECK enum err kept_parse(struct bytes state, struct kept *ret_kept);

#endif
