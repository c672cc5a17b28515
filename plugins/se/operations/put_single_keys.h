/* se.put-keys of what is no key set of three: keys of SCP11 with their certificates, and those for tokens, receipts, DAP blocks
 * and load files.
 *
 *   LOOK (key information) -> ACT: PUT KEY, STORE DATA ... -> SEE: key information again
 *
 * Each key that is there already under the new version is replaced by itself, so that ACT can begin anew after a break. That
 * they work shows when they are used first: nothing of the card tells it before. */
#ifndef SE_PUT_SINGLE_KEYS_H
#define SE_PUT_SINGLE_KEYS_H

#include "engine/task.h"

/* What task->operation becomes where single_keys.h knows the kind. */
extern const struct operation put_single_keys_operation;

#endif
