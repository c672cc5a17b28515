/* SCP02 as a channel of a task. */
#include "channel/channel_update.h"
#include "channel/scp02.h"

#define COUNTER_HEADER 0xC102 /* tag and length of the answer to GET DATA C1 */

/* kept->opening is what GET DATA C1 answered. */
static enum err open_implicit(struct task *task, struct fault *fault)
{
	const struct kept *kept = &task->kept;
	struct reader r = reader_of(kept->opening);
	struct key_set keys;
	const uint16_t tag = read_u16(&r);
	const uint16_t counter = read_u16(&r);

	if (!reader_done(&r) || tag != COUNTER_HEADER)
		return fault_set(fault, ERR_MALFORMED,
				 "the card answers GET DATA C1 with %zu bytes, not with a counter of 2",
				 kept->opening.len);
	enum err err = update_card_keys(task, &keys, NULL);
	if (err == ERR_MALFORMED)
		return fault_set(fault, err,
				 "a card with implicit initiation (i=%02X) tells no diversification data: "
				 "key set %02X must be stored with the keys of the card, of 16 bytes",
				 kept->option, kept->key_version);
	if (err != ERR_NONE)
		return card_keys_fault(&scp02_protocol, kept->key_version, err, fault);
	err = scp02_session_begin(&keys, kept->option, counter, task->domain_aid, &task->session, fault);
	wipe(&keys, sizeof(keys));
	return err;
}

static enum err open_scp02(struct task *task, uint8_t *ret_i, uint8_t *ret_version, struct fault *fault)
{
	struct scp02_opening opening;
	struct key_set keys;

	if (scp02_option_is_implicit(task->kept.option)) {
		*ret_i = task->kept.option;
		*ret_version = task->kept.key_version;
		return open_implicit(task, fault);
	}
	enum err err = scp02_opening_parse(task->kept.opening, &opening, fault);

	if (err != ERR_NONE)
		return err;
	*ret_i = opening.i = task->kept.option;
	*ret_version = opening.key_version;
	if (opening.key_version != task->kept.key_version)
		return ERR_NONE;
	err = update_card_keys(task, &keys, fault);
	if (err != ERR_NONE)
		return err;
	err = scp02_session_open(&keys, task->kept.host_challenge, &opening, &task->session, fault);
	wipe(&keys, sizeof(keys));
	return err;
}

/* ---- before the card has said anything ---- */

static enum err expect_scp02(struct task *task, const struct key_memory *memory, struct bytes *ret_opening)
{
	uint8_t challenge[SCP02_CHALLENGE_SIZE], cryptogram[DES_BLOCK];
	struct builder b = builder_in(task->arena);
	struct key_set keys;

	if (memory->next_counter > UINT16_MAX)
		return ERR_LIMIT;
	enum err err = update_card_keys(task, &keys, NULL);
	if (err != ERR_NONE)
		return err;
	err = scp02_opening_expect(&keys, memory->i, task->kept.host_challenge,
				   (uint16_t)memory->next_counter, task->domain_aid, challenge, cryptogram);
	wipe(&keys, sizeof(keys));
	if (err != ERR_NONE)
		return err;
	build_bytes(&b, memory->diversification);
	build_u8(&b, task->kept.key_version);
	build_u8(&b, scp02_protocol.number);
	build_u16(&b, (uint16_t)memory->next_counter);
	build_bytes(&b, bytes_of(challenge, sizeof(challenge)));
	build_bytes(&b, bytes_of(cryptogram, sizeof(cryptogram)));
	return builder_bytes(&b, ret_opening);
}

/* The option may be guessed; the challenge tells. */
static bool foresee_scp02(struct task *task, struct key_memory *memory)
{
	struct scp02_opening opening;
	struct bytes expected;

	if (scp02_opening_parse(task->kept.opening, &opening, NULL) != ERR_NONE)
		return false;
	memory->next_counter = opening.sequence_counter;
	memory->i = task->kept.option;
	memory->diversification = opening.diversification;
	if (expect_scp02(task, memory, &expected) != ERR_NONE || !bytes_equal(expected, task->kept.opening))
		return false;
	memory->next_counter++;
	return true;
}

const struct update_ways scp02_ways = {
	.asks_option = true,
	.is_implicit = scp02_option_is_implicit,
	.open = open_scp02,
	.expect = expect_scp02,
	.foresee = foresee_scp02,
	.authenticate = scp02_authenticate,
	.level_is_possible = scp02_level_is_possible,
	.highest_level = scp02_highest_level,
};

/* ---- messages ---- */

static size_t scp02_size(const struct session *session, size_t data_size)
{
	return scp02_wrapped_data_size(session->level, data_size);
}

static enum err unwrap_scp02(struct session *session, const struct planned *planned,
			     const struct response *wrapped, struct arena *arena, struct response *ret_plain,
			     struct fault *fault)
{
	return scp02_unwrap(session, &planned->plain, wrapped, arena, ret_plain, fault);
}

const struct protocol scp02_protocol = {
	.name = "SCP02",
	.kind = "scp02",
	.number = 0x02,
	.key_type = KEY_TYPE_DES,
	.locks_keys = true,
	.prepare = update_prepare,
	.restore = update_restore,
	.plan = update_plan,
	.take = update_take,
	.wrapped_data_size = scp02_size,
	.wrap = scp02_wrap,
	.unwrap = unwrap_scp02,
	.chains_answers = true,
};
