/* A load file on its way to the card: INSTALL [for load] and LOAD, block by block over as many scripts as it takes. */
#ifndef SE_ENSURE_LOAD_H
#define SE_ENSURE_LOAD_H

#include "engine/batch.h"
#include "package/load_file.h"

/* How far the card has got. */
struct load_progress {
	bool has_begun; /* INSTALL [for load] was taken */
	uint32_t position, blocks;
};

/* Of what the batch shall say which is which. */
struct load_acts {
	unsigned for_load, load;
};

/* Adds what comes next. True when all of the file is in this batch or was before; false when it is full, or the task at
 * its end because the card cannot take so many blocks. */
bool ensure_load_plan(struct batch *batch, const struct load_file *file, const struct load_progress *progress,
		  const struct load_acts *acts);

#endif
