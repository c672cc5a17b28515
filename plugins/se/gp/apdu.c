/* ISO/IEC 7816-4, 5.1 command-response pairs; GPCS 2.3.1, 11.1 and tables of chapter 11 */
#include "gp/apdu.h"

#include <cardea/tlv.h>

enum err command_parse(struct bytes apdu, struct command *ret_command, struct fault *fault)
{
	struct reader r = reader_of(apdu);
	struct command command = {
		.cla = read_u8(&r), .ins = read_u8(&r), .p1 = read_u8(&r), .p2 = read_u8(&r)
	};

	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "command of %zu bytes has no whole header", apdu.len);
	if (reader_left(&r) == 1) {
		command.has_le = true;
		command.le = read_u8(&r);
	} else if (reader_left(&r) > 1) {
		uint8_t lc = read_u8(&r);
		if (lc == 0)
			return fault_set_at(fault, ERR_UNSUPPORTED, APDU_HEADER_SIZE,
					    "extended lengths are not supported");
		command.data = read_bytes(&r, lc);
		if (reader_left(&r) == 1) {
			command.has_le = true;
			command.le = read_u8(&r);
		}
		if (!reader_done(&r))
			return fault_set_at(fault, ERR_MALFORMED, APDU_HEADER_SIZE,
					    "Lc says %u bytes, the command holds %zu", lc,
					    apdu.len - APDU_HEADER_SIZE - 1);
	}
	*ret_command = command;
	return ERR_NONE;
}

size_t command_size(const struct command *command)
{
	size_t lc_size = command->data.len > 0 ? 1 : 0;

	return APDU_HEADER_SIZE + lc_size + command->data.len + (command->has_le ? 1 : 0);
}

void build_command(struct builder *b, const struct command *command)
{
	build_u8(b, command->cla);
	build_u8(b, command->ins);
	build_u8(b, command->p1);
	build_u8(b, command->p2);
	if (command->data.len > 0)
		build_lv(b, command->data);
	if (command->has_le)
		build_u8(b, command->le);
}

enum err response_parse(struct bytes apdu, struct response *ret_response, struct fault *fault)
{
	if (apdu.len < 2)
		return fault_set(fault, ERR_MALFORMED, "answer of %zu bytes has no status word", apdu.len);

	struct reader r = reader_of(apdu);
	ret_response->data = read_bytes(&r, apdu.len - 2);
	ret_response->sw = read_u16(&r);
	return ERR_NONE;
}

bool sw_is_done(uint16_t sw)
{
	uint8_t sw1 = (uint8_t)(sw >> 8);

	return sw == SW_OK || sw1 == 0x61 || sw1 == 0x62 || sw1 == 0x63;
}

/* ---- words ---- */

struct sw_row {
	uint16_t sw, mask;
	const char *text;
};

/* The first row that fits wins. */
static const struct sw_row sw_rows[] = {
	{ 0x9000, 0xFFFF, "success" },
	{ 0x6200, 0xFFFF, "logical channel already closed" },
	{ 0x6283, 0xFFFF, "selected, card is locked or file deactivated" },
	{ 0x62F1, 0xFFFF, "answer cut, rest of the script not executed" },
	{ 0x6300, 0xFFFF, "authentication of the host failed" },
	{ 0x6310, 0xFFFF, "more to come" },
	{ 0x6400, 0xFFFF, "no specific diagnosis" },
	{ 0x6581, 0xFFFF, "memory failure" },
	{ 0x6600, 0xFFFF, "the certificate does not verify" },
	{ 0x6640, 0xFFFF, "the certificate is not on the list of those allowed" },
	{ 0x6700, 0xFFFF, "wrong length" },
	{ 0x6881, 0xFFFF, "logical channel not supported or not active" },
	{ 0x6882, 0xFFFF, "secure messaging not supported" },
	{ 0x6982, 0xFFFF, "security status not satisfied" },
	{ 0x6983, 0xFFFF, "authentication method blocked" },
	{ 0x6985, 0xFFFF, "conditions of use not satisfied" },
	{ 0x6988, 0xFFFF, "secure messaging object wrong" },
	{ 0x6999, 0xFFFF, "application not selected" },
	{ 0x6A80, 0xFFFF, "wrong data" },
	{ 0x6A81, 0xFFFF, "function not supported, perhaps the card is locked" },
	{ 0x6981, 0xFFFF, "command does not suit the structure of the file" },
	{ 0x6984, 0xFFFF, "file deactivated" },
	{ 0x6986, 0xFFFF, "no file selected" },
	{ 0x6A82, 0xFFFF, "application or file not found" },
	{ 0x6A83, 0xFFFF, "record not found" },
	{ 0x6A89, 0xFFFF, "file exists" },
	{ 0x6A8A, 0xFFFF, "directory exists" },
	{ 0x6B00, 0xFFFF, "wrong offset" },
	{ 0x9300, 0xFFFF, "card busy with the terminal" },
	{ 0x6A84, 0xFFFF, "not enough memory" },
	{ 0x6A86, 0xFFFF, "wrong P1 P2" },
	{ 0x6A88, 0xFFFF, "referenced data not found" },
	{ 0x6D00, 0xFFFF, "instruction not supported" },
	{ 0x6E00, 0xFFFF, "class not supported" },
	{ 0x6F00, 0xFFFF, "no precise diagnosis" },
	{ 0x9484, 0xFFFF, "algorithm not supported" },
	{ 0x9485, 0xFFFF, "wrong key check value" },
	{ 0xCAFE, 0xFFFF, "more to come" },
	{ 0x6100, 0xFF00, "more bytes available" },
	{ 0x6200, 0xFF00, "warning, nothing changed" },
	{ 0x6300, 0xFF00, "warning, something changed" },
	{ 0x6C00, 0xFF00, "wrong Le" },
	{ 0, 0, "unknown status" },
};

const char *sw_text(uint16_t sw)
{
	size_t i = 0;

	while ((sw & sw_rows[i].mask) != sw_rows[i].sw)
		i++;
	return sw_rows[i].text;
}

struct command_row {
	uint8_t ins;
	int p1; /* -1: any */
	const char *name;
	bool is_confidential;
};

static const struct command_row command_rows[] = {
	{ INS_SELECT, -1, "SELECT", false },
	{ INS_MANAGE_CHANNEL, -1, "MANAGE CHANNEL", false },
	{ INS_GET_RESPONSE, -1, "GET RESPONSE", false },
	{ INS_ENVELOPE, -1, "ENVELOPE", false },
	{ INS_READ_BINARY, -1, "READ BINARY", false },
	{ INS_UPDATE_BINARY, -1, "UPDATE BINARY", false },
	{ INS_READ_RECORD, -1, "READ RECORD", false },
	{ INS_UPDATE_RECORD, -1, "UPDATE RECORD", false },
	{ INS_CREATE_FILE, -1, "CREATE FILE", false },
	{ INS_RESIZE_FILE, -1, "RESIZE FILE", false },
	{ INS_ACTIVATE_FILE, -1, "ACTIVATE FILE", false },
	{ INS_DEACTIVATE_FILE, -1, "DEACTIVATE FILE", false },
	{ INS_INITIALIZE_UPDATE, -1, "INITIALIZE UPDATE", false },
	{ INS_EXTERNAL_AUTHENTICATE, -1, "EXTERNAL AUTHENTICATE", false },
	{ INS_INTERNAL_AUTHENTICATE, -1, "INTERNAL AUTHENTICATE", false },
	{ INS_PERFORM_SECURITY_OPERATION, -1, "PERFORM SECURITY OPERATION", false },
	{ INS_BEGIN_RMAC, -1, "BEGIN R-MAC SESSION", false },
	{ INS_END_RMAC, -1, "END R-MAC SESSION", false },
	{ INS_GET_DATA, -1, "GET DATA", false },
	{ INS_GET_STATUS, 0x80, "GET STATUS issuer security domain", false },
	{ INS_GET_STATUS, 0x40, "GET STATUS applications", false },
	{ INS_GET_STATUS, 0x20, "GET STATUS load files", false },
	{ INS_GET_STATUS, 0x10, "GET STATUS load files and modules", false },
	{ INS_SET_STATUS, -1, "SET STATUS", false },
	{ INS_INSTALL, 0x02, "INSTALL [for load]", false },
	{ INS_INSTALL, 0x04, "INSTALL [for install]", false },
	{ INS_INSTALL, 0x08, "INSTALL [for make selectable]", false },
	{ INS_INSTALL, 0x0C, "INSTALL [for install and make selectable]", false },
	{ INS_INSTALL, 0x10, "INSTALL [for extradition]", false },
	{ INS_INSTALL, 0x20, "INSTALL [for personalization]", false },
	{ INS_INSTALL, 0x40, "INSTALL [for registry update]", false },
	{ INS_INSTALL, -1, "INSTALL", false },
	{ INS_LOAD, 0x80, "LOAD last block", false },
	{ INS_LOAD, -1, "LOAD block", false },
	{ INS_MANAGE_ELF_UPGRADE, 0x01, "MANAGE ELF UPGRADE [start]", false },
	{ INS_MANAGE_ELF_UPGRADE, 0x02, "MANAGE ELF UPGRADE [resume]", false },
	{ INS_MANAGE_ELF_UPGRADE, 0x03, "MANAGE ELF UPGRADE [recovery]", false },
	{ INS_MANAGE_ELF_UPGRADE, 0x04, "MANAGE ELF UPGRADE [abort]", false },
	{ INS_MANAGE_ELF_UPGRADE, 0x08, "MANAGE ELF UPGRADE [status]", false },
	{ INS_DELETE, -1, "DELETE", false },
	{ INS_PUT_KEY, -1, "PUT KEY", true },
	{ INS_STORE_DATA, -1, "STORE DATA", true },
};

/* One number, two commands: only SCP11 names a key. */
static bool is_mutual_authenticate(const struct command *command)
{
	return command->ins == INS_EXTERNAL_AUTHENTICATE && command->p2 != 0;
}

static const struct command_row *command_row(const struct command *command)
{
	static const struct command_row mutual = { INS_EXTERNAL_AUTHENTICATE, -1, "MUTUAL AUTHENTICATE",
						   false };

	if (is_mutual_authenticate(command))
		return &mutual;
	for (size_t i = 0; i < sizeof(command_rows) / sizeof(command_rows[0]); i++) {
		const struct command_row *row = &command_rows[i];
		if (row->ins == command->ins && (row->p1 < 0 || row->p1 == command->p1))
			return row;
	}
	return NULL;
}

bool command_is_confidential(const struct command *command)
{
	const struct command_row *row = command_row(command);

	return row != NULL && row->is_confidential;
}

/* The fields of INSTALL are length-prefixed; the AIDs among the first three say what it is about. */
static void build_install_fields(struct builder *b, struct arena *arena, struct bytes data)
{
	struct reader r = reader_of(data);

	for (int i = 0; i < 3; i++) {
		struct bytes aid = read_lv(&r);
		const char *hex = bytes_to_hex(arena, aid);
		if (!r.bad && aid.len > 0 && hex != NULL)
			build_printf(b, " %s", hex);
	}
}

static void build_delete_fields(struct builder *b, struct arena *arena, const struct command *command)
{
	struct bytes aid;
	const char *hex;

	if (tlv_find(command->data, 0x4F, &aid) == ERR_NONE && (hex = bytes_to_hex(arena, aid)) != NULL)
		build_printf(b, " %s%s", hex, (command->p2 & 0x80) != 0 ? " and related" : "");
}

const char *command_text(struct arena *arena, const struct command *command)
{
	struct builder b = builder_in(arena);
	const struct command_row *row = command_row(command);
	struct bytes text;

	if (row == NULL)
		build_printf(&b, "command CLA %02X INS %02X P1 %02X P2 %02X", command->cla, command->ins,
			     command->p1, command->p2);
	else
		build_text(&b, row->name);
	switch (command->ins) {
	case INS_INITIALIZE_UPDATE:
		build_printf(&b, " key version %02X", command->p1);
		break;
	case INS_EXTERNAL_AUTHENTICATE:
		if (is_mutual_authenticate(command))
			build_printf(&b, " with key %02X %02X", command->p2, command->p1);
		else
			build_printf(&b, " security level %02X", command->p1);
		break;
	case INS_INTERNAL_AUTHENTICATE:
		build_printf(&b, " with key %02X %02X", command->p2, command->p1);
		break;
	case INS_PERFORM_SECURITY_OPERATION:
		build_printf(&b, " certificate%s, %zu bytes",
			     (command->p1 & 0x80) != 0 ? ", more to come" : "", command->data.len);
		break;
	case INS_READ_BINARY:
	case INS_UPDATE_BINARY:
		build_printf(&b, " from %u", command->p1 << 8 | command->p2);
		break;
	case INS_READ_RECORD:
	case INS_UPDATE_RECORD:
		build_printf(&b, " %u", command->p1);
		break;
	case INS_ENVELOPE:
		build_printf(&b, ", %zu bytes", command->data.len);
		break;
	case INS_GET_DATA:
		build_printf(&b, " %02X%02X", command->p1, command->p2);
		break;
	case INS_GET_STATUS:
		build_text(&b, (command->p2 & 1) != 0 ? ", next" : "");
		break;
	case INS_INSTALL:
		build_install_fields(&b, arena, command->data);
		break;
	case INS_DELETE:
		build_delete_fields(&b, arena, command);
		break;
	case INS_LOAD:
	case INS_STORE_DATA:
		build_printf(&b, " %02X, %zu bytes", command->p2, command->data.len);
		break;
	case INS_PUT_KEY:
		build_printf(&b, " replace %02X, from key %02X", command->p1 & 0x7F, command->p2 & 0x7F);
		break;
	default:
		break;
	}
	build_u8(&b, 0);
	return builder_bytes(&b, &text) == ERR_NONE ? (const char *)text.at : NULL;
}

const char *response_text(struct arena *arena, const struct response *response)
{
	return arena_printf(arena, "%04X %s, %zu bytes", response->sw, sw_text(response->sw),
			    response->data.len);
}
