#include "channel.h"

#include "seram_table.h"

static const struct {
	const char *name;
	uint8_t level;
} levels[] = {
	{ "auto", 0x00 },
	{ "c-mac", 0x01 },
	{ "c-mac+c-dec", 0x03 },
	{ "c-mac+r-mac", 0x11 },
	{ "c-mac+c-dec+r-mac", 0x13 },
	{ "full", 0x33 },
};

#define LEVEL_COUNT (sizeof(levels) / sizeof(levels[0]))

uint8_t security_level_of(const char *name)
{
	for (size_t i = 0; i < LEVEL_COUNT; i++) {
		if (strcmp(levels[i].name, name) == 0)
			return levels[i].level;
	}
	return 0xFF;
}

const char *security_level_text(uint8_t level)
{
	for (size_t i = 0; i < LEVEL_COUNT; i++) {
		if (levels[i].level == level)
			return levels[i].name;
	}
	return "none";
}

/* ---- keys ---- */

enum err channel_keyset(struct task *task, uint8_t version, struct cardea_keyset *ret_keyset)
{
	return task->plugin->api->keyset(task->out, KEYSET_KIND, task->domain_aid, version, ret_keyset);
}

void keyset_wipe(struct cardea_keyset *keyset)
{
	secret_wipe(&keyset->enc);
	secret_wipe(&keyset->mac);
	secret_wipe(&keyset->dek);
}

static void fail_without_keys(struct task *task, uint8_t version, enum err err)
{
	const char *aid = bytes_to_hex(task->arena, task->domain_aid);

	if (err != ERR_NOT_FOUND)
		task_is_good(task, err);
	else if (version == 0)
		task_break(task, err, "no SCP03 key set is stored for security domain %s of this device",
			   aid);
	else
		task_break(task, err,
			   "SCP03 key set %02X of security domain %s is not stored for this device", version,
			   aid);
}

void channel_prepare(struct task *task)
{
	struct kept *kept = &task->kept;
	const size_t size = kept->is_s16 ? 16 : 8;
	uint8_t wanted =
		kept->key_version != 0 ? kept->key_version : (uint8_t)task_number(task, "keyVersion", 0);
	struct cardea_keyset keyset;
	enum err err = channel_keyset(task, wanted, &keyset);

	if (err != ERR_NONE) {
		fail_without_keys(task, wanted, err);
		return;
	}
	kept->key_version = keyset.version;
	keyset_wipe(&keyset);
	if (++kept->sessions > SERAM_MAX_SESSIONS) {
		task_break(task, ERR_LIMIT, "the secure channel was lost %d times", SERAM_MAX_SESSIONS);
		return;
	}
	uint8_t *challenge = arena_alloc(task->arena, size);
	if (task_is_good(task, challenge == NULL ? ERR_NOMEM : random_bytes(challenge, size)))
		kept->host_challenge = bytes_of(challenge, size);
}

/* The static keys of this card: the operator's, or derived from his with what the card tells. */
static enum err static_keys(struct task *task, struct bytes diversification)
{
	struct cardea_keyset keyset;
	enum err err = channel_keyset(task, task->kept.key_version, &keyset);

	if (err != ERR_NONE) {
		fail_without_keys(task, task->kept.key_version, err);
		return err;
	}
	err = key_diversify(task->diversification, &keyset.enc, KEY_ENC, diversification, &task->keys.enc);
	if (err == ERR_NONE)
		err = key_diversify(task->diversification, &keyset.mac, KEY_MAC, diversification,
				    &task->keys.mac);
	if (err == ERR_NONE)
		err = key_diversify(task->diversification, &keyset.dek, KEY_DEK, diversification,
				    &task->keys.dek);
	keyset_wipe(&keyset);
	if (err != ERR_NONE)
		task_break(task, err, "the keys of set %02X do not suit diversification \"%s\"",
			   task->kept.key_version, task->diversification);
	return err;
}

void channel_restore(struct task *task)
{
	struct kept *kept = &task->kept;
	struct scp03_opening opening;
	struct fault fault = { 0 };

	channel_wipe(task);
	if (kept->channel == CHANNEL_NONE)
		return;
	enum err err = scp03_opening_parse(kept->opening, &opening, &fault);
	if (err == ERR_NONE)
		err = static_keys(task, opening.diversification);
	if (err == ERR_NONE)
		err = scp03_session_open(&task->keys.enc, &task->keys.mac, kept->host_challenge, &opening,
					 &task->session, &fault);
	if (err != ERR_NONE) {
		/* the operator replaced the key set while the session was open */
		task_break(task, err, "the secure channel cannot be continued: %s", fault.text);
		return;
	}
	task->session.level = kept->level;
	task->session.mark = kept->mark;
}

void channel_wipe(struct task *task)
{
	session_wipe(&task->session);
	wipe(&task->keys, sizeof(task->keys));
}

/* ---- opening ---- */

static bool key_set_refused(struct task *task, enum err kind)
{
	return task->operation->key_set_refused != NULL && task->operation->key_set_refused(task, kind);
}

static void choose_level(struct task *task, uint8_t i)
{
	const uint8_t level = task->wanted_level != 0 ? task->wanted_level : scp03_highest_level(i);

	if (scp03_level_is_possible(level, i))
		task->kept.level = level;
	else
		task_break(task, ERR_UNSUPPORTED,
			   "the card (i=%02X) cannot do security level %s; its highest is %s", i,
			   security_level_text(level), security_level_text(scp03_highest_level(i)));
}

/* A card is made for challenges of 8 or of 16 bytes, and says so by refusing the other length. */
static bool try_other_size(struct task *task)
{
	if (task->kept.is_s16)
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

/* The cryptogram already proves the card; a challenge that is not the announced one is worth a remark. */
static void check_pseudo_random(struct task *task, const struct scp03_opening *opening)
{
	uint8_t expected[SCP03_MAX_CHALLENGE];

	if ((opening->i & SCP03_I_PSEUDO_RANDOM) == 0)
		return;
	if (scp03_pseudo_random_challenge(&task->keys.enc, opening->sequence_counter, task->domain_aid,
					  opening->card_challenge.len, expected) == ERR_NONE &&
	    !bytes_equal(opening->card_challenge, bytes_of(expected, opening->card_challenge.len)))
		task->plugin->api->log(
			task->plugin->host, CARDEA_LOG_WARN, "se.card_challenge",
			"endpoint=%s the challenge is not the pseudo-random one of its security domain",
			task->step->endpoint);
}

void channel_take_opening(struct task *task, const struct response *response)
{
	struct kept *kept = &task->kept;
	struct scp03_opening opening;
	struct fault fault = { 0 };

	if (!sw_is_success(response->sw)) {
		refuse_opening(task, response->sw);
		return;
	}
	enum err err = scp03_opening_parse(response->data, &opening, &fault);
	if (err != ERR_NONE) {
		task_break(task, err, "%s", fault.text);
		return;
	}
	if (opening.card_challenge.len != kept->host_challenge.len) {
		if (!try_other_size(task))
			task_break(task, ERR_MALFORMED,
				   "the card answers a challenge of 16 bytes with one of 8");
		return;
	}
	if (opening.key_version != kept->key_version) {
		task_break(task, ERR_MALFORMED, "key version %02X was asked for, the card opens %02X",
			   kept->key_version, opening.key_version);
		return;
	}
	if (static_keys(task, opening.diversification) != ERR_NONE)
		return;
	err = scp03_session_open(&task->keys.enc, &task->keys.mac, kept->host_challenge, &opening,
				 &task->session, &fault);
	if (err != ERR_NONE) {
		if (err != ERR_DENIED || !key_set_refused(task, err))
			task_break(task, err, "%s", fault.text);
		return;
	}
	check_pseudo_random(task, &opening);
	choose_level(task, opening.i);
	kept->opening = response->data;
	kept->mark = (struct session_mark){ 0 };
	kept->channel = CHANNEL_VERIFIED;
}

void channel_take_authentication(struct task *task, const struct response *response)
{
	if (response->sw == SW_OK)
		task->kept.channel = CHANNEL_OPEN;
	else
		task_break(task, ERR_DENIED, "EXTERNAL AUTHENTICATE with key version %02X: %04X %s",
			   task->kept.key_version, response->sw, sw_text(response->sw));
}

void channel_report(struct task *task)
{
	const struct kept *kept = &task->kept;

	task_report(task, "keyVersion", json_integer(kept->key_version));
	task_report(task, "securityLevel", json_string(security_level_text(kept->level)));
	task_report(task, "scripts", json_integer(kept->scripts));
	task_report(task, "sessions", json_integer(kept->sessions));
}
