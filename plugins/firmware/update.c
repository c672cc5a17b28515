/* firmware.update: the device reports a version. LwM2M Core TS 1.1, E.6 and its state diagram.
 *
 * A loop: look at the device, do the first thing that is missing, look again. After a break at any instant it
 * only looks; what was asked last may have arrived, and the state of the device says whether it has. */
#include "operations.h"

#include <stdio.h>

#define TIMEOUT_S      3600  /* as in the schema */
#define DELIVERIES_MAX 3     /* [ours] of the package, when it gets lost */
#define UPDATES_MAX    3     /* [ours] likewise */
#define GRACE_MS       5000  /* [ours] for a device to leave the state that it was in when it said yes */
#define POLL_FIRST_MS  1000  /* [ours] doubles */
#define POLL_MAX_MS    30000 /* [ours] also where the device is observed: a notification may get lost */
#define PROGRESS_TOTAL 3     /* delivered, update begun, version reported */

static void decide(struct task *task);

static void advance_to(struct task *task, uint64_t done)
{
	task_is_good(task, task->plugin->api->progress(task->out, done, PROGRESS_TOTAL));
}

static bool is_overdue(const struct task *task)
{
	return task->step->now_ms >= task->kept.deadline_ms;
}

/* ---- the end ---- */

static bool is_there(const struct task *task)
{
	const struct view *view = &task->kept.view;
	const char *wanted = task_text(task, "version", "");
	bool says_package = view->has_object && view->state == STATE_IDLE && view->result == RESULT_SUCCESS &&
			    strcmp(view->package_version, wanted) == 0;

	if (view->has_object && view->state == STATE_UPDATING)
		return false;
	return strcmp(view->version, wanted) == 0 || says_package;
}

static void finish(struct task *task)
{
	const struct kept *kept = &task->kept;

	task_report(task, "version", json_string(task_text(task, "version", "")));
	task_report(task, "alreadyInstalled", json_boolean(kept->deliveries == 0));
	if (kept->deliveries > 0) {
		task_report(task, "previousVersion", json_string(kept->previous_version));
		task_report(task, "delivery", json_string(kept->delivery == DELIVERY_PULL ? "pull" : "push"));
	}
	advance_to(task, PROGRESS_TOTAL);
	task_succeed(task);
}

static void fail_with_result(struct task *task)
{
	uint8_t result = task->kept.view.result;

	task_fail(task, result_kind(result), "the device reports update result %u: %s", result,
		  result_text(result));
}

/* Nothing may go on behind our back, least of all the download of a package that is not served any more. */
static void stop_and_fail(struct task *task, enum err kind, const char *reason)
{
	task->kept.ending = kind;
	snprintf(task->kept.reason, sizeof(task->kept.reason), "%s", reason);
	task_write(task, PHASE_STOP, FIRMWARE(FIRMWARE_PACKAGE_URI),
		   (struct lwm2m_value){ .type = LWM2M_STRING });
}

static void fail_overdue(struct task *task)
{
	const struct kept *kept = &task->kept;
	char reason[KEPT_REASON_SIZE];

	if (kept->view.state == STATE_UPDATING) {
		task_give_up(task, ERR_TIMEOUT, "the device was still updating when the time was over");
		return;
	}
	snprintf(reason, sizeof(reason), "the device did not report the version in time; it was %s, %s",
		 state_text(kept->view.state), result_text(kept->view.result));
	if (kept->delivery_asked)
		stop_and_fail(task, ERR_TIMEOUT, reason);
	else
		task_fail(task, ERR_TIMEOUT, "%s", reason);
}

/* ---- waiting ---- */

static bool observes_first(struct task *task)
{
	if (task->kept.is_observing || task->kept.cannot_observe)
		return false;
	task_observe(task, PHASE_OBSERVE_STATE, FIRMWARE(FIRMWARE_STATE));
	return true;
}

static void wait_for_device(struct task *task)
{
	struct kept *kept = &task->kept;
	int64_t left_ms = kept->deadline_ms - task->step->now_ms;

	if (is_overdue(task)) {
		fail_overdue(task);
		return;
	}
	if (observes_first(task))
		return;
	kept->poll_ms = kept->poll_ms == 0 ? POLL_FIRST_MS : kept->poll_ms * 2;
	if (kept->poll_ms > POLL_MAX_MS)
		kept->poll_ms = POLL_MAX_MS;
	task_wait(task, left_ms < kept->poll_ms ? (uint32_t)left_ms : kept->poll_ms);
}

/* The device said yes a moment ago and may not show it yet. */
static bool has_grace(const struct task *task)
{
	return task->step->now_ms - task->kept.changed_ms < GRACE_MS;
}

/* ---- the delivery ---- */

/* By the begin of an URI; the last one is what is left. */
static const struct delivery_protocol {
	const char *prefix;
	unsigned number; /* /5/0/8 */
	const char *reason;
} delivery_protocols[] = {
	{ "coaps:", PROTOCOL_COAPS, "the device does not fetch packages over CoAPS" },
	{ "coap+tcp:", PROTOCOL_COAP_TCP, "the device does not fetch packages over CoAP over TCP" },
	{ "coaps+tcp:", PROTOCOL_COAP_TLS, "the device does not fetch packages over CoAP over TLS" },
	{ "coap:", PROTOCOL_COAP, "the device does not fetch packages over CoAP" },
};

static const struct delivery_protocol *protocol_of(const char *uri)
{
	const struct delivery_protocol *protocol = delivery_protocols;

	while (protocol->number != PROTOCOL_COAP &&
	       strncmp(uri, protocol->prefix, strlen(protocol->prefix)) != 0)
		protocol++;
	return protocol;
}

/* Whether the device can fetch, and from where; else the reason. */
static const char *uri_to_pull(struct task *task, const char **ret_reason)
{
	const struct cardea_host_api *api = task->plugin->api;
	const struct view *view = &task->kept.view;
	const char *uri;

	*ret_reason = "the device takes packages by push only";
	if (view->delivery == DELIVERS_BY_PUSH)
		return NULL;
	*ret_reason = "this server serves no packages to devices";
	if (api->size < offsetof(struct cardea_host_api, serve) + sizeof(api->serve) ||
	    api->serve(task->out, &uri) != ERR_NONE)
		return NULL;
	const struct delivery_protocol *protocol = protocol_of(uri);
	*ret_reason = protocol->reason;
	return view->protocols >> protocol->number & 1 ? uri : NULL;
}

static bool choose_delivery(struct task *task, const char **ret_uri)
{
	const char *wanted = task_text(task, "delivery", "auto"), *reason = "";
	bool can_push = task->kept.view.delivery != DELIVERS_BY_PULL;
	const char *uri = strcmp(wanted, "push") != 0 ? uri_to_pull(task, &reason) : NULL;

	if (uri == NULL && strcmp(wanted, "pull") == 0) {
		task_fail(task, ERR_UNSUPPORTED, "%s", reason);
		return false;
	}
	if (uri == NULL && !can_push) {
		task_fail(task, ERR_UNSUPPORTED, "the device takes packages by pull only%s%s",
			  reason[0] != 0 ? ", and " : "", reason);
		return false;
	}
	task->kept.delivery = uri != NULL ? DELIVERY_PULL : DELIVERY_PUSH;
	*ret_uri = uri;
	return true;
}

static int64_t severity_number(const char *name)
{
	static const char *const names[] = { "critical", "mandatory", "optional" };
	int64_t number = 0;

	while (strcmp(names[number], name) != 0) /* one of them, by the schema */
		number++;
	return number;
}

/* How urgent it is and how long it may wait, for devices that want to know. */
static bool writes_settings(struct task *task)
{
	struct kept *kept = &task->kept;
	const char *severity = task_text(task, "severity", NULL);
	int64_t max_defer_s = task_number(task, "deferUpdateSeconds", -1);

	if (!kept->severity_written && severity != NULL && kept->view.has_severity) {
		task_write(
			task, PHASE_SEVERITY, FIRMWARE(FIRMWARE_SEVERITY),
			(struct lwm2m_value){ .type = LWM2M_INTEGER, .integer = severity_number(severity) });
		return true;
	}
	if (!kept->max_defer_written && max_defer_s >= 0 && kept->view.has_max_defer) {
		task_write(task, PHASE_MAX_DEFER, FIRMWARE(FIRMWARE_MAX_DEFER),
			   (struct lwm2m_value){ .type = LWM2M_UNSIGNED, .whole = (uint64_t)max_defer_s });
		return true;
	}
	return false;
}

static void forget_delivery(struct task *task)
{
	struct kept *kept = &task->kept;

	kept->is_reset = kept->delivery_asked = kept->delivery_answered = kept->update_asked = false;
	kept->updates = kept->refusal = 0;
}

static void send_package(struct task *task, const char *uri)
{
	struct kept *kept = &task->kept;
	const struct lwm2m_value package = { .type = LWM2M_OPAQUE, .bytes = task->step->package };

	kept->deliveries++;
	kept->delivery_asked = true;
	kept->is_reset = false;
	if (uri == NULL)
		task_write(task, PHASE_DELIVER, FIRMWARE(FIRMWARE_PACKAGE), package);
	else
		task_write(task, PHASE_DELIVER, FIRMWARE(FIRMWARE_PACKAGE_URI),
			   (struct lwm2m_value){ .type = LWM2M_STRING, .bytes = bytes_of_text(uri) });
}

/* From a device that is idle, and has been told to forget what was before. */
static void deliver(struct task *task)
{
	struct kept *kept = &task->kept;
	bool is_clean = kept->view.state == STATE_IDLE && kept->view.result == RESULT_INITIAL;
	const char *uri;

	if (is_overdue(task))
		fail_overdue(task);
	else if (!is_clean && !kept->is_reset)
		task_write(task, PHASE_RESET, FIRMWARE(FIRMWARE_PACKAGE_URI),
			   (struct lwm2m_value){ .type = LWM2M_STRING });
	else if (kept->view.state != STATE_IDLE)
		task_fail(task, ERR_CONFLICT, "the device is %s and does not stop that",
			  state_text(kept->view.state));
	else if (kept->deliveries == DELIVERIES_MAX)
		task_fail(task, ERR_UNAVAILABLE, "the package was given to the device %u times and got lost",
			  DELIVERIES_MAX);
	else if (choose_delivery(task, &uri) && !writes_settings(task) && !observes_first(task))
		send_package(task, uri);
}

/* ---- what the state of the device means ---- */

/* The device will not change its mind: anything of class 4 but 4.08, which means that blocks are missing. */
static bool is_refused(const struct task *task)
{
	return task->kept.refusal >> 5 == 4 && task->kept.refusal != 0x88;
}

static void fail_refused(struct task *task, const char *what)
{
	uint8_t code = task->kept.refusal;

	task_fail(task, code == 0x8D ? ERR_LIMIT : ERR_CONFLICT, "the device answered %u.%02u to %s",
		  code >> 5, code & 31u, what);
}

static void when_idle(struct task *task)
{
	struct kept *kept = &task->kept;
	uint8_t result = kept->view.result;
	bool is_lost = result == RESULT_CONNECTION_LOST && kept->deliveries < DELIVERIES_MAX;

	if (kept->delivery_asked && result > RESULT_SUCCESS && !is_lost)
		fail_with_result(task);
	else if (kept->update_asked && result == RESULT_SUCCESS)
		task_fail(task, ERR_CONFLICT,
			  "the device says that it has updated, but reports version \"%.60s\"",
			  kept->view.version);
	else if (kept->delivery_asked && is_refused(task))
		fail_refused(task,
			     kept->delivery == DELIVERY_PULL ? "the URI of the package" : "the package");
	else if (kept->delivery_answered && !is_lost && has_grace(task))
		wait_for_device(task);
	else {
		if (kept->delivery_asked)
			forget_delivery(task);
		deliver(task);
	}
}

static void when_downloading(struct task *task)
{
	struct kept *kept = &task->kept;
	/* A push that broke off stays in this state until somebody ends it. */
	bool is_ours = kept->delivery == DELIVERY_PULL ? kept->delivery_asked : kept->delivery_answered;

	if (is_ours) {
		wait_for_device(task);
		return;
	}
	if (kept->delivery_asked)
		forget_delivery(task);
	deliver(task);
}

static void update(struct task *task)
{
	struct kept *kept = &task->kept;

	if (is_overdue(task)) {
		fail_overdue(task);
		return;
	}
	if (kept->updates == UPDATES_MAX) {
		stop_and_fail(task, ERR_CONFLICT, "the device has the package and does not begin to update");
		return;
	}
	if (observes_first(task))
		return;
	kept->updates++;
	kept->update_asked = true;
	kept->refusal = 0;
	advance_to(task, 1);
	task_execute(task, FIRMWARE(FIRMWARE_UPDATE));
}

static void when_downloaded(struct task *task)
{
	struct kept *kept = &task->kept;
	bool may_defer = task_number(task, "deferUpdateSeconds", 0) > 0;
	bool is_deferred = kept->view.result == RESULT_DEFERRED && may_defer;

	if (!kept->delivery_asked)
		deliver(task);
	else if (kept->view.result > RESULT_SUCCESS && !is_deferred)
		fail_with_result(task);
	else if (kept->update_asked && is_refused(task))
		fail_refused(task, "the order to update");
	else if (kept->update_asked && (is_deferred || has_grace(task)))
		wait_for_device(task);
	else
		update(task);
}

static void when_updating(struct task *task)
{
	advance_to(task, 2);
	wait_for_device(task);
}

static void decide(struct task *task)
{
	static void (*const actions[STATE_COUNT])(struct task *) = {
		[STATE_IDLE] = when_idle,
		[STATE_DOWNLOADING] = when_downloading,
		[STATE_DOWNLOADED] = when_downloaded,
		[STATE_UPDATING] = when_updating,
	};

	if (is_there(task))
		finish(task);
	else if (!task->kept.view.has_object)
		task_fail(task, ERR_UNSUPPORTED, "the device has no object for firmware updates (/5/0)");
	else
		actions[task->kept.view.state](task);
}

/* ---- what was answered ---- */

static void after_object(struct task *task)
{
	struct kept *kept = &task->kept;
	const struct view before = kept->view;

	if (!task_take_object(task))
		return;
	if (kept->view.state != before.state || kept->view.result != before.result)
		kept->poll_ms = 0;
	if (!kept->has_begun || !kept->view.has_object || kept->view.state == STATE_IDLE)
		task_read(task, PHASE_VERSION, DEVICE_FIRMWARE_VERSION);
	else
		decide(task);
}

/* A device need not have the resource; then only /5/0/7 tells. */
static void after_version(struct task *task)
{
	struct kept *kept = &task->kept;
	struct bytes version = lwm2m_bytes(task->step->records, DEVICE_FIRMWARE_VERSION);

	view_copy_version(is_success(task->step->code) ? version : bytes_of(NULL, 0), kept->view.version);
	if (!kept->has_begun)
		memcpy(kept->previous_version, kept->view.version, sizeof(kept->previous_version));
	decide(task);
}

static bool is_observed(const struct task *task)
{
	return is_success(task->step->code) && task->step->fault.kind == ERR_NONE;
}

static void after_observe_state(struct task *task)
{
	if (is_observed(task)) {
		task_observe(task, PHASE_OBSERVE_RESULT, FIRMWARE(FIRMWARE_RESULT));
		return;
	}
	task->kept.cannot_observe = true;
	decide(task);
}

static void after_observe_result(struct task *task)
{
	task->kept.is_observing = is_observed(task);
	task->kept.cannot_observe = !task->kept.is_observing;
	decide(task);
}

static void after_reset(struct task *task)
{
	static const uint8_t nothing[] = { 0 };

	if (!is_success(task->step->code)) {
		task_write(task, PHASE_RESET_PACKAGE, FIRMWARE(FIRMWARE_PACKAGE),
			   (struct lwm2m_value){ .type = LWM2M_OPAQUE, .bytes = bytes_of(nothing, 1) });
		return;
	}
	task->kept.is_reset = true;
	task_look(task);
}

/* Whether it was any use the next look shows. */
static void after_reset_package(struct task *task)
{
	task->kept.is_reset = true;
	task_look(task);
}

static void after_setting(struct task *task)
{
	struct kept *kept = &task->kept;
	const char *name = kept->phase == PHASE_SEVERITY ? "the severity" : "the longest deferral";

	if (!is_success(task->step->code)) {
		task_fail(task, ERR_CONFLICT, "the device answered %u.%02u to %s", task->step->code >> 5,
			  task->step->code & 31u, name);
		return;
	}
	*(kept->phase == PHASE_SEVERITY ? &kept->severity_written : &kept->max_defer_written) = true;
	decide(task);
}

/* The package or the order to update: the device's state says what has become of it. */
static void after_change(struct task *task)
{
	struct kept *kept = &task->kept;
	bool is_good = is_success(task->step->code);

	kept->changed_ms = is_good ? task->step->now_ms : 0;
	kept->refusal = is_good ? 0 : task->step->code;
	kept->poll_ms = 0;
	if (kept->phase == PHASE_DELIVER)
		kept->delivery_answered = is_good;
	task_look(task);
}

static void after_stop(struct task *task)
{
	task_fail(task, task->kept.ending, "%s", task->kept.reason);
}

static void (*const answers[PHASE_COUNT])(struct task *) = {
	[PHASE_BEGIN] = task_look,
	[PHASE_OBJECT] = after_object,
	[PHASE_VERSION] = after_version,
	[PHASE_OBSERVE_STATE] = after_observe_state,
	[PHASE_OBSERVE_RESULT] = after_observe_result,
	[PHASE_RESET] = after_reset,
	[PHASE_RESET_PACKAGE] = after_reset_package,
	[PHASE_SEVERITY] = after_setting,
	[PHASE_MAX_DEFER] = after_setting,
	[PHASE_DELIVER] = after_change,
	[PHASE_EXECUTE] = after_change,
	[PHASE_WAIT] = task_look,
	[PHASE_STOP] = after_stop,
};

/* ---- events ---- */

static void resume(struct task *task)
{
	struct kept *kept = &task->kept;
	const char *reason;

	if (kept->phase == PHASE_STOP) {
		after_stop(task);
		return;
	}
	kept->is_observing = false;
	kept->poll_ms = 0;
	/* The device may be in the middle of it. */
	if (kept->delivery == DELIVERY_PULL && kept->delivery_asked)
		(void)uri_to_pull(task, &reason);
	task_look(task);
}

void update_body(struct task *task)
{
	switch (task->step->event) {
	case CARDEA_START:
		task->kept.deadline_ms =
			task->step->now_ms + task_number(task, "timeoutSeconds", TIMEOUT_S) * 1000;
		task_look(task);
		break;
	case CARDEA_RESUME:
		resume(task);
		break;
	default:
		answers[task->kept.phase](task);
		break;
	}
}
