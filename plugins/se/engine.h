/* Carries an operation to the card and back: scripts over object 30401, over whatever breaks on the way. */
#ifndef SE_ENGINE_H
#define SE_ENGINE_H

#include "task.h"

enum cardea_result engine_step(const struct se_plugin *plugin, const struct operation *operation,
			       const struct cardea_step *step, cardea_out *out);

#endif
