/* GPCS 2.3.1 11.6.2.3 load file structure, and the CAP file components inside (Java Card VM specification,
 * chapter 6). */
#ifndef CARD_LOAD_FILE_H
#define CARD_LOAD_FILE_H

#include "registry.h"

#define DAP_BLOCKS_MAX 8

struct dap_block {
	struct bytes domain, signature;
};

/* The whole, taken apart. */
struct load_file_parts {
	struct dap_block dap_blocks[DAP_BLOCKS_MAX];
	size_t dap_block_count;
	bool is_ciphered;
	struct bytes icv; /* D3; empty: zero */
	struct bytes block; /* as it came */
};

/* What a load file data block makes. */
struct load_file {
	struct bytes block; /* load file data block */
	struct card_aid package;
	uint16_t version;
	struct aid_item *modules, *imports;
};

/* How long the whole will be, as soon as its beginning tells: 0 before; and the load file data block in the clear, at
 * least. ERR_MALFORMED when it is no load file. */
MUST_CHECK enum err load_file_length(struct bytes beginning, size_t *ret_length, size_t *ret_block_length);

/* ERR_MALFORMED. */
MUST_CHECK enum err load_file_split(struct bytes file, struct load_file_parts *ret_parts);

/* A load file data block in the clear; lists are in `arena`. ERR_MALFORMED, ERR_NOMEM. */
MUST_CHECK enum err load_file_read(struct bytes block, struct arena *arena, struct load_file *ret_file);

#endif
