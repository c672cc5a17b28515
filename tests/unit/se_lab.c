#include "se_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "se_test.h"

extern const struct cardea_plugin cardea_plugin;

struct cardea_out {
	struct lab *lab;
	bool has_request, has_wait;
	struct cardea_request request;
	uint32_t wait_ms;
};

/* What the job remembers between steps. */
struct job {
	struct lab *lab;
	const struct cardea_operation *operation;
	void *self;
	const char *params;
	struct bytes package, state;
	struct cardea_out out;
	bool is_observing;
	int64_t told_state; /* the agent's state as last notified */
};

/* ---- the host's functions ---- */

static struct job *current; /* the one job under test: keep() has nothing else to find it by */

static enum err host_keep(cardea_out *out, struct bytes state)
{
	assert_true(state.len > 0 && state.len < 65536);
	return bytes_copy(out->lab->arena, state, &current->state);
}

static struct bytes copy_of(struct lab *lab, struct bytes bytes)
{
	struct bytes copy;

	assert_int_equal(bytes_copy(lab->arena, bytes, &copy), ERR_NONE);
	return copy;
}

static enum err host_send(cardea_out *out, const struct cardea_request *request)
{
	struct lab *lab = out->lab;
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
	assert_string_equal(section, "secure-elements");
	json_object_set_new(out->lab->learned, key, value);
	return ERR_NONE;
}

static enum err host_trace(cardea_out *out, const char *layer, const char *direction, const char *text,
			   struct bytes raw)
{
	struct lab *lab = out->lab;
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
	const struct lab *lab = out->lab;
	const struct cardea_keyset *best = NULL;

	for (size_t i = 0; i < lab->keyset_count; i++) {
		const struct cardea_keyset *keyset = &lab->keysets[i].keyset;
		if (strcmp(lab->keysets[i].kind, kind) == 0 && (version == 0 || version == keyset->version) &&
		    (best == NULL || keyset->version < best->version))
			best = keyset;
	}
	if (best == NULL)
		return ERR_NOT_FOUND;
	*ret_keyset = *best;
	return ERR_NONE;
}

static enum err host_keyset_document(cardea_out *out, const char *kind, struct bytes aid, uint8_t version,
				     const char **ret_json)
{
	assert_string_equal(kind, "scp11");
	if (out->lab->scp11 == NULL)
		return ERR_NOT_FOUND;
	*ret_json = out->lab->scp11;
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

static enum cardea_result run_step(struct job *job, struct cardea_step step)
{
	struct lab *lab = job->lab;

	assert_true(++lab->steps < LAB_MAX_STEPS);
	job->out = (struct cardea_out){ .lab = lab };
	step.endpoint = "device";
	step.params = job->params;
	step.package = job->package;
	step.state = job->state;
	step.arena = lab->step_arena;
	step.now_ms = lab->now_ms;
	enum cardea_result result = job->operation->step(job->self, &step, &job->out);
	arena_reset(lab->step_arena);
	if (result == CARDEA_NEXT)
		assert_true(job->out.has_request != job->out.has_wait);
	return result;
}

static bool is_break_due(struct lab *lab)
{
	if (lab->break_kind == BREAK_NEVER || lab->break_at == 0 || lab->requests < lab->break_at)
		return false;
	if (lab->requests == lab->break_at)
		return true;
	return lab->break_again_every > 0 && (lab->requests - lab->break_at) % lab->break_again_every == 0;
}

/* What the device does with a request; the records of an answer are in the step's arena. */
static struct cardea_step answer_of(struct job *job)
{
	struct lab *lab = job->lab;
	const struct cardea_request *request = &job->out.request;
	struct cardea_step step = { .event = CARDEA_ANSWER, .path = request->path, .format = FORMAT_NONE };

	switch (request->operation) {
	case LWM2M_READ:
		step.code = 0x45;
		step.records = agent_read(&lab->agent, lab->step_arena);
		break;
	case LWM2M_OBSERVE:
		step.code = 0x45;
		step.records = agent_read(&lab->agent, lab->step_arena);
		job->is_observing = true;
		job->told_state = lab->agent.agent_state;
		break;
	case LWM2M_WRITE_PARTIAL:
		step.code = agent_write(&lab->agent, request->records);
		break;
	case LWM2M_EXECUTE:
		step.code = agent_execute(&lab->agent, request->path.resource, request->arguments);
		break;
	default:
		fail_msg("operation %d", request->operation);
	}
	return step;
}

static struct cardea_step next_event(struct job *job)
{
	struct lab *lab = job->lab;

	if (job->out.has_wait) {
		agent_finish(&lab->agent);
		if (job->is_observing && !lab->loses_notifications &&
		    job->told_state != lab->agent.agent_state) {
			job->told_state = lab->agent.agent_state;
			return (struct cardea_step){ .event = CARDEA_NOTIFY,
						     .path = LWM2M_RESOURCE(30401, 0, 15),
						     .records = agent_read(&lab->agent, lab->step_arena) };
		}
		lab->now_ms += job->out.wait_ms;
		return (struct cardea_step){ .event = CARDEA_TIMEOUT };
	}
	lab->requests++;
	lab->now_ms += 50;
	if (!is_break_due(lab))
		return answer_of(job);
	if (lab->break_kind == LOSE_ANSWER || lab->break_kind == REBOOT_AFTER)
		answer_of(job);
	if (lab->break_kind == REBOOT_BEFORE || lab->break_kind == REBOOT_AFTER)
		agent_reboot(&lab->agent);
	job->is_observing = false;
	return (struct cardea_step){ .event = CARDEA_RESUME };
}

enum cardea_result lab_run(struct lab *lab, const char *operation, const char *params, struct bytes package)
{
	struct job job = {
		.lab = lab, .operation = find_operation(operation), .params = params, .package = package
	};

	json_decref(lab->reported);
	json_decref(lab->learned);
	lab->reported = json_object();
	lab->learned = json_object();
	lab->reason[0] = '\0';
	lab->kind = ERR_NONE;
	lab->requests = lab->steps = 0;
	current = &job;
	assert_int_equal(cardea_plugin.open(&api, NULL, "{}", &job.self), ERR_NONE);
	lab->result = run_step(&job, (struct cardea_step){ .event = CARDEA_START });
	while (lab->result == CARDEA_NEXT)
		lab->result = run_step(&job, next_event(&job));
	cardea_plugin.close(job.self);
	return lab->result;
}

/* ---- the lab ---- */

void lab_open(struct lab *lab, const struct card_settings *settings)
{
	struct fault fault = { 0 };

	*lab = (struct lab){
		.arena = arena_create(0),
		.step_arena = arena_create(0),
		.now_ms = 1000000,
		.agent = { .arena = arena_create(0),
			   .max_request = 1024,
			   .max_response = 2048,
			   .protocol = "globalplatform-remote-admin/1.1.1",
			   .has_channel_resource = true,
			   .has_stop_on_error = true,
			   .stop_on_error = true },
	};
	assert_int_equal(card_open(NULL, settings, &lab->agent.card, &fault), ERR_NONE);
	lab_add_keys(lab, 0x30, "404142434445464748494A4B4C4D4E4F", "404142434445464748494A4B4C4D4E4F",
		     "404142434445464748494A4B4C4D4E4F");
}

void lab_close(struct lab *lab)
{
	card_close(lab->agent.card);
	arena_free(lab->agent.arena);
	arena_free(lab->arena);
	arena_free(lab->step_arena);
	json_decref(lab->reported);
	json_decref(lab->learned);
	free(lab->trace_text);
}

struct bytes lab_hex(struct lab *lab, const char *hex)
{
	struct bytes bytes;

	assert_int_equal(bytes_from_hex(lab->arena, hex, &bytes), ERR_NONE);
	return bytes;
}

void lab_add_keys(struct lab *lab, uint8_t version, const char *enc_hex, const char *mac_hex,
		  const char *dek_hex)
{
	lab_add_keys_of(lab, "scp03", version, enc_hex, mac_hex, dek_hex);
}

void lab_add_keys_of(struct lab *lab, const char *kind, uint8_t version, const char *enc_hex,
		     const char *mac_hex, const char *dek_hex)
{
	struct cardea_keyset *keyset = &lab->keysets[lab->keyset_count].keyset;

	lab->keysets[lab->keyset_count++].kind = kind;
	keyset->version = version;
	assert_int_equal(secret_from(lab_hex(lab, enc_hex), &keyset->enc), ERR_NONE);
	assert_int_equal(secret_from(lab_hex(lab, mac_hex), &keyset->mac), ERR_NONE);
	assert_int_equal(secret_from(lab_hex(lab, dek_hex), &keyset->dek), ERR_NONE);
}

bool lab_has(struct lab *lab, const char *aid_hex)
{
	return card_find(lab->agent.card, lab_hex(lab, aid_hex), NULL);
}
