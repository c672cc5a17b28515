/* One step of one operation: what it was given, what it keeps, what it may do. And the contract between the
 * engine, which carries scripts and keeps the secure channel, and an operation, which knows what it wants of
 * the card.
 *
 * An operation is a loop: look at the card, compute what is missing, do it, look again. All that it knows is
 * in `kept`, so a break at any instant only leads back to looking. */
#ifndef SE_TASK_H
#define SE_TASK_H

#include <cardea/plugin.h>
#include <cardea/se_channel.h>
#include <jansson.h>

#include "gp/gp_commands.h"
#include "engine/kept.h"
#include "channel/keys.h"
#include "seram/seram_table.h"

#define BATCH_MAX_COMMANDS 64

struct gateway;
struct task;
struct batch;
struct one_change;

struct se_plugin {
	const struct cardea_host_api *api;
	cardea_host *host;
	uint32_t max_failures;   /* of authentications in a row */
	struct gateway *gateway; /* NULL: it is off */
	struct se_channel channel; /* what other plugins find */
};

/* Something to learn about the card: a data object, or a list of the registry. */
struct query {
	uint16_t tag; /* GET DATA; 0: GET STATUS */
	enum status_scope scope;
	struct bytes aid, tags;
	struct bytes criterion; /* data of GET DATA: of what, where the tag does not say */
	bool is_fallback; /* asked only when the query before it was refused */
};

/* One command of the script, in the clear and as it goes to the card. */
struct planned {
	struct command plain, wrapped;
	struct session_mark mark; /* after it */
	unsigned what;          /* the operation's: which query, which act */
	unsigned opening;       /* enum opening: not of the operation */
	bool is_last;           /* of its script */
	bool is_change;         /* of the card: must not run twice without looking */
};

struct card_answer {
	struct response response; /* checked and decrypted */
	bool is_cut; /* it did not come whole, and proves nothing but that the command was sent */
};

struct operation {
	const char *name;
	bool sees_all; /* its queries are all that the inventory holds: an audit */
	/* Reads the parameters into task->order and lists the queries. Sees no card. */
	enum err (*prepare)(struct task *task, struct fault *fault);
	/* Of those that change one thing (operations/one_change.h); else NULL. */
	const struct one_change *change;
	/* Adds the commands that come next to the batch, as many as fit, as a function of task->kept alone.
	 */
	void (*plan)(struct task *task, struct batch *batch);
	/* One answer, in the order of the commands. */
	void (*take)(struct task *task, const struct planned *planned, const struct card_answer *answer);
	/* After the answers: what comes now? May end the task. */
	void (*advance)(struct task *task);
	/* The secure channel is gone; the last command sent may or may not have run. */
	void (*lost)(struct task *task);
	/* The card does not know the key version (ERR_NOT_FOUND) or holds other values (ERR_DENIED). True
	 * when the operation knows what to do now; NULL: it never does. */
	bool (*key_set_refused)(struct task *task, enum err kind);
	/* It succeeded, just now: report. What the queries were answered is in the inventory already. */
	void (*finish)(struct task *task);
	/* The step is over: wipes the secrets that prepare put into task->order. NULL: it has none. */
	void (*forget)(struct task *task);
};

struct task {
	const struct se_plugin *plugin;
	const struct operation *operation;
	const struct cardea_step *step;
	cardea_out *out;
	struct arena *arena;
	json_t *params;
	uint16_t instance;
	struct bytes domain_aid; /* the security domain whose channel is used */
	struct bytes target;     /* what is selected for the commands; empty: nothing, on the basic channel */
	struct bytes key_owner;  /* whose key sets open the channel: domain_aid, or the domain above one without keys */
	uint8_t wanted_level;     /* 0: the highest */
	size_t max_data;          /* bytes of a command's data that the card takes, once wrapped */
	unsigned wanted_protocol; /* enum protocol_choice */
	enum body_form wanted_form; /* BODY_NONE: as the agent announces */
	bool waits_for_agent;       /* begins when it wants a session */
	bool is_length_free;        /* of scripts: the other one may be tried */
	int64_t wanted_settings[SERAM_SETTINGS]; /* -1: as the agent has it */
	const char *diversification; /* in place of that of the key sets; NULL: theirs */
	struct query queries[KEPT_MAX_QUERIES];
	size_t query_count;
	void *order; /* the operation's parameters */

	struct kept kept;
	struct session session; /* wiped */
	enum err broken;              /* the first failure of ours: memory, a limit of the host */
	struct bytes numbers; /* SCP11: what the card calls itself, LV after LV, as it is told */
	bool leaves_session; /* the next begins with commands that the card refuses in the one that it has */
	bool is_other_counter; /* the card showed something else than was expected: it does not know this session */
};

/* ---- parameters ---- */

/* Absent members give the fallback; hexadecimal is decoded into the arena. */
const char *task_text(const struct task *task, const char *name, const char *fallback);
int64_t task_number(const struct task *task, const char *name, int64_t fallback);
bool task_flag(const struct task *task, const char *name, bool fallback);
MUST_CHECK enum err task_hex(struct task *task, const char *name, struct bytes *ret_bytes,
			     struct fault *fault);

/* The usual AID of the issuer's security domain. */
extern const struct bytes task_issuer_aid;
bool task_is_issuer(const struct task *task);

/* ---- how it ends ---- */

void task_succeed(struct task *task);
/* A clear failure: the card is as it was, or as the reason says. */
void task_fail(struct task *task, enum err kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Cannot go on: a failure when nothing was changed or all is known, else unknown. */
void task_break(struct task *task, enum err kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Keeps the reason for later without ending. */
void task_note_reason(struct task *task, enum err kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Remembers the first failure of ours; true when there is none. */
bool task_is_good(struct task *task, enum err err);

/* ---- the result ---- */

void task_report(struct task *task, const char *name, json_t *take_value);
void task_report_hex(struct task *task, const char *name, struct bytes bytes);
void task_progress(struct task *task, uint64_t done, uint64_t total);

/* ---- the secure channel ---- */

/* The next script opens a new one, with this key version (0: as the parameters say). */
void task_reopen(struct task *task, uint8_t key_version);

/* The kind of operator-facing failure that a status word is. */
enum err sw_kind(uint16_t sw);

/* Done as it should: 9000, or 61xx when nobody fetched the answer. */
bool sw_is_success(uint16_t sw);

#endif
