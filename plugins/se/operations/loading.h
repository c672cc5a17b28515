/* A load file on its way to the card: INSTALL [for load] and the LOAD commands after it (GPCS 2.3.1, 9.3.5), with DAP
 * blocks and ciphered where that is asked for. */
#ifndef SE_LOADING_H
#define SE_LOADING_H

#include "operations/delegation.h"
#include "package/load_file.h"

enum { ACT_FOR_LOAD = 100, ACT_LOAD, LOADING_ACTS_END };
enum { LOADING_NOTES_END = NOTE_OTHERS + 2 }; /* of kept.notes: those before are ours */

struct loading {
	const struct load_file *file;
	const struct delegation *delegation;
	struct bytes domain; /* that the load file will belong to; empty: the one that loads it */
	const struct install_parameters *memory;
	bool must_not_cipher;
	/* as they go to the card, once loading_compose has made them */
	bool is_composed;
	struct bytes content, hash;
};

/* In prepare, with file, delegation, domain and memory filled in: the parameters about them. */
MUST_CHECK enum err loading_prepare(struct task *task, struct loading *loading, struct fault *fault);
/* The bytes to be loaded, the same each time. False when the task is at its end. */
bool loading_compose(struct task *task, struct loading *loading);

/* Another load file comes next: what was made for the one before is gone. */
void loading_forget(struct task *task);
/* In a channel of its own: begins with the load file. */
void loading_restart(struct task *task);
/* As many commands as fit. False when not all of them did, or the task is at its end. */
bool loading_plan(struct task *task, struct batch *batch, struct loading *loading);
/* The answer, 9000, to one of them. True when it was the last. */
bool loading_take(struct task *task, struct loading *loading, const struct planned *planned,
		  const struct card_answer *answer);

#endif
