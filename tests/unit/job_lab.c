#include "job_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "se_test.h"

extern const struct cardea_plugin cardea_plugin;

struct cardea_out {
	struct job_lab *lab;
	bool has_request, has_wait;
	struct cardea_request request;
	uint32_t wait_ms;
};

/* What stays the same from step to step. */
struct order {
	const struct cardea_operation *operation;
	void *plugin;
	const char *params;
	struct bytes package;
};

/* ---- the host's functions ---- */

static struct bytes copy_of(struct job_lab *lab, struct bytes bytes)
{
	struct bytes copy;

	assert_int_equal(bytes_copy(lab->arena, bytes, &copy), ERR_NONE);
	return copy;
}

static enum err host_keep(cardea_out *out, struct bytes state)
{
	assert_true(state.len > 0 && state.len < 65536);
	out->lab->state = copy_of(out->lab, state);
	return ERR_NONE;
}

static enum err host_send(cardea_out *out, const struct cardea_request *request)
{
	struct job_lab *lab = out->lab;
	struct lwm2m_record *records =
		arena_alloc_array(lab->arena, request->records.count + 1, sizeof(*records));

	assert_false(out->has_request || out->has_wait);
	for (size_t i = 0; i < request->records.count; i++) {
		records[i] = request->records.at[i];
		if (records[i].value.type == LWM2M_STRING || records[i].value.type == LWM2M_OPAQUE)
			records[i].value.bytes = copy_of(lab, records[i].value.bytes);
	}
	out->request = *request;
	out->request.records = (struct lwm2m_records){ records, request->records.count };
	if (request->arguments != NULL)
		out->request.arguments = arena_strdup(lab->arena, request->arguments);
	out->has_request = true;
	return ERR_NONE;
}

static enum err host_wait(cardea_out *out, uint32_t timeout_ms)
{
	assert_false(out->has_request || out->has_wait);
	out->has_wait = true;
	out->wait_ms = timeout_ms;
	return ERR_NONE;
}

static enum err host_fail(cardea_out *out, enum err kind, const char *reason)
{
	out->lab->kind = kind;
	snprintf(out->lab->reason, sizeof(out->lab->reason), "%s", reason);
	return ERR_NONE;
}

static enum err host_progress(cardea_out *out, uint64_t done, uint64_t total)
{
	assert_true(done <= total);
	out->lab->progress_done = done;
	out->lab->progress_total = total;
	return ERR_NONE;
}

static enum err host_report(cardea_out *out, const char *name, const char *json)
{
	json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);

	assert_non_null(value);
	json_object_set_new(out->lab->reported, name, value);
	return ERR_NONE;
}

static enum err host_learn(cardea_out *out, const char *section, const char *key, const char *json)
{
	json_t *value = json_loads(json, 0, NULL);

	assert_non_null(value);
	if (json_object_get(out->lab->learned, section) == NULL)
		json_object_set_new(out->lab->learned, section, json_object());
	json_object_set_new(json_object_get(out->lab->learned, section), key, value);
	if (json_object_get(out->lab->known, section) == NULL)
		json_object_set_new(out->lab->known, section, json_object());
	json_object_set(json_object_get(out->lab->known, section), key, value);
	return ERR_NONE;
}

static enum err host_trace(cardea_out *out, const char *layer, const char *direction, const char *text,
			   struct bytes raw)
{
	struct job_lab *lab = out->lab;
	const char *hex = bytes_to_hex(lab->step_arena, raw);
	size_t old = lab->trace_text == NULL ? 0 : strlen(lab->trace_text);
	size_t more = strlen(layer) + strlen(direction) + strlen(text) + strlen(hex) + 5;

	lab->trace_text = realloc(lab->trace_text, old + more);
	assert_non_null(lab->trace_text);
	snprintf(lab->trace_text + old, more, "%s %s %s %s\n", layer, direction, text, hex);
	lab->traces++;
	return ERR_NONE;
}

static enum err host_keyset(cardea_out *out, const char *kind, struct bytes aid, uint8_t version,
			    struct cardea_keyset *ret_keyset)
{
	const struct job_lab *lab = out->lab;
	const struct cardea_keyset *best = NULL;

	for (size_t i = 0; i < lab->keyset_count; i++) {
		const struct cardea_keyset *keyset = &lab->keysets[i].keyset;
		if (lab->keysets[i].aid.len > 0 && !bytes_equal(lab->keysets[i].aid, aid))
			continue;
		if (strcmp(lab->keysets[i].kind, kind) == 0 && (version == 0 || version == keyset->version) &&
		    (best == NULL || keyset->version < best->version))
			best = keyset;
	}
	if (best == NULL)
		return ERR_NOT_FOUND;
	*ret_keyset = *best;
	return ERR_NONE;
}

static json_int_t document_version(const struct lab_document *document)
{
	json_t *json = json_loads(document->json, 0, NULL);
	const json_int_t version = json_integer_value(json_object_get(json, "version"));

	json_decref(json);
	return version;
}

static enum err host_keyset_document(cardea_out *out, const char *kind, struct bytes aid, uint8_t version,
				     const char **ret_json)
{
	const struct job_lab *lab = out->lab;

	for (size_t i = 0; i < lab->document_count; i++) {
		const struct lab_document *document = &lab->documents[i];
		if (strcmp(document->kind, kind) == 0 &&
		    (document->aid.len == 0 || bytes_equal(document->aid, aid)) &&
		    (version == 0 || version == document_version(document))) {
			*ret_json = arena_strdup(lab->step_arena, document->json);
			return ERR_NONE;
		}
	}
	return ERR_NOT_FOUND;
}

static enum err host_next_counter(cardea_out *out, const char *name, uint64_t floor, uint64_t *ret_value)
{
	json_t *counters = out->lab->counters;
	const uint64_t last = (uint64_t)json_integer_value(json_object_get(counters, name));

	*ret_value = (last > floor ? last : floor) + 1;
	json_object_set_new(counters, name, json_integer((json_int_t)*ret_value));
	return ERR_NONE;
}

static enum err host_serve(cardea_out *out, const char **ret_uri)
{
	if (out->lab->uri == NULL)
		return ERR_UNAVAILABLE;
	*ret_uri = out->lab->uri;
	out->lab->is_served = true;
	return ERR_NONE;
}

static enum err host_known(cardea_out *out, const char *section, const char *key, const char **ret_json)
{
	struct job_lab *lab = out->lab;
	const json_t *value = json_object_get(json_object_get(lab->known, section), key);

	if (value == NULL)
		return ERR_NOT_FOUND;
	char *text = json_dumps(value, 0);
	*ret_json = arena_strdup(lab->step_arena, text);
	free(text);
	return ERR_NONE;
}

static enum err host_announce(cardea_out *out, const char *type, const char *json)
{
	json_t *value = json_loads(json, 0, NULL);

	assert_true(json_is_object(value));
	json_object_set_new(value, "type", json_string(type));
	json_array_append_new(out->lab->announced, value);
	return ERR_NONE;
}

static enum err host_package(cardea_out *out, const char *id, struct cardea_package *ret_package)
{
	for (size_t i = 0; i < out->lab->package_count; i++) {
		if (strcmp(out->lab->packages[i].id, id) == 0) {
			*ret_package = out->lab->packages[i].package;
			return ERR_NONE;
		}
	}
	return ERR_NOT_FOUND;
}

static enum err host_offer(cardea_host *host, const char *service, const void *table)
{
	struct job_lab *lab = (struct job_lab *)(void *)host;

	lab->service = service;
	lab->service_table = table;
	return ERR_NONE;
}

static void host_log(cardea_host *host, int level, const char *event, const char *format, ...)
{
	assert_non_null(event);
}

static const struct cardea_host_api api = {
	.size = sizeof(api),
	.keep = host_keep,
	.send = host_send,
	.wait = host_wait,
	.fail = host_fail,
	.progress = host_progress,
	.report = host_report,
	.learn = host_learn,
	.trace = host_trace,
	.keyset = host_keyset,
	.keyset_document = host_keyset_document,
	.serve = host_serve,
	.package = host_package,
	.known = host_known,
	.announce = host_announce,
	.next_counter = host_next_counter,
	.offer = host_offer,
	.log = host_log,
};

/* ---- one job ---- */

static const struct cardea_operation *find_operation(const char *name)
{
	const struct cardea_operation *operation = cardea_plugin.operations;

	while (operation->name != NULL && strcmp(operation->name, name) != 0)
		operation++;
	assert_non_null(operation->name);
	return operation;
}

static enum cardea_result run_step(struct job_lab *lab, const struct order *order, struct cardea_step step,
				   struct cardea_out *out)
{
	assert_true(++lab->steps < LAB_MAX_STEPS);
	*out = (struct cardea_out){ .lab = lab };
	step.context = order->operation->context;
	step.endpoint = "device";
	step.params = order->params;
	step.package = order->package;
	step.state = lab->state;
	step.arena = lab->step_arena;
	step.now_ms = lab->now_ms;
	enum cardea_result result = order->operation->step(order->plugin, &step, out);
	arena_reset(lab->step_arena);
	if (result == CARDEA_NEXT)
		assert_true(out->has_request != out->has_wait);
	return result;
}

static bool is_break_due(const struct job_lab *lab)
{
	if (lab->break_kind == BREAK_NEVER || lab->break_at == 0 || lab->requests < lab->break_at)
		return false;
	if (lab->requests == lab->break_at)
		return true;
	return lab->break_again_every > 0 && (lab->requests - lab->break_at) % lab->break_again_every == 0;
}

static struct cardea_step answer_of(struct job_lab *lab, const struct cardea_request *request)
{
	struct cardea_step step = lab->device.answer(lab->device.self, request);

	step.event = CARDEA_ANSWER;
	step.path = request->path;
	step.format = FORMAT_NONE;
	return step;
}

static struct cardea_step next_event(struct job_lab *lab, const struct cardea_out *out)
{
	const struct lab_device *device = &lab->device;
	struct cardea_step step = { .event = CARDEA_NOTIFY };

	if (out->has_wait) {
		if (device->wait(device->self, &step))
			return step;
		lab->now_ms += out->wait_ms;
		return (struct cardea_step){ .event = CARDEA_TIMEOUT };
	}
	lab->requests++;
	lab->now_ms += 50;
	if (!is_break_due(lab))
		return answer_of(lab, &out->request);
	if (lab->break_kind == LOSE_ANSWER || lab->break_kind == REBOOT_AFTER)
		answer_of(lab, &out->request);
	if (lab->break_kind == REBOOT_BEFORE || lab->break_kind == REBOOT_AFTER)
		device->reboot(device->self);
	device->lose_observations(device->self);
	lab->is_served = false;
	return (struct cardea_step){ .event = CARDEA_RESUME };
}

enum cardea_result job_lab_run(struct job_lab *lab, const char *operation, const char *params,
			       struct bytes package)
{
	struct order order = { lab->operation != NULL ? lab->operation : find_operation(operation), NULL,
			       params, package };
	struct cardea_out out;

	json_decref(lab->reported);
	json_decref(lab->learned);
	lab->reported = json_object();
	lab->learned = json_object();
	json_array_clear(lab->announced);
	lab->reason[0] = '\0';
	lab->kind = ERR_NONE;
	lab->state = bytes_of(NULL, 0);
	lab->requests = lab->steps = 0;
	lab->is_served = false;
	lab->device.lose_observations(lab->device.self);
	assert_int_equal(cardea_plugin.open(&api, (cardea_host *)(void *)lab,
					    lab->config != NULL ? lab->config : "{}", &order.plugin),
			 ERR_NONE);
	lab->result = run_step(lab, &order, (struct cardea_step){ .event = CARDEA_START }, &out);
	while (lab->result == CARDEA_NEXT && (lab->give_up_at == 0 || lab->requests < lab->give_up_at))
		lab->result = run_step(lab, &order, next_event(lab, &out), &out);
	cardea_plugin.close(order.plugin);
	return lab->result;
}

/* ---- the lab ---- */

void job_lab_open(struct job_lab *lab, struct lab_device device)
{
	*lab = (struct job_lab){
		.device = device,
		.arena = arena_create(0),
		.step_arena = arena_create(0),
		.now_ms = 1000000,
		.known = json_object(),
		.counters = json_object(),
		.announced = json_array(),
	};
}

void job_lab_close(struct job_lab *lab)
{
	arena_free(lab->arena);
	arena_free(lab->step_arena);
	json_decref(lab->reported);
	json_decref(lab->learned);
	json_decref(lab->known);
	json_decref(lab->counters);
	json_decref(lab->announced);
	free(lab->trace_text);
}
