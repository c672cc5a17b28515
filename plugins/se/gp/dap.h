/* GPCS 2.3.1, 11.6.2.3 and C.3: the signatures of a load file that security domains on the card ask for. */
#ifndef SE_DAP_H
#define SE_DAP_H

#include "gp/signature.h"

struct dap_block {
	struct bytes domain, signature;
};

/* The content of one E2. */
MUST_CHECK enum err dap_block_parse(struct bytes content, struct dap_block *ret_block, struct fault *fault);
/* A whole E2. */
void build_dap_block(struct builder *b, const struct dap_block *block);

/* `hash` is that of the load file data block, as INSTALL [for load] tells it. */
MUST_CHECK enum err dap_sign(struct arena *arena, const struct signature_key *key, struct bytes domain,
			     struct bytes hash, struct dap_block *ret_block);
MUST_CHECK enum err dap_verify(struct arena *arena, const struct signature_key *key,
			       const struct dap_block *block, struct bytes hash);

#endif
