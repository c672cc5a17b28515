/* The bootstrap server: an endpoint of its own, where devices ask for a configuration and get it.
 *
 *   POST /bs -> 2.04, then requests to the device: Discover, Delete, Write, Read, Finish        bootstrap_sequence.c
 *   GET /bspack -> 2.05 with all of it                                                          bootstrap_pack.c
 *
 * Each one that has begun ends with an event, "bootstrap.finished" or "bootstrap.failed", which the store keeps as the
 * endpoint's last outcome. Everything here runs on the loop's thread; configurations are read on a worker. */
#ifndef CARDEA_REGISTRY_BOOTSTRAP_H
#define CARDEA_REGISTRY_BOOTSTRAP_H

#include "coap.h"
#include "model.h"

struct bootstrap;
struct credentials;
struct events;
struct loop;
struct store;
struct vault;
struct work_pool;

/* EXCHANGE_LIFETIME (RFC 7252 4.8.2): a device waits so long for the Finish (LwM2M Core TS 1.1, 6.1.7.6). */
#define BOOTSTRAP_DEADLINE_MS 247000
#define BOOTSTRAP_MAX_AT_ONCE 1024

struct bootstrap_parts {                        /* all borrowed */
	struct loop *loop;
	struct store *store;
	struct vault *vault;
	struct work_pool *workers;
	struct model *model;
	struct events *events;
	struct credentials *credentials;        /* of the LwM2M server: keys that are generated go there */
	struct credentials *bootstrap_credentials;
	const struct certificates *certificates;        /* ours, which devices are told to expect; NULL: none */
	uint32_t deadline_ms;                   /* BOOTSTRAP_DEADLINE_MS */
	size_t max_at_once;                     /* BOOTSTRAP_MAX_AT_ONCE; more: 5.03 with Max-Age */
};

MUST_CHECK enum err bootstrap_create(const struct bootstrap_parts *parts, struct bootstrap **ret_bootstrap);
/* After the workers and the store have told what they had to tell. What is under way is forgotten. Accepts NULL. */
void bootstrap_free(struct bootstrap *bootstrap);

/* The endpoint's handlers, and the endpoint once it exists. NULL before it is freed. */
struct endpoint_handlers bootstrap_handlers(struct bootstrap *bootstrap);
void bootstrap_attach(struct bootstrap *bootstrap, struct endpoint *endpoint);

/* The configuration in a row of the store: sealed, and bound to its endpoint. In the arena. */
MUST_CHECK enum err bootstrap_seal(const struct vault *vault, struct arena *arena, const char *endpoint,
				   struct bytes document, struct bytes *ret_sealed);
/* ERR_DENIED: sealed by another vault or for another endpoint. */
MUST_CHECK enum err bootstrap_open_sealed(const struct vault *vault, struct arena *arena, const char *endpoint,
					  struct bytes sealed, struct bytes *ret_document);

/* The configuration of an endpoint: its own, else the one of all. May block: for a worker. ERR_NOT_FOUND: there is
 * neither; ERR_DENIED as above. */
MUST_CHECK enum err bootstrap_fetch(struct store *store, const struct vault *vault, struct arena *arena,
				    const char *endpoint, bool *ret_is_for_all, struct bytes *ret_document);

#endif
