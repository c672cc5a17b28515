/* What an operation wants of the agent besides its scripts: the format of bodies, report, retries, timeout. */
#ifndef SE_SETTINGS_H
#define SE_SETTINGS_H

#include "engine/task.h"
#include "seram/seram.h"

/* From the parameters. */
void settings_read(struct task *task);
/* After the kept state was read: the format that was chosen is wanted. */
void settings_continue(struct task *task);
/* What the agent announces and has decides the format, and what of it is to be written. Not while a script is in flight. */
void settings_learn(struct task *task, const struct seram_instance *instance);
/* Ends the task that found no format. */
void settings_refuse(struct task *task);

#endif
