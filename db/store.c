/* How a write goes: copied on the loop's thread, queued, run by the writer in a transaction with all that
 * waited, and told on the loop's thread once that is on the disk. STORE_INLINE does the same on the caller's
 * thread, one write a transaction. Plain refreshes wait in a table of their own and become one write a
 * second. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "migrate.h"
#include "rows.h"
#include "work.h"

#define QUEUE_MAX_WRITES  16384
#define QUEUE_MAX_BYTES   (64u << 20)
#define UPLOADS_MAX_BYTES (16u << 20)
#define TOUCHES_WAIT_MS   5000

struct store {
	enum store_mode mode;
	char path[PATH_MAX];  /* of the database; "" in memory */
	int lock;             /* held as long as it is open */
	struct writer writer; /* the writer's thread, once it runs */
	struct readers readers;
	bool has_readers;

	/* what follows is the loop's */
	struct loop *loop;
	struct work_pool *pool; /* NULL: inline, or closing */
	size_t queued_writes, queued_bytes;
	struct touches *touches;
	struct timer touches_timer;
	size_t touches_due; /* those that have waited long enough */
	bool is_touching;   /* some of them are queued */
};

/* ---- writing ---- */

static void group_begin(void *self)
{
	struct store *store = self;
	writer_begin(&store->writer);
}

static enum err group_end(void *self)
{
	struct store *store = self;
	return writer_end(&store->writer);
}

static enum err run_write(void *arg)
{
	struct write *write = arg;
	return writer_run(&write->store->writer, write);
}

static void tell(struct store_done done, enum err result)
{
	if (done.call)
		done.call(done.self, done.id, result);
}

static void write_ended(void *arg, enum err result)
{
	struct write *write = arg;
	struct store_done done = write->done;
	write->store->queued_writes--;
	write->store->queued_bytes -= write->size;
	write_free(write);
	tell(done, result);
}

static enum err queue_write(struct store *store, struct write *take_write, size_t max_bytes)
{
	struct write *write = take_write;
	if (write->size > max_bytes)
		return ERR_LIMIT;
	if (store->pool == NULL || store->queued_writes >= QUEUE_MAX_WRITES ||
	    store->queued_bytes + write->size > max_bytes)
		return ERR_UNAVAILABLE;
	enum err err = work_submit(store->pool, run_write, write_ended, write);
	if (err)
		return err;
	store->queued_writes++;
	store->queued_bytes += write->size;
	return ERR_NONE;
}

static enum err write_now(struct store *store, struct write *write)
{
	pthread_mutex_lock(&store->readers.mutex);
	writer_begin(&store->writer);
	enum err err = writer_run(&store->writer, write);
	enum err end_err = writer_end(&store->writer);
	pthread_mutex_unlock(&store->readers.mutex);
	return err ? err : end_err;
}

static enum err submit(struct store *store, const struct write_kind *kind, const void *row,
		       const void *details, size_t detail_count, struct store_done done, size_t max_bytes)
{
	struct write *write = write_create(kind, row, details, detail_count);
	if (write == NULL)
		return ERR_NOMEM;
	write->store = store;
	write->done = done;
	if (store->mode == STORE_INLINE) {
		enum err result = write_now(store, write);
		write_free(write);
		tell(done, result);
		return ERR_NONE;
	}
	enum err err = queue_write(store, write, max_bytes);
	if (err)
		write_free(write);
	return err;
}

enum err store_write(struct store *store, const struct write_kind *kind, const void *row,
		     struct store_done done)
{
	return submit(store, kind, row, NULL, 0, done, QUEUE_MAX_BYTES);
}

enum err store_write_details(struct store *store, const struct write_kind *kind, const void *row,
			     const void *details, size_t detail_count, struct store_done done)
{
	return submit(store, kind, row, details, detail_count, done, QUEUE_MAX_BYTES);
}

enum err store_write_modestly(struct store *store, const struct write_kind *kind, const void *row,
			      struct store_done done)
{
	return submit(store, kind, row, NULL, 0, done, UPLOADS_MAX_BYTES);
}

struct readers *store_readers(struct store *store)
{
	return &store->readers;
}

/* ---- plain refreshes ---- */

static void touches_written(void *self, uint64_t id, enum err result);

/* Queues the oldest, at most as many as one transaction should hold: the next ones follow when it has ended,
 * so that other writes come between. */
static enum err write_touches(struct store *store)
{
	const struct touch_row *rows;
	size_t count = touches_oldest(store->touches, store->touches_due, &rows);
	struct store_done done = { touches_written, store, 0 };
	enum err err = store_write_details(store, &touch_kind, NULL, rows, count, done);
	if (err)
		return err;
	touches_drop_oldest(store->touches, count);
	store->touches_due -= count;
	return ERR_NONE;
}

static void continue_touches(struct store *store)
{
	if (store->touches_due > touches_count(store->touches))
		store->touches_due = touches_count(store->touches);
	store->is_touching = store->touches_due && write_touches(store) == ERR_NONE;
	if (!store->is_touching && touches_count(store->touches) && !timer_runs(&store->touches_timer))
		loop_start_timer(store->loop, &store->touches_timer, TOUCHES_WAIT_MS);
}

static void touches_written(void *self, uint64_t id, enum err result)
{
	struct store *store = self;
	if (result)
		log_warn("store.refreshes_lost", "reason=%s", err_name(result));
	if (store->pool)
		continue_touches(store);
}

static void touches_are_due(void *self)
{
	struct store *store = self;
	store->touches_due = touches_count(store->touches);
	continue_touches(store);
}

struct touches *store_touches(struct store *store)
{
	return store->touches;
}

void store_touched(struct store *store)
{
	if (!store->is_touching && !timer_runs(&store->touches_timer))
		loop_start_timer(store->loop, &store->touches_timer, TOUCHES_WAIT_MS);
}

static const struct write_kind sync_kind = { 0 };

enum err store_sync(struct store *store, struct store_done done)
{
	enum err err = ERR_NONE;
	if (store->touches)
		store->touches_due = touches_count(store->touches);
	while (store->touches && store->touches_due && !err)
		err = write_touches(store);
	return err ? err : store_write(store, &sync_kind, NULL, done);
}

/* ---- opening and closing ---- */

/* The kernel releases the lock when the process ends, however it ends. */
static enum err lock_directory(struct store *store, const char *data_dir, struct fault *fault)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/lock", data_dir) >= (int)sizeof path)
		return fault_set(fault, ERR_LIMIT, "data directory: the path is too long");
	store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (store->lock < 0)
		return fault_set(fault, ERR_IO, "%s: %s", path, strerror(errno));
	if (flock(store->lock, LOCK_EX | LOCK_NB) == 0)
		return ERR_NONE;
	if (errno == EWOULDBLOCK)
		return fault_set(fault, ERR_CONFLICT, "data directory %s: another server uses it", data_dir);
	return fault_set(fault, ERR_IO, "%s: %s", path, strerror(errno));
}

/* Makes the directory's name in its parent as durable as what will be in it. */
static enum err sync_parent(const char *data_dir)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/..", data_dir) >= (int)sizeof path)
		return ERR_LIMIT;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	enum err err = fsync(fd) == 0 ? ERR_NONE : ERR_IO;
	close(fd);
	return err;
}

static enum err find_directory(struct store *store, const char *data_dir, struct fault *fault)
{
	bool is_new = mkdir(data_dir, 0700) == 0;
	if (!is_new && errno != EEXIST)
		return fault_set(fault, ERR_IO, "data directory %s: %s", data_dir, strerror(errno));
	if (is_new && sync_parent(data_dir) != ERR_NONE)
		return fault_set(fault, ERR_IO, "data directory %s: its parent cannot be written", data_dir);
	char *absolute = realpath(data_dir, NULL);
	if (absolute == NULL)
		return fault_set(fault, ERR_IO, "data directory %s: %s", data_dir, strerror(errno));
	enum err err = lock_directory(store, absolute, fault);
	if (!err &&
	    snprintf(store->path, sizeof store->path, "%s/cardea.db", absolute) >= (int)sizeof store->path)
		err = fault_set(fault, ERR_LIMIT, "data directory: the path is too long");
	free(absolute);
	return err;
}

static enum err open_database(struct store *store, struct fault *fault)
{
	struct connection *connection = &store->writer.connection;
	enum err err = connection_open(store->path, CONNECTION_WRITER, connection, fault);
	if (!err)
		err = migrate(connection, fault);
	if (!err) /* uploads that the last server did not complete */
		err = connection_execute(connection,
					 "DELETE FROM package_chunks WHERE package_id IN"
					 " (SELECT package_id FROM package_chunks EXCEPT"
					 " SELECT id FROM packages)",
					 fault);
	if (!err)
		err = connection_prepare(connection, fault);
	if (!err)
		err = readers_open(&store->readers, store->path,
				   store->mode == STORE_INLINE ? connection : NULL);
	store->has_readers = !err;
	return err;
}

static enum err start_writer(struct store *store, struct loop *loop)
{
	struct work_batch batch = { group_begin, group_end, store };
	store->loop = loop;
	store->touches_timer = timer_of(touches_are_due, store);
	enum err err = touches_create(&store->touches);
	return err ? err : work_pool_create(loop, 1, QUEUE_MAX_WRITES, &batch, &store->pool);
}

enum err store_open(const char *data_dir, enum store_mode mode, struct loop *loop, struct store **ret_store,
		    struct fault *fault)
{
	if (*data_dir == '\0' && mode != STORE_INLINE)
		return fault_set(fault, ERR_MALFORMED, "data directory: empty");
	struct store *store = calloc(1, sizeof *store);
	if (store == NULL)
		return ERR_NOMEM;
	store->mode = mode;
	store->lock = -1;
	enum err err = ERR_NONE;
	if (*data_dir)
		err = find_directory(store, data_dir, fault);
	if (!err)
		err = open_database(store, fault);
	if (!err && mode == STORE_THREADED)
		err = start_writer(store, loop);
	if (err) {
		store_close(store);
		return err;
	}
	*ret_store = store;
	return ERR_NONE;
}

/* After the writer's thread has ended: what still waits is written here. */
static void write_last_touches(struct store *store)
{
	enum err err = ERR_NONE;
	while (touches_count(store->touches) && !err) {
		const struct touch_row *rows;
		size_t count = touches_oldest(store->touches, TOUCHES_AT_ONCE, &rows);
		struct write *write = write_create(&touch_kind, NULL, rows, count);
		err = write ? write_now(store, write) : ERR_NOMEM;
		write_free(write);
		touches_drop_oldest(store->touches, count);
	}
	if (err)
		log_warn("store.refreshes_lost", "reason=%s", err_name(err));
}

void store_finish(struct store *store)
{
	struct work_pool *pool = store->pool;
	if (pool == NULL)
		return;
	store->pool = NULL;
	loop_stop_timer(store->loop, &store->touches_timer);
	work_pool_free(pool);
	write_last_touches(store);
}

void store_close(struct store *store)
{
	if (store == NULL)
		return;
	store_finish(store);
	touches_free(store->touches);
	if (store->has_readers)
		readers_close(&store->readers);
	connection_close(&store->writer.connection);
	if (store->lock >= 0)
		close(store->lock);
	free(store);
}
