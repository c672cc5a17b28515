/* GPCS 2.3.1, C.4: tokens, by which one security domain lets another change the content of the card. */
#ifndef SE_TOKEN_H
#define SE_TOKEN_H

#include "gp/apdu.h"

/* What the token of a command signs: P1, P2, and its fields as they are without a token. `command` is an INSTALL whose
 * token is empty, or a DELETE. ERR_MALFORMED for anything else. */
MUST_CHECK enum err token_input(struct arena *arena, const struct command *command, struct bytes *ret_input);
/* The one token of a combined load, install and make selectable: `first` announces the load file, `last` installs. */
MUST_CHECK enum err token_input_combined(struct arena *arena, const struct command *first,
					 const struct command *last, struct bytes *ret_input);

/* The command with its token. ERR_LIMIT when it does not fit a short command. */
MUST_CHECK enum err token_attach(struct arena *arena, const struct command *command, struct bytes token,
				 struct command *ret_command);

/* The command, still without a token, with the control reference template (B6) that names the token to come: last of the
 * parameters of an INSTALL, or after the AID of a DELETE. */
MUST_CHECK enum err token_reference_add(struct arena *arena, const struct command *command, struct bytes identifier,
					struct command *ret_command);

#endif
