/* Jobs go round: from the free list to the queue, through a thread to the completed ones, and back when the
 * loop has told. There are as many as the queue may hold, made at the start, so that submitting needs no
 * memory. One mutex guards the three lists; `run` and `done` are called without it. */
#include "work.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct job {
	struct job *next;
	enum err (*run)(void *arg);
	void (*done)(void *arg, enum err result);
	void *arg;
	enum err result;
};

struct job_list {
	struct job *first, **end; /* where the next one is linked */
};

struct work_pool {
	pthread_mutex_t mutex;
	pthread_cond_t queue_changed;
	struct job *jobs, *free;
	struct job_list queued, completed;
	size_t count; /* not yet told */
	bool is_closing;
	struct work_batch batch;
	bool has_batch;
	int completed_fd;
	struct watch *watch;
	pthread_t *threads;
	unsigned thread_count;
};

static void list_clear(struct job_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void list_append(struct job_list *list, struct job *job)
{
	job->next = NULL;
	*list->end = job;
	list->end = &job->next;
}

static struct job *list_take_first(struct job_list *list)
{
	struct job *job = list->first;

	list->first = job->next;
	if (list->first == NULL)
		list->end = &list->first;
	job->next = NULL;
	return job;
}

static struct job *list_take_all(struct job_list *list)
{
	struct job *first = list->first;

	list_clear(list);
	return first;
}

/* ---- the pool's threads ---- */

static void run_jobs(struct work_pool *pool, struct job *jobs)
{
	enum err batch_result = ERR_NONE;

	if (pool->has_batch)
		pool->batch.begin(pool->batch.self);
	for (struct job *job = jobs; job != NULL; job = job->next)
		job->result = job->run(job->arg);
	if (pool->has_batch)
		batch_result = pool->batch.end(pool->batch.self);
	for (struct job *job = jobs; job != NULL; job = job->next) {
		if (job->result == ERR_NONE)
			job->result = batch_result;
	}
}

static void complete_jobs(struct work_pool *pool, struct job *jobs)
{
	bool was_empty = pool->completed.first == NULL;

	while (jobs != NULL) {
		struct job *job = jobs;

		jobs = job->next;
		list_append(&pool->completed, job);
	}
	if (was_empty)
		eventfd_write(pool->completed_fd, 1);
}

static void *serve_queue(void *self)
{
	struct work_pool *pool = self;

	pthread_mutex_lock(&pool->mutex);
	while (true) {
		struct job *jobs;

		while (pool->queued.first == NULL && !pool->is_closing)
			pthread_cond_wait(&pool->queue_changed, &pool->mutex);
		if (pool->queued.first == NULL)
			break;
		jobs = pool->has_batch ? list_take_all(&pool->queued) : list_take_first(&pool->queued);
		pthread_mutex_unlock(&pool->mutex);
		run_jobs(pool, jobs);
		pthread_mutex_lock(&pool->mutex);
		complete_jobs(pool, jobs);
	}
	pthread_mutex_unlock(&pool->mutex);
	return NULL;
}

/* ---- the loop's side ---- */

static void tell_completed(struct work_pool *pool)
{
	struct job *jobs;

	pthread_mutex_lock(&pool->mutex);
	jobs = list_take_all(&pool->completed);
	pthread_mutex_unlock(&pool->mutex);
	while (jobs != NULL) {
		struct job *job = jobs;
		void (*done)(void *arg, enum err result) = job->done;
		void *arg = job->arg;
		enum err result = job->result;

		jobs = job->next;
		pthread_mutex_lock(&pool->mutex);
		job->next = pool->free;
		pool->free = job;
		pool->count--;
		pthread_mutex_unlock(&pool->mutex);
		if (done != NULL)
			done(arg, result); /* may submit again, now that its place is free */
	}
}

static void on_completed(void *self, uint32_t events)
{
	struct work_pool *pool = self;
	eventfd_t count;

	eventfd_read(pool->completed_fd, &count);
	tell_completed(pool);
}

static enum err start_threads(struct work_pool *pool, unsigned threads)
{
	sigset_t all, before;
	enum err err = ERR_NONE;

	/* Signals are for the thread that runs the loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (err == ERR_NONE && pool->thread_count < threads) {
		if (pthread_create(&pool->threads[pool->thread_count], NULL, serve_queue, pool) == 0)
			pool->thread_count++;
		else
			err = ERR_NOMEM;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

enum err work_pool_create(struct loop *loop, unsigned threads, size_t max_queued,
			  const struct work_batch *batch, struct work_pool **ret_pool)
{
	struct work_pool *pool = calloc(1, sizeof(*pool));
	enum err err = ERR_NONE;

	assert(threads > 0 && max_queued > 0);
	if (pool == NULL)
		return ERR_NOMEM;
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->queue_changed, NULL);
	list_clear(&pool->queued);
	list_clear(&pool->completed);
	pool->has_batch = batch != NULL;
	if (batch != NULL)
		pool->batch = *batch;
	pool->jobs = calloc(max_queued, sizeof(*pool->jobs));
	pool->threads = calloc(threads, sizeof(*pool->threads));
	pool->completed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->jobs == NULL || pool->threads == NULL)
		err = ERR_NOMEM;
	else if (pool->completed_fd < 0)
		err = ERR_IO;
	if (err == ERR_NONE) {
		for (size_t i = 0; i < max_queued; i++) {
			pool->jobs[i].next = pool->free;
			pool->free = &pool->jobs[i];
		}
		err = loop_watch(loop, pool->completed_fd, EPOLLIN, on_completed, pool, &pool->watch);
	}
	if (err == ERR_NONE)
		err = start_threads(pool, batch != NULL ? 1 : threads);
	if (err != ERR_NONE) {
		work_pool_free(pool);
		return err;
	}
	*ret_pool = pool;
	return ERR_NONE;
}

void work_pool_free(struct work_pool *pool)
{
	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->mutex);
	pool->is_closing = true;
	pthread_cond_broadcast(&pool->queue_changed);
	pthread_mutex_unlock(&pool->mutex);
	for (unsigned i = 0; i < pool->thread_count; i++)
		pthread_join(pool->threads[i], NULL);
	tell_completed(pool);
	loop_unwatch(pool->watch);
	if (pool->completed_fd >= 0)
		close(pool->completed_fd);
	pthread_cond_destroy(&pool->queue_changed);
	pthread_mutex_destroy(&pool->mutex);
	free(pool->threads);
	free(pool->jobs);
	free(pool);
}

enum err work_submit(struct work_pool *pool, enum err (*run)(void *arg),
		     void (*done)(void *arg, enum err result), void *take_arg)
{
	struct job *job = NULL;

	pthread_mutex_lock(&pool->mutex);
	if (!pool->is_closing)
		job = pool->free;
	if (job != NULL) {
		pool->free = job->next;
		*job = (struct job){ .run = run, .done = done, .arg = take_arg };
		list_append(&pool->queued, job);
		pool->count++;
		pthread_cond_signal(&pool->queue_changed);
	}
	pthread_mutex_unlock(&pool->mutex);
	return job != NULL ? ERR_NONE : ERR_UNAVAILABLE;
}

size_t work_queued(const struct work_pool *pool)
{
	pthread_mutex_t *mutex = (pthread_mutex_t *)&pool->mutex;
	size_t count;

	pthread_mutex_lock(mutex);
	count = pool->count;
	pthread_mutex_unlock(mutex);
	return count;
}
