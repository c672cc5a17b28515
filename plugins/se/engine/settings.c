#include "engine/settings.h"

/* ---- what is wanted ---- */

static enum body_form form_of(const char *format, const char *length)
{
	for (unsigned form = BODY_NONE + 1; form < BODY_FORM_COUNT; form++) {
		if (strcmp(body_of((enum body_form)form)->name, format) == 0)
			return form == BODY_SCRIPT && strcmp(length, "definite") == 0 ? BODY_SCRIPT_DEFINITE
										      : (enum body_form)form;
	}
	return BODY_NONE;
}

void settings_read(struct task *task)
{
	const char *length = task_text(task, "scriptLength", "auto");

	task->wanted_form = form_of(task_text(task, "bodyFormat", "auto"), length);
	if (task->wanted_form == BODY_NONE && strcmp(length, "definite") == 0)
		task->wanted_form = BODY_SCRIPT_DEFINITE;
	task->waits_for_agent = task_flag(task, "whenAgentAsks", false);
	task->is_length_free = strcmp(length, "auto") == 0;
	for (size_t i = 0; i < SERAM_SETTINGS; i++)
		task->wanted_settings[i] = -1;
	task->wanted_settings[SERAM_SET_REPORT_REQUIRED] = task_flag(task, "report", true);
	task->wanted_settings[SERAM_SET_RETRY_COUNT] = task_number(task, "retryCount", -1);
	task->wanted_settings[SERAM_SET_RETRY_DELAY] = task_number(task, "retryDelaySeconds", -1);
	task->wanted_settings[SERAM_SET_SESSION_TIMEOUT] = task_number(task, "sessionTimeoutSeconds", -1);
}

/* The number of the form, once it is chosen, is one of the settings. */
void settings_continue(struct task *task)
{
	if (task->kept.form != BODY_NONE)
		task->wanted_settings[SERAM_SET_BODY_FORMAT] = body_of(task->kept.form)->format;
}

/* ---- what the agent has ---- */

/* TS 102 226 before SERAM 2.0.0, unless the parameters say otherwise. */
static enum body_form choose_form(const struct task *task, const struct seram_instance *instance)
{
	const bool speaks[BODY_FORM_COUNT] = {
		[BODY_SCRIPT] = instance->speaks_scripts,
		[BODY_SCRIPT_DEFINITE] = instance->speaks_scripts,
		[BODY_ORDER] = instance->speaks_seram2,
		[BODY_APDU] = instance->speaks_scripts || instance->speaks_seram2,
	};
	const enum body_form first = instance->speaks_scripts ? BODY_SCRIPT : BODY_ORDER;
	const enum body_form form = task->wanted_form == BODY_NONE ? first : task->wanted_form;

	return speaks[form] ? form : BODY_NONE;
}

/* What the agent has otherwise than is wanted, a bit each. */
static uint8_t settings_due(struct task *task, const struct seram_instance *instance)
{
	uint8_t due = 0;

	for (size_t i = 0; i < SERAM_SETTINGS; i++) {
		const bool is_there = instance->settings[i] >= 0;
		const int64_t has = is_there ? instance->settings[i] : seram_setting_rows[i].when_absent;
		if (task->wanted_settings[i] >= 0 && has >= 0 && has != task->wanted_settings[i])
			due |= (uint8_t)(1u << i);
	}
	return due;
}

void settings_learn(struct task *task, const struct seram_instance *instance)
{
	struct kept *kept = &task->kept;

	if (kept->form == BODY_NONE)
		kept->form = choose_form(task, instance);
	settings_continue(task);
	kept->settings_due = settings_due(task, instance);
	kept->agent_retries = task->wanted_settings[SERAM_SET_RETRY_COUNT] >= 0 &&
			      instance->settings[SERAM_SET_RETRY_COUNT] >= 0;
}

void settings_refuse(struct task *task)
{
	if (task->wanted_form == BODY_NONE)
		task_break(task, ERR_UNSUPPORTED,
			   "the agent speaks neither " SERAM_PROTOCOL_FAMILY "* nor " SERAM2_PROTOCOL_FAMILY
			   "*");
	else
		task_break(task, ERR_UNSUPPORTED, "the agent does not announce a protocol for bodyFormat %s",
			   task_text(task, "bodyFormat", "auto"));
}
