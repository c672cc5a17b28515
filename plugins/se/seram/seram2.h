/* The messages of SERAM 2.0.0 in JSON (GlobalPlatform/SERAM, tag gpseram-2.0.0), and nothing of how they travel: over
 * HTTP or as the bodies of object 30401. What is read may be spelled as the schema or as the published examples, which
 * contradict it; what is built is spelled as the schema. All that is read lies in the arena. */
#ifndef SE_SERAM2_H
#define SE_SERAM2_H

#include <cardea/bytes.h>

#define SERAM2_VERSION   "2.0.0"
#define SERAM2_TRANSPORT "HTTPS"
#define SERAM2_FORMAT    "application/json"

/* Longer messages and lists are refused with ERR_LIMIT. */
#define SERAM2_MAX_MESSAGE  (256u << 10)
#define SERAM2_MAX_ELEMENTS 32 /* SEs, versions, commands, responses */
#define SERAM2_MAX_APDUS    256 /* of one command or response */

struct seram2_names {
	const char *const *at;
	size_t count;
};

struct seram2_element {
	const char *type;  /* "eSE", "iSE", "uicc", "euicc", "ieuicc", "undefined" */
	const char *id;
	const char *extra; /* comma separated features; NULL: none */
};

/* ---- handshake ---- */

struct seram2_offer { /* the Handshake Command of the Local Agent */
	const struct seram2_element *elements; /* in its order of preference */
	size_t element_count;
	struct seram2_names transports, formats, versions; /* the schema's default where the message has none */
};
struct seram2_choice { /* the Handshake Response of the Remote Agent */
	const char *transport, *format, *version;
};

/* ERR_MALFORMED names the member and what is wrong with it; so do all that read. */
MUST_CHECK enum err seram2_offer_parse(struct bytes json, struct arena *arena, struct seram2_offer *ret_offer,
				       struct fault *fault);
MUST_CHECK enum err seram2_offer_build(struct arena *arena, const struct seram2_offer *offer, struct bytes *ret_json);
MUST_CHECK enum err seram2_choice_parse(struct bytes json, struct arena *arena, struct seram2_choice *ret_choice,
					struct fault *fault);
MUST_CHECK enum err seram2_choice_build(struct arena *arena, const struct seram2_choice *choice,
					struct bytes *ret_json);
/* What the server can do of the offer. ERR_UNSUPPORTED (HTTP 406) says which list has nothing for us. */
MUST_CHECK enum err seram2_choose(const struct seram2_offer *offer, struct seram2_choice *ret_choice,
				  struct fault *fault);

/* ---- command exchange ---- */

enum seram2_command_kind { SERAM2_START, SERAM2_APDUS, SERAM2_NOTIFICATION, SERAM2_STOP, SERAM2_COMMAND_KINDS };

struct seram2_command {
	enum seram2_command_kind kind;
	const struct bytes *apdus; /* of SERAM2_APDUS: C-APDUs of short length */
	size_t apdu_count;
	const char *notification; /* of SERAM2_NOTIFICATION */
};

struct seram2_order { /* Remote Agent to Local Agent */
	uint32_t delay_ms;   /* before the next request; SERAM2_DELAY_MS where the message has none */
	bool has_element;
	struct seram2_element element; /* of the C-APDUs from here on */
	const struct seram2_command *commands;
	size_t command_count;
};

enum seram2_status {
	SERAM2_POLLING,
	SERAM2_PROCESSED,
	SERAM2_UNAVAILABLE_SE,
	SERAM2_UNKNOWN_FAILURE,
	SERAM2_UNGRANTED_ACCESS,
	SERAM2_STATUSES
};

struct seram2_response { /* to one command of SERAM2_APDUS */
	const struct bytes *apdus; /* data and status word; empty: there is none for this C-APDU */
	size_t apdu_count;
};

struct seram2_report { /* Local Agent to Remote Agent */
	enum seram2_status status;
	bool has_executed;
	uint32_t executed;      /* commands of SERAM2_APDUS, not C-APDUs */
	const char *error_text; /* NULL: none */
	const struct seram2_response *responses;
	size_t response_count;
};

MUST_CHECK enum err seram2_order_parse(struct bytes json, struct arena *arena, struct seram2_order *ret_order,
				       struct fault *fault);
/* ERR_MALFORMED names the C-APDU whose Lc does not fit. */
MUST_CHECK enum err seram2_order_build(struct arena *arena, const struct seram2_order *order, struct bytes *ret_json,
				       struct fault *fault);
MUST_CHECK enum err seram2_report_parse(struct bytes json, struct arena *arena, struct seram2_report *ret_report,
					struct fault *fault);
MUST_CHECK enum err seram2_report_build(struct arena *arena, const struct seram2_report *report,
					struct bytes *ret_json);

/* As the schema spells them. */
const char *seram2_command_text(enum seram2_command_kind kind);
const char *seram2_status_text(enum seram2_status status);

#endif
