#include "operations/loading.h"

#include <cardea/tlv.h>

#include "gp/dap.h"
#include "operations/signing_key.h"

#define TAG_BLOCK          0xC4
#define TAG_ICV            0xD3
#define TAG_CIPHERED_BLOCK 0xD4

/* Places of notes. */
enum { NOTE_DAP_BLOCKS = NOTE_OTHERS, NOTE_ICV, NOTES_END };
_Static_assert((int)NOTES_END == (int)LOADING_NOTES_END, "as the header says");

#define SMALLEST_PART 16 /* bytes: less is not worth a command of its own */

/* kept.position and kept.blocks say how far LOAD is; INSTALL [for load] comes before. */
#define DID_FOR_LOAD (1u << 31)

static const struct {
	const char *name;
	enum digest digest;
} digests[] = {
	{ "sha-1", DIGEST_SHA1 },
	{ "sha-256", DIGEST_SHA256 },
	{ "sha-384", DIGEST_SHA384 },
	{ "sha-512", DIGEST_SHA512 },
};

/* ---- parameters ---- */

enum err loading_prepare(struct task *task, struct loading *loading, struct fault *fault)
{
	enum err err = task_hex(task, "loadFileHashHex", &loading->hash, fault);

	loading->must_not_cipher = !task_flag(task, "mayCipher", true);
	if (err == ERR_NONE && loading->file->form == LOAD_FILE_CIPHERED && loading->hash.len == 0)
		return fault_set(fault, ERR_MALFORMED,
				 "the load file is ciphered: loadFileHashHex must tell its digest");
	return err;
}

/* ---- composing ---- */

struct composing {
	struct task *task;
	struct loading *loading;
	bool has_cipher;
	struct signature_key cipher; /* wiped */
	bool wants_hash;
	enum digest digest;
};

static struct bytes domain_of(const struct composing *c)
{
	return c->loading->domain.len > 0 ? c->loading->domain : c->task->domain_aid;
}

static void want_digest(struct composing *c, enum digest digest)
{
	if (!c->wants_hash || digest_size(digest) > digest_size(c->digest))
		c->digest = digest;
	c->wants_hash = true;
}

/* The key is for load files of one security domain, and its presence says that they are to be ciphered. */
static enum err find_cipher(struct composing *c)
{
	const struct loading *loading = c->loading;
	enum err err = loading->must_not_cipher || loading->file->form == LOAD_FILE_CIPHERED
			       ? ERR_NOT_FOUND
			       : signing_key_read_own(c->task, "load-file-cipher", domain_of(c), &c->cipher);

	c->has_cipher = err == ERR_NONE;
	if (c->has_cipher)
		want_digest(c, signature_digest(&c->cipher));
	return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

/* Of the security domains that the operator names, each with its key: what their digests have to be. */
static enum err find_dap_digests(struct composing *c)
{
	const json_t *names = json_object_get(c->task->params, "dapDomainsHex"), *name;
	struct signature_key key;
	struct bytes aid;
	size_t i;

	json_array_foreach (names, i, name) {
		enum err err = bytes_from_hex(c->task->arena, json_string_value(name), &aid);
		if (err == ERR_NONE)
			err = signing_key_read_own(c->task, "dap", aid, &key);
		if (err == ERR_NOT_FOUND)
			task_break(c->task, err, "no key of kind dap is stored for security domain %s",
				   json_string_value(name));
		if (err != ERR_NONE)
			return err;
		want_digest(c, signature_digest(&key));
		signing_key_wipe(&key);
	}
	return ERR_NONE;
}

static enum err choose_digest(struct composing *c)
{
	const char *wanted = task_text(c->task, "loadFileHash", "auto");

	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
		if (strcmp(digests[i].name, wanted) == 0) {
			c->digest = digests[i].digest;
			c->wants_hash = true;
			return ERR_NONE;
		}
	}
	if (c->loading->file->is_signed)
		want_digest(c, DIGEST_SHA256);
	if (delegation_is_on(c->task, c->loading->delegation))
		want_digest(c, delegation_digest(c->task));
	return ERR_NONE;
}

static enum err make_hash(struct composing *c)
{
	uint8_t digest[DIGEST_SIZE_MAX];

	if (!c->wants_hash || c->loading->file->form == LOAD_FILE_CIPHERED)
		return ERR_NONE;
	enum err err = digest_of(c->digest, c->loading->file->block, digest);
	return err == ERR_NONE ? bytes_copy(c->task->arena, bytes_of(digest, digest_size(c->digest)),
					    &c->loading->hash)
			       : err;
}

static enum err sign_for(struct composing *c, struct bytes aid, struct builder *b)
{
	struct signature_key key;
	struct dap_block block;
	enum err err = signing_key_read_own(c->task, "dap", aid, &key);

	if (err != ERR_NONE)
		return err;
	err = dap_sign(c->task->arena, &key, aid, c->loading->hash, &block);
	signing_key_wipe(&key);
	if (err == ERR_NONE)
		build_dap_block(b, &block);
	return err;
}

/* Once: most signatures are not the same twice. */
static enum err make_dap_blocks(struct composing *c)
{
	const json_t *names = json_object_get(c->task->params, "dapDomainsHex"), *name;
	struct bytes *note = &c->task->kept.notes[NOTE_DAP_BLOCKS];
	struct builder b = builder_in(c->task->arena);
	struct bytes aid;
	enum err err = ERR_NONE;
	size_t i;

	if (note->len > 0)
		return ERR_NONE;
	json_array_foreach (names, i, name) {
		if (err == ERR_NONE)
			err = bytes_from_hex(c->task->arena, json_string_value(name), &aid);
		if (err == ERR_NONE)
			err = sign_for(c, aid, &b);
	}
	return err == ERR_NONE ? builder_bytes(&b, note) : err;
}

/* GPCS C.6: padded with 80 00..., in CBC with an ICV that goes with it. */
static enum err build_ciphered(struct composing *c, struct builder *b)
{
	struct arena *arena = c->task->arena;
	const bool is_des = c->cipher.algorithm == SIGNATURE_DES;
	const size_t size = is_des ? DES_BLOCK : AES_BLOCK;
	struct bytes *icv = &c->task->kept.notes[NOTE_ICV];
	struct builder padded = builder_in(arena);
	uint8_t random[AES_BLOCK];
	struct bytes plain;
	enum err err = ERR_NONE;

	if (icv->len == 0) {
		err = random_bytes(random, size);
		if (err == ERR_NONE)
			err = bytes_copy(arena, bytes_of(random, size), icv);
	}
	build_bytes(&padded, c->loading->file->block);
	build_u8(&padded, 0x80);
	build_zeros(&padded, (size - padded.len % size) % size);
	if (err == ERR_NONE)
		err = builder_bytes(&padded, &plain);
	uint8_t *at = err == ERR_NONE ? arena_alloc(arena, plain.len) : NULL;
	if (err == ERR_NONE && at == NULL)
		err = ERR_NOMEM;
	if (err == ERR_NONE)
		err = is_des ? des3_cbc_encrypt(c->cipher.key, icv->at, plain, at)
			     : aes_cbc_encrypt(c->cipher.key, icv->at, plain, at);
	if (err != ERR_NONE)
		return err;
	build_tlv(b, TAG_ICV, *icv);
	build_tlv(b, TAG_CIPHERED_BLOCK, bytes_of(at, plain.len));
	return ERR_NONE;
}

/* DAP blocks of the package, then ours, then the block. */
static enum err build_content(struct composing *c)
{
	struct loading *loading = c->loading;
	const struct load_file *file = loading->file;
	struct builder b = builder_in(c->task->arena);
	enum err err = ERR_NONE;

	build_bytes(&b, file->dap_blocks);
	build_bytes(&b, c->task->kept.notes[NOTE_DAP_BLOCKS]);
	if (c->has_cipher)
		err = build_ciphered(c, &b);
	else
		build_bytes(&b, bytes_from(file->content, file->dap_blocks.len));
	return err == ERR_NONE ? builder_bytes(&b, &loading->content) : err;
}

/* A package whose DAP block our own key does not confirm would only be refused by the card. */
static enum err check_dap_blocks(struct composing *c)
{
	struct reader r = reader_of(c->loading->file->dap_blocks);
	struct signature_key key;
	struct dap_block block;
	struct bytes content;
	uint32_t tag;

	while (read_tlv(&r, &tag, &content)) {
		if (dap_block_parse(content, &block, NULL) != ERR_NONE ||
		    signing_key_read_own(c->task, "dap", block.domain, &key) != ERR_NONE)
			continue;
		const bool can_verify = key.algorithm == SIGNATURE_DES || key.algorithm == SIGNATURE_AES;
		enum err err =
			can_verify ? dap_verify(c->task->arena, &key, &block, c->loading->hash) : ERR_NONE;
		signing_key_wipe(&key);
		if (err != ERR_NONE) {
			task_break(c->task, ERR_DENIED, "the DAP block of the package for %s does not verify",
				   bytes_to_hex(c->task->arena, block.domain));
			return err;
		}
	}
	return ERR_NONE;
}

bool loading_compose(struct task *task, struct loading *loading)
{
	static enum err (*const steps[])(struct composing * c) = {
		find_cipher,      find_dap_digests, choose_digest, make_hash,
		check_dap_blocks, make_dap_blocks,  build_content,
	};
	struct composing c = { .task = task, .loading = loading, .digest = DIGEST_SHA1 };
	enum err err = ERR_NONE;

	if (loading->is_composed)
		return true;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && err == ERR_NONE; i++)
		err = steps[i](&c);
	signing_key_wipe(&c.cipher);
	if (err != ERR_NONE && task->kept.ending == ENDING_NONE)
		task_break(task, err, "the load file cannot be signed or ciphered with the stored keys");
	loading->is_composed = err == ERR_NONE;
	return loading->is_composed;
}

/* ---- on the way ---- */

void loading_forget(struct task *task)
{
	task->kept.notes[NOTE_DAP_BLOCKS] = task->kept.notes[NOTE_ICV] = bytes_of(NULL, 0);
	task->kept.notes[NOTE_TOKENS + DELEGATED_LOAD] = bytes_of(NULL, 0);
}

void loading_restart(struct task *task)
{
	task->kept.flags &= ~DID_FOR_LOAD;
	task->kept.position = task->kept.blocks = 0;
}

static bool has_too_many_blocks(struct task *task, const struct loading *loading, size_t block_size)
{
	const size_t left = loading->content.len - task->kept.position;
	const size_t blocks = task->kept.blocks + (left + block_size - 1) / block_size;

	if (blocks <= LOAD_MAX_BLOCKS)
		return false;
	task_break(task, ERR_LIMIT, "the load file needs %zu blocks of %zu bytes, a card takes %d", blocks,
		   block_size, LOAD_MAX_BLOCKS);
	return true;
}

/* A whole block, or what the script still has room for, as long as the card has numbers enough for all of
 * them. */
static size_t block_size(const struct batch *batch, size_t left, size_t number)
{
	const size_t size = batch_max_data(batch), room = batch_room(batch);
	const size_t whole = left < size ? left : size;

	if (room >= whole)
		return whole;
	return room >= SMALLEST_PART && number + 1 + (left - room + size - 1) / size <= LOAD_MAX_BLOCKS ? room
													: 0;
}

static bool plan_for_load(struct task *task, struct batch *batch, const struct loading *loading)
{
	struct command command;

	if ((task->kept.flags & DID_FOR_LOAD) != 0)
		return true;
	return task_is_good(task, gp_install_for_load(task->arena, loading->file->aid, loading->domain,
						      loading->hash, loading->memory, &command)) &&
	       delegation_add(batch, loading->delegation, DELEGATED_LOAD, &command, ACT_FOR_LOAD);
}

/* The last block of a delegated load is answered with a confirmation. */
static bool plan_block(struct task *task, struct batch *batch, const struct loading *loading,
		       struct bytes block, size_t number, bool is_last)
{
	const struct command command = gp_load(block, number, is_last);

	return is_last && delegation_is_on(task, loading->delegation)
		       ? batch_add_confirmed_change(batch, &command, ACT_LOAD)
		       : batch_add_change(batch, &command, ACT_LOAD);
}

bool loading_plan(struct task *task, struct batch *batch, struct loading *loading)
{
	if (!loading_compose(task, loading))
		return false;
	size_t position = task->kept.position, number = task->kept.blocks;

	if (position == loading->content.len)
		return true;
	if (has_too_many_blocks(task, loading, batch_max_data(batch)) || !plan_for_load(task, batch, loading))
		return false;
	while (position < loading->content.len) {
		struct bytes block = bytes_from(loading->content, position);
		block = bytes_first(block, block_size(batch, block.len, number));
		position += block.len;
		if (block.len == 0 ||
		    !plan_block(task, batch, loading, block, number++, position == loading->content.len))
			return false;
	}
	return true;
}

bool loading_take(struct task *task, struct loading *loading, const struct planned *planned,
		  const struct card_answer *answer)
{
	struct kept *kept = &task->kept;

	if (planned->what == ACT_FOR_LOAD) {
		kept->flags |= DID_FOR_LOAD;
		return false;
	}
	kept->position += (uint32_t)planned->plain.data.len;
	kept->blocks++;
	task_progress(task, kept->position, loading->content.len);
	if (kept->position < loading->content.len)
		return false;
	const struct receipt_subject subject = {
		.fields = { loading->file->aid,
			    loading->domain.len > 0 ? loading->domain : task->domain_aid },
		.count = 2,
	};
	delegation_take(task, loading->delegation, DELEGATED_LOAD, &subject, answer);
	return true;
}
