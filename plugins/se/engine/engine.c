/* clang-format off */
/* How a script travels (object 30401, rules 1 to 5):
 *
 *   READ the instance -> OBSERVE -> WRITE the request -> RUN -> WAIT for the notification -> READ the response
 *     ^                              |  ^                                                      |
 *     '--- PAUSE, the SE is busy <---'  '-------------------- the next script <----------------'
 *     '--- ATTEND, until the agent wants a session
 *
 * and at the end CLEAR, END. After a break everything begins with READ: what the agent holds decides. A response to
 * our request is taken. A request that did not arrive is written again while the channel is open; the same kept
 * state gives the same bytes. Otherwise the channel is lost, and the operation looks at the card anew. */
/* clang-format on */
#include "engine/engine.h"

#include <inttypes.h>

#include "channel/channel.h"
#include "channel/key_memory.h"
#include "engine/exchange.h"
#include "engine/settings.h"
#include "inventory/inventory.h"

#define MAX_REFUSALS 4
#define WISH_EVENT   "secure-element.session-wanted"

/* ---- the end ---- */

/* Before the result is told the agent gets its memory and the card its channel back. */
static void tidy_up(struct task *task)
{
	task->kept.script_in_flight = false;
	if (task->kept.has_session)
		ask_clear(task);
}

static void session_ended(struct task *task)
{
	task->kept.has_session = false;
	if (task->kept.ending == ENDING_NONE)
		next_script(task); /* it was in the way of another */
}

/* ---- the instance was read ---- */

static void keep_waiting(struct task *task, uint32_t executed)
{
	struct kept *kept = &task->kept;

	if (executed != kept->executed) {
		kept->executed = executed;
		kept->deadline_ms = task->step->now_ms + SERAM_SCRIPT_PATIENCE_MS;
	}
	if (task->step->now_ms >= kept->deadline_ms) {
		task_break(task, ERR_TIMEOUT, "the agent runs a script for %d minutes without progress",
			   SERAM_SCRIPT_PATIENCE_MS / 60000);
		return;
	}
	if (!kept->is_observing && !kept->cannot_observe) {
		ask_observe(task);
		return;
	}
	wait_for(task, PHASE_WAIT, kept->poll_ms);
	kept->poll_ms = kept->poll_ms * 2 < SERAM_SLOWEST_POLL_MS ? kept->poll_ms * 2 : SERAM_SLOWEST_POLL_MS;
}

/* What comes next builds on what the card was told before. A script that opens the channel itself does not.
 */
static bool needs_channel(const struct kept *kept)
{
	return (kept->channel != CHANNEL_NONE && kept->channel != CHANNEL_EXPECTED) || kept->is_selected;
}

/* Our request is not running and has no response: did it arrive, and may it be sent again? */
static void script_missing(struct task *task, const struct seram_instance *instance)
{
	struct kept *kept = &task->kept;
	const bool has_channel = !needs_channel(kept) || agent_has_channel(kept, instance);
	const bool did_not_run = instance->request_id == kept->request_id
					 ? instance->agent_state == SERAM_REQUEST_STORED
					 : instance->response_id != kept->request_id && !kept->is_delivered;

	kept->is_resuming = false;
	if (has_channel && instance->request_id == kept->request_id &&
	    instance->agent_state == SERAM_REQUEST_STORED) {
		ask_run(task);
		return;
	}
	if (has_channel && instance->request_id != kept->request_id &&
	    instance->response_id != kept->request_id) {
		if (kept->request_id <= instance->request_id || kept->request_id <= instance->response_id)
			kept->request_id =
				1 + (instance->request_id > instance->response_id ? instance->request_id
										  : instance->response_id);
		write_again(task);
		return;
	}
	kept->script_in_flight = false;
	if (did_not_run) {
		authentication_ended(task, AUTHENTICATION_NOT_TRIED);
		kept->is_unproven = kept->was_unproven;
	}
	lose_channel(task);
	next_script(task);
}

/* Not begun, and the agent has not asked. */
static bool is_early(const struct task *task, const struct seram_instance *instance)
{
	return task->waits_for_agent && task->kept.scripts == 0 &&
	       instance->agent_state != SERAM_WANTS_SESSION;
}

static void attend(struct task *task)
{
	if (!task->kept.is_observing && !task->kept.cannot_observe)
		ask_observe(task);
	else
		wait_for(task, PHASE_ATTEND, SERAM_ATTEND_POLL_MS);
}

/* For the operator who did not wait for it. */
static void announce_wish(struct task *task, const struct seram_instance *instance)
{
	const char *json = arena_printf(task->arena, "{\"instance\":%u}", task->instance);

	if (instance->agent_state == SERAM_WANTS_SESSION && task->kept.scripts == 0 &&
	    task_is_good(task, json == NULL ? ERR_NOMEM : ERR_NONE))
		task_is_good(task, task->plugin->api->announce(task->out, WISH_EVENT, json));
}

static void first_script(struct task *task, const struct seram_instance *instance)
{
	struct kept *kept = &task->kept;
	const bool has_channel = agent_has_channel(kept, instance);

	if (kept->form == BODY_NONE) {
		settings_refuse(task);
		return;
	}
	if (instance->max_request_bytes < SERAM_SMALLEST_REQUEST) {
		task_break(task, ERR_UNSUPPORTED,
			   "the agent takes requests of %" PRIu32 " bytes; at least %d are needed",
			   instance->max_request_bytes, SERAM_SMALLEST_REQUEST);
		return;
	}
	if (is_early(task, instance)) {
		attend(task);
		return;
	}
	if (instance->se_state != SERAM_SE_PRESENT) {
		static const char *const texts[] = { [SERAM_SE_ABSENT] = "the secure element is absent",
						     [SERAM_SE_BUSY] =
							     "the secure element is in use by others",
						     [SERAM_SE_ERROR] = "the secure element has an error" };
		pause_task(task, ERR_UNAVAILABLE, texts[instance->se_state]);
		return;
	}
	if (instance->agent_state == SERAM_RUNNING) {
		pause_task(task, ERR_UNAVAILABLE, "the agent runs a script of somebody else");
		return;
	}
	if (needs_channel(kept) && !has_channel)
		lose_channel(task);
	kept->is_resuming = false;
	const bool is_heard = kept->is_observing || kept->cannot_observe;
	if (is_heard || !task->waits_for_agent)
		announce_wish(task, instance);
	if (is_heard)
		next_script(task);
	else
		ask_observe(task);
}

static void learn_limits(struct task *task, const struct seram_instance *instance)
{
	struct kept *kept = &task->kept;
	uint32_t last_id =
		instance->request_id > instance->response_id ? instance->request_id : instance->response_id;

	/* while a script is in flight it must be composed again as it was */
	if (kept->script_in_flight)
		return;
	if (kept->max_request_bytes == 0 || instance->max_request_bytes < kept->max_request_bytes)
		kept->max_request_bytes = instance->max_request_bytes;
	kept->max_response_bytes = instance->max_response_bytes;
	kept->can_go_on_after_error = instance->has_stop_on_error;
	kept->identifier = bytes_first(instance->identifier, UINT8_MAX);
	settings_learn(task, instance);
	if (kept->request_id < last_id)
		kept->request_id = last_id;
}

static void refused(struct task *task, const char *what)
{
	const uint8_t code = task->step->code;

	if (code == 0x84) { /* 4.04 */
		task_break(task, ERR_NOT_FOUND, "the device has no secure element %u (object %d)",
			   task->instance, SERAM_OBJECT);
		return;
	}
	if (code == 0x81 || code == 0x83 || ++task->kept.refusals > MAX_REFUSALS) { /* 4.01, 4.03 */
		task_break(task, code == 0x81 || code == 0x83 ? ERR_DENIED : ERR_UNAVAILABLE,
			   "the device answers %u.%02u to %s", code >> 5, code & 31u, what);
		return;
	}
	ask_read(task);
}

/* It ran, and there is no response because none was wanted. */
static bool ended_unreported(const struct task *task, const struct seram_instance *instance)
{
	return task->wanted_settings[SERAM_SET_REPORT_REQUIRED] == 0 &&
	       instance->response_id == task->kept.request_id && instance->agent_state == SERAM_IDLE;
}

static void on_read(struct task *task)
{
	struct kept *kept = &task->kept;
	struct seram_instance instance;
	struct fault fault = { 0 };

	if (task->step->code >> 5 != 2) {
		refused(task, "reading the secure element");
		return;
	}
	if (task->step->fault.kind != ERR_NONE) {
		task_break(task, task->step->fault.kind, "the secure element's object: %s",
			   task->step->fault.text);
		return;
	}
	enum err err = seram_instance_read(task->step->records, task->instance, &instance, &fault);
	if (err != ERR_NONE) {
		task_break(task, err, "%s", fault.text);
		return;
	}
	learn_limits(task, &instance);
	inventory_see_reader(task, &instance);
	if (!kept->script_in_flight)
		first_script(task, &instance);
	else if (instance.response_id == kept->request_id &&
		 (instance.agent_state == SERAM_RESPONSE_READY || instance.agent_state == SERAM_INTERRUPTED))
		script_ended(task, &instance);
	else if (ended_unreported(task, &instance))
		script_ended(task, &instance);
	else if (instance.agent_state == SERAM_RUNNING)
		keep_waiting(task, instance.executed);
	else
		script_missing(task, &instance);
}

/* Which other readers there are is good to know, and no more. */
static void on_read_all(struct task *task)
{
	const struct lwm2m_path state = LWM2M_RESOURCE(SERAM_OBJECT, task->instance, SERAM_SE_STATE);

	if (task->step->code >> 5 != 2 || task->step->fault.kind != ERR_NONE ||
	    lwm2m_find(task->step->records, state) == NULL) {
		ask_read(task);
		return;
	}
	inventory_see_other_readers(task);
	on_read(task);
}

/* ---- the other answers ---- */

static bool succeeded(const struct task *task)
{
	return task->step->code >> 5 == 2;
}

static void on_observe(struct task *task)
{
	struct kept *kept = &task->kept;

	kept->is_observing = succeeded(task);
	kept->cannot_observe = !succeeded(task);
	if (kept->script_in_flight || (kept->scripts == 0 && task->waits_for_agent))
		ask_read(task); /* it may have ended, or asked, before the observation began */
	else
		next_script(task);
}

static void on_write(struct task *task)
{
	if (succeeded(task)) {
		task->kept.is_delivered = true;
		ask_run(task);
		return;
	}
	if (task->step->code == 0x8D &&
	    task->kept.max_request_bytes / 2 >= SERAM_SMALLEST_REQUEST) { /* 4.13 */
		task->kept.max_request_bytes /= 2;
		write_again(task);
		return;
	}
	refused(task, "the request");
}

static void on_run(struct task *task)
{
	if (succeeded(task))
		keep_waiting(task, task->kept.executed);
	else
		refused(task, "Run");
}

static void on_answer(struct task *task)
{
	static void (*const actions[PHASE_COUNT])(struct task *) = {
		[PHASE_READ] = on_read,         [PHASE_OBSERVE] = on_observe, [PHASE_WRITE] = on_write,
		[PHASE_RUN] = on_run,           [PHASE_WAIT] = ask_read,      [PHASE_PAUSE] = ask_read,
		[PHASE_ATTEND] = ask_read,      [PHASE_CLEAR] = ask_end,      [PHASE_END] = session_ended,
		[PHASE_READ_ALL] = on_read_all,
	};

	actions[task->kept.phase](task);
}

static void on_notify(struct task *task)
{
	const int64_t state = notified_state(task);

	if (task->kept.phase == PHASE_ATTEND)
		ask_read(task);
	else if (task->kept.phase == PHASE_PAUSE)
		wait_for(task, PHASE_PAUSE, task->kept.deadline_ms - task->step->now_ms);
	else if (state == SERAM_RUNNING || state == SERAM_REQUEST_STORED)
		wait_for(task, PHASE_WAIT, task->kept.poll_ms);
	else
		ask_read(task);
}

static void on_resume(struct task *task)
{
	task->kept.is_observing = task->kept.cannot_observe = false;
	task->kept.is_resuming = true;
	ask_read(task);
}

static void on_event(struct task *task)
{
	if (task->kept.ending != ENDING_NONE && task->step->event == CARDEA_RESUME) {
		session_ended(task); /* the result is known; a lost link must not keep it from the operator */
		return;
	}
	switch (task->step->event) {
	case CARDEA_START:
		if (task->operation->sees_all)
			ask_read_all(task);
		else
			ask_read(task);
		break;
	case CARDEA_TIMEOUT:
		ask_read(task);
		break;
	case CARDEA_ANSWER:
		on_answer(task);
		break;
	case CARDEA_NOTIFY:
		on_notify(task);
		break;
	case CARDEA_RESUME:
		on_resume(task);
		break;
	case CARDEA_WORK_DONE:
		task_is_good(task, ERR_INTERNAL); /* we never start any */
		break;
	}
}

/* ---- a step ---- */

static enum err read_parameters(struct task *task, struct fault *fault)
{
	task->params = json_loads(task->step->params, 0, NULL);
	if (task->params == NULL)
		return fault_set(fault, ERR_MALFORMED, "the parameters are not JSON");
	task->instance = (uint16_t)task_number(task, "se", 0);
	settings_read(task);
	task->max_data = (size_t)task_number(task, "maxCommandData", APDU_MAX_DATA);
	task->diversification = task_text(task, "diversification", NULL);
	task->wanted_level = security_level_of(task_text(task, "securityLevel", "auto"));
	if (task->wanted_level == 0xFF)
		return fault_set(fault, ERR_MALFORMED, "securityLevel is not one that exists");
	task->wanted_protocol = choice_of(task_text(task, "protocol", "auto"));
	if (task->wanted_protocol == CHOICE_COUNT)
		return fault_set(fault, ERR_MALFORMED, "protocol is not one that exists");
	enum err err = task_hex(task, "securityDomainAidHex", &task->domain_aid, fault);
	if (err == ERR_NONE && task->domain_aid.len == 0)
		task->domain_aid = task_issuer_aid;
	task->target = task->domain_aid;
	task->key_owner = task->domain_aid;
	return err;
}

static enum err begin(struct task *task, struct fault *fault)
{
	enum err err = read_parameters(task, fault);

	if (err == ERR_NONE && task->step->event != CARDEA_START && task->step->state.len > 0)
		err = kept_parse(task->step->state, &task->kept, fault);
	settings_continue(task);
	if (err == ERR_NONE)
		err = task->operation->prepare(task, fault);
	return err == ERR_NONE ? task->broken : err;
}

static enum cardea_result tell_result(struct task *task)
{
	const struct cardea_host_api *api = task->plugin->api;

	if (task->kept.ending == ENDING_DONE && task->broken == ERR_NONE)
		return CARDEA_DONE;
	if (task->broken != ERR_NONE) {
		const char *reason =
			arena_printf(task->arena, "the step cannot be completed: %s", err_name(task->broken));
		api->fail(task->out, task->broken, reason != NULL ? reason : err_name(task->broken));
		return task->kept.is_unproven ? CARDEA_UNKNOWN : CARDEA_FAILED;
	}
	task_is_good(task, api->fail(task->out, task->kept.kind, task->kept.reason));
	return task->kept.ending == ENDING_UNKNOWN ? CARDEA_UNKNOWN : CARDEA_FAILED;
}

static enum cardea_result run(struct task *task)
{
	struct bytes state;
	const enum ending before = task->kept.ending;

	on_event(task);
	if (before == ENDING_NONE && task->kept.ending != ENDING_NONE && task->broken == ERR_NONE)
		inventory_refresh(task);
	if (before == ENDING_NONE && task->kept.ending == ENDING_DONE && task->broken == ERR_NONE)
		task->operation->finish(task);
	if (before == ENDING_NONE && task->kept.ending != ENDING_NONE && task->broken == ERR_NONE)
		tidy_up(task);
	bool is_over =
		task->broken != ERR_NONE || (task->kept.ending != ENDING_NONE && !task->kept.has_session);
	if (!is_over && task_is_good(task, kept_build(&task->kept, task->arena, &state)) &&
	    task_is_good(task, task->plugin->api->keep(task->out, state)))
		return CARDEA_NEXT;
	return tell_result(task);
}

enum cardea_result engine_step(void *self, const struct cardea_step *step, cardea_out *out)
{
	const struct se_plugin *plugin = self;
	struct task task = {
		.plugin = plugin, .operation = step->context, .step = step, .out = out, .arena = step->arena
	};
	struct fault fault = { 0 };
	enum cardea_result result;
	enum err err = begin(&task, &fault);

	if (err == ERR_NONE) {
		result = run(&task);
	} else {
		plugin->api->fail(out, err, fault.text[0] != '\0' ? fault.text : err_name(err));
		result = step->event == CARDEA_START ? CARDEA_FAILED : CARDEA_UNKNOWN;
	}
	channel_wipe(&task);
	if (task.operation->forget != NULL && task.order != NULL)
		task.operation->forget(&task);
	json_decref(task.params);
	return result;
}
