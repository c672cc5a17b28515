/* GPCS 2.3.1 6.4 logical channels and selection, 11.7 MANAGE CHANNEL, 11.9 SELECT; ISO 7816-4 GET RESPONSE */
#include "chip.h"
#include "file_system.h"
#include "packets.h"

#include <cardea/tlv.h>

#define SELECT_BY_NAME   0x04
#define SELECT_NEXT      0x02
#define SELECT_FOR_FCP   0x04 /* of an application that has files; others answer as ever */
#define MANAGE_OPEN      0x00
#define MANAGE_CLOSE     0x80
#define IMPLICIT_CONTACT 0x40 /* GPCS 2.3.1 table 11-15 */
#define IMPLICIT_CHANNEL 0x1F

bool is_selected_anywhere(const struct card *card, const struct entry *entry)
{
	for (size_t i = 0; i < CARD_CHANNELS_MAX; i++) {
		if (card->channels[i].is_open && aid_equal(&card->channels[i].selected, &entry->aid))
			return true;
	}
	return false;
}

/* An application session ends: with it all that hangs on the selection. */
static void session_of_application_end(struct channel *channel)
{
	session_end(&channel->session);
	peer_forget(&channel->peer);
	load_end(&channel->load);
	personalization_end(&channel->personalization);
	gathering_end(&channel->chained);
	gathering_end(&channel->answer);
	channel->cursor = (struct status_cursor){ 0 };
	channel->file = 0;
	channel->directory = FILE_NONE;
	channel->is_holder_verified = false;
}

static void channel_close(struct channel *channel)
{
	session_of_application_end(channel);
	*channel = (struct channel){ 0 };
}

/* GPCS 2.3.1 11.11.1: selecting a security domain, on whatever channel, ends its personalization sessions. */
static void channel_select(struct card *card, struct channel *channel, const struct entry *entry)
{
	for (size_t i = 0; i < CARD_CHANNELS_MAX; i++) {
		if (aid_equal(&card->channels[i].selected, &entry->aid))
			personalization_end(&card->channels[i].personalization);
	}
	session_of_application_end(channel);
	channel->is_open = true;
	channel->selected = entry->aid;
	channel->directory = is_uicc(entry) ? FILE_MF : FILE_NONE;
}

/* GPCS 2.3.1 6.4.1 and 6.4.2.1.1 */
static const struct entry *implicit_application(const struct card *card, size_t number)
{
	const struct registry *registry = &card->registry;
	const struct entry *final = registry_holder(registry, PRIVILEGE_FINAL_APPLICATION);
	uint8_t life_cycle = registry_isd(registry)->life_cycle;
	if (life_cycle == CARD_LOCKED || life_cycle == CARD_TERMINATED)
		return final;
	const struct entry *chosen = registry_holder(registry, PRIVILEGE_CARD_RESET);
	if (card->settings.has_uicc && number == 0)
		chosen = registry_find(registry, aid_bytes(&file_usim));
	for (const struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		for (size_t i = 0; i < entry->implicit_selection.len; i++) {
			uint8_t parameter = entry->implicit_selection.at[i];
			if ((parameter & IMPLICIT_CONTACT) != 0 && (parameter & IMPLICIT_CHANNEL) == number)
				chosen = entry;
		}
	}
	return entry_is_selectable(chosen) ? chosen : final;
}

void card_power_down(struct card *card)
{
	for (size_t i = 0; i < CARD_CHANNELS_MAX; i++)
		channel_close(&card->channels[i]);
	channel_close(&card->remote_channels[0]);
	channel_close(&card->remote_channels[1]);
	packets_forget(card);
	card->chain_tar_next = 0;
}

/* A load that goes on in the next packet needs the session to go on, too; files are looked for from the MF in
 * each script that does not continue another. */
struct channel *remote_channel_open(struct card *card, bool is_files, bool is_continued)
{
	const struct registry *registry = &card->registry;
	const struct entry *application =
		is_files ? registry_find(registry, aid_bytes(&file_usim)) : registry_isd(registry);
	struct channel *channel = &card->remote_channels[is_files];
	if (!channel->is_open || !aid_equal(&channel->selected, &application->aid) ||
	    (is_files && !is_continued))
		channel_select(card, channel, application);
	channel->is_remote = true;
	return channel;
}

void card_power_up(struct card *card)
{
	card_power_down(card);
	channel_select(card, &card->channels[0], implicit_application(card, 0));
}

/* ---- SELECT ---- */

static void build_file_control_information(struct builder *b, const struct entry *entry)
{
	const struct data_object *management = entry_object(entry, 0x66);
	size_t fci = build_open(b, 0x6F);
	build_tlv(b, 0x84, aid_bytes(&entry->aid));
	size_t proprietary = build_open(b, 0xA5);
	if (management != NULL)
		build_bytes(b, management->value); /* a template 73 */
	build_tlv_u8(b, 0x9F65, COMMAND_DATA_MAX);
	build_close(b, proprietary);
	build_close(b, fci);
}

static bool is_partial_name(struct bytes name, const struct card_aid *aid)
{
	return name.len <= aid->len && bytes_equal(name, bytes_first(aid_bytes(aid), name.len));
}

/* Applications from load files run once at a time; security domains on as many channels as one likes. */
static bool is_busy(const struct card *card, const struct channel *channel, const struct entry *entry)
{
	return entry->kind == CARD_APPLICATION && !is_uicc(entry) &&
	       !aid_equal(&channel->selected, &entry->aid) && is_selected_anywhere(card, entry);
}

/* The search of 6.4.2.1.2; on failure *ret_sw says why. */
static const struct entry *select_search(const struct call *call, uint16_t *ret_sw)
{
	const struct entry *entry = call->card->registry.entries;
	if (call->command.p2 == SELECT_NEXT)
		entry = call->selected->next;
	*ret_sw = SW_NOT_FOUND;
	for (; entry != NULL; entry = entry->next) {
		if (entry->kind == CARD_LOAD_FILE || !is_partial_name(call->command.data, &entry->aid))
			continue;
		if (entry != registry_isd(&call->card->registry) && !entry_is_selectable(entry))
			continue;
		if (!is_busy(call->card, call->channel, entry))
			return entry;
		*ret_sw = SW_CONDITIONS_OF_USE;
	}
	return NULL;
}

/* CARD_LOCKED and TERMINATED leave one application on the basic channel, and no other channel. */
static uint16_t select_on_locked_card(struct call *call, uint8_t life_cycle)
{
	struct card *card = call->card;
	if (call->channel != &card->channels[0]) {
		channel_close(call->channel);
		return SW_FUNCTION_NOT_SUPPORTED;
	}
	const struct entry *final = registry_holder(&card->registry, PRIVILEGE_FINAL_APPLICATION);
	uint16_t sw;
	const struct entry *wanted =
		call->command.has_lc ? select_search(call, &sw) : registry_isd(&card->registry);
	if (life_cycle == CARD_TERMINATED || wanted != final) {
		if (call->selected != final)
			channel_select(card, call->channel, final);
		return SW_FUNCTION_NOT_SUPPORTED;
	}
	channel_select(card, call->channel, final);
	build_file_control_information(call->answer, final);
	return SW_CARD_IS_LOCKED;
}

uint16_t select_application(struct call *call)
{
	struct card *card = call->card;
	bool wants_parameters = call->command.p2 == SELECT_FOR_FCP;
	if (call->command.p2 != 0 && call->command.p2 != SELECT_NEXT && !wants_parameters)
		return SW_WRONG_P1P2;
	uint8_t life_cycle = registry_isd(&card->registry)->life_cycle;
	if (life_cycle == CARD_LOCKED || life_cycle == CARD_TERMINATED)
		return select_on_locked_card(call, life_cycle);

	uint16_t sw = SW_SUCCESS;
	const struct entry *entry = registry_isd(&card->registry);
	if (call->command.has_lc)
		entry = select_search(call, &sw);
	if (entry == NULL) {
		/* one that was locked while it was selected is given up when it is asked for again */
		bool is_own = is_partial_name(call->command.data, &call->channel->selected);
		if (is_own && (call->selected->life_cycle & LIFE_LOCKED) != 0)
			channel_select(card, call->channel,
				       implicit_application(card, call->command.channel));
		return sw;
	}
	channel_select(card, call->channel, entry);
	if (is_uicc(entry))
		call->channel->directory = FILE_ADF;
	if (wants_parameters && has_files(entry))
		build_file_control_parameters(call->answer, entry, NULL);
	else
		build_file_control_information(call->answer, entry);
	return SW_SUCCESS;
}

/* ---- MANAGE CHANNEL ---- */

static uint16_t channel_open(struct call *call, size_t number)
{
	struct card *card = call->card;
	const struct entry *entry = implicit_application(card, number);
	if (is_busy(card, &card->channels[number], entry))
		return SW_CONDITIONS_OF_USE;
	channel_select(card, &card->channels[number], entry);
	return SW_SUCCESS;
}

static uint16_t channel_open_next(struct call *call)
{
	if (!call->command.has_le)
		return SW_WRONG_LE | 1;
	for (size_t number = 1; number < call->card->settings.channel_count; number++) {
		if (call->card->channels[number].is_open)
			continue;
		build_u8(call->answer, (uint8_t)number);
		return channel_open(call, number);
	}
	return SW_FUNCTION_NOT_SUPPORTED;
}

static uint16_t channel_open_given(struct call *call)
{
	size_t number = call->command.p2;
	if (number >= call->card->settings.channel_count)
		return SW_NO_CHANNEL;
	return call->card->channels[number].is_open ? SW_CONDITIONS_OF_USE : channel_open(call, number);
}

static uint16_t channel_close_given(struct call *call)
{
	size_t number = call->command.p2;
	if (number == 0)
		return SW_WRONG_P1P2; /* the basic channel is always open */
	if (number >= call->card->settings.channel_count)
		return SW_NO_CHANNEL;
	if (!call->card->channels[number].is_open)
		return SW_CHANNEL_ALREADY_CLOSED;
	channel_close(&call->card->channels[number]);
	return SW_SUCCESS;
}

uint16_t manage_channel(struct call *call)
{
	uint8_t life_cycle = registry_isd(&call->card->registry)->life_cycle;
	bool is_locked = life_cycle == CARD_LOCKED || life_cycle == CARD_TERMINATED;
	if (call->command.p1 == MANAGE_CLOSE)
		return channel_close_given(call);
	if (call->command.p1 != MANAGE_OPEN)
		return SW_WRONG_P1P2;
	if (is_locked)
		return SW_FUNCTION_NOT_SUPPORTED;
	return call->command.p2 == 0 ? channel_open_next(call) : channel_open_given(call);
}

/* ---- answers and GET RESPONSE ---- */

static enum err response_build(struct arena *arena, struct bytes data, uint16_t sw,
			       struct bytes *ret_response)
{
	struct builder b = builder_in(arena);
	build_bytes(&b, data);
	build_u16(&b, sw);
	return builder_bytes(&b, ret_response);
}

static uint16_t more_bytes(size_t count)
{
	return (uint16_t)(SW_MORE_BYTES | (count > 255 ? 0 : count));
}

enum err answer_deliver(struct channel *channel, const struct command *command, struct arena *arena,
			struct bytes answer, uint16_t sw, struct bytes *ret_response)
{
	if (answer.len <= command->le)
		return response_build(arena, answer, sw, ret_response);
	if (!command->has_lc && command->has_le && answer.len <= 256)
		return response_build(arena, bytes_of(NULL, 0), (uint16_t)(SW_WRONG_LE | (answer.len & 0xFF)),
				      ret_response);
	enum err err = gathering_add(&channel->answer, answer, ANSWER_MAX);
	if (err != ERR_NONE)
		return err;
	channel->answered = command->le;
	channel->answer_sw = sw;
	return response_build(arena, bytes_first(answer, command->le), more_bytes(answer.len - command->le),
			      ret_response);
}

enum err answer_continue(struct channel *channel, const struct command *command, struct arena *arena,
			 struct bytes *ret_response)
{
	struct bytes nothing = bytes_of(NULL, 0);
	if (command->is_secured)
		return response_build(arena, nothing, SW_NO_SECURE_MESSAGING, ret_response);
	if (!gathering_is_open(&channel->answer))
		return response_build(arena, nothing, SW_CONDITIONS_OF_USE, ret_response);
	struct bytes left = bytes_from(gathering_bytes(&channel->answer), channel->answered);
	if (command->p1 != 0 || command->p2 != 0)
		return response_build(arena, nothing, SW_WRONG_P1P2, ret_response);
	if (command->has_lc)
		return response_build(arena, nothing, SW_WRONG_LENGTH, ret_response);
	if (!command->has_le || (command->le > left.len && command->le < 256))
		return response_build(arena, nothing,
				      (uint16_t)(SW_WRONG_LE | (left.len > 255 ? 0 : left.len)),
				      ret_response);
	struct bytes piece = bytes_first(left, command->le);
	bool is_last = piece.len == left.len;
	enum err err = response_build(
		arena, piece, is_last ? channel->answer_sw : more_bytes(left.len - piece.len), ret_response);
	if (err == ERR_NONE && is_last)
		gathering_end(&channel->answer);
	else if (err == ERR_NONE)
		channel->answered += piece.len;
	return err;
}
