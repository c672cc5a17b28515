#include "work.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static int open_loop(void **state)
{
	struct loop *loop = NULL;

	if (loop_create(&loop) != ERR_NONE)
		return 1;
	*state = loop;
	return 0;
}

static int close_loop(void **state)
{
	loop_free(*state);
	return 0;
}

/* Keeps a pool's threads inside `run` until it is opened. */
struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t opened;
	bool is_open;
};

#define GATE_CLOSED                                                                                          \
	{                                                                                                    \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false                                   \
	}

static enum err pass_gate(void *arg)
{
	struct gate *gate = arg;

	pthread_mutex_lock(&gate->mutex);
	while (!gate->is_open)
		pthread_cond_wait(&gate->opened, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
	return ERR_NONE;
}

static void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->is_open = true;
	pthread_cond_broadcast(&gate->opened);
	pthread_mutex_unlock(&gate->mutex);
}

/* What a test counts, and when it lets the loop stop. */
struct tally {
	struct loop *loop;
	struct work_pool *pool;
	pthread_t loop_thread;
	unsigned told, expected;
	enum err results[64];
	unsigned order[64];
	unsigned resubmit;
};

struct task {
	struct tally *tally;
	unsigned number;
	enum err answer;
	bool ran_on_loop;
};

static struct task *task_create(struct tally *tally, unsigned number, enum err answer)
{
	struct task *task = malloc(sizeof(*task));

	assert_non_null(task);
	*task = (struct task){ .tally = tally, .number = number, .answer = answer };
	return task;
}

static enum err run_task(void *arg)
{
	struct task *task = arg;

	task->ran_on_loop = pthread_equal(pthread_self(), task->tally->loop_thread) != 0;
	return task->answer;
}

static void task_done(void *arg, enum err result)
{
	struct task *task = arg;
	struct tally *tally = task->tally;

	assert_true(pthread_equal(pthread_self(), tally->loop_thread) != 0);
	assert_false(task->ran_on_loop);
	if (tally->told < 64) {
		tally->results[tally->told] = result;
		tally->order[tally->told] = task->number;
	}
	tally->told++;
	if (tally->resubmit > 0) {
		tally->resubmit--;
		assert_int_equal(work_submit(tally->pool, run_task, task_done, task), ERR_NONE);
		return;
	}
	free(task);
	if (tally->told == tally->expected)
		loop_stop(tally->loop);
}

static void tally_open(struct tally *tally, struct loop *loop, unsigned threads, size_t max_queued,
		       const struct work_batch *batch)
{
	*tally = (struct tally){ .loop = loop, .loop_thread = pthread_self() };
	assert_int_equal(work_pool_create(loop, threads, max_queued, batch, &tally->pool), ERR_NONE);
}

static void runs_elsewhere_and_tells_on_the_loop_in_order(void **state)
{
	struct tally tally;

	tally_open(&tally, *state, 1, 50, NULL);
	tally.expected = 50;
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(work_submit(tally.pool, run_task, task_done,
					     task_create(&tally, i, i % 2 == 0 ? ERR_NONE : ERR_IO)),
				 ERR_NONE);
	assert_int_equal(loop_run(*state), ERR_NONE);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(tally.order[i], i);
		assert_int_equal(tally.results[i], i % 2 == 0 ? ERR_NONE : ERR_IO);
	}
	assert_int_equal(work_queued(tally.pool), 0);
	work_pool_free(tally.pool);
}

static void several_threads_lose_nothing(void **state)
{
	struct tally tally;
	unsigned submitted = 0;

	tally_open(&tally, *state, 4, 100, NULL);
	tally.expected = 5000;
	while (submitted < 5000) {
		struct task *task = task_create(&tally, submitted, ERR_NONE);

		if (work_submit(tally.pool, run_task, task_done, task) == ERR_NONE) {
			submitted++;
		} else {
			free(task);
			assert_int_equal(loop_turn(*state, -1), ERR_NONE);
		}
	}
	assert_int_equal(loop_run(*state), ERR_NONE);
	assert_int_equal(tally.told, 5000);
	work_pool_free(tally.pool);
}

static void refuses_more_than_its_bound_until_some_are_told(void **state)
{
	struct gate gate = GATE_CLOSED;
	struct tally tally;

	tally_open(&tally, *state, 1, 3, NULL);
	tally.expected = 2;
	assert_int_equal(work_submit(tally.pool, pass_gate, NULL, &gate), ERR_NONE);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			work_submit(tally.pool, run_task, task_done, task_create(&tally, i, ERR_NONE)),
			ERR_NONE);
	assert_int_equal(work_submit(tally.pool, pass_gate, NULL, &gate), ERR_UNAVAILABLE);
	assert_int_equal(work_queued(tally.pool), 3);
	gate_open(&gate);
	assert_int_equal(loop_run(*state), ERR_NONE);
	assert_int_equal(work_queued(tally.pool), 0);
	assert_int_equal(work_submit(tally.pool, pass_gate, NULL, &gate), ERR_NONE);
	work_pool_free(tally.pool);
}

static void a_completion_may_submit_into_its_own_place(void **state)
{
	struct tally tally;

	tally_open(&tally, *state, 1, 1, NULL);
	tally.expected = 11;
	tally.resubmit = 10;
	assert_int_equal(work_submit(tally.pool, run_task, task_done, task_create(&tally, 0, ERR_NONE)),
			 ERR_NONE);
	assert_int_equal(loop_run(*state), ERR_NONE);
	assert_int_equal(tally.told, 11);
	work_pool_free(tally.pool);
}

static void free_runs_what_is_queued_and_tells_it(void **state)
{
	struct tally tally;

	tally_open(&tally, *state, 2, 50, NULL);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(
			work_submit(tally.pool, run_task, task_done, task_create(&tally, i, ERR_NONE)),
			ERR_NONE);
	work_pool_free(tally.pool);
	assert_int_equal(tally.told, 50);
	work_pool_free(NULL);
}

/* The hooks around a batch, as the writer of a database has them. */
struct transaction {
	struct gate *gate;
	atomic_uint begun, ended;
	_Atomic enum err result;
};

static void begin_transaction(void *self)
{
	struct transaction *transaction = self;

	if (atomic_fetch_add(&transaction->begun, 1) == 0)
		pass_gate(transaction->gate);
}

static enum err end_transaction(void *self)
{
	struct transaction *transaction = self;

	atomic_fetch_add(&transaction->ended, 1);
	return atomic_load(&transaction->result);
}

static void what_waits_together_is_one_batch(void **state)
{
	struct gate gate = GATE_CLOSED;
	struct transaction transaction = { .gate = &gate };
	struct work_batch batch = { begin_transaction, end_transaction, &transaction };
	struct tally tally;

	tally_open(&tally, *state, 1, 50, &batch);
	tally.expected = 41;
	assert_int_equal(work_submit(tally.pool, run_task, task_done, task_create(&tally, 0, ERR_NONE)),
			 ERR_NONE);
	while (atomic_load(&transaction.begun) == 0)
		sched_yield();
	for (unsigned i = 1; i < 41; i++)
		assert_int_equal(
			work_submit(tally.pool, run_task, task_done, task_create(&tally, i, ERR_NONE)),
			ERR_NONE);
	gate_open(&gate);
	assert_int_equal(loop_run(*state), ERR_NONE);
	assert_int_equal(atomic_load(&transaction.begun), 2);
	assert_int_equal(atomic_load(&transaction.ended), 2);
	work_pool_free(tally.pool);
}

static void a_failed_batch_fails_each_job_that_had_not(void **state)
{
	struct gate gate = GATE_CLOSED;
	struct transaction transaction = { .gate = &gate, .result = ERR_IO };
	struct work_batch batch = { begin_transaction, end_transaction, &transaction };
	struct tally tally;

	gate_open(&gate);
	tally_open(&tally, *state, 1, 2, &batch);
	tally.expected = 2;
	assert_int_equal(work_submit(tally.pool, run_task, task_done, task_create(&tally, 0, ERR_NONE)),
			 ERR_NONE);
	assert_int_equal(work_submit(tally.pool, run_task, task_done, task_create(&tally, 1, ERR_CONFLICT)),
			 ERR_NONE);
	assert_int_equal(loop_run(*state), ERR_NONE);
	assert_int_equal(tally.results[0], ERR_IO);
	assert_int_equal(tally.results[1], ERR_CONFLICT);
	work_pool_free(tally.pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(runs_elsewhere_and_tells_on_the_loop_in_order, open_loop,
						close_loop),
		cmocka_unit_test_setup_teardown(several_threads_lose_nothing, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(refuses_more_than_its_bound_until_some_are_told, open_loop,
						close_loop),
		cmocka_unit_test_setup_teardown(a_completion_may_submit_into_its_own_place, open_loop,
						close_loop),
		cmocka_unit_test_setup_teardown(free_runs_what_is_queued_and_tells_it, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(what_waits_together_is_one_batch, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(a_failed_batch_fails_each_job_that_had_not, open_loop,
						close_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
