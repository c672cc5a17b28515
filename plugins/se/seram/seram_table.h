/* Everything about SERAM over LwM2M that may have to change: names, numbers, spellings, times.
 *
 * The text of SERAM 1.0.1 was not at hand. What stands here follows a public restatement of it and our own
 * mapping of its HTTP headers to resources. Whoever has the specification corrects this file and
 * seram_table.c, and nothing else. */
#ifndef SE_SERAM_TABLE_H
#define SE_SERAM_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <cardea/lwm2m.h>

/* [ours] Unregistered object in the private range. */
#define SERAM_OBJECT 30401

/* [ours] */
enum seram_resource {
	SERAM_SE_IDENTIFIER = 0,
	SERAM_SE_TYPE = 1,
	SERAM_READER_NAME = 2,
	SERAM_SE_STATE = 3,
	SERAM_PROTOCOL_VERSION = 4,
	SERAM_AGENT_IDENTIFIER = 5,
	SERAM_TARGETED_APPLICATION = 6,
	SERAM_REQUEST_ID = 7,
	SERAM_REPORT_REQUIRED = 8,
	SERAM_REQUEST = 9,
	SERAM_BODY_FORMAT = 10,
	SERAM_END_SESSION = 11,
	SERAM_RESPONSE = 12,
	SERAM_SCRIPT_STATUS = 13,
	SERAM_RESPONSE_ID = 14,
	SERAM_AGENT_STATE = 15,
	SERAM_RESUME = 16,
	SERAM_RUN = 17,
	SERAM_EXECUTED_COMMANDS = 18,
	SERAM_CLEAR_RESPONSE = 19,
	SERAM_MAX_REQUEST_SIZE = 20,
	SERAM_MAX_RESPONSE_SIZE = 21,
	SERAM_STOP_ON_ERROR = 22,
	SERAM_RETRY_COUNT = 23,
	SERAM_RETRY_DELAY = 24,
	SERAM_SESSION_TIMEOUT = 25,
	SERAM_ERROR_TEXT = 26,
	SERAM_CHANNEL_OPEN = 27,
	SERAM_ATR = 28,
};

/* [ours] */
enum seram_se_state { SERAM_SE_PRESENT, SERAM_SE_ABSENT, SERAM_SE_BUSY, SERAM_SE_ERROR };
enum seram_agent_state {
	SERAM_IDLE,
	SERAM_WANTS_SESSION,
	SERAM_REQUEST_STORED,
	SERAM_RUNNING,
	SERAM_RESPONSE_READY,
	SERAM_INTERRUPTED,
};

/* [ours] as numbers, [restated] in their spelling and meaning. */
enum seram_script_status {
	SERAM_STATUS_NONE,
	SERAM_STATUS_OK,
	SERAM_STATUS_UNKNOWN_APPLICATION,
	SERAM_STATUS_NOT_A_SECURITY_DOMAIN,
	SERAM_STATUS_SECURITY_ERROR,
	SERAM_STATUS_UNAVAILABLE_SE,
	SERAM_STATUS_TEMPORARILY_UNAVAILABLE_APPLICATION,
	SERAM_STATUS_SCRIPT_FORMAT_ERROR,
};

struct seram_status_row {
	const char *spelling; /* of X-Admin-Script-Status */
	enum err kind;        /* for the operator */
	bool is_worth_retrying;
	bool is_before_commands; /* without an answer none of them has run [ours] */
};

/* An unknown status counts as an error that is not retried. */
const struct seram_status_row *seram_status_row(int64_t status);

/* "eSE", "uicc", ...; "undefined" for what we do not know. */
const char *seram_se_type_text(int64_t type);

/* [restated] Any version of the protocol family is spoken to. */
#define SERAM_PROTOCOL_FAMILY "globalplatform-remote-admin/"
/* [restated] Media types of scripts and their responses, and the version that is sent; any is taken. */
#define SERAM_SCRIPT_TYPE   "application/vnd.globalplatform.card-content-mgt"
#define SERAM_RESPONSE_TYPE "application/vnd.globalplatform.card-content-mgt-response"
#define SERAM_TYPE_VERSION  ";version=1.0"
/* [restated] Targeted application: RID (5 bytes), PIX (the rest), in upper-case hexadecimal. */
#define SERAM_TARGET_FORMAT "//aid/%s/%s"
#define SERAM_RID_SIZE      5
/* [ours] No application: the basic channel as it is, as a terminal uses it. For commands to the card itself, such as the
 * ENVELOPE that carries a secured packet. */
#define SERAM_BASIC_CHANNEL "//channel/0"
/* [ours] Settings of the agent that the server writes where they differ from what it wants. */
enum seram_setting {
	SERAM_SET_REPORT_REQUIRED,
	SERAM_SET_BODY_FORMAT,
	SERAM_SET_RETRY_COUNT,
	SERAM_SET_RETRY_DELAY,
	SERAM_SET_SESSION_TIMEOUT,
	SERAM_SETTINGS
};
struct seram_setting_row {
	enum seram_resource resource;
	enum lwm2m_type type;
	int64_t when_absent; /* what an agent without the resource does; -1: nobody knows */
};
extern const struct seram_setting_row seram_setting_rows[SERAM_SETTINGS];

/* [published] What an agent of SERAM 2.0.0 announces; [ours] that it does so in resource 4. */
#define SERAM2_PROTOCOL_FAMILY "gpseram/"

/* [restated] Script Chaining of TS 102 226; [memory] that the second value outlives a reset of the card. */
#define SCRIPT_CHAIN_FIRST      0x01
#define SCRIPT_CHAIN_FIRST_KEPT 0x11
#define SCRIPT_CHAIN_NEXT       0x02
#define SCRIPT_CHAIN_LAST       0x03
/* [restated] Immediate Action as one byte; other bytes are records of the card, longer values proactive commands [memory]. */
#define SCRIPT_PROACTIVE_SESSION 0x81
#define SCRIPT_EARLY_RESPONSE    0x82
/* [memory] An Error Action without value: nothing is done when a command fails, and the script goes on. */

/* [ours] The wait of a SERAM 2.0.0 Order that tells none: its schema says 100 ms, its text 1 s. */
#define SERAM2_DELAY_MS 1000

/* [ours] Limits where the agent tells none, and what we send at most. */
#define SERAM_DEFAULT_REQUEST_SIZE  1024
#define SERAM_DEFAULT_RESPONSE_SIZE 1024
#define SERAM_LARGEST_REQUEST       8192
#define SERAM_RESPONSE_OVERHEAD     64 /* what agents may keep free in a response */
#define SERAM_SMALLEST_REQUEST      64

/* [ours] Patience: the notification usually comes first, asking is the fall-back. */
#define SERAM_FIRST_POLL_MS      2000
#define SERAM_ATTEND_POLL_MS     (5 * 60 * 1000) /* of an agent that is waited for */
#define SERAM_SLOWEST_POLL_MS    30000
#define SERAM_SCRIPT_PATIENCE_MS (10 * 60 * 1000) /* without any progress */
#define SERAM_RETRY_MS           5000             /* the first; each further one waits twice as long */
#define SERAM_MAX_RETRIES        5
#define SERAM_MAX_SESSIONS       40 /* secure channels that one job opens */

#endif
