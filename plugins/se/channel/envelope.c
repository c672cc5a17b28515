/* ETSI TS 102 221 11.2.2 ENVELOPE; TS 102 223 7.3.2 and 8; 3GPP TS 23.040 9.2.3 for the fields of the message
 */
#include "channel/envelope.h"

#include <cardea/tlv.h>

#define CLA_ENVELOPE        0x80
#define INS_ENVELOPE        0xC2
#define TAG_SMS_PP_DOWNLOAD 0xD1
#define TAG_DEVICES         0x82
#define TAG_TPDU            0x8B
#define FROM_NETWORK        0x83
#define TO_UICC             0x81

#define USER_DATA_MAX     140
#define HEADER_OF_ONE     3 /* 02 70 00 */
#define HEADER_OF_FIRST   8 /* 07 00 03 .. .. .. 70 00 */
#define HEADER_OF_FURTHER 6
#define IE_CONCATENATION  0x00
#define IE_COMMAND_PACKET 0x70

#define DELIVER       0x44 /* SMS-DELIVER with a user data header, no more messages wait */
#define USIM_DOWNLOAD 0x7F /* TP-PID */
#define CLASS_2_DATA  0xF6 /* TP-DCS */

/* [ours] Who sends and when: nothing on a card depends on it. */
static const uint8_t origin[] = { 0x05, 0x81, 0x21, 0x43, 0xF5 };
static const uint8_t time_stamp[] = { 0x42, 0x10, 0x10, 0x00, 0x00, 0x00, 0x00 };

size_t envelope_count(size_t packet_bytes)
{
	const size_t first = USER_DATA_MAX - HEADER_OF_FIRST, further = USER_DATA_MAX - HEADER_OF_FURTHER;

	if (packet_bytes <= USER_DATA_MAX - HEADER_OF_ONE)
		return 1;
	return 1 + (packet_bytes - first + further - 1) / further;
}

struct part {
	uint8_t reference;
	size_t number, count; /* from 1 on */
};

static void build_user_data_header(struct builder *b, const struct part *part)
{
	const bool is_first = part->number == 1, is_concatenated = part->count > 1;

	build_u8(b, (uint8_t)((is_concatenated ? 5 : 0) + (is_first ? 2 : 0)));
	if (is_concatenated) {
		build_u8(b, IE_CONCATENATION);
		build_u8(b, 3);
		build_u8(b, part->reference);
		build_u8(b, (uint8_t)part->count);
		build_u8(b, (uint8_t)part->number);
	}
	if (is_first) {
		build_u8(b, IE_COMMAND_PACKET);
		build_u8(b, 0);
	}
}

static size_t header_size(const struct part *part)
{
	if (part->count == 1)
		return HEADER_OF_ONE;
	return part->number == 1 ? HEADER_OF_FIRST : HEADER_OF_FURTHER;
}

static void build_message(struct builder *b, struct bytes piece, const struct part *part)
{
	const uint8_t devices[] = { FROM_NETWORK, TO_UICC };
	size_t download = build_open(b, TAG_SMS_PP_DOWNLOAD);

	build_tlv(b, TAG_DEVICES, bytes_of(devices, sizeof(devices)));
	size_t message = build_open(b, TAG_TPDU);
	build_u8(b, DELIVER);
	build_bytes(b, bytes_of(origin, sizeof(origin)));
	build_u8(b, USIM_DOWNLOAD);
	build_u8(b, CLASS_2_DATA);
	build_bytes(b, bytes_of(time_stamp, sizeof(time_stamp)));
	build_u8(b, (uint8_t)(header_size(part) + piece.len));
	build_user_data_header(b, part);
	build_bytes(b, piece);
	build_close(b, message);
	build_close(b, download);
}

enum err envelope_build(struct arena *arena, struct bytes packet, uint8_t reference,
			struct command ret_commands[static ENVELOPE_MAX_PARTS], size_t *ret_count)
{
	struct part part = { .reference = reference, .count = envelope_count(packet.len) };
	size_t done = 0;

	if (part.count > ENVELOPE_MAX_PARTS)
		return ERR_LIMIT;
	for (part.number = 1; part.number <= part.count; part.number++) {
		struct builder b = builder_in(arena);
		struct bytes piece =
			bytes_first(bytes_from(packet, done), USER_DATA_MAX - header_size(&part));
		struct command command = { .cla = CLA_ENVELOPE, .ins = INS_ENVELOPE, .has_le = true };
		build_message(&b, piece, &part);
		enum err err = builder_bytes(&b, &command.data);
		if (err != ERR_NONE)
			return err;
		ret_commands[part.number - 1] = command;
		done += piece.len;
	}
	*ret_count = part.count;
	return ERR_NONE;
}

/* 9Fxx and 9Exx are of cards before TS 102 221; 62xx and 63xx say that the packet was refused, with a
 * receipt. */
enum envelope_end envelope_end_of(const struct response *response, uint8_t *ret_fetch_le)
{
	const uint8_t sw1 = (uint8_t)(response->sw >> 8);
	const bool is_warning = sw1 == 0x62 || sw1 == 0x63;

	if (response->data.len > 0)
		return ENVELOPE_TAKEN;
	if (sw1 == 0x61 || sw1 == 0x9F || sw1 == 0x9E || is_warning) {
		*ret_fetch_le = is_warning ? 0 : (uint8_t)response->sw;
		return ENVELOPE_FETCH;
	}
	if (response->sw == 0x9300)
		return ENVELOPE_BUSY;
	return response->sw == SW_OK || sw1 == 0x91 ? ENVELOPE_TAKEN : ENVELOPE_REFUSED;
}
