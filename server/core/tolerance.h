/* What real devices do otherwise than they should and we take all the same: each a rule with a stable name.
 * Whoever reads leniently says by which rules; the registry counts them by device and tells who watches. */
#ifndef CARDEA_CORE_TOLERANCE_H
#define CARDEA_CORE_TOLERANCE_H

#include <stdint.h>

enum tolerance {
	/* Register and Update */
	TOLERANCE_VERSION_WITH_PATCH,
	TOLERANCE_MISSING_VERSION,
	TOLERANCE_MISSING_LIFETIME,
	TOLERANCE_QUEUE_LETTER,
	TOLERANCE_REGISTER_PARAMETER_IN_UPDATE,
	TOLERANCE_OBJECT_OUTSIDE_ROOT,
	TOLERANCE_BOOTSTRAP_OBJECT_LISTED,
	TOLERANCE_MISSING_LINK_FORMAT,
	TOLERANCE_REGISTERED_AGAIN,
	TOLERANCE_UPDATE_FROM_NEW_PORT,
	TOLERANCE_UPDATE_FROM_NEW_ADDRESS,
	TOLERANCE_LATE_UPDATE,
	/* answers and notifications */
	TOLERANCE_NOT_LISTENING_YET,
	TOLERANCE_LATE_ACK,
	TOLERANCE_MISSING_CONTENT_FORMAT,
	TOLERANCE_LEGACY_CONTENT_FORMAT,
	TOLERANCE_TLV_VALUE_LENGTH,
	TOLERANCE_TLV_INSTANCE_LENGTH,
	TOLERANCE_JSON_BASE_WITHOUT_SLASH,
	TOLERANCE_NOTIFY_FROM_NEW_PORT,
	TOLERANCE_REPEATED_OBSERVE_NUMBER,
	TOLERANCE_COUNT
};

/* Sets of rules. */
#define TOLERANCE_BIT(rule) (UINT32_C(1) << (rule))

const char *tolerance_name(enum tolerance rule); /* "missing-content-format" */
const char *tolerance_text(enum tolerance rule); /* what was relaxed, for people */

#endif
