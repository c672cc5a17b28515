/* Uploaded files: streamed to the store in sealed chunks, inspected by the plugin that owns the kind, visible once both
 * are done. An upload that breaks leaves nothing. */
#ifndef CARDEA_JOBS_PACKAGE_H
#define CARDEA_JOBS_PACKAGE_H

#include <cardea/bytes.h>

#include "store.h"

struct loop;
struct packages;
struct package_upload;
struct plugin_host;
struct vault;
struct work_pool;
struct events;

struct packages_parts {                         /* all borrowed */
	struct loop *loop;
	struct store *store;
	struct plugin_host *plugins;
	struct vault *vault;
	struct work_pool *workers;
	struct events *events;
	uint32_t max_package_bytes;
};

MUST_CHECK enum err packages_create(const struct packages_parts *parts, struct packages **ret_packages);
void packages_free(struct packages *packages);          /* accepts NULL */

/* ERR_NOT_FOUND for a kind that no plugin has. */
MUST_CHECK enum err package_upload_begin(struct packages *packages, const char *kind, const char *name,
                                         struct package_upload **ret_upload, struct fault *fault);
/* Takes what fits now: *ret_taken may be less than the chunk while the store's queue is full; offer the rest later.
 * ERR_LIMIT past max_package_bytes. */
MUST_CHECK enum err package_upload_add(struct package_upload *upload, struct bytes chunk, size_t *ret_taken,
                                       struct fault *fault);
/* Inspects and completes; `done` gives the package's id once durable, or the fault, called once and never before this
 * returns. ERR_UNAVAILABLE: a queue is full, the upload stays the caller's to end later or to abort. */
MUST_CHECK enum err package_upload_end(struct package_upload *take_upload,
                                       void (*done)(void *self, uint64_t id, const struct fault *fault), void *self);
void package_upload_abort(struct package_upload *upload);       /* accepts NULL */

/* The whole content, in the clear. Blocks: for workers. The caller wipes and frees the arena. */
MUST_CHECK enum err package_read(struct packages *packages, struct arena *arena, uint64_t id, struct bytes *ret_content);

#endif
