#include "engine/carrier.h"

#include <inttypes.h>

#include "channel/channel.h"

static struct lwm2m_path instance_path(const struct task *task)
{
	return LWM2M_INSTANCE(SERAM_OBJECT, task->instance);
}

static struct lwm2m_path resource_path(const struct task *task, enum seram_resource resource)
{
	return LWM2M_RESOURCE(SERAM_OBJECT, task->instance, (uint16_t)resource);
}

static void ask(struct task *task, enum phase phase, const struct cardea_request *request)
{
	task->kept.phase = phase;
	task_is_good(task, task->plugin->api->send(task->out, request));
}

void ask_read(struct task *task)
{
	ask(task, PHASE_READ,
	    &(struct cardea_request){ .operation = LWM2M_READ, .path = instance_path(task) });
}

void ask_read_all(struct task *task)
{
	ask(task, PHASE_READ_ALL,
	    &(struct cardea_request){ .operation = LWM2M_READ, .path = LWM2M_OBJECT(SERAM_OBJECT) });
}

static void ask_execute(struct task *task, enum phase phase, enum seram_resource resource,
			const char *arguments)
{
	ask(task, phase,
	    &(struct cardea_request){ .operation = LWM2M_EXECUTE,
				      .path = resource_path(task, resource),
				      .arguments = arguments });
}

void ask_observe(struct task *task)
{
	ask(task, PHASE_OBSERVE,
	    &(struct cardea_request){ .operation = LWM2M_OBSERVE,
				      .path = resource_path(task, SERAM_AGENT_STATE) });
}

void wait_for(struct task *task, enum phase phase, int64_t timeout_ms)
{
	task->kept.phase = phase;
	task_is_good(task, task->plugin->api->wait(task->out, timeout_ms > 0 ? (uint32_t)timeout_ms : 0));
}

void ask_run(struct task *task)
{
	ask_execute(task, PHASE_RUN, SERAM_RUN, NULL);
}

void ask_clear(struct task *task)
{
	const char *argument = arena_printf(task->arena, "0='%" PRIu32 "'", task->kept.request_id);

	if (task_is_good(task, argument == NULL ? ERR_NOMEM : ERR_NONE))
		ask_execute(task, PHASE_CLEAR, SERAM_CLEAR_RESPONSE, argument);
}

void ask_end(struct task *task)
{
	ask_execute(task, PHASE_END, SERAM_END_SESSION, NULL);
}

void ask_write(struct task *task, const struct batch *batch)
{
	struct kept *kept = &task->kept;
	struct fault fault = { 0 };
	struct seram_request request = {
		.id = kept->request_id,
		.target_aid = channel_target(task),
		.has_stop_on_error = kept->can_go_on_after_error,
		/* a look is harmless whatever failed before it; another change, or the rest of a packet is
		   not, unless the operator says so */
		.stop_on_error = (batch->has_more_changes && !batch->goes_on_after_error) ||
				 channel_packets(task) != NULL,
	};
	struct lwm2m_records records;
	enum err err = batch_body(batch, &request.body, &fault);

	if (err == ERR_UNSUPPORTED) {
		kept->is_unproven = kept->was_unproven; /* nothing goes out */
		task_break(task, err, "%s", fault.text);
		return;
	}
	for (size_t i = 0; i < SERAM_SETTINGS; i++)
		request.settings[i] = (kept->settings_due >> i & 1) != 0 ? task->wanted_settings[i] : -1;
	if (err == ERR_NONE)
		err = seram_request_records(task->arena, task->instance, &request, &records);
	if (!task_is_good(task, err))
		return;
	ask(task, PHASE_WRITE,
	    &(struct cardea_request){ .operation = LWM2M_WRITE_PARTIAL,
				      .path = instance_path(task),
				      .records = records,
				      .is_confidential = batch_is_readable_secret(batch) });
}

int64_t notified_state(const struct task *task)
{
	return lwm2m_integer(task->step->records, resource_path(task, SERAM_AGENT_STATE),
			     SERAM_RESPONSE_READY);
}
