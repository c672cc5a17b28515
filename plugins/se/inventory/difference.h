/* What is different between two states of an inventory item. */
#ifndef SE_DIFFERENCE_H
#define SE_DIFFERENCE_H

#include <jansson.h>

/* A list of objects, each with what it is about, `change` ("added", "removed", "changed"), `before` and `after`; of
 * something changed only the members that differ. What one of the two does not know is no difference. A new
 * reference; NULL when there is no memory. */
json_t *differences(const json_t *before, const json_t *after);

#endif
