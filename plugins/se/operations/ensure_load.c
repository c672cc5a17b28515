/* GPCS 2.3.1, 11.5.2.3.1 INSTALL [for load], 11.6 LOAD */
#include "operations/ensure_load.h"

static bool has_too_many_blocks(struct task *task, const struct load_file *file,
				const struct load_progress *progress, size_t block_size)
{
	const size_t left = file->content.len - progress->position;
	const size_t blocks = progress->blocks + (left + block_size - 1) / block_size;

	if (blocks <= LOAD_MAX_BLOCKS)
		return false;
	task_break(task, ERR_LIMIT, "the load file needs %zu blocks of %zu bytes, a card takes %d", blocks,
		   block_size, LOAD_MAX_BLOCKS);
	return true;
}

static bool add_for_load(struct batch *batch, const struct load_file *file, unsigned what)
{
	struct task *task = batch->task;
	const struct install_parameters parameters = { .code_bytes = (uint32_t)file->block.len };
	struct command command;
	struct bytes hash = { 0 };
	uint8_t digest[SHA256_SIZE];

	if (file->is_signed && task_is_good(task, sha256(file->block, digest)))
		hash = bytes_of(digest, sizeof(digest));
	return task_is_good(task, gp_install_for_load(task->arena, file->aid, bytes_of(NULL, 0), hash,
						      &parameters, &command)) &&
	       batch_add_change(batch, &command, what);
}

bool ensure_load_plan(struct batch *batch, const struct load_file *file, const struct load_progress *progress,
		      const struct load_acts *acts)
{
	const size_t size = batch_max_data(batch);
	size_t position = progress->position, number = progress->blocks;

	if (has_too_many_blocks(batch->task, file, progress, size))
		return false;
	if (!progress->has_begun && !add_for_load(batch, file, acts->for_load))
		return false;
	while (position < file->content.len) {
		const struct bytes block = bytes_first(bytes_from(file->content, position), size);
		position += block.len;
		struct command command = gp_load(block, number++, position == file->content.len);
		if (!batch_add_change(batch, &command, acts->load))
			return false;
	}
	return true;
}
