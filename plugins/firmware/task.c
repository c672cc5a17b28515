#include "task.h"

#include <cardea/step.h>
#include <stdio.h>

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

/* ---- requests ---- */

static void send_request(struct task *task, enum phase phase, const struct cardea_request *request)
{
	task->kept.phase = phase;
	task_is_good(task, task->plugin->api->send(task->out, request));
}

void task_read(struct task *task, enum phase phase, struct lwm2m_path path)
{
	send_request(task, phase, &(struct cardea_request){ .operation = LWM2M_READ, .path = path });
}

void task_observe(struct task *task, enum phase phase, struct lwm2m_path path)
{
	send_request(task, phase, &(struct cardea_request){ .operation = LWM2M_OBSERVE, .path = path });
}

void task_write(struct task *task, enum phase phase, struct lwm2m_path path, struct lwm2m_value value)
{
	const struct lwm2m_record record = { .path = path, .value = value };
	const struct cardea_request request = {
		.operation = LWM2M_WRITE_REPLACE,
		.path = path,
		.records = { &record, 1 },
	};

	task->kept.has_begun = true;
	send_request(task, phase, &request);
}

void task_execute(struct task *task, struct lwm2m_path path)
{
	const struct cardea_request request = { .operation = LWM2M_EXECUTE, .path = path };

	task->kept.has_begun = true;
	send_request(task, PHASE_EXECUTE, &request);
}

void task_wait(struct task *task, uint32_t timeout_ms)
{
	task->kept.phase = PHASE_WAIT;
	task_is_good(task, task->plugin->api->wait(task->out, timeout_ms));
}

/* ---- looking ---- */

void task_look(struct task *task)
{
	task_read(task, PHASE_OBJECT, LWM2M_INSTANCE(5, 0));
}

static void trace_view(struct task *task)
{
	const struct view *view = &task->kept.view;
	char text[FAULT_TEXT_SIZE];

	snprintf(text, sizeof(text), "state %d (%s), result %u (%s)", view->state, state_text(view->state),
		 view->result, result_text(view->result));
	task_is_good(task,
		     task->plugin->api->trace(task->out, "firmware", "answer", text, bytes_of(NULL, 0)));
}

bool task_take_object(struct task *task)
{
	const struct cardea_step *step = task->step;
	struct fault fault = { .kind = ERR_NONE };

	if (step->code == 0x84) { /* 4.04 */
		task->kept.view.has_object = false;
		return true;
	}
	if (!is_success(step->code))
		task_fail(task, ERR_UNAVAILABLE, "the device answered %u.%02u to the Read of /5/0",
			  step->code >> 5, step->code & 31u);
	else if (step->fault.kind != ERR_NONE)
		task_fail(task, step->fault.kind, "/5/0 cannot be read: %.100s", step->fault.text);
	else if (view_read(step->records, &task->kept.view, &fault) != ERR_NONE)
		task_fail(task, fault.kind, "%s", fault.text);
	else
		trace_view(task);
	return task->result == CARDEA_NEXT;
}

/* ---- how it ends ---- */

void task_succeed(struct task *task)
{
	task->result = CARDEA_DONE;
}

__attribute__((format(printf, 4, 0))) static void end(struct task *task, enum cardea_result result,
						      enum err kind, const char *format, va_list arguments)
{
	char reason[FAULT_TEXT_SIZE];

	step_reason(reason, format, arguments);
	task_is_good(task, task->plugin->api->fail(task->out, kind, reason));
	task->result = result;
}

void task_fail(struct task *task, enum err kind, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	end(task, CARDEA_FAILED, kind, format, arguments);
	va_end(arguments);
}

void task_give_up(struct task *task, enum err kind, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	end(task, CARDEA_UNKNOWN, kind, format, arguments);
	va_end(arguments);
}

bool task_is_good(struct task *task, enum err err)
{
	return step_is_good(&task->broken, err);
}

void task_report(struct task *task, const char *name, json_t *take_value)
{
	char *text = json_dumps(take_value, JSON_COMPACT | JSON_ENCODE_ANY);

	task_is_good(task, step_report(task->plugin->api, task->out, name, text));
	json_decref(take_value);
}

/* ---- one step ---- */

static void keep(struct task *task)
{
	struct bytes state;

	if (task_is_good(task, kept_build(&task->kept, task->step->arena, &state)))
		task_is_good(task, task->plugin->api->keep(task->out, state));
}

static enum err begin(struct task *task)
{
	const struct cardea_step *step = task->step;

	task->params = json_loads(step->params, 0, NULL);
	if (task->params == NULL)
		return ERR_NOMEM;
	return step->state.len > 0 ? kept_parse(step->state, &task->kept) : ERR_NONE;
}

enum cardea_result task_run(const struct firmware_plugin *plugin, const struct cardea_step *step,
			    cardea_out *out, void (*body)(struct task *task))
{
	struct task task = { .plugin = plugin, .step = step, .out = out, .result = CARDEA_NEXT };
	enum err err = begin(&task);

	if (err != ERR_NONE)
		task_fail(&task, err, "the state of the job cannot be read");
	else
		body(&task);
	if (task.result == CARDEA_NEXT)
		keep(&task);
	json_decref(task.params);
	if (task.broken != ERR_NONE)
		task_fail(&task, task.broken, "the step cannot be taken: %s", err_name(task.broken));
	return task.result;
}
