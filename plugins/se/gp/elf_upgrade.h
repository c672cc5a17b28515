/* MANAGE ELF UPGRADE (GlobalPlatform Amendment H): a load file is exchanged, what was made from it keeps its
 * data. The text was not at hand; all that is known of it stands in elf_upgrade.c. */
#ifndef SE_ELF_UPGRADE_H
#define SE_ELF_UPGRADE_H

#include "gp/apdu.h"

enum upgrade_action {
	UPGRADE_START,
	UPGRADE_RESUME,
	UPGRADE_RECOVERY,
	UPGRADE_ABORT,
	UPGRADE_STATUS,
	UPGRADE_ACTIONS
};

/* What a session needs to go on. */
enum upgrade_need {
	UPGRADE_NEEDS_NOTHING,   /* there is none, or it is completed */
	UPGRADE_NEEDS_LOAD_FILE, /* the new one is to be loaded */
	UPGRADE_NEEDS_RESUME,
	UPGRADE_NEEDS_RECOVERY /* the new one could not take the instances */
};

struct upgrade_session {
	uint8_t status;
	enum upgrade_need need;
	const char *text;       /* "waiting for the load file" */
	struct bytes load_file; /* empty: not told */
};

/* `options` -1: none. Only UPGRADE_START has a load file. */
MUST_CHECK enum err upgrade_command_build(struct arena *arena, enum upgrade_action action,
					  struct bytes load_file, int options, struct command *ret_command);
/* The answer to any of them. ERR_MALFORMED; ERR_UNSUPPORTED for a state that is not known. */
MUST_CHECK enum err upgrade_session_parse(struct bytes answer, struct upgrade_session *ret_session,
					  struct fault *fault);
/* NULL for a number that is not known. */
const char *upgrade_status_text(uint8_t status);

#endif
