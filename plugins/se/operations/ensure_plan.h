/* What is missing between a card and what se.ensure wants of it, in the order in which it is to be done. */
#ifndef SE_ENSURE_PLAN_H
#define SE_ENSURE_PLAN_H

#include <jansson.h>

#include "gp/gp.h"
#include "operations/ensure_order.h"

#define PLAN_MAX_ACTIONS 128

/* In the order in which they come. */
enum action_kind {
	ACTION_DELETE_APPLICATION,
	ACTION_DELETE_LOAD_FILE,
	ACTION_LOAD,
	ACTION_INSTALL, /* and make selectable, unless it shall only be installed */
	ACTION_UNLOCK,
	ACTION_MAKE_SELECTABLE,
	ACTION_LOCK,
	ACTION_KIND_COUNT
};

struct action {
	enum action_kind kind;
	struct bytes aid;
	const struct wanted_file *file;               /* of LOAD and INSTALL */
	const struct wanted_application *application; /* of what is not deleted or loaded */
	const char *why;                              /* of a deletion */
};

struct plan {
	struct action actions[PLAN_MAX_ACTIONS];
	size_t count;
};

struct card_view {
	struct registry files, applications;
	bool has_resources;
	struct card_resources resources;
};

/* ERR_CONFLICT, ERR_NOT_FOUND, ERR_LIMIT: it cannot be had, for the reason in `fault`. */
MUST_CHECK enum err ensure_plan(struct task *task, const struct ensure *ensure, const struct card_view *card,
				struct plan *ret_plan, struct fault *fault);

/* As operators read it: "action", "aidHex" and what belongs to it. */
json_t *action_json(struct task *task, const struct action *action);

#endif
