/* Channels that open with INITIALIZE UPDATE and EXTERNAL AUTHENTICATE: SCP02 and SCP03. The card proves
 * itself first; only then does anything of ours go out. */
#include "channel/channel.h"

#include "channel/key_memory.h"
#include "channel/scp02.h"
#include "channel/scp03.h"

/* Where the two differ. */
struct update_ways {
	/* The session of kept->opening and kept->host_challenge; *ret_i: what levels the card can do. */
	enum err (*open)(struct task *task, uint8_t *ret_i, uint8_t *ret_version, struct fault *fault);
	enum err (*authenticate)(struct session *session, uint8_t level, struct arena *arena,
				 struct command *ret_command);
	bool (*level_is_possible)(uint8_t level, uint8_t i);
	uint8_t (*highest_level)(uint8_t i);
	bool has_long_challenge; /* of 16 bytes too */
};

/* ---- SCP03 ---- */

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

static enum err card_keys(struct task *task, struct key_set *ret_keys, struct fault *fault)
{
	const uint8_t version = task->kept.key_version;
	enum err err = channel_card_keys(task, channel_protocol(task)->kind, version, ret_keys);

	return err == ERR_NONE ? ERR_NONE : card_keys_fault(channel_protocol(task), version, err, fault);
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
	err = card_keys(task, &keys, fault);
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

static const struct update_ways scp03_ways = {
	.open = open_scp03,
	.authenticate = scp03_authenticate,
	.level_is_possible = scp03_level_is_possible,
	.highest_level = scp03_highest_level,
	.has_long_challenge = true,
};

/* ---- SCP02 ---- */

static enum err open_scp02(struct task *task, uint8_t *ret_i, uint8_t *ret_version, struct fault *fault)
{
	struct scp02_opening opening;
	struct key_set keys;
	enum err err = scp02_opening_parse(task->kept.opening, &opening, fault);

	if (err != ERR_NONE)
		return err;
	*ret_i = 0;
	*ret_version = opening.key_version;
	if (opening.key_version != task->kept.key_version)
		return ERR_NONE;
	err = card_keys(task, &keys, fault);
	if (err != ERR_NONE)
		return err;
	err = scp02_session_open(&keys, task->kept.host_challenge, &opening, &task->session, fault);
	wipe(&keys, sizeof(keys));
	return err;
}

static bool scp02_level_with(uint8_t level, uint8_t i)
{
	return i == 0 && scp02_level_is_possible(level);
}

static uint8_t scp02_highest_level(uint8_t i)
{
	return i == 0 ? LEVEL_C_MAC | LEVEL_C_DEC : LEVEL_C_MAC;
}

static const struct update_ways scp02_ways = {
	.open = open_scp02,
	.authenticate = scp02_authenticate,
	.level_is_possible = scp02_level_with,
	.highest_level = scp02_highest_level,
};

/* ---- what both do ---- */

static const struct update_ways *ways_of(const struct task *task)
{
	return channel_protocol(task) == &scp02_protocol ? &scp02_ways : &scp03_ways;
}

static void prepare(struct task *task)
{
	struct kept *kept = &task->kept;
	const size_t size = kept->is_s16 ? 16 : 8;
	struct cardea_keyset keyset;
	const uint8_t wanted = channel_wanted_version(task);
	enum err err = channel_keyset(task, channel_protocol(task)->kind, wanted, &keyset);

	if (err != ERR_NONE) {
		task_break(task, err, "%s key set %02X of security domain %s is not stored for this device",
			   channel_protocol(task)->name, wanted, bytes_to_hex(task->arena, task->domain_aid));
		return;
	}
	kept->key_version = keyset.version;
	keyset_wipe(&keyset);
	if (!authentication_is_safe(task))
		return;
	uint8_t *challenge = arena_alloc(task->arena, size);
	if (task_is_good(task, challenge == NULL ? ERR_NOMEM : random_bytes(challenge, size)))
		kept->host_challenge = bytes_of(challenge, size);
}

static enum err restore(struct task *task, struct fault *fault)
{
	uint8_t i, version;

	return ways_of(task)->open(task, &i, &version, fault);
}

static void plan(struct task *task, struct batch *batch)
{
	struct command command;

	if (task->kept.channel == CHANNEL_NONE) {
		command = gp_initialize_update(task->kept.key_version, task->kept.host_challenge);
		batch_add_opening(batch, &command, OPENING_UPDATE, APDU_MAX_RESPONSE);
		return;
	}
	if (task_is_good(task, ways_of(task)->authenticate(&task->session, task->kept.level, task->arena,
							   &command)))
		batch_add_opening(batch, &command, OPENING_AUTHENTICATE, 32);
}

/* A card is made for challenges of 8 or of 16 bytes, and says so by refusing the other length. */
static bool try_other_size(struct task *task)
{
	if (task->kept.is_s16 || !ways_of(task)->has_long_challenge)
		return false;
	task->kept.is_s16 = true;
	task_reopen(task, task->kept.key_version);
	return true;
}

static void refuse_opening(struct task *task, uint16_t sw)
{
	const uint8_t version = task->kept.key_version;

	if (sw == SW_WRONG_LENGTH && try_other_size(task))
		return;
	if (sw == SW_NO_SUCH_DATA && key_set_refused(task, ERR_NOT_FOUND))
		return;
	if (sw == SW_NO_SUCH_DATA)
		task_break(task, ERR_NOT_FOUND, "the card has no key version %02X", version);
	else
		task_break(task, sw_kind(sw), "INITIALIZE UPDATE with key version %02X: %04X %s", version, sw,
			   sw_text(sw));
}

static void choose_level(struct task *task, uint8_t i)
{
	const struct update_ways *ways = ways_of(task);
	const uint8_t level = task->wanted_level != 0 ? task->wanted_level : ways->highest_level(i);

	if (ways->level_is_possible(level, i))
		task->kept.level = level;
	else
		task_break(task, ERR_UNSUPPORTED,
			   "the card (i=%02X) cannot do security level %s; its highest is %s", i,
			   security_level_text(level), security_level_text(ways->highest_level(i)));
}

static void take_update(struct task *task, const struct response *response)
{
	struct kept *kept = &task->kept;
	struct fault fault = { 0 };
	uint8_t i, version;

	if (!sw_is_success(response->sw)) {
		refuse_opening(task, response->sw);
		return;
	}
	kept->opening = response->data;
	enum err err = ways_of(task)->open(task, &i, &version, &fault);
	if (err == ERR_DENIED)
		authentication_ended(task, AUTHENTICATION_FAILED);
	if (err != ERR_NONE) {
		if (err != ERR_DENIED || !key_set_refused(task, err))
			task_break(task, err, "%s", fault.text);
	} else if (version != kept->key_version) {
		task_break(task, ERR_MALFORMED, "key version %02X was asked for, the card opens %02X",
			   kept->key_version, version);
	} else if (task->session.mac_size == 0) {
		if (!try_other_size(task))
			task_break(task, ERR_MALFORMED,
				   "the card answers a challenge of 16 bytes with one of 8");
	} else {
		choose_level(task, i);
		kept->mark = (struct session_mark){ 0 };
		kept->channel = CHANNEL_VERIFIED;
	}
}

static void take(struct task *task, const struct planned *planned, const struct response *response)
{
	if (planned->opening == OPENING_UPDATE) {
		take_update(task, response);
	} else if (response->sw == SW_OK) {
		task->kept.mark = planned->mark;
		task->kept.channel = CHANNEL_OPEN;
		authentication_ended(task, AUTHENTICATION_SUCCEEDED);
	} else {
		authentication_ended(task, AUTHENTICATION_FAILED);
		task_break(task, ERR_DENIED, "EXTERNAL AUTHENTICATE with key version %02X: %04X %s",
			   task->kept.key_version, response->sw, sw_text(response->sw));
	}
}

/* ---- messages ---- */

static size_t scp02_size(const struct session *session, size_t data_size)
{
	return scp02_wrapped_data_size(session->level, data_size);
}

static size_t scp03_size(const struct session *session, size_t data_size)
{
	return scp03_wrapped_data_size(session->level, session->mac_size, data_size);
}

/* Without R-MAC an answer is as the card sent it. */
static enum err scp02_unwrap(const struct session *session, const struct session_mark *mark,
			     const struct response *wrapped, struct arena *arena, struct response *ret_plain,
			     struct fault *fault)
{
	(void)session, (void)mark, (void)arena, (void)fault;
	*ret_plain = *wrapped;
	return ERR_NONE;
}

const struct protocol scp02_protocol = {
	.name = "SCP02",
	.kind = "scp02",
	.number = 0x02,
	.key_type = KEY_TYPE_DES,
	.locks_keys = true,
	.prepare = prepare,
	.restore = restore,
	.plan = plan,
	.take = take,
	.wrapped_data_size = scp02_size,
	.wrap = scp02_wrap,
	.unwrap = scp02_unwrap,
};

const struct protocol scp03_protocol = {
	.name = "SCP03",
	.kind = "scp03",
	.number = 0x03,
	.key_type = KEY_TYPE_AES,
	.locks_keys = true,
	.prepare = prepare,
	.restore = restore,
	.plan = plan,
	.take = take,
	.wrapped_data_size = scp03_size,
	.wrap = scp03_wrap,
	.unwrap = scp03_unwrap,
};
