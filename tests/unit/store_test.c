/* The store as a whole: who may open it, what it promises when the process is killed, and what it refuses. */
#include "store_support.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct registration_row registration(const char *endpoint)
{
	return (struct registration_row){
		.endpoint = endpoint,
		.location = "a",
		.address = "192.0.2.1:5683",
		.identity = "",
		.lifetime_s = 60,
		.version = "1.1",
		.binding = "U",
		.links = "</3/0>",
		.root = "",
	};
}

static bool count_row(void *self, const struct registration_row *row)
{
	++*(unsigned *)self;
	return true;
}

static unsigned count_registrations(struct store *store)
{
	unsigned count = 0;
	assert_int_equal(store_read_registrations(store, count_row, &count), ERR_NONE);
	return count;
}

/* ---- opening ---- */

static void a_second_server_is_refused(void **state)
{
	struct bench *bench = *state;
	struct store *second = NULL;
	struct fault fault = { 0 };
	assert_int_equal(store_open(bench->data_dir, bench->mode, bench->loop, &second, &fault),
			 ERR_CONFLICT);
	assert_null(second);
	assert_non_null(strstr(fault.text, "another server"));
	bench_reopen(bench);
}

static void files_are_for_their_owner_only(void **state)
{
	struct bench *bench = *state;
	static const char *const names[] = { "lock", "cardea.db", "cardea.db-wal" };
	struct registration_row row = registration("dev-1");
	assert_int_equal(WRITE(bench, store_put_registration(bench->store, &row, bench_done(bench))),
			 ERR_NONE);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct stat status;
		assert_int_equal(stat(bench_path(bench, names[i]), &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
}

static void refuses_a_directory_that_cannot_be(void **state)
{
	struct store *store = NULL;
	struct fault fault = { 0 };
	assert_int_equal(store_open("/dev/null/data", STORE_INLINE, NULL, &store, &fault), ERR_IO);
	assert_non_null(strstr(fault.text, "/dev/null/data"));
	fault = (struct fault){ 0 };
	assert_int_equal(store_open("", STORE_THREADED, NULL, &store, &fault), ERR_MALFORMED);
	assert_null(store);
}

static void keeps_in_memory_without_a_directory(void **state)
{
	struct store *store;
	struct registration_row row = registration("dev-1");
	assert_int_equal(store_open("", STORE_INLINE, NULL, &store, NULL), ERR_NONE);
	assert_int_equal(store_put_registration(store, &row, (struct store_done){ 0 }), ERR_NONE);
	assert_int_equal(count_registrations(store), 1);
	store_close(store);
}

/* ---- queueing ---- */

static void a_full_queue_is_told(void **state)
{
	struct bench *bench = *state;
	struct registration_row row = registration("dev-1");
	unsigned queued = 0;
	enum err err = ERR_NONE;
	while (queued < 100000 && !err) {
		err = store_put_registration(bench->store, &row, bench_done(bench));
		queued += !err;
	}
	assert_int_equal(err, ERR_UNAVAILABLE);
	bench_wait(bench, queued);
	assert_int_equal(bench->result, ERR_NONE);
	assert_int_equal(WRITE(bench, store_put_registration(bench->store, &row, bench_done(bench))),
			 ERR_NONE);
}

static void a_row_larger_than_the_queue_is_refused_for_good(void **state)
{
	struct bench *bench = *state;
	size_t size = 80u << 20;
	char *text = malloc(size);
	assert_non_null(text);
	memset(text, 'x', size);
	text[size - 1] = '\0';
	struct registration_row row = registration("dev-1");
	row.links = text;
	assert_int_equal(store_put_registration(bench->store, &row, bench_done(bench)), ERR_LIMIT);
	free(text);
	assert_int_equal(bench->ended, 0);
}

static void closing_writes_what_is_queued(void **state)
{
	struct bench *bench = *state;
	for (unsigned i = 0; i < 100; i++) {
		char name[16];
		snprintf(name, sizeof name, "dev-%u", i);
		struct registration_row row = registration(name);
		assert_int_equal(store_put_registration(bench->store, &row, bench_done(bench)), ERR_NONE);
	}
	bench_close(bench);
	assert_int_equal(bench->ended, 100);
	assert_int_equal(bench->result, ERR_NONE);
	bench->ended = 0;
	bench_open(bench);
	assert_int_equal(count_registrations(bench->store), 100);
}

struct chain {
	struct bench *bench;
	enum err second;
};

static void write_again(void *self, uint64_t id, enum err result)
{
	struct chain *chain = self;
	struct registration_row row = registration("dev-2");
	chain->bench->ended++;
	chain->second = store_put_registration(chain->bench->store, &row, (struct store_done){ 0 });
}

static void a_write_may_follow_from_the_end_of_another(void **state)
{
	struct bench *bench = *state;
	struct chain chain = { bench, ERR_INTERNAL };
	struct registration_row row = registration("dev-1");
	struct store_done done = { write_again, &chain, 0 };
	assert_int_equal(store_put_registration(bench->store, &row, done), ERR_NONE);
	bench_wait(bench, 1);
	assert_int_equal(chain.second, ERR_NONE);
	assert_int_equal(WRITE(bench, store_sync(bench->store, bench_done(bench))), ERR_NONE);
	assert_int_equal(count_registrations(bench->store), 2);
}

/* ---- a disk that is full ---- */

static enum err put_links(struct bench *bench, const char *endpoint, const char *links)
{
	struct registration_row row = registration(endpoint);
	row.links = links;
	return WRITE(bench, store_put_registration(bench->store, &row, bench_done(bench)));
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_is_told_and_survived(void **state)
{
	struct bench *bench = *state;
	static char links[1 << 20];
	memset(links, 'x', sizeof links - 1);
	assert_int_equal(put_links(bench, "dev-1", "</3/0>"), ERR_NONE);
	signal(SIGXFSZ, SIG_IGN);
	limit_files(512 << 10);
	enum err full = put_links(bench, "dev-2", links);
	enum err small = put_links(bench, "dev-3", "</3/0>");
	limit_files(RLIM_INFINITY);
	assert_int_equal(full, ERR_IO);
	assert_int_equal(small, ERR_NONE);
	assert_int_equal(count_registrations(bench->store), 2);
	assert_int_equal(put_links(bench, "dev-2", links), ERR_NONE);
	bench_reopen(bench);
	assert_int_equal(count_registrations(bench->store), 3);
}

/* ---- reading while writing ---- */

#define ROWS 300

static void *read_on_and_on(void *self)
{
	struct bench *bench = self;
	for (unsigned before = 0; before < ROWS;) {
		unsigned count = count_registrations(bench->store);
		if (count < before)
			return self; /* something that was durable has gone */
		before = count;
	}
	return NULL;
}

static void threads_read_while_the_writer_writes(void **state)
{
	struct bench *bench = *state;
	pthread_t readers[6]; /* more than connections are kept */
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_on_and_on, bench), 0);
	for (unsigned i = 0; i < ROWS; i++) {
		char name[16];
		snprintf(name, sizeof name, "dev-%u", i);
		struct registration_row row = registration(name);
		assert_int_equal(store_put_registration(bench->store, &row, bench_done(bench)), ERR_NONE);
		if (i % 50 == 0)
			assert_int_equal(loop_turn(bench->loop, 0), ERR_NONE);
	}
	bench_wait(bench, ROWS);
	for (size_t i = 0; i < 6; i++) {
		void *failed = bench;
		assert_int_equal(pthread_join(readers[i], &failed), 0);
		assert_null(failed);
	}
}

/* ---- kill -9 ---- */

/* Writes until it is killed; tells each end through the pipe, as a server tells a device. */
static void tell_end(void *self, uint64_t id, enum err result)
{
	const int *pipe_fd = self;
	uint32_t number = (uint32_t)id;
	if (result != ERR_NONE || write(*pipe_fd, &number, sizeof number) != sizeof number)
		_exit(3);
}

static void write_for_ever(const struct bench *bench, int pipe_fd)
{
	struct loop *loop;
	struct store *store;
	if (loop_create(&loop) || store_open(bench->data_dir, bench->mode, loop, &store, NULL))
		_exit(1);
	if (store_put_package_chunk(store, 1, 0, bytes_of_text("part"), (struct store_done){ 0 }))
		_exit(1);
	for (uint32_t i = 0;; i++) {
		char name[16];
		snprintf(name, sizeof name, "dev-%u", i);
		struct registration_row row = registration(name);
		struct store_done done = { tell_end, &pipe_fd, i };
		while (store_put_registration(store, &row, done) == ERR_UNAVAILABLE) {
			if (loop_turn(loop, 10))
				_exit(2);
		}
		if (i % 16 == 0 && loop_turn(loop, 0))
			_exit(2);
	}
}

/* The highest number that was told before the process was killed. */
static uint32_t kill_after(struct bench *bench, uint32_t told)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(fds[0]);
		write_for_ever(bench, fds[1]);
	}
	close(fds[1]);
	uint32_t number = 0, highest = 0;
	while (highest < told && read(fds[0], &number, sizeof number) == sizeof number)
		highest = number;
	assert_int_equal(kill(child, SIGKILL), 0);
	while (read(fds[0], &number, sizeof number) == sizeof number)
		highest = number;
	close(fds[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	return highest;
}

static bool mark_row(void *self, const struct registration_row *row)
{
	uint32_t number = (uint32_t)strtoul(row->endpoint + strlen("dev-"), NULL, 10);
	bool *is_kept = self;
	if (number <= 100000)
		is_kept[number] = true;
	return true;
}

static void what_was_told_survives_kill(void **state)
{
	struct bench *bench = *state;
	bench_close(bench);
	static bool is_kept[100001];
	for (uint32_t round = 1; round <= 3; round++) {
		uint32_t highest = kill_after(bench, round * 50);
		assert_in_range(highest, round * 50, 100000);
		memset(is_kept, 0, sizeof is_kept);
		bench_open(bench);
		assert_int_equal(store_read_registrations(bench->store, mark_row, is_kept), ERR_NONE);
		for (uint32_t i = 0; i <= highest; i++)
			assert_true(is_kept[i]);
		struct bytes chunk;
		assert_int_equal(store_read_package_chunk(bench->store, bench->arena, 1, 0, &chunk),
				 ERR_NOT_FOUND);
		bench_close(bench);
	}
	bench_open(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH_MODES(a_second_server_is_refused),
		IN_BOTH_MODES(files_are_for_their_owner_only),
		{ "refuses_a_directory_that_cannot_be", refuses_a_directory_that_cannot_be, NULL, NULL,
		  NULL },
		{ "keeps_in_memory_without_a_directory", keeps_in_memory_without_a_directory, NULL, NULL,
		  NULL },
		{ "a_full_queue_is_told", a_full_queue_is_told, setup_threaded, teardown, NULL },
		{ "a_row_larger_than_the_queue_is_refused_for_good",
		  a_row_larger_than_the_queue_is_refused_for_good, setup_threaded, teardown, NULL },
		IN_BOTH_MODES(closing_writes_what_is_queued),
		IN_BOTH_MODES(a_write_may_follow_from_the_end_of_another),
		IN_BOTH_MODES(a_full_disk_is_told_and_survived),
		IN_BOTH_MODES(threads_read_while_the_writer_writes),
		IN_BOTH_MODES(what_was_told_survives_kill),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
