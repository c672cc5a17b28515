/* The storage interface: what the server remembers, whoever keeps it. SQLite is the implementation here.
 *
 * Writes are ordered: they queue for one writer, which puts whatever waits into one transaction, and `done` says
 * "durable" (or why not) on the loop's thread, from where writes are called too. Durable means after a loss of power. A
 * refused write of a transaction leaves its neighbours alone; a disk that fails fails all of them. Reads are synchronous,
 * see everything that is durable, and may block: call them from a worker, or before the loop runs. Rows given to a write
 * are copied before it returns; rows read live in the arena, those given to `each` until it returns. A write that cannot be
 * queued answers ERR_UNAVAILABLE (ERR_LIMIT when it never could) and changes nothing; one that removes what is not there
 * is done with ERR_NOT_FOUND. */
#ifndef CARDEA_DB_STORE_H
#define CARDEA_DB_STORE_H

#include <stdbool.h>

#include <cardea/arena.h>
#include <cardea/bytes.h>
#include <cardea/error.h>

struct loop;
struct store;

enum store_mode {
	STORE_THREADED,
	STORE_INLINE,           /* a write is done before it returns, `done` included: for tests and tools */
};

/* Opens or creates the database of a data directory ("" with STORE_INLINE: in memory), migrates it to this version,
 * and refuses one that is newer (ERR_UNSUPPORTED), damaged (ERR_IO) or locked by another server (ERR_CONFLICT). */
MUST_CHECK enum err store_open(const char *data_dir, enum store_mode mode, struct loop *loop, struct store **ret_store,
                               struct fault *fault);
/* Writes what is queued and calls every `done` that waits; a later write is ERR_UNAVAILABLE. For the end of a server, before
 * those who wait are freed. Nothing to do with STORE_INLINE. */
void store_finish(struct store *store);
/* The same, then closes. Accepts NULL. */
void store_close(struct store *store);

/* How the end of a write is told: hand ids, not pointers, since `id`'s object may be gone by then. */
struct store_done {
	void (*call)(void *self, uint64_t id, enum err result);         /* NULL: nobody waits */
	void *self;
	uint64_t id;
};

/* Done when everything before it is durable, plain refreshes included. */
MUST_CHECK enum err store_sync(struct store *store, struct store_done done);

/* ---- registrations: one row per endpoint, replaced as a whole ---- */

struct registration_row {
	const char *endpoint, *location;        /* location: the part after /rd/ */
	const char *address;                    /* "192.0.2.1:5683" or "[2001:db8::1]:5683" */
	uint8_t socket;                         /* which of the server's sockets it came to */
	bool is_secure, is_stream;              /* stream: a connection */
	const char *identity;                   /* of the security layer, "" without */
	uint32_t lifetime_s;
	const char *version, *binding, *links, *root;
	bool is_queue_mode;
	int64_t registered_ms, updated_ms, expires_ms;          /* since 1970; expires 0: never */
};

MUST_CHECK enum err store_put_registration(struct store *store, const struct registration_row *row,
                                           struct store_done done);
/* A plain refresh: only updated_ms and expires_ms of an endpoint. Kept in memory, the last one of each endpoint, and
 * written every five seconds; what a crash or a failed disk takes with it the device's next Update repairs. */
MUST_CHECK enum err store_touch_registration(struct store *store, const char *endpoint, int64_t updated_ms,
                                             int64_t expires_ms);
/* With its observations. */
MUST_CHECK enum err store_remove_registration(struct store *store, const char *endpoint, struct store_done done);
/* `each` returns false to stop. */
MUST_CHECK enum err store_read_registrations(struct store *store,
                                             bool (*each)(void *self, const struct registration_row *row), void *self);

/* ---- observations: by token, so that notifications after a restart are known ---- */

struct observation_row {
	const char *endpoint, *path;
	uint64_t token;
	uint16_t format;                        /* asked for with Accept, FORMAT_NONE for the device's choice */
	uint64_t job_id;                        /* the job that wants it, 0: an operator */
};

MUST_CHECK enum err store_put_observation(struct store *store, const struct observation_row *row, struct store_done done);
MUST_CHECK enum err store_remove_observation(struct store *store, uint64_t token, struct store_done done);
MUST_CHECK enum err store_read_observations(struct store *store,
                                            bool (*each)(void *self, const struct observation_row *row), void *self);

/* ---- jobs ---- */

struct job_row {
	uint64_t id;
	const char *endpoint, *operation, *params;              /* params: JSON */
	const char *state;                                      /* "queued", ... as in REST */
	uint64_t package_id;                                    /* 0: none */
	struct bytes sealed_state;                              /* what the plugin keeps */
	const char *result, *error;                             /* JSON objects, "" while there is none */
	uint64_t progress_done, progress_total;
	uint32_t steps, attempts;
	int64_t created_ms, updated_ms, deadline_ms;
	const char *idempotency_key;                            /* "" without */
	uint64_t caller;                                        /* token id, 0 without */
	const char *packages;                                   /* JSON array of the ids of further ones, "" without */
};

struct trace_row {
	uint64_t job_id;
	uint32_t step;
	int64_t at_ms;
	const char *layer, *direction, *text;
	struct bytes raw;
	uint64_t number;                                        /* 1, 2, ... within the job; given by the store */
};

/* Inserts or replaces a job with the trace lines of the step that led there, in one transaction. ERR_CONFLICT when
 * another job of the caller has the idempotency key; ERR_NOT_FOUND when it is unfinished and one of its packages is not there. */
MUST_CHECK enum err store_put_job(struct store *store, const struct job_row *row, const struct trace_row *trace,
                                  size_t trace_count, struct store_done done);
MUST_CHECK enum err store_read_job(struct store *store, struct arena *arena, uint64_t id, struct job_row *ret_row);
MUST_CHECK enum err store_read_job_by_key(struct store *store, struct arena *arena, uint64_t caller,
                                          const char *idempotency_key, struct job_row *ret_row);
/* In order, from the line after number `after`. */
MUST_CHECK enum err store_read_trace(struct store *store, struct arena *arena, uint64_t job_id, uint64_t after,
                                     size_t limit, struct trace_row **ret_rows, size_t *ret_count);
/* The highest id given so far, 0 for none. */
MUST_CHECK enum err store_last_job_id(struct store *store, uint64_t *ret_id);

struct job_filter {
	const char *endpoint, *state;           /* NULL: any */
	bool unfinished;                        /* only jobs that still run or wait, oldest first */
	uint64_t before;                        /* newest first, below this id; 0: from the newest */
	uint64_t after;                         /* unfinished: above this id */
	size_t limit;                           /* here and below, 0: all */
};
MUST_CHECK enum err store_read_jobs(struct store *store, struct arena *arena, const struct job_filter *filter,
                                    struct job_row **ret_rows, size_t *ret_count);

/* ---- packages: a row, and the content in chunks, visible once complete ---- */

struct package_row {
	uint64_t id;
	const char *kind, *name;
	uint64_t size;
	const char *sha256;                     /* hex */
	const char *description;                /* JSON of the plugin that inspected it */
	int64_t created_ms;
	struct bytes sealed_key;                /* content key, sealed by the vault; empty: content in the clear */
};

/* Chunks of an upload that is not complete are removed by store_open and by store_remove_package. Uploads may fill only a
 * part of the queue, so that devices are still heard. ERR_CONFLICT: the package has this chunk, or is complete. */
MUST_CHECK enum err store_put_package_chunk(struct store *store, uint64_t package_id, uint32_t index, struct bytes chunk,
                                            struct store_done done);
/* ERR_CONFLICT: the id is taken, or a chunk is missing. */
MUST_CHECK enum err store_complete_package(struct store *store, const struct package_row *row, struct store_done done);
/* ERR_NOT_FOUND; ERR_CONFLICT while an unfinished job uses it. */
MUST_CHECK enum err store_remove_package(struct store *store, uint64_t id, struct store_done done);
MUST_CHECK enum err store_read_package(struct store *store, struct arena *arena, uint64_t id, struct package_row *ret_row);
MUST_CHECK enum err store_read_packages(struct store *store, struct arena *arena, const char *kind, uint64_t before,
                                        size_t limit, struct package_row **ret_rows, size_t *ret_count);
/* Chunk by chunk; ERR_NOT_FOUND after the last. Also of an upload under way. */
MUST_CHECK enum err store_read_package_chunk(struct store *store, struct arena *arena, uint64_t package_id, uint32_t index,
                                             struct bytes *ret_chunk);
MUST_CHECK enum err store_last_package_id(struct store *store, uint64_t *ret_id);

/* ---- key sets and credentials: values sealed by the vault ---- */

struct keyset_row {
	const char *endpoint, *kind;            /* "scp03"; of a fleet's: the devices, "urn:dev:ops:32473-*" */
	const char *aid;                        /* upper-case hex of the security domain, "" for the issuer's */
	uint8_t version;
	struct bytes sealed;
	const char *check_values;               /* JSON: {"enc": "504A77", ...} */
	int64_t created_ms;
	bool is_fleet;                          /* of many devices */
};

MUST_CHECK enum err store_put_keyset(struct store *store, const struct keyset_row *row, struct store_done done);
/* Which one: endpoint, kind, aid, version, is_fleet. */
MUST_CHECK enum err store_remove_keyset(struct store *store, const struct keyset_row *row, struct store_done done);
MUST_CHECK enum err store_read_keysets(struct store *store, struct arena *arena, const char *endpoint,
                                       struct keyset_row **ret_rows, size_t *ret_count);       /* NULL: of all devices */
/* Those that are for this device, the closest first; NULL: all. */
MUST_CHECK enum err store_read_fleet_keysets(struct store *store, struct arena *arena, const char *endpoint,
                                             struct keyset_row **ret_rows, size_t *ret_count);

struct transport_key_row {                      /* under which keys are sent to us */
	const char *name;
	struct bytes sealed;
	const char *check_value;
	int64_t created_ms;
};

MUST_CHECK enum err store_put_transport_key(struct store *store, const struct transport_key_row *row,
                                            struct store_done done);
MUST_CHECK enum err store_remove_transport_key(struct store *store, const char *name, struct store_done done);
MUST_CHECK enum err store_read_transport_keys(struct store *store, struct arena *arena,
                                              struct transport_key_row **ret_rows, size_t *ret_count);

struct credential_row {                         /* one per endpoint and kind, replaced as a whole */
	const char *endpoint, *kind;            /* "psk", "bootstrap-psk", "oscore", "x509" */
	const char *identity;                   /* unique per kind */
	struct bytes sealed;
	int64_t created_ms;
};

/* ERR_CONFLICT when another endpoint has the identity. */
MUST_CHECK enum err store_put_credential(struct store *store, const struct credential_row *row, struct store_done done);
MUST_CHECK enum err store_remove_credential(struct store *store, const char *endpoint, const char *kind,
                                            struct store_done done);
MUST_CHECK enum err store_read_credentials(struct store *store, struct arena *arena, struct credential_row **ret_rows,
                                           size_t *ret_count);

struct oscore_number_row {                      /* one per sender key */
	struct bytes print;                     /* tells the key from others */
	uint64_t reserved;                      /* every sequence number below may have been used */
	struct bytes successor, id_context;     /* print of the key that has taken its place, what makes it; empty: none */
	uint64_t received;                      /* every number below, of the other side, is an old one */
};

/* Never lowers what is there; leaves the rest. */
MUST_CHECK enum err store_put_oscore_number(struct store *store, const struct oscore_number_row *row,
                                            struct store_done done);
/* Raises all of them by `count`. */
MUST_CHECK enum err store_raise_oscore_numbers(struct store *store, uint64_t count, struct store_done done);
/* Sets successor and ID context. ERR_NOT_FOUND. */
MUST_CHECK enum err store_renew_oscore_number(struct store *store, const struct oscore_number_row *row,
                                              struct store_done done);
/* Never lowers what is there; no row is no error. */
MUST_CHECK enum err store_receive_oscore_number(struct store *store, const struct oscore_number_row *row,
                                                struct store_done done);
/* Of a key that can never come back. */
MUST_CHECK enum err store_remove_oscore_number(struct store *store, struct bytes print, struct store_done done);
MUST_CHECK enum err store_read_oscore_numbers(struct store *store, struct arena *arena,
                                              struct oscore_number_row **ret_rows, size_t *ret_count);

/* ---- bootstrap: what is written to a device, and how that has ended ---- */

struct bootstrap_row {
	const char *endpoint;                   /* "": of all that have none of their own */
	const char *document;                   /* JSON without keys */
	struct bytes sealed;                    /* the same with them */
	int64_t updated_ms;
};

MUST_CHECK enum err store_put_bootstrap(struct store *store, const struct bootstrap_row *row, struct store_done done);
MUST_CHECK enum err store_remove_bootstrap(struct store *store, const char *endpoint, struct store_done done);
MUST_CHECK enum err store_read_bootstrap(struct store *store, struct arena *arena, const char *endpoint,
                                         struct bootstrap_row *ret_row);
/* In order of endpoint name, those after `after`: with "" all but the one of all. */
MUST_CHECK enum err store_read_bootstraps(struct store *store, struct arena *arena, const char *after, size_t limit,
                                          struct bootstrap_row **ret_rows, size_t *ret_count);

struct bootstrap_outcome_row {                  /* the last one of an endpoint */
	const char *endpoint, *json;
	int64_t ended_ms;
};

MUST_CHECK enum err store_put_bootstrap_outcome(struct store *store, const struct bootstrap_outcome_row *row,
                                                struct store_done done);
MUST_CHECK enum err store_read_bootstrap_outcome(struct store *store, struct arena *arena, const char *endpoint,
                                                 struct bootstrap_outcome_row *ret_row);

/* ---- requests that wait for their device ---- */

struct deferred_row {
	uint64_t id;
	const char *endpoint, *operation, *path;
	bool is_urgent;                         /* goes before those that are not */
	const char *state;                      /* as in REST */
	struct bytes sealed;                    /* the request; empty when it has ended */
	const char *answer;                     /* JSON, "" while there is none */
	int64_t created_ms, expires_ms, ended_ms;       /* ended 0: it waits */
};

/* Inserts, or changes state, request, answer and end. One that has ended removes those that ended a day before it, and of
 * its endpoint all but the last 32 that have ended. */
MUST_CHECK enum err store_put_deferred(struct store *store, const struct deferred_row *row, struct store_done done);
MUST_CHECK enum err store_read_deferred(struct store *store, struct arena *arena, uint64_t id,
                                        struct deferred_row *ret_row);
/* Of one endpoint, the newest first, below the id `before` (0: from the newest). */
MUST_CHECK enum err store_read_deferreds(struct store *store, struct arena *arena, const char *endpoint, uint64_t before,
                                         size_t limit, struct deferred_row **ret_rows, size_t *ret_count);
/* Those that have not ended, in order of their ids; `each` returns false to stop. */
MUST_CHECK enum err store_read_waiting_deferreds(struct store *store,
                                                 bool (*each)(void *self, const struct deferred_row *row), void *self);
/* The highest id given so far, 0 for none. */
MUST_CHECK enum err store_last_deferred_id(struct store *store, uint64_t *ret_id);

/* ---- settings of devices: what an operator has said, whether they are registered or not ---- */

struct device_settings_row {
	const char *endpoint;
	uint32_t awake_ms;                      /* 0: as the server has it */
};

MUST_CHECK enum err store_put_device_settings(struct store *store, const struct device_settings_row *row,
                                              struct store_done done);
MUST_CHECK enum err store_read_device_settings(struct store *store,
                                               bool (*each)(void *self, const struct device_settings_row *row),
                                               void *self);

/* ---- inventory: what was last learned about a device ---- */

struct inventory_row {
	const char *endpoint, *section, *key;
	const char *json;                       /* NULL in a put: remove */
	int64_t learned_ms;
};

MUST_CHECK enum err store_put_inventory(struct store *store, const struct inventory_row *row, struct store_done done);
/* Section NULL: all of them. */
MUST_CHECK enum err store_read_inventory(struct store *store, struct arena *arena, const char *endpoint,
                                         const char *section, struct inventory_row **ret_rows, size_t *ret_count);

/* ---- counters: numbers that only grow ---- */

struct counter_row {                            /* one per endpoint and name */
	const char *endpoint, *name;
	uint64_t value;                         /* the last one that was given out */
};

/* A lower value than the stored one changes nothing. */
MUST_CHECK enum err store_raise_counter(struct store *store, const struct counter_row *row, struct store_done done);
MUST_CHECK enum err store_read_counters(struct store *store, struct arena *arena, const char *endpoint,
                                        struct counter_row **ret_rows, size_t *ret_count);

/* ---- API tokens: only the hash is stored ---- */

struct token_row {
	uint64_t id;
	const char *name, *scopes;              /* scopes: space-separated */
	struct bytes hash;                      /* SHA-256 of the token */
	int64_t created_ms, expires_ms;         /* 0: never */
};

MUST_CHECK enum err store_put_token(struct store *store, const struct token_row *row, struct store_done done);
MUST_CHECK enum err store_remove_token(struct store *store, uint64_t id, struct store_done done);
MUST_CHECK enum err store_read_tokens(struct store *store, struct arena *arena, struct token_row **ret_rows,
                                      size_t *ret_count);
/* The highest id given so far, 0 for none: a removed token's id is not given again. */
MUST_CHECK enum err store_last_token_id(struct store *store, uint64_t *ret_id);

#endif
