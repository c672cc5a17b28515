/* Object definitions as XML (LwM2M.xsd, LWM2M-v1_1.xsd), as the OMA registry publishes them. */
#ifndef CARDEA_LWM2M_DDF_H
#define CARDEA_LWM2M_DDF_H

#include "model.h"

/* All objects of the text, in the arena. Nothing outside the text is read: a document type is refused.
 * ERR_MALFORMED names the element, ERR_NOMEM. */
MUST_CHECK enum err ddf_parse(struct arena *arena, struct bytes xml, const struct object_model **ret_objects,
			      size_t *ret_count, struct fault *fault);

#endif
