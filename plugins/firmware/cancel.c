/* firmware.cancel: the device has no package and fetches none. LwM2M Core TS 1.1, E.6; Cancel came with
 * version 1.1 of the object, before that a reset does the same. */
#include "operations.h"

#define LOOKS_MAX     5    /* [ours] for a device to become idle */
#define LOOK_AGAIN_MS 1000 /* [ours] */

static void reset(struct task *task)
{
	task_write(task, PHASE_RESET, FIRMWARE(FIRMWARE_PACKAGE_URI),
		   (struct lwm2m_value){ .type = LWM2M_STRING });
}

static void decide(struct task *task)
{
	struct kept *kept = &task->kept;
	const struct view *view = &kept->view;

	if (!view->has_object) {
		task_fail(task, ERR_UNSUPPORTED, "the device has no object for firmware updates (/5/0)");
	} else if (view->state == STATE_IDLE) {
		task_report(task, "alreadyIdle", json_boolean(!kept->has_begun));
		task_succeed(task);
	} else if (view->state == STATE_UPDATING) {
		task_fail(task, ERR_CONFLICT, "the device is updating already, which cannot be cancelled");
	} else if (!kept->has_begun) {
		task_execute(task, FIRMWARE(FIRMWARE_CANCEL));
	} else if (!kept->is_reset) {
		reset(task);
	} else if (kept->updates++ < LOOKS_MAX) {
		task_wait(task, LOOK_AGAIN_MS);
	} else {
		task_fail(task, ERR_CONFLICT, "the device is %s and does not stop that",
			  state_text(view->state));
	}
}

static void after_object(struct task *task)
{
	if (task_take_object(task))
		decide(task);
}

static void after_reset(struct task *task)
{
	static const uint8_t nothing[] = { 0 };

	task->kept.is_reset = true;
	if (is_success(task->step->code))
		task_look(task);
	else
		task_write(task, PHASE_RESET_PACKAGE, FIRMWARE(FIRMWARE_PACKAGE),
			   (struct lwm2m_value){ .type = LWM2M_OPAQUE, .bytes = bytes_of(nothing, 1) });
}

void cancel_body(struct task *task)
{
	if (task->step->event != CARDEA_ANSWER)
		task_look(task);
	else if (task->kept.phase == PHASE_OBJECT)
		after_object(task);
	else if (task->kept.phase == PHASE_RESET)
		after_reset(task);
	else
		task_look(task);
}
