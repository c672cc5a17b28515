/* GPCS 2.3.1 H.2: card data (66) names protocols with their options; 11.3.3.1: key information (E0) */
#include "channel/protocol_choice.h"

#include "channel/channel.h"
#include "channel/key_memory.h"
#include "channel/scp02.h"
#include "channel/scp11_keys.h"
#include "channel/scp80_keys.h"
#include "gp/gp.h"

/* clang-format off */
static const struct choice_row {
	const char *name;
	const struct protocol *protocol;
	enum scp11_variant variant;
} rows[CHOICE_COUNT] = {
	[CHOICE_NONE]   = { "auto",   NULL,            SCP11A },
	[CHOICE_SCP11A] = { "scp11a", &scp11_protocol, SCP11A },
	[CHOICE_SCP03]  = { "scp03",  &scp03_protocol, SCP11A },
	[CHOICE_SCP11C] = { "scp11c", &scp11_protocol, SCP11C },
	[CHOICE_SCP02]  = { "scp02",  &scp02_protocol, SCP11A },
	[CHOICE_SCP11B] = { "scp11b", &scp11_protocol, SCP11B },
	[CHOICE_SCP80]  = { "scp80",  &scp80_protocol, SCP11A },
	[CHOICE_PLAIN]  = { "none",   &plain_protocol, SCP11A },
};
/* clang-format on */

const struct protocol *choice_protocol(enum protocol_choice choice)
{
	return rows[choice].protocol;
}

enum scp11_variant choice_variant(enum protocol_choice choice)
{
	return rows[choice].variant;
}

const char *choice_text(enum protocol_choice choice)
{
	return rows[choice].name;
}

enum protocol_choice choice_of(const char *name)
{
	unsigned i = 0;

	while (i < CHOICE_COUNT && strcmp(rows[i].name, name) != 0)
		i++;
	return (enum protocol_choice)i;
}

/* ---- which keys there are ---- */

static bool has_packet_keys(struct task *task, uint8_t wanted, uint8_t *ret_version)
{
	struct scp80_keyset keyset;

	if (scp80_keyset_read(task, wanted, &keyset, NULL) != ERR_NONE)
		return false;
	*ret_version = keyset.version;
	scp80_keyset_wipe(&keyset);
	return true;
}

/* The version of the key set that this choice would use: the one that is wanted, else the lowest. */
static bool has_keys(struct task *task, enum protocol_choice choice, uint8_t *ret_version)
{
	const uint8_t wanted = channel_wanted_version(task);
	struct cardea_keyset keyset;
	struct scp11_keyset certificates;

	if (choice == CHOICE_PLAIN)
		return task->wanted_protocol == CHOICE_PLAIN;
	if (choice == CHOICE_SCP80)
		return has_packet_keys(task, wanted, ret_version);
	if (rows[choice].protocol != &scp11_protocol) {
		if (channel_keyset(task, rows[choice].protocol->kind, wanted, &keyset) != ERR_NONE)
			return false;
		*ret_version = keyset.version;
		keyset_wipe(&keyset);
		return true;
	}
	if (scp11_keyset_read(task, wanted, &certificates, NULL) != ERR_NONE)
		return false;
	const bool is_offered = (certificates.variants & scp11_variant_bit(rows[choice].variant)) != 0;
	*ret_version = certificates.version;
	scp11_keyset_wipe(&certificates);
	return is_offered;
}

static bool is_candidate(struct task *task, enum protocol_choice choice)
{
	uint8_t version;

	return (task->wanted_protocol == CHOICE_NONE || task->wanted_protocol == choice) &&
	       has_keys(task, choice, &version);
}

static void fail_without_keys(struct task *task)
{
	const uint8_t version = channel_wanted_version(task);
	const char *aid = bytes_to_hex(task->arena, task->key_owner);

	if (version == 0)
		task_break(task, ERR_NOT_FOUND,
			   "no %s key set is stored for security domain %s of this device",
			   task->wanted_protocol == CHOICE_NONE ? "SCP02, SCP03, SCP11 or SCP80"
								: choice_text(task->wanted_protocol),
			   aid);
	else
		task_break(task, ERR_NOT_FOUND,
			   "key set %02X of security domain %s is not stored for this device", version, aid);
}

/* SCP03 is what most cards turn out to speak: its session begins with the questions, unless it can be
 * foreseen as a whole. An INITIALIZE UPDATE that nobody follows does no harm. */
static void prepare_early(struct task *task)
{
	struct kept *kept = &task->kept;
	const uint8_t wanted = kept->key_version;
	uint8_t *challenge = arena_alloc(task->arena, SCP03_SHORT_CHALLENGE);
	uint8_t version;

	if (!is_candidate(task, CHOICE_SCP03) || !has_keys(task, CHOICE_SCP03, &version) ||
	    !task_is_good(task,
			  challenge == NULL ? ERR_NOMEM : random_bytes(challenge, SCP03_SHORT_CHALLENGE)))
		return;
	kept->key_version = version;
	const bool is_foreseen = key_memory_read(task).has_counter;
	kept->key_version = wanted;
	if (is_foreseen)
		return;
	kept->early_version = version;
	kept->host_challenge = bytes_of(challenge, SCP03_SHORT_CHALLENGE);
}

void choice_prepare(struct task *task)
{
	enum protocol_choice first = CHOICE_NONE;
	unsigned count = 0;

	for (unsigned i = CHOICE_NONE + 1; i < CHOICE_COUNT; i++) {
		if (!is_candidate(task, (enum protocol_choice)i))
			continue;
		if (i >= CHOICE_SCP80 && count > 0)
			break;
		first = count++ == 0 ? (enum protocol_choice)i : first;
	}
	if (count == 0)
		fail_without_keys(task);
	else if (count == 1)
		task->kept.choice = first;
	else
		prepare_early(task);
}

/* ---- what the card announces ---- */

static void add_get_data(struct batch *batch, uint16_t tag, enum opening opening)
{
	const struct command command = gp_get_data(tag);

	batch_add_opening(batch, &command, opening, APDU_MAX_RESPONSE);
}

void choice_plan(struct batch *batch)
{
	if (batch->task->kept.announced == 0) /* a body may carry one command only */
		add_get_data(batch, 0x0066, OPENING_CARD_DATA);
	add_get_data(batch, 0x00E0, OPENING_KEY_INFORMATION);
	const struct kept *kept = &batch->task->kept;
	const struct command update = gp_initialize_update(kept->early_version, kept->host_challenge);
	if (kept->early_version != 0)
		batch_add_opening(batch, &update, OPENING_UPDATE, APDU_MAX_RESPONSE);
}

/* One bit per choice; a card that tells nothing of use is taken to have all. */
static uint8_t announced_by(struct task *task, const struct response *response)
{
	const uint8_t all = (uint8_t)((1u << CHOICE_COUNT) - 1);
	struct card_data card;
	uint8_t announced = 1u << CHOICE_NONE; /* it was asked */

	if (!sw_is_success(response->sw) ||
	    card_data_parse(response->data, task->arena, &card, NULL) != ERR_NONE || card.protocol_count == 0)
		return all;
	for (size_t p = 0; p < card.protocol_count; p++) {
		const struct card_protocol *protocol = &card.protocols[p];
		const uint8_t i = protocol->options.len > 0 ? protocol->options.at[0] : 0;
		for (unsigned c = CHOICE_NONE + 1; c < CHOICE_SCP80; c++) {
			const struct choice_row *row = &rows[c];
			if (row->protocol->number != protocol->protocol ||
			    (row->protocol == &scp11_protocol && (i & scp11_variant_bit(row->variant)) == 0))
				continue;
			if (row->protocol == &scp02_protocol && !scp02_option_is_spoken(i))
				continue;
			announced |= (uint8_t)(1u << c);
		}
	}
	return announced;
}

/* The card has a key of this version that is of use: with SCP11 the one that the variant names. */
static bool has_key(const struct key_information *keys, const struct choice_row *row, uint8_t version)
{
	for (size_t i = 0; i < keys->count; i++) {
		const struct key_entry *key = &keys->entries[i];
		if (key->version != version || key->component_count == 0)
			continue;
		if (row->protocol == &scp11_protocol || key->components[0].type == row->protocol->key_type)
			return true;
	}
	return false;
}

static void choose(struct task *task, const struct response *response)
{
	struct key_information keys = { 0 };
	const bool knows_keys = sw_is_success(response->sw) &&
				key_information_parse(response->data, task->arena, &keys, NULL) == ERR_NONE;
	uint8_t version;

	for (unsigned i = CHOICE_NONE + 1; i < CHOICE_SCP80; i++) {
		const enum protocol_choice choice = (enum protocol_choice)i;
		if ((task->kept.announced & 1u << i) == 0 || !is_candidate(task, choice) ||
		    !has_keys(task, choice, &version))
			continue;
		if (knows_keys && !has_key(&keys, &rows[i], version))
			continue;
		task->kept.choice = choice;
		return;
	}
	task_break(task, ERR_UNSUPPORTED,
		   "none of the stored key sets is for a protocol and key version that the card announces");
}

void choice_take(struct task *task, const struct planned *planned, const struct response *response)
{
	if (planned->opening == OPENING_CARD_DATA)
		task->kept.announced = announced_by(task, response);
	else
		choose(task, response);
}

void choice_take_early(struct task *task, const struct planned *planned, const struct response *response)
{
	struct kept *kept = &task->kept;
	uint8_t version = 0;
	const bool is_of_use = kept->choice == CHOICE_SCP03 && has_keys(task, CHOICE_SCP03, &version) &&
			       version == kept->early_version;

	kept->early_version = 0;
	if (is_of_use && response->sw == SW_WRONG_LENGTH)
		kept->is_s16 = true;
	if (!is_of_use || !sw_is_success(response->sw)) {
		kept->host_challenge = bytes_of(NULL, 0);
		return;
	}
	kept->key_version = version;
	if (authentication_is_safe(task) && channel_begin(task))
		rows[CHOICE_SCP03].protocol->take(task, planned, response);
}
