/* The Admin Agent of one Secure Element (SERAM 1.0.1): takes a script from the server, runs its C-APDUs one
 * by one on a logical channel of the card, and keeps the response until the server has it.
 *
 * Everything that the server may rely on is in the state file before the server hears of it. After a restart
 * the card was reset: the channel is closed, and a script that was running is reported as interrupted, with
 * the commands whose answers are known. The agent knows nothing of LwM2M; object_secure_element.c shows it as
 * resources. */
#ifndef DEVICE_AGENT_H
#define DEVICE_AGENT_H

#include "buffer.h"
#include "se.h"
#include "script.h"

/* Values of resource 15. */
enum agent_state {
	AGENT_IDLE = 0,
	AGENT_WANTS_SESSION = 1,
	AGENT_STORED = 2,
	AGENT_RUNNING = 3,
	AGENT_READY = 4,
	AGENT_INTERRUPTED = 5,
};

/* Values of resource 13: X-Admin-Script-Status as numbers. */
enum script_status {
	SCRIPT_NONE_YET = 0,
	SCRIPT_OK = 1,
	SCRIPT_UNKNOWN_APPLICATION = 2,
	SCRIPT_NOT_A_SECURITY_DOMAIN = 3,
	SCRIPT_SECURITY_ERROR = 4,
	SCRIPT_UNAVAILABLE_SE = 5,
	SCRIPT_TEMPORARILY_UNAVAILABLE = 6,
	SCRIPT_FORMAT_ERROR = 7,
};

/* Values of resource 10. */
enum body_format {
	BODY_TEMPLATES = 0,
	BODY_ORDER = 1, /* SERAM 2.0.0 in JSON */
	BODY_RAW_APDU = 2,
};

/* Values of resource 3. */
enum se_state {
	SE_PRESENT = 0,
	SE_ABSENT = 1,
	SE_IN_USE = 2,
	SE_ERROR = 3,
};

enum agent_change {
	AGENT_PROGRESS, /* one more command executed */
	AGENT_OUTCOME,  /* state, status, response and its id */
	AGENT_CHANNEL,  /* opened or closed */
};

enum agent_moment {
	BEFORE_COMMAND, /* a C-APDU of the script is about to reach the card */
	AFTER_COMMAND,  /* the card has executed it, nothing is recorded yet */
	AFTER_RECORD,   /* its answer is in the state file */
};

struct card_refusal {
	uint8_t instruction; /* INS */
	uint16_t status;     /* SW, given without asking the card */
};

/* What resource 4 may announce; formats of bodies go with them. */
#define AGENT_PROTOCOL_SCRIPTS "globalplatform-remote-admin/1.1.1"
#define AGENT_PROTOCOL_ORDERS  "gpseram/2.0.0"

#define AGENT_REFUSALS_MAX 8
#define AGENT_TARGET_MAX   64

struct agent_settings {
	const char *state_path; /* NULL: forget everything with the process */
	bool is_in_reader;      /* a real card; else a simulated one */
	const char *reader;     /* beginning of the reader's name; NULL: any */
	unsigned reader_index;
	const char *card_path;  /* of the simulated card's image; NULL: likewise */
	struct card_settings card;
	enum se_state se_state;
	size_t max_request_bytes, max_response_bytes;
	bool has_no_scripts, has_orders; /* of the two protocols */
	bool wants_session;              /* at its start, when it is idle */
	const char *allowed_aids; /* comma separated beginnings in hexadecimal; NULL or empty: every
				     application */
	struct card_refusal refusals[AGENT_REFUSALS_MAX];
	size_t refusal_count;
	int64_t command_delay_ms; /* how long each C-APDU takes */

	void (*changed)(void *arg, enum agent_change change);
	void (*moment)(void *arg, enum agent_moment moment);
	void *arg;
};

/* What a server may set and what survives a restart. */
struct agent_record {
	char target[AGENT_TARGET_MAX];
	uint64_t request_id; /* last written; 0: none yet */
	uint64_t stored_id;  /* of the request kept here */
	struct buffer request;
	bool is_report_required;
	enum body_format body_format;
	bool is_stop_on_error;
	uint32_t retry_count, retry_delay_s, session_timeout_s;

	enum agent_state state;
	bool is_resumed; /* resource 16 */
	enum script_status status;
	uint64_t response_id;
	uint64_t executed;      /* C-APDUs with an R-APDU */
	struct buffer response; /* so far; complete in AGENT_READY */
};

struct agent {
	struct agent_settings settings;
	struct agent_record record;
	struct se *se;
	char identifier[96]; /* //se-id/CUD/... */
	char error_text[FAULT_TEXT_SIZE];

	bool is_started; /* a session of SERAM 2.0.0 */
	bool is_chained; /* a chain of scripts has begun on the channel */
	unsigned channel;                      /* 0: none of its own */
	char channel_target[AGENT_TARGET_MAX]; /* what is selected on it; empty: nothing is open */
	int64_t last_use_ms;

	struct run *run; /* the script at work; NULL outside of AGENT_RUNNING */
};

MUST_CHECK enum err agent_open(struct agent *agent, const struct agent_settings *settings,
			       struct fault *fault);
void agent_close(struct agent *agent);

/* One write; fields that are absent stay as they are. */
struct agent_write {
	bool has_target, has_request_id, has_request, has_report_required, has_body_format, has_stop_on_error;
	bool has_retry_count, has_retry_delay, has_session_timeout;
	struct bytes target, request;
	uint64_t request_id;
	bool is_report_required, is_stop_on_error;
	int64_t body_format;
	uint64_t retry_count, retry_delay_s, session_timeout_s;
};

/* Whether the write may be done, without doing it. ERR_CONFLICT: not in this state; ERR_LIMIT: request too
 * long; ERR_MALFORMED. */
MUST_CHECK enum err agent_check_write(const struct agent *agent, const struct agent_write *write,
				      struct fault *fault);

/* Does a write that was checked. What it brings is durable on return. ERR_IO, ERR_NOMEM. */
MUST_CHECK enum err agent_write(struct agent *agent, const struct agent_write *write);

/* Execute of Run, Clear Response and End Session. ERR_CONFLICT when the state forbids it, ERR_MALFORMED for
 * the id of another response. A Run of what is already answered is good and does nothing. */
MUST_CHECK enum err agent_run(struct agent *agent, int64_t now_ms);
MUST_CHECK enum err agent_clear_response(struct agent *agent,
					 const uint64_t *id); /* NULL: whichever there is */
MUST_CHECK enum err agent_end_session(struct agent *agent);

/* Resource 27: a channel of its own, or the basic channel that the last script used. */
static inline bool agent_has_channel(const struct agent *agent)
{
	return agent->channel_target[0] != '\0';
}

/* Does the next piece of work, at most one C-APDU of a script. Answers when to call again, -1: not before the
 * next execute. */
int64_t agent_step(struct agent *agent, int64_t now_ms);

/* Whether resource 4 shows the protocol. */
bool agent_announces(const struct agent *agent, const char *protocol);

/* The response as resource 12 shows it: empty while the script runs. */
struct bytes agent_response(const struct agent *agent);

#endif
