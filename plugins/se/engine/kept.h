/* What an operation keeps between two steps: where the script is, where the secure channel is, where the
 * operation is. It holds no key that outlives the session: session keys are derived again from the static keys of the
 * host and what both sides said. */
#ifndef SE_KEPT_H
#define SE_KEPT_H

#include "channel/scp03.h"
#include "seram/body.h"

#define KEPT_MAX_QUERIES 24
#define KEPT_MAX_NOTES   42
#define KEPT_MAX_ANSWERS (48u << 10) /* bytes of all queries */
#define KEPT_REASON_SIZE FAULT_TEXT_SIZE

/* The last thing that was asked of the host. */
enum phase {
	PHASE_READ,
	PHASE_OBSERVE,
	PHASE_WRITE,
	PHASE_RUN,
	PHASE_WAIT,
	PHASE_PAUSE,
	PHASE_ATTEND, /* until the agent wants a session */
	PHASE_CLEAR,
	PHASE_END,
	PHASE_READ_ALL, /* all secure elements of the device, once */
	PHASE_COUNT
};

enum channel {
	CHANNEL_NONE,     /* the next script asks the card to show itself, and nothing else */
	CHANNEL_EXPECTED, /* what it will show is known: the next script opens the channel and goes on */
	CHANNEL_VERIFIED, /* what it showed was good: the next script begins with our authentication */
	CHANNEL_OPEN,
	CHANNEL_COUNT
};

enum query_state {
	QUERY_PENDING,
	QUERY_ALONE /* to be asked as the last of its script */,
	QUERY_MORE /* its next page */,
	QUERY_DONE,
	QUERY_STATE_COUNT
};

struct query_answer {
	enum query_state state;
	bool is_without_tags; /* the card refuses the list of tags */
	uint16_t sw;          /* of the last answer */
	struct bytes data;    /* of all pages */
};

/* Places of notes. */
enum note { NOTE_TOKENS = 0, NOTE_RECEIPTS = 19, NOTE_OTHERS = 38 /* the operation's own */ };

enum ending { ENDING_NONE, ENDING_DONE, ENDING_FAILED, ENDING_UNKNOWN, ENDING_COUNT };

struct kept {
	/* the script */
	enum phase phase;
	bool script_in_flight; /* written, perhaps run, its response not taken */
	bool is_delivered;     /* the agent has acknowledged it, so that it may have been told to run */
	bool is_observing, cannot_observe;
	bool is_resuming; /* after a break: what the agent says about its channel is needed */
	bool has_session; /* the agent may hold a channel: End Session is due */
	uint32_t request_id;
	uint32_t max_request_bytes, max_response_bytes;
	bool can_go_on_after_error; /* the agent has Stop On Error */
	enum body_form form;        /* of requests and responses */
	bool is_selected;           /* the target, on the agent's channel; of forms that select by a command */
	bool agent_retries;         /* it does, as often as is wanted: the server does not */
	uint8_t settings_due;       /* enum seram_setting, a bit each: the agent has another value than is wanted */
	uint8_t refusals;           /* requests that the agent refused, in a row */
	uint8_t retries;            /* of an SE that was unavailable */
	uint32_t sessions, scripts;
	struct bytes identifier; /* of the card, as the agent says */
	uint32_t executed; /* commands of the running script, as last seen */
	uint32_t poll_ms;
	int64_t deadline_ms; /* of the running script, or of the pause */

	/* the secure channel */
	enum channel channel;
	unsigned choice;   /* enum protocol_choice */
	uint8_t announced; /* which choices the card has, a bit each */
	uint8_t early_version; /* of an INITIALIZE UPDATE beside the questions what the card has; 0: none */
	uint8_t key_version; /* 0 until chosen */
	uint8_t level;
	bool is_s16;
	uint8_t option;       /* SCP02: the card's i ... */
	bool is_option_asked; /* ... as it says, or as most have it */
	uint8_t response_chain[DES_BLOCK]; /* SCP02: the R-MAC of the last answer taken */
	struct bytes host_challenge; /* with SCP11 our ephemeral key */
	struct bytes opening;        /* what the card said of itself */
	struct session_mark mark; /* before the script in flight */
	int64_t packet_number;    /* of the packet in flight, or the last one */
	uint32_t fetch;           /* its receipt is to be fetched: Le of GET RESPONSE + 1; 0: it is not */
	bool is_authenticating;   /* the script in flight may count as a failed authentication */
	bool is_remembered;       /* its certificate is from an earlier job */
	bool is_risk_accepted;    /* the operator wants an authentication, whatever it may lock */

	/* the operation */
	uint8_t stage;
	uint32_t flags;    /* of the operation */
	bool is_unproven;  /* a change was sent whose effect has not been seen */
	bool was_unproven; /* before the script in flight */
	bool has_changed;  /* a change was sent, ever */
	bool is_look_old;  /* and after the answers below */
	bool made_uncertain; /* the inventory item says so because of us */
	bool is_disproved; /* what the card gave as a proof is none: the job must not succeed */
	uint32_t action;   /* of several, which is under way */
	uint32_t position; /* bytes that the card has taken */
	uint32_t blocks;   /* in how many commands */
	struct query_answer queries[KEPT_MAX_QUERIES];
	/* What was made with random numbers, so that a script is the same when it is composed again, and what the card said
	 * that is needed at the end; each has its place. */
	struct bytes notes[KEPT_MAX_NOTES];

	/* how it ends, once it is known; what follows is tidying up */
	enum ending ending;
	enum err kind;
	char reason[KEPT_REASON_SIZE];
};

MUST_CHECK enum err kept_build(const struct kept *kept, struct arena *arena, struct bytes *ret_state);
/* Bytes stay in `state`. ERR_MALFORMED, ERR_UNSUPPORTED (written by another version of the plugin). */
MUST_CHECK enum err kept_parse(struct bytes state, struct kept *ret_kept, struct fault *fault);

#endif
