/* What the card has of what se.install wants of it. */
#ifndef SE_INSTALL_LOOK_H
#define SE_INSTALL_LOOK_H

#include "gp/gp.h"
#include "operations/install_order.h"

struct install_seen {
	const struct registry_entry *file; /* NULL: it is not there */
	const struct registry_entry *instances[INSTALL_MAX_APPLICATIONS];
};

/* After the look. False when the task is at its end. */
bool install_see(struct task *task, struct install_seen *ret_seen);
/* Something is in the way, or missing for good: the task fails. */
bool install_is_impossible(struct task *task, const struct install_seen *seen);
/* One of the applications is there, from another load file. */
bool install_has_foreign(const struct install *install, const struct install_seen *seen);

enum install_need { NEEDS_INSTALL = 1 << 1, NEEDS_SELECT = 1 << 2 };
/* The first application for which something is to be done; their number when there is none. */
size_t install_find_due(const struct install *install, const struct install_seen *seen, unsigned *ret_need);

/* Where the card tells what it has, what cannot fit is not begun: the task fails. */
bool install_has_room(struct task *task, const struct install_seen *seen);
/* Reports what the card told about its memory last, if it did. */
void install_tell_memory(struct task *task, const char *name);

/* For reasons; "?" when there is no memory. */
const char *install_hex(struct task *task, struct bytes bytes);

#endif
