/* How a channel opens with INITIALIZE UPDATE and EXTERNAL AUTHENTICATE. The card proves itself first; only
 * then does anything of ours go out. Where the card's challenge is made of a counter that we know, both go in
 * one script, with what the operation wants after them: a card whose counter has moved refuses the second,
 * and then nothing was done. */
#include "channel/channel_update.h"

#include "channel/scp02.h"
#include "channel/scp03.h"
#include "gp/gp.h"

enum err update_card_keys(struct task *task, struct key_set *ret_keys, struct fault *fault)
{
	const uint8_t version = task->kept.key_version;
	enum err err = channel_card_keys(task, channel_protocol(task)->kind, version, ret_keys);

	return err == ERR_NONE ? ERR_NONE : card_keys_fault(channel_protocol(task), version, err, fault);
}

static const struct update_ways *ways_of(const struct task *task)
{
	return channel_protocol(task) == &scp02_protocol ? &scp02_ways : &scp03_ways;
}

static bool make_challenge(struct task *task)
{
	const size_t size = task->kept.is_s16 ? 16 : 8;
	uint8_t *challenge = arena_alloc(task->arena, size);

	if (!task_is_good(task, challenge == NULL ? ERR_NOMEM : random_bytes(challenge, size)))
		return false;
	task->kept.host_challenge = bytes_of(challenge, size);
	return true;
}

static bool is_implicit(const struct task *task)
{
	return ways_of(task)->is_implicit != NULL && ways_of(task)->is_implicit(task->kept.option);
}

static uint8_t level_of(const struct task *task, uint8_t i)
{
	return task->wanted_level != 0 ? task->wanted_level : ways_of(task)->highest_level(i);
}

/* Composes the card's part of the session. A counter that has moved meanwhile costs a failed authentication,
 * so this is only done where one is no harm, and where a body takes more than one command. */
static void expect_card(struct task *task, const struct key_memory *memory)
{
	struct kept *kept = &task->kept;
	const bool is_s16 = ways_of(task)->has_long_challenge && (memory->i & SCP03_I_S16) != 0;
	const uint8_t level = level_of(task, memory->i);

	if (body_of(kept->form)->max_commands == 1 || !memory->has_counter ||
	    memory->protocol != channel_protocol(task)->number ||
	    memory->failures + memory->possible_failures > 0 || !authentication_may_fail(task, memory) ||
	    !ways_of(task)->level_is_possible(level, memory->i))
		return;
	kept->is_s16 = is_s16;
	kept->option = memory->i;
	kept->opening = memory->diversification;
	if (make_challenge(task) && ways_of(task)->expect(task, memory, &kept->opening) == ERR_NONE) {
		kept->level = level;
		kept->mark = (struct session_mark){ 0 };
		kept->channel = CHANNEL_EXPECTED;
	} else {
		task_reopen(task, kept->key_version);
	}
}

void update_prepare(struct task *task)
{
	struct kept *kept = &task->kept;
	struct cardea_keyset keyset;
	const uint8_t wanted = channel_wanted_version(task);
	enum err err = channel_keyset(task, channel_protocol(task)->kind, wanted, &keyset);

	if (err != ERR_NONE) {
		task_break(task, err, "%s key set %02X of security domain %s is not stored for this device",
			   channel_protocol(task)->name, wanted, bytes_to_hex(task->arena, task->key_owner));
		return;
	}
	kept->key_version = keyset.version;
	keyset_wipe(&keyset);
	if (!authentication_is_safe(task))
		return;
	const struct key_memory memory = key_memory_read(task);
	expect_card(task, &memory);
	if (kept->channel == CHANNEL_NONE) {
		kept->option = kept->is_option_asked ? kept->option : SCP02_I_USUAL;
		key_memory_forget_counter(task);
		make_challenge(task);
	}
}

enum err update_restore(struct task *task, struct fault *fault)
{
	uint8_t i, version;

	return ways_of(task)->open(task, &i, &version, fault);
}

void update_plan(struct task *task, struct batch *batch)
{
	const struct kept *kept = &task->kept;
	struct command command = gp_initialize_update(kept->key_version, kept->host_challenge);

	if (kept->channel == CHANNEL_NONE && is_implicit(task)) {
		command = gp_get_data(SCP02_COUNTER_TAG);
		batch_add_opening(batch, &command, OPENING_COUNTER, APDU_MAX_RESPONSE);
		return;
	}
	if (kept->channel == CHANNEL_NONE) {
		const struct command card_data = gp_get_data(0x0066);
		if (ways_of(task)->asks_option && !kept->is_option_asked)
			batch_add_opening(batch, &card_data, OPENING_CARD_DATA, APDU_MAX_RESPONSE);
		batch_add_opening(batch, &command, OPENING_UPDATE, APDU_MAX_RESPONSE);
		return;
	}
	if (kept->channel == CHANNEL_EXPECTED)
		batch_add_opening(batch, &command, OPENING_UPDATE, kept->opening.len);
	if (!task_is_good(task,
			  ways_of(task)->authenticate(&task->session, kept->level, task->arena, &command)))
		return;
	const bool is_added =
		batch_add_opening(batch, &command, OPENING_AUTHENTICATE, command.has_le ? DES_BLOCK : 0);
	/* so nothing of the operation goes before it; nor after a first C-MAC: each more would be another
	 * try */
	if (!is_added || is_implicit(task))
		session_wipe(&task->session);
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
	const uint8_t level = level_of(task, i);

	if (ways->level_is_possible(level, i))
		task->kept.level = level;
	else
		task_break(task, ERR_UNSUPPORTED,
			   "the card (i=%02X) cannot do security level %s; its highest is %s", i,
			   security_level_text(level), security_level_text(ways->highest_level(i)));
}

/* The card's side of a session that was composed before it was asked. What it shows instead may be good as
 * well: it then speaks of another session, which nothing of this script belongs to. */
static void take_expected(struct task *task, const struct response *response)
{
	struct fault fault = { 0 };
	uint8_t i, version;

	if (bytes_equal(response->data, task->kept.opening)) {
		task->kept.channel =
			CHANNEL_VERIFIED; /* EXTERNAL AUTHENTICATE follows, or comes in the next script */
		return;
	}
	task->is_other_counter = true;
	task->kept.opening = response->data;
	session_wipe(&task->session);
	enum err err = ways_of(task)->open(task, &i, &version, &fault);
	if (err == ERR_NONE)
		return;
	if (err == ERR_DENIED)
		authentication_ended(task, AUTHENTICATION_FAILED);
	if (err != ERR_DENIED || !key_set_refused(task, err))
		task_break(task, err, "%s", fault.text);
}

static void take_update(struct task *task, const struct response *response)
{
	struct kept *kept = &task->kept;
	struct fault fault = { 0 };
	uint8_t i, version;

	if (!sw_is_success(response->sw)) {
		authentication_ended(task, AUTHENTICATION_NOT_TRIED);
		refuse_opening(task, response->sw);
		return;
	}
	if (kept->channel == CHANNEL_EXPECTED) {
		take_expected(task, response);
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

static void session_opened(struct task *task, const struct planned *planned)
{
	struct key_memory memory;

	task->kept.mark = planned->mark;
	task->kept.channel = CHANNEL_OPEN;
	scp02_begin_responses(&task->session, &planned->mark);
	memcpy(task->kept.response_chain, task->session.response_chain, DES_BLOCK);
	authentication_ended(task, AUTHENTICATION_SUCCEEDED);
	memory = key_memory_read(task);
	memory.has_counter = ways_of(task)->foresee(task, &memory);
	memory.protocol = channel_protocol(task)->number;
	key_memory_write(task, &memory);
}

/* Nothing of the card is proven, and nothing can be before the first C-MAC. */
static void take_counter(struct task *task, const struct response *response)
{
	struct kept *kept = &task->kept;
	struct fault fault = { 0 };
	uint8_t i, version;

	if (!sw_is_success(response->sw)) {
		task_break(task, sw_kind(response->sw), "GET DATA C1, the sequence counter: %04X %s",
			   response->sw, sw_text(response->sw));
		return;
	}
	kept->opening = response->data;
	enum err err = ways_of(task)->open(task, &i, &version, &fault);
	if (err != ERR_NONE) {
		task_break(task, err, "%s", fault.text);
		return;
	}
	choose_level(task, i);
	kept->mark = (struct session_mark){ 0 };
	kept->channel = CHANNEL_VERIFIED;
}

/* The card refused us for what it had told before: somebody else has used the key set meanwhile. The commands
 * after this one were for a session that does not exist. */
static void counter_has_moved(struct task *task)
{
	authentication_ended(task, AUTHENTICATION_FAILED);
	task->kept.is_unproven = task->kept.was_unproven;
	task->plugin->api->log(task->plugin->host, CARDEA_LOG_INFO, "se.counter_moved",
			       "endpoint=%s key version %02X was used by somebody else", task->step->endpoint,
			       task->kept.key_version);
	task_reopen(task, task->kept.key_version);
}

/* A card that tells nothing, or nothing of SCP02, is taken to have what most have. */
static void take_option(struct task *task, const struct response *response)
{
	struct card_data card;

	task->kept.is_option_asked = true;
	if (!sw_is_success(response->sw) ||
	    card_data_parse(response->data, task->arena, &card, NULL) != ERR_NONE)
		return;
	for (size_t n = 0; n < card.protocol_count; n++) {
		const struct bytes options = card.protocols[n].options;
		if (card.protocols[n].protocol == scp02_protocol.number && options.len > 0 &&
		    scp02_option_is_spoken(options.at[0]))
			task->kept.option = options.at[0];
	}
}

void update_take(struct task *task, const struct planned *planned, const struct response *response)
{
	if (planned->opening == OPENING_CARD_DATA) {
		take_option(task, response);
	} else if (planned->opening == OPENING_COUNTER) {
		take_counter(task, response);
	} else if (planned->opening == OPENING_UPDATE && is_implicit(task)) {
		task_reopen(task, task->kept.key_version); /* it was sent before the card told */
	} else if (planned->opening == OPENING_UPDATE) {
		take_update(task, response);
	} else if (task->is_other_counter && response->sw == SW_OK) {
		task_break(task, ERR_MALFORMED,
			   "the card opens a session that does not belong to the challenge that it gave");
	} else if (task->is_other_counter) {
		counter_has_moved(task);
	} else if (response->sw == SW_OK) {
		session_opened(task, planned);
	} else {
		authentication_ended(task, AUTHENTICATION_FAILED);
		task_break(task, ERR_DENIED, "%s with key version %02X: %04X %s",
			   is_implicit(task) ? "the first C-MAC" : "EXTERNAL AUTHENTICATE",
			   task->kept.key_version, response->sw, sw_text(response->sw));
	}
}
