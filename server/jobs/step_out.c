#include "step_out.h"

#include "job.h"
#include "keyset.h"
#include "materials.h"
#include "serve.h"

#define MAX_STATE_BYTES  (64u << 10)
#define MAX_TRACE_LINES  512
#define MAX_RESULT_BYTES (256u << 10)

void step_out_begin(struct cardea_out *out, struct job *job, struct arena *arena, struct materials *materials)
{
	*out = (struct cardea_out){
		.job = job, .arena = arena, .materials = materials, .result = json_object()
	};
	out->learned_end = &out->learned;
	out->announced_end = &out->announced;
	out->trace_end = &out->trace;
}

void step_out_end(struct cardea_out *out)
{
	if (out->next == STEP_WORK && out->work.free_arg != NULL)
		out->work.free_arg(out->work.arg);
	if (out->has_state)
		wipe((void *)(uintptr_t)out->state.at, out->state.len);
	json_decref(out->result);
	*out = (struct cardea_out){ .next = STEP_NOTHING };
}

void step_out_stored(struct cardea_out *out)
{
	out->trace = NULL;
	out->trace_end = &out->trace;
	out->trace_count = 0;
	out->learned = NULL;
	out->learned_end = &out->learned;
	out->announced = NULL;
	out->announced_end = &out->announced;
	out->counted = NULL;
}

/* Remembers the first failure, so that a plugin that does not look at an answer still fails. */
static enum err noted(struct cardea_out *out, enum err err)
{
	if (out->broken == ERR_NONE)
		out->broken = err;
	return err;
}

static const char *copy_text(struct cardea_out *out, const char *text)
{
	return text != NULL ? arena_strdup(out->arena, text) : NULL;
}

static enum err keep(struct cardea_out *out, struct bytes state)
{
	if (state.len > MAX_STATE_BYTES)
		return noted(out, ERR_LIMIT);
	enum err err = bytes_copy(out->arena, state, &out->state);
	out->has_state = err == ERR_NONE;
	return noted(out, err);
}

/* The package is there as long as the request, and may be large. */
static bool is_of_package(const struct cardea_out *out, struct bytes bytes)
{
	const struct bytes package = materials_package(out->materials);
	const uintptr_t start = (uintptr_t)package.at, at = (uintptr_t)bytes.at;

	return package.len > 0 && at >= start && at - start <= package.len &&
	       bytes.len <= package.len - (at - start);
}

static bool has_bytes(const struct lwm2m_value *value)
{
	return value->type == LWM2M_STRING || value->type == LWM2M_OPAQUE || value->type == LWM2M_CORELNK;
}

static enum err copy_record(struct cardea_out *out, const struct lwm2m_record *from, struct lwm2m_record *to)
{
	*to = *from;
	return has_bytes(&from->value) && !is_of_package(out, from->value.bytes)
		       ? bytes_copy(out->arena, from->value.bytes, &to->value.bytes)
		       : ERR_NONE;
}

enum err step_records_copy(struct arena *arena, struct lwm2m_records records,
			   struct lwm2m_records *ret_records)
{
	struct lwm2m_record *copies = arena_alloc_array(arena, records.count + 1, sizeof *copies);
	enum err err = copies != NULL ? ERR_NONE : ERR_NOMEM;
	for (size_t i = 0; i < records.count && err == ERR_NONE; i++) {
		copies[i] = records.at[i];
		if (has_bytes(&copies[i].value))
			err = bytes_copy(arena, records.at[i].value.bytes, &copies[i].value.bytes);
	}
	if (err == ERR_NONE)
		*ret_records = (struct lwm2m_records){ copies, records.count };
	return err;
}

static enum err send_request(struct cardea_out *out, const struct cardea_request *request)
{
	if (out->next != STEP_NOTHING)
		return noted(out, ERR_CONFLICT);
	size_t count = request->records.count;
	struct lwm2m_record *records = arena_alloc_array(out->arena, count + 1, sizeof *records);
	if (records == NULL)
		return noted(out, ERR_NOMEM);
	for (size_t i = 0; i < count; i++) {
		enum err err = copy_record(out, &request->records.at[i], &records[i]);
		if (err != ERR_NONE)
			return noted(out, err);
	}
	out->request = *request;
	out->request.records = (struct lwm2m_records){ records, count };
	out->request.arguments = copy_text(out, request->arguments);
	if (request->arguments != NULL && out->request.arguments == NULL)
		return noted(out, ERR_NOMEM);
	out->next = STEP_SEND;
	return ERR_NONE;
}

static enum err wait_for(struct cardea_out *out, uint32_t timeout_ms)
{
	if (out->next != STEP_NOTHING)
		return noted(out, ERR_CONFLICT);
	out->wait_ms = timeout_ms;
	out->next = STEP_WAIT;
	return ERR_NONE;
}

static enum err start_work(struct cardea_out *out, enum err (*run)(void *), void *take_arg,
			   void (*free_arg)(void *))
{
	if (out->next != STEP_NOTHING) {
		if (free_arg != NULL)
			free_arg(take_arg);
		return noted(out, ERR_CONFLICT);
	}
	out->work.run = run;
	out->work.arg = take_arg;
	out->work.free_arg = free_arg;
	out->next = STEP_WORK;
	return ERR_NONE;
}

static enum err fail(struct cardea_out *out, enum err kind, const char *reason)
{
	fault_set(&out->failure, kind, "%s", reason);
	return ERR_NONE;
}

static enum err progress(struct cardea_out *out, uint64_t done, uint64_t total)
{
	out->has_progress = true;
	out->progress_done = done;
	out->progress_total = total;
	return ERR_NONE;
}

static enum err report(struct cardea_out *out, const char *name, const char *json)
{
	if (strlen(json) > MAX_RESULT_BYTES)
		return noted(out, ERR_LIMIT);
	json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
	if (value == NULL)
		return noted(out, ERR_MALFORMED);
	return json_object_set_new(out->result, name, value) == 0 ? ERR_NONE : noted(out, ERR_NOMEM);
}

static enum err learn(struct cardea_out *out, const char *section, const char *key, const char *json)
{
	struct learned *learned = arena_alloc(out->arena, sizeof *learned);
	if (learned == NULL)
		return noted(out, ERR_NOMEM);
	learned->section = copy_text(out, section);
	learned->key = copy_text(out, key);
	learned->json = copy_text(out, json);
	if (learned->section == NULL || learned->key == NULL || (json != NULL && learned->json == NULL))
		return noted(out, ERR_NOMEM);
	*out->learned_end = learned;
	out->learned_end = &learned->next;
	return noted(out, materials_learn(out->materials, section, key, json));
}

static enum err find_known(struct cardea_out *out, const char *section, const char *key,
			   const char **ret_json)
{
	return materials_known(out->materials, section, key, ret_json);
}

static enum err next_counter(struct cardea_out *out, const char *name, uint64_t floor, uint64_t *ret_value)
{
	struct counted *counted = arena_alloc(out->arena, sizeof *counted);
	const char *copy = copy_text(out, name);
	uint64_t value;
	if (counted == NULL || copy == NULL)
		return noted(out, ERR_NOMEM);
	enum err err = materials_next_counter(out->materials, name, floor, &value);
	if (err != ERR_NONE)
		return noted(out, err);
	*counted = (struct counted){ out->counted, copy, value };
	out->counted = counted;
	*ret_value = value;
	return ERR_NONE;
}

static enum err announce(struct cardea_out *out, const char *type, const char *json)
{
	json_t *value = json_loads(json, 0, NULL);
	const bool is_object = json_is_object(value);
	json_decref(value);
	if (!is_object)
		return noted(out, ERR_MALFORMED);
	struct announcement *announcement = arena_alloc(out->arena, sizeof *announcement);
	if (announcement == NULL)
		return noted(out, ERR_NOMEM);
	*announcement = (struct announcement){ .type = copy_text(out, type), .json = copy_text(out, json) };
	if (announcement->type == NULL || announcement->json == NULL)
		return noted(out, ERR_NOMEM);
	*out->announced_end = announcement;
	out->announced_end = &announcement->next;
	return ERR_NONE;
}

enum err step_out_trace(struct cardea_out *out, const char *layer, const char *direction, const char *text,
			struct bytes raw)
{
	if (out->trace_count >= MAX_TRACE_LINES)
		return noted(out, ERR_LIMIT);
	struct trace_line *line = arena_alloc(out->arena, sizeof *line);
	if (line == NULL)
		return noted(out, ERR_NOMEM);
	line->layer = copy_text(out, layer);
	line->direction = copy_text(out, direction);
	line->text = copy_text(out, text);
	enum err err = bytes_copy(out->arena, raw, &line->raw);
	if (err != ERR_NONE || line->layer == NULL || line->direction == NULL || line->text == NULL)
		return noted(out, ERR_NOMEM);
	*out->trace_end = line;
	out->trace_end = &line->next;
	out->trace_count++;
	return ERR_NONE;
}

static enum err find_keyset(struct cardea_out *out, const char *kind, struct bytes aid, uint8_t version,
			    struct cardea_keyset *ret_keyset)
{
	struct cardea_keyset keyset;
	enum err err = materials_keyset(out->materials, kind, aid, version, &keyset);
	if (err != ERR_NONE)
		return err;
	if (keyset_is_in_token(&keyset) && !out->job->operation->plugin->takes_keys_in_tokens)
		return ERR_NOT_FOUND;
	*ret_keyset = keyset;
	keyset_wipe(&keyset);
	return ERR_NONE;
}

static enum err find_keyset_document(struct cardea_out *out, const char *kind, struct bytes aid,
				     uint8_t version, const char **ret_json)
{
	return materials_keyset_document(out->materials, kind, aid, version, ret_json);
}

static enum err find_package(struct cardea_out *out, const char *id, struct cardea_package *ret_package)
{
	return materials_find_package(out->materials, id, ret_package);
}

void step_out_calls(struct cardea_host_api *api)
{
	api->keep = keep;
	api->send = send_request;
	api->wait = wait_for;
	api->work = start_work;
	api->fail = fail;
	api->progress = progress;
	api->report = report;
	api->learn = learn;
	api->trace = step_out_trace;
	api->keyset = find_keyset;
	api->keyset_document = find_keyset_document;
	api->serve = serve_package;
	api->package = find_package;
	api->known = find_known;
	api->announce = announce;
	api->next_counter = next_counter;
}
