/* One step of one operation: what it was given, what it keeps, and the few things that it may ask for. */
#ifndef FIRMWARE_TASK_H
#define FIRMWARE_TASK_H

#include <cardea/plugin.h>
#include <jansson.h>

#include "kept.h"

struct firmware_plugin {
	const struct cardea_host_api *api;
	cardea_host *host;
};

struct task {
	const struct firmware_plugin *plugin;
	const struct cardea_step *step;
	cardea_out *out;
	json_t *params;
	struct kept kept;
	enum cardea_result result; /* CARDEA_NEXT until the task has ended */
	enum err broken;           /* the first failure of ours or of the host */
};

/* Runs `body` with the parameters and the kept state read, and keeps what it leaves. */
enum cardea_result task_run(const struct firmware_plugin *plugin, const struct cardea_step *step,
			    cardea_out *out, void (*body)(struct task *task));

/* ---- parameters ---- */

const char *task_text(const struct task *task, const char *name, const char *fallback);
int64_t task_number(const struct task *task, const char *name, int64_t fallback);

/* ---- requests: the one thing that a step asks for ---- */

void task_read(struct task *task, enum phase phase, struct lwm2m_path path);
void task_observe(struct task *task, enum phase phase, struct lwm2m_path path);
void task_write(struct task *task, enum phase phase, struct lwm2m_path path, struct lwm2m_value value);
void task_execute(struct task *task, struct lwm2m_path path);
void task_wait(struct task *task, uint32_t timeout_ms);

/* ---- looking ---- */

/* Reads /5/0; the answer comes as PHASE_OBJECT, then task_take_object. */
void task_look(struct task *task);
/* The answer to it; false when the task has ended by it. */
bool task_take_object(struct task *task);

/* ---- how it ends ---- */

void task_succeed(struct task *task);
void task_fail(struct task *task, enum err kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What was done is done, and nobody knows what becomes of it. */
void task_give_up(struct task *task, enum err kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void task_report(struct task *task, const char *name, json_t *take_value);
/* Remembers the first failure of ours; true when there is none. */
bool task_is_good(struct task *task, enum err err);

static inline bool is_success(uint8_t code)
{
	return code >> 5 == 2;
}

#endif
