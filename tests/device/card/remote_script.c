/* ETSI TS 102 226: 5.1 compact and 5.2 expanded remote commands. The commands run one after another as those
 * of somebody who has authenticated, up to the first that fails. */
#include "packets.h"

#include <cardea/tlv.h>

#define COMMANDS            0xAA
#define COMMANDS_INDEFINITE 0xAE
#define ANSWERS             0xAB
#define ANSWERS_INDEFINITE  0xAF
#define COMMAND             0x22
#define ANSWER              0x23
#define IMMEDIATE_ACTION    0x81
#define ERROR_ACTION        0x82
#define CHAINING            0x83
#define EXECUTED            0x80
#define BAD_FORMAT          0x90
#define UNKNOWN_TAG         1
#define WRONG_LENGTH        2
#define LENGTH_NOT_FOUND    3
#define NO_PREVIOUS_SCRIPT  1
#define SUSPENSION_ERROR    1
#define CHAIN_FIRST         0x01
#define CHAIN_FIRST_KEPT    0x11
#define CHAIN_MORE          0x02
#define CHAIN_LAST          0x03
#define INS_GET_RESPONSE    0xC0
#define INS_SELECT          0xA4
#define INS_MANAGE_CHANNEL  0x70

struct run {
	struct card *card;
	const struct packet_target *target;
	struct channel *channel;
	struct bytes answer; /* of the last command */
	uint16_t sw;
	size_t executed;
};

static bool has_failed(uint16_t sw)
{
	const uint8_t sw1 = (uint8_t)(sw >> 8);

	return sw != SW_SUCCESS && sw1 != 0x61 && sw1 != 0x62 && sw1 != 0x63 && sw1 != 0x91;
}

/* Whoever manages applications talks to the security domain, and stays with it. */
static bool is_allowed(const struct packet_target *target, const struct command *command)
{
	return command->channel == 0 && !command->is_secured && command->ins != INS_MANAGE_CHANNEL &&
	       (target->is_files || command->ins != INS_SELECT);
}

static enum err run_command(struct run *run, struct bytes apdu)
{
	struct command command;
	struct bytes answer = { 0 };
	enum err err = ERR_NONE;

	run->executed++;
	run->sw = command_read(apdu, &command);
	if (run->sw == SW_SUCCESS && !is_allowed(run->target, &command))
		run->sw = SW_NO_INSTRUCTION;
	else if (run->sw == SW_SUCCESS)
		err = command_run(run->card, run->channel, &command, &answer, &run->sw);
	run->answer = answer;
	return err;
}

/* ---- compact, 5.1 ---- */

/* Commands with data: P3 is their length. All others end with P3, which is what they ask for. */
static bool takes_data(uint8_t ins)
{
	static const uint8_t list[] = { 0xA4, 0xD6, 0xDC, 0xE0, 0xE4, 0xD4, 0xE6,
					0xE8, 0xD8, 0xE2, 0x20, 0xF0, 0xF2, 0x32 };

	return memchr(list, ins, sizeof(list)) != NULL;
}

static bool next_compact(struct reader *r, struct builder *apdu)
{
	struct bytes header = read_bytes(r, 4);
	const uint8_t p3 = read_u8(r);

	if (r->bad)
		return false;
	build_bytes(apdu, header);
	build_u8(apdu, p3);
	if (takes_data(header.at[1]) && p3 > 0)
		build_bytes(apdu, read_bytes(r, p3));
	return !r->bad;
}

/* What waits for it is the answer of the command before. */
static void get_response(struct run *run, struct bytes waiting, uint8_t le)
{
	run->executed++;
	run->answer = le == 0 ? waiting : bytes_first(waiting, le);
	run->sw = waiting.len == 0 ? SW_CONDITIONS_OF_USE : SW_SUCCESS;
}

static enum err run_compact(struct run *run, struct bytes script, size_t room, struct bytes *ret_answer)
{
	struct reader r = reader_of(script);
	struct builder b = builder_in(run->card->scratch);
	struct bytes waiting = { 0 };
	enum err err = ERR_NONE;

	while (err == ERR_NONE && reader_left(&r) > 0 && !has_failed(run->sw)) {
		struct builder command = builder_in(run->card->scratch);
		struct bytes apdu;
		if (!next_compact(&r, &command)) {
			run->executed++;
			run->answer = bytes_of(NULL, 0);
			run->sw = SW_WRONG_LENGTH;
			break;
		}
		err = builder_bytes(&command, &apdu);
		if (err == ERR_NONE && apdu.at[1] == INS_GET_RESPONSE) {
			get_response(run, waiting, apdu.at[4]);
			continue;
		}
		if (err == ERR_NONE)
			err = run_command(run, apdu);
		waiting = run->answer;
		if (apdu.len > 5 && waiting.len > 0 && run->sw == SW_SUCCESS) {
			run->answer = bytes_of(NULL, 0);
			run->sw = (uint16_t)(SW_MORE_BYTES | (waiting.len > 255 ? 0 : waiting.len));
		}
	}
	build_u8(&b, (uint8_t)run->executed);
	if (3 + run->answer.len > room) {
		run->answer = bytes_first(run->answer, room - 3);
		run->sw = SW_CUT;
	}
	build_u16(&b, run->sw);
	build_bytes(&b, run->answer);
	return err == ERR_NONE ? builder_bytes(&b, ret_answer) : err;
}

/* ---- expanded, 5.2 ---- */

static void build_end(struct builder *b, uint8_t tag, uint8_t value)
{
	build_tlv(b, tag, bytes_of(&value, 1));
}

/* The elements of the template; false with the reason of Bad Format. */
static bool template_open(struct bytes script, struct bytes *ret_elements, uint8_t *ret_bad_format)
{
	struct reader r = reader_of(script);
	uint32_t tag;

	*ret_bad_format = UNKNOWN_TAG;
	if (peek_u8(&r) == COMMANDS_INDEFINITE) {
		read_u8(&r);
		*ret_bad_format = LENGTH_NOT_FOUND;
		if (read_u8(&r) != 0x80 || reader_left(&r) < 2)
			return false;
		*ret_elements = read_bytes(&r, reader_left(&r) - 2);
		return read_u16(&r) == 0;
	}
	if (peek_u8(&r) != COMMANDS)
		return false;
	*ret_bad_format = WRONG_LENGTH;
	return read_tlv(&r, &tag, ret_elements) && reader_done(&r);
}

/* Of a chain the card keeps which application it was for; its own context is the current file. */
static bool chain_take(struct run *run, struct bytes value, uint8_t *ret_error)
{
	struct card *card = run->card;
	const uint8_t link = value.len == 1 ? value.at[0] : 0;
	const bool was_open = card->chain_tar_next == run->target->tar + 1;

	card->chain_tar_next = 0;
	*ret_error = NO_PREVIOUS_SCRIPT;
	if ((link == CHAIN_MORE || link == CHAIN_LAST) && !was_open)
		return false;
	if (link == CHAIN_FIRST || link == CHAIN_FIRST_KEPT || link == CHAIN_MORE)
		card->chain_tar_next = run->target->tar + 1;
	return link == CHAIN_FIRST || link == CHAIN_FIRST_KEPT || link == CHAIN_MORE || link == CHAIN_LAST;
}

/* One element. False when the script ends here; what is to be said of it is in `end`. */
static bool run_element(struct run *run, uint32_t tag, struct bytes value, size_t room,
			struct builder *answers, struct builder *end, enum err *ret_err)
{
	struct builder answer = builder_in(run->card->scratch);
	uint8_t error;

	switch (tag) {
	case COMMAND:
		*ret_err = run_command(run, value);
		if (answers->len + 8 + run->answer.len > room) {
			run->answer = bytes_first(run->answer,
						  room > answers->len + 8 ? room - answers->len - 8 : 0);
			run->sw = SW_CUT;
		}
		build_bytes(&answer, run->answer);
		build_u16(&answer, run->sw);
		build_tlv(answers, ANSWER, bytes_of(answer.at, answer.bad ? 0 : answer.len));
		return *ret_err == ERR_NONE && !has_failed(run->sw) && run->sw != SW_CUT;
	case CHAINING:
		if (run->executed == 0 && chain_take(run, value, &error)) {
			run->executed++;
			return true;
		}
		run->executed++;
		build_end(end, CHAINING, error);
		return false;
	case IMMEDIATE_ACTION:
		run->executed++;
		build_end(end, IMMEDIATE_ACTION,
			  SUSPENSION_ERROR); /* no terminal shows anything for this card */
		return false;
	case ERROR_ACTION:
		run->executed++;
		return true;
	default:
		build_end(end, BAD_FORMAT, UNKNOWN_TAG);
		return false;
	}
}

static enum err run_expanded(struct run *run, struct bytes script, size_t room, struct bytes *ret_answer)
{
	struct builder answers = builder_in(run->card->scratch), end = builder_in(run->card->scratch),
		       b = builder_in(run->card->scratch);
	struct bytes elements = { 0 }, value;
	const bool is_indefinite = script.len > 0 && script.at[0] == COMMANDS_INDEFINITE;
	uint8_t bad_format;
	uint32_t tag;
	enum err err = ERR_NONE;
	const bool is_open = template_open(script, &elements, &bad_format);
	struct reader r = reader_of(elements);

	if (!is_open)
		build_end(&end, BAD_FORMAT, bad_format);
	while (is_open && read_tlv(&r, &tag, &value)) {
		if (!run_element(run, tag, value, room - 10, &answers, &end, &err))
			break;
	}
	if (is_open && r.bad && end.len == 0)
		build_end(&end, BAD_FORMAT, WRONG_LENGTH);
	if (is_indefinite)
		build_u16(&b, ANSWERS_INDEFINITE << 8 | 0x80);
	size_t mark = is_indefinite ? 0 : build_open(&b, ANSWERS);
	if (!is_indefinite)
		build_tlv_u8(&b, EXECUTED, (uint8_t)run->executed);
	build_bytes(&b, bytes_of(answers.at, answers.len));
	build_bytes(&b, bytes_of(end.at, end.len));
	if (is_indefinite)
		build_u16(&b, 0);
	else
		build_close(&b, mark);
	return err == ERR_NONE ? builder_bytes(&b, ret_answer) : err;
}

/* ---- both ---- */

/* The first element says that the script goes on with what the one before left. */
static bool is_continuation(const struct card *card, const struct packet_target *target, struct bytes script)
{
	struct bytes elements, value;
	uint8_t bad_format;
	uint32_t tag;

	if (card->chain_tar_next != target->tar + 1 || !template_open(script, &elements, &bad_format))
		return false;
	struct reader r = reader_of(elements);
	return read_tlv(&r, &tag, &value) && tag == CHAINING && value.len == 1 &&
	       (value.at[0] == CHAIN_MORE || value.at[0] == CHAIN_LAST);
}

enum err remote_script_run(struct card *card, const struct packet_target *target, struct bytes script,
			   const struct secret *key_encryption_key, size_t room, struct bytes *ret_answer)
{
	const bool is_continued = is_continuation(card, target, script);
	struct channel *channel = remote_channel_open(card, target->is_files, is_continued);
	struct run run = { .card = card, .target = target, .channel = channel, .sw = SW_SUCCESS };
	const bool is_expanded =
		script.len > 0 && (script.at[0] == COMMANDS || script.at[0] == COMMANDS_INDEFINITE);

	if (!is_continued)
		card->chain_tar_next = 0;
	channel->session.state = SESSION_OPEN;
	channel->session.is_authenticated = true;
	channel->session.dek = *key_encryption_key;
	channel->session.is_scp02 = false;
	enum err err = is_expanded && target->takes_expanded ? run_expanded(&run, script, room, ret_answer)
							     : run_compact(&run, script, room, ret_answer);
	return err;
}
