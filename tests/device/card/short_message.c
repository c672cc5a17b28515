/* ENVELOPE (SMS-PP DOWNLOAD): 3GPP TS 31.111 7.1.1, TS 23.040 9.2.2.1; the user data headers of TS 31.115 4.2
 */
#include "packets.h"

#include <cardea/tlv.h>

#define SMS_PP_DOWNLOAD   0xD1
#define TAG_MASK          0x7F /* without the flag of comprehension */
#define TAG_DEVICES       0x02
#define TAG_ADDRESS       0x06
#define TAG_MESSAGE       0x0B
#define DELIVER_MASK      0x43 /* message type and user data header */
#define DELIVER_WITH_UDH  0x40
#define PID_DOWNLOAD      0x7F
#define USER_DATA_MAX     140
#define IE_CONCATENATION  0x00
#define IE_COMMAND_PACKET 0x70
#define PACKET_MAX        4096

/* The message that a terminal got: from the network, to the card. */
static bool message_find(struct bytes envelope, struct bytes *ret_message)
{
	struct reader r = reader_of(envelope);
	struct bytes content, value;
	uint32_t tag;
	bool has_devices = false, has_message = false;

	if (!read_tlv(&r, &tag, &content) || tag != SMS_PP_DOWNLOAD || !reader_done(&r))
		return false;
	r = reader_of(content);
	while (read_tlv(&r, &tag, &value)) {
		switch (tag & TAG_MASK) {
		case TAG_DEVICES:
			has_devices = value.len == 2 && value.at[0] == 0x83 && value.at[1] == 0x81;
			break;
		case TAG_MESSAGE:
			has_message = true;
			*ret_message = value;
			break;
		case TAG_ADDRESS:
			break;
		default:
			return false;
		}
	}
	return reader_done(&r) && has_devices && has_message;
}

/* 8-bit data of class 2, in either coding. */
static bool is_for_card(uint8_t data_coding)
{
	return data_coding == 0xF6 || data_coding == 0x16;
}

struct message {
	bool is_concatenated, is_command;
	uint8_t reference, count, number;
	struct bytes piece;
};

static bool header_read(struct bytes header, struct message *message)
{
	struct reader r = reader_of(header);

	while (reader_left(&r) > 0) {
		uint8_t id = read_u8(&r);
		struct reader element = reader_of(read_lv(&r));
		if (id == IE_COMMAND_PACKET) {
			message->is_command = true;
		} else if (id == IE_CONCATENATION) {
			message->is_concatenated = true;
			message->reference = read_u8(&element);
			message->count = read_u8(&element);
			message->number = read_u8(&element);
			if (message->number == 0 || message->number > message->count)
				return false;
		}
		if (!reader_done(&element))
			return false;
	}
	return reader_done(&r);
}

static bool message_read(struct bytes bytes, struct message *ret_message)
{
	struct reader r = reader_of(bytes);
	struct message message = { .count = 1, .number = 1 };
	const uint8_t first = read_u8(&r), digits = read_u8(&r);

	read_bytes(&r, 1 + (digits + 1u) / 2);
	const uint8_t protocol = read_u8(&r), coding = read_u8(&r);
	read_bytes(&r, 7); /* time stamp */
	const uint8_t length = read_u8(&r);
	if (r.bad || (first & DELIVER_MASK) != DELIVER_WITH_UDH || protocol != PID_DOWNLOAD ||
	    !is_for_card(coding) || length > USER_DATA_MAX || reader_left(&r) != length)
		return false;
	if (!header_read(read_lv(&r), &message))
		return false;
	message.piece = read_rest(&r);
	*ret_message = message;
	return !r.bad;
}

static void assembly_end(struct assembly *assembly)
{
	gathering_end(&assembly->bytes);
	*assembly = (struct assembly){ 0 };
}

/* In their order, as a terminal gives them. True with the last one. */
static bool assemble(struct assembly *assembly, const struct message *message)
{
	if (message->number == 1 && message->is_command) {
		assembly_end(assembly);
		assembly->reference = message->reference;
		assembly->count = message->count;
	}
	if (message->number != assembly->next + 1u || message->reference != assembly->reference ||
	    message->count != assembly->count ||
	    gathering_add(&assembly->bytes, message->piece, PACKET_MAX) != ERR_NONE) {
		assembly_end(assembly);
		return false;
	}
	assembly->next = message->number;
	return message->number == message->count;
}

void packets_forget(struct card *card)
{
	assembly_end(&card->assembly);
}

static bool is_receiver(const struct card *card)
{
	const struct key_version *version = registry_isd(&card->registry)->key_versions;

	while (version != NULL && version->version > PACKET_KEY_SETS)
		version = version->next;
	return version != NULL;
}

uint16_t envelope(struct call *call)
{
	struct card *card = call->card;
	struct bytes bytes = { 0 }, packet;
	struct message message;

	if (!is_receiver(card))
		return SW_NO_INSTRUCTION;
	if (call->channel != &card->channels[0])
		return SW_NO_CHANNEL;
	if (card->settings.misbehaviour.busy_times > 0) {
		card->settings.misbehaviour.busy_times--;
		return SW_TOOLKIT_BUSY;
	}
	if (!message_find(call->command.data, &bytes) || !message_read(bytes, &message))
		return SW_WRONG_DATA;
	if (!assemble(&card->assembly, &message))
		return SW_SUCCESS;
	enum err err = bytes_copy(card->scratch, gathering_bytes(&card->assembly.bytes), &packet);
	assembly_end(&card->assembly);
	return err == ERR_NONE ? packet_receive(call, packet) : SW_MEMORY_FAILURE;
}
