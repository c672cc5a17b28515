/* Keys for the management of content that the operator stored: kinds "token", "receipt", "dap", "load-file-cipher". */
#ifndef SE_SIGNING_KEY_H
#define SE_SIGNING_KEY_H

#include "engine/task.h"
#include "gp/signature.h"

/* The one with the lowest version for the security domain `aid`, or one stored for no domain in particular. ERR_NOT_FOUND;
 * ERR_MALFORMED for a document that does not belong here. In the arena, to be wiped. */
MUST_CHECK enum err signing_key_read(struct task *task, const char *kind, struct bytes aid,
				     struct signature_key *ret_key);
/* The same, but only one that names the domain. */
MUST_CHECK enum err signing_key_read_own(struct task *task, const char *kind, struct bytes aid,
					 struct signature_key *ret_key);
/* The one of that version. */
MUST_CHECK enum err signing_key_read_version(struct task *task, const char *kind, struct bytes aid, uint8_t version,
					     struct signature_key *ret_key);
void signing_key_wipe(struct signature_key *key);

#endif
