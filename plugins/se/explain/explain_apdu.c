/* ISO/IEC 7816-4, 5.1 and GPCS 2.3.1, 11.1 to 11.11: commands and answers field by field */
#include <cardea/tlv.h>
#include <stdio.h>

#include "explain/explain.h"
#include "gp/gp.h"

#define CLA_GLOBALPLATFORM    0x80
#define CLA_FURTHER_CHANNEL   0x40 /* channels 4 to 19 */
#define CLA_SECURE            0x04
#define CLA_SECURE_FURTHER    0x20
#define CHANNELS_OF_FIRST_CLA 4

/* ---- class ---- */

static bool is_secured(const struct command *command)
{
	return (command->cla & CLA_FURTHER_CHANNEL) != 0 ? (command->cla & CLA_SECURE_FURTHER) != 0
							 : (command->cla & CLA_SECURE) != 0;
}

static void explain_class(struct explanation *e, const struct command *command)
{
	bool is_further = (command->cla & CLA_FURTHER_CHANNEL) != 0;
	unsigned channel = is_further ? (command->cla & 0x0Fu) + CHANNELS_OF_FIRST_CLA : command->cla & 0x03u;

	explain_line(e, "CLA %02X  %s, channel %u, %s", command->cla,
		     (command->cla & CLA_GLOBALPLATFORM) != 0 ? "GlobalPlatform" : "ISO", channel,
		     is_secured(command) ? "secure messaging" : "no secure messaging");
}

/* ---- parameters ---- */

struct parameter_row {
	uint8_t ins;
	uint8_t mask, value; /* of the byte */
	const char *text;
};

/* Every row that fits is said. */
static const struct parameter_row p1_rows[] = {
	{ INS_MANAGE_CHANNEL, 0xFF, 0x00, "open" },
	{ INS_MANAGE_CHANNEL, 0xFF, 0x80, "close" },
	{ INS_SELECT, 0xFF, 0x04, "by name" },
	{ INS_EXTERNAL_AUTHENTICATE, 0xFF, 0x00, "no secure messaging" },
	{ INS_EXTERNAL_AUTHENTICATE, 0x01, 0x01, "C-MAC" },
	{ INS_EXTERNAL_AUTHENTICATE, 0x02, 0x02, "C-DECRYPTION" },
	{ INS_EXTERNAL_AUTHENTICATE, 0x10, 0x10, "R-MAC" },
	{ INS_EXTERNAL_AUTHENTICATE, 0x20, 0x20, "R-ENCRYPTION" },
	{ INS_BEGIN_RMAC, 0xFF, 0x10, "R-MAC" },
	{ INS_BEGIN_RMAC, 0xFF, 0x30, "R-MAC and R-ENCRYPTION" },
	{ INS_GET_STATUS, 0xFF, 0x80, "issuer security domain" },
	{ INS_GET_STATUS, 0xFF, 0x40, "applications and security domains" },
	{ INS_GET_STATUS, 0xFF, 0x20, "executable load files" },
	{ INS_GET_STATUS, 0xFF, 0x10, "executable load files and modules" },
	{ INS_SET_STATUS, 0xFF, 0x80, "issuer security domain and card" },
	{ INS_SET_STATUS, 0xFF, 0x40, "application or security domain" },
	{ INS_SET_STATUS, 0xFF, 0x60, "security domain and its applications" },
	{ INS_INSTALL, 0x80, 0x80, "more commands follow" },
	{ INS_INSTALL, 0x40, 0x40, "for registry update" },
	{ INS_INSTALL, 0x20, 0x20, "for personalization" },
	{ INS_INSTALL, 0x10, 0x10, "for extradition" },
	{ INS_INSTALL, 0x08, 0x08, "for make selectable" },
	{ INS_INSTALL, 0x04, 0x04, "for install" },
	{ INS_INSTALL, 0x02, 0x02, "for load" },
	{ INS_LOAD, 0x80, 0x00, "more blocks follow" },
	{ INS_LOAD, 0x80, 0x80, "last block" },
	{ INS_DELETE, 0x80, 0x80, "more commands follow" },
	{ INS_STORE_DATA, 0x80, 0x00, "more blocks follow" },
	{ INS_STORE_DATA, 0x80, 0x80, "last block" },
	{ INS_STORE_DATA, 0x60, 0x20, "application dependent encryption" },
	{ INS_STORE_DATA, 0x60, 0x60, "encrypted" },
	{ INS_STORE_DATA, 0x18, 0x08, "DGI structure" },
	{ INS_STORE_DATA, 0x18, 0x10, "BER-TLV structure" },
	{ INS_STORE_DATA, 0x01, 0x01, "an answer is expected" },
	{ INS_PUT_KEY, 0x80, 0x80, "more commands follow" },
	{ INS_PUT_KEY, 0x7F, 0x00, "adds a key version" },
};

static const struct parameter_row p2_rows[] = {
	{ INS_SELECT, 0xFF, 0x00, "first or only occurrence" },
	{ INS_SELECT, 0xFF, 0x02, "next occurrence" },
	{ INS_BEGIN_RMAC, 0xFF, 0x01, "from the next answer on" },
	{ INS_END_RMAC, 0xFF, 0x03, "after this answer" },
	{ INS_GET_STATUS, 0x01, 0x00, "first or all occurrences" },
	{ INS_GET_STATUS, 0x01, 0x01, "next occurrences" },
	{ INS_DELETE, 0x80, 0x00, "the object" },
	{ INS_DELETE, 0x80, 0x80, "the object and related objects" },
	{ INS_PUT_KEY, 0x80, 0x80, "several keys" },
};

static void explain_parameter(struct explanation *e, const char *name, uint8_t value, uint8_t ins,
			      const struct parameter_row *rows, size_t count)
{
	char text[160];
	int length = snprintf(text, sizeof text, "%s  %02X", name, value);
	const char *before = "  ";

	for (size_t i = 0; i < count; i++) {
		if (rows[i].ins != ins || (value & rows[i].mask) != rows[i].value)
			continue;
		length += snprintf(text + length, sizeof text - (size_t)length, "%s%s", before, rows[i].text);
		before = ", ";
	}
	explain_line(e, "%s", text);
}

static void explain_header(struct explanation *e, const struct command *command)
{
	explain_class(e, command);
	explain_parameter(e, "P1", command->p1, command->ins, p1_rows, sizeof p1_rows / sizeof p1_rows[0]);
	explain_parameter(e, "P2", command->p2, command->ins, p2_rows, sizeof p2_rows / sizeof p2_rows[0]);
}

/* ---- data ---- */

/* GPCS 11.8.2.3: type, length, value and check value of each key; ciphered, so that only their shape is told.
 */
static enum err explain_keys(struct explanation *e, struct bytes data)
{
	struct reader r = reader_of(data);

	explain_line(e, "new key version number  %02X", read_u8(&r));
	while (reader_left(&r) > 0) {
		uint8_t type = read_u8(&r);
		struct bytes block = read_bytes(&r, read_ber_length(&r));
		struct bytes check_value = read_lv(&r);
		if (r.bad)
			break;
		explain_line(e, "key of type %02X", type);
		e->depth++;
		explain_line(e, "ciphered value  %zu bytes", block.len);
		explain_bytes(e, "key check value", check_value);
		e->depth--;
	}
	return r.bad ? fault_set(e->fault, ERR_MALFORMED, "a field of PUT KEY runs past its end") : ERR_NONE;
}

static enum err explain_data(struct explanation *e, const struct command *command)
{
	switch (is_secured(command) && command->ins != INS_EXTERNAL_AUTHENTICATE ? -1 : command->ins) {
	case INS_SELECT:
		explain_bytes(e, "AID", command->data);
		return ERR_NONE;
	case INS_INITIALIZE_UPDATE:
		explain_bytes(e, "host challenge", command->data);
		return ERR_NONE;
	case INS_EXTERNAL_AUTHENTICATE:
		explain_bytes(e, "host cryptogram and C-MAC", command->data);
		return ERR_NONE;
	case INS_GET_STATUS:
	case INS_DELETE:
	case INS_GET_DATA:
		return explain_elements(e, command->data, 0);
	case INS_INSTALL:
		return explain_install(e, command);
	case INS_PUT_KEY:
		return explain_keys(e, command->data);
	default:
		explain_bytes(e, is_secured(command) ? "protected data and C-MAC" : "data", command->data);
		return ERR_NONE;
	}
}

enum err explain_command(struct explanation *e, struct bytes apdu)
{
	struct command command;
	enum err err = command_parse(apdu, &command, e->fault);

	if (err != ERR_NONE)
		return err;
	const char *text = command_text(e->text->arena, &command);
	if (text == NULL)
		return ERR_NOMEM;
	explain_line(e, "%s", text);
	e->depth++;
	explain_header(e, &command);
	if (command.data.len > 0) {
		explain_line(e, "Lc  %02X  %zu bytes", (unsigned)command.data.len, command.data.len);
		err = explain_data(e, &command);
	}
	if (command.has_le && err == ERR_NONE)
		explain_line(e, command.le == 0 ? "Le  00  as many as there are" : "Le  %02X", command.le);
	e->depth--;
	return err;
}

enum err explain_response(struct explanation *e, struct bytes apdu)
{
	struct response response;
	enum err err = response_parse(apdu, &response, e->fault);

	if (err != ERR_NONE)
		return err;
	explain_line(e, "SW  %04X  %s", response.sw, sw_text(response.sw));
	if (response.data.len == 0)
		return ERR_NONE;
	/* What it answers is not known, so it is read as data objects when all of it is one after another. */
	struct reader r = reader_of(response.data);
	uint32_t tag;
	struct bytes value;
	while (read_tlv(&r, &tag, &value))
		;
	e->depth++;
	if (r.bad)
		explain_bytes(e, "data", response.data);
	else
		err = explain_elements(e, response.data, 0);
	e->depth--;
	return err;
}

/* An answer ends with 6xxx or 9xxx and is no whole command. */
static bool is_response(struct bytes content)
{
	struct command command;
	struct response response;

	return command_parse(content, &command, NULL) != ERR_NONE &&
	       response_parse(content, &response, NULL) == ERR_NONE &&
	       (response.sw >> 12 == 0x6 || response.sw >> 12 == 0x9);
}

enum err explain_command_apdu(struct bytes content, struct builder *text, struct fault *fault)
{
	return explain_command(&(struct explanation){ .text = text, .fault = fault }, content);
}

enum err explain_response_apdu(struct bytes content, struct builder *text, struct fault *fault)
{
	return explain_response(&(struct explanation){ .text = text, .fault = fault }, content);
}

enum err explain_apdu(struct bytes content, struct builder *text, struct fault *fault)
{
	return is_response(content) ? explain_response_apdu(content, text, fault)
				    : explain_command_apdu(content, text, fault);
}
