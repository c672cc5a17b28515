/* Remote command scripts in expanded format (ETSI TS 102 226, 5.2.1): what the agent is asked to run, and
 * what it answers. */
#ifndef DEVICE_SCRIPT_H
#define DEVICE_SCRIPT_H

#include <cardea/bytes.h>

enum script_tag {
	SCRIPT_COMMAND_APDU = 0x22,
	SCRIPT_IMMEDIATE_ACTION = 0x81,
	SCRIPT_ERROR_ACTION = 0x82,
	SCRIPT_CHAINING = 0x83,
	/* of the orders of SERAM 2.0.0, which have no tags */
	SCRIPT_START = 0x100,
	SCRIPT_NOTIFICATION,
	SCRIPT_STOP,
};

struct script_command {
	enum script_tag tag;
	struct bytes value;
	size_t list; /* of an order: which of its lists */
};

struct script {
	bool is_indefinite; /* AE 80 ... 00 00; the answer has the same form */
	struct script_command *commands;
	size_t count;
	size_t list_count;      /* of an order */
	const char *element_id; /* that an order names; NULL: none */
};

/* Values of Script Chaining. */
enum script_chain {
	CHAIN_FIRST = 0x01,
	CHAIN_FIRST_KEPT = 0x11, /* over a reset of the card */
	CHAIN_NEXT = 0x02,
	CHAIN_LAST = 0x03,
};

/* Values of the Bad Format TLV. */
enum script_bad_format {
	BAD_FORMAT_UNKNOWN_TAG = 1,
	BAD_FORMAT_WRONG_LENGTH = 2,
	BAD_FORMAT_LENGTH_NOT_FOUND = 3,
};

/* How a script ended early, as the last element of its response. */
struct script_end {
	uint8_t tag; /* 0: it did not end early */
	uint8_t value;
};

#define SCRIPT_END_NONE          ((struct script_end){ 0, 0 })
#define SCRIPT_END_BAD_FORMAT(x) ((struct script_end){ 0x90, (x) })
#define SCRIPT_END_NO_SUSPENSION                                                                             \
	((struct script_end){ 0x81, 0x01 })                        /* Immediate Action: suspension error     \
								    */
#define SCRIPT_END_NO_PREVIOUS ((struct script_end){ 0x83, 0x01 }) /* Script Chaining: no previous script */
#define SCRIPT_END_NO_CHAINING ((struct script_end){ 0x83, 0x02 }) /* Script Chaining: not supported */

/* Case 1, 2, 3 or 4 with short lengths, and an Lc that fits. */
bool script_is_command_apdu(struct bytes apdu);

/* The whole script is checked before its first command runs. Commands borrow from `bytes`. On ERR_MALFORMED
 * `ret_bad_format` says why in the words of the specification, `fault` in ours. */
MUST_CHECK enum err script_parse(struct arena *arena, struct bytes bytes, struct script *ret_script,
				 enum script_bad_format *ret_bad_format, struct fault *fault);

/* One R-APDU TLV. */
void build_script_answer(struct builder *b, struct bytes response_apdu);

/* The response template around R-APDU TLVs. `executed` counts commands of every kind. */
void build_script_response(struct builder *b, bool is_indefinite, size_t executed, struct bytes answers,
			   struct script_end end);

#endif
