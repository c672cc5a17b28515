/* What se.ensure is asked for: which load files and applications shall be on the card, and which not. */
#ifndef SE_ENSURE_ORDER_H
#define SE_ENSURE_ORDER_H

#include "engine/task.h"
#include "package/load_file.h"

#define ENSURE_MAX_FILES        8
#define ENSURE_MAX_APPLICATIONS 8 /* of one load file */
#define ENSURE_MAX_ABSENT       16

enum wanted_state { WANT_SELECTABLE, WANT_INSTALLED, WANT_LOCKED };

struct wanted_application {
	struct bytes module, aid;
	bool has_privileges;
	uint32_t privileges;
	struct install_parameters parameters;
	enum wanted_state state;
};

struct wanted_file {
	const char *package_id; /* NULL: it must be on the card already */
	struct bytes aid;
	bool has_version;
	uint8_t major, minor;
	uint64_t bytes; /* of its code */
	struct wanted_application applications[ENSURE_MAX_APPLICATIONS];
	size_t application_count;
};

struct ensure {
	struct wanted_file files[ENSURE_MAX_FILES];
	size_t file_count;
	struct bytes absent[ENSURE_MAX_ABSENT];
	size_t absent_count;
	bool removes_instances, is_plan;
	unsigned modules, load_files, applications, resources; /* queries */
};

/* Into the arena, with its queries. */
MUST_CHECK enum err ensure_read(struct task *task, struct ensure **ret_ensure, struct fault *fault);

/* The load file of a package that the job has. */
MUST_CHECK enum err ensure_load_file(struct task *task, const struct wanted_file *wanted,
				     struct load_file *ret_file, struct fault *fault);

bool ensure_is_absent(const struct ensure *ensure, struct bytes aid);
/* The wanted application with that AID; NULL when there is none. */
const struct wanted_application *ensure_application(const struct ensure *ensure, struct bytes aid);

#endif
