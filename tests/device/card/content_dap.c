/* GPCS 2.3.1 9.3.5 load phase and completion, C.2, C.3, C.6: who must have agreed to a load file data block
 */
#include "chip.h"

#include "load_file.h"
#include "signatures.h"

struct opening {
	struct call *call;
	const struct load *load;
	const struct entry *owner; /* the security domain that the load file will belong to */
	struct load_file_parts parts;
	size_t digest_size; /* the shortest that all mechanisms together allow (table C-3) */
};

static bool is_ready(const struct registry *registry, const struct entry *entry)
{
	return entry == registry_isd(registry) || entry->life_cycle == LIFE_PERSONALIZED;
}

static void want_digest(struct opening *opening, const struct card_key *key)
{
	size_t size = key_digest_size(key);
	if (size > opening->digest_size)
		opening->digest_size = size;
}

/* ---- ciphered blocks ---- */

/* Takes off 80 00...; false when it is not there. */
static bool unpad(struct bytes padded, struct bytes *ret_plain)
{
	size_t len = padded.len;
	while (len > 0 && padded.at[len - 1] == 0x00)
		len--;
	if (len == 0 || padded.at[len - 1] != 0x80)
		return false;
	*ret_plain = bytes_first(padded, len - 1);
	return true;
}

static uint16_t block_decipher(struct opening *opening, struct bytes *ret_block)
{
	static const uint8_t zero_icv[AES_BLOCK];
	const struct load_file_parts *parts = &opening->parts;
	const struct card_key *key = entry_key_of_version(opening->owner, CIPHER_KEYS);
	if (key == NULL)
		return SW_CONDITIONS_OF_USE;
	const struct key_component *component = key->components;
	const bool is_aes = component->type == KEY_TYPE_AES;
	const size_t cipher = is_aes ? AES_BLOCK : DES_BLOCK;
	if ((!is_aes && component->type != KEY_TYPE_DES) || parts->block.len % cipher != 0 ||
	    (parts->icv.len != 0 && parts->icv.len != cipher))
		return SW_WRONG_DATA;
	uint8_t *plain = arena_alloc(opening->call->card->registry.arena, parts->block.len + 1);
	if (plain == NULL)
		return SW_MEMORY_FAILURE;
	const uint8_t *icv = parts->icv.len != 0 ? parts->icv.at : zero_icv;
	enum err err = is_aes ? aes_cbc_decrypt(component->value, icv, parts->block, plain)
			      : des3_cbc_decrypt(component->value, icv, parts->block, plain);
	if (err != ERR_NONE || !unpad(bytes_of(plain, parts->block.len), ret_block))
		return SW_WRONG_DATA;
	want_digest(opening, key);
	return SW_SUCCESS;
}

static uint16_t block_open(struct opening *opening, struct bytes *ret_block)
{
	const bool wants_cipher = (opening->owner->privileges & PRIVILEGE_CIPHERED_LOAD_FILE) != 0;
	if (opening->parts.is_ciphered != wants_cipher)
		return SW_CONDITIONS_OF_USE;
	*ret_block = opening->parts.block;
	return wants_cipher ? block_decipher(opening, ret_block) : SW_SUCCESS;
}

/* ---- DAP blocks ---- */

static uint16_t dap_block_verify(struct opening *opening, const struct dap_block *block)
{
	const struct registry *registry = &opening->call->card->registry;
	const struct entry *domain = registry_find(registry, block->domain);
	const struct card_key *key = domain == NULL ? NULL : entry_key_of_version(domain, DAP_KEYS);
	if (key == NULL || (domain->privileges & PRIVILEGE_DAP_VERIFICATION) == 0 ||
	    !is_ready(registry, domain))
		return SW_CONDITIONS_OF_USE;
	want_digest(opening, key);
	/* over the digest that INSTALL [for load] announced, which is that of the block, as is checked next
	 */
	return key_verifies(key, opening->call->card->scratch,
			    bytes_of(opening->load->hash, opening->load->hash_len), block->signature)
		       ? SW_SUCCESS
		       : SW_SECURITY_STATUS;
}

static bool has_dap_block_of(const struct opening *opening, const struct entry *domain)
{
	for (size_t i = 0; i < opening->parts.dap_block_count; i++) {
		if (bytes_equal(opening->parts.dap_blocks[i].domain, aid_bytes(&domain->aid)))
			return true;
	}
	return false;
}

/* Of every security domain that mandates it, and of the owner when it wants it for its own load files. */
static bool has_all_dap_blocks(const struct opening *opening)
{
	const struct registry *registry = &opening->call->card->registry;
	for (const struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		bool is_mandated =
			(entry->privileges & PRIVILEGE_MANDATED_DAP) != 0 && is_ready(registry, entry);
		bool is_of_owner =
			entry == opening->owner && (entry->privileges & PRIVILEGE_DAP_VERIFICATION) != 0;
		if ((is_mandated || is_of_owner) && !has_dap_block_of(opening, entry))
			return false;
	}
	return true;
}

static uint16_t dap_blocks_verify(struct opening *opening)
{
	if (!has_all_dap_blocks(opening))
		return SW_CONDITIONS_OF_USE;
	for (size_t i = 0; i < opening->parts.dap_block_count; i++) {
		uint16_t sw = dap_block_verify(opening, &opening->parts.dap_blocks[i]);
		if (sw != SW_SUCCESS)
			return sw;
	}
	return SW_SUCCESS;
}

/* ---- the digest ---- */

static uint16_t digest_check(const struct opening *opening, struct bytes block)
{
	static const enum digest digests[] = { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };
	const struct load *load = opening->load;
	uint8_t digest[DIGEST_SIZE_MAX];
	if (load->hash_len < opening->digest_size)
		return SW_CONDITIONS_OF_USE; /* none, or too weak a one, with DAP blocks or a cipher */
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]) && load->hash_len != 0; i++) {
		if (digest_size(digests[i]) != load->hash_len)
			continue;
		if (digest_of(digests[i], block, digest) != ERR_NONE)
			return SW_MEMORY_FAILURE;
		if (memcmp(load->hash, digest, load->hash_len) != 0)
			return SW_WRONG_DATA;
	}
	return SW_SUCCESS;
}

uint16_t load_file_open(struct call *call, const struct load *load, struct bytes *ret_block)
{
	struct opening opening = {
		.call = call,
		.load = load,
		.owner = registry_find(&call->card->registry, aid_bytes(&load->security_domain)),
	};
	struct bytes block;
	if (opening.owner == NULL)
		return SW_CONDITIONS_OF_USE; /* deleted meanwhile on another channel */
	if (load_file_split(gathering_bytes(&load->file), &opening.parts) != ERR_NONE)
		return SW_WRONG_DATA;
	if ((opening.parts.dap_block_count > 0 || opening.parts.is_ciphered) && load->hash_len == 0)
		return SW_CONDITIONS_OF_USE;
	uint16_t sw = dap_blocks_verify(&opening);
	if (sw == SW_SUCCESS)
		sw = block_open(&opening, &block);
	if (sw == SW_SUCCESS)
		sw = digest_check(&opening, block);
	if (sw == SW_SUCCESS)
		*ret_block = block;
	return sw;
}
