#include "channel/channel.h"

#include "channel/key_memory.h"
#include "channel/scp03.h"
#include "seram/seram_table.h"

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

uint8_t channel_wanted_version(const struct task *task)
{
	return task->kept.key_version != 0 ? task->kept.key_version
					   : (uint8_t)task_number(task, "keyVersion", 0);
}

enum err channel_keyset(struct task *task, const char *kind, uint8_t version,
			struct cardea_keyset *ret_keyset)
{
	return task->plugin->api->keyset(task->out, kind, task->key_owner, version, ret_keyset);
}

void keyset_wipe(struct cardea_keyset *keyset)
{
	key_wipe(&keyset->enc);
	key_wipe(&keyset->mac);
	key_wipe(&keyset->dek);
}

/* INITIALIZE UPDATE answers with them first; SCP11, and SCP02 with implicit initiation, have none. */
static struct bytes diversification_data(const struct task *task)
{
	return channel_protocol(task) == &scp11_protocol || task->kept.opening.len < SCP03_DIVERSIFICATION
		       ? bytes_of(NULL, 0)
		       : bytes_first(task->kept.opening, SCP03_DIVERSIFICATION);
}

enum err channel_card_keys(struct task *task, const char *kind, uint8_t version, struct key_set *ret_keys)
{
	const struct bytes diversification = diversification_data(task);
	struct cardea_keyset keyset;
	struct key_set keys = { 0 };
	enum err err = channel_keyset(task, kind, version, &keyset);

	if (err != ERR_NONE)
		return err;
	const char *scheme = task->diversification != NULL ? task->diversification : keyset.diversification;
	if (scheme == NULL)
		scheme = "none";
	err = key_diversify(scheme, &keyset.enc, KEY_ENC, diversification, &keys.enc);
	if (err == ERR_NONE)
		err = key_diversify(scheme, &keyset.mac, KEY_MAC, diversification, &keys.mac);
	if (err == ERR_NONE)
		err = key_diversify(scheme, &keyset.dek, KEY_DEK, diversification, &keys.dek);
	if (err == ERR_NONE)
		*ret_keys = keys;
	keyset_wipe(&keyset);
	wipe(&keys, sizeof(keys));
	return err;
}

enum err card_keys_fault(const struct protocol *protocol, uint8_t version, enum err err, struct fault *fault)
{
	static const struct {
		enum err kind;
		const char *text;
	} rows[] = {
		{ ERR_MALFORMED, "do not suit their protocol, or the diversification" },
		{ ERR_NOT_FOUND, "are not stored for this device, or not in the token" },
		{ ERR_DENIED, "cannot leave the token" },
		{ ERR_UNAVAILABLE, "are in a token that does not answer" },
		{ ERR_UNSUPPORTED, "are in a token that cannot compute with them" },
	};
	const char *text = "cannot be used";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		text = rows[i].kind == err ? rows[i].text : text;
	return fault_set(fault, err, "the keys of %s key set %02X %s", protocol->name, version, text);
}

bool key_set_refused(struct task *task, enum err kind)
{
	return task->operation->key_set_refused != NULL && task->operation->key_set_refused(task, kind);
}

/* ---- the channel ---- */

const struct protocol *channel_protocol(const struct task *task)
{
	return choice_protocol(task->kept.choice);
}

bool channel_ciphers_keys(struct task *task)
{
	const bool has_key = task->session.dek.size > 0;

	if (!has_key)
		task_break(task, ERR_UNSUPPORTED, "keys go to a card over SCP02, SCP03 or SCP11, not with protocol %s",
			   choice_text(task->kept.choice));
	return has_key;
}

const struct packets *channel_packets(const struct task *task)
{
	const struct protocol *protocol = channel_protocol(task);

	return protocol != NULL ? protocol->packets : NULL;
}

/* Packets go to the card as a whole, whatever is selected. */
struct bytes channel_target(const struct task *task)
{
	return channel_packets(task) != NULL ? bytes_of(NULL, 0) : task->target;
}

bool channel_begin(struct task *task)
{
	if (++task->kept.sessions > SERAM_MAX_SESSIONS)
		task_break(task, ERR_LIMIT, "the secure channel was lost %d times", SERAM_MAX_SESSIONS);
	return task->kept.ending == ENDING_NONE;
}

void channel_prepare(struct task *task)
{
	if (task->kept.choice == CHOICE_NONE)
		choice_prepare(task);
	if (task->kept.ending != ENDING_NONE || channel_protocol(task) == NULL)
		return;
	task->kept.early_version = 0;
	if (channel_begin(task))
		channel_protocol(task)->prepare(task);
}

void channel_restore(struct task *task)
{
	struct kept *kept = &task->kept;
	struct fault fault = { 0 };

	channel_wipe(task);
	if (kept->channel == CHANNEL_NONE)
		return;
	enum err err = channel_protocol(task)->restore(task, &fault);
	if (err != ERR_NONE) {
		/* the operator replaced the key set while the session was open */
		task_break(task, err, "the secure channel cannot be continued: %s", fault.text);
		return;
	}
	if (kept->channel == CHANNEL_OPEN) {
		task->session.level = kept->level;
		task->session.mark = kept->mark;
		memcpy(task->session.response_chain, kept->response_chain, DES_BLOCK);
	}
}

void channel_wipe(struct task *task)
{
	session_wipe(&task->session);
}

void channel_plan(struct task *task, struct batch *batch)
{
	if (channel_protocol(task) == NULL)
		choice_plan(batch);
	else if (task->kept.channel != CHANNEL_OPEN)
		channel_protocol(task)->plan(task, batch);
}

/* Key information, challenge and cryptogram, sequence counter. */
#define NEXT_ANSWER (SCP03_DIVERSIFICATION + 3 + 2 * SCP03_MAX_CHALLENGE + 3)

void channel_plan_next(struct batch *batch, uint8_t key_version, struct bytes host_challenge)
{
	const struct command update = gp_initialize_update(key_version, host_challenge);

	batch_add_opening(batch, &update, OPENING_NEXT, NEXT_ANSWER);
}

size_t channel_next_challenge_size(const struct task *task)
{
	return task->kept.is_s16 ? SCP03_MAX_CHALLENGE : SCP03_SHORT_CHALLENGE;
}

/* All that comes before the first script of a session, and then its answer. A card that refuses is asked
 * again, in a script of that session, and its answer to that one counts. */
static void take_next(struct task *task, const struct planned *planned, const struct response *response)
{
	struct planned update = *planned;
	struct kept *kept = &task->kept;

	if (kept->channel != CHANNEL_NONE || kept->key_version != planned->plain.p1 ||
	    channel_protocol(task) != &scp03_protocol || !sw_is_success(response->sw) ||
	    !authentication_is_safe(task) || !channel_begin(task))
		return;
	key_memory_forget_counter(task);
	kept->host_challenge = planned->plain.data;
	kept->is_selected = body_of(kept->form)->selects_by_command;
	update.opening = OPENING_UPDATE;
	channel_protocol(task)->take(task, &update, response);
}

void channel_take(struct task *task, const struct planned *planned, const struct response *response)
{
	if (planned->opening == OPENING_NEXT)
		take_next(task, planned, response);
	else if (planned->opening == OPENING_UPDATE && task->kept.early_version != 0)
		choice_take_early(task, planned, response);
	else if (channel_protocol(task) == NULL)
		choice_take(task, planned, response);
	else
		channel_protocol(task)->take(task, planned, response);
}

void channel_report(struct task *task)
{
	const struct kept *kept = &task->kept;

	task_report(task, "protocol", json_string(choice_text(kept->choice)));
	task_report(task, "keyVersion", json_integer(kept->key_version));
	task_report(task, "securityLevel", json_string(security_level_text(kept->level)));
	if (channel_protocol(task) == &scp80_protocol)
		task_report(task, "counter", json_integer((json_int_t)kept->packet_number));
	task_report(task, "scripts", json_integer(kept->scripts));
	task_report(task, "sessions", json_integer(kept->sessions));
}
