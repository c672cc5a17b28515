/* The operations of this plugin: bodies for task_run. */
#ifndef FIRMWARE_OPERATIONS_H
#define FIRMWARE_OPERATIONS_H

#include "task.h"

void update_body(struct task *task);
void cancel_body(struct task *task);

#endif
