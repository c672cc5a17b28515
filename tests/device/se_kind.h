/* What each kind of Secure Element has to do. For se.c and its kinds only. */
#ifndef DEVICE_SE_KIND_H
#define DEVICE_SE_KIND_H

#include "se.h"

struct se_kind {
	enum err (*transmit)(struct se *se, struct arena *arena, struct bytes command, struct bytes *ret_answer);
	enum err (*reset)(struct se *se);
	struct bytes (*atr)(const struct se *se);
	void (*close)(struct se *se); /* frees it */
};

/* The first member of what a kind keeps. */
struct se {
	const struct se_kind *kind;
};

#endif
