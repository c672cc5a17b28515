/* A bounded queue to other threads, and the way back: workers that may block, and the one writer of the database.
 * Jobs of a pool with one thread run in order. */
#ifndef CARDEA_CORE_WORK_H
#define CARDEA_CORE_WORK_H

#include <stddef.h>

#include <cardea/error.h>

#include "loop.h"

struct work_pool;

struct work_batch {             /* optional: called on the pool's thread around all jobs that waited together */
	void (*begin)(void *self);
	enum err (*end)(void *self);    /* its result is the result of each job of the batch that had none worse */
	void *self;
};

/* `batch` may be NULL; with it there is one thread. At most `max_queued` jobs at a time are queued, running or not yet
 * told of by `done`. Signals are blocked on the threads. */
MUST_CHECK enum err work_pool_create(struct loop *loop, unsigned threads, size_t max_queued,
                                     const struct work_batch *batch, struct work_pool **ret_pool);
/* Runs what is queued to its end, joins the threads, delivers the completions; what these submit is refused. Accepts
 * NULL. Not inside `run` or `done`. */
void work_pool_free(struct work_pool *pool);

/* Queues run(arg); done(arg, result) is called on the loop afterwards and owns `take_arg` from then on. `done` may be
 * NULL when nothing has to be freed or told. ERR_UNAVAILABLE when the queue is full: `take_arg` stays the caller's. */
MUST_CHECK enum err work_submit(struct work_pool *pool, enum err (*run)(void *arg), void (*done)(void *arg, enum err result),
                                void *take_arg);

/* Queued, running or not yet told. */
size_t work_queued(const struct work_pool *pool);

#endif
