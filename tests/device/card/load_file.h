/* GPCS 2.3.1 11.6.2.3 load file structure, and the CAP file components inside (Java Card VM specification,
 * chapter 6). */
#ifndef CARD_LOAD_FILE_H
#define CARD_LOAD_FILE_H

#include "registry.h"

struct load_file {
	struct bytes block; /* load file data block */
	struct card_aid package;
	uint16_t version;
	struct aid_item *modules, *imports;
};

/* How long the whole will be, as soon as its beginning tells: 0 before. ERR_MALFORMED when it is no load
 * file, ERR_UNSUPPORTED for a ciphered one or one with DAP blocks. */
MUST_CHECK enum err load_file_length(struct bytes beginning, size_t *ret_length, size_t *ret_block_length);

/* The whole; lists are in `arena`. ERR_MALFORMED, ERR_NOMEM. */
MUST_CHECK enum err load_file_read(struct bytes file, struct arena *arena, struct load_file *ret_file);

#endif
