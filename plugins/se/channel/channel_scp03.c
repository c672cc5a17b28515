/* SCP03 as a channel of a task. */
#include "channel/channel_update.h"
#include "channel/scp03.h"

/* The cryptogram already proves the card; a challenge that is not the announced one is worth a remark. */
static void check_pseudo_random(struct task *task, const struct key_set *keys,
				const struct scp03_opening *opening)
{
	uint8_t expected[SCP03_MAX_CHALLENGE];

	if ((opening->i & SCP03_I_PSEUDO_RANDOM) == 0)
		return;
	if (scp03_pseudo_random_challenge(&keys->enc, opening->sequence_counter, task->domain_aid,
					  opening->card_challenge.len, expected) == ERR_NONE &&
	    !bytes_equal(opening->card_challenge, bytes_of(expected, opening->card_challenge.len)))
		task->plugin->api->log(
			task->plugin->host, CARDEA_LOG_WARN, "se.card_challenge",
			"endpoint=%s the challenge is not the pseudo-random one of its security domain",
			task->step->endpoint);
}

static enum err open_scp03(struct task *task, uint8_t *ret_i, uint8_t *ret_version, struct fault *fault)
{
	struct scp03_opening opening;
	struct key_set keys;
	enum err err = scp03_opening_parse(task->kept.opening, &opening, fault);

	if (err != ERR_NONE)
		return err;
	*ret_i = opening.i;
	*ret_version = opening.key_version;
	if (opening.key_version != task->kept.key_version ||
	    opening.card_challenge.len != task->kept.host_challenge.len)
		return ERR_NONE; /* for the caller to say */
	err = update_card_keys(task, &keys, fault);
	if (err != ERR_NONE)
		return err;
	err = scp03_session_open(&keys.enc, &keys.mac, task->kept.host_challenge, &opening, &task->session,
				 fault);
	if (err == ERR_NONE) {
		task->session.dek = keys.dek;
		if (task->kept.channel == CHANNEL_NONE)
			check_pseudo_random(task, &keys, &opening);
	}
	wipe(&keys, sizeof(keys));
	return err;
}

/* ---- before the card has said anything ---- */

#define COUNTER_MAX 0xFFFFFF

static void counter_at(uint32_t counter, uint8_t ret_at[3])
{
	ret_at[0] = (uint8_t)(counter >> 16);
	ret_at[1] = (uint8_t)(counter >> 8);
	ret_at[2] = (uint8_t)counter;
}

static enum err expect_scp03(struct task *task, const struct key_memory *memory, struct bytes *ret_opening)
{
	const size_t size = task->kept.host_challenge.len;
	uint8_t counter[3], challenge[SCP03_MAX_CHALLENGE];
	struct builder b = builder_in(task->arena);
	struct scp03_opening opening = { .card_challenge = bytes_of(challenge, size) };
	struct session session;
	struct key_set keys;

	if (memory->next_counter > COUNTER_MAX)
		return ERR_LIMIT;
	counter_at(memory->next_counter, counter);
	enum err err = update_card_keys(task, &keys, NULL);
	if (err != ERR_NONE)
		return err;
	err = scp03_pseudo_random_challenge(&keys.enc, bytes_of(counter, sizeof(counter)), task->domain_aid,
					    size, challenge);
	if (err == ERR_NONE)
		err = scp03_session_derive(&keys.enc, &keys.mac, task->kept.host_challenge, &opening,
					   &session);
	wipe(&keys, sizeof(keys));
	if (err != ERR_NONE)
		return err;
	build_bytes(&b, memory->diversification);
	build_u8(&b, task->kept.key_version);
	build_u8(&b, scp03_protocol.number);
	build_u8(&b, memory->i);
	build_bytes(&b, opening.card_challenge);
	build_bytes(&b, bytes_of(session.card_cryptogram, size));
	build_bytes(&b, bytes_of(counter, sizeof(counter)));
	session_wipe(&session);
	return builder_bytes(&b, ret_opening);
}

/* A card that gave the challenge of its counter once will do so again. */
static bool foresee_scp03(struct task *task, struct key_memory *memory)
{
	struct scp03_opening opening;
	struct bytes expected;

	if (scp03_opening_parse(task->kept.opening, &opening, NULL) != ERR_NONE ||
	    (opening.i & SCP03_I_PSEUDO_RANDOM) == 0)
		return false;
	struct reader counter = reader_of(opening.sequence_counter);
	memory->next_counter = read_u24(&counter);
	memory->i = opening.i;
	memory->diversification = opening.diversification;
	if (expect_scp03(task, memory, &expected) != ERR_NONE || !bytes_equal(expected, task->kept.opening))
		return false;
	memory->next_counter++;
	return true;
}

const struct update_ways scp03_ways = {
	.open = open_scp03,
	.expect = expect_scp03,
	.foresee = foresee_scp03,
	.authenticate = scp03_authenticate,
	.level_is_possible = scp03_level_is_possible,
	.highest_level = scp03_highest_level,
	.has_long_challenge = true,
};

/* ---- messages ---- */

enum err unwrap_as_scp03(struct session *session, const struct planned *planned,
			 const struct response *wrapped, struct arena *arena, struct response *ret_plain,
			 struct fault *fault)
{
	return scp03_unwrap(session, &planned->mark, wrapped, arena, ret_plain, fault);
}

static size_t scp03_size(const struct session *session, size_t data_size)
{
	return scp03_wrapped_data_size(session->level, session->mac_size, data_size);
}

const struct protocol scp03_protocol = {
	.name = "SCP03",
	.kind = "scp03",
	.number = 0x03,
	.key_type = KEY_TYPE_AES,
	.locks_keys = true,
	.prepare = update_prepare,
	.restore = update_restore,
	.plan = update_plan,
	.take = update_take,
	.wrapped_data_size = scp03_size,
	.wrap = scp03_wrap,
	.unwrap = unwrap_as_scp03,
};
