/* The orchestrator with a real store and vault, a scripted plugin, and a registry whose device the test
 * plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "job.h"
#include "keyset.h"
#include "loop.h"
#include "model.h"
#include "operation.h"
#include "orchestrator.h"
#include "package.h"
#include "token.h"
#include "vault.h"
#include "work.h"

#define ENDPOINT "urn:dev:1"
#define KEK      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* ---- the plugin: plays a list of steps and notes the events ---- */

enum move { SEND, WAIT, DONE, FAIL, UNSURE, NOTHING, LEARN, RECALL, UNPACK, COUNT, LOOK_FOR_KEYS };

static struct {
	const enum move *moves;
	size_t next;
	enum cardea_event events[16];
	char states[16][16];
	size_t count;
	pthread_t thread; /* of the last step */
	char payload[16]; /* of the last answer */
	bool has_keys;
	const struct cardea_host_api *host;
	uint64_t counted, counted_other;
} plugin;

static enum cardea_result learn(cardea_out *out)
{
	assert_int_equal(plugin.host->learn(out, "things", "0", "{\"n\":1}"), ERR_NONE);
	assert_int_equal(plugin.host->learn(out, "things", "1", "{}"), ERR_NONE);
	assert_int_equal(plugin.host->learn(out, "things", "1", NULL), ERR_NONE);
	assert_int_equal(plugin.host->announce(out, "thing.changed", "{\"key\":\"0\"}"), ERR_NONE);
	return CARDEA_DONE;
}

static enum cardea_result recall(cardea_out *out)
{
	const char *json;
	assert_int_equal(plugin.host->known(out, "things", "0", &json), ERR_NONE);
	assert_string_equal(json, "{\"n\":1}");
	assert_int_equal(plugin.host->known(out, "things", "1", &json), ERR_NOT_FOUND);
	assert_int_equal(plugin.host->learn(out, "things", "0", "{\"n\":2}"), ERR_NONE);
	assert_int_equal(plugin.host->known(out, "things", "0", &json), ERR_NONE);
	assert_string_equal(json, "{\"n\":2}");
	return CARDEA_DONE;
}

static enum cardea_result unpack(const struct cardea_step *step, cardea_out *out)
{
	struct cardea_package package;
	assert_int_equal(step->package.len, 0);
	assert_int_equal(plugin.host->package(out, "3", &package), ERR_NOT_FOUND);
	assert_int_equal(plugin.host->package(out, "2", &package), ERR_NONE);
	assert_true(bytes_equal_text(package.content, "two"));
	assert_string_equal(package.description, "{\"n\":2}");
	return CARDEA_DONE;
}

/* Each call another number, also of another job after a restart. */
static enum cardea_result count(cardea_out *out)
{
	uint64_t a = 0, b = 0, other = 0;
	assert_int_equal(plugin.host->next_counter(out, "key 1", 100, &a), ERR_NONE);
	assert_int_equal(plugin.host->next_counter(out, "key 1", 0, &b), ERR_NONE);
	assert_int_equal(plugin.host->next_counter(out, "key 2", 0, &other), ERR_NONE);
	assert_int_equal(a, plugin.counted == 0 ? 101 : plugin.counted + 1);
	assert_int_equal(b, a + 1);
	assert_true(other > plugin.counted_other);
	plugin.counted = b;
	plugin.counted_other = other;
	return CARDEA_DONE;
}

static enum cardea_result look_for_keys(cardea_out *out)
{
	struct cardea_keyset keyset;
	const char *uri;
	plugin.has_keys = plugin.host->keyset(out, "scp03", bytes_of(NULL, 0), 0, &keyset) == ERR_NONE;
	assert_int_not_equal(plugin.host->serve(out, &uri), ERR_NONE);
	return CARDEA_DONE;
}

static enum cardea_result play(void *self, const struct cardea_step *step, cardea_out *out)
{
	char state[16];
	const struct cardea_request request = { .operation = LWM2M_READ, .path = LWM2M_INSTANCE(3, 0) };
	assert_true(plugin.count < 16);
	plugin.thread = pthread_self();
	snprintf(plugin.payload, 16, "%.*s", (int)step->payload.len, (const char *)step->payload.at);
	plugin.events[plugin.count] = step->event;
	snprintf(plugin.states[plugin.count], 16, "%.*s", (int)step->state.len, (const char *)step->state.at);
	snprintf(state, sizeof state, "after %zu", ++plugin.count);
	assert_int_equal(plugin.host->keep(out, bytes_of_text(state)), ERR_NONE);
	switch (plugin.moves[plugin.next++]) {
	case SEND:
		assert_int_equal(plugin.host->send(out, &request), ERR_NONE);
		return CARDEA_NEXT;
	case WAIT:
		assert_int_equal(plugin.host->wait(out, 60000), ERR_NONE);
		return CARDEA_NEXT;
	case DONE:
		assert_int_equal(plugin.host->report(out, "answer", "42"), ERR_NONE);
		return CARDEA_DONE;
	case FAIL:
		plugin.host->fail(out, ERR_CONFLICT, "the card refuses");
		return CARDEA_FAILED;
	case UNSURE:
		plugin.host->fail(out, ERR_UNAVAILABLE, "nobody can tell");
		return CARDEA_UNKNOWN;
	case LEARN:
		return learn(out);
	case RECALL:
		return recall(out);
	case UNPACK:
		return unpack(step, out);
	case COUNT:
		return count(out);
	case LOOK_FOR_KEYS:
		return look_for_keys(out);
	case NOTHING:
		break;
	}
	return CARDEA_NEXT;
}

static const struct cardea_operation operation = {
	.name = "test.play",
	.summary = "plays",
	.params_schema = "{\"type\": \"object\", \"properties\": {\"n\": {\"type\": \"integer\"}, "
			 "\"all\": {\"items\": {\"x-cardea-package\": \"firmware\"}}}, "
			 "\"additionalProperties\": false}",
	.step = play,
};
static struct cardea_plugin table = { .name = "test" };
static const struct loaded_operation loaded = { .operation = &operation, .plugin = &table };

const struct loaded_operation *plugin_host_operation(const struct plugin_host *host, const char *name)
{
	return strcmp(name, operation.name) == 0 ? &loaded : NULL;
}

static enum err inspect(void *self, struct bytes content, struct arena *arena, const char **ret_json,
			struct fault *fault)
{
	*ret_json = "{\"n\":2}";
	return ERR_NONE;
}

static const struct cardea_package_kind kinds[] = {
	{ .name = "firmware", .inspect = inspect },
	{ .name = "other", .inspect = inspect },
};
static const struct loaded_package_kind loaded_kinds[] = { { .kind = &kinds[0] }, { .kind = &kinds[1] } };

const struct loaded_package_kind *plugin_host_package_kind(const struct plugin_host *host, const char *name)
{
	return strcmp(name, "firmware") == 0 ? &loaded_kinds[0] : &loaded_kinds[1];
}

/* ---- the registry: one device ---- */

static struct {
	bool is_there;
	struct registry_listener listener;
	operation_done *done;
	void *done_self;
	uint64_t ticket;
	size_t requests;
	uint64_t ended_job;
} device_play;

const struct device *registry_find(const struct registry *registry, const char *endpoint)
{
	static const struct device device = { .endpoint = ENDPOINT, .version = "1.1", .root = "" };
	return device_play.is_there && strcmp(endpoint, ENDPOINT) == 0 ? &device : NULL;
}

void registry_listen(struct registry *registry, const struct registry_listener *listener)
{
	device_play.listener = *listener;
}

enum err operation_start(struct registry *registry, const char *endpoint,
			 const struct operation_request *request, operation_done *done, void *self,
			 uint64_t id, struct fault *fault)
{
	device_play.done = done;
	device_play.done_self = self;
	device_play.ticket = id;
	device_play.requests++;
	return ERR_NONE;
}

void operation_end_job(struct registry *registry, const char *endpoint, uint64_t job_id)
{
	device_play.ended_job = job_id;
}

enum err file_offer(struct registry *registry, const char *name, const char *endpoint, struct bytes content)
{
	return ERR_NONE;
}

void file_withdraw(struct registry *registry, const char *name)
{
}

enum err file_uri(const struct registry *registry, const char *name, const char *endpoint,
		  struct arena *arena, const char **ret_uri)
{
	*ret_uri = arena_printf(arena, "coap://192.0.2.1/files/%s", name);
	return *ret_uri == NULL ? ERR_NOMEM : ERR_NONE;
}

/* ---- the stage ---- */

struct stage {
	struct loop *loop;
	struct store *store;
	struct vault *vault;
	struct events *events;
	struct model *model;
	struct work_pool *workers;
	struct packages *packages;
	struct orchestrator *orchestrator;
	uint64_t id;
	bool is_new;
	struct fault fault;
	bool is_created;
};

static void turn(struct stage *stage)
{
	for (int i = 0; i < 4; i++)
		assert_int_equal(loop_turn(stage->loop, 20), ERR_NONE);
}

static void start_orchestrator(struct stage *stage)
{
	const struct orchestrator_parts parts = {
		.loop = stage->loop,
		.store = stage->store,
		.model = stage->model,
		.vault = stage->vault,
		.events = stage->events,
		.packages = stage->packages,
		.workers = stage->workers,
		.job_timeout_s = 3600,
	};
	assert_int_equal(orchestrator_create(&parts, &stage->orchestrator), ERR_NONE);
}

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof *stage);
	struct fault fault = { .kind = ERR_NONE };
	assert_non_null(stage);
	plugin.next = plugin.count = 0;
	table.takes_keys_in_tokens = false;
	memset(&device_play, 0, sizeof device_play);
	device_play.is_there = true;
	assert_int_equal(loop_create(&stage->loop), ERR_NONE);
	assert_int_equal(store_open("", STORE_INLINE, stage->loop, &stage->store, &fault), ERR_NONE);
	assert_int_equal(vault_open("", KEK, &stage->vault, &fault), ERR_NONE);
	assert_int_equal(events_create(1, &stage->events), ERR_NONE);
	assert_int_equal(model_create(&stage->model), ERR_NONE);
	assert_int_equal(work_pool_create(stage->loop, 1, 16, NULL, &stage->workers), ERR_NONE);
	const struct packages_parts parts = { .loop = stage->loop,
					      .store = stage->store,
					      .vault = stage->vault,
					      .workers = stage->workers,
					      .events = stage->events,
					      .max_package_bytes = 1000 };
	assert_int_equal(packages_create(&parts, &stage->packages), ERR_NONE);
	struct cardea_host_api *host = calloc(1, sizeof *host);
	assert_non_null(host);
	step_out_calls(host);
	plugin.host = host;
	start_orchestrator(stage);
	*state = stage;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;
	work_pool_free(stage->workers);
	orchestrator_free(stage->orchestrator);
	packages_free(stage->packages);
	model_free(stage->model);
	events_free(stage->events);
	store_close(stage->store);
	vault_close(stage->vault);
	loop_free(stage->loop);
	free((void *)(uintptr_t)plugin.host);
	free(stage);
	return 0;
}

static void created(void *self, uint64_t id, bool is_new, const struct fault *fault)
{
	struct stage *stage = self;
	stage->is_created = true;
	stage->id = id;
	stage->is_new = is_new;
	stage->fault = *fault;
}

static enum err order(struct stage *stage, const char *endpoint, const char *params, const char *key)
{
	const struct job_order job = { endpoint, operation.name, params, key, 7 };
	struct fault fault = { .kind = ERR_NONE };
	stage->is_created = false;
	enum err err = job_create(stage->orchestrator, &job, created, stage, &fault);
	stage->fault = fault;
	return err;
}

static void begin(struct stage *stage, const enum move *moves)
{
	plugin.moves = moves;
	assert_int_equal(order(stage, ENDPOINT, "{}", ""), ERR_NONE);
	turn(stage);
	assert_true(stage->is_created);
	assert_int_equal(stage->fault.kind, ERR_NONE);
}

static void answer(struct stage *stage, uint8_t code, enum err err)
{
	char payload[] = "said";
	const struct operation_answer reply = {
		.fault.kind = err, .code = code, .format = FORMAT_NONE, .payload = bytes_of(payload, 4)
	};
	device_play.done(device_play.done_self, device_play.ticket, &reply);
	memset(payload, '-', 4); /* it is there during the call only */
	turn(stage);
}

static void assert_job(struct stage *stage, const char *expected_state, const char *expected_error)
{
	struct arena *arena = arena_create(0);
	struct job_row row;
	assert_int_equal(store_read_job(stage->store, arena, stage->id, &row), ERR_NONE);
	assert_string_equal(row.state, expected_state);
	assert_string_equal(row.error, expected_error);
	arena_free(arena);
}

/* ---- claims ---- */

static void runs_step_by_step_to_success(void **state)
{
	static const enum move moves[] = { SEND, SEND, DONE };
	begin(*state, moves);
	assert_job(*state, "running", "");
	answer(*state, 0x45, ERR_NONE);
	answer(*state, 0x45, ERR_NONE);
	assert_job(*state, "succeeded", "");
	assert_int_equal(plugin.count, 3);
	assert_int_equal(plugin.events[0], CARDEA_START);
	assert_int_equal(plugin.events[2], CARDEA_ANSWER);
	assert_string_equal(plugin.states[0], "");
	assert_string_equal(plugin.states[2], "after 2");
	assert_int_equal(device_play.ended_job, ((struct stage *)*state)->id);
	assert_int_equal(orchestrator_unfinished(((struct stage *)*state)->orchestrator), 0);
}

static void tells_failure_and_uncertainty_with_their_reason(void **state)
{
	static const enum move fail[] = { FAIL }, unsure[] = { UNSURE }, nothing[] = { NOTHING };
	begin(*state, fail);
	assert_job(*state, "failed", "{\"code\":\"conflict\",\"reason\":\"the card refuses\"}");
	plugin.next = 0;
	begin(*state, unsure);
	assert_job(*state, "unknown", "{\"code\":\"unavailable\",\"reason\":\"nobody can tell\"}");
	plugin.next = 0;
	begin(*state, nothing);
	assert_job(*state, "failed",
		   "{\"code\":\"internal\",\"reason\":\"the plugin's step asked for too much, or for "
		   "nothing\"}");
}

static void resumes_after_a_request_without_an_answer(void **state)
{
	static const enum move moves[] = { SEND, SEND, DONE };
	begin(*state, moves);
	answer(*state, 0, ERR_TIMEOUT);
	assert_job(*state, "waiting", "");
	device_play.listener.awake(device_play.listener.self, registry_find(NULL, ENDPOINT));
	turn(*state);
	assert_int_equal(plugin.events[1], CARDEA_RESUME);
	assert_string_equal(plugin.states[1], "after 1");
	assert_job(*state, "verifying", "");
	answer(*state, 0x45, ERR_NONE);
	assert_job(*state, "succeeded", "");
}

static void a_new_registration_makes_the_open_request_void(void **state)
{
	static const enum move moves[] = { SEND, SEND, DONE };
	begin(*state, moves);
	uint64_t old_ticket = device_play.ticket;
	device_play.listener.registered(device_play.listener.self, registry_find(NULL, ENDPOINT));
	turn(*state);
	assert_int_equal(plugin.events[1], CARDEA_RESUME);
	uint64_t new_ticket = device_play.ticket;
	device_play.ticket = old_ticket;
	answer(*state, 0x45, ERR_NONE);
	assert_int_equal(plugin.count, 2);
	device_play.ticket = new_ticket;
	answer(*state, 0x45, ERR_NONE);
	assert_job(*state, "succeeded", "");
}

static void waits_for_a_device_that_is_not_there(void **state)
{
	static const enum move moves[] = { DONE };
	struct stage *stage = *state;
	plugin.moves = moves;
	assert_int_equal(order(stage, ENDPOINT, "{}", ""), ERR_NONE);
	device_play.is_there = false;
	turn(stage);
	assert_job(stage, "queued", "");
	device_play.is_there = true;
	device_play.listener.registered(device_play.listener.self, registry_find(NULL, ENDPOINT));
	turn(stage);
	assert_job(stage, "succeeded", "");
}

static void hears_a_notification_that_came_too_early(void **state)
{
	static const enum move moves[] = { SEND, WAIT, DONE };
	struct stage *stage = *state;
	const struct fault none = { .kind = ERR_NONE };
	begin(stage, moves);
	device_play.listener.notified(device_play.listener.self, ENDPOINT, stage->id, LWM2M_RESOURCE(3, 0, 9),
				      FORMAT_TEXT, bytes_of_text("4"), (struct lwm2m_records){ 0 }, &none);
	assert_int_equal(plugin.count, 1);
	answer(stage, 0x45, ERR_NONE);
	assert_int_equal(plugin.events[2], CARDEA_NOTIFY);
	assert_job(stage, "succeeded", "");
}

static void goes_on_after_a_restart_of_the_server(void **state)
{
	static const enum move moves[] = { SEND, DONE };
	struct stage *stage = *state;
	begin(stage, moves);
	orchestrator_free(stage->orchestrator);
	start_orchestrator(stage);
	turn(stage);
	assert_int_equal(plugin.events[1], CARDEA_RESUME);
	assert_string_equal(plugin.states[1], "after 1");
	assert_job(stage, "succeeded", "");
}

static void runs_one_job_of_a_device_at_a_time(void **state)
{
	static const enum move moves[] = { SEND, DONE, DONE };
	struct stage *stage = *state;
	begin(stage, moves);
	assert_int_equal(order(stage, ENDPOINT, "{}", ""), ERR_NONE);
	turn(stage);
	assert_int_equal(plugin.count, 1);
	assert_job(stage, "queued", "");
	answer(stage, 0x45, ERR_NONE);
	assert_int_equal(plugin.count, 3);
	assert_job(stage, "succeeded", "");
}

static void cancels_at_the_boundary_of_a_step(void **state)
{
	static const enum move moves[] = { SEND, SEND };
	struct stage *stage = *state;
	begin(stage, moves);
	assert_int_equal(job_cancel(stage->orchestrator, stage->id), ERR_NONE);
	assert_job(stage, "running", "");
	answer(stage, 0x45, ERR_NONE);
	assert_job(stage, "cancelled",
		   "{\"code\":\"conflict\",\"reason\":\"cancelled after it had begun; what was done is not "
		   "undone\"}");
	assert_int_equal(device_play.requests, 1);
	assert_int_equal(job_cancel(stage->orchestrator, stage->id), ERR_NOT_FOUND);
}

static void an_idempotency_key_makes_one_job(void **state)
{
	static const enum move moves[] = { DONE, DONE };
	struct stage *stage = *state;
	plugin.moves = moves;
	assert_int_equal(order(stage, ENDPOINT, "{}", "k"), ERR_NONE);
	turn(stage);
	uint64_t first = stage->id;
	assert_int_equal(order(stage, ENDPOINT, "{}", "k"), ERR_NONE);
	turn(stage);
	assert_int_equal(stage->id, first);
	assert_false(stage->is_new);
	assert_int_equal(plugin.count, 1);
	assert_int_equal(order(stage, ENDPOINT, "{\"n\": 1}", "k"), ERR_NONE);
	turn(stage);
	assert_int_equal(stage->fault.kind, ERR_CONFLICT);
}

static void refuses_an_order_with_the_reason(void **state)
{
	struct stage *stage = *state;
	assert_int_equal(order(stage, ENDPOINT, "{\"n\": \"x\"}", ""), ERR_MALFORMED);
	assert_string_equal(stage->fault.text, "n: must be of type integer");
	assert_int_equal(order(stage, ENDPOINT, "{", ""), ERR_MALFORMED);
	assert_int_equal(order(stage, "nobody", "{}", ""), ERR_NONE);
	turn(stage);
	assert_int_equal(stage->fault.kind, ERR_NOT_FOUND);
	assert_string_equal(stage->fault.text, "device nobody: not registered, and nothing is known of it");
	assert_int_equal(orchestrator_unfinished(stage->orchestrator), 0);
}

static void note_event(void *self, const struct event *event)
{
	char *text = self;
	if (strcmp(event->type, "thing.changed") == 0)
		snprintf(text, 100, "%s", event->json);
}

static void what_a_job_learned_is_told_and_known_to_the_next(void **state)
{
	struct stage *stage = *state;
	static const enum move moves[] = { LEARN, RECALL };
	struct subscription *subscription;
	char told[100] = "";
	bool has_gap;
	assert_int_equal(events_subscribe(stage->events, 0, note_event, told, &subscription, &has_gap),
			 ERR_NONE);
	begin(stage, moves);
	assert_job(stage, "succeeded", "");
	assert_string_equal(told, "{\"key\":\"0\",\"endpoint\":\"" ENDPOINT "\",\"jobId\":\"1\"}");
	assert_int_equal(order(stage, ENDPOINT, "{}", ""), ERR_NONE);
	turn(stage);
	assert_job(stage, "succeeded", "");
	events_unsubscribe(stage->events, subscription);
}

static void gives_each_number_of_a_counter_once(void **state)
{
	struct stage *stage = *state;
	static const enum move moves[] = { COUNT, COUNT };
	struct arena *arena = arena_create(0);
	struct counter_row *rows;
	size_t rows_count;
	plugin.counted = plugin.counted_other = 0;
	begin(stage, moves);
	assert_job(stage, "succeeded", "");
	orchestrator_free(stage->orchestrator);
	start_orchestrator(stage);
	assert_int_equal(order(stage, ENDPOINT, "{}", ""), ERR_NONE);
	turn(stage);
	assert_job(stage, "succeeded", "");
	assert_int_equal(store_read_counters(stage->store, arena, ENDPOINT, &rows, &rows_count), ERR_NONE);
	assert_int_equal(rows_count, 2);
	assert_string_equal(rows[0].name, "key 1");
	assert_int_equal(rows[0].value, 104);
	arena_free(arena);
}

static void a_counter_never_runs_backwards(void **state)
{
	struct stage *stage = *state;
	struct arena *arena = arena_create(0);
	struct counter_row *rows, row = { ENDPOINT, "key 1", 50 };
	size_t count;
	assert_int_equal(store_raise_counter(stage->store, &row, (struct store_done){ 0 }), ERR_NONE);
	row.value = 7;
	assert_int_equal(store_raise_counter(stage->store, &row, (struct store_done){ 0 }), ERR_NONE);
	assert_int_equal(store_read_counters(stage->store, arena, ENDPOINT, &rows, &count), ERR_NONE);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0].value, 50);
	arena_free(arena);
}

static void uploaded(void *self, uint64_t id, const struct fault *fault)
{
	uint64_t *ret_id = self;
	assert_int_equal(fault->kind, ERR_NONE);
	*ret_id = id;
}

static void put_package(struct stage *stage, uint64_t expected_id, const char *kind, const char *content)
{
	struct package_upload *upload;
	struct fault fault = { .kind = ERR_NONE };
	size_t taken;
	uint64_t id = 0;
	assert_int_equal(package_upload_begin(stage->packages, kind, "p", &upload, &fault), ERR_NONE);
	assert_int_equal(package_upload_add(upload, bytes_of_text(content), &taken, &fault), ERR_NONE);
	assert_int_equal(package_upload_end(upload, uploaded, &id), ERR_NONE);
	turn(stage);
	assert_int_equal(id, expected_id);
}

static void a_job_has_the_packages_that_its_lists_name(void **state)
{
	struct stage *stage = *state;
	static const enum move moves[] = { UNPACK };
	put_package(stage, 1, "firmware", "one");
	put_package(stage, 2, "firmware", "two");
	put_package(stage, 3, "other", "three");
	plugin.moves = moves;
	assert_int_equal(order(stage, ENDPOINT, "{\"all\":[\"1\",\"2\",\"1\"]}", ""), ERR_NONE);
	turn(stage);
	assert_job(stage, "succeeded", "");

	assert_int_equal(order(stage, ENDPOINT, "{\"all\":[\"x\"]}", ""), ERR_MALFORMED);
	assert_string_equal(stage->fault.text, "all[0]: not the id of a package");
	assert_int_equal(order(stage, ENDPOINT, "{\"all\":[\"1\",\"9\"]}", ""), ERR_NONE);
	turn(stage);
	assert_string_equal(stage->fault.text, "all[1]: there is none with id 9");
	assert_int_equal(order(stage, ENDPOINT, "{\"all\":[\"3\"]}", ""), ERR_NONE);
	turn(stage);
	assert_string_equal(stage->fault.text, "all[0]: it is a other, not a firmware");
}

static void retries_only_what_did_not_succeed(void **state)
{
	static const enum move moves[] = { FAIL, DONE };
	struct stage *stage = *state;
	struct fault fault = { .kind = ERR_NONE };
	begin(stage, moves);
	uint64_t first = stage->id;
	assert_int_equal(job_retry(stage->orchestrator, first, 7, created, stage, &fault), ERR_NONE);
	turn(stage);
	assert_int_not_equal(stage->id, first);
	assert_job(stage, "succeeded", "");
	assert_int_equal(job_retry(stage->orchestrator, stage->id, 7, created, stage, &fault), ERR_NONE);
	turn(stage);
	assert_int_equal(stage->fault.kind, ERR_CONFLICT);
}

static void store_keys_in_token(struct stage *stage)
{
	struct arena *arena = arena_create(0);
	struct keyset_row row = { .endpoint = "*",
				  .kind = "scp03",
				  .aid = "",
				  .version = 48,
				  .check_values = "{}",
				  .is_fleet = true };
	const struct key key = token_key(NULL, "master", 16);
	const struct cardea_keyset keyset = { 48, key, key, key, NULL };
	assert_int_equal(keyset_seal(stage->vault, arena, &row, &keyset, &row.sealed), ERR_NONE);
	assert_int_equal(store_put_keyset(stage->store, &row, (struct store_done){ 0 }), ERR_NONE);
	arena_free(arena);
}

static void steps_whose_keys_are_in_a_token_run_on_a_worker(void **state)
{
	static const enum move moves[] = { SEND, SEND, LOOK_FOR_KEYS };
	table.takes_keys_in_tokens = true;
	store_keys_in_token(*state);
	begin(*state, moves);
	assert_false(pthread_equal(plugin.thread, pthread_self()));
	assert_job(*state, "running", "");
	answer(*state, 0x45, ERR_NONE);
	assert_string_equal(plugin.payload, "said");
	assert_int_equal(plugin.events[1], CARDEA_ANSWER);
	answer(*state, 0, ERR_TIMEOUT); /* lost: it rests */
	assert_job(*state, "waiting", "");
	device_play.listener.awake(device_play.listener.self, registry_find(NULL, ENDPOINT));
	turn(*state);
	assert_int_equal(plugin.events[2], CARDEA_RESUME);
	assert_true(plugin.has_keys);
	assert_job(*state, "succeeded", "");
}

static void a_plugin_that_may_not_block_has_no_keys_in_tokens(void **state)
{
	static const enum move moves[] = { LOOK_FOR_KEYS };
	store_keys_in_token(*state);
	plugin.has_keys = true;
	begin(*state, moves);
	assert_true(pthread_equal(plugin.thread, pthread_self()));
	assert_false(plugin.has_keys);
}

/* ---- what is not a step's ---- */

static void lines_from_elsewhere_stand_before_those_of_the_next_step(void **state)
{
	static const enum move moves[] = { SEND, DONE };
	struct stage *stage = *state;
	struct arena *arena = arena_create(0);
	struct trace_row *rows;
	size_t count, i = 0;
	begin(stage, moves);
	orchestrator_trace(stage->orchestrator, ENDPOINT, "http", "answer", "heard", bytes_of("\x01\x02", 2));
	orchestrator_trace(stage->orchestrator, "somebody else", "http", "answer", "not heard",
			   bytes_of(NULL, 0));
	answer(stage, 0x45, ERR_NONE);
	assert_int_equal(store_read_trace(stage->store, arena, stage->id, 0, 100, &rows, &count), ERR_NONE);
	while (i < count && strcmp(rows[i].layer, "http") != 0)
		i++;
	assert_true(i + 1 < count);
	assert_string_equal(rows[i].text, "heard");
	assert_string_equal(rows[i].direction, "answer");
	assert_true(bytes_equal(rows[i].raw, bytes_of("\x01\x02", 2)));
	assert_int_equal(rows[i].step, rows[i + 1].step);
	assert_int_not_equal(rows[i].step, rows[i - 1].step);
	for (size_t later = i + 1; later < count; later++)
		assert_string_not_equal(rows[later].layer, "http");
	arena_free(arena);
}

static void a_flood_of_lines_is_cut(void **state)
{
	static const enum move moves[] = { SEND, DONE };
	struct stage *stage = *state;
	struct arena *arena = arena_create(0);
	struct trace_row *rows;
	size_t count, lines = 0;
	begin(stage, moves);
	for (int i = 0; i < 2 * JOB_MAX_NOTES; i++)
		orchestrator_trace(stage->orchestrator, ENDPOINT, "http", "answer", "heard",
				   bytes_of(NULL, 0));
	answer(stage, 0x45, ERR_NONE);
	assert_int_equal(store_read_trace(stage->store, arena, stage->id, 0, 1000, &rows, &count), ERR_NONE);
	for (size_t i = 0; i < count; i++)
		lines += strcmp(rows[i].layer, "http") == 0;
	assert_int_equal(lines, JOB_MAX_NOTES);
	arena_free(arena);
}

struct idle_note {
	struct stage *stage;
	unsigned count;
};

static void note_idle(void *self, const char *endpoint)
{
	struct idle_note *note = self;
	assert_string_equal(endpoint, ENDPOINT);
	assert_false(orchestrator_has_job(note->stage->orchestrator, ENDPOINT));
	note->count++;
}

static void tells_when_a_device_has_no_job_left(void **state)
{
	static const enum move moves[] = { SEND, DONE, SEND, DONE };
	struct stage *stage = *state;
	struct idle_note note = { stage, 0 };
	orchestrator_when_idle(stage->orchestrator, note_idle, &note);
	begin(stage, moves);
	assert_int_equal(order(stage, ENDPOINT, "{}", ""), ERR_NONE);
	turn(stage);
	answer(stage, 0x45, ERR_NONE);
	assert_int_equal(note.count, 0);
	assert_true(orchestrator_has_job(stage->orchestrator, ENDPOINT));
	assert_false(orchestrator_has_job(stage->orchestrator, "somebody else"));
	answer(stage, 0x45, ERR_NONE);
	assert_int_equal(note.count, 1);
	orchestrator_trace(stage->orchestrator, ENDPOINT, "http", "answer", "too late", bytes_of(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CLAIM(runs_step_by_step_to_success),
		CLAIM(tells_failure_and_uncertainty_with_their_reason),
		CLAIM(resumes_after_a_request_without_an_answer),
		CLAIM(a_new_registration_makes_the_open_request_void),
		CLAIM(waits_for_a_device_that_is_not_there),
		CLAIM(hears_a_notification_that_came_too_early),
		CLAIM(goes_on_after_a_restart_of_the_server),
		CLAIM(runs_one_job_of_a_device_at_a_time),
		CLAIM(cancels_at_the_boundary_of_a_step),
		CLAIM(an_idempotency_key_makes_one_job),
		CLAIM(refuses_an_order_with_the_reason),
		CLAIM(what_a_job_learned_is_told_and_known_to_the_next),
		CLAIM(gives_each_number_of_a_counter_once),
		CLAIM(a_counter_never_runs_backwards),
		CLAIM(a_job_has_the_packages_that_its_lists_name),
		CLAIM(retries_only_what_did_not_succeed),
		CLAIM(steps_whose_keys_are_in_a_token_run_on_a_worker),
		CLAIM(a_plugin_that_may_not_block_has_no_keys_in_tokens),
		CLAIM(lines_from_elsewhere_stand_before_those_of_the_next_step),
		CLAIM(a_flood_of_lines_is_cut),
		CLAIM(tells_when_a_device_has_no_job_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
