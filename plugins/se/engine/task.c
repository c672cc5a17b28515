#include "engine/task.h"

#include <cardea/step.h>

/* ---- parameters ---- */

const char *task_text(const struct task *task, const char *name, const char *fallback)
{
	const json_t *value = json_object_get(task->params, name);

	return json_is_string(value) ? json_string_value(value) : fallback;
}

int64_t task_number(const struct task *task, const char *name, int64_t fallback)
{
	const json_t *value = json_object_get(task->params, name);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool task_flag(const struct task *task, const char *name, bool fallback)
{
	const json_t *value = json_object_get(task->params, name);

	return json_is_boolean(value) ? json_is_true(value) : fallback;
}

enum err task_hex(struct task *task, const char *name, struct bytes *ret_bytes, struct fault *fault)
{
	const char *hex = task_text(task, name, "");
	enum err err = bytes_from_hex(task->arena, hex, ret_bytes);

	if (err == ERR_MALFORMED)
		return fault_set(fault, err, "%s is not hexadecimal", name);
	return err;
}

static const uint8_t issuer_aid[] = { 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00 };
const struct bytes task_issuer_aid = { issuer_aid, sizeof(issuer_aid) };

bool task_is_issuer(const struct task *task)
{
	return bytes_equal(task->domain_aid, task_issuer_aid);
}

/* ---- how it ends ---- */

__attribute__((format(printf, 3, 0))) static void keep_reason(struct task *task, enum err kind,
							      const char *format, va_list arguments)
{
	step_reason(task->kept.reason, format, arguments);
	task->kept.kind = kind;
}

void task_succeed(struct task *task)
{
	if (task->kept.ending == ENDING_NONE)
		task->kept.ending = ENDING_DONE;
}

void task_fail(struct task *task, enum err kind, const char *format, ...)
{
	va_list arguments;

	if (task->kept.ending != ENDING_NONE)
		return;
	va_start(arguments, format);
	keep_reason(task, kind, format, arguments);
	va_end(arguments);
	task->kept.ending = ENDING_FAILED;
}

void task_break(struct task *task, enum err kind, const char *format, ...)
{
	va_list arguments;

	if (task->kept.ending != ENDING_NONE)
		return;
	va_start(arguments, format);
	keep_reason(task, kind, format, arguments);
	va_end(arguments);
	task->kept.ending = task->kept.is_unproven ? ENDING_UNKNOWN : ENDING_FAILED;
}

void task_note_reason(struct task *task, enum err kind, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	keep_reason(task, kind, format, arguments);
	va_end(arguments);
}

bool task_is_good(struct task *task, enum err err)
{
	return step_is_good(&task->broken, err);
}

/* ---- the result ---- */

void task_report(struct task *task, const char *name, json_t *take_value)
{
	char *text = json_dumps(take_value, JSON_COMPACT | JSON_ENCODE_ANY);

	task_is_good(task, step_report(task->plugin->api, task->out, name, text));
	json_decref(take_value);
}

void task_report_hex(struct task *task, const char *name, struct bytes bytes)
{
	const char *hex = bytes_to_hex(task->arena, bytes);

	task_report(task, name, hex == NULL ? NULL : json_string(hex));
}

void task_progress(struct task *task, uint64_t done, uint64_t total)
{
	task_is_good(task, task->plugin->api->progress(task->out, done, total));
}

/* ---- the secure channel ---- */

void task_reopen(struct task *task, uint8_t key_version)
{
	task->kept.channel = CHANNEL_NONE;
	task->kept.is_selected = false;
	task->kept.key_version = key_version;
	task->kept.opening = task->kept.host_challenge = bytes_of(NULL, 0);
	task->kept.mark = (struct session_mark){ 0 };
	task->kept.fetch = 0;
}

enum err sw_kind(uint16_t sw)
{
	switch (sw) {
	case SW_NO_MEMORY:
		return ERR_LIMIT;
	case SW_NOT_FOUND:
	case SW_NO_SUCH_DATA:
		return ERR_NOT_FOUND;
	case SW_CONDITIONS_NOT_SATISFIED:
		return ERR_CONFLICT;
	case SW_SECURITY_NOT_SATISFIED:
	case SW_AUTHENTICATION_FAILED:
		return ERR_DENIED;
	case SW_WRONG_DATA:
	case SW_WRONG_LENGTH:
	case SW_WRONG_P1P2:
		return ERR_MALFORMED;
	default:
		return ERR_UNSUPPORTED;
	}
}

bool sw_is_success(uint16_t sw)
{
	return sw == SW_OK || sw >> 8 == 0x61;
}
