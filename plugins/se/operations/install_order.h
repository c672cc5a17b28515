/* What se.install is asked for: a load file, from a package or on the card already, and applications from it. */
#ifndef SE_INSTALL_ORDER_H
#define SE_INSTALL_ORDER_H

#include "operations/loading.h"

#define INSTALL_MAX_APPLICATIONS DELEGATED_APPLICATIONS

struct application {
	struct bytes module; /* empty: not told, so it cannot be installed, only made selectable */
	struct bytes instance;
	uint32_t privileges;
	struct install_parameters parameters;
	bool make_selectable;
	struct command install;
	unsigned query;
};

struct install {
	bool has_package;
	struct load_file file;            /* without a package its AID alone */
	struct bytes domain;              /* that the load file comes under; empty: the one that loads it */
	struct install_parameters memory; /* of INSTALL [for load] */
	struct delegation delegation;
	struct loading loading;
	struct application applications[INSTALL_MAX_APPLICATIONS];
	size_t application_count; /* 0: the load file alone */
	unsigned load_files, resources;
};

/* Into the arena, with its queries. */
MUST_CHECK enum err install_read(struct task *task, struct install **ret_install, struct fault *fault);

#endif
