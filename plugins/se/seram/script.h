/* Remote command scripts in the expanded format (ETSI TS 102 226, 5.2), with definite and indefinite length.
 */
#ifndef SE_SCRIPT_H
#define SE_SCRIPT_H

#include "gp/apdu.h"

enum script_tag {
	TAG_COMMAND_SCRIPT = 0xAA,
	TAG_COMMAND_SCRIPT_INDEFINITE = 0xAE,
	TAG_RESPONSE_SCRIPT = 0xAB,
	TAG_RESPONSE_SCRIPT_INDEFINITE = 0xAF,
	TAG_COMMAND = 0x22,
	TAG_RESPONSE = 0x23,
	TAG_EXECUTED_COUNT = 0x80,
	TAG_IMMEDIATE_ACTION = 0x81,
	TAG_ERROR_ACTION = 0x82,
	TAG_CHAINING = 0x83,
	TAG_BAD_FORMAT = 0x90,
};

enum script_bad_format { SCRIPT_UNKNOWN_TAG = 1, SCRIPT_WRONG_LENGTH, SCRIPT_LENGTH_NOT_FOUND };

struct script_template {
	bool is_response, is_indefinite;
	struct bytes elements;
};

/* What stands around the elements of a script of either direction. ERR_MALFORMED. */
MUST_CHECK enum err script_open(struct bytes script, struct script_template *ret_template, struct fault *fault);

struct script_response {
	bool is_indefinite;
	bool has_executed_count, has_bad_format, has_immediate_action, has_chaining;
	uint32_t executed_count; /* command TLVs, as the other side says */
	uint8_t bad_format, immediate_action, chaining;
	const struct response *responses; /* one per C-APDU that was executed, in order */
	size_t response_count;
};

/* What stands between the C-APDUs: TAG_CHAINING before all, TAG_IMMEDIATE_ACTION, TAG_ERROR_ACTION. */
struct script_action {
	enum script_tag tag;
	size_t before; /* the number of the C-APDU that follows it, from 0 on */
	struct bytes value;
};

/* A command script of these C-APDUs and actions, which are in the order of what follows them. ERR_MALFORMED names the
 * first C-APDU whose Lc does not fit, or the action that may not stand where it does. */
MUST_CHECK enum err script_build(struct arena *arena, const struct bytes *commands, size_t count,
				 const struct script_action *actions, size_t action_count, bool is_indefinite,
				 struct bytes *ret_script, struct fault *fault);

/* What a C-APDU of this size adds to a script, and the most that a script adds around all of them. */
size_t script_command_size(size_t command_size);
#define SCRIPT_OVERHEAD 5

/* ERR_MALFORMED says where and why. */
MUST_CHECK enum err script_response_parse(struct bytes script, struct arena *arena,
					  struct script_response *ret_response, struct fault *fault);

/* The first refusal that the response carries, in words; NULL when it carries none. */
const char *script_refusal_text(const struct script_response *response);

/* ---- the compact form, as secured packets carry it ---- */

struct compact_response {
	uint32_t executed_count;
	struct response last; /* the answer to the last command that ran */
};

/* The C-APDUs one after another, each with its P3, and GET RESPONSE behind the last one when it has data and Le; it is
 * counted as a command of its own. ERR_MALFORMED as script_build. */
MUST_CHECK enum err script_compact_build(struct arena *arena, const struct bytes *commands, size_t count,
					 struct bytes *ret_script, struct fault *fault);
MUST_CHECK enum err script_compact_parse(struct bytes script, struct compact_response *ret_response,
					 struct fault *fault);

#endif
