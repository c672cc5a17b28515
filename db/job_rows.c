/* Jobs and the lines of their traces. */
#include "rows.h"

static const struct column job_column[] = {
	COLUMN(struct job_row, id),
	COLUMN(struct job_row, endpoint),
	COLUMN(struct job_row, operation),
	COLUMN(struct job_row, params),
	COLUMN(struct job_row, state),
	COLUMN(struct job_row, package_id),
	COLUMN(struct job_row, sealed_state),
	COLUMN(struct job_row, result),
	COLUMN(struct job_row, error),
	COLUMN(struct job_row, progress_done),
	COLUMN(struct job_row, progress_total),
	COLUMN(struct job_row, steps),
	COLUMN(struct job_row, attempts),
	COLUMN(struct job_row, created_ms),
	COLUMN(struct job_row, updated_ms),
	COLUMN(struct job_row, deadline_ms),
	COLUMN(struct job_row, idempotency_key),
	COLUMN(struct job_row, caller),
	COLUMN(struct job_row, packages),
};
static const struct columns job_columns = COLUMNS(struct job_row, job_column);

static const struct column trace_column[] = {
	COLUMN(struct trace_row, job_id),    COLUMN(struct trace_row, step),
	COLUMN(struct trace_row, at_ms),     COLUMN(struct trace_row, layer),
	COLUMN(struct trace_row, direction), COLUMN(struct trace_row, text),
	COLUMN(struct trace_row, raw),       COLUMN(struct trace_row, number),
};
static const struct columns trace_columns = COLUMNS(struct trace_row, trace_column);

enum err store_put_job(struct store *store, const struct job_row *row, const struct trace_row *trace,
		       size_t trace_count, struct store_done done)
{
	static const struct write_kind kind = {
		.columns = &job_columns,
		.statement = PUT_JOB,
		.when_unchanged = ERR_NOT_FOUND,
		.detail_columns = &trace_columns,
		.detail = PUT_TRACE,
	};
	return store_write_details(store, &kind, row, trace, trace_count, done);
}

/* ---- one job ---- */

enum err store_read_job(struct store *store, struct arena *arena, uint64_t id, struct job_row *ret_row)
{
	static const struct query query = { READ_JOB, &job_columns, &job_columns };
	const struct job_row key = { .id = id };
	return query_one(store_readers(store), &query, &key, arena, ret_row);
}

struct job_key {
	uint64_t caller;
	const char *idempotency_key;
};
static const struct column job_key_column[] = {
	COLUMN(struct job_key, caller),
	COLUMN(struct job_key, idempotency_key),
};
static const struct columns job_key_columns = COLUMNS(struct job_key, job_key_column);

enum err store_read_job_by_key(struct store *store, struct arena *arena, uint64_t caller,
			       const char *idempotency_key, struct job_row *ret_row)
{
	static const struct query query = { READ_JOB_BY_KEY, &job_key_columns, &job_columns };
	const struct job_key key = { caller, idempotency_key };
	return query_one(store_readers(store), &query, &key, arena, ret_row);
}

enum err store_last_job_id(struct store *store, uint64_t *ret_id)
{
	return query_number(store_readers(store), READ_LAST_JOB_ID, ret_id);
}

/* ---- lists ---- */

struct trace_page {
	uint64_t job_id, after, limit;
};
static const struct column trace_page_column[] = {
	COLUMN(struct trace_page, job_id),
	COLUMN(struct trace_page, after),
	COLUMN(struct trace_page, limit),
};
static const struct columns trace_page_columns = COLUMNS(struct trace_page, trace_page_column);

enum err store_read_trace(struct store *store, struct arena *arena, uint64_t job_id, uint64_t after,
			  size_t limit, struct trace_row **ret_rows, size_t *ret_count)
{
	static const struct query query = { READ_TRACE, &trace_page_columns, &trace_columns };
	const struct trace_page page = { job_id, page_bound_after(after), page_bound(limit) };
	return query_all(store_readers(store), &query, &page, arena, ret_rows, ret_count);
}

struct job_page {
	const char *endpoint, *state;
	uint64_t before, after, limit;
};
static const struct column job_page_column[] = {
	COLUMN(struct job_page, endpoint), COLUMN(struct job_page, state), COLUMN(struct job_page, before),
	COLUMN(struct job_page, after),    COLUMN(struct job_page, limit),
};
static const struct columns job_page_columns = COLUMNS(struct job_page, job_page_column);

/* Which index finds the jobs of a filter. */
static enum statement choose_statement(const struct job_filter *filter)
{
	if (filter->unfinished)
		return filter->endpoint ? READ_UNFINISHED_JOBS_OF_ENDPOINT : READ_UNFINISHED_JOBS;
	if (filter->endpoint)
		return READ_JOBS_OF_ENDPOINT;
	return filter->state ? READ_JOBS_IN_STATE : READ_JOBS;
}

enum err store_read_jobs(struct store *store, struct arena *arena, const struct job_filter *filter,
			 struct job_row **ret_rows, size_t *ret_count)
{
	const struct query query = { choose_statement(filter), &job_page_columns, &job_columns };
	const struct job_page page = {
		.endpoint = filter->endpoint,
		.state = filter->state,
		.before = page_bound(filter->before),
		.after = page_bound_after(filter->after),
		.limit = page_bound(filter->limit),
	};
	return query_all(store_readers(store), &query, &page, arena, ret_rows, ret_count);
}
