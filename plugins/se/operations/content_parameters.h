/* Parameters that the operations on the content of a card share: privileges by name, memory, implicit selection,
 * services. All read the JSON object that is task->params. */
#ifndef SE_CONTENT_PARAMETERS_H
#define SE_CONTENT_PARAMETERS_H

#include "engine/task.h"

/* The list `name`; 0 when it is absent. */
MUST_CHECK enum err content_privileges(struct task *task, const char *name, uint32_t *ret_privileges,
				       struct fault *fault);
/* implicitSelection: "contact:0", "both:2" become CF bytes. */
MUST_CHECK enum err content_selection(struct task *task, struct bytes *ret_selection,
				      struct fault *fault);
/* All that an installation may have, but for the code. */
MUST_CHECK enum err content_install_parameters(struct task *task,
					       struct install_parameters *ret_parameters,
					       struct fault *fault);

#endif
