#include "store_support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void bench_open(struct bench *bench)
{
	struct fault fault = { 0 };
	enum err err = store_open(bench->data_dir, bench->mode, bench->loop, &bench->store, &fault);
	if (err)
		fail_msg("store_open: %s", fault.text);
}

void bench_close(struct bench *bench)
{
	store_close(bench->store);
	bench->store = NULL;
}

static void make_data_dir(struct bench *bench)
{
	static const char name[] = "/store-XXXXXX";
	ssize_t length = readlink("/proc/self/exe", bench->data_dir, sizeof bench->data_dir - sizeof name);
	assert_in_range(length, 1, sizeof bench->data_dir - sizeof name - 1);
	bench->data_dir[length] = '\0';
	char *slash = strrchr(bench->data_dir, '/');
	assert_non_null(slash);
	strcpy(slash, name);
	assert_non_null(mkdtemp(bench->data_dir));
}

static int setup(void **state, enum store_mode mode)
{
	struct bench *bench = calloc(1, sizeof *bench);
	if (bench == NULL)
		return -1;
	make_data_dir(bench);
	bench->mode = mode;
	bench->arena = arena_create(0);
	assert_non_null(bench->arena);
	assert_int_equal(loop_create(&bench->loop), ERR_NONE);
	bench_open(bench);
	*state = bench;
	return 0;
}

int setup_inline(void **state)
{
	return setup(state, STORE_INLINE);
}

int setup_threaded(void **state)
{
	return setup(state, STORE_THREADED);
}

const char *bench_path(const struct bench *bench, const char *name)
{
	static char path[PATH_MAX + NAME_MAX + 2];
	snprintf(path, sizeof path, "%s/%s", bench->data_dir, name);
	return path;
}

static void remove_directory(const struct bench *bench)
{
	DIR *directory = opendir(bench->data_dir);
	assert_non_null(directory);
	for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
		if (entry->d_name[0] != '.')
			assert_int_equal(unlink(bench_path(bench, entry->d_name)), 0);
	}
	closedir(directory);
	assert_int_equal(rmdir(bench->data_dir), 0);
}

int teardown(void **state)
{
	struct bench *bench = *state;
	bench_close(bench);
	loop_free(bench->loop);
	arena_free(bench->arena);
	remove_directory(bench);
	free(bench);
	return 0;
}

static void note_end(void *self, uint64_t id, enum err result)
{
	struct bench *bench = self;
	bench->ended++;
	bench->id = id;
	bench->result = result;
}

struct store_done bench_done(struct bench *bench)
{
	return (struct store_done){ note_end, bench, 42 };
}

void bench_wait(struct bench *bench, unsigned count)
{
	while (bench->ended < count)
		assert_int_equal(loop_turn(bench->loop, 1000), ERR_NONE);
	bench->ended -= count;
}
