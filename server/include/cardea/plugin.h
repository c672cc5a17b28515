/* The contract between the server and a plugin.
 *
 * A plugin is a shared object that exports one symbol, `const struct cardea_plugin cardea_plugin`. It computes, the
 * server acts: an operation is a function that is called with one event at a time and answers with the state to
 * keep and at most one request to the device. So it can be tested with bytes, and it survives a restart of the
 * server: what it kept is stored before anything is sent.
 *
 * Everything that a step is given is valid during the call only; everything that it hands over is copied. All
 * functions of one plugin are called on one thread, except `run` of `work`. */
#ifndef CARDEA_PLUGIN_H
#define CARDEA_PLUGIN_H

#include "arena.h"
#include "bytes.h"
#include "crypto.h"
#include "error.h"
#include "key.h"
#include "lwm2m.h"

#define CARDEA_PLUGIN_ABI 4     /* bump with any change below, in the same commit as its CHANGELOG line */

typedef struct cardea_host cardea_host;         /* the server, as this plugin sees it */
typedef struct cardea_out cardea_out;           /* the answer of one step */

enum cardea_event {
	CARDEA_START,           /* the job begins */
	CARDEA_ANSWER,          /* the device answered the last request: code, format, payload, records */
	CARDEA_NOTIFY,          /* a notification on a path that this job observes: path, format, payload, records */
	CARDEA_TIMEOUT,         /* the time given to `wait` has passed */
	CARDEA_WORK_DONE,       /* what `work` started has ended: fault.kind is its result */
	CARDEA_RESUME,          /* after a break (restart, lost link, new registration): the last request may or may not
	                         * have arrived, and observations are gone. Ask before repeating. */
};

enum cardea_result {
	CARDEA_NEXT,            /* the job goes on: with the answer to `send`, or after `wait` or `work` */
	CARDEA_DONE,            /* it succeeded */
	CARDEA_FAILED,          /* it failed for the reason given to `fail` */
	CARDEA_UNKNOWN,         /* whether it took effect cannot be learned; the reason given to `fail` */
};

struct cardea_step {
	const void *context;            /* of the operation's row */
	const char *endpoint;
	const char *params;             /* JSON object, already valid by params_schema, defaults not filled in */
	struct bytes package;           /* content of the package that a param of the first level with "x-cardea-package"
	                                 * names, else empty */
	struct bytes state;             /* what the last step kept; empty at CARDEA_START */
	struct arena *arena;            /* reset after the call */
	enum cardea_event event;
	struct fault fault;             /* ANSWER: kind is ERR_NONE when records could be decoded or none were expected;
	                                 * WORK_DONE: the result of run */
	uint8_t code;                   /* ANSWER: CoAP response code, class << 5 | detail */
	uint16_t format;                /* ANSWER, NOTIFY: content format of payload, FORMAT_NONE without payload */
	struct bytes payload;
	struct lwm2m_records records;   /* payload decoded by the object model */
	struct lwm2m_path path;         /* ANSWER, NOTIFY: what was asked or observed */
	int64_t now_ms;                 /* since 1970 */
};

struct cardea_request {
	enum lwm2m_operation operation;
	struct lwm2m_path path;
	struct lwm2m_records records;   /* what to write or create; the server encodes it as the device prefers */
	const char *arguments;          /* EXECUTE: "0='1',2", or NULL */
	bool is_confidential;           /* its values are kept out of the job's trace */
};

/* A key set of the device's secure component, as an operator gave it over REST. */
struct cardea_keyset {
	uint8_t version;                /* key version number */
	struct key enc, mac, dek;
	const char *diversification;    /* how the keys of one card come from these: "none", "kdf3", ...; NULL: "none" */
};

/* Layers of a job's trace that others understand: captures are made of them. A plugin may have more of its own. */
#define CARDEA_LAYER_COAP "coap"        /* the server's: requests to the device, and what it answers */
#define CARDEA_LAYER_APDU "apdu"        /* commands as a card gets them: first those of a script, then its answers */
#define CARDEA_LAYER_GP   "gp"          /* the same before and after the secure channel */

/* A package that a parameter names. */
struct cardea_package {
	const char *description;        /* JSON, as `inspect` gave it */
	struct bytes content;
};

/* Every function answers ERR_NOMEM or ERR_LIMIT when the step asks for too much; the job then fails with that. */
struct cardea_host_api {
	uint32_t size;                  /* sizeof in the server: test it before using a newer member */

	/* The state for the next step, stored (sealed) before anything is sent. Without it the old state stays. */
	enum err (*keep)(cardea_out *, struct bytes state);
	/* The one request of this step. An OBSERVE answers like a READ; then notifications come as CARDEA_NOTIFY until
	 * the job ends. */
	enum err (*send)(cardea_out *, const struct cardea_request *);
	/* Instead of a request: waits for a notification, at most so long. */
	enum err (*wait)(cardea_out *, uint32_t timeout_ms);
	/* Instead of a request: runs `run` on a worker thread, where it may block; then CARDEA_WORK_DONE. The argument is
	 * freed by `free_arg` in any case. */
	enum err (*work)(cardea_out *, enum err (*run)(void *), void *take_arg, void (*free_arg)(void *));
	/* The reason shown to the operator; `kind` chooses the stable code. */
	enum err (*fail)(cardea_out *, enum err kind, const char *reason);

	/* Progress for people: done of total, in whatever unit. */
	enum err (*progress)(cardea_out *, uint64_t done, uint64_t total);
	/* A member of the job's result: value is JSON text. */
	enum err (*report)(cardea_out *, const char *name, const char *json);
	/* What was learned about the device: section as in REST ("secure-elements"), key of the item, JSON object; NULL
	 * removes the item. */
	enum err (*learn)(cardea_out *, const char *section, const char *key, const char *json);
	/* One line of the job's trace: layer, "command" or "answer", the decoded text, the raw bytes. Never give it a
	 * secret. A line of CARDEA_LAYER_GP stands before the command, and after the answer, that is protected. */
	enum err (*trace)(cardea_out *, const char *layer, const char *direction, const char *text, struct bytes raw);

	/* The key set `version` (0: the lowest) for the security domain `aid` of a secure component of this job's device.
	 * ERR_NOT_FOUND. The copy is the caller's to wipe. */
	enum err (*keyset)(cardea_out *, const char *kind, struct bytes aid, uint8_t version,
	                   struct cardea_keyset *ret_keyset);

	/* Services between plugins: "se.channel/1". The table is static. ERR_CONFLICT, ERR_NOT_FOUND. */
	enum err (*offer)(cardea_host *, const char *service, const void *table);
	enum err (*find)(cardea_host *, const char *service, const void **ret_table);
	void (*log)(cardea_host *, int level, const char *event, const char *format, ...);

	/* Lets this job's device, and nobody else, fetch the content of the job's package until the job ends. *ret_uri, valid
	 * during the call, is the same for all steps of a job. To be called again after CARDEA_RESUME. ERR_NOT_FOUND: the job
	 * has no package. ERR_UNAVAILABLE: the device is not there, or has been reached in no way that it could fetch by. */
	enum err (*serve)(cardea_out *, const char **ret_uri);

	/* A key set that is more than three keys (kind "scp11"), as the operator gave it over REST: JSON, valid during the
	 * step, wiped afterwards. Versions as in keyset. ERR_NOT_FOUND. */
	enum err (*keyset_document)(cardea_out *, const char *kind, struct bytes aid, uint8_t version,
	                            const char **ret_json);

	/* The package `id` that any param with "x-cardea-package" names, at whatever depth, valid during the step. Those below
	 * the first level have 32 MiB together at most. ERR_NOT_FOUND: no param names it. */
	enum err (*package)(cardea_out *, const char *id, struct cardea_package *ret_package);
	/* What was last learned about the device, by this job or an earlier one: JSON, valid during the step. ERR_NOT_FOUND. */
	enum err (*known)(cardea_out *, const char *section, const char *key, const char **ret_json);
	/* An event for /events, told once the step is stored: its type, and a JSON object, to which the server adds `endpoint`
	 * and `jobId`. */
	enum err (*announce)(cardea_out *, const char *type, const char *json);

	/* A number of this job's device that was never given out under this name, by whatever job: one more than the last, and
	 * more than `floor`. It is stored before anything of this step is sent, whatever breaks; each call gives another one.
	 * ERR_LIMIT: names of more than 128 bytes, or the numbers are used up (2^63). */
	enum err (*next_counter)(cardea_out *, const char *name, uint64_t floor, uint64_t *ret_value);
};

enum { CARDEA_LOG_ERROR, CARDEA_LOG_WARN, CARDEA_LOG_INFO, CARDEA_LOG_DEBUG };

struct cardea_operation {               /* one row per thing an operator can ask for */
	const char *name;               /* "se.install" */
	const char *summary;
	/* JSON Schema (draft 2020-12) of the parameters: type, properties, required, additionalProperties, enum, pattern,
	 * minimum, maximum, minLength, maxLength, items, minItems, maxItems, default, title, description; and
	 * "x-cardea-package": "<kind>" on a string that is the id of a package of that kind, at whatever depth. */
	const char *params_schema;
	enum cardea_result (*step)(void *self, const struct cardea_step *, cardea_out *);       /* must not block */
	const void *context;            /* for rows that share a step; NULL otherwise */
};

struct cardea_package_kind {
	const char *name;               /* "se-load-file" */
	const char *summary;
	/* Refuses what is not well formed, with the reason in `fault`; *ret_json describes the content (an object, in the
	 * arena). Runs on a worker thread. */
	enum err (*inspect)(void *self, struct bytes content, struct arena *arena, const char **ret_json,
	                    struct fault *fault);
};

/* One row per kind of bytes that the plugin can explain to a person who looks into a trace or a dump. */
struct cardea_explainer {
	const char *name;               /* "apdu" */
	const char *summary;
	/* Appends lines of UTF-8 to `text`, each with its line feed, as far as the content can be read; pure and quick. On
	 * ERR_MALFORMED what could be read is there, and `fault` says what is wrong after it. */
	enum err (*explain)(struct bytes content, struct builder *text, struct fault *fault);
	/* The lines of a job's trace whose bytes these are, "apdu/command gp/command"; NULL: none. */
	const char *trace_lines;
};

struct cardea_plugin {
	uint32_t abi, size;             /* CARDEA_PLUGIN_ABI, sizeof(struct cardea_plugin) */
	const char *name, *summary;
	const char *const *objects;     /* DDF definitions (XML); each list ends with NULL or a NULL name */
	const struct cardea_operation *operations;
	const struct cardea_package_kind *packages;
	const struct cardea_explainer *explainers;
	/* `config` is the plugin's section of the configuration as JSON. */
	enum err (*open)(const struct cardea_host_api *, cardea_host *, const char *config, void **ret_self);
	void (*close)(void *self);      /* accepts NULL */
	/* Its steps may run on a worker, one at a time for a job, which they do where a key of the device stays in a token: then
	 * the keys may block, and there is no `serve`. Without it such keys are not found. */
	bool takes_keys_in_tokens;
};

/* What the plugin defines. */
extern __attribute__((visibility("default"))) const struct cardea_plugin cardea_plugin;

#endif
