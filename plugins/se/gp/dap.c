#include "gp/dap.h"

#include <cardea/tlv.h>

#define TAG_DAP       0xE2
#define TAG_AID       0x4F
#define TAG_SIGNATURE 0xC3

enum err dap_block_parse(struct bytes content, struct dap_block *ret_block, struct fault *fault)
{
	struct reader r = reader_of(content);
	struct dap_block block;
	uint32_t first = 0, second = 0;

	if (!read_tlv(&r, &first, &block.domain) || !read_tlv(&r, &second, &block.signature) ||
	    !reader_done(&r) || first != TAG_AID || second != TAG_SIGNATURE)
		return fault_set(fault, ERR_MALFORMED,
				 "a DAP block is not a security domain (4F) and a signature (C3)");
	if (block.domain.len < 5 || block.domain.len > 16 || block.signature.len == 0)
		return fault_set(fault, ERR_MALFORMED,
				 "a DAP block has an AID of %zu bytes, a signature of %zu", block.domain.len,
				 block.signature.len);
	*ret_block = block;
	return ERR_NONE;
}

void build_dap_block(struct builder *b, const struct dap_block *block)
{
	size_t mark = build_open(b, TAG_DAP);

	build_tlv(b, TAG_AID, block->domain);
	build_tlv(b, TAG_SIGNATURE, block->signature);
	build_close(b, mark);
}

enum err dap_sign(struct arena *arena, const struct signature_key *key, struct bytes domain,
		  struct bytes hash, struct dap_block *ret_block)
{
	struct dap_block block = { .domain = domain };
	enum err err = signature_make(arena, key, hash, &block.signature);

	if (err == ERR_NONE)
		*ret_block = block;
	return err;
}

enum err dap_verify(struct arena *arena, const struct signature_key *key, const struct dap_block *block,
		    struct bytes hash)
{
	return signature_verify(arena, key, hash, block->signature);
}
