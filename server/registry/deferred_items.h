/* The requests that wait, in memory: by id, and by device in the order in which they go. For this folder
 * only. */
#ifndef CARDEA_REGISTRY_DEFERRED_ITEMS_H
#define CARDEA_REGISTRY_DEFERRED_ITEMS_H

#define HASH_NONFATAL_OOM 1 /* what could not be added has no table afterwards */
#include <uthash.h>

#include "deferred.h"
#include "wheel.h"

enum deferred_state {
	DEFERRED_QUEUED,  /* in the store; a request that may be repeated stays so until it has ended */
	DEFERRED_SENT,    /* may have reached the device, which may have done it */
	DEFERRED_DONE,    /* the device did it; from here on it has ended */
	DEFERRED_FAILED,  /* the device refused, or it cannot be asked */
	DEFERRED_UNKNOWN, /* sent, and never answered */
	DEFERRED_EXPIRED,
	DEFERRED_CANCELLED,
};

struct deferred_device {
	struct deferred *deferred;
	struct deferred_item *items;   /* in order */
	struct deferred_item *current; /* the one that is on its way, or NULL */
	size_t count;
	struct timer retry;
	UT_hash_handle hh;
	char endpoint[];
};

struct deferred_item {
	struct deferred_item *prev, *next; /* of the device */
	struct deferred_device *device;    /* owns it */
	struct arena *arena;               /* of itself and of its texts; wiped at the end */
	uint64_t id;
	enum deferred_state state;
	enum lwm2m_operation operation;
	const char *path;
	bool is_urgent;
	bool is_stored;        /* its first row is durable */
	struct bytes document; /* the request */
	const char *answer;    /* JSON, "" while there is none */
	int64_t created_ms, expires_ms, ended_ms;
	struct timer expiry;
	struct store_done told; /* who waits for its first row, or for its end */
	UT_hash_handle hh;
};

struct deferred {
	struct deferred_parts parts;
	struct deferred_item *by_id;
	struct deferred_device *by_endpoint;
	uint64_t last_id;
	size_t bytes;          /* of all documents */
	struct arena *scratch; /* of one call */
};

const char *deferred_state_name(enum deferred_state state);
/* DEFERRED_QUEUED when it is none of ours. */
enum deferred_state deferred_state_of(const char *name);
bool deferred_has_ended(const struct deferred_item *item);

struct deferred_item *deferred_find(const struct deferred *deferred, uint64_t id);
/* A new item behind those that go before it; `from` gives its values, with texts that are copied.
 * ERR_UNAVAILABLE: too many wait; ERR_NOMEM. */
MUST_CHECK enum err deferred_insert(struct deferred *deferred, const char *endpoint,
				    const struct deferred_item *from, struct deferred_item **ret_item);
/* Out of its device, and freed, with the device when that was its last. */
void deferred_forget(struct deferred_item *item);
/* The next that may go; NULL when there is none. */
struct deferred_item *deferred_first(const struct deferred_device *device);

/* The row, in the scratch arena: the request is sealed here. */
MUST_CHECK enum err deferred_row_of(struct deferred *deferred, const struct deferred_item *item,
				    struct deferred_row *ret_row);
/* The request of a row, in the arena. ERR_DENIED: sealed by another vault. */
MUST_CHECK enum err deferred_open(struct deferred *deferred, const struct deferred_row *row,
				  struct bytes *ret_document);

#endif
