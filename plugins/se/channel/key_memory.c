#include "channel/key_memory.h"

#include <stddef.h>

#define SECTION        "authentications" /* as REST has it */
#define MAX_IDENTIFIER 64

/* ---- the record ---- */

/* The card as its agent names it, else the reader that it is in. */
static const char *memory_key(const struct task *task)
{
	const struct bytes identifier = task->kept.identifier;
	const char *aid = bytes_to_hex(task->arena, task->key_owner);

	if (identifier.len == 0 || identifier.len > MAX_IDENTIFIER || !bytes_are_utf8(identifier))
		return arena_printf(task->arena, "%u %s %02X", task->instance, aid, task->kept.key_version);
	return arena_printf(task->arena, "%.*s %s %02X", (int)identifier.len, (const char *)identifier.at,
			    aid, task->kept.key_version);
}

static uint32_t count_of(const json_t *record, const char *name)
{
	const json_int_t value = json_integer_value(json_object_get(record, name));

	return value < 0 || value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static struct bytes hex_of(struct task *task, const json_t *record, const char *name)
{
	const char *hex = json_string_value(json_object_get(record, name));
	struct bytes bytes = { 0 };

	if (hex != NULL && bytes_from_hex(task->arena, hex, &bytes) == ERR_NOMEM)
		task_is_good(task, ERR_NOMEM);
	return bytes;
}

struct key_memory key_memory_read(struct task *task)
{
	const struct cardea_host_api *api = task->plugin->api;
	const char *key = memory_key(task), *text = NULL;
	struct key_memory memory = { 0 };

	if (!task_is_good(task, key == NULL ? ERR_NOMEM : ERR_NONE) ||
	    api->size < offsetof(struct cardea_host_api, known) + sizeof(api->known) ||
	    api->known(task->out, SECTION, key, &text) != ERR_NONE)
		return memory;
	json_t *record = json_loads(text, 0, NULL);
	memory.failures = count_of(record, "failures");
	memory.possible_failures = count_of(record, "possibleFailures");
	memory.has_counter = json_object_get(record, "nextSequenceCounter") != NULL;
	memory.protocol = (uint8_t)count_of(record, "protocol");
	memory.next_counter = count_of(record, "nextSequenceCounter");
	memory.i = (uint8_t)count_of(record, "option");
	memory.diversification = hex_of(task, record, "diversificationHex");
	memory.certificates = hex_of(task, record, "certificatesHex");
	memory.numbers = hex_of(task, record, "numbersHex");
	memory.certified_key_id = (uint8_t)count_of(record, "certifiedKeyId");
	memory.is_s16 = json_is_true(json_object_get(record, "hasLongMacs"));
	json_decref(record);
	return memory;
}

static bool is_too_many(const struct task *task, const struct key_memory *memory)
{
	return (uint64_t)memory->failures + memory->possible_failures >= task->plugin->max_failures;
}

static json_t *record_of(struct task *task, const struct key_memory *memory)
{
	json_t *record = json_pack(
		"{s:i, s:s, s:i, s:I, s:I, s:b}", "secureElement", task->instance, "securityDomainAidHex",
		bytes_to_hex(task->arena, task->key_owner), "keyVersion", task->kept.key_version, "failures",
		(json_int_t)memory->failures, "possibleFailures", (json_int_t)memory->possible_failures,
		"isHeldBack", is_too_many(task, memory));

	if (memory->has_counter) {
		json_object_set_new(record, "nextSequenceCounter", json_integer(memory->next_counter));
		json_object_set_new(record, "protocol", json_integer(memory->protocol));
		json_object_set_new(record, "option", json_integer(memory->i));
		json_object_set_new(record, "diversificationHex",
				    json_string(bytes_to_hex(task->arena, memory->diversification)));
	}
	if (memory->certificates.len > 0) {
		json_object_set_new(record, "certificatesHex",
				    json_string(bytes_to_hex(task->arena, memory->certificates)));
		if (memory->numbers.len > 0)
			json_object_set_new(record, "numbersHex",
					    json_string(bytes_to_hex(task->arena, memory->numbers)));
		json_object_set_new(record, "certifiedKeyId", json_integer(memory->certified_key_id));
		json_object_set_new(record, "hasLongMacs", json_boolean(memory->is_s16));
	}
	return record;
}

void key_memory_write(struct task *task, const struct key_memory *memory)
{
	const char *key = memory_key(task);
	json_t *record = record_of(task, memory);
	char *text = record == NULL ? NULL : json_dumps(record, JSON_COMPACT);

	json_decref(record);
	if (task_is_good(task, key == NULL || text == NULL ? ERR_NOMEM : ERR_NONE))
		task_is_good(task, task->plugin->api->learn(task->out, SECTION, key, text));
	free(text);
}

void key_memory_forget_counter(struct task *task)
{
	struct key_memory memory = key_memory_read(task);

	if (!memory.has_counter)
		return;
	memory.has_counter = false;
	key_memory_write(task, &memory);
}

/* ---- authentications ---- */

bool authentication_is_safe(struct task *task)
{
	struct key_memory memory = key_memory_read(task);

	if (!is_too_many(task, &memory))
		return true;
	if (task_flag(task, "acceptAuthenticationRisk", false) && !task->kept.is_risk_accepted) {
		task->kept.is_risk_accepted = true;
		memory.failures = memory.possible_failures = 0;
		key_memory_write(task, &memory);
		return true;
	}
	task_break(task, ERR_LOCK_RISK,
		   "key version %02X: %u authentications failed and %u may have; another might lock it "
		   "(acceptAuthenticationRisk)",
		   task->kept.key_version, memory.failures, memory.possible_failures);
	return false;
}

bool authentication_may_fail(const struct task *task, const struct key_memory *memory)
{
	struct key_memory worse = *memory;

	worse.failures++;
	return !is_too_many(task, &worse);
}

void authentication_begins(struct task *task)
{
	struct key_memory memory = key_memory_read(task);

	memory.possible_failures++;
	memory.has_counter = false;
	key_memory_write(task, &memory);
	task->kept.is_authenticating = true;
}

void authentication_ended(struct task *task, enum authentication_end end)
{
	struct key_memory memory = key_memory_read(task);

	if (task->kept.is_authenticating && memory.possible_failures > 0)
		memory.possible_failures--;
	if (end == AUTHENTICATION_FAILED)
		memory.failures++;
	if (end == AUTHENTICATION_SUCCEEDED)
		memory.failures = memory.possible_failures = 0;
	if (task->kept.is_authenticating || end != AUTHENTICATION_NOT_TRIED)
		key_memory_write(task, &memory);
	task->kept.is_authenticating = false;
}
