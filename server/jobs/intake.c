/* From an order to a job: what can be checked at once, what has to be read on a worker, then the first row.
 */
#include "orchestrator.h"

#include <errno.h>
#include <stdlib.h>

#include "job.h"
#include "loop.h"
#include "operation.h"
#include "schema.h"
#include "work.h"

#define MAX_UNFINISHED 100000
#define INTAKE_BYTES   (1u << 20)

/* Of the packages that parameters name below their first level: all are held in memory while the job is
 * active. */
#define MAX_PACKAGES       16
#define MAX_PACKAGES_BYTES (32u << 20)

struct intake {
	struct orchestrator *orchestrator;
	struct arena *arena; /* the order's texts, then the rows that are read */
	struct job_row row;
	const char *package_kind;
	struct named_package { /* by the parameters, below their first level */
		uint64_t id;
		const char *place, *kind;
	} named[MAX_PACKAGES];
	size_t named_count;
	bool is_registered;
	uint64_t existing_id; /* the job that the idempotency key made before */
	uint64_t retry_of;
	job_created *created;
	void *self;
	struct fault fault;
};

static void intake_free(struct intake *intake)
{
	arena_free(intake->arena);
	free(intake);
}

static bool same_order(const struct job_row *a, const char *endpoint, const char *operation,
		       const char *params)
{
	return strcmp(a->endpoint, endpoint) == 0 && strcmp(a->operation, operation) == 0 &&
	       strcmp(a->params, params) == 0;
}

static enum err key_conflict(struct fault *fault)
{
	return fault_set(fault, ERR_CONFLICT, "Idempotency-Key: it was used for another order");
}

/* The job of an idempotency key while it is not finished: its row may not be durable yet. */
static enum err find_unfinished(struct intake *intake, struct fault *fault)
{
	struct job *job;
	const struct job_row *row = &intake->row;
	const char *key =
		arena_printf(intake->arena, "%llu/%s", (unsigned long long)row->caller, row->idempotency_key);
	if (key == NULL)
		return ERR_NOMEM;
	HASH_FIND(by_key, intake->orchestrator->by_key, key, strlen(key), job);
	if (row->idempotency_key[0] == 0 || job == NULL)
		return ERR_NONE;
	bool same = strcmp(job->endpoint, row->endpoint) == 0 && strcmp(job->params, row->params) == 0 &&
		    strcmp(job->operation->operation->name, row->operation) == 0;
	if (!same)
		return key_conflict(fault);
	intake->existing_id = job->id;
	return ERR_NONE;
}

static enum err check_key(struct intake *intake)
{
	struct job_row old;
	if (intake->row.idempotency_key[0] == 0)
		return ERR_NONE;
	enum err err = store_read_job_by_key(intake->orchestrator->parts.store, intake->arena,
					     intake->row.caller, intake->row.idempotency_key, &old);
	if (err == ERR_NOT_FOUND)
		return ERR_NONE;
	if (err != ERR_NONE)
		return err;
	if (!same_order(&old, intake->row.endpoint, intake->row.operation, intake->row.params))
		return key_conflict(&intake->fault);
	intake->existing_id = old.id;
	return ERR_NONE;
}

static enum err check_package_of(struct intake *intake, const struct named_package *named, uint64_t *ret_size)
{
	struct package_row package;
	enum err err =
		store_read_package(intake->orchestrator->parts.store, intake->arena, named->id, &package);
	if (err == ERR_NOT_FOUND)
		return fault_set(&intake->fault, err, "%s: there is none with id %llu", named->place,
				 (unsigned long long)named->id);
	if (err == ERR_NONE && strcmp(package.kind, named->kind) != 0)
		return fault_set(&intake->fault, ERR_MALFORMED, "%s: it is a %s, not a %s", named->place,
				 package.kind, named->kind);
	if (err == ERR_NONE)
		*ret_size = package.size;
	return err;
}

static enum err check_package(struct intake *intake)
{
	const struct named_package first = { intake->row.package_id, "package", intake->package_kind };
	uint64_t size, total = 0;
	enum err err = first.id != 0 ? check_package_of(intake, &first, &size) : ERR_NONE;
	for (size_t i = 0; i < intake->named_count && err == ERR_NONE; i++) {
		err = check_package_of(intake, &intake->named[i], &size);
		total += err == ERR_NONE ? size : 0;
	}
	if (err == ERR_NONE && total > MAX_PACKAGES_BYTES)
		return fault_set(&intake->fault, ERR_LIMIT,
				 "the packages have %llu bytes together; a job takes %u",
				 (unsigned long long)total, MAX_PACKAGES_BYTES);
	return err;
}

static enum err check_device(struct intake *intake)
{
	struct keyset_row *rows;
	size_t count;
	if (intake->is_registered)
		return ERR_NONE;
	enum err err = store_read_keysets(intake->orchestrator->parts.store, intake->arena,
					  intake->row.endpoint, &rows, &count);
	if (err == ERR_NONE && count == 0)
		return fault_set(&intake->fault, ERR_NOT_FOUND,
				 "device %s: not registered, and nothing is known of it",
				 intake->row.endpoint);
	return err;
}

/* On a worker: all that has to be read before an order becomes a job. */
static enum err check_order(void *arg)
{
	struct intake *intake = arg;
	static enum err (*const checks[])(struct intake *) = { check_key, check_device, check_package };
	for (size_t i = 0; i < sizeof checks / sizeof checks[0] && intake->existing_id == 0; i++) {
		enum err err = checks[i](intake);
		if (err != ERR_NONE)
			return fault_set(&intake->fault, err, "%s", err_name(err));
	}
	return ERR_NONE;
}

static enum err job_begin(struct intake *intake)
{
	struct orchestrator *orchestrator = intake->orchestrator;
	struct job *job;
	int64_t now_ms = loop_wall_ms(orchestrator->parts.loop);
	intake->row.id = orchestrator->last_id + 1;
	intake->row.created_ms = intake->row.updated_ms = now_ms;
	intake->row.deadline_ms = now_ms + 1000LL * orchestrator->parts.job_timeout_s;
	enum err err = job_from_row(orchestrator, &intake->row, &job, &intake->fault);
	if (err != ERR_NONE)
		return err;
	err = job_await_creation(job, intake->created, intake->self, true);
	if (err == ERR_NONE)
		err = orchestrator_add(job);
	if (err != ERR_NONE) {
		job_free(job);
		return err;
	}
	orchestrator->last_id++;
	job->phase = PHASE_CREATING;
	job_store(job);
	return ERR_NONE;
}

static enum err tell_existing(struct intake *intake)
{
	struct job *job = job_find(intake->orchestrator, intake->existing_id);
	if (job != NULL && job->phase == PHASE_CREATING)
		return job_await_creation(job, intake->created, intake->self, false);
	intake->created(intake->self, intake->existing_id, false, &intake->fault);
	return ERR_NONE;
}

static void order_checked(void *arg, enum err result)
{
	struct intake *intake = arg;
	/* The same order may have come again while this one was checked. */
	if (result == ERR_NONE && intake->existing_id == 0)
		result = find_unfinished(intake, &intake->fault);
	if (result == ERR_NONE)
		result = intake->existing_id == 0 ? job_begin(intake) : tell_existing(intake);
	if (result != ERR_NONE) {
		fault_set(&intake->fault, result, "%s", err_name(result));
		intake->created(intake->self, 0, false, &intake->fault);
	}
	intake_free(intake);
}

/* A package id is a decimal number in a string. */
static enum err parse_package_id(const char *member, const char *text, uint64_t *ret_id, struct fault *fault)
{
	char *end;
	errno = 0;
	unsigned long long id = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != 0 || errno != 0 || id == 0)
		return fault_set(fault, ERR_MALFORMED, "%s: not the id of a package", member);
	*ret_id = id;
	return ERR_NONE;
}

static enum err name_package(void *self, const char *place, const char *kind, const char *text,
			     struct fault *fault)
{
	struct intake *intake = self;
	struct named_package named = { .place = arena_strdup(intake->arena, place),
				       .kind = arena_strdup(intake->arena, kind) };
	if (named.place == NULL || named.kind == NULL)
		return ERR_NOMEM;
	enum err err = parse_package_id(place, text, &named.id, fault);
	for (size_t i = 0; i < intake->named_count && err == ERR_NONE; i++)
		if (intake->named[i].id == named.id)
			return ERR_NONE;
	if (err == ERR_NONE && intake->named_count == MAX_PACKAGES)
		return fault_set(fault, ERR_LIMIT, "%s: a job takes %d packages", place, MAX_PACKAGES);
	if (err == ERR_NONE)
		intake->named[intake->named_count++] = named;
	return err;
}

/* As the row has them. */
static enum err list_named(struct intake *intake)
{
	struct builder b = builder_in(intake->arena);
	struct bytes text;
	if (intake->named_count == 0)
		return ERR_NONE;
	for (size_t i = 0; i < intake->named_count; i++)
		build_printf(&b, "%s%llu", i == 0 ? "[" : ",", (unsigned long long)intake->named[i].id);
	build_printf(&b, "]");
	build_u8(&b, 0);
	enum err err = builder_bytes(&b, &text);
	if (err == ERR_NONE)
		intake->row.packages = (const char *)text.at;
	return err;
}

static enum err check_params(struct intake *intake, const struct cardea_operation *operation,
			     struct fault *fault)
{
	json_error_t error;
	const char *kind = NULL;
	json_t *schema = json_loads(operation->params_schema, 0, &error);
	json_t *params = json_loads(intake->row.params, JSON_REJECT_DUPLICATES, &error);
	enum err err = ERR_NONE;
	if (schema == NULL)
		err = ERR_NOMEM;
	else if (params == NULL)
		err = fault_set(fault, ERR_MALFORMED, "params: %s", error.text);
	else
		err = schema_check(schema, params, fault);
	const char *member = err == ERR_NONE ? schema_package_member(schema, &kind) : NULL;
	const char *package = member != NULL ? json_string_value(json_object_get(params, member)) : NULL;
	if (package != NULL) {
		intake->package_kind = arena_strdup(intake->arena, kind);
		err = intake->package_kind != NULL
			      ? parse_package_id(member, package, &intake->row.package_id, fault)
			      : ERR_NOMEM;
	}
	if (err == ERR_NONE)
		err = schema_packages_below(schema, params, name_package, intake, fault);
	if (err == ERR_NONE)
		err = list_named(intake);
	json_decref(schema);
	json_decref(params);
	return err;
}

static enum err copy_order(struct intake *intake, const struct job_order *order)
{
	struct job_row *row = &intake->row;
	row->endpoint = arena_strdup(intake->arena, order->endpoint);
	row->operation = arena_strdup(intake->arena, order->operation);
	row->params = arena_strdup(intake->arena, order->params);
	row->idempotency_key = arena_strdup(intake->arena, order->idempotency_key);
	row->state = job_state_name(JOB_QUEUED);
	row->result = row->error = row->packages = "";
	row->caller = order->caller;
	return row->endpoint != NULL && row->operation != NULL && row->params != NULL &&
			       row->idempotency_key != NULL
		       ? ERR_NONE
		       : ERR_NOMEM;
}

static struct intake *intake_create(struct orchestrator *orchestrator, job_created *created, void *self)
{
	struct intake *intake = calloc(1, sizeof *intake);
	struct arena *arena = arena_create(INTAKE_BYTES);
	if (intake == NULL || arena == NULL) {
		free(intake);
		arena_free(arena);
		return NULL;
	}
	*intake = (struct intake){
		.orchestrator = orchestrator, .arena = arena, .created = created, .self = self
	};
	return intake;
}

static enum err submit(struct intake *take_intake, enum err (*check)(void *), struct fault *fault)
{
	enum err err =
		work_submit(take_intake->orchestrator->parts.workers, check, order_checked, take_intake);
	if (err == ERR_NONE)
		return ERR_NONE;
	intake_free(take_intake);
	return fault_set(fault, err, "too much waits to be done");
}

enum err job_create(struct orchestrator *orchestrator, const struct job_order *order, job_created *created,
		    void *self, struct fault *fault)
{
	const struct loaded_operation *operation =
		plugin_host_operation(orchestrator->parts.plugins, order->operation);
	if (operation == NULL)
		return fault_set(fault, ERR_NOT_FOUND, "operation: no plugin has %s", order->operation);
	if (orchestrator->unfinished >= MAX_UNFINISHED)
		return fault_set(fault, ERR_UNAVAILABLE, "%d jobs are unfinished", MAX_UNFINISHED);
	struct intake *intake = intake_create(orchestrator, created, self);
	if (intake == NULL)
		return ERR_NOMEM;
	enum err err = copy_order(intake, order);
	if (err == ERR_NONE)
		err = check_params(intake, operation->operation, fault);
	if (err == ERR_NONE)
		err = find_unfinished(intake, fault);
	if (err != ERR_NONE) {
		intake_free(intake);
		return err;
	}
	intake->is_registered = registry_find(orchestrator->parts.registry, order->endpoint) != NULL;
	return submit(intake, check_order, fault);
}

/* On a worker: the order of a job that has ended otherwise than well. */
static enum err check_retry(void *arg)
{
	struct intake *intake = arg;
	struct job_row old;
	unsigned long long id = intake->retry_of;
	enum err err =
		store_read_job(intake->orchestrator->parts.store, intake->arena, intake->retry_of, &old);
	if (err != ERR_NONE)
		return fault_set(&intake->fault, err, "job %llu: %s", id, err_name(err));
	bool may_retry = strcmp(old.state, job_state_name(JOB_FAILED)) == 0 ||
			 strcmp(old.state, job_state_name(JOB_UNKNOWN)) == 0 ||
			 strcmp(old.state, job_state_name(JOB_CANCELLED)) == 0;
	if (!may_retry)
		return fault_set(&intake->fault, ERR_CONFLICT, "job %llu is %s", id, old.state);
	const struct job_order order = { old.endpoint, old.operation, old.params, "", intake->row.caller };
	err = copy_order(intake, &order);
	intake->row.package_id = old.package_id;
	intake->row.packages = old.packages;
	return err;
}

enum err job_retry(struct orchestrator *orchestrator, uint64_t id, uint64_t caller, job_created *created,
		   void *self, struct fault *fault)
{
	if (job_find(orchestrator, id) != NULL)
		return fault_set(fault, ERR_CONFLICT, "job %llu is not finished", (unsigned long long)id);
	struct intake *intake = intake_create(orchestrator, created, self);
	if (intake == NULL)
		return ERR_NOMEM;
	intake->retry_of = id;
	intake->row.caller = caller;
	return submit(intake, check_retry, fault);
}
