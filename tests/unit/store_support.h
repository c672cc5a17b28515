/* What the tests of the store share: a data directory, a loop, and waiting for the end of writes. */
#ifndef CARDEA_TESTS_STORE_SUPPORT_H
#define CARDEA_TESTS_STORE_SUPPORT_H

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cardea/arena.h>

#include "loop.h"
#include "store.h"

struct bench {
	char data_dir[PATH_MAX]; /* a fresh one beside the program, in the build; removed at the end */
	enum store_mode mode;
	struct loop *loop;
	struct store *store;
	struct arena *arena;
	unsigned ended;  /* writes */
	enum err result; /* of the last one */
	uint64_t id;
};

/* cmocka's: *state is a struct bench of the mode. */
int setup_inline(void **state);
int setup_threaded(void **state);
int teardown(void **state);

void bench_open(struct bench *bench);
void bench_close(struct bench *bench);
static inline void bench_reopen(struct bench *bench)
{
	bench_close(bench);
	bench_open(bench);
}

struct store_done bench_done(struct bench *bench);
/* Turns the loop until `count` writes have ended since the last call. */
void bench_wait(struct bench *bench, unsigned count);

/* Path of a file in the data directory; valid until the next call. */
const char *bench_path(const struct bench *bench, const char *name);

/* Queues a write and answers how it ended. */
#define WRITE(bench, call) (assert_int_equal(call, ERR_NONE), bench_wait(bench, 1), (bench)->result)

/* The claim in both modes. */
#define IN_BOTH_MODES(test)                                                                                  \
	{ #test "_inline", test, setup_inline, teardown, NULL },                                             \
	{                                                                                                    \
#test "_threaded", test, setup_threaded, teardown, NULL                                      \
	}

#endif
