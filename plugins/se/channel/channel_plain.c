/* No secure channel: commands and answers go as they are. For what a card lets anybody do. */
#include "channel/protocol.h"

static void prepare(struct task *task)
{
	task->kept.channel = CHANNEL_OPEN;
	task->kept.level = LEVEL_PLAIN;
}

enum err restore_nothing(struct task *task, struct fault *fault)
{
	return ERR_NONE;
}

size_t plain_data_size(const struct session *session, size_t data_size)
{
	return data_size;
}

enum err wrap_nothing(struct session *session, const struct command *plain, struct arena *arena,
		      struct command *ret_wrapped)
{
	*ret_wrapped = *plain;
	return ERR_NONE;
}

enum err unwrap_nothing(struct session *session, const struct planned *planned,
			const struct response *wrapped, struct arena *arena, struct response *ret_plain,
			struct fault *fault)
{
	*ret_plain = *wrapped;
	return ERR_NONE;
}

const struct protocol plain_protocol = {
	.name = "no secure channel",
	.kind = "",
	.prepare = prepare,
	.restore = restore_nothing,
	.wrapped_data_size = plain_data_size,
	.wrap = wrap_nothing,
	.unwrap = unwrap_nothing,
};
