/* Carries an operation to the card and back: scripts over object 30401, over whatever breaks on the way. */
#ifndef SE_ENGINE_H
#define SE_ENGINE_H

#include "engine/task.h"

/* The step of every operation: `self` is the struct se_plugin, the context of its row the struct operation. */
enum cardea_result engine_step(void *self, const struct cardea_step *step, cardea_out *out);

#endif
