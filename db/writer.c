#include "writer.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

/* Structs follow one another in the block; texts come last. */
static size_t aligned(size_t size)
{
	size_t alignment = _Alignof(max_align_t);
	return (size + alignment - 1) / alignment * alignment;
}

static const void *detail_at(const struct write_kind *kind, const void *details, size_t i)
{
	return (const char *)details + i * kind->detail_columns->row_size;
}

struct write *write_create(const struct write_kind *kind, const void *row, const void *details,
			   size_t detail_count)
{
	size_t row_at = aligned(sizeof(struct write));
	size_t details_at = row_at + (kind->columns ? aligned(kind->columns->row_size) : 0);
	size_t spare_at = details_at + (detail_count ? detail_count * kind->detail_columns->row_size : 0);
	size_t size = spare_at + (kind->columns ? columns_spare_size(kind->columns, row) : 0);
	for (size_t i = 0; i < detail_count; i++)
		size += columns_spare_size(kind->detail_columns, detail_at(kind, details, i));

	char *block = malloc(size);
	if (block == NULL)
		return NULL;
	char *spare = block + spare_at;
	if (kind->columns)
		columns_copy(kind->columns, row, block + row_at, &spare);
	for (size_t i = 0; i < detail_count; i++)
		columns_copy(kind->detail_columns, detail_at(kind, details, i),
			     block + details_at + i * kind->detail_columns->row_size, &spare);
	struct write *write = (struct write *)block;
	*write = (struct write){
		.kind = kind,
		.size = size,
		.row = block + row_at,
		.details = block + details_at,
		.detail_count = detail_count,
	};
	return write;
}

void write_free(struct write *write)
{
	free(write);
}

static void lose_group(struct writer *writer, enum err why)
{
	writer->lost = why;
	log_error("store.write_failed", "result=%s reason=\"%s\"", err_name(why),
		  sqlite3_errmsg(writer->connection.sqlite));
}

void writer_begin(struct writer *writer)
{
	enum err err = connection_run(&writer->connection, STATEMENT_BEGIN, NULL, NULL);
	writer->lost = ERR_NONE;
	if (err)
		lose_group(writer, err);
}

static int compare_first_text(const void *a, const void *b, void *columns)
{
	size_t offset = ((const struct columns *)columns)->at[0].offset;
	return strcmp(*(const char *const *)((const char *)a + offset),
		      *(const char *const *)((const char *)b + offset));
}

/* Neighbours in the order of the key share pages, and each page that a transaction changes is written once.
 */
static void sort_details(struct write *write)
{
	const struct columns *columns = write->kind->detail_columns;
	qsort_r(write->details, write->detail_count, columns->row_size, compare_first_text, (void *)columns);
}

static enum err run_rest(struct connection *connection, struct write *write)
{
	const struct write_kind *kind = write->kind;
	enum err err = ERR_NONE;
	for (size_t i = 0; i < sizeof kind->then / sizeof *kind->then && kind->then[i] && !err; i++)
		err = connection_run(connection, kind->then[i], kind->columns, write->row);
	if (kind->sorts_details)
		sort_details(write);
	for (size_t i = 0; i < write->detail_count && !err; i++)
		err = connection_run(connection, kind->detail, kind->detail_columns,
				     detail_at(kind, write->details, i));
	return err;
}

enum err writer_run(struct writer *writer, struct write *write)
{
	struct connection *connection = &writer->connection;
	const struct write_kind *kind = write->kind;
	if (writer->lost)
		return writer->lost;
	enum err err = ERR_NONE;
	if (kind->check)
		err = kind->check(connection, write->row);
	if (!err && kind->statement) {
		err = connection_run(connection, kind->statement, kind->columns, write->row);
		if (!err && connection_changes(connection) == 0)
			err = kind->when_unchanged;
	}
	if (err == ERR_NOT_FOUND || err == ERR_CONFLICT)
		return err;
	if (!err)
		err = run_rest(connection, write);
	if (err)
		lose_group(writer, err);
	return err;
}

enum err writer_end(struct writer *writer)
{
	struct connection *connection = &writer->connection;
	if (!writer->lost) {
		enum err err = connection_run(connection, STATEMENT_COMMIT, NULL, NULL);
		if (err)
			lose_group(writer, err);
	}
	if (writer->lost && connection_is_in_transaction(connection) &&
	    connection_run(connection, STATEMENT_ROLLBACK, NULL, NULL) != ERR_NONE)
		log_error("store.rollback_failed", "reason=\"%s\"", sqlite3_errmsg(connection->sqlite));
	return writer->lost;
}
