#include "channel.h"

#define INS_MANAGE_CHANNEL 0x70
#define INS_SELECT         0xA4
#define INS_GET_RESPONSE   0xC0

#define ANSWER_MAX 65536 /* of one command with all its GET RESPONSE */

uint8_t class_on_channel(uint8_t class, unsigned channel)
{
	bool is_secured;

	if (channel < 4)
		return (uint8_t)((class & ~0x03) | channel);
	is_secured = class & 0x40 ? class & 0x20 : class & 0x0C;
	return (uint8_t)((class & 0x90) | 0x40 | (is_secured ? 0x20 : 0) | (channel - 4));
}

uint16_t answer_status(struct bytes answer)
{
	struct reader r = reader_of(bytes_from(answer, answer.len - 2));

	return read_u16(&r);
}

static enum err transmit(struct se *se, struct arena *arena, struct bytes command, struct bytes *ret_answer)
{
	struct bytes answer;
	enum err err = se_transmit(se, arena, command, &answer);

	if (err != ERR_NONE)
		return err;
	if (answer.len < 2)
		return ERR_MALFORMED;
	*ret_answer = answer;
	return ERR_NONE;
}

/* Case 1 and 3 end without Le. */
static bool has_expected_length(struct bytes command)
{
	return command.len == 5 || (command.len > 5 && command.len == 6u + command.at[4]);
}

/* The command again with the Le that the card asks for. */
static enum err repeat_with_length(struct se *se, struct arena *arena, struct bytes command, uint8_t length,
				   struct bytes *ret_answer)
{
	struct builder b = builder_in(arena);
	struct bytes repeated;
	enum err err;

	build_bytes(&b, bytes_first(command, has_expected_length(command) ? command.len - 1 : command.len));
	build_u8(&b, length);
	err = builder_bytes(&b, &repeated);
	return err == ERR_NONE ? transmit(se, arena, repeated, ret_answer) : err;
}

enum err channel_transmit(struct se *se, struct arena *arena, unsigned channel, struct bytes command,
			  struct bytes *ret_answer)
{
	struct builder addressed = builder_in(arena), whole = builder_in(arena);
	struct bytes apdu, answer;
	enum err err;

	build_u8(&addressed, class_on_channel(command.at[0], channel));
	build_bytes(&addressed, bytes_from(command, 1));
	err = builder_bytes(&addressed, &apdu);
	if (err == ERR_NONE)
		err = transmit(se, arena, apdu, &answer);
	if (err == ERR_NONE && answer_status(answer) >> 8 == 0x6C)
		err = repeat_with_length(se, arena, apdu, answer_status(answer) & 0xFF, &answer);
	while (err == ERR_NONE && answer_status(answer) >> 8 == 0x61 && whole.len < ANSWER_MAX) {
		const uint8_t get_response[] = { class_on_channel(0x00, channel), INS_GET_RESPONSE, 0, 0,
						 answer_status(answer) & 0xFF };
		build_bytes(&whole, bytes_first(answer, answer.len - 2));
		err = transmit(se, arena, bytes_of(get_response, sizeof(get_response)), &answer);
	}
	if (err != ERR_NONE)
		return err;
	build_bytes(&whole, answer);
	return builder_bytes(&whole, ret_answer);
}

static enum err manage_channel(struct se *se, struct arena *arena, unsigned *ret_channel,
			       uint16_t *ret_status)
{
	static const uint8_t open_channel[] = { 0x00, INS_MANAGE_CHANNEL, 0x00, 0x00, 0x01 };
	struct bytes answer;
	enum err err = channel_transmit(se, arena, 0, bytes_of(open_channel, sizeof(open_channel)), &answer);

	if (err != ERR_NONE)
		return err;
	*ret_status = answer_status(answer);
	if (!STATUS_OK(*ret_status))
		return ERR_NONE;
	if (answer.len != 3 || answer.at[0] == 0 || answer.at[0] >= CARD_CHANNELS_MAX)
		return ERR_MALFORMED;
	*ret_channel = answer.at[0];
	return ERR_NONE;
}

static bool is_selected(uint16_t status)
{
	return STATUS_OK(status) || status >> 8 == 0x62 || status >> 8 == 0x63;
}

enum err channel_open(struct se *se, struct arena *arena, struct bytes aid, unsigned *ret_channel,
		      uint16_t *ret_status)
{
	static const uint8_t select_by_name[] = { 0x00, INS_SELECT, 0x04, 0x00 };
	struct builder b = builder_in(arena);
	struct bytes command, answer;
	unsigned channel = 0;
	enum err err = manage_channel(se, arena, &channel, ret_status);

	if (err != ERR_NONE || !STATUS_OK(*ret_status))
		return err;
	build_bytes(&b, bytes_of(select_by_name, sizeof(select_by_name)));
	build_u8(&b, (uint8_t)aid.len);
	build_bytes(&b, aid);
	build_u8(&b, 0x00);
	err = builder_bytes(&b, &command);
	if (err == ERR_NONE)
		err = channel_transmit(se, arena, channel, command, &answer);
	if (err == ERR_NONE)
		*ret_status = answer_status(answer);
	if (err == ERR_NONE && is_selected(*ret_status))
		*ret_channel = channel;
	else
		channel_close(se, arena, channel);
	return err;
}

void channel_close(struct se *se, struct arena *arena, unsigned channel)
{
	const uint8_t close_channel[] = { 0x00, INS_MANAGE_CHANNEL, 0x80, (uint8_t)channel };
	struct bytes answer;

	/* A card that does not answer has no channel either, and its next reset closes all of them. */
	if (se_transmit(se, arena, bytes_of(close_channel, sizeof(close_channel)), &answer) != ERR_NONE)
		return;
}
