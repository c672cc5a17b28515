/* What the card answered to the queries of a task, put into an inventory item. */
#ifndef SE_MERGE_H
#define SE_MERGE_H

#include "engine/task.h"

/* A data object of a card; NULL when it is not one that we understand. */
json_t *inventory_object_json(struct arena *arena, uint16_t tag, struct bytes data);

void inventory_merge(struct task *task, json_t *item);

#endif
