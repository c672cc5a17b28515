/* What the card answered to the queries of a task, put into an inventory item. */
#ifndef SE_MERGE_H
#define SE_MERGE_H

#include "engine/task.h"

void inventory_merge(struct task *task, json_t *item);

#endif
